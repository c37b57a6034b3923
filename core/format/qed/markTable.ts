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
  // The word of bits under way is kept at hand: neighbours share one.
  let word = 0;
  let bits32 = owned[0] ?? 0;
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
    if (index < min) min = index;
    if (index > max) max = index;
    if (index >>> 5 !== word) {
      owned[word] = bits32;
      word = index >>> 5;
      bits32 = owned[word] as number;
    }
    const bit = 1 << (index & 31);
    if ((bits32 & bit) !== 0) {
      marks.again(index);
      again++;
    }
    bits32 |= bit;
  }
  owned[word] = bits32;
  table.min = min;
  table.max = max;
  table.again = again;
  table.allocated = allocated;
  table.zero = zero;
}
