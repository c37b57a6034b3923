// What a write makes of one cluster: which bytes around it have to be filled with what was there before, and the bitmap
// of an extended entry afterwards. Clusters without subclusters count as one. Specification: qcow2, "Extended L2 Entries".
import { subclustersPerCluster } from "../layout.ts";

export interface ClusterWrite {
  /** Bytes of the cluster that are in their place after the write: what was written, and what had to be copied around it. */
  readonly from: number;
  readonly end: number;
  readonly zeroes: number;
  readonly allocated: number;
}

/** Of a cluster without subclusters. `isThere`: its data are where they will be. */
export function plainWrite(clusterSize: number, from: number, end: number, isThere: boolean): ClusterWrite {
  const bitmap = { zeroes: 0, allocated: 0 };
  return isThere ? { from, end, ...bitmap } : { from: 0, end: clusterSize, ...bitmap };
}

/**
 * Of bytes [from, end) of an extended cluster. What is allocated in it is copied when the cluster moves; subclusters that
 * the write touches in part become whole.
 */
export function subclusterWrite(
  clusterSize: number,
  from: number,
  end: number,
  old: { readonly zeroes: number; readonly allocated: number; readonly moves: boolean },
): ClusterWrite {
  const size = clusterSize / subclustersPerCluster;
  let first = Math.floor(from / size);
  let last = Math.ceil(end / size) - 1;
  if (old.moves && old.allocated !== 0) {
    first = Math.min(first, 31 - Math.clz32(old.allocated & -old.allocated));
    last = Math.max(last, 31 - Math.clz32(old.allocated));
  }
  const cover = bitsFrom(first, last);
  const isThere = (subcluster: number) => !old.moves && ((old.allocated >>> subcluster) & 1) === 1;
  return {
    from: isThere(first) ? Math.max(from, first * size) : first * size,
    end: isThere(last) ? Math.min(end, (last + 1) * size) : (last + 1) * size,
    zeroes: old.zeroes & ~cover,
    allocated: (old.moves ? 0 : old.allocated) | cover,
  };
}

/** Bits `first` to `last`, both included. */
export function bitsFrom(first: number, last: number): number {
  return (-1 << first) & (-1 >>> (31 - last));
}
