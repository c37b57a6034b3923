// One pass over the entries of an L2 table for the map: a bit for what they point to, and the span of clusters in
// which that lies, by which the tables that may refer to a cluster are found again.
import type { ClusterMarks } from "../../block/clusterMarks.ts";
import type { Bounds } from "./layout.ts";

export interface TableMarks {
  /** Entries that point to a cluster or would, and those of zero clusters. */
  allocated: number;
  zero: number;
  /** Of those, references to clusters which have an owner. */
  again: number;
  /** First and last cluster referred to; `min` above `max` when there is none. */
  min: number;
  max: number;
}

/** `halves` as in TablePiece.signed; `bad` hears the index in the piece of an entry that points nowhere it may. */
export function markTable(
  halves: Int32Array,
  { clusterSize, dataStart, fileEnd }: Bounds,
  marks: ClusterMarks,
  table: TableMarks,
  bad: (index: number) => void,
): void {
  const bits = Math.log2(clusterSize);
  const inCluster = clusterSize - 1;
  const first = dataStart / clusterSize;
  const end = fileEnd / clusterSize;
  const mostHigh = Math.floor(fileEnd / 2 ** 32);
  const { owned } = marks;
  let { min, max, again, allocated, zero } = table;
  for (let at = 0; at < halves.length; at += 2) {
    const low = halves[at] as number;
    const high = halves[at + 1] as number;
    if (high === 0 && (low === 0 || low === 1)) {
      zero += low;
      continue;
    }
    allocated++;
    // Below 2^29 clusters, and `high` is looked at first: no bit is lost.
    const index = (high << (32 - bits)) | (low >>> bits);
    if (high < 0 || high > mostHigh || (low & inCluster) !== 0 || index < first || index >= end) {
      bad(at / 2);
      continue;
    }
    const next = (low + clusterSize) | 0;
    const isRun = at + 2 < halves.length && halves[at + 2] === next && halves[at + 3] === high;
    const run = isRun ? runLength(halves, at, clusterSize, end - index) : 1;
    if (index < min) min = index;
    if (index + run - 1 > max) max = index + run - 1;
    if (run > 1) {
      again += marks.ownRun(index, run);
      allocated += run - 1;
      at += (run - 1) * 2;
      continue;
    }
    const word = index >>> 5;
    const bit = 1 << (index & 31);
    const old = owned[word] as number;
    if ((old & bit) === 0) owned[word] = old | bit;
    else {
      marks.again(index);
      again++;
    }
  }
  table.min = min;
  table.max = max;
  table.again = again;
  table.allocated = allocated;
  table.zero = zero;
}

/** How many entries from `at` on go on where the one before ends: inside the file, and without a carry. */
function runLength(halves: Int32Array, at: number, clusterSize: number, clustersLeft: number): number {
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
