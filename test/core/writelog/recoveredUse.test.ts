// Entries that were found behind damage as part of states, replays and searches: what is there is applied, what was lost is
// said, and nothing is taken for sure that is not.
import { describe, expect, it } from "vitest";
import { openGraph } from "../../../core/graph.ts";
import { logBisectJob } from "../../../core/ops/logBisectJob.ts";
import type { LogBisectItem, LogBisectParams } from "../../../core/ops/logBisectRun.ts";
import { MemoryNode } from "../../../core/protocol/memory.ts";
import { indexLog } from "../../../core/writelog/index.ts";
import { gapTexts, recoverAll } from "../../../core/writelog/recover.ts";
import { replayEntries } from "../../../core/writelog/replay.ts";
import {
  lacksEntries,
  leftOutText,
  selectEntries,
  takenUnasked,
} from "../../../core/writelog/replaySelect.ts";
import { reorderedStates, volatileAt } from "../../../core/writelog/statesReorder.ts";
import { failureOf, filled } from "../../build/open.ts";
import { type GivenEntry, makeLog } from "../../build/randomLog.ts";
import { tempFile } from "../../build/temp.ts";

const write = (sector: number, value: number): GivenEntry => ({ sector, payload: filled(512, value) });

/**
 * Entries 0 to 7; the header of entry 2 at 2560 and its data are lost: 1024 bytes. What follows is found as entries 2 to 6:
 * writes of sectors 3 and 4, a flush, a mark, a write of sector 5.
 */
function damagedLog(counted = 8): Uint8Array {
  const { bytes } = makeLog(512, [
    write(0, 1),
    write(1, 2),
    write(2, 3),
    write(3, 4),
    write(4, 5),
    { flags: 1 },
    { flags: 8, text: "last" },
    write(5, 6),
  ]);
  bytes.fill(0xee, 2560, 2592);
  new DataView(bytes.buffer).setBigUint64(16, BigInt(counted), true);
  return bytes;
}

async function recovered(counted?: number) {
  const node = new MemoryNode("log", true, damagedLog(counted));
  const index = await indexLog(node);
  await recoverAll(node, index);
  return { node, index };
}

const gap =
  "Entries from 2 on are likely, not sure: they were found behind damage, and what was written in the 1024 bytes that could not be read is missing on the disk";
const signal = new AbortController().signal;

describe("entries behind damage", () => {
  it("are replayed in their order, and the gap is told where it matters", async () => {
    const { node, index } = await recovered();
    const stretch = await selectEntries(index, node, {});
    expect(stretch).toMatchObject({ first: 0, end: 7, notes: [gap] });
    const target = new MemoryNode("disk", false, new Uint8Array(6 * 512));
    const everything = { start: 0, end: Number.MAX_SAFE_INTEGER, discards: true };
    await replayEntries(index, node, target, [0, 7], everything, { signal });
    const bytes = new Uint8Array(6 * 512);
    await target.read(0, bytes);
    // Sector 2's write is lost.
    expect([0, 1, 2, 3, 4, 5].map((sector) => bytes[512 * sector])).toEqual([1, 2, 0, 4, 5, 6]);
    expect((await selectEntries(index, node, { endMark: "last" })).end).toBe(6);
    expect((await selectEntries(index, node, { endEntry: 2 })).notes).toEqual([]);
    expect(gapTexts(index, 3, 7)).toEqual([gap]);
  });

  it("are no more than the superblock counts, unless that is asked for", async () => {
    // Of five that were counted two are before the damage and at least one was lost: two at most are among what was found.
    const { node, index } = await recovered(5);
    expect([index.count, index.counted, takenUnasked(index)]).toEqual([7, 2, 4]);
    const { end, notes } = await selectEntries(index, node, {});
    expect([end, notes[0]]).toEqual([
      4,
      "3 entries are left out: the superblock counts 5, of which 1 at least was lost; --tail takes them",
    ]);
    expect((await selectEntries(index, node, { tail: true })).end).toBe(7);
  });

  it("are not taken by who did not look for them", async () => {
    const node = new MemoryNode("log", true, damagedLog());
    const index = await indexLog(node);
    expect([takenUnasked(index), (await selectEntries(index, node, {})).end]).toEqual([2, 2]);
  });

  it("make no crash state in which what came before the damage is lost: a flush may have been lost with it", async () => {
    const { index } = await recovered();
    expect([volatileAt(index, 2, 0), volatileAt(index, 3, 0), volatileAt(index, 4, 0)]).toEqual([
      [0, 1],
      [2],
      [2, 3],
    ]);
    const states = reorderedStates(index, [0, 7], { count: 50, seed: 3, torn: false });
    const wrong = states.filter(({ entries, lost }) => entries > 2 && (lost.has(0) || lost.has(1)));
    expect([states.length > 3, wrong]).toEqual([true, []]);
  });
});

describe("entries of an older log behind those of a newer one in the same file", () => {
  /** 10 entries over 20 older ones, a sector of data each: 2 sectors an entry, so that the older ones go on where these end. */
  function reused(...lost: readonly number[]): Uint8Array {
    const entries = (count: number, value: number) =>
      Array.from({ length: count }, (_, n) => write(n, value));
    const bytes = makeLog(512, entries(20, 1)).bytes;
    bytes.set(makeLog(512, entries(10, 2)).bytes);
    for (const entry of lost) bytes.fill(0xee, 512 + 1024 * entry, 512 + 1024 * entry + 32);
    return bytes;
  }

  async function found(bytes: Uint8Array) {
    const node = new MemoryNode("log", true, bytes);
    const index = await indexLog(node);
    await recoverAll(node, index);
    return { node, index, ends: [index.count, index.lostAtLeast, takenUnasked(index), index.end.kind] };
  }

  it("do not stand in for one that was lost", async () => {
    // 0 to 4, then 6 to 9 as found, and 10 older ones: 19, of which 10 - 1 can be the newer log's.
    const { node, index, ends } = await found(reused(5));
    expect(ends).toEqual([19, 1, 9, "gap"]);
    expect([lacksEntries(index), index.end.message]).toEqual([
      true,
      "The superblock counts 10 entries, of which 1 at least was lost to damage: those from 9 on are not among them",
    ]);
    const { end, notes } = await selectEntries(index, node, {});
    const leftOut = "10 entries are left out: the superblock counts 10, of which 1 at least was lost";
    expect([end, leftOutText(index), notes[0]]).toEqual([9, leftOut, `${leftOut}; --tail takes them`]);
    const target = new MemoryNode("disk", false, new Uint8Array(20 * 512));
    const everything = { start: 0, end: Number.MAX_SAFE_INTEGER, discards: true };
    await replayEntries(index, node, target, [0, end], everything, { signal });
    const bytes = new Uint8Array(20 * 512);
    await target.read(0, bytes);
    const sectors = Array.from({ length: 20 }, (_, n) => bytes[512 * n]);
    expect(sectors).toEqual([2, 2, 2, 2, 2, 0, 2, 2, 2, 2, ...Array(10).fill(0)]);
  });

  it("do not stand in for several that were lost in two places", async () => {
    // 0 and 1, then 3 to 6, then 8 and 9 and the 10 older ones: 18, of which 10 - 2 can be the newer log's.
    const { index, ends } = await found(reused(2, 7));
    expect(ends).toEqual([18, 2, 8, "gap"]);
    expect(index.end.message).toContain("of which 2 at least were lost to damage: those from 8 on are not");
  });

  it("are found behind damage among themselves, of which the newer log lacks nothing", async () => {
    // The newer one's end is cut off as if entry 10 were just being written: its length reaches out of the file.
    const bytes = reused();
    new DataView(bytes.buffer).setBigUint64(512 + 1024 * 10 + 8, 1000n, true);
    const { index, ends } = await found(bytes);
    expect(ends).toEqual([19, 0, 10, "gap"]);
    expect([lacksEntries(index), index.end.message]).toEqual([
      false,
      "Behind the 10 entries that the superblock counts some were lost to damage",
    ]);
  });

  it("are in no state that is shown", async () => {
    const filename = tempFile("reused.log", reused(5));
    const graph = await openGraph(
      { driver: "logstate", log: { driver: "file", filename }, recover: true },
      { readOnly: true },
    );
    try {
      expect(graph.root.info.specific).toMatchObject({
        "entries-applied": 9,
        "log-end": "gap",
        "log-is-whole": false,
      });
    } finally {
      await graph.close();
    }
  });
});

describe("a state behind damage", () => {
  async function sectors(options: object): Promise<{ bytes: number[]; warnings: string[] }> {
    const warnings: string[] = [];
    const filename = tempFile("damaged.log", damagedLog());
    const graph = await openGraph(
      { driver: "logstate", log: { driver: "file", filename }, ...options },
      { readOnly: true, warn: (message) => warnings.push(message) },
    );
    try {
      const bytes = new Uint8Array(graph.root.size);
      await graph.root.read(0, bytes);
      return { bytes: Array.from({ length: bytes.length / 512 }, (_, n) => bytes[n * 512] ?? -1), warnings };
    } finally {
      await graph.close();
    }
  }

  it("is shown with recover, and says what is missing", async () => {
    // All that there is, and not all that there should be.
    const short = "The superblock counts 8 entries; 7 were found before the log's end";
    expect(await sectors({ recover: true })).toEqual({ bytes: [1, 2, 0, 4, 5, 6], warnings: [short, gap] });
    // The disk ends where the last entry found ends, at whatever moment.
    expect(await sectors({ recover: true, entry: 3 })).toEqual({
      bytes: [1, 2, 0, 4, 0, 0],
      warnings: [gap],
    });
    expect(await sectors({ recover: true, entry: 2 })).toEqual({ bytes: [1, 2, 0, 0, 0, 0], warnings: [] });
  });

  it("is not there without it", async () => {
    expect((await sectors({})).bytes).toEqual([1, 2]);
    expect(await failureOf(sectors({ entry: 3 }))).toMatchObject({
      code: "EINVAL",
      message: "The log has 2 entries; 3 of them can't be applied",
    });
  });
});

it("a search goes on behind damage when its entries are asked for, and says how to do so again", async () => {
  const filename = tempFile("damaged.log", damagedLog());
  const items: LogBisectItem[] = [];
  const params: LogBisectParams = {
    log: { driver: "file", filename },
    base: undefined,
    size: undefined,
    range: { first: 0, end: 7 },
    at: "each",
    search: "linear",
    all: false,
    refine: false,
    // Good as long as sector 4 is blank: entry 3 as found.
    judge: {
      kind: "command",
      command: {
        words: ["cmp", "-s", "-i", "2048:0", "-n", "512", "{}", "/dev/zero"],
        shell: false,
        timeoutMs: 60_000,
      },
    },
    jobs: 1,
  };
  const result = await logBisectJob(params, {
    signal,
    progress: () => undefined,
    item: (item: LogBisectItem) => items.push(item),
  } as never);
  expect(items.map(({ entries, verdict }) => [entries, verdict])).toEqual([
    [0, "good"],
    [1, "good"],
    [2, "good"],
    [3, "good"],
    [4, "bad"],
  ]);
  expect(result.command).toContain("--start-entry 0 --end-entry 7 --tail --recover ");
});
