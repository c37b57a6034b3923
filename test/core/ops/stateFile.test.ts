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

  it("holds every state's bytes where data and zeroes are longer than a piece, and holes take no room", async () => {
    const sectorsOf = (kib: number) => kib * 2;
    const long = (sector: number, kib: number, value: number): GivenEntry => ({
      sector,
      payload: filled(kib * 1024, value),
    });
    const states = await statesOf([
      long(0, 600, 1),
      long(sectorsOf(500), 300, 2),
      { flags: 4, sector: sectorsOf(100), sectorCount: sectorsOf(512) },
      write(sectorsOf(256), 3),
      long(sectorsOf(4096), 256, 4),
      { flags: 4, sector: 0, sectorCount: sectorsOf(3000) },
    ]);
    const size = 8 * 1024 * 1024;
    const file = new StateFile(states, size, path.join(tempDir(), "a.raw"));
    const expected = new Uint8Array(size);
    for (const entries of [5, 6, 1, 0, 3, 2, 4]) {
      await file.show({ entries, kind: "entry", lost: nothingLost }, signal);
      await states.read(entries, 0, expected);
      expect([entries, Buffer.compare(fs.readFileSync(file.path), expected)]).toEqual([entries, 0]);
      if (entries === 6) expect(fs.statSync(file.path).blocks * 512).toBeLessThan(1024 * 1024);
      // As a command that writes to it does: it is made anew.
      if (entries === 0) fs.appendFileSync(file.path, "x");
    }
  });
});
