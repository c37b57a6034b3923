// States of a log as a file for a command: what it holds, and what is not done for it.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import * as path from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { StateFile } from "../../../core/ops/stateFile.ts";
import { MemoryNode } from "../../../core/protocol/memory.ts";
import { indexLog } from "../../../core/writelog/index.ts";
import { buildIntervals } from "../../../core/writelog/intervalsBuild.ts";
import { nothingLost } from "../../../core/writelog/lost.ts";
import { LogStates } from "../../../core/writelog/state.ts";
import { filled } from "../../build/open.ts";
import { type GivenEntry, makeLog } from "../../build/randomLog.ts";
import { tempDir } from "../../build/temp.ts";

const write = (sector: number, value: number): GivenEntry => ({ sector, payload: filled(512, value) });
const { signal } = new AbortController();

async function statesOf(entries: readonly GivenEntry[]): Promise<LogStates> {
  const log = new MemoryNode("log", true, makeLog(512, entries).bytes);
  const index = await indexLog(log);
  return new LogStates({ log, index, intervals: await buildIntervals(index), discards: "zero" });
}

describe("a state as a file", () => {
  it("is not made durable: it is there for a command that reads it now", async () => {
    const sync = vi.spyOn(fs, "fdatasyncSync");
    syncBuiltinESMExports();
    onTestFinished(() => {
      vi.restoreAllMocks();
      syncBuiltinESMExports();
    });
    const file = new StateFile(
      await statesOf([write(1, 7), write(3, 8)]),
      2048,
      path.join(tempDir(), "a.raw"),
    );
    for (const entries of [1, 2]) {
      await file.show({ entries, kind: "entry", lost: nothingLost }, signal);
      const bytes = fs.readFileSync(file.path);
      expect([...bytes].filter((_, at) => at % 512 === 0)).toEqual([0, 7, 0, entries === 2 ? 8 : 0]);
    }
    expect(sync).not.toHaveBeenCalled();
  });
});
