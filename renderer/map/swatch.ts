// A cell as it stands in the legend, on the page or in an exported picture: the very tile that the map is made of.
import type { ClusterKind } from "../../core/block/structure.ts";
import { type CellStyle, cellTile } from "./look.ts";

/** CSS pixels of a swatch: large enough for a letter, with room for a pattern. */
export const swatchSide = 17;

/** Draws a kind with its letter, or with its pattern where it has none, at x, y (device pixels). */
export function drawSwatch(
  context: CanvasRenderingContext2D,
  style: CellStyle,
  kind: ClusterKind,
  x: number,
  y: number,
): void {
  const side = Math.round(swatchSide * style.scale);
  const { width, height, pixels } = cellTile(style, kind, side);
  const image = new ImageData(width, height);
  new Uint32Array(image.data.buffer).set(pixels);
  context.putImageData(image, x, y);
}
