// A metadata-only bundle on disk: the tables of an image without its guest's data (docs/bundle.md).
//
//   0    magic 89 42 4C 4B 53 0D 0A 1A, version (u32), length of this header (u32: 96)
//   16   offset and length of the index (u64 each), SHA-256 of the index, SHA-256 of the 64 bytes before
//   96   pieces: gzip members one behind the other, each of `pieceBytes` of what the ranges hold
//   ...  index, to the end of the file: sizes, facts as JSON, ranges, and length and SHA-256 of each piece
//
// All integers are little-endian.
import { createHash } from "node:crypto";
import { startsWith, u32le, u64le } from "../base/bytes.ts";
import { BlockError } from "../base/errors.ts";
import type { ByteRange } from "../block/structure.ts";
import { type BundleFacts, factsSchema } from "./facts.ts";

/** Not text for any program that looks for it, and changed by a transfer as text. */
export const bundleMagic = Uint8Array.of(0x89, 0x42, 0x4c, 0x4b, 0x53, 0x0d, 0x0a, 0x1a);
export const headerBytes = 96;
const version = 1;
const hashBytes = 32;
const sizesBytes = 16;
const rangeBytes = 16;
const pieceEntryBytes = 4 + hashBytes;

/** What a bundle may have at most: an index of some 55 MiB. */
export const mostRanges = 2 ** 20;
const mostPieces = 2 ** 20;
const mostFacts = 2 ** 20;
/** Bytes of a piece before it is compressed: at most this, and what is written. */
const longestPiece = 2 ** 20;
export const pieceBytes = 2 ** 18;
/** Gzip makes what it can't compress a little longer. */
const longestMember = longestPiece + 65536;

/** A gzip member in the bundle's file. */
export interface Piece {
  readonly length: number;
  readonly sha256: Uint8Array;
}

export interface BundleIndex {
  readonly facts: BundleFacts;
  readonly pieceBytes: number;
  /** Ranges of the image's file, ascending: where each begins and ends, and where its bytes begin among all. */
  readonly starts: Float64Array;
  readonly ends: Float64Array;
  readonly places: Float64Array;
  /** Bytes of all ranges. */
  readonly total: number;
  /** Where each piece begins in the bundle's file, and where the last one ends. */
  readonly pieceStarts: Float64Array;
  pieceHash(index: number): Uint8Array;
}

export interface BundleHeader {
  readonly indexOffset: number;
  readonly indexLength: number;
  readonly indexHash: Uint8Array;
}

export const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();

export function isBundle(head: Uint8Array): boolean {
  return startsWith(head, bundleMagic);
}

/** The header's bytes. */
export function encodeHeader({ indexOffset, indexLength, indexHash }: BundleHeader): Uint8Array {
  const bytes = new Uint8Array(headerBytes);
  const view = new DataView(bytes.buffer);
  bytes.set(bundleMagic);
  view.setUint32(8, version, true);
  view.setUint32(12, headerBytes, true);
  view.setBigUint64(16, BigInt(indexOffset), true);
  view.setBigUint64(24, BigInt(indexLength), true);
  bytes.set(indexHash, 32);
  bytes.set(sha256(bytes.subarray(0, 64)), 64);
  return bytes;
}

/** `head` is the file's beginning. Throws EINVAL (no bundle), ENOTSUP (version), ECORRUPT. */
export function parseHeader(head: Uint8Array, fileSize: number): BundleHeader {
  if (!isBundle(head)) throw new BlockError("EINVAL", "This is no metadata-only bundle: it lacks the magic");
  if (head.length < headerBytes) throw cutShort(`it has ${head.length} bytes, its header ${headerBytes}`);
  const found = u32le(head, 8);
  if (found !== version) {
    throw new BlockError("ENOTSUP", `The bundle has version ${found}; version ${version} is known here`, {
      hint: "A newer Blkscope wrote it.",
    });
  }
  if (Buffer.compare(sha256(head.subarray(0, 64)), head.subarray(64, headerBytes)) !== 0) {
    throw damaged("the checksum of its header is wrong");
  }
  const [indexOffset, indexLength] = [u64le(head, 16), u64le(head, 24)];
  const hasSizes = indexOffset !== undefined && indexLength !== undefined && indexOffset >= headerBytes;
  if (u32le(head, 12) !== headerBytes || !hasSizes) throw damaged("its header says what can't be");
  const end = indexOffset + indexLength;
  if (end > fileSize) throw cutShort(`it has ${fileSize} bytes of ${end}`);
  if (end < fileSize) throw damaged(`${fileSize - end} bytes follow its end`);
  const most = sizesBytes + mostFacts + mostRanges * rangeBytes + mostPieces * pieceEntryBytes;
  if (indexLength > most) throw damaged(`its index has ${indexLength} bytes; at most ${most} are possible`);
  return { indexOffset, indexLength, indexHash: head.slice(32, 64) };
}

/** The index's bytes. `ranges` ascend and do not touch each other. */
export function encodeIndex(
  facts: BundleFacts,
  ranges: readonly ByteRange[],
  pieces: readonly Piece[],
): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(facts));
  const rangesAt = sizesBytes + text.length;
  const piecesAt = rangesAt + ranges.length * rangeBytes;
  const bytes = new Uint8Array(piecesAt + pieces.length * pieceEntryBytes);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of [text.length, pieceBytes, ranges.length, pieces.length].entries()) {
    view.setUint32(i * 4, value, true);
  }
  bytes.set(text, sizesBytes);
  for (const [i, range] of ranges.entries()) {
    view.setBigUint64(rangesAt + i * rangeBytes, BigInt(range.offset), true);
    view.setBigUint64(rangesAt + i * rangeBytes + 8, BigInt(range.length), true);
  }
  for (const [i, piece] of pieces.entries()) {
    view.setUint32(piecesAt + i * pieceEntryBytes, piece.length, true);
    bytes.set(piece.sha256, piecesAt + i * pieceEntryBytes + 4);
  }
  return bytes;
}

/** Throws ECORRUPT for an index that contradicts itself or the header. */
export function parseIndex(bytes: Uint8Array, header: BundleHeader): BundleIndex {
  if (Buffer.compare(sha256(bytes), header.indexHash) !== 0)
    throw damaged("the checksum of its index is wrong");
  if (bytes.length < sizesBytes) throw damaged("its index is too short");
  const [factsLength, unit, rangeCount, pieceCount] = [0, 4, 8, 12].map((at) => u32le(bytes, at)) as [
    number,
    number,
    number,
    number,
  ];
  if (factsLength > mostFacts || rangeCount > mostRanges || pieceCount > mostPieces) {
    throw damaged(`its index counts ${rangeCount} ranges and ${pieceCount} pieces: too many`);
  }
  if (unit < 512 || unit > longestPiece) throw damaged(`its pieces have ${unit} bytes`);
  const rangesAt = sizesBytes + factsLength;
  const piecesAt = rangesAt + rangeCount * rangeBytes;
  if (piecesAt + pieceCount * pieceEntryBytes !== bytes.length) {
    throw damaged(`its index has ${bytes.length} bytes, which is not what it counts`);
  }
  const facts = parseFacts(bytes.subarray(sizesBytes, rangesAt));
  const ranges = parseRanges(bytes.subarray(rangesAt, piecesAt), facts.fileSize);
  if (Math.ceil(ranges.total / unit) !== pieceCount) {
    throw damaged(`${pieceCount} pieces can't hold the ${ranges.total} bytes of its ranges`);
  }
  const table = bytes.slice(piecesAt);
  const pieceStarts = parsePieces(table, pieceCount, header.indexOffset);
  const pieceHash = (index: number) =>
    table.subarray(index * pieceEntryBytes + 4, (index + 1) * pieceEntryBytes);
  return { facts, pieceBytes: unit, ...ranges, pieceStarts, pieceHash };
}

function parseFacts(bytes: Uint8Array): BundleFacts {
  try {
    return factsSchema.parse(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
  } catch (thrown) {
    throw damaged("what it says of itself can't be understood", thrown);
  }
}

function parseRanges(bytes: Uint8Array, fileSize: number) {
  const count = bytes.length / rangeBytes;
  const [starts, ends, places] = [new Float64Array(count), new Float64Array(count), new Float64Array(count)];
  let total = 0;
  let before = -1;
  for (let i = 0; i < count; i++) {
    const start = u64le(bytes, i * rangeBytes);
    const length = u64le(bytes, i * rangeBytes + 8);
    const isGood =
      start !== undefined &&
      length !== undefined &&
      length > 0 &&
      start > before &&
      start + length <= fileSize;
    if (!isGood) throw damaged(`range ${i} overlaps the one before, is out of order or outside of the file`);
    starts[i] = start;
    ends[i] = before = start + length;
    places[i] = total;
    total += length;
  }
  return { starts, ends, places, total };
}

function parsePieces(table: Uint8Array, count: number, end: number): Float64Array {
  const starts = new Float64Array(count + 1);
  let at = headerBytes;
  for (let i = 0; i < count; i++) {
    const length = u32le(table, i * pieceEntryBytes);
    if (length === 0 || length > longestMember) throw damaged(`piece ${i} has ${length} bytes`);
    starts[i] = at;
    at += length;
  }
  starts[count] = at;
  if (at !== end) throw damaged(`its pieces end at ${at}, its index begins at ${end}`);
  return starts;
}

export function damaged(what: string, cause?: unknown): BlockError {
  const hint = "Get it again from where it came from: it was changed on its way.";
  return new BlockError("ECORRUPT", `The bundle is damaged: ${what}`, { hint }, { cause });
}

function cutShort(what: string): BlockError {
  const hint = "Get it again from where it came from: its end is missing.";
  return new BlockError("ECORRUPT", `The bundle is cut short: ${what}`, { hint });
}
