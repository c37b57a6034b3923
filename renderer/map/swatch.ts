// A cell as it stands in the legend, on the page or in an exported picture: the very tile that the map is made of.
import type { Look } from "./kinds.ts";
import { type CellStyle, cellTile } from "./look.ts";

/** CSS pixels of a swatch: large enough for a letter, with room for a pattern. */
export const swatchSide = 17;

/** Draws a kind or class with its letter, or with its pattern where it has none, at x, y (device pixels). */
export function drawSwatch(
  context: CanvasRenderingContext2D,
  style: CellStyle,
  look: Look,
  x: number,
  y: number,
): void {
  const side = Math.round(swatchSide * style.scale);
  const { width, height, pixels } = cellTile(style, look, side);
  const image = new ImageData(width, height);
  new Uint32Array(image.data.buffer).set(pixels);
  context.putImageData(image, x, y);
}
