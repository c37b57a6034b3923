// Bins made ready to be painted: one look for each cell, rows from the top of the plot down, so that a frame only copies
// colours. Made once for each answer.
import { type Bins, binOps, codesPerDouble } from "../../core/writelog/bins.ts";
import type { PixelBuffer } from "../map/paint.ts";
import { lookOf, toneOf } from "./looks.ts";

export interface Cells {
  readonly bins: Bins;
  readonly rows: number;
  /** By row from the top down, then column: looks; 0 where nothing lies. */
  readonly looks: Uint8Array;
}

export function cellsOf(bins: Bins): Cells {
  const rows = bins.edges.length - 1;
  const { columns, masks, passing, density } = bins;
  const looks = new Uint8Array(rows * columns);
  const shifts = heightShifts(bins.edges);
  for (let column = 0; column < columns; column++) {
    const base = column * rows;
    for (let row = 0; row < rows; row++) {
      const mask = masks[base + row] as number;
      if (mask === 0) continue;
      const passed = passing === undefined ? mask : (passing[base + row] as number);
      const seen = passed === 0 ? mask : passed;
      const tone =
        seen === binOps.discard
          ? outlineTone(masks, column, row, rows, columns)
          : toneOf((density[base + row] as number) + (shifts[row] as number), bins.entriesPerColumn);
      looks[(rows - 1 - row) * columns + column] = lookOf(seen, tone, passed === 0);
    }
  }
  return { bins, rows, looks };
}

/** What to add to the codes of each row: rows that are higher than most have more in them without being denser. */
function heightShifts(edges: Float64Array): Float64Array {
  const heights = Array.from(edges.subarray(1), (edge, row) => edge - (edges[row] as number));
  const usual = [...heights].sort((a, b) => a - b)[Math.floor(heights.length / 2)] ?? 1;
  // Rows with a gap within them are not that much higher.
  return Float64Array.from(heights, (height) => codesPerDouble * Math.max(-2, Math.log2(usual / height)));
}

/** Discards are hollow: 1 where a neighbour has none. */
function outlineTone(masks: Uint8Array, column: number, row: number, rows: number, columns: number): number {
  const has = (c: number, r: number) =>
    c >= 0 && c < columns && r >= 0 && r < rows && ((masks[c * rows + r] as number) & binOps.discard) !== 0;
  return has(column, row - 1) && has(column, row + 1) && has(column - 1, row) && has(column + 1, row) ? 0 : 1;
}

/** A part of a buffer, device pixels. */
export interface PixelBox {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export interface CellPlace {
  /** Where columns begin, and the last one ends: pixels from the left of the box, whole ones, ascending. */
  readonly xs: Int32Array;
  /** Where rows begin from the top down, and the last one ends. */
  readonly ys: Int32Array;
  /** No cell is narrower or lower. */
  readonly least: number;
}

/** Copies the cells into a box of the buffer; what is empty is left as it is. */
export function paintCells(
  target: PixelBuffer,
  box: PixelBox,
  cells: Cells,
  { xs, ys, least }: CellPlace,
  colours: Uint32Array,
): void {
  const { columns } = cells.bins;
  const from = firstShown(xs, columns);
  let to = from;
  while (to < columns && (xs[to] as number) < box.width) to++;
  const line = new Uint32Array(box.width);
  for (let row = 0; row < cells.rows; row++) {
    const top = Math.max(0, ys[row] as number);
    const bottom = Math.min(box.height, Math.max(ys[row + 1] as number, (ys[row] as number) + least));
    if (top >= bottom) continue;
    if (!makeLine(line, cells.looks, row * columns, from, to, xs, least, colours)) continue;
    for (let y = top; y < bottom; y++) copyLine(target, line, box, y);
  }
}

function firstShown(xs: Int32Array, columns: number): number {
  let column = 0;
  while (column < columns && (xs[column + 1] as number) <= 0) column++;
  return column;
}

/** One row as pixels; 0 where nothing lies. False for an empty one. */
function makeLine(
  line: Uint32Array,
  looks: Uint8Array,
  base: number,
  from: number,
  to: number,
  xs: Int32Array,
  least: number,
  colours: Uint32Array,
): boolean {
  line.fill(0);
  let any = false;
  for (let column = from; column < to; column++) {
    const look = looks[base + column] as number;
    if (look === 0) continue;
    any = true;
    const left = Math.max(0, xs[column] as number);
    const right = Math.min(line.length, Math.max(xs[column + 1] as number, (xs[column] as number) + least));
    const colour = colours[look] as number;
    for (let x = left; x < right; x++) line[x] = colour;
  }
  return any;
}

function copyLine({ pixels, width }: PixelBuffer, line: Uint32Array, box: PixelBox, y: number): void {
  const base = (box.top + y) * width + box.left;
  for (let x = 0; x < line.length; x++) {
    const colour = line[x] as number;
    if (colour !== 0) pixels[base + x] = colour;
  }
}

/** One entry's bytes in a column of its own: rows from the top down it covers, and what it is; undefined for none. */
export interface EntryBar {
  readonly from: number;
  readonly to: number;
  readonly mask: number;
  readonly passes: boolean;
}

/** Of bins with one entry a column. */
export function barOf({ bins, rows }: Cells, column: number): EntryBar | undefined {
  const { masks, passing } = bins;
  const base = column * rows;
  let low = 0;
  while (low < rows && masks[base + low] === 0) low++;
  if (low === rows) return undefined;
  let high = rows - 1;
  while (masks[base + high] === 0) high--;
  const mask = masks[base + low] as number;
  return {
    from: rows - 1 - high,
    to: rows - low,
    mask,
    passes: passing === undefined || passing[base + low] !== 0,
  };
}
