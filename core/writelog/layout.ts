// The dm-log-writes format: what is on disk (write-log reference, 1). All integers are little-endian.
//
//   sector 0   superblock, padded with zeroes to a sector
//   sector 1.. entry (32 bytes, a mark's text behind them), padded to a sector; then its payload, if it has one
//
// "Sector" is the log's own unit, which the superblock states; positions on the disk are counted in it too.
import { u32le, u64le } from "../base/bytes.ts";

export const superblockLength = 28;
export const entryLength = 32;
export const logVersion = 1;
/** Units that writers use: 512 and 4096 the kernel's, these the limits of QEMU's. Powers of two. */
export const minSectorSize = 32;
export const maxSectorSize = 8 * 1024 * 1024;

/** "rhswfsj" and a NUL. As a number it is larger than 2^53, so it is compared by bytes. */
export const logMagic = Uint8Array.of(0x72, 0x68, 0x73, 0x77, 0x66, 0x73, 0x6a, 0x00);

export const entryFlags = { flush: 1, fua: 2, discard: 4, mark: 8, metadata: 16 } as const;
export const knownFlags = 31;

export interface Superblock {
  /** undefined beyond 2^53 - 1. */
  readonly version: number | undefined;
  readonly entries: number | undefined;
  readonly sectorSize: number;
}

export interface EntryHeader {
  /** Position and length on the disk, in sectors of the log; undefined beyond 2^53 - 1. */
  readonly sector: number | undefined;
  readonly sectorCount: number | undefined;
  readonly flags: number | undefined;
  /** Bytes of a mark's text. */
  readonly dataLength: number | undefined;
}

/** Decodes at least 28 bytes. The caller compares the magic. */
export function decodeSuperblock(bytes: Uint8Array): Superblock {
  return { version: u64le(bytes, 8), entries: u64le(bytes, 16), sectorSize: u32le(bytes, 24) };
}

/** Decodes at least 32 bytes. */
export function decodeEntry(bytes: Uint8Array): EntryHeader {
  return {
    sector: u64le(bytes, 0),
    sectorCount: u64le(bytes, 8),
    flags: u64le(bytes, 16),
    dataLength: u64le(bytes, 24),
  };
}

/** One sector. */
export function encodeSuperblock(sectorSize: number, entries: number): Uint8Array {
  const bytes = new Uint8Array(sectorSize);
  const view = new DataView(bytes.buffer);
  bytes.set(logMagic);
  view.setBigUint64(8, BigInt(logVersion), true);
  view.setBigUint64(16, BigInt(entries), true);
  view.setUint32(24, sectorSize, true);
  return bytes;
}

/** One sector: the entry, and a mark's text behind it, which the caller has found to fit. */
export function encodeEntry(
  sectorSize: number,
  entry: { readonly sector: number; readonly sectorCount: number; readonly flags: number },
  text?: Uint8Array,
): Uint8Array {
  const bytes = new Uint8Array(sectorSize);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(entry.sector), true);
  view.setBigUint64(8, BigInt(entry.sectorCount), true);
  view.setBigUint64(16, BigInt(entry.flags), true);
  view.setBigUint64(24, BigInt(text?.length ?? 0), true);
  if (text) bytes.set(text, entryLength);
  return bytes;
}

/** Bytes of text a mark can have: a zero byte always follows it in its sector. */
export function longestMark(sectorSize: number): number {
  return sectorSize - entryLength - 1;
}
