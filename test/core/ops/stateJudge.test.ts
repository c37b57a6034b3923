// Judging states by the check of a format: what is wrong with the image is the state's fault, what is wrong with the log
// is not.
import * as fs from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { judgeByCheck } from "../../../core/ops/stateJudge.ts";
import { filled } from "../../build/open.ts";
import { buildQed } from "../../build/qed.ts";
import { makeLog } from "../../build/randomLog.ts";
import { tempFile } from "../../build/temp.ts";

const clusterSize = 4096;
const clusters = new Map([[0, filled(clusterSize, 1)]]);
const image = buildQed({ size: 1024 * 1024, clusterSize, tableSize: 1, clusters });
const whole = { sector: 0, payload: image.bytes };
/** Of the only data cluster. */
const data = { sector: (image.dataOffsets.get(0) ?? 0) / 512, payload: filled(clusterSize, 2) };
const logOf = (writes: number) => makeLog(512, [whole, ...Array(writes - 1).fill(data)]).bytes;

let filename: string;
beforeEach(() => {
  filename = tempFile("image.log", logOf(20));
});

function judge(entries: number, format = "qed") {
  const log = { driver: "file", filename };
  const params = { format, log, recover: false, base: undefined, size: undefined };
  return judgeByCheck(params, { entries, lost: "" }, new AbortController().signal);
}

describe("a state judged by a format's check", () => {
  it("is good where the image is, and bad where there is none", async () => {
    expect(await judge(15)).toMatchObject({ verdict: "good", text: "consistent" });
    // The disk before the first entry is all zeroes.
    expect(await judge(0)).toMatchObject({ verdict: "bad", text: "can't be opened" });
    expect(await judge(15, "qcow2")).toMatchObject({ verdict: "bad", text: "can't be opened" });
  });

  it("is not bad for a log that was begun anew and has fewer entries by then: that is an error", async () => {
    fs.writeFileSync(filename, logOf(3));
    await expect(judge(15)).rejects.toMatchObject({
      code: "EINVAL",
      message:
        "The disk after 15 entries can't be shown any more: The log has 3 entries; 15 of them can't be applied",
    });
  });

  it.each([
    ["was emptied", "", "The file is empty"],
    ["is another file by now", "no log at all", "This is no log of writes"],
  ])("is not bad for a log that %s", async (_, bytes, message) => {
    fs.writeFileSync(filename, bytes);
    await expect(judge(15)).rejects.toThrow(message);
  });

  it("is not bad for a log that is gone", async () => {
    fs.rmSync(filename);
    await expect(judge(15)).rejects.toMatchObject({ code: "ENOENT" });
  });
});
