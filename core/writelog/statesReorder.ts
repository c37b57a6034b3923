// A sample of the states that a power failure can leave between two flushes (write-log reference, 8): when the first so
// many entries are complete, what came before the last flush is on the disk and so is every FUA write; of the other writes
// and discards any subset is. Those that are there are applied in the order of the log.
//
// With `torn`, a write that did not land as a whole may have landed in part: sectors at its beginning, its end, or around a
// gap. A sample: which states are drawn depends on the seed alone.
import { isDurableAt } from "./history.ts";
import { entryFlags } from "./layout.ts";
import { coversDisk, has, type LogIndex } from "./logIndex.ts";
import { formatLost, type LostSectors, type LostWrites } from "./lost.ts";
import type { CrashState, ReorderSample } from "./states.ts";

/** Draws that give nothing new, for each state, before there are taken to be no more. */
const mostRepeats = 50;
/** Volatile writes that one state takes into account, the last ones before the crash. */
const mostVolatile = 4096;

/** Ascending by entries, then by what was lost; no two alike. Nothing that is durable is ever lost. */
export function reorderedStates(
  index: LogIndex,
  [first, end]: readonly [number, number],
  { count, seed, torn }: ReorderSample,
): CrashState[] {
  const moments = volatileMoments(index, first, end);
  const found = new Map<string, { readonly text: string; readonly state: CrashState }>();
  const next = randomNumbers(seed);
  for (let misses = 0; moments.length > 0 && found.size < count && misses < mostRepeats * count; misses++) {
    const entries = moments[Math.floor(next() * moments.length)] ?? end;
    const lost = drawLost(index, volatileAt(index, entries, first), next, torn);
    const text = formatLost(lost);
    const key = `${entries} ${text}`;
    if (lost.size === 0 || found.has(key)) continue;
    found.set(key, { text, state: { entries, lost, kind: "reorder" } });
  }
  return [...found.values()]
    .sort((a, b) => a.state.entries - b.state.entries || (a.text < b.text ? -1 : 1))
    .map(({ state }) => state);
}

/** Numbers of entries after which some write is not durable: behind each write that changes the disk. */
function volatileMoments(index: LogIndex, first: number, end: number): number[] {
  const moments: number[] = [];
  let isVolatile = false;
  for (let entry = first; entry < end; entry++) {
    const flags = index.flagsOf(entry);
    // A flush with data comes before its data. What was lost to damage may have been one.
    if (has(flags, entryFlags.flush) || index.gapBefore(entry + 1) === entry) isVolatile = false;
    if (!coversDisk(index, entry)) continue;
    if (!has(flags, entryFlags.fua)) isVolatile = true;
    // A FUA write changes what can be there: what was volatile before it still is.
    if (isVolatile) moments.push(entry + 1);
  }
  return moments;
}

/** Writes and discards from `first` on that a crash after `entries` entries can take, ascending; the last `most`. */
export function volatileAt(
  index: LogIndex,
  entries: number,
  first: number,
  most: number = mostVolatile,
): number[] {
  // A flush with data comes before its data: those are volatile.
  const flush = Math.max(index.flushes.atOrBefore(entries - 1) ?? -1, index.gapBefore(entries));
  const found: number[] = [];
  for (let entry = entries - 1; entry >= Math.max(first, flush) && found.length < most; entry--) {
    if (coversDisk(index, entry) && !isDurableAt(index, entry, entries)) found.push(entry);
  }
  return found.reverse();
}

/** Losing one, or all but one, is what most defects need and what halves drawn at random seldom give. */
function drawLost(
  index: LogIndex,
  volatile: readonly number[],
  next: () => number,
  torn: boolean,
): LostWrites {
  const lost = new Map<number, LostSectors | undefined>();
  const way = Math.floor(next() * 3);
  const chosen = Math.floor(next() * volatile.length);
  for (const [i, entry] of volatile.entries()) {
    const isLost = way === 0 ? i === chosen : way === 1 ? i !== chosen : next() < 0.5;
    if (!isLost) continue;
    lost.set(entry, torn && next() < 0.5 ? tornSectors(index, entry, next) : undefined);
  }
  return lost;
}

/** Some but not all of the entry's sectors; undefined, all of it, where it has only one. */
function tornSectors(index: LogIndex, entry: number, next: () => number): LostSectors | undefined {
  const sectors = index.lengthOf(entry) / index.sectorSize;
  if (sectors < 2) return undefined;
  const kept = 1 + Math.floor(next() * (sectors - 1));
  const first = Math.floor(next() * (kept + 1));
  return { first, end: first + sectors - kept };
}

/** From 0 to below 1, the same for a seed everywhere: xorshift128 on 32-bit words. */
function randomNumbers(seed: number): () => number {
  let [x, y, z, w] = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0, 0x9e3779b9, 0x243f6a88];
  const step = () => {
    const t = (x ^ (x << 11)) >>> 0;
    [x, y, z] = [y, z, w];
    w = (w ^ (w >>> 19) ^ t ^ (t >>> 8)) >>> 0;
    return w / 2 ** 32;
  };
  for (let i = 0; i < 16; i++) step();
  return step;
}
