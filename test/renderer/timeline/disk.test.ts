// The vertical axis: whole disk and used ranges, its rows and its labels.
import { describe, expect, it } from "vitest";
import {
  breaks,
  byteAt,
  diskTicks,
  entryTicks,
  linearAxis,
  rowEdges,
  shareOf,
  usedAxis,
} from "../../../renderer/timeline/disk.ts";

const gib = 2 ** 30;
// 1 GiB at 0, 3 GiB at 100 GiB: 4 GiB in all.
const squeezed = usedAxis([
  { offset: 0, length: gib },
  { offset: 100 * gib, length: 3 * gib },
]);

describe("a linear axis", () => {
  it("has bytes in proportion to its height", () => {
    const axis = linearAxis(64 * gib);
    expect(byteAt(axis, 0.25)).toBe(16 * gib);
    expect(shareOf(axis, 48 * gib)).toBe(0.75);
    expect(breaks(axis)).toEqual([]);
  });

  it("of a log that writes nothing has no length", () => {
    const axis = linearAxis(0);
    expect(axis.length).toBe(0);
    expect(shareOf(axis, 5)).toBe(0);
    expect(diskTicks(axis, 0, 1, 0.1)).toEqual([]);
  });
});

describe("an axis of used ranges", () => {
  it("leaves gaps out, and says where", () => {
    expect(squeezed.length).toBe(4 * gib);
    expect(breaks(squeezed)).toEqual([0.25]);
    expect(byteAt(squeezed, 0.125)).toBe(gib / 2);
    expect(byteAt(squeezed, 0.25)).toBe(100 * gib);
    expect(byteAt(squeezed, 1)).toBe(103 * gib);
    expect(shareOf(squeezed, 101 * gib)).toBe(0.5);
    // Within the gap: where the gap is.
    expect(shareOf(squeezed, 50 * gib)).toBe(0.25);
  });

  it("labels where each range begins", () => {
    const bytes = diskTicks(squeezed, 0, 1, 0.1).map(({ byte }) => byte);
    expect(bytes).toContain(0);
    expect(bytes).toContain(100 * gib);
    expect(bytes.every((byte) => byte <= gib || byte >= 100 * gib)).toBe(true);
  });
});

describe("rows", () => {
  it("are equally high, and follow each other without a gap", () => {
    expect([...rowEdges(linearAxis(4096), 0, 1, 4)]).toEqual([0, 1024, 2048, 3072, 4096]);
    expect([...rowEdges(squeezed, 0, 1, 4)]).toEqual([0, 100 * gib, 101 * gib, 102 * gib, 103 * gib]);
  });

  it("are never less than a byte, and at least one", () => {
    expect([...rowEdges(linearAxis(4), 0, 1, 16)]).toEqual([0, 1, 2, 3, 4]);
    expect(rowEdges(linearAxis(4096), 0.5, 0.50001, 10).length).toBeGreaterThanOrEqual(2);
  });
});

describe("labels", () => {
  it("of bytes are powers of two apart and do not run into each other", () => {
    const ticks = diskTicks(linearAxis(10 * gib), 0, 1, 0.09);
    expect(ticks.map(({ byte }) => byte / gib)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const shown = diskTicks(linearAxis(10 * gib), 0.2, 0.4, 0.02);
    expect(shown.every(({ share }) => share >= 0.2 && share <= 0.4)).toBe(true);
  });

  it("of entries are round numbers, whole ones however close one looks", () => {
    expect(entryTicks(0, 1000, 180)).toEqual([0, 200, 400, 600, 800]);
    expect(entryTicks(3.2, 7, 0.4)).toEqual([4, 5, 6]);
    expect(entryTicks(950_000, 1_050_000, 30_000)).toEqual([950_000, 1_000_000]);
  });
});
