// Persistent dirty bitmaps: the directory that lists them. Specification: qcow2, "Bitmap directory".
import { u16be, u32be, u64be } from "../../base/bytes.ts";
import { BlockError } from "../../base/errors.ts";
import type { BlockNode } from "../../block/node.ts";
import type { BitmapsExtension } from "./extensions.ts";
import { readPadded } from "./header.ts";

export interface Qcow2Bitmap {
  readonly name: string;
  /** Was in use when the image was last written to, and not stored since: what it says does not count. */
  readonly isInUse: boolean;
  /** Goes on recording when the image is opened. */
  readonly isAuto: boolean;
  readonly granularity: number;
  readonly tableOffset: number;
  readonly tableEntries: number;
  /** The entry in the file, with its padding. */
  readonly offset: number;
  readonly length: number;
}

const entryLength = 24;
const maxNameLength = 1023;
const maxTableEntries = 0x8000000;
const maxPhysicalSize = 512 * 1024 * 1024;
const knownFlags = 3;

/** Throws ECORRUPT for a directory that breaks a rule, EIO. It has at most 64 MiB (header extension). */
export async function readBitmaps(
  file: BlockNode,
  { count, directoryOffset, directorySize }: BitmapsExtension,
  clusterSize: number,
): Promise<readonly Qcow2Bitmap[]> {
  // A directory longer than its file is not read: its entries could only be zeroes.
  const there = Math.max(0, Math.min(directorySize, file.size - directoryOffset));
  const bytes = new Uint8Array(there);
  await readPadded(file, directoryOffset, bytes);
  const list: Qcow2Bitmap[] = [];
  for (let at = 0; at < there; ) {
    if (list.length === count) throw broken("More bitmaps found than specified in header extension");
    const entry =
      at + entryLength <= there && parseEntry(bytes.subarray(at), directoryOffset + at, clusterSize);
    if (!entry) throw broken("Broken bitmap directory");
    list.push(entry);
    at += entry.length;
    if (at > there) throw broken("Broken bitmap directory");
  }
  if (list.length < count) throw broken("Less bitmaps found than specified in header extension");
  return list;
}

/** undefined for one that breaks a rule. */
function parseEntry(bytes: Uint8Array, offset: number, clusterSize: number): Qcow2Bitmap | undefined {
  const tableOffset = u64be(bytes, 0);
  const tableEntries = u32be(bytes, 8);
  const flags = u32be(bytes, 12);
  const granularityBits = bytes[17] ?? 0;
  const nameLength = u16be(bytes, 18);
  const isPlaced = tableOffset !== undefined && tableOffset > 0 && tableOffset % clusterSize === 0;
  if (!isPlaced || tableEntries === 0 || tableEntries > maxTableEntries) return undefined;
  if (tableEntries * clusterSize > maxPhysicalSize) return undefined;
  if (flags > knownFlags || bytes[16] !== 1 || granularityBits < 9 || granularityBits > 31) return undefined;
  // No program writes extra data; what it would mean is not known.
  if (nameLength === 0 || nameLength > maxNameLength || u32be(bytes, 20) !== 0) return undefined;
  return {
    name: new TextDecoder().decode(bytes.subarray(entryLength, entryLength + nameLength)),
    isInUse: (flags & 1) !== 0,
    isAuto: (flags & 2) !== 0,
    granularity: 2 ** granularityBits,
    tableOffset,
    tableEntries,
    offset,
    length: Math.ceil((entryLength + nameLength) / 8) * 8,
  };
}

function broken(message: string): BlockError {
  return new BlockError("ECORRUPT", message, {
    hint: "What the bitmaps say is lost; the disk itself can be read.",
  });
}
