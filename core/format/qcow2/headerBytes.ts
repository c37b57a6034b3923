// The first cluster of an image as bytes: fixed fields, header extensions, backing file name. Specification: qcow2,
// "Header" and "Header extensions". The order of what follows the fields is the peer's, so that files can be compared.
import { BlockError } from "../../base/errors.ts";
import type { BackingName } from "../../block/node.ts";
import { extensionTypes } from "./extensions.ts";
import { headerLengths, longestHeader, magic, maxNameLength, type TablePlace } from "./layout.ts";

/** What is written; offsets are bytes in the file. */
export interface HeaderContent {
  readonly version: 2 | 3;
  readonly clusterBits: number;
  /** Guest bytes. */
  readonly size: number;
  readonly l1: TablePlace;
  readonly refcountTable: { readonly offset: number; readonly clusters: number };
  readonly refcountOrder: number;
  readonly incompatible: bigint;
  readonly compatible: bigint;
  readonly autoclear: bigint;
  readonly compression: "zlib" | "zstd";
  /** Name of the external data file. */
  readonly dataFile: string | undefined;
  readonly backing: BackingName | undefined;
}

/** Clusters of this size or less have no room for the names of features, as the peer sees it. */
const tooSmallForNames = 4096;
const recordLength = 8;

type Extension = readonly [type: number, data: Uint8Array];

/** Throws EINVAL (a backing file's name too long), ENOSPC (more than a cluster). */
export function encodeHeader(content: HeaderContent): Uint8Array {
  const clusterSize = 2 ** content.clusterBits;
  const extensions = extensionsOf(content, clusterSize);
  const start = content.version === 2 ? headerLengths[2] : longestHeader;
  const end = extensions.reduce((sum, [, data]) => sum + recordLength + padded(data), start + recordLength);
  const name = new TextEncoder().encode(content.backing?.filename ?? "");
  if (name.length > maxNameLength) throw nameTooLong(content, name.length);
  if (end + name.length > clusterSize) throw noRoom(content, end + name.length, clusterSize);
  const bytes = new Uint8Array(clusterSize);
  putFields(bytes, content, start);
  putExtensions(bytes, extensions, start);
  if (content.backing === undefined) return bytes;
  bytes.set(name, end);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(8, BigInt(end));
  view.setUint32(16, name.length);
  return bytes;
}

function putFields(bytes: Uint8Array, content: HeaderContent, headerLength: number): void {
  const view = new DataView(bytes.buffer);
  bytes.set(magic);
  view.setUint32(4, content.version);
  view.setUint32(20, content.clusterBits);
  view.setBigUint64(24, BigInt(content.size));
  view.setUint32(36, content.l1.entries);
  view.setBigUint64(40, BigInt(content.l1.offset));
  view.setBigUint64(48, BigInt(content.refcountTable.offset));
  view.setUint32(56, content.refcountTable.clusters);
  if (content.version === 2) return;
  view.setBigUint64(72, content.incompatible);
  view.setBigUint64(80, content.compatible);
  view.setBigUint64(88, content.autoclear);
  view.setUint32(96, content.refcountOrder);
  view.setUint32(100, headerLength);
  view.setUint8(104, content.compression === "zstd" ? 1 : 0);
}

function extensionsOf({ version, backing, dataFile }: HeaderContent, clusterSize: number): Extension[] {
  const text = (value: string) => new TextEncoder().encode(value);
  const list: Extension[] = [];
  if (backing?.format !== undefined) list.push([extensionTypes.backingFormat, text(backing.format)]);
  if (dataFile !== undefined) list.push([extensionTypes.dataFile, text(dataFile)]);
  const names = version === 3 ? featureNamesFor(clusterSize) : undefined;
  if (names !== undefined) list.push([names.type, names.data]);
  return list;
}

function putExtensions(bytes: Uint8Array, extensions: readonly Extension[], start: number): void {
  const view = new DataView(bytes.buffer);
  let at = start;
  for (const [type, data] of extensions) {
    view.setUint32(at, type);
    view.setUint32(at + 4, data.length);
    bytes.set(data, at + recordLength);
    at += recordLength + padded(data);
  }
}

const padded = (data: Uint8Array) => Math.ceil(data.length / 8) * 8;

/** As other programs are to name these bits when they do not know them: kind, number, name. */
const storedNames = [
  [0, 0, "dirty bit"],
  [0, 1, "corrupt bit"],
  [0, 2, "external data file"],
  [0, 3, "compression type"],
  [0, 4, "extended L2 entries"],
  [1, 0, "lazy refcounts"],
  [2, 0, "bitmaps"],
  [2, 1, "raw external data"],
] as const;
const nameEntryLength = 48;

/** The names as the extension of a header of version 3; undefined where there is no room. */
export function featureNamesFor(
  clusterSize: number,
): { readonly type: number; readonly data: Uint8Array } | undefined {
  if (clusterSize <= tooSmallForNames) return undefined;
  return { type: extensionTypes.featureNames, data: namesTable() };
}

function namesTable(): Uint8Array {
  const table = new Uint8Array(storedNames.length * nameEntryLength);
  for (const [index, [kind, bit, name]] of storedNames.entries()) {
    table.set([kind, bit, ...new TextEncoder().encode(name)], index * nameEntryLength);
  }
  return table;
}

function nameTooLong(content: HeaderContent, length: number): BlockError {
  const message = `The backing file's name has ${length} bytes; at most ${maxNameLength} can be stored`;
  return new BlockError("EINVAL", message, { ...shorter, peer: notAssigned(content, "Invalid argument") });
}

function noRoom(content: HeaderContent, length: number, clusterSize: number): BlockError {
  const what = "The header with its extensions and the backing file's name";
  const message = `${what} needs ${length} bytes, and has to fit into one cluster of ${clusterSize}`;
  const isBacking = content.backing !== undefined;
  const peer = isBacking ? notAssigned(content, "No space left on device") : { message: noRoomWords };
  return new BlockError("ENOSPC", message, { ...shorter, peer });
}

const noRoomWords = "Could not update qcow2 header: No space left on device";
const shorter = { hint: "Give a shorter name, for example one relative to the image's folder." };

function notAssigned({ backing }: HeaderContent, why: string) {
  const format = backing?.format ?? "(null)";
  return { message: `Could not assign backing file '${backing?.filename}' with format '${format}': ${why}` };
}
