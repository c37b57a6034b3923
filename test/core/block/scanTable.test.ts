// The fast pass over a table against a slow one that takes every entry by itself as a BigInt.
import { describe, expect, it } from "vitest";
import { type ScanBounds, TableScanner } from "../../../core/block/scanTable.ts";
import { ClusterUsage } from "../../../core/format/qed/usage.ts";
import { type Random, seeded } from "../../build/random.ts";

const gib = 1024 ** 3;

interface Slow {
  readonly allocated: number;
  readonly fragmented: number;
  readonly again: number;
  readonly bad: readonly number[];
  readonly used: ReadonlySet<number>;
  readonly zero: number;
  readonly span: { readonly min: number; readonly max: number } | undefined;
}

/** Without `spans` neither zero clusters nor the span are known. */
function slowScan(
  entries: readonly bigint[],
  { clusterSize, dataStart, fileEnd }: ScanBounds,
  spans: boolean,
): Slow {
  const used = new Set<number>();
  const bad: number[] = [];
  let [allocated, fragmented, again] = [0, 0, 0];
  let previous: bigint | undefined;
  for (const [index, entry] of entries.entries()) {
    if (entry < 2n) continue;
    allocated++;
    if (previous !== undefined && previous + BigInt(clusterSize) !== entry) fragmented++;
    previous = entry;
    const fits = entry % BigInt(clusterSize) === 0n && entry >= BigInt(dataStart) && entry < BigInt(fileEnd);
    if (!fits) bad.push(index);
    else if (used.has(Number(entry) / clusterSize)) again++;
    else used.add(Number(entry) / clusterSize);
  }
  const zero = spans ? entries.filter((entry) => entry === 1n).length : 0;
  const ends = [...used].sort((a, b) => a - b);
  const span = spans && used.size > 0 ? { min: ends[0] as number, max: ends.at(-1) as number } : undefined;
  return { allocated, fragmented, again, bad, used, zero, span };
}

function fastScan(entries: readonly bigint[], bounds: ScanBounds, pieces: number, spans: boolean): Slow {
  const scanner = new TableScanner(
    bounds,
    entries.length * 8,
    (bits) => new ClusterUsage(bounds.fileEnd / bounds.clusterSize, bits),
    { spans },
  );
  const { marks: usage, counts } = scanner;
  const bad: number[] = [];
  const step = Math.ceil(entries.length / pieces);
  scanner.begin();
  for (let first = 0; first < entries.length; first += step) {
    const part = entries.slice(first, first + step);
    scanner.piece.set(new Uint8Array(BigUint64Array.from(part).buffer));
    scanner.scan(part.length * 8, (index) => {
      const [low, high] = scanner.entry(index);
      expect((BigInt(high) << 32n) + BigInt(low)).toBe(part[index]);
      bad.push(first + index);
    });
  }
  scanner.settleAll();
  const used = new Set<number>();
  let next = 0;
  for (const { index, count } of usage.unused(0)) {
    for (; next < index; next++) used.add(next);
    next = index + count;
  }
  for (; next < usage.clusters; next++) used.add(next);
  return { ...counts, bad, used, span: scanner.span };
}

/** Runs of neighbours, some across 4 GiB, among single entries, holes and nonsense. */
function randomEntries(random: Random, { clusterSize, fileEnd }: ScanBounds): bigint[] {
  const entries: bigint[] = [];
  const clusters = fileEnd / clusterSize;
  while (entries.length < 600) {
    const nearBorder = Math.max(0, (4 * gib) / clusterSize - random.below(6));
    const start = random.below(3) === 0 ? nearBorder : random.below(clusters + 2);
    switch (random.below(6)) {
      case 0:
        entries.push(0n, 1n);
        break;
      case 1:
        entries.push(BigInt(start) * BigInt(clusterSize) + BigInt(random.below(clusterSize)));
        break;
      case 2:
        entries.push((BigInt(random.below(2 ** 32)) << 32n) | BigInt(random.below(2 ** 32)));
        break;
      default:
        for (let i = 0; i < 1 + random.below(40); i++) entries.push(BigInt(start + i) * BigInt(clusterSize));
    }
  }
  return entries;
}

describe("the pass over a table of entries", () => {
  it.each([
    [4096, 5 * gib],
    [65536, 5 * gib],
    [65536, 64 * 65536],
    [2 ** 26, 40 * 2 ** 26],
  ])("counts as a slow one does, with clusters of %i in a file of %i bytes", async (clusterSize, fileEnd) => {
    await seeded(async (random) => {
      const bounds = { clusterSize, dataStart: clusterSize, fileEnd };
      for (let round = 0; round < 8; round++) {
        const entries = randomEntries(random, bounds);
        const spans = round % 2 === 0;
        const found = fastScan(entries, bounds, 1 + random.below(4), spans);
        expect(found).toEqual(slowScan(entries, bounds, spans));
      }
    });
  });
});

describe("clusters in no order, in a file of several bands", () => {
  const bounds = { clusterSize: 4096, dataStart: 4096, fileEnd: 4 * 2 ** 20 * 4096 };

  it("are marked as often as they are pointed to, in more entries than are noted of a band", async () => {
    await seeded(async (random) => {
      // 100000 entries for the last three of four bands: far more than 16384 for each of them.
      const entries = Array.from({ length: 100_000 }, () =>
        BigInt((2 ** 20 + random.below(3 * 2 ** 20)) * 4096),
      );
      const found = fastScan(entries, bounds, 3, true);
      expect(found).toEqual(slowScan(entries, bounds, true));
    });
  });

  it("are marked when they are asked for", () => {
    const clusters = bounds.fileEnd / bounds.clusterSize;
    const scanner = new TableScanner(bounds, 32, (bits) => new ClusterUsage(clusters, bits));
    const indices = [2 ** 20, 7, 2 * 2 ** 20 + 1, 2 ** 20];
    const entries = BigUint64Array.from(indices, (index) => BigInt(index * 4096));
    scanner.piece.set(new Uint8Array(entries.buffer));
    scanner.begin();
    scanner.scan(32, () => undefined);
    scanner.settle(2 ** 20 - 1, 2);
    expect(scanner.marks.isUsed(2 ** 20)).toBe(true);
    expect(scanner.marks.isShared(2 ** 20)).toBe(true);
    scanner.settleAll();
    expect(indices.map((index) => scanner.marks.isUsed(index))).toEqual([true, true, true, true]);
    expect(scanner.counts).toMatchObject({ allocated: 4, again: 1 });
  });
});

describe("clusters in use", () => {
  it("are told from those that are not, at every border of words", () => {
    const usage = new ClusterUsage(100);
    usage.markRun(0, 31);
    usage.markRun(32, 1);
    usage.markRun(40, 56);
    expect([...usage.unused(0)]).toEqual([
      { index: 31, count: 1 },
      { index: 33, count: 7 },
      { index: 96, count: 4 },
    ]);
    expect([...usage.unused(34)][0]).toEqual({ index: 34, count: 6 });
    expect(usage.markRun(30, 12)).toBe(4);
    // 30, 32, 40 and 41 were in use.
    expect([30, 31, 32, 39, 40, 41, 42].filter((index) => usage.isShared(index))).toEqual([30, 32, 40, 41]);
    expect(usage.shared).toBe(4);
  });
});
