// The line that the search's job tells for the command line: run there, it finds the same.
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ImageSpec } from "../../../core/block/driver.ts";
import { runJob } from "../../../core/jobs/run.ts";
import { bisectCommand } from "../../../core/ops/bisectCommand.ts";
import type { LogBisectParams } from "../../../core/ops/logBisectRun.ts";
import { filled } from "../../build/open.ts";
import { makeLog } from "../../build/randomLog.ts";
import { Cli } from "./support.ts";

let cli: Cli;
beforeAll(async () => {
  cli = await Cli.build();
});
afterAll(() => cli.remove());

const handlers = { items: () => undefined, progress: () => undefined };

// Sector n holds n + 1; with a flush behind every third write.
const entries = Array.from({ length: 24 }, (_, i) =>
  i % 4 === 3 ? { flags: 1 } : { sector: i, payload: filled(512, i + 1) },
);
// Fails once sector 9 is written, by entry 9.
const words = ["sh", "-c", 'test "$(od -An -tu1 -j4608 -N1 "$0")" -eq 0', "{}"];

function search(base: ImageSpec, judged: readonly string[] = words) {
  cli.write("it's a.log", makeLog(512, entries).bytes);
  const params: LogBisectParams = {
    log: { driver: "file", filename: cli.path("it's a.log") },
    base,
    size: undefined,
    range: { first: 2, end: 22 },
    at: "flush",
    search: "binary",
    all: false,
    refine: true,
    judge: { kind: "command", command: { words: judged, shell: false, timeoutMs: 30_000 } },
  };
  return runJob("logBisect", params, handlers, { signal: new AbortController().signal });
}

function again(command: string | undefined) {
  const line = (command ?? "").replace(/^blkscope log bisect /, "$BLKSCOPE log bisect --output json ");
  const { code, stdout } = cli.shell(line);
  return { code, found: JSON.parse(stdout) };
}

it("finds the same states on the command line", async () => {
  cli.write("base.raw", filled(64 * 512, 0));
  const found = await search({ driver: "file", filename: cli.path("base.raw") });
  expect([found.lastGood?.entries, found.firstBad?.entries]).toEqual([9, 10]);
  expect(again(found.command)).toMatchObject({
    code: 3,
    found: { refined: { entries: 10 }, "first-bad": { entries: 12 } },
  });
});

it("finds them over the guest's disk of an image, which json:{} names", async () => {
  expect(cli.run(["create", "-q", "-f", "qed", "base.qed", "1M"]).code).toBe(0);
  expect(cli.run(["io", "-c", "write -q -P 0x55 64k 512", "base.qed"]).code).toBe(0);
  // The byte at 64 KiB is the guest's: over the file as it is, or over zeroes, every state fails.
  const both = [...words.slice(0, 2), `test "$(od -An -tu1 -j65536 -N1 "$0")" -eq 85 && ${words[2]}`, "{}"];
  const base = { driver: "qed", file: { driver: "file", filename: cli.path("base.qed") } };
  const found = await search(base, both);
  expect([found.lastGood?.entries, found.firstBad?.entries]).toEqual([9, 10]);
  const line = again(found.command);
  expect(line).toMatchObject({
    code: 3,
    found: { refined: { entries: 10 }, "first-bad": { entries: 12 } },
  });
  // And so is the line that makes the state again.
  expect(cli.shell(line.found["first-bad"].reproduce.replace(/^blkscope /, "$BLKSCOPE ")).code).toBe(1);
});

it("is none where the base needs a secret that only the program has", () => {
  const base = {
    driver: "qcow2",
    "encrypt.key-secret": "ours",
    file: { driver: "file", filename: "/disk.qcow2" },
  };
  const params: LogBisectParams = {
    log: { driver: "file", filename: "/disk.log" },
    base,
    size: undefined,
    range: undefined,
    at: "each",
    search: "linear",
    all: false,
    refine: false,
    judge: { kind: "check", format: "qcow2" },
  };
  const index = { counted: 3, recovered: [] };
  expect(bisectCommand(params, index)).toBeUndefined();
  const { "encrypt.key-secret": _, ...plain } = base;
  expect(bisectCommand({ ...params, base: plain }, index)).toContain(
    ` --base 'json:{"driver":"qcow2","file":{"driver":"file","filename":"/disk.qcow2"}}' `,
  );
});
