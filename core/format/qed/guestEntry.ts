// The entry that speaks of one byte of a QED image's guest disk, wrong and unreadable ones as well: reading the image
// throws there, and this is how a person finds out why.
import { u64le } from "../../base/bytes.ts";
import { BlockError } from "../../base/errors.ts";
import type { BlockNode } from "../../block/node.ts";
import type { GuestEntry, Reference } from "../../block/structure.ts";
import {
  boundsOf,
  guestRange,
  isClusterOffset,
  isTableOffset,
  type QedHeader,
  tableEntries,
} from "./layout.ts";

/** `offset` is one in the guest's disk. Throws ECANCELED. */
export async function guestEntry(file: BlockNode, header: QedHeader, offset: number): Promise<GuestEntry> {
  const { clusterSize, l1Offset } = header;
  const bounds = boundsOf(header, file.size);
  const entries = tableEntries(header);
  const cluster = Math.floor(offset / clusterSize);
  const l1Index = Math.floor(cluster / entries);
  const l1Entry: Reference = {
    by: `L1[${l1Index}]`,
    offset: l1Offset + l1Index * 8,
    length: 8,
    ...guestRange(header, l1Index * entries, entries),
  };
  const table = await readEntry(file, l1Entry.offset);
  if (table === "unreadable") return { kind: "unreadable", entry: l1Entry, fileOffset: undefined };
  if (table === 0) return { kind: "hole", entry: l1Entry, fileOffset: undefined };
  if (table === undefined || !isTableOffset(table, bounds)) {
    return { kind: "bad-entry", entry: l1Entry, fileOffset: undefined };
  }
  const l2Index = cluster % entries;
  const entry: Reference = {
    by: `${l1Entry.by} -> L2[${l2Index}]`,
    offset: table + l2Index * 8,
    length: 8,
    ...guestRange(header, cluster, 1),
  };
  const value = await readEntry(file, entry.offset, "l2_load");
  if (value === "unreadable") return { kind: "unreadable", entry, fileOffset: undefined };
  if (value === 0) return { kind: "hole", entry, fileOffset: undefined };
  if (value === 1) return { kind: "zero", entry, fileOffset: undefined };
  if (value === undefined || !isClusterOffset(value, bounds)) {
    return { kind: "bad-entry", entry, fileOffset: undefined };
  }
  return { kind: "data", entry, fileOffset: value + (offset % clusterSize) };
}

/** Undefined for what is too large for any file. `event` is the step that blkdebug is told first. */
async function readEntry(
  file: BlockNode,
  offset: number,
  event?: string,
): Promise<number | "unreadable" | undefined> {
  const bytes = new Uint8Array(8);
  try {
    if (event !== undefined && file.raise) await file.raise(event);
    await file.read(offset, bytes);
  } catch (error) {
    if (error instanceof BlockError && error.code === "ECANCELED") throw error;
    return "unreadable";
  }
  return u64le(bytes, 0);
}
