// Names and meanings for entries of L1 and L2 tables, of refcount tables and blocks, and of bitmap tables.
import { hex } from "../../base/bytes.ts";
import type { StructureField } from "../../block/structure.ts";
import {
  compressedPlace,
  hasReservedL1Bits,
  hasReservedL2Bits,
  isCompressed,
  isCopied,
  offsetOf,
} from "./entry.ts";
import { guestRange, type Qcow2Header } from "./layout.ts";
import type { Part, Root } from "./parts.ts";
import { blockEntries, blockOffset, refcountIn } from "./refcounts.ts";

/** What is said of an entry; an empty one says nothing that could be pointed to. */
type Said = Pick<StructureField, "meaning" | "target"> & { readonly isEmpty?: boolean };

export const hexCluster = (index: number) => `0x${Math.floor(index).toString(16).toUpperCase()}`;

const exact = (high: number, low: number) => hex((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0));

/** A cluster that has to be aligned and in the file. */
function pointTo(what: string, offset: number, header: Qcow2Header, fileSize: number): Said {
  const { clusterSize } = header;
  if (offset % clusterSize !== 0) return { meaning: `invalid: it is not aligned to ${hex(clusterSize)}` };
  if (offset >= fileSize)
    return { meaning: `invalid: it points past the end of the file (${hex(fileSize)})` };
  return {
    meaning: `-> ${what}${hexCluster(offset / clusterSize)}`,
    target: { offset, length: clusterSize },
  };
}

/** COPIED and bits that mean nothing, behind what an entry points to. */
function withFlags(said: Said, isCopy: boolean, isReserved: boolean): Said {
  const flags = `${isCopy ? ", COPIED" : ""}${isReserved ? ", reserved bits set" : ""}`;
  return { ...said, meaning: said.meaning + flags };
}

export function l1Field(
  header: Qcow2Header,
  fileSize: number,
  { table, size }: Root,
  index: number,
  high: number,
  low: number,
): StructureField & { readonly isEmpty: boolean } {
  const offset = offsetOf(high, low);
  const isEmpty = offset === 0;
  const said: Said = isEmpty
    ? { meaning: "no L2 table: unallocated" }
    : pointTo(`L2 table ${index} at cluster `, offset, header, fileSize);
  return {
    name: `entry ${index}`,
    offset: table.offset + index * 8,
    length: 8,
    value: exact(high, low),
    ...withFlags(said, isCopied(high), hasReservedL1Bits(high, low)),
    ...guestRange({ ...header, size }, index * header.l2Entries, header.l2Entries),
    isEmpty: isEmpty && !hasReservedL1Bits(high, low),
  };
}

/** The descriptor of an L2 entry, with what its bitmap of subclusters says. */
export function l2Field(
  header: Qcow2Header,
  fileSize: number,
  part: Extract<Part, { type: "l2" }>,
  index: number,
  [high, low, zeroes, allocated]: readonly [number, number, number, number],
): StructureField & { readonly isEmpty: boolean } {
  const isExtended = header.l2EntryLength === 16;
  const said = l2Said(header, fileSize, high, low);
  const bitmap = isExtended
    ? `, subclusters ${hex(allocated >>> 0)} allocated, ${hex(zeroes >>> 0)} read as zeroes`
    : "";
  const firstCluster = part.l1Index * header.l2Entries + index;
  return {
    name: `entry ${index}`,
    offset: part.offset + index * header.l2EntryLength,
    length: header.l2EntryLength,
    value: isExtended ? `${exact(high, low)} ${exact(zeroes, allocated)}` : exact(high, low),
    meaning: said.meaning + bitmap,
    ...(said.target && { target: said.target }),
    ...guestRange({ ...header, size: part.root.size }, firstCluster, 1),
    isEmpty: said.isEmpty === true,
  };
}

function l2Said(header: Qcow2Header, fileSize: number, high: number, low: number): Said {
  if (isCompressed(high)) {
    const { offset, length } = compressedPlace(high, low, header.clusterBits);
    const flag = isCopied(high) ? ", COPIED: invalid for compressed clusters" : "";
    if (offset >= fileSize) return { meaning: `invalid: compressed data past the end of the file${flag}` };
    const meaning = `-> compressed, at most ${length} bytes from ${hex(offset)}${flag}`;
    return { meaning, target: { offset, length } };
  }
  const isReserved = hasReservedL2Bits(high, low);
  const offset = offsetOf(high, low);
  const isZero = header.l2EntryLength === 8 && (low & 1) !== 0;
  if (offset === 0 && !(header.hasDataFile && isCopied(high))) {
    const meaning = isZero ? "zero cluster" : "unallocated";
    return { ...withFlags({ meaning }, false, isReserved), isEmpty: !isReserved };
  }
  if (header.hasDataFile) {
    const meaning = `-> ${hex(offset)} of the external data file${isZero ? ", reads as zeroes" : ""}`;
    return { ...withFlags({ meaning }, isCopied(high), isReserved), isEmpty: true };
  }
  const said = pointTo("cluster ", offset, header, fileSize);
  const read = isZero ? { ...said, meaning: `${said.meaning}, reads as zeroes` } : said;
  return withFlags(read, isCopied(high), isReserved);
}

export function refcountTableField(
  header: Qcow2Header,
  fileSize: number,
  index: number,
  high: number,
  low: number,
): StructureField & { readonly isEmpty: boolean } {
  const offset = blockOffset(high, low, header.clusterSize);
  const isEmpty = high === 0 && low === 0;
  const covered = blockEntries(header);
  const range = `clusters ${hexCluster(index * covered)} to ${hexCluster((index + 1) * covered - 1)}`;
  const said: Said = isEmpty
    ? { meaning: `no block: ${range} are free` }
    : offset === undefined
      ? { meaning: "invalid: it is not aligned to the cluster size, or has reserved bits set" }
      : pointTo("refcount block at cluster ", offset, header, fileSize);
  const meaning = isEmpty || offset === undefined ? said.meaning : `${said.meaning}, for ${range}`;
  return {
    name: `entry ${index}`,
    offset: header.refcountTable.offset + index * 8,
    length: 8,
    value: exact(high, low),
    ...said,
    meaning,
    isEmpty,
  };
}

/** The entry at a byte of a refcount block, or the entries where several share the byte. `block` is the whole block. */
export function refcountField(
  header: Qcow2Header,
  { index, offset }: { readonly index: number; readonly offset: number },
  at: number,
  block: Uint8Array,
): StructureField {
  const order = header.refcountOrder;
  const perByte = Math.max(1, 8 / 2 ** order);
  const bytes = Math.max(1, 2 ** order / 8);
  const first = Math.floor((at - offset) / bytes) * perByte;
  const counts = Array.from({ length: perByte }, (_, i) => refcountIn(block, first + i, order));
  const cluster = index * blockEntries(header) + first;
  const target = { offset: cluster * header.clusterSize, length: perByte * header.clusterSize };
  const isOne = perByte === 1;
  const clusters = isOne
    ? `cluster ${hexCluster(cluster)}`
    : `clusters ${hexCluster(cluster)} to ${hexCluster(cluster + perByte - 1)}`;
  const count = counts[0] ?? 0;
  const meaning = isOne
    ? `${clusters} ${count === 0 ? "is free" : `is in use ${count === 1 ? "once" : `${count} times`}`}`
    : `refcounts of ${clusters}`;
  return {
    name: isOne ? `entry ${first}` : `entries ${first} to ${first + perByte - 1}`,
    offset: offset + Math.floor((at - offset) / bytes) * bytes,
    length: bytes,
    value: counts.join(" "),
    meaning,
    target,
  };
}

export function bitmapTableField(
  header: Qcow2Header,
  fileSize: number,
  tableOffset: number,
  index: number,
  high: number,
  low: number,
): StructureField & { readonly isEmpty: boolean } {
  const offset = offsetOf(high, low);
  const isEmpty = offset === 0;
  const said: Said = isEmpty
    ? { meaning: (low & 1) === 0 ? "all bits are 0" : "all bits are 1" }
    : pointTo("bits at cluster ", offset, header, fileSize);
  const at = tableOffset + index * 8;
  return { name: `entry ${index}`, offset: at, length: 8, value: exact(high, low), ...said, isEmpty };
}
