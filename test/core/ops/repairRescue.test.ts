// The rescue job on an image whose leaked clusters are known.
import * as fs from "node:fs";
import * as path from "node:path";
import { expect, it } from "vitest";
import { runJob } from "../../../core/jobs/run.ts";
import { buildQed } from "../../build/qed.ts";
import { tempFile } from "../../build/temp.ts";

const cluster = 4096;

/** Guest clusters 1 and 3 of 5 lost their entries; the second of them holds zeroes. */
function leakyQed() {
  const clusters = new Map(
    [0, 1, 2, 3, 4].map((i) => [i, new Uint8Array(cluster).fill(i === 3 ? 0 : 65 + i)]),
  );
  const spec = { size: 1024 * cluster, clusterSize: cluster, tableSize: 1, clusters };
  const built = buildQed({
    ...spec,
    l2: [
      [0, 1, 0n],
      [0, 3, 0n],
    ],
  });
  const filename = tempFile("leaky.qed", built.bytes);
  return { filename, bytes: built.bytes, to: path.join(path.dirname(filename), "leaked") };
}

const rescue = (filename: string, to: string, signal = new AbortController().signal) =>
  runJob(
    "repairRescue",
    { filename, format: "qed", to },
    { progress: () => undefined, items: () => undefined },
    { signal },
  );

it("writes what leaked clusters hold to a new file, zeroes left out, and leaves the image alone", async () => {
  const { filename, bytes, to } = leakyQed();
  expect(await rescue(filename, to)).toEqual({
    cancelled: false,
    rescued: { written: cluster, zero: cluster, unreadable: 0 },
  });
  expect(fs.readFileSync(to).equals(Buffer.alloc(cluster, 66))).toBe(true);
  expect(fs.existsSync(`${to}.json`)).toBe(true);
  expect(fs.readFileSync(filename).equals(bytes)).toBe(true);
});

it("refuses a file that exists, and leaves nothing when it is cancelled", async () => {
  const { filename, to } = leakyQed();
  const stopped = await rescue(filename, to, AbortSignal.abort());
  expect(stopped).toEqual({ cancelled: true, rescued: undefined });
  expect(fs.readdirSync(path.dirname(to))).toEqual(["leaky.qed"]);
  fs.writeFileSync(to, "mine");
  await expect(rescue(filename, to)).rejects.toMatchObject({ code: "EINVAL" });
  expect(fs.readFileSync(to, "utf8")).toBe("mine");
});
