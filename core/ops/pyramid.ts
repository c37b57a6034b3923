// Levels of detail over the kinds of clusters: a cell of level n stands for 4 ** n clusters and has the worst kind among
// them, so that no problem ever disappears in a crowd. A third of a byte a cluster.
import type { Pace } from "./pace.ts";

export const cellsAtOnce = 4;
/** Cells made between two looks at the clock. */
const stepCells = 2 ** 20;

/** Level 0 is `kinds` itself; the last level has one cell. Undefined when stopped. */
export async function buildPyramid(
  kinds: Uint8Array,
  pace: Pace,
): Promise<readonly Uint8Array[] | undefined> {
  const levels = [kinds];
  for (let below = kinds; below.length > 1; ) {
    const level = new Uint8Array(Math.ceil(below.length / cellsAtOnce));
    for (let first = 0; first < level.length; first += stepCells) {
      worstOf(below, level, first, Math.min(level.length, first + stepCells));
      if (pace.due) await pace.turn();
      if (pace.stopped) return undefined;
    }
    levels.push(level);
    below = level;
  }
  return levels;
}

function worstOf(below: Uint8Array, level: Uint8Array, first: number, end: number): void {
  for (let cell = first; cell < end; cell++) {
    const from = cell * cellsAtOnce;
    let worst = 0;
    for (let at = from; at < from + cellsAtOnce && at < below.length; at++) {
      const kind = below[at] as number;
      if (kind > worst) worst = kind;
    }
    level[cell] = worst;
  }
}
