// `blkscope log` above and below a format at once: who wrote a byte of the guest's disk, and what the format wrote for it.
import * as fs from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readLog } from "../../build/logReader.ts";
import { Cli } from "./support.ts";

let cli: Cli;
beforeAll(async () => {
  cli = await Cli.build();
  expect(cli.run(["create", "-q", "-f", "qed", "disk.qed", "16M"]).code).toBe(0);
  fs.copyFileSync(cli.path("disk.qed"), cli.path("base.qed"));
  for (const name of ["guest.log", "qed.log"]) cli.write(name, "");
  const image = [
    "driver=blklogwrites,log.filename=guest.log,file.driver=qed",
    "file.file.driver=blklogwrites,file.file.file.filename=disk.qed,file.file.log.filename=qed.log",
  ].join(",");
  const commands = ["write -q -P 1 4M 64k", "flush", "write -q -P 2 4M 4k", "flush"];
  const list = commands.flatMap((command) => ["-c", command]);
  const ran = cli.run(["io", "-t", "writeback", "--image-opts", image, ...list]);
  expect([ran.code, ran.stderr]).toEqual([0, ""]);
});
afterAll(() => cli.remove());

function lines(...args: readonly string[]) {
  const ran = cli.run(["log", "history", "--output", "json", "--base", "base.qed", ...args, "qed.log"]);
  return {
    ...ran,
    rows: ran.stdout
      .trim()
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
  };
}

describe("the history of a byte of the guest", () => {
  it("is that of its place in the image's file", () => {
    const { code, rows } = lines("--through", "qed", "--at", "4M+16", "--bytes");
    expect(code).toBe(0);
    expect(rows.map(({ after }) => after)).toEqual(["02".repeat(16), "01".repeat(16)]);
    expect(rows.map(({ before }) => before)).toEqual(["01".repeat(16), "00".repeat(16)]);
    expect(rows[0]["guest-offset"]).toBe(4 * 1024 * 1024);
    // The entries are those that wrote these bytes: found by the log's own payload.
    const { entries } = readLog(fs.readFileSync(cli.path("qed.log")));
    for (const [i, value] of [2, 1].entries()) {
      const { payload } = entries[rows[i].entry] ?? { payload: new Uint8Array(0) };
      expect(payload[rows[i].touched.offset - rows[i].offset]).toBe(value);
    }
    // The second write left what lies behind it alone.
    expect(lines("--through", "qed", "--at", "0x401000").rows).toHaveLength(1);
  });

  it("is none where the image has nothing, at that moment or at all", () => {
    const nothing = lines("--through", "qed", "--at", "8M");
    expect([nothing.code, nothing.stderr]).toEqual([
      3,
      expect.stringContaining("has nothing stored for guest offset 0x800000"),
    ]);
    expect(lines("--through", "qed", "--at", "4M", "--entry", "0").code).toBe(3);
    expect(lines("--through", "qed", "--at", "16M")).toMatchObject({ code: 1, rows: [] });
    expect(lines("--through", "nosuch", "--at", "0").stderr).toContain("nosuch");
  });
});

describe("log stats", () => {
  it("with a log below says what the format wrote for each byte", () => {
    const { code, stdout } = cli.run(["log", "stats", "--output", "json", "--below", "qed.log", "guest.log"]);
    expect(code).toBe(0);
    const found = JSON.parse(stdout);
    expect(found).toMatchObject({
      filename: "guest.log",
      writes: { count: 2, bytes: 69_632 },
      below: { filename: "qed.log" },
    });
    expect([found["covered-bytes"], found["rewritten-bytes"]]).toEqual([65_536, 4096]);
    expect(found.hottest).toEqual([{ offset: 4 * 1024 * 1024, length: 4096, writes: 2 }]);
    const { entries } = readLog(fs.readFileSync(cli.path("qed.log")));
    const below = entries.reduce((sum, { payload }) => sum + payload.length, 0);
    expect(found.amplification.bytes).toBeCloseTo(below / 69_632, 10);
    expect(below).toBeGreaterThan(69_632);
    const human = cli.run(["log", "stats", "--below", "qed.log", "guest.log"]).stdout;
    expect(human).toContain(`    bytes    ${(below / 69_632).toFixed(2)}\n`);
  });
});
