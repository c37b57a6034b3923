// The likely cause of a run of mismatched sectors: a guess, made by the tests below in this order; the first
// that holds wins, and none is certain. Totals of the whole run are exact; tests that look at bytes look at the
// first 64 KiB of a run and take them for the rest.
//
//   stored-differently  strict mode only: the bytes are the same, the allocation is not.
//   a-zero, b-zero      every mismatched sector of that image is zero.
//   single-bit          one byte differs in the whole run, in one bit.
//   byte-swapped        from the first to the last difference, every word of 2, 4 or 8 bytes (aligned in the
//                       guest) of B is A's with its bytes reversed; at least 4 bytes differ.
//   shifted             B[i] = A[i - N] from the first to the last difference but for |N| bytes at one end,
//                       1 <= |N| <= 512; at least 64 bytes are so explained, and in them the value changes from
//                       one byte to the next at least 16 times (a constant fill equals itself at any shift).
//   moved               the first sector of one image equals a sector elsewhere in the other; a second pass
//                       (moved.ts) finds it among runs that are torn or plain by the other tests.
//   torn                the differing bytes begin or end exactly on a multiple of 4 KiB, but not both; the run has
//                       two sectors or more; and the sector across that boundary, which is equal in both images,
//                       holds something else than one repeated byte: a write that seems to be cut at a page.
//   plain               none of these.
import type { Fragment } from "./fragment.ts";
import { sectorsOf } from "./fragment.ts";
import { type Signature, sectorSize, signatures } from "./mismatch.ts";

export interface Verdict {
  /** Index in `signatures`. */
  readonly signature: number;
  /** See RunBatch.detail. */
  readonly detail: number;
}

/** Bytes from the start of a run that the tests on content look at. */
export const examinedBytes = 64 * 1024;
/** Longest shift that is looked for, bytes. */
export const longestShift = 512;
const tornBoundary = 4096;

function verdict(signature: Signature, detail = 0): Verdict {
  return { signature: signatures.indexOf(signature), detail };
}
export const plainVerdict = verdict("plain");
const storedDifferently = verdict("stored-differently");
const aZero = verdict("a-zero");
const bZero = verdict("b-zero");

/** What the totals alone decide; undefined when bytes have to be looked at. */
export function verdictOfTotals(run: Fragment): Verdict | undefined {
  if (run.stored) return storedDifferently;
  if (run.orA === 0) return aZero;
  if (run.orB === 0) return bZero;
  return undefined;
}

/**
 * What the bytes decide. `a` and `b` hold the same guest range from `start`; it must contain the run, or the
 * first `examinedBytes` of a longer one. Does not tell torn runs: see `tornAt`.
 */
export function verdictOfBytes(run: Fragment, a: Buffer, b: Buffer, start: number): Verdict {
  const from = run.firstDiff - start;
  if (run.bytes === 1) {
    const x = (a[from] as number) ^ (b[from] as number);
    // A power of two has one bit set.
    if ((x & (x - 1)) !== 0) return plainVerdict;
    return verdict("single-bit", (run.firstDiff - run.offset) * 8 + (31 - Math.clz32(x)));
  }
  const to = Math.min(run.endDiff, run.offset + examinedBytes) - start;
  return byteSwapped(run, a, b, from, to) ?? shifted(a, b, from, to) ?? plainVerdict;
}

function byteSwapped(run: Fragment, a: Buffer, b: Buffer, from: number, to: number): Verdict | undefined {
  if (run.bytes < 4) return undefined;
  for (const size of [2, 4, 8]) {
    if (isSwapped(a, b, from - (from % size), to, size)) return verdict("byte-swapped", size);
  }
  return undefined;
}

/** Buffers begin on sectors, so a multiple of `size` in them is one in the guest. */
function isSwapped(a: Buffer, b: Buffer, from: number, to: number, size: number): boolean {
  for (let word = from; word < to; word += size) {
    for (let i = 0; i < size; i++) {
      if (b[word + i] !== a[word + size - 1 - i]) return false;
    }
  }
  return true;
}

const needleLength = 8;
const leastExplained = 64;
const leastChanges = 16;
/** Places in the run from which a needle is taken until one is not constant, and hits of it that are tried. */
const needlePlaces = [0.5, 0.25, 0.75, 0.4, 0.6];
const mostHits = 16;

function shifted(a: Buffer, b: Buffer, from: number, to: number): Verdict | undefined {
  if (to - from < leastExplained + 1) return undefined;
  for (const place of needlePlaces) {
    const at = from + Math.floor((to - from - needleLength) * place);
    if (isConstant(b, at, at + needleLength)) continue;
    const shift = shiftOf(a, b, from, to, at);
    return shift === undefined ? undefined : verdict("shifted", shift);
  }
  return undefined;
}

/** The smallest shift by which eight bytes of B at `at` are found in A and that explains the whole range. */
function shiftOf(a: Buffer, b: Buffer, from: number, to: number, at: number): number | undefined {
  const needle = b.subarray(at, at + needleLength);
  const low = Math.max(from, at - longestShift);
  const high = Math.min(to, at + longestShift + needleLength);
  const haystack = a.subarray(low, high);
  let best: number | undefined;
  let hit = haystack.indexOf(needle);
  for (let hits = 0; hit !== -1 && hits < mostHits; hits++) {
    const shift = at - (low + hit);
    if (
      shift !== 0 &&
      (best === undefined || Math.abs(shift) < Math.abs(best)) &&
      explains(a, b, from, to, shift)
    ) {
      best = shift;
    }
    hit = haystack.indexOf(needle, hit + 1);
  }
  return best;
}

function explains(a: Buffer, b: Buffer, from: number, to: number, shift: number): boolean {
  const length = to - from - Math.abs(shift);
  if (length < leastExplained) return false;
  const inB = shift > 0 ? from + shift : from;
  const inA = shift > 0 ? from : from - shift;
  if (b.compare(a, inA, inA + length, inB, inB + length) !== 0) return false;
  let changes = 0;
  for (let i = inB + 1; i < inB + length && changes < leastChanges; i++) {
    if (b[i] !== b[i - 1]) changes++;
  }
  return changes >= leastChanges;
}

export interface Tear {
  /** Guest offset of the 4 KiB boundary. */
  readonly boundary: number;
  /** Guest offset of the sector across it, on which the verdict depends: `isConstant` must be false of it. */
  readonly neighbour: number;
}

/** Where a run of otherwise plain bytes would be torn; undefined if its edges are not those of a torn write. */
export function tornAt(run: Fragment): Tear | undefined {
  if (sectorsOf(run) < 2) return undefined;
  const startOn = run.firstDiff % tornBoundary === 0;
  const endOn = run.endDiff % tornBoundary === 0;
  if (startOn === endOn || run.firstDiff === 0) return undefined;
  return startOn
    ? { boundary: run.firstDiff, neighbour: run.firstDiff - sectorSize }
    : { boundary: run.endDiff, neighbour: run.endDiff };
}

export function tornVerdict(tear: Tear): Verdict {
  return verdict("torn", tear.boundary);
}

export function isConstant(bytes: Uint8Array, from: number, to: number): boolean {
  const first = bytes[from];
  for (let i = from + 1; i < to; i++) {
    if (bytes[i] !== first) return false;
  }
  return true;
}
