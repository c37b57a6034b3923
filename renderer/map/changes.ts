// Cells that differ between two scans, as runs. Pure.
import type { ChangedRun } from "./overlay.ts";

/** More are not told apart by the eye. */
const mostRuns = 4000;

/** `before` and `after` are the same cells, from `first` on. */
export function changedRuns(before: Uint8Array, after: Uint8Array, first: number): readonly ChangedRun[] {
  const runs: ChangedRun[] = [];
  const length = Math.min(before.length, after.length);
  for (let at = 0; at < length && runs.length < mostRuns; at++) {
    if (before[at] === after[at]) continue;
    let end = at + 1;
    while (end < length && before[end] !== after[end]) end++;
    runs.push({ cell: first + at, count: end - at });
    at = end - 1;
  }
  return runs;
}
