// Bins against what a look at every entry finds, for logs that are short and long, even and lopsided.
import { describe, expect, it } from "vitest";
import { MemoryNode } from "../../../core/protocol/memory.ts";
import {
  type Bins,
  type BinsRequest,
  binOps,
  densityCode,
  densityCount,
  maskOf,
  mostUsedRanges,
} from "../../../core/writelog/bins.ts";
import { LogBins } from "../../../core/writelog/binsLog.ts";
import { BinPyramid } from "../../../core/writelog/binsPyramid.ts";
import { Steps } from "../../../core/writelog/binsSteps.ts";
import { LogIndex } from "../../../core/writelog/logIndex.ts";
import { indexOf } from "../../build/indexedLog.ts";
import { failureOf } from "../../build/open.ts";
import { type Random, seeded } from "../../build/random.ts";
import { makeLog } from "../../build/randomLog.ts";

const sector = 512;
const flag = { flush: 1, fua: 2, discard: 4, mark: 8, metadata: 16 };

function emptyIndex(): LogIndex {
  const superblock = { magicOk: true, version: 1, entries: 0, sectorSize: sector };
  return new LogIndex(superblock, sector, { kind: "complete", entry: 0, offset: 0, message: "" });
}

/** Bins without marks' texts need no log. */
function binsOf(index: LogIndex): LogBins {
  return new LogBins(
    index,
    () => new MemoryNode("log", true, new Uint8Array(0)),
    async () => undefined,
  );
}

/** What a filesystem does, roughly: a busy place, a journal that goes around, data anywhere, flushes, long discards. */
function grow(index: LogIndex, random: Random, entries: number, diskSectors: number): void {
  for (let i = 0; i < entries; i++) {
    const kind = random.below(100);
    const at = random.below(diskSectors - 2048);
    if (kind < 3) index.push(0, 0, flag.flush, 0, 0);
    else if (kind < 20) index.push(2 * sector, sector, random.below(2) * flag.fua, 0, 0);
    else if (kind < 50) index.push((8192 + (index.count % 4096)) * sector, 8 * sector, flag.metadata, 0, 0);
    else if (kind < 51) index.push(at * sector, random.below(2048) * sector, flag.discard, 0, 0);
    else if (kind < 52 && i % 64 === 0) index.push(0, diskSectors * sector, flag.discard, 0, 0);
    else index.push(at * sector, (1 + random.below(16)) * sector, random.pick([0, 0, 0, 2, 16, 18, 1]), 0, 0);
  }
}

function rowsOf(low: number, high: number, rows: number): Float64Array {
  return Float64Array.from({ length: rows + 1 }, (_, i) => Math.round(low + ((high - low) * i) / rows));
}

/** Every entry of the answer's columns into its rows, one by one. */
function byHand(index: LogIndex, bins: Bins, passes: (entry: number) => boolean = () => true) {
  const { firstEntry, entriesPerColumn, columns, edges } = bins;
  const rows = edges.length - 1;
  const masks = new Uint8Array(columns * rows);
  const counts = new Float64Array(columns * rows);
  const steps = new Steps(edges);
  const bytes = new Float64Array(columns);
  for (
    let entry = firstEntry;
    entry < Math.min(index.count, firstEntry + columns * entriesPerColumn);
    entry++
  ) {
    const column = Math.floor((entry - firstEntry) / entriesPerColumn);
    const [offset, length] = [index.offsetOf(entry), index.lengthOf(entry)];
    const mask = maskOf(index.flagsOf(entry), length);
    if (mask === 0 || !passes(entry)) continue;
    if (mask !== binOps.discard) bytes[column] = (bytes[column] ?? 0) + length;
    const [low = 0, high = 0] = [edges[0], edges[rows]];
    if (offset >= high || offset + length <= low) continue;
    const from = steps.find(Math.max(low, offset));
    const to = steps.find(Math.min(high, offset + length) - 1);
    for (let row = from; row <= to; row++) {
      masks[column * rows + row] = (masks[column * rows + row] ?? 0) | mask;
    }
    if (offset >= low) counts[column * rows + from] = (counts[column * rows + from] ?? 0) + 1;
  }
  return { masks, counts, bytes };
}

function differing(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return -1;
  return a.reduce((sum, value, i) => sum + (value === b[i] ? 0 : 1), 0);
}

/** Checks an answer by hand; its rows are where they were asked for, or less than half a row away. */
function expectRight(index: LogIndex, request: BinsRequest, bins: Bins): void {
  const { masks, counts, bytes } = byHand(index, bins);
  expect(differing(bins.masks, masks)).toBe(0);
  expect([...bins.bytes]).toEqual([...bytes]);
  expect(bins.edges.length).toBe(request.edges.length);
  for (const [i, edge] of bins.edges.entries()) {
    const asked = request.edges[i] ?? 0;
    const above = (request.edges[i + 1] ?? Number.MAX_SAFE_INTEGER) - asked;
    const below = asked - (request.edges[i - 1] ?? -Number.MAX_SAFE_INTEGER);
    expect(Math.abs(edge - asked)).toBeLessThanOrEqual(Math.min(above, below) / 2);
  }
  for (const [cell, mask] of masks.entries()) {
    const code = bins.density[cell] ?? 0;
    if (mask === 0 || code === 0) expect(code).toBe(mask);
  }
  // Within 5 % over the picture: codes are coarse, and end at 65,536.
  const sum = [...bins.density].reduce(
    (all, code, i) => all + ((counts[i] ?? 0) > 0 ? densityCount(code) : 0),
    0,
  );
  const real = counts.reduce((all, count) => all + Math.min(65536, count), 0);
  expect(Math.abs(sum - real)).toBeLessThanOrEqual(0.05 * real + 5);
}

describe("bins of a log", () => {
  it("has one column for an entry when there is room, with its kind in the rows it covers", async () => {
    const log = makeLog(sector, [
      { sector: 0, payload: new Uint8Array(2 * sector) },
      { sector: 1, flags: flag.fua + flag.metadata, payload: new Uint8Array(sector) },
      { sector: 2, flags: flag.discard, sectorCount: 2 },
      { flags: flag.flush },
      { flags: flag.mark, text: "mkfs" },
    ]);
    const { node, index } = await indexOf(log);
    const bins = await new LogBins(
      index,
      () => node,
      async () => undefined,
    ).bins({ firstEntry: 0, endEntry: 5, columns: 16, edges: rowsOf(0, 4 * sector, 4) });
    const { write, fua, metadata, discard } = binOps;
    expect(bins).toMatchObject({ firstEntry: 0, entriesPerColumn: 1, columns: 5 });
    const column = (i: number) => [...bins.masks.subarray(4 * i, 4 * i + 4)];
    expect(column(0)).toEqual([write, write, 0, 0]);
    expect(column(1)).toEqual([0, fua + metadata, 0, 0]);
    expect(column(2)).toEqual([0, 0, discard, discard]);
    expect(column(3)).toEqual([0, 0, 0, 0]);
    expect([...bins.flushes]).toEqual([0, 0, 0, 1, 0]);
    expect([...bins.marks]).toEqual([0, 0, 0, 0, 1]);
    expect([...bins.fuas]).toEqual([0, 1, 0, 0, 0]);
    expect([...bins.bytes]).toEqual([2 * sector, sector, 0, 0, 0]);
    expect(bins.labels).toEqual([{ entry: 4, text: "mkfs" }]);
    expect(bins.passing).toBeUndefined();
  });

  it("equals a look at every entry of short logs, at any zoom", () =>
    seeded(async (random) => {
      const disk = 65536;
      const index = emptyIndex();
      grow(index, random, 3000, disk);
      const bins = binsOf(index);
      for (let round = 0; round < 60; round++) {
        const firstEntry = random.below(3000);
        const low = random.below(disk * sector - 1000);
        const rows = 1 + random.below(90);
        const high = low + rows + random.below(disk * sector - low);
        const request = {
          firstEntry,
          endEntry: firstEntry + random.below(3200 - firstEntry),
          columns: 2 + random.below(200),
          edges: rowsOf(low, high, rows),
        };
        const answer = await bins.bins(request);
        expectRight(index, request, answer);
        expect(answer.columns).toBeLessThanOrEqual(request.columns);
      }
    }));

  it("equals a look at every entry of a long log, at any zoom, also after it has grown", () =>
    seeded(async (random) => {
      const disk = 2 ** 21;
      const index = emptyIndex();
      grow(index, random, 400_000, disk);
      const bins = binsOf(index);
      const look = async (request: BinsRequest) => expectRight(index, request, await bins.bins(request));
      const whole = { firstEntry: 0, endEntry: 2 ** 31, columns: 300 };
      await look({ ...whole, edges: rowsOf(0, disk * sector, 128) });
      await look({ ...whole, columns: 3, edges: rowsOf(0, disk * sector, 1) });
      // The journal alone, and a row for each sector around the busy place.
      await look({ ...whole, edges: rowsOf(8192 * sector, 12288 * sector, 200) });
      await look({ ...whole, edges: rowsOf(0, 64 * sector, 64) });
      await look({ ...whole, edges: rowsOf(sector + 100, 4 * sector + 100, 50) });
      for (let round = 0; round < 12; round++) {
        const low = random.below(disk * sector - 10_000);
        const high = low + 200 + random.below(random.pick([10_000, 1e6, disk * sector - low]));
        const firstEntry = random.below(100_000);
        const edges = rowsOf(low, high, 1 + random.below(150));
        await look({ firstEntry, endEntry: firstEntry + 280_000, columns: 200, edges });
      }
      const before = index.count;
      grow(index, random, 90_000, disk + 50_000);
      bins.changed(before);
      await look({ ...whole, edges: rowsOf(0, (disk + 50_000) * sector, 100) });
      index.restart(300_000, index.superblock);
      bins.changed(300_000);
      await look({ ...whole, edges: rowsOf(0, disk * sector, 100) });
    }));

  it("has fewer rows where more entries lie within them than can be looked at in time", () =>
    seeded(async (random) => {
      const index = emptyIndex();
      for (let i = 0; i < 400_000; i++) index.push(random.below(2 ** 28) * 3, 1, 0, 0, 0);
      const edges = rowsOf(1000, 9 * 2 ** 26, 2000);
      const bins = await binsOf(index).bins({ firstEntry: 0, endEntry: 400_000, columns: 64, edges });
      expect(bins.edges.length).toBeLessThan(edges.length);
      // Three quarters of the disk have three quarters of some 2000 bands.
      expect(bins.edges.length).toBeGreaterThan(1300);
      expect(differing(bins.masks, byHand(index, bins).masks)).toBe(0);
    }));

  it("has rows of unequal height where an axis leaves out gaps", () =>
    seeded(async (random) => {
      const index = emptyIndex();
      grow(index, random, 300_000, 2 ** 20);
      const edges = Float64Array.of(0, 100, 1024, 2048, 4096, 8192 * sector, 8200 * sector, 2 ** 28, 2 ** 29);
      const request = { firstEntry: 0, endEntry: 300_000, columns: 100, edges };
      expectRight(index, request, await binsOf(index).bins(request));
    }));

  it("keeps columns where they are while the view moves", async () => {
    const index = emptyIndex();
    for (let i = 0; i < 10_000; i++) index.push(i * sector, sector, 0, 0, 0);
    const bins = binsOf(index);
    const edges = rowsOf(0, 10_000 * sector, 10);
    for (const firstEntry of [1000, 1001, 1037]) {
      // 4000 entries, 99 columns at least one of which may be cut: 4000 / 64 = 62.5.
      const answer = await bins.bins({ firstEntry, endEntry: firstEntry + 4000, columns: 100, edges });
      expect(answer.entriesPerColumn).toBe(64);
      expect(answer.firstEntry % 64).toBe(0);
    }
  });

  it("tells those that pass a filter from all", () =>
    seeded(async (random) => {
      const index = emptyIndex();
      grow(index, random, 300_000, 2 ** 20);
      const chosen = Uint32Array.from({ length: 90_000 }, (_, i) => 3 * i + random.below(3));
      const request = { firstEntry: 777, endEntry: 299_000, columns: 150, edges: rowsOf(0, 2 ** 29, 90) };
      const bins = await binsOf(index).bins(request, chosen);
      const set = new Set(chosen);
      expectRight(index, request, bins);
      const passing = byHand(index, bins, (entry) => set.has(entry)).masks;
      expect(differing(bins.passing ?? new Uint8Array(0), passing)).toBe(0);
    }));

  it("loses no flush and no mark, however many entries a column has", () =>
    seeded(async (random) => {
      const index = emptyIndex();
      const flushes = new Set(Array.from({ length: 40 }, () => random.below(350_000)));
      for (let i = 0; i < 350_000; i++) {
        if (flushes.has(i)) index.push(0, 0, flag.flush, 0, 0);
        else index.push((i % 1000) * sector, sector, 0, 0, 0);
      }
      const request = { firstEntry: 0, endEntry: 350_000, columns: 120, edges: rowsOf(0, 512_000, 8) };
      const bins = await binsOf(index).bins(request);
      const expected = new Uint32Array(bins.columns);
      for (const entry of flushes) {
        const column = Math.floor(entry / bins.entriesPerColumn);
        expected[column] = (expected[column] ?? 0) + 1;
      }
      expect([...bins.flushes]).toEqual([...expected]);
    }));

  it("names marks from all over the log when there are too many", async () => {
    const log = makeLog(
      sector,
      Array.from({ length: 500 }, (_, i) => ({ flags: flag.mark, text: `mark ${i}` })),
    );
    const { node, index } = await indexOf(log);
    const { labels } = await new LogBins(
      index,
      () => node,
      async () => undefined,
    ).bins({ firstEntry: 100, endEntry: 500, columns: 500, edges: rowsOf(0, 512, 1) });
    expect(labels.length).toBe(48);
    expect(labels[0]).toEqual({ entry: 100, text: "mark 100" });
    expect(labels.at(-1)?.entry).toBeGreaterThan(480);
    expect(labels.every(({ entry, text }) => text === `mark ${entry}`)).toBe(true);
  });

  it("answers for a log without entries, and beyond a log's end, with no columns", async () => {
    const edges = rowsOf(0, 512, 1);
    const request = { firstEntry: 5, endEntry: 9, columns: 10, edges };
    expect((await binsOf(emptyIndex()).bins(request)).columns).toBe(0);
  });

  it("refuses requests that have no answer", async () => {
    const edges = rowsOf(0, 512, 2);
    const good = { firstEntry: 0, endEntry: 1, columns: 4, edges };
    const bad: readonly (readonly [Partial<BinsRequest>, string])[] = [
      [{ columns: 1 }, "2 to 4096"],
      [{ columns: 4097 }, "2 to 4096"],
      [{ firstEntry: 2 }, "from 2 to 1"],
      [{ endEntry: Number.NaN }, "from 0 to NaN"],
      [{ edges: Float64Array.of(0) }, "0 rows"],
      [{ edges: new Float64Array(2050) }, "2049 rows"],
      [{ edges: Float64Array.of(0, 512, 512) }, "row 2 does not begin behind"],
      [{ edges: Float64Array.of(0.5, 512) }, "row 0 begins at byte 0.5"],
    ];
    for (const [part, words] of bad) {
      const error = await failureOf(binsOf(emptyIndex()).bins({ ...good, ...part }));
      expect(error.code).toBe("EINVAL");
      expect(error.message).toContain(words);
    }
  });

  it("holds no more than 12.5 bytes an entry, however entries lie", () =>
    seeded(async (random) => {
      for (const lay of [() => random.below(2 ** 31) * 7, (i: number) => i * 4096 + 1, () => 4096]) {
        const index = emptyIndex();
        for (let i = 0; i < 262_144; i++) index.push(lay(i), 4096, 0, 0, 0);
        const pyramid = new BinPyramid(index);
        while (pyramid.prepare());
        expect(pyramid.memory / index.count).toBeLessThan(12.5);
      }
    }));
});

describe("codes of densities", () => {
  it("are exact for 0 and 1, within 2.3 % up to 65,536, and the last one stands for more", () => {
    expect([0, 1].map((count) => densityCount(densityCode(count)))).toEqual([0, 1]);
    for (let count = 2; count <= 65536; count = Math.ceil(count * 1.37)) {
      expect(Math.abs(densityCount(densityCode(count)) / count - 1)).toBeLessThan(0.023);
    }
    expect(densityCode(1e9)).toBe(255);
  });
});

describe("used ranges", () => {
  it("are what a log touches, without the gaps between", () => {
    const index = emptyIndex();
    const gib = 2 ** 30;
    // A megabyte at 0, one at 40 GiB, and a discard of one at 900 GiB.
    for (let i = 0; i < 256; i++) {
      index.push(i * 4096, 4096, 0, 0, 0);
      index.push(40 * gib + i * 4096, 4096, 0, 0, 0);
    }
    index.push(900 * gib, 2 ** 20, flag.discard, 0, 0);
    index.push(500 * gib, 0, flag.flush, 0, 0);
    expect(binsOf(index).used()).toEqual([
      { offset: 0, length: 2 ** 20 },
      { offset: 40 * gib, length: 2 ** 20 },
      { offset: 900 * gib, length: 2 ** 20 },
    ]);
  });

  it("cover every entry, however many places there are", () =>
    seeded(async (random) => {
      const index = emptyIndex();
      const places = Array.from({ length: 500 }, () => random.below(2 ** 32) * sector);
      for (let i = 0; i < 2000; i++) {
        index.push(random.pick(places) + random.below(100) * sector, sector, 0, 0, 0);
      }
      const ranges = binsOf(index).used();
      expect(ranges.length).toBeLessThanOrEqual(mostUsedRanges);
      for (let entry = 0; entry < index.count; entry++) {
        const offset = index.offsetOf(entry);
        expect(ranges.some((one) => offset >= one.offset && offset + sector <= one.offset + one.length)).toBe(
          true,
        );
      }
      for (const [i, { offset }] of ranges.entries()) {
        const before = ranges[i - 1];
        expect(offset).toBeGreaterThan(before ? before.offset + before.length : -1);
      }
    }));

  it("are none for a log that writes nothing", () => {
    const index = emptyIndex();
    index.push(0, 0, flag.flush, 0, 0);
    expect(binsOf(index).used()).toEqual([]);
  });
});
