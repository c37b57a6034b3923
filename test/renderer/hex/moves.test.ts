// Where the caret goes, over plain rows and over rows with a fold.
import { describe, expect, it } from "vitest";
import { plainRows, type RowMap } from "../../../renderer/hex/model.ts";
import { type Move, moved, toUnit, unitAround, widerSelection } from "../../../renderer/hex/moves.ts";

const extent = 1000;
const rows = plainRows(extent, 16);
const go = (move: Move, caret: number, map: RowMap = rows, size = extent) =>
  moved(move, { rows: map, caret, extent: size, page: 10 });

describe("plain rows", () => {
  it("go byte by byte and row by row in the same column", () => {
    expect(go("right", 15)).toBe(16);
    expect(go("left", 16)).toBe(15);
    expect(go("down", 35)).toBe(51);
    expect(go("up", 35)).toBe(19);
    expect(go("pageDown", 35)).toBe(195);
    expect(go("pageUp", 195)).toBe(35);
  });

  it("stop at the ends of the image", () => {
    expect(go("left", 0)).toBe(0);
    expect(go("right", 999)).toBe(999);
    expect(go("up", 5)).toBe(5);
    // Row 62 is the last; it has 8 bytes, 992 to 999.
    expect(go("down", 990)).toBe(999);
    expect(go("pageDown", 990)).toBe(999);
  });

  it("go to the ends of the row", () => {
    expect(go("rowStart", 35)).toBe(32);
    expect(go("rowEnd", 35)).toBe(47);
    expect(go("rowEnd", 995)).toBe(999);
  });
});

describe("rows with a fold", () => {
  /** Rows 0 and 1, a fold of rows 2 to 9, then row 10 and on. */
  const fold = { kind: "fold", offset: 32, length: 128 } as const;
  const folded: RowMap = {
    bytesPerRow: 16,
    rowCount: 6,
    version: 1,
    row: (index) =>
      index < 2
        ? { kind: "bytes", offset: index * 16 }
        : index === 2
          ? fold
          : { kind: "bytes", offset: (index + 7) * 16 },
    rowOf: (offset) =>
      offset < 32 ? Math.floor(offset / 16) : offset < 160 ? 2 : Math.floor(offset / 16) - 7,
  };
  const over = (move: Move, caret: number) => go(move, caret, folded, 208);

  it("take the fold as one step", () => {
    expect(over("right", 31)).toBe(32);
    expect(over("right", 32)).toBe(160);
    expect(over("left", 160)).toBe(32);
    expect(over("left", 32)).toBe(31);
  });

  it("stand on the fold going up and down", () => {
    expect(over("down", 20)).toBe(32);
    expect(over("down", 32)).toBe(160);
    expect(over("up", 165)).toBe(32);
    expect(over("up", 32)).toBe(16);
  });
});

describe("sectors and clusters", () => {
  it("go to the next start, and to the own start before the previous one", () => {
    expect(toUnit(700, 512, 1, 10_000)).toBe(1024);
    expect(toUnit(700, 512, -1, 10_000)).toBe(512);
    expect(toUnit(512, 512, -1, 10_000)).toBe(0);
    expect(toUnit(0, 512, -1, 10_000)).toBe(0);
  });

  it("stay when there is no next one", () => {
    expect(toUnit(9800, 512, 1, 10_000)).toBe(9800);
  });

  it("are selected whole, cut at the end of the image", () => {
    expect(unitAround(700, 512, 10_000)).toEqual({ first: 512, last: 1023 });
    expect(unitAround(9900, 512, 10_000)).toEqual({ first: 9728, last: 9999 });
  });

  it("are selected by Ctrl+A, and by a second one the image", () => {
    const once = widerSelection({ first: 70, last: 70 }, 70, 64, 1000);
    expect(once).toEqual({ first: 64, last: 127 });
    expect(widerSelection(once, 127, 64, 1000)).toEqual({ first: 0, last: 999 });
    expect(widerSelection({ first: 70, last: 70 }, 70, undefined, 1000)).toEqual({ first: 0, last: 999 });
  });
});
