// Which stretches of the disk a log touches, for an axis without the gaps between them. Found by parts of equal length,
// then again by parts of what is left, until that no longer gets finer: each pass is one loop over the entries.
import { maskOf, mostUsedRanges, type UsedRange } from "./bins.ts";
import { Steps } from "./binsSteps.ts";
import type { LogIndex } from "./logIndex.ts";

const parts = 16384;
const mostPasses = 5;
/** A gap is left out when it is at least this share of all that is left: a smaller one is no gain. */
const leastGap = 1 / 64;

/** Ascending, apart, whole sectors of the log; between them nothing is written or discarded. */
export function usedRanges(index: LogIndex): readonly UsedRange[] {
  let ranges: readonly UsedRange[] = [{ offset: 0, length: index.diskEnd }];
  if (index.diskEnd === 0) return [];
  for (let pass = 0; pass < mostPasses; pass++) {
    const before = total(ranges);
    ranges = narrowed(index, ranges);
    if (total(ranges) > before / 2) break;
  }
  return ranges;
}

function total(ranges: readonly UsedRange[]): number {
  return ranges.reduce((sum, { length }) => sum + length, 0);
}

function narrowed(index: LogIndex, ranges: readonly UsedRange[]): readonly UsedRange[] {
  const steps = new Steps(divided(ranges, index.sectorSize));
  const covered = coverage(index, steps);
  const used: UsedRange[] = [];
  for (let step = 0; step < steps.count; step++) {
    if (covered[step] === 0) continue;
    const offset = steps.bounds[step] as number;
    const end = steps.bounds[step + 1] as number;
    const last = used[used.length - 1];
    if (last !== undefined && last.offset + last.length === offset) {
      used[used.length - 1] = { offset: last.offset, length: end - last.offset };
    } else used.push({ offset, length: end - offset });
  }
  return joined(used);
}

/** Bounds of about `parts` parts of the ranges, whole sectors; gaps between ranges are parts too. */
function divided(ranges: readonly UsedRange[], sectorSize: number): Float64Array {
  const part = Math.ceil(total(ranges) / parts / sectorSize) * sectorSize;
  const bounds: number[] = [];
  for (const { offset, length } of ranges) {
    for (let at = offset; at < offset + length; at += part) bounds.push(at);
    bounds.push(offset + length);
  }
  return Float64Array.from(bounds.filter((bound, i) => bound !== bounds[i - 1]));
}

/** By step: how many entries touch it. */
function coverage(index: LogIndex, steps: Steps): Int32Array {
  const changes = new Int32Array(steps.count + 1);
  for (let entry = 0; entry < index.count; ) {
    const { offset, length, flags, row: first, end } = index.columnsAt(entry);
    for (let row = first; row < end; row++) {
      const size = length[row] as number;
      if (maskOf(flags[row] as number, size) === 0) continue;
      const from = steps.find(offset[row] as number);
      const to = steps.find((offset[row] as number) + size - 1);
      changes[from] = (changes[from] as number) + 1;
      changes[to + 1] = (changes[to + 1] as number) - 1;
    }
    entry += end - first;
  }
  for (let step = 1; step < changes.length; step++) {
    changes[step] = (changes[step] as number) + (changes[step - 1] as number);
  }
  return changes;
}

/** Without the gaps that are too small, or too many. */
function joined(used: readonly UsedRange[]): readonly UsedRange[] {
  const least = total(used) * leastGap;
  const gaps = used
    .slice(1)
    .map(({ offset }, i) => ({ before: i + 1, length: offset - endOf(used[i] as UsedRange) }))
    .filter(({ length }) => length >= least)
    .sort((a, b) => b.length - a.length)
    .slice(0, mostUsedRanges - 1);
  const kept = new Set(gaps.map(({ before }) => before));
  const ranges: UsedRange[] = [];
  for (const [i, range] of used.entries()) {
    const last = ranges[ranges.length - 1];
    if (last === undefined || kept.has(i)) ranges.push(range);
    else ranges[ranges.length - 1] = { offset: last.offset, length: endOf(range) - last.offset };
  }
  return ranges;
}

function endOf({ offset, length }: UsedRange): number {
  return offset + length;
}
