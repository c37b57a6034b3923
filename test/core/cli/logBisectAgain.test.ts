// The line that the search's job tells for the command line: run there, it finds the same.
import { afterAll, beforeAll, expect, it } from "vitest";
import { runJob } from "../../../core/jobs/run.ts";
import type { LogBisectParams } from "../../../core/ops/logBisectRun.ts";
import { filled } from "../../build/open.ts";
import { makeLog } from "../../build/randomLog.ts";
import { Cli } from "./support.ts";

let cli: Cli;
beforeAll(async () => {
  cli = await Cli.build();
});
afterAll(() => cli.remove());

it("finds the same states on the command line", async () => {
  // Sector n holds n + 1; with a flush behind every third write.
  const entries = Array.from({ length: 24 }, (_, i) =>
    i % 4 === 3 ? { flags: 1 } : { sector: i, payload: filled(512, i + 1) },
  );
  cli.write("it's a.log", makeLog(512, entries).bytes);
  cli.write("base.raw", filled(64 * 512, 0));
  // Fails once sector 9 is written, by entry 9.
  const words = ["sh", "-c", 'test "$(od -An -tu1 -j4608 -N1 "$0")" -eq 0', "{}"];
  const params: LogBisectParams = {
    log: { driver: "file", filename: cli.path("it's a.log") },
    base: { driver: "file", filename: cli.path("base.raw") },
    size: undefined,
    range: { first: 2, end: 22 },
    at: "flush",
    search: "binary",
    all: false,
    refine: true,
    judge: { kind: "command", command: { words, shell: false, timeoutMs: 30_000 } },
  };
  const handlers = { items: () => undefined, progress: () => undefined };
  const found = await runJob("logBisect", params, handlers, { signal: new AbortController().signal });
  expect([found.lastGood?.entries, found.firstBad?.entries]).toEqual([9, 10]);
  const line = (found.command ?? "").replace(/^blkscope log bisect /, "$BLKSCOPE log bisect --output json ");
  const { code, stdout } = cli.shell(line);
  expect(code).toBe(3);
  expect(JSON.parse(stdout)).toMatchObject({ refined: { entries: 10 }, "first-bad": { entries: 12 } });
});
