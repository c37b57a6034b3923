// What becomes of an entry of an L1 or L2 table that breaks a rule, so that as much as possible reads as before: bits that
// mean nothing are taken away, what points nowhere gives its place up. Specification: qcow2, "Cluster mapping", "Extended
// L2 Entries". The rules are those of the check.
import { hex } from "../../base/bytes.ts";
import { compressedPlace, hasReservedL1Bits, hasReservedL2Bits, offsetOf } from "./entry.ts";
import type { Qcow2Header } from "./layout.ts";

/** An entry as it is: one word, and with extended entries the bitmap of subclusters behind it. */
export interface EntryWords {
  readonly word: bigint;
  readonly bitmap: bigint;
}

/**
 * What the guest reads of the range afterwards. same: what it reads now; zeroes, stored: zeroes, or what its cluster
 * holds, where nothing can be read now; unallocated: what lies below, where nothing can be read now.
 */
export type MendEffect = "same" | "zeroes" | "stored" | "unallocated";

export interface MendedEntry extends EntryWords {
  readonly effect: MendEffect;
  readonly why: string;
  /** The peer's own repair does the same. */
  readonly isPeers: boolean;
}

export interface EntryRule {
  readonly header: Qcow2Header;
  /** The file's length in whole sectors. */
  readonly fileEnd: number;
  /** What is not allocated reads from a backing file. */
  readonly hasBacking: boolean;
}

const copiedBit = 1n << 63n;
const zeroBit = 1n;
const offsetMask = 0x00fffffffffffe00n;
const lowHalf = 0xffffffffn;
const reservedL1 = 0x7f000000000001ffn;
const reservedL2 = 0x3f000000000001fen;

const halves = (word: bigint) =>
  [Number(BigInt.asIntN(32, word >> 32n)), Number(BigInt.asIntN(32, word))] as const;

/** Whether a range ends so far behind the end of the file that the check does not count it. */
export function isOutside(offset: number, length: number, { header, fileEnd }: EntryRule): boolean {
  return offset + length - fileEnd >= header.clusterSize;
}

/** Undefined for one in order. */
export function mendedL1(word: bigint, rule: EntryRule): MendedEntry | undefined {
  const { clusterSize } = rule.header;
  const offset = offsetOf(...halves(word));
  const cleared = (effect: MendEffect, why: string) => ({
    ...{ word: 0n, bitmap: 0n, isPeers: false },
    effect,
    why,
  });
  if (offset % clusterSize !== 0) {
    return cleared("unallocated", `its L2 table is not aligned to clusters of ${clusterSize} bytes`);
  }
  if (offset === 0 && word !== 0n) return cleared("same", "it has no L2 table, and bits of it are set");
  // Behind the end of the file a table reads as zeroes, so that nothing is allocated there now either.
  if (offset !== 0 && isOutside(offset, clusterSize, rule)) {
    return cleared("same", `its L2 table lies past the end of the file (${hex(rule.fileEnd)})`);
  }
  if (!hasReservedL1Bits(...halves(word))) return undefined;
  const why = "bits that have to be 0 are set";
  return { word: word & ~reservedL1, bitmap: 0n, isPeers: false, effect: "same", why };
}

/** Undefined for one in order. */
export function mendedL2(old: EntryWords, rule: EntryRule): MendedEntry | undefined {
  const [high, low] = halves(old.word);
  if ((high & 0x40000000) !== 0) return mendedStream(old, rule);
  const { clusterSize, hasDataFile, l2EntryLength } = rule.header;
  const isExtended = l2EntryLength === 16;
  const offset = offsetOf(high, low);
  const isPlaced = offset !== 0 || (hasDataFile && high < 0 && (isExtended || (low & 1) === 0));
  const both = isPlaced ? (old.bitmap >> 32n) & old.bitmap & lowHalf : 0n;
  if (isPlaced && offset % clusterSize !== 0) {
    const why = `its cluster is not aligned to ${clusterSize} bytes`;
    const hasData = isExtended ? (old.bitmap & lowHalf) !== 0n : (low & 1) === 0;
    if (!hasData) return withoutPlace(old, rule, why, "zeroes");
    return { word: 0n, bitmap: zeroesOf(old.bitmap), effect: "unallocated", why, isPeers: false };
  }
  if (offset !== 0 && !hasDataFile && isOutside(offset, clusterSize, rule)) {
    const why = `its cluster lies past the end of the file (${hex(rule.fileEnd)})`;
    // Of an entry that contradicts itself nothing can be read now.
    return { ...withoutPlace(old, rule, why, both === 0n ? "same" : "zeroes"), isPeers: false };
  }
  const word = old.word & ~reservedL2;
  const isReserved = hasReservedL2Bits(high, low);
  if (both !== 0n) {
    const why = `subclusters are said both to be allocated and to read as zeroes (${hex(both)})`;
    return { word, bitmap: old.bitmap & ~(both << 32n), effect: "stored", why, isPeers: false };
  }
  if (!isPlaced && (old.bitmap & lowHalf) !== 0n) {
    const why = `subclusters are said to be allocated (${hex(old.bitmap & lowHalf)}), and it has no cluster`;
    return { word, bitmap: zeroesOf(old.bitmap), effect: "unallocated", why, isPeers: false };
  }
  if (!isReserved) return undefined;
  return { word, bitmap: old.bitmap, effect: "same", why: "bits that have to be 0 are set", isPeers: false };
}

const zeroesOf = (bitmap: bigint) => bitmap & ~lowHalf;

/**
 * Takes the place away. What was allocated reads as zeroes, as what lies behind the end of a file does; where entries
 * can't say that, and something lies below, that shows.
 */
function withoutPlace(
  { word, bitmap }: EntryWords,
  { header, hasBacking }: EntryRule,
  why: string,
  effect: "zeroes" | "same",
): MendedEntry {
  if (header.l2EntryLength === 16) {
    const zeroes = zeroesOf(bitmap) | ((bitmap & lowHalf) << 32n);
    return { word: 0n, bitmap: zeroes, effect, why, isPeers: true };
  }
  if (header.version >= 3) return { word: zeroBit, bitmap: 0n, effect, why, isPeers: true };
  // The zero flag, which version 2 does not have, can't be read there.
  const shows = hasBacking || (word & zeroBit) !== 0n;
  return { word: 0n, bitmap: 0n, effect: shows ? "unallocated" : effect, why, isPeers: false };
}

function mendedStream(old: EntryWords, rule: EntryRule): MendedEntry | undefined {
  const { clusterBits, hasDataFile } = rule.header;
  const cleared = (why: string): MendedEntry => ({
    ...{ word: 0n, bitmap: 0n, isPeers: false },
    effect: "unallocated",
    why,
  });
  if (hasDataFile) return cleared("an image with an external data file can't have compressed clusters");
  const { offset, length } = compressedPlace(...halves(old.word), clusterBits);
  if (!Number.isSafeInteger(offset + length) || isOutside(offset, length, rule)) {
    return cleared(`its compressed cluster lies past the end of the file (${hex(rule.fileEnd)})`);
  }
  const isCopied = (old.word & copiedBit) !== 0n;
  if (!isCopied && old.bitmap === 0n) return undefined;
  const why = isCopied
    ? "the COPIED flag is set for a compressed cluster, which has none"
    : "it speaks of subclusters, which a compressed cluster has none of";
  return { word: old.word & ~copiedBit, bitmap: 0n, effect: "same", why, isPeers: false };
}

/** The host clusters that the check counts for an entry, by its word: none for what is not counted. */
export function countedPlace(
  { word, bitmap }: EntryWords,
  isTable: boolean,
  rule: EntryRule,
): { readonly offset: number; readonly length: number } | undefined {
  const { clusterBits, clusterSize, hasDataFile } = rule.header;
  const [high, low] = halves(word);
  if (!isTable && hasDataFile) return undefined;
  const isStream = !isTable && (high & 0x40000000) !== 0;
  if (isStream && bitmap !== 0n) return undefined;
  const place = isStream
    ? compressedPlace(high, low, clusterBits)
    : { offset: offsetOf(high, low), length: clusterSize };
  if (!isStream && place.offset === 0 && !isTable) return undefined;
  if (isTable && word === 0n) return undefined;
  return isOutside(place.offset, place.length, rule) ? undefined : place;
}

/** The same entry for another place of its cluster. */
export const movedTo = (word: bigint, offset: number) => (word & ~offsetMask) | BigInt(offset);

/** The same entry with the COPIED flag as it has to be. */
export const flagged = (word: bigint, isCopied: boolean) => (isCopied ? word | copiedBit : word & ~copiedBit);
