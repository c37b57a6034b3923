// What views ask of a log's job: entries through a filter, the bytes of one and what it overwrote, who wrote a place, and
// older versions of it; also while the log grows.
import * as fs from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Answers } from "../../../core/jobs/contract.ts";
import { runJob } from "../../../core/jobs/run.ts";
import { LogQuestions } from "../../../core/ops/logQuestions.ts";
import { MemoryNode } from "../../../core/protocol/memory.ts";
import { indexLog } from "../../../core/writelog/index.ts";
import { failureOf, filled } from "../../build/open.ts";
import { type GivenEntry, makeLog } from "../../build/randomLog.ts";
import { tempFile } from "../../build/temp.ts";

const sector = 512;
const write = (at: number, sectors: number, byte: number, flags = 0): GivenEntry => ({
  sector: at,
  flags,
  payload: filled(sectors * sector, byte),
});

const entries: readonly GivenEntry[] = [
  write(0, 2, 0x11), // 0
  { flags: 1 }, // 1: the first flush
  write(1, 1, 0x22), // 2: overwrites sector 1
  { flags: 8, text: "fsync" }, // 3
  write(1, 1, 0x33, 2), // 4: FUA
  { flags: 4, sector: 0, sectorCount: 1 }, // 5: discard
  { flags: 1 }, // 6: the second flush
  write(1, 1, 0x44), // 7: never flushed
];

async function held(filename: string): Promise<Answers<"logIndex">> {
  const cancel = new AbortController();
  let done: Promise<unknown> | undefined;
  const ask = await new Promise<Answers<"logIndex">>((answer, failed) => {
    const handlers = { items: () => undefined, progress: () => undefined };
    done = runJob("logIndex", { spec: { driver: "file", filename } }, handlers, {
      signal: cancel.signal,
      answer,
    });
    done.catch(failed);
  });
  onTestFinished(async () => {
    cancel.abort();
    await done;
  });
  return ask;
}

function logFile(given = entries): string {
  return tempFile("a.log", makeLog(sector, given).bytes);
}

const numbers = (rows: readonly { readonly entry: number }[]) => rows.map(({ entry }) => entry);

describe("entries through a filter", () => {
  it("are all of them without one", async () => {
    const ask = await held(logFile());
    const { total, rows } = await ask.rows({ filter: "", first: 6, count: 10 });
    expect(total).toBe(8);
    expect(numbers(rows)).toEqual([6, 7]);
  });

  it("come by pages, and each has its place among them", async () => {
    const ask = await held(logFile());
    const filter = "sector == 1";
    expect(numbers((await ask.rows({ filter, first: 0, count: 10 })).rows)).toEqual([0, 2, 4, 7]);
    expect(await ask.rows({ filter, first: 1, count: 2 })).toMatchObject({
      total: 4,
      rows: [{ entry: 2 }, { entry: 4 }],
    });
    expect(await ask.place({ filter, entry: 4 })).toEqual({ total: 4, at: 2, passes: true });
    // Entry 5 does not pass: the next that does is 7, the fourth.
    expect(await ask.place({ filter, entry: 5 })).toEqual({ total: 4, at: 3, passes: false });
  });

  it("with a wrong one are refused, with the place that is wrong", async () => {
    const ask = await held(logFile());
    const error = await failureOf(ask.rows({ filter: "op==writ", first: 0, count: 1 }));
    expect(error).toMatchObject({ code: "EINVAL", context: { offset: 4, length: 4 } });
  });

  it("of another filter end the search for the one before", async () => {
    const ask = await held(logFile());
    const before = failureOf(ask.rows({ filter: "zero", first: 0, count: 1 }));
    const after = ask.rows({ filter: "mark ~ fsync", first: 0, count: 1 });
    expect(numbers((await after).rows)).toEqual([3]);
    // The first may have been quicker than the second came.
    expect([undefined, "ECANCELED"]).toContain((await before)?.code);
  });

  it("are found among entries that the log grows by", async () => {
    const path = logFile(entries.slice(0, 3));
    const ask = await held(path);
    const filter = "op==write";
    expect((await ask.rows({ filter, first: 0, count: 9 })).total).toBe(2);
    fs.writeFileSync(path, makeLog(sector, entries).bytes);
    await ask.extend({});
    expect(numbers((await ask.rows({ filter, first: 0, count: 9 })).rows)).toEqual([0, 2, 4, 7]);
    expect((await ask.detail({ entry: 7, offset: 0, length: 512 })).bytes?.before[0]).toBe(0x33);
  });
});

describe("the detail of an entry", () => {
  it("has its bytes, what they overwrote, and who had written that", async () => {
    const ask = await held(logFile());
    const { bytes, durableWith, durableFlush } = await ask.detail({ entry: 2, offset: 0, length: 512 });
    expect(bytes?.before).toEqual(filled(512, 0x11));
    expect(bytes?.after).toEqual(filled(512, 0x22));
    expect(bytes?.writers).toEqual([{ offset: 512, length: 512, entry: 0 }]);
    expect(bytes).toMatchObject({ offset: 512, differing: 512, firstDiffering: 0 });
    // Entry 6 is the second flush.
    expect([durableWith, durableFlush]).toEqual([6, 2]);
  });

  it("of an entry with FUA says that it made itself durable", async () => {
    const ask = await held(logFile());
    expect((await ask.detail({ entry: 4, offset: 0, length: 1 })).durableWith).toBe(4);
  });

  it("of a write that no flush follows says so", async () => {
    const ask = await held(logFile());
    expect((await ask.detail({ entry: 7, offset: 0, length: 1 })).durableWith).toBeUndefined();
  });

  it("of a discard shows zeroes where there were bytes", async () => {
    const ask = await held(logFile());
    const { bytes } = await ask.detail({ entry: 5, offset: 0, length: 4 });
    expect([bytes?.before[0], bytes?.after[0]]).toEqual([0x11, 0]);
  });

  it("of a mark has its text and no bytes", async () => {
    const ask = await held(logFile());
    const { row, bytes, flush } = await ask.detail({ entry: 3, offset: 0, length: 512 });
    expect([row.text, bytes, flush]).toEqual(["fsync", undefined, 1]);
  });

  it("is told from the place that is asked for on, where no entry wrote before with -1", async () => {
    const ask = await held(logFile());
    const { bytes } = await ask.detail({ entry: 0, offset: 600, length: 1_000_000 });
    expect(bytes?.after.length).toBe(2 * 512 - 600);
    expect(bytes?.writers).toEqual([{ offset: 600, length: 424, entry: -1 }]);
  });
});

describe("the history of a place", () => {
  it("has every entry that touched it, newest first, with the flush that made it durable", async () => {
    const ask = await held(logFile());
    const { entries: found, next } = await ask.history({ offset: 512, length: 512, limit: 10 });
    expect(numbers(found)).toEqual([7, 4, 2, 0]);
    expect(found.map(({ durableWith }) => durableWith)).toEqual([undefined, 4, 6, 1]);
    expect(found.map(({ durableFlush }) => durableFlush)).toEqual([undefined, undefined, 2, 1]);
    expect(next).toBeUndefined();
  });
});

describe("older versions of a place", () => {
  it("are found by their bytes", async () => {
    const ask = await held(logFile());
    const found = await ask.versions({ offset: 512, bytes: filled(512, 0x22) });
    expect(found).toMatchObject({ last: { entry: 7 }, isCurrent: false, older: 2 });
  });

  it("are -1 for what was there before the log", async () => {
    const ask = await held(logFile());
    expect(await ask.versions({ offset: 512, bytes: filled(512, 0) })).toMatchObject({ older: -1 });
  });

  it("are not the newest, which is the present one", async () => {
    const ask = await held(logFile());
    const found = await ask.versions({ offset: 512, bytes: filled(512, 0x44) });
    expect(found).toMatchObject({ isCurrent: true, older: undefined });
  });

  it("are all looked at, however many there are", async () => {
    // 1,205 writes of sector 0, that of entry n of n + 1, 16 bits each: the newest 1,000 older ones are 204 to 1,203.
    const version = (value: number) => new Uint8Array(Uint16Array.from({ length: 256 }, () => value).buffer);
    const given = Array.from({ length: 1205 }, (_, entry) => ({ payload: version(entry + 1) }));
    const ask = await held(logFile(given));
    const olderOf = async (value: number) => (await ask.versions({ offset: 0, bytes: version(value) })).older;
    for (const entry of [1203, 204, 203, 10, 0]) expect(await olderOf(entry + 1)).toBe(entry);
    expect(await olderOf(0)).toBe(-1);
    expect(await olderOf(1206)).toBeUndefined();
  });

  it("are looked at to the 20,000th newest, and no further, which is told", async () => {
    // 20,002 writes of sector 0: the newest 20,000 are those of entries 2 to 20,001.
    const version = (entry: number) => new Uint8Array(Uint32Array.from({ length: 128 }, () => entry).buffer);
    const ask = await held(
      logFile(Array.from({ length: 20_002 }, (_, entry) => ({ payload: version(entry) }))),
    );
    const look = (entry: number) => ask.versions({ offset: 0, bytes: version(entry) });
    expect(await look(2)).toMatchObject({ older: 2, searched: undefined });
    expect(await look(1)).toMatchObject({ isCurrent: false, older: undefined, searched: 20_000 });
  });

  it("are looked for until the log is no longer shown", async () => {
    const log = new MemoryNode("log", true, makeLog(sector, entries).bytes);
    const shown = new AbortController();
    const questions = new LogQuestions(() => log, await indexLog(log), shown.signal);
    const look = () => questions.versions({ offset: 512, bytes: filled(512, 0x99) });
    expect((await look()).older).toBeUndefined();
    const looking = failureOf(look());
    shown.abort();
    expect(await looking).toMatchObject({ code: "ECANCELED" });
  });

  it("are none where nothing wrote", async () => {
    const ask = await held(logFile());
    const found = await ask.versions({ offset: 1 << 20, bytes: filled(512, 1) });
    expect(found).toEqual({ last: undefined, isCurrent: false, older: undefined, searched: undefined });
  });
});

describe("the disk before the log", () => {
  it("is what entries overwrote where no other had written, for as long as it is set", async () => {
    const ask = await held(logFile());
    const base = tempFile("base.raw", filled(4096, 0xbb));
    await ask.base({ spec: { driver: "file", filename: base } });
    const before = async () => (await ask.detail({ entry: 0, offset: 0, length: 4 })).bytes?.before;
    expect(await before()).toEqual(filled(4, 0xbb));
    const versions = await ask.versions({ offset: 512, bytes: filled(512, 0xbb) });
    expect(versions.older).toBe(-1);
    await ask.base({ spec: undefined });
    expect(await before()).toEqual(filled(4, 0));
  });

  it("that can't be opened leaves the one before", async () => {
    const ask = await held(logFile());
    const error = await failureOf(ask.base({ spec: { driver: "file", filename: "/nowhere" } }));
    expect(error).toMatchObject({ code: "ENOENT" });
    expect((await ask.detail({ entry: 0, offset: 0, length: 1 })).bytes?.before[0]).toBe(0);
  });
});

describe("bins of the plot", () => {
  it("have the operations at their places, and those that pass a filter apart", async () => {
    const ask = await held(logFile());
    const edges = Float64Array.of(0, 512, 1024, 2048);
    const request = { firstEntry: 0, endEntry: 8, columns: 16, edges };
    const bins = await ask.bins({ ...request, filter: "" });
    expect(bins).toMatchObject({ firstEntry: 0, entriesPerColumn: 1, passing: undefined });
    // Bits: 1 write, 2 discard, 8 FUA. By column, then row: rows are sectors 0, 1, and 2 to 3.
    const column = (masks: Uint8Array | undefined, entry: number) => [
      ...(masks?.subarray(3 * entry, 3 * entry + 3) ?? []),
    ];
    expect(column(bins.masks, 0)).toEqual([1, 1, 0]);
    expect(column(bins.masks, 4)).toEqual([0, 8, 0]);
    expect(column(bins.masks, 5)).toEqual([2, 0, 0]);
    expect([...bins.flushes]).toEqual([0, 1, 0, 0, 0, 0, 1, 0]);
    expect(bins.labels).toEqual([{ entry: 3, text: "fsync" }]);
    const { passing } = await ask.bins({ ...request, filter: "discard" });
    expect(column(passing, 0)).toEqual([0, 0, 0]);
    expect(column(passing, 5)).toEqual([2, 0, 0]);
  });

  it("are of the log as it has grown, and so is what it touches", async () => {
    const path = logFile(entries.slice(0, 1));
    const ask = await held(path);
    expect(await ask.used(undefined)).toEqual([{ offset: 0, length: 1024 }]);
    fs.writeFileSync(path, makeLog(sector, [...entries, write(1 << 20, 1, 9)]).bytes);
    await ask.extend({});
    expect((await ask.used(undefined)).at(-1)).toEqual({ offset: 2 ** 29, length: 512 });
  });
});
