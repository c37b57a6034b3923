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
  const { base } = look;
  const start = top * width + left;
  if (side === 1) {
    for (let cell = 0; cell < count; cell++)
      pixels[start + cell] = base[cells[first + cell] as number] as number;
  } else {
    for (let cell = 0, at = start; cell < count; cell++, at += side) {
      pixels.fill(base[cells[first + cell] as number] as number, at, at + side);
    }
  }
  const length = Math.min(count * side, width - left);
  for (let line = top + 1; line < bottom; line++) {
    pixels.copyWithin(line * width + left, start, start + length);
  }
  for (let line = top; line < bottom; line++) {
    for (let x = (hatchStep - (line % hatchStep)) % hatchStep; x < length; x += hatchStep) {
      const cell = cells[first + (side === 1 ? x : Math.floor(x / side))] as number;
      const colours = (x + line) % (2 * hatchStep) === 0 ? look.sparse : look.dense;
      pixels[line * width + left + x] = colours[cell] as number;
    }
  }
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
