// Compares two blocks in memory: the C library's comparison first, and only inside blocks that differ a loop
// over 32-bit words that finds the sectors and counts the bytes. Reports to a RunBuilder in ascending order.
import { pageAligned } from "../base/pageAligned.ts";
import { sectorSize } from "./mismatch.ts";
import type { RunBuilder } from "./runBuilder.ts";

/** A buffer with a view of its 32-bit words. */
export interface Block {
  readonly bytes: Buffer;
  readonly words: Int32Array;
}

/** A zero-filled block. `length` is a multiple of 512. */
export function createBlock(length: number): Block {
  const bytes = pageAligned(length);
  return { bytes, words: new Int32Array(bytes.buffer, bytes.byteOffset, length / 4) };
}

const wordsInSector = sectorSize / 4;
/** Parts of a differing block that are compared whole before their sectors are looked at, bytes. */
const partSize = 4096;

/**
 * Compares bytes [from, to) of both blocks, multiples of 512; block byte 0 is guest offset `base`.
 * Every sector is reported, as the same or as different.
 */
export function diffBlocks(
  a: Block,
  b: Block,
  from: number,
  to: number,
  base: number,
  runs: RunBuilder,
): void {
  if (a.bytes.compare(b.bytes, from, to, from, to) === 0) {
    runs.same(base + from, base + to);
    return;
  }
  for (let at = from; at < to; at += partSize) {
    const end = Math.min(to, at + partSize);
    if (a.bytes.compare(b.bytes, at, end, at, end) === 0) {
      runs.same(base + at, base + end);
    } else {
      for (let sector = at; sector < end; sector += sectorSize)
        diffSector(a.words, b.words, sector, base, runs);
    }
  }
}

function diffSector(a: Int32Array, b: Int32Array, at: number, base: number, runs: RunBuilder): void {
  const first = at / 4;
  const last = first + wordsInSector;
  let lanes = 0;
  let orA = 0;
  let orB = 0;
  for (let i = first; i < last; i++) {
    const wordA = a[i] as number;
    const wordB = b[i] as number;
    orA |= wordA;
    orB |= wordB;
    const x = wordA ^ wordB;
    // One bit per byte that is not zero: the sum carries into a byte's top bit unless its lower seven bits are 0.
    lanes = (lanes + (((((x & 0x7f7f7f7f) + 0x7f7f7f7f) | x) >>> 7) & 0x01010101)) | 0;
  }
  const offset = base + at;
  if (lanes === 0) {
    runs.same(offset, offset + sectorSize);
    return;
  }
  // Each of the four lanes counts at most 128 bytes, so none overflows into the next.
  const bytes = (lanes & 0xff) + ((lanes >>> 8) & 0xff) + ((lanes >>> 16) & 0xff) + (lanes >>> 24);
  runs.different(offset, bytes, orA, orB);
}
