// Threads that mark for one map, while somebody looks at it. Clusters of 65536 bytes, a table in each of the first ones.
import * as fs from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { OneThreadAgain } from "../../../core/base/programThread.ts";
import { ClusterMarks } from "../../../core/block/clusterMarks.ts";
import { areEnough, scanInThreads, scanShared } from "../../../core/block/scanThreads.ts";
import { kindNumber } from "../../../core/block/structure.ts";
import { tempFile } from "../../build/temp.ts";

const C = 65_536;
const perTable = C / 8;
const data = kindNumber("data");
const sharing = { threads: 2, leastBytes: 1 };

/** Every look at the clock takes longer than a turn: each look at the threads is one. */
function slowClock(): void {
  let now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => (now += 200));
}

/** Tables of 8192 entries that together point to all clusters behind them, each to those next to each other. */
function tablesIn(tables: number, entry = (cluster: number) => BigInt(cluster * C)) {
  const words = BigUint64Array.from({ length: tables * perTable }, (_, index) => entry(tables + index));
  const filename = tempFile("tables", new Uint8Array(words.buffer));
  const clusters = tables + tables * perTable;
  const marks = new ClusterMarks(clusters);
  marks.presume(data);
  const bounds = { clusterSize: C, dataStart: C, fileEnd: clusters * C };
  const fd = fs.openSync(filename, "r");
  const kind = { fd, tableBytes: C, bounds, mask: -1n, isBigEndian: false };
  const offsets = Array.from({ length: tables }, (_, index) => index * C);
  return { marks, kind, offsets, clusters };
}

const knownIn = (marks: ClusterMarks, end: number) =>
  marks.kindsSoFar(0, end).reduce((sum, kind) => sum + (kind === data ? 1 : 0), 0);

afterEach(() => vi.restoreAllMocks());

describe("threads that scan tables", () => {
  it("show what they have marked before it is joined, in every way of looking", async () => {
    slowClock();
    const { marks, kind, offsets, clusters } = tablesIn(40);
    const seen: unknown[] = [];
    const answers = await scanInThreads(kind, offsets, marks, sharing, async (part) => {
      if (part < 1 || knownIn(marks, clusters) < 40 * perTable || seen.length > 0) return;
      const bits = marks.bitsSoFar(32, 32);
      seen.push([marks.kindSoFar(40), marks.isOwned(40), marks.kindSoFar(39), [...bits]]);
    });
    // Clusters 0 to 39 are the tables: of clusters 32 to 63 those from 40 on are data.
    expect(seen).toEqual([[data, false, 0, [0, 0xff, 0xff, 0xff]]]);
    expect([marks.isOwned(39), marks.isOwned(40), marks.isOwned(clusters - 1)]).toEqual([false, true, true]);
    expect(answers.next(0)).toEqual({ allocated: 8192, zero: 0, span: { min: 40, max: 40 + 8191 } });
  });

  it("take no further tables while a turn lasts", async () => {
    slowClock();
    const { marks, kind, offsets, clusters } = tablesIn(400);
    let wasLong = false;
    await scanInThreads(kind, offsets, marks, sharing, async (part) => {
      if (part === 1 || wasLong) return;
      wasLong = true;
      await new Promise((resolve) => setTimeout(resolve, 1000));
      expect(knownIn(marks, clusters)).toBeLessThan(400 * perTable);
    });
    expect(knownIn(marks, clusters)).toBe(400 * perTable);
  });

  it("say that one has to do it again where two of them, or something else, have a cluster", async () => {
    const again = (entry?: (cluster: number) => bigint, owned?: number) => {
      const { marks, kind, offsets } = tablesIn(40, entry);
      if (owned !== undefined) marks.own(owned, 1, kindNumber("l2-table"));
      return scanInThreads(kind, offsets, marks, sharing, async () => undefined);
    };
    // The last cluster of all, which the last entry has, and the first one.
    const last = 40 + 40 * perTable - 1;
    await expect(again((cluster) => BigInt((cluster === 40 ? last : cluster) * C))).rejects.toThrow(
      OneThreadAgain,
    );
    await expect(again(undefined, 5000)).rejects.toThrow(OneThreadAgain);
    await again(undefined, 39);
  });

  it("are asked for tables in their order, and for all of them", async () => {
    const { marks, kind, offsets } = tablesIn(2, () => 1n);
    const answers = await scanInThreads(kind, offsets, marks, sharing, async () => undefined);
    expect(() => answers.next(C)).toThrow(OneThreadAgain);
    expect(answers.next(0)).toEqual({ allocated: 0, zero: perTable, span: undefined });
    expect(() => answers.finish()).toThrow(OneThreadAgain);
    expect(answers.next(C)?.zero).toBe(perTable);
    answers.finish();
  });

  it("are of use for large images only", () => {
    const usual = { threads: 2, leastBytes: 2 ** 29 };
    expect([areEnough(usual, 8191, C), areEnough(usual, 8192, C)]).toEqual([false, true]);
    // Each would have a table of 64 MiB in memory; a list of so many would be as long as the bits of a vast file.
    expect([areEnough(usual, 64, 2 ** 26), areEnough(usual, 2 ** 21, 4096)]).toEqual([false, false]);
  });

  it("leave no marks to the one that does it again", async () => {
    const marks = new ClusterMarks(100);
    const tried: unknown[] = [];
    const result = await scanShared(marks, sharing, async (shared) => {
      tried.push([shared, marks.isOwned(7), marks.kinds[7], marks.references(7), marks.presumed]);
      if (shared === undefined) return "done";
      marks.presume(data);
      marks.own(7, 1, data);
      marks.again(7);
      throw new OneThreadAgain("for this test");
    });
    expect(result).toBe("done");
    expect(tried).toEqual([
      [sharing, false, 0, 0, undefined],
      [undefined, false, 0, 0, undefined],
    ]);
    await expect(
      scanShared(marks, sharing, async () => {
        throw new Error("of another kind");
      }),
    ).rejects.toThrow("of another kind");
  });
});
