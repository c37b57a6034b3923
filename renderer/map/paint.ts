// Cells as pixels: one pass over what shows. Small cells are a pixel or a few of their colour; larger ones are copies
// of ready tiles. The work is bounded by the pixels of the canvas, never by the clusters of the image.
import type { MapLayout } from "./contract.ts";
import { cutOff } from "./geometry.ts";
import type { CellLook } from "./look.ts";

/** Pixels between diagonals of the dense hatch; every other one belongs to the sparse hatch as well. */
const hatchStep = 4;

/** A buffer of width * height pixels. */
export interface PixelBuffer {
  readonly pixels: Uint32Array;
  readonly width: number;
  readonly height: number;
}

/**
 * Paints the cells that show: `cells` are those from the first of the top row on. What is beside the grid, and behind
 * its last cell, is background.
 */
export function paintCells(
  target: PixelBuffer,
  layout: MapLayout,
  topRow: number,
  cells: Uint8Array,
  look: CellLook,
): void {
  target.pixels.fill(look.background);
  const { side, columns, left } = layout;
  // A canvas too narrow for a single cell.
  if (left + columns * side > target.width) return;
  const rows = Math.ceil(cells.length / columns);
  const offset = cutOff(topRow, layout);
  for (let row = 0; row < rows; row++) {
    const y = row * side - offset;
    if (y >= target.height) return;
    const first = row * columns;
    const count = Math.min(columns, cells.length - first);
    if (look.tiles !== undefined) paintTiles(target, layout, y, cells, first, count, look.tiles);
    else paintRow(target, layout, y, cells, first, count, look);
  }
}

/** A row of cells without shapes: its first line of pixels is made, the others are copies, hatched if need be. */
function paintRow(
  { pixels, width, height }: PixelBuffer,
  { left, side }: MapLayout,
  y: number,
  cells: Uint8Array,
  first: number,
  count: number,
  look: CellLook,
): void {
  const top = Math.max(0, y);
  const bottom = Math.min(height, y + side);
  if (top >= bottom) return;
  const start = top * width + left;
  const hatched = paintLine(pixels, start, cells.subarray(first, first + count), side, look);
  const length = count * side;
  for (let line = top + 1; line < bottom; line++) {
    pixels.copyWithin(line * width + left, start, start + length);
  }
  for (let line = top; hatched && line < bottom; line++) {
    for (let x = (hatchStep - (line % hatchStep)) % hatchStep; x < length; x += hatchStep) {
      const cell = cells[first + Math.floor(x / side)] as number;
      const colours = (x + line) % (2 * hatchStep) === 0 ? look.sparse : look.dense;
      pixels[line * width + left + x] = colours[cell] as number;
    }
  }
}

/** One line of pixels of a row of cells; says whether some of them are hatched. */
function paintLine(
  pixels: Uint32Array,
  start: number,
  cells: Uint8Array,
  side: number,
  { base, sparse }: CellLook,
): boolean {
  let hatched = false;
  let at = start;
  for (let index = 0; index < cells.length; index++) {
    const cell = cells[index] as number;
    const colour = base[cell] as number;
    if (sparse[cell] !== colour) hatched = true;
    // A loop of its own: `fill` costs more than the few pixels it would write.
    for (const end = at + side; at < end; at++) pixels[at] = colour;
  }
  return hatched;
}

function paintTiles(
  { pixels, width, height }: PixelBuffer,
  { left, side }: MapLayout,
  y: number,
  cells: Uint8Array,
  first: number,
  count: number,
  tiles: NonNullable<CellLook["tiles"]>,
): void {
  const bottom = Math.min(height, y + side);
  for (let line = Math.max(0, y); line < bottom; line++) {
    const from = (line - y) * side;
    let at = line * width + left;
    for (let cell = 0; cell < count; cell++) {
      const tile = tiles[cells[first + cell] as number]?.pixels as Uint32Array;
      for (let source = from; source < from + side; source++) pixels[at++] = tile[source] as number;
    }
  }
}
