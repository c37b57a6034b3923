// Which rule of the format an L2 entry breaks: reading and writing stop at the same ones. What a check finds besides has
// no effect on either. Specification: qcow2, "Cluster mapping" and "Extended L2 Entries".
import { hex, hexIndex } from "../../base/bytes.ts";
import { type EntryKind, entryKind, isCopied, offsetOf } from "./entry.ts";
import type { Qcow2Header } from "./layout.ts";

export interface EntryPlace {
  /** Offset of the L2 table, index in it, and the guest offset of the cluster. */
  readonly table: number;
  readonly index: number;
  readonly guest: number;
}

export interface EntryFault {
  readonly why: string;
  /** The peer's line about it. */
  readonly words: string;
}

/** `kind` is of the entry, or of one subcluster: `invalid` where its bitmap contradicts itself. */
export function faultOf(
  image: Pick<Qcow2Header, "version" | "clusterSize" | "hasDataFile">,
  kind: EntryKind,
  { high, low }: { readonly high: number; readonly low: number },
  place: EntryPlace,
): EntryFault | undefined {
  const { version, clusterSize, hasDataFile } = image;
  if (kind === entryKind.invalid) {
    const why = "its bitmap of subclusters contradicts itself";
    return { why, words: `Invalid cluster entry found ${whereIs(place)}` };
  }
  if (kind === entryKind.compressed) {
    if (!hasDataFile) return undefined;
    const why = "a compressed cluster in an image with an external data file";
    return {
      why,
      words: `Compressed cluster entry found in image with external data file ${whereIs(place)}`,
    };
  }
  const isEmpty = kind === entryKind.unallocated || kind === entryKind.zeroPlain;
  if ((kind === entryKind.zeroPlain || kind === entryKind.zeroAllocated) && version < 3) {
    const why = "a zero cluster, which version 2 does not have";
    return { why, words: `Zero cluster entry found in pre-v3 image ${whereIs(place)}` };
  }
  const offset = offsetOf(high, low);
  if (offset % clusterSize !== 0) {
    const why = `it is not aligned to the cluster size (${hex(clusterSize)})`;
    return { why, words: `Cluster allocation offset ${hex(offset)} unaligned ${whereIs(place)}` };
  }
  const isPlaced = !isEmpty && (offset !== 0 || isCopied(high));
  if (!hasDataFile || !isPlaced || offset === place.guest) return undefined;
  const start = `External data file host cluster offset ${hex(offset)} does not match guest cluster offset`;
  return {
    why: `in the external data file this cluster lies at ${hex(place.guest)}`,
    words: `${start}: ${hex(place.guest)}, L2 index: ${hexIndex(place.index)})`,
  };
}

/** Only where it is wanted: nearly every entry breaks no rule, and reading looks at one for every request. */
function whereIs({ table, index }: EntryPlace): string {
  return `(L2 offset: ${hex(table)}, L2 index: ${hexIndex(index)})`;
}
