import { describe, expect, it } from "vitest";
import type { Row, RowMap } from "../../../renderer/hex/model.ts";
import {
  contextRows,
  FoldRows,
  type Range,
  type RunRanges,
} from "../../../renderer/panels/compare/foldRows.ts";
import { type ModelRun, plainRun, randomRuns, seeded } from "./model.ts";

const rangesOf = (runs: readonly ModelRun[]): RunRanges => ({
  count: runs.length,
  offset: (row) => runs[row]?.offset ?? 0,
  end: (row) => (runs[row]?.offset ?? 0) + (runs[row]?.length ?? 0),
});

/** One boolean per row: shown or not; equal stretches of a single row are shown. */
function naive(
  extent: number,
  width: number,
  runs: readonly ModelRun[],
  scannedTo: number,
  unfolded: readonly Range[],
): Row[] {
  const total = Math.max(1, Math.ceil(extent / width));
  const shown = new Array<boolean>(total).fill(false);
  const show = (from: number, to: number) => {
    for (let row = Math.max(0, from); row < Math.min(total, to); row++) shown[row] = true;
  };
  for (const { offset, length } of runs) {
    show(
      Math.floor(offset / width) - contextRows,
      Math.floor((offset + length - 1) / width) + 1 + contextRows,
    );
  }
  for (const { offset, length } of unfolded)
    show(Math.floor(offset / width), Math.ceil((offset + length) / width));
  show(Math.floor(scannedTo / width), total);
  const rows: Row[] = [];
  for (let row = 0; row < total; ) {
    let end = row;
    while (end < total && !shown[end]) end++;
    // A single hidden row between shown ones, or at the start, is shown; the image's end always folds.
    if (end > row && (end - row >= 2 || end === total)) {
      rows.push({ kind: "fold", offset: row * width, length: (end - row) * width });
      row = end;
    } else {
      rows.push({ kind: "bytes", offset: row * width });
      row += 1;
    }
  }
  return rows;
}

function expectSame(map: RowMap, rows: readonly Row[], width: number, what: string): void {
  expect(map.rowCount, what).toBe(rows.length);
  // Plain comparisons first: an expect for each of a million rows takes minutes.
  const wrong = rows.findIndex((row, index) => {
    const last = row.offset + (row.kind === "fold" ? row.length : width) - 1;
    const given = map.row(index);
    const same = given.kind === row.kind && given.offset === row.offset;
    const length = given.kind === "fold" && row.kind === "fold" ? given.length === row.length : true;
    return !same || !length || map.rowOf(row.offset) !== index || map.rowOf(last) !== index;
  });
  expect(wrong === -1 ? "every row" : map.row(wrong), what).toEqual(wrong === -1 ? "every row" : rows[wrong]);
  expect(wrong, what).toBe(-1);
}

describe("folding equal rows", () => {
  it("maps rows as a naive model does, for seeded runs, widths and scan positions", () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = seeded(seed * 104729);
      const width = [8, 16, 32, 64][random(4)] ?? 16;
      const runs = randomRuns(1 + random(30), random, 2 + random(30));
      const end = (runs.at(-1)?.offset ?? 0) + (runs.at(-1)?.length ?? 0);
      const extent = end + random(5000);
      const scannedTo = random(4) === 0 ? end + random(extent - end + 1) : extent;
      const map = new FoldRows(extent, width).build(rangesOf(runs), scannedTo, [], 1);
      expectSame(map, naive(extent, width, runs, scannedTo, []), width, `seed ${seed}`);
    }
  });

  it("gives the same map built in steps while the scan goes on", () => {
    const random = seeded(77);
    const runs = randomRuns(200, random, 60);
    const extent = (runs.at(-1)?.offset ?? 0) + 100_000;
    const folding = new FoldRows(extent, 16);
    for (let known = 0; known <= runs.length; known += 17) {
      const some = runs.slice(0, known);
      const last = some.at(-1);
      const scannedTo = last ? last.offset + last.length : 0;
      const map = folding.build(rangesOf(some), scannedTo, [], known);
      expectSame(map, naive(extent, 16, some, scannedTo, []), 16, `${known} runs`);
    }
  });

  it("shows what was unfolded, and only that", () => {
    const runs = [plainRun(10, 1), plainRun(100, 1), plainRun(300, 1)];
    const extent = 1000 * 512;
    const folding = new FoldRows(extent, 16);
    const folded = folding.build(rangesOf(runs), extent, [], 1);
    const row = folded.row(folded.rowOf(50 * 512));
    expect(row.kind).toBe("fold");
    if (row.kind !== "fold") return;
    const unfolded = [{ offset: row.offset, length: row.length }];
    const map = folding.build(rangesOf(runs), extent, unfolded, 2);
    expectSame(map, naive(extent, 16, runs, extent, unfolded), 16, "unfolded");
    expect(map.row(map.rowOf(50 * 512))).toEqual({ kind: "bytes", offset: 50 * 512 });
    expect(map.version).toBe(2);
  });

  it("keeps three rows of context: a run of one sector shows 32 + 6 rows of 16 bytes and two folds", () => {
    // 512 / 16 = 32 rows; 3 above, 3 below; one fold before, one after.
    const map = new FoldRows(1 << 20, 16).build(rangesOf([plainRun(1000, 1)]), 1 << 20, [], 1);
    expect(map.rowCount).toBe(32 + 6 + 2);
    expect(map.row(0)).toEqual({ kind: "fold", offset: 0, length: 1000 * 512 - 3 * 16 });
    expect(map.row(1)).toEqual({ kind: "bytes", offset: 1000 * 512 - 3 * 16 });
  });

  it("folds equal images to one row, and nothing of an image that is not scanned", () => {
    const none = rangesOf([]);
    expect(new FoldRows(1 << 30, 16).build(none, 1 << 30, [], 1).rowCount).toBe(1);
    const unscanned = new FoldRows(1 << 30, 16).build(none, 0, [], 1);
    expect(unscanned.rowCount).toBe(2 ** 26);
    expect(unscanned.row(12345)).toEqual({ kind: "bytes", offset: 12345 * 16 });
  });

  it("stays exact over 16 TiB", () => {
    const extent = 2 ** 44;
    const far = { ...plainRun(0, 1), offset: 2 ** 44 - 512 };
    const map = new FoldRows(extent, 16).build(rangesOf([far]), extent, [], 1);
    expect(map.rowCount).toBe(1 + 3 + 32);
    expect(map.row(map.rowOf(2 ** 44 - 1))).toEqual({ kind: "bytes", offset: 2 ** 44 - 16 });
  });

  it("clamps offsets outside the image to its first and last row", () => {
    const map = new FoldRows(4096, 16).build(rangesOf([plainRun(0, 1)]), 4096, [], 1);
    expect(map.rowOf(1e15)).toBe(map.rowCount - 1);
    expect(map.rowOf(-5)).toBe(0);
  });
});
