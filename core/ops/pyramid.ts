// Levels of detail over the kinds of clusters: a cell of level n stands for 4 ** n clusters and has the worst kind among
// them, so that no problem ever disappears in a crowd. A third of a byte a cluster. The first pass counts kinds as well.
import type { Pace } from "../base/pace.ts";

export const cellsAtOnce = 4;
/** Cells made between two looks at the clock. */
const stepCells = 2 ** 20;
/** Cells made at once where all below are alike: most of a map is data in long stretches, which memcmp tells. */
const alikeCells = 4096;

export interface Pyramid {
  /** Level 0 is the kinds themselves; the last level has one cell. */
  readonly levels: readonly Uint8Array[];
  /** Clusters by number of kind. */
  readonly counts: Float64Array;
}

/** Levels over so many cells, with that of the cells themselves. */
export function levelsFor(cells: number): number {
  let levels = 1;
  for (let below = cells; below > 1; below = Math.ceil(below / cellsAtOnce)) levels++;
  return levels;
}

/** `memory`: arrays that levels from 1 on may be made in. Undefined when stopped. */
export async function buildPyramid(
  kinds: Uint8Array<ArrayBuffer>,
  pace: Pace,
  memory: readonly Uint8Array<ArrayBuffer>[] = [],
): Promise<Pyramid | undefined> {
  const counts = new Float64Array(256);
  const levels = [kinds];
  if (kinds.length === 1) countOne(kinds[0] as number, counts);
  for (let below = kinds; below.length > 1; ) {
    const level = memory[levels.length] ?? new Uint8Array(Math.ceil(below.length / cellsAtOnce));
    const counted = below === kinds ? counts : undefined;
    for (let first = 0; first < level.length; first += stepCells) {
      alikeOrWorst(below, level, first, Math.min(level.length, first + stepCells), counted);
      if (pace.due) await pace.turn();
      if (pace.stopped) return undefined;
    }
    levels.push(level);
    below = level;
  }
  return { levels, counts };
}

function alikeOrWorst(
  below: Uint8Array<ArrayBuffer>,
  level: Uint8Array,
  first: number,
  end: number,
  counts: Float64Array | undefined,
): void {
  const alike = Buffer.alloc(alikeCells * cellsAtOnce);
  let filledWith = 0;
  for (let from = first; from < end; from += alikeCells) {
    const to = Math.min(end, from + alikeCells);
    const part = below.subarray(from * cellsAtOnce, to * cellsAtOnce);
    const kind = part[0] as number;
    if (part.at(-1) === kind && kind !== filledWith) {
      alike.fill(kind);
      filledWith = kind;
    }
    if (part.at(-1) === kind && Buffer.compare(part, alike.subarray(0, part.length)) === 0) {
      level.fill(kind, from, to);
      if (counts !== undefined) countOne(kind, counts, part.length);
    } else worstOf(below, level, from, to, counts);
  }
}

/** Fours that are alike are the rule: each is one word, counted together with those like it before. */
function worstOf(
  below: Uint8Array<ArrayBuffer>,
  level: Uint8Array,
  first: number,
  end: number,
  counts: Float64Array | undefined,
): void {
  const words = new Uint32Array(below.buffer, 0, Math.floor(below.length / cellsAtOnce));
  let last = -1;
  let worst = 0;
  let alike = 0;
  let cell = first;
  for (; cell < Math.min(end, words.length); cell++) {
    const word = words[cell] as number;
    if (word !== last) {
      if (counts !== undefined && alike > 0) countWord(last, alike, counts);
      last = word;
      alike = 0;
      worst = Math.max(word & 0xff, (word >>> 8) & 0xff, (word >>> 16) & 0xff, word >>> 24);
    }
    alike++;
    level[cell] = worst;
  }
  if (counts !== undefined && alike > 0) countWord(last, alike, counts);
  if (cell === end) return;
  // The last cell of the level has fewer below it.
  const rest = below.subarray(cell * cellsAtOnce);
  level[cell] = Math.max(...rest);
  if (counts !== undefined) for (const kind of rest) countOne(kind, counts);
}

function countWord(word: number, times: number, counts: Float64Array): void {
  for (let shift = 0; shift < 32; shift += 8) countOne((word >>> shift) & 0xff, counts, times);
}

function countOne(kind: number, counts: Float64Array, times = 1): void {
  counts[kind] = (counts[kind] ?? 0) + times;
}
