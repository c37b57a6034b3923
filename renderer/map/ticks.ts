// Where in the whole map problems are, beside its scrollbar: the worst kind of each pixel's share. Pure.
import { firstProblem } from "../../core/block/structure.ts";

/** The number of the worst kind for each of `height` pixels, 0 where there is no problem. */
export function problemTicks(cells: Uint8Array, height: number): Uint8Array {
  const ticks = new Uint8Array(Math.max(0, height));
  if (height <= 0) return ticks;
  for (const [cell, kind] of cells.entries()) {
    // Not loaded is no kind, and larger than all of them.
    if (kind < firstProblem || kind === 255) continue;
    const first = Math.floor((cell * height) / cells.length);
    ticks[first] = Math.max(ticks[first] as number, kind);
  }
  return ticks;
}
