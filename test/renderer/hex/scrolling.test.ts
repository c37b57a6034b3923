// The scrollbar's arithmetic at ordinary sizes and near 2^53 rows' worth of bytes; values by hand.
import { describe, expect, it } from "vitest";
import { createHexView, plainRows } from "../../../renderer/hex/model.ts";
import { dragSpeed, dragThumb, lastTopRow, thumbOf, wheelRows } from "../../../renderer/hex/scrolling.ts";

const small = { rowCount: 100, visibleRows: 21 };
/** 2^53 - 1 bytes, the largest size, in rows of 16: 2^49 rows. */
const huge = { rowCount: 2 ** 49, visibleRows: 31 };

describe("thumb", () => {
  it("fills the track when every row shows", () => {
    expect(thumbOf(0, { rowCount: 5, visibleRows: 10 }, 300)).toEqual({ top: 0, height: 300 });
  });

  it("is as long as the part of the rows that shows", () => {
    // 21 of 101: one row more than there are, so that the last one can show in full.
    expect(thumbOf(0, small, 404).height).toBe(84);
  });

  it("is at the end of the track at the last top row, never shorter than 24 pixels", () => {
    expect(lastTopRow(small)).toBe(80);
    expect(thumbOf(80, small, 404)).toEqual({ top: 320, height: 84 });
    expect(thumbOf(lastTopRow(huge), huge, 600)).toEqual({ top: 576, height: 24 });
  });
});

describe("dragging the thumb", () => {
  it("moves through all rows over the free track", () => {
    // 320 free pixels for 80 rows: 4 pixels a row.
    expect(dragThumb(0, 40, 1, small, 404)).toBe(10);
    expect(dragThumb(0, 320, 1, small, 404)).toBe(80);
    expect(dragThumb(0, 9999, 1, small, 404)).toBe(80);
    expect(dragThumb(10, -9999, 1, small, 404)).toBe(0);
  });

  it("reaches the very last row of the largest image", () => {
    expect(dragThumb(0, 576, 1, huge, 600)).toBe(2 ** 49 - 30);
  });

  it("moves single rows of the largest image when the pointer is far enough away", () => {
    // 2^49 rows on 576 pixels are about 2^40 rows a pixel; 40 halvings make that one.
    expect(dragSpeed(32)).toBe(1);
    expect(dragSpeed(32 + 40 * 32)).toBe(2 ** -40);
    const top = 2 ** 48;
    const moved = dragThumb(top, 1, dragSpeed(32 + 40 * 32), huge, 600) - top;
    expect(moved).toBeGreaterThan(0.5);
    expect(moved).toBeLessThan(2);
  });

  it("keeps its full speed close to the bar", () => {
    expect(dragSpeed(0)).toBe(1);
    expect(dragSpeed(64)).toBe(0.5);
  });
});

describe("wheel", () => {
  it("moves whole rows and keeps the rest", () => {
    expect(wheelRows(0, 50, 20)).toEqual({ rows: 2, rest: 10 });
    expect(wheelRows(10, 10, 20)).toEqual({ rows: 1, rest: 0 });
    expect(wheelRows(0, 10, 20)).toEqual({ rows: 0, rest: 10 });
  });

  it("forgets the rest when the direction changes", () => {
    expect(wheelRows(19, -20, 20)).toEqual({ rows: -1, rest: 0 });
  });
});

describe("rows and offsets near 2^53", () => {
  const size = Number.MAX_SAFE_INTEGER;
  const rows = plainRows(size, 16);

  it("names every row's offset exactly", () => {
    // 2^53 - 1 = 16 * (2^49 - 1) + 15.
    expect(rows.rowCount).toBe(2 ** 49);
    expect(rows.row(2 ** 49 - 1)).toEqual({ kind: "bytes", offset: 2 ** 53 - 16 });
    expect(rows.rowOf(2 ** 53 - 17)).toBe(2 ** 49 - 2);
    expect(rows.rowOf(2 ** 53 - 16)).toBe(2 ** 49 - 1);
  });

  it("steps row by row at the end without drift", () => {
    const view = createHexView();
    view.setState({ visibleRows: 31 });
    view.scrollTo(2 ** 49, rows);
    expect(view.getState().topRow).toBe(2 ** 49 - 30);
    for (let step = 0; step < 10; step++) view.scrollTo(view.getState().topRow - 1, rows);
    expect(rows.row(view.getState().topRow)).toEqual({ kind: "bytes", offset: (2 ** 49 - 40) * 16 });
  });
});
