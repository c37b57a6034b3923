// Statistics of logs: by hand for a small one, and as counted sector by sector for random ones.
import { describe, expect, it } from "vitest";
import { statsOf } from "../../../core/writelog/stats.ts";
import { indexOf } from "../../build/indexedLog.ts";
import { filled } from "../../build/open.ts";
import { seeded } from "../../build/random.ts";
import { type GivenEntry, makeLog, randomLog } from "../../build/randomLog.ts";

const { signal } = new AbortController();
const write = (sector: number, sectors: number, flags = 0): GivenEntry => ({
  sector,
  flags,
  payload: filled(512 * sectors, 1),
});

describe("statistics", () => {
  it("are what a hand counts", async () => {
    const { index } = await indexOf(
      makeLog(512, [
        write(0, 4),
        write(2, 4),
        { flags: 1 },
        { flags: 8, text: "m" },
        { flags: 1 },
        // The flush comes before its data: those are behind it.
        write(3, 1, 1),
        write(20, 1),
        { flags: 4, sector: 2, sectorCount: 100 },
        { flags: 1 },
        write(40, 2),
      ]),
    );
    const stats = await statsOf(index, 2, { signal });
    // Entries 0, 1 | 3 | none | 6, 7: flushes 2, 4, 5, 8. Bytes 4096 | 0 | 0 | 512 + 512.
    expect(stats.flushEntries).toEqual({ count: 4, min: 0, median: 1, p95: 2, max: 2 });
    expect(stats.flushBytes).toEqual({ count: 4, min: 0, median: 0, p95: 4096, max: 4096 });
    expect(stats.unflushed).toEqual({ entries: 1, bytes: 1024 });
    // Sectors 0 to 5, 20, 40, 41; of these 2 and 3 more than once, 3 three times.
    expect([stats.coveredBytes, stats.rewrittenBytes, stats.overwriteBytes]).toEqual([9 * 512, 1024, 1536]);
    expect(stats.hottest).toEqual([
      { offset: 3 * 512, length: 512, writes: 3 },
      { offset: 2 * 512, length: 512, writes: 2 },
    ]);
  });

  it("of random logs are those counted sector by sector", async () => {
    await seeded(async (random) => {
      for (let round = 0; round < 20; round++) {
        const log = randomLog(random, 512, 200, random.below(300));
        const { index } = await indexOf(log);
        const times = new Array<number>(220).fill(0);
        for (const { sector, sectorCount, flags } of log.entries) {
          if (Math.floor(flags / 4) % 4 !== 0) continue;
          for (let i = 0; i < sectorCount; i++) times[sector + i] = (times[sector + i] ?? 0) + 1;
        }
        const stats = await statsOf(index, 1000, { signal });
        const sum = (of: (count: number) => number) =>
          times.reduce((total, count) => total + 512 * of(count), 0);
        expect(stats.coveredBytes).toBe(sum((count) => Math.min(1, count)));
        expect(stats.rewrittenBytes).toBe(sum((count) => (count > 1 ? 1 : 0)));
        expect(stats.overwriteBytes).toBe(sum((count) => Math.max(0, count - 1)));
        const found = new Array<number>(220).fill(0);
        for (const { offset, length, writes } of stats.hottest)
          found.fill(writes, offset / 512, (offset + length) / 512);
        expect(found).toEqual(times.map((count) => (count > 1 ? count : 0)));
        const few = await statsOf(index, 5, { signal });
        expect(few.hottest).toEqual(stats.hottest.slice(0, 5));
      }
    });
  });

  it("of a log without writes say nothing of their lengths", async () => {
    const { index } = await indexOf(makeLog(512, [{ flags: 1 }]));
    const { writeLengths, hottest, coveredBytes } = await statsOf(index, 5, { signal });
    expect([writeLengths.count, writeLengths.max, hottest, coveredBytes]).toEqual([0, undefined, [], 0]);
  });
});
