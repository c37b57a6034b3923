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

/** What precedes a piece of a table: its last counted entry, for the count of fragments. */
export interface Previous {
  low: number;
  high: number;
  exists: boolean;
}

/**
 * `halves` are the entries of a piece of the table, low halves first; `bad` hears the index in the piece of an entry
 * that points nowhere it may.
 */
export function scanTable(
  halves: Uint32Array,
  bounds: Bounds,
  usage: ClusterUsage,
  previous: Previous,
  counts: TableCounts,
  bad: (index: number) => void,
): void {
  const { clusterSize } = bounds;
  const bits = Math.log2(clusterSize);
  const highFactor = 2 ** (32 - bits);
  const inCluster = clusterSize - 1;
  const first = bounds.dataStart / clusterSize;
  const end = bounds.fileEnd / clusterSize;
  const total = halves.length;
  for (let at = 0; at < total; at += 2) {
    const low = halves[at] as number;
    const high = halves[at + 1] as number;
    if (high === 0 && low < 2) continue;
    // The entry that would be a neighbour of the one before; beyond 2^32 the sum carries into the high half.
    const next = previous.low + clusterSize;
    const isNeighbour =
      next < 0x100000000
        ? low === next && high === previous.high
        : low === next - 0x100000000 && high === previous.high + 1;
    if (previous.exists && !isNeighbour) counts.fragmented++;
    previous.exists = true;
    const index = high * highFactor + (low >>> bits);
    if ((low & inCluster) !== 0 || index < first || index >= end) {
      counts.allocated++;
      previous.low = low;
      previous.high = high;
      bad(at / 2);
      continue;
    }
    // How many entries behind this one go on where it ends, inside the file and without a carry.
    let run = 1;
    const most = Math.min((total - at) / 2, end - index, Math.floor((0xffffffff - low) / clusterSize) + 1);
    let expected = low + clusterSize;
    for (let look = at + 2; run < most && halves[look] === expected && halves[look + 1] === high; look += 2) {
      run++;
      expected += clusterSize;
    }
    if (run === 1) {
      if (usage.mark(index)) counts.again++;
    } else counts.again += usage.markRun(index, run);
    counts.allocated += run;
    previous.low = expected - clusterSize;
    previous.high = high;
    at += (run - 1) * 2;
  }
}
