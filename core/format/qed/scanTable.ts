// One pass over the entries of an L2 table: what they point to is marked, and what breaks a rule is told. The hot loop
// of a check: 64-bit entries as two 32-bit halves, and runs of neighbours marked together, as most tables consist of
// them.
import type { Bounds } from "./layout.ts";
import type { ClusterUsage } from "./usage.ts";

export interface TableCounts {
  allocated: number;
  fragmented: number;
  /** Entries that point to a cluster which was in use already. */
  again: number;
}

/** What precedes a piece of a table: its last counted entry as signed halves, for the count of fragments. */
export interface Previous {
  low: number;
  high: number;
  exists: boolean;
}

/**
 * `halves` are the entries of a piece of the table, low halves first, signed because those are the integers that the
 * loop is fast with; `bad` hears the index in the piece of an entry
 * that points nowhere it may.
 */
export function scanTable(
  halves: Int32Array,
  bounds: Bounds,
  usage: ClusterUsage,
  previous: Previous,
  counts: TableCounts,
  bad: (index: number) => void,
): void {
  const { clusterSize } = bounds;
  const bits = Math.log2(clusterSize);
  const inCluster = clusterSize - 1;
  const first = bounds.dataStart / clusterSize;
  const span = bounds.fileEnd / clusterSize - first;
  const mostHigh = Math.floor(bounds.fileEnd / 2 ** 32);
  const used = usage.words;
  const total = halves.length;
  let [nextLow, nextHigh] = neighbourOf(previous.low, previous.high, clusterSize);
  let fragments = previous.exists ? 1 : 0;
  let [allocated, fragmented, again] = [0, 0, 0];
  for (let at = 0; at < total; at += 2) {
    const low = halves[at] as number;
    const high = halves[at + 1] as number;
    if (high === 0 && low >>> 1 === 0) continue;
    const isNeighbour = low === nextLow && high === nextHigh;
    // The first entry of a table begins no fragment.
    if (!isNeighbour) fragmented += fragments;
    fragments = 1;
    allocated++;
    nextLow = (low + clusterSize) | 0;
    nextHigh = nextLow >>> 0 < clusterSize ? (high + 1) | 0 : high;
    const index = (high << (32 - bits)) | (low >>> bits);
    // Unsigned comparisons: what is below the first cluster is as far off as what is past the end.
    if ((low & inCluster) !== 0 || high >>> 0 > mostHigh || (index - first) >>> 0 >= span) bad(at / 2);
    else if (isNeighbour) {
      const run = runLength(halves, at, clusterSize, first + span - index);
      again += usage.markRun(index, run);
      allocated += run - 1;
      at += (run - 1) * 2;
      [nextLow, nextHigh] = neighbourOf(halves[at] as number, high, clusterSize);
    } else {
      const word = index >>> 5;
      const bit = 1 << (index & 31);
      const old = used[word] as number;
      if ((old & bit) === 0) used[word] = old | bit;
      else {
        usage.markAgain(word, bit);
        again++;
      }
    }
  }
  counts.allocated += allocated;
  counts.fragmented += fragmented;
  counts.again += again;
  previous.exists = fragments === 1;
  previous.low = (nextLow - clusterSize) | 0;
  previous.high = nextLow >>> 0 < clusterSize ? (nextHigh - 1) | 0 : nextHigh;
}

/** Both halves as signed 32-bit integers. */
function neighbourOf(low: number, high: number, clusterSize: number): [low: number, high: number] {
  const next = (low + clusterSize) | 0;
  return [next, next >>> 0 < clusterSize ? (high + 1) | 0 : high];
}

/** How many entries from `at` on go on where the one before ends: inside the file, and without a carry. */
export function runLength(halves: Int32Array, at: number, clusterSize: number, clustersLeft: number): number {
  const low = halves[at] as number;
  const high = halves[at + 1] as number;
  const beforeCarry = Math.floor((0xffffffff - (low >>> 0)) / clusterSize) + 1;
  const most = Math.min((halves.length - at) / 2, clustersLeft, beforeCarry);
  let run = 1;
  let expected = (low + clusterSize) | 0;
  for (let look = at + 2; run < most && halves[look] === expected && halves[look + 1] === high; look += 2) {
    run++;
    expected = (expected + clusterSize) | 0;
  }
  return run;
}
