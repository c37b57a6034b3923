// What an entry of an L1 or L2 table says, from its halves. Specification: qcow2, "Cluster mapping".
//
//   L1        bits 9..55 offset of an L2 table, 63 COPIED
//   L2        bits 9..55 offset of a cluster, 0 reads as zeroes, 62 compressed, 63 COPIED
//   extended  a second word: bits 0..31 subclusters that are allocated, 32..63 those that read as zeroes
//   compressed  x = 62 - (cluster_bits - 8): bits 0..x-1 offset of a byte, x..61 further sectors of 512 bytes

/** Kinds of what one L2 entry, or one subcluster of an extended one, says. */
export const entryKind = {
  unallocated: 0,
  /** Reads as zeroes and has no place in the file. */
  zeroPlain: 1,
  zeroAllocated: 2,
  data: 3,
  compressed: 4,
  /** A subcluster that reads from the backing file; its cluster has a place in the file. */
  unallocatedInCluster: 5,
  /** Both bits of some subcluster are set, or one is said to be allocated in no cluster. */
  invalid: 6,
} as const;
export type EntryKind = (typeof entryKind)[keyof typeof entryKind];

const offsetHigh = 0x00ffffff;
const offsetLow = 0xfffffe00 | 0;
const compressedBit = 0x40000000;
const copiedBit = 0x80000000 | 0;

export const isCopied = (high: number) => (high & copiedBit) !== 0;
export const isCompressed = (high: number) => (high & compressedBit) !== 0;

/** Bits 9 to 55 as an offset: exact, since all below the 9th are 0. */
export function offsetOf(high: number, low: number): number {
  return (high & offsetHigh) * 0x100000000 + ((low & offsetLow) >>> 0);
}

export const hasOffset = (high: number, low: number) => (high & offsetHigh) !== 0 || (low & offsetLow) !== 0;

/** Of a standard entry. `isExternal`: offset 0 is a place in the data file where the entry is COPIED. */
export function kindOf(high: number, low: number, isExternal: boolean): EntryKind {
  if (isCompressed(high)) return entryKind.compressed;
  const isPlaced = hasOffset(high, low) || (isExternal && isCopied(high));
  if ((low & 1) !== 0) return isPlaced ? entryKind.zeroAllocated : entryKind.zeroPlain;
  return isPlaced ? entryKind.data : entryKind.unallocated;
}

/** Of a subcluster of an extended entry: `zeroes` and `allocated` are the halves of its bitmap. */
export function subclusterKind(
  high: number,
  low: number,
  zeroes: number,
  allocated: number,
  subcluster: number,
  isExternal: boolean,
): EntryKind {
  if (isCompressed(high)) return entryKind.compressed;
  const isPlaced = hasOffset(high, low) || (isExternal && isCopied(high));
  // What contradicts itself anywhere is believed nowhere.
  if ((zeroes & allocated) !== 0 || (!isPlaced && allocated !== 0)) return entryKind.invalid;
  if (((zeroes >>> subcluster) & 1) === 1) return isPlaced ? entryKind.zeroAllocated : entryKind.zeroPlain;
  if (!isPlaced) return entryKind.unallocated;
  return ((allocated >>> subcluster) & 1) === 1 ? entryKind.data : entryKind.unallocatedInCluster;
}

/** Bytes of the file in which a compressed cluster's stream lies; the stream may end earlier. */
export interface CompressedPlace {
  readonly offset: number;
  readonly length: number;
}

/** `offset` may be above 2^53 in entries that break a rule, and is then not exact. */
export function compressedPlace(high: number, low: number, clusterBits: number): CompressedPlace {
  // x - 32 bits of the offset in the upper half, cluster_bits - 8 bits of sectors above them.
  const split = 62 - (clusterBits - 8) - 32;
  const offset = (high & (2 ** split - 1)) * 0x100000000 + (low >>> 0);
  const sectors = (high & 0x3fffffff) >>> split;
  return { offset, length: (sectors + 1) * 512 - (offset % 512) };
}

/** The halves of the entry of a compressed cluster whose stream has `length` bytes at byte `offset` of the file. */
export function compressedEntry(
  { offset, length }: CompressedPlace,
  clusterBits: number,
): readonly [high: number, low: number] {
  const split = 62 - (clusterBits - 8) - 32;
  const further = Math.floor((offset + length - 1) / 512) - Math.floor(offset / 512);
  return [compressedBit | (further << split) | Math.floor(offset / 0x100000000), offset | 0];
}

/** Reserved bits of entries that are set, for those who check. */
export const hasReservedL1Bits = (high: number, low: number) =>
  (high & 0x7f000000) !== 0 || (low & 0x1ff) !== 0;
export const hasReservedL2Bits = (high: number, low: number) =>
  !isCompressed(high) && ((high & 0x3f000000) !== 0 || (low & 0x1fe) !== 0);
