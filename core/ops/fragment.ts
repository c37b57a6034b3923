// A run of mismatched sectors while it is being found: its totals, and what its signature needs to know of
// bytes that have passed. Two fragments that touch can be joined without looking at the bytes again.
import { sectorSize } from "./mismatch.ts";

/** Plain data: fragments at the borders of a work item are sent between threads. */
export interface Fragment {
  /** Guest offsets, multiples of 512; `end` is past the last sector. */
  offset: number;
  end: number;
  /** The bytes are the same and only the way of storing differs (strict mode). */
  stored: boolean;
  /** Bytes that differ. */
  bytes: number;
  /** All words of each side or'ed together: 0 means that side is zero throughout. */
  orA: number;
  orB: number;
  /** Guest offset of the first byte that differs, and past the last one. */
  firstDiff: number;
  endDiff: number;
}

export function joinable(left: Fragment, right: Fragment): boolean {
  return left.end === right.offset && left.stored === right.stored;
}

/** Extends `left` by `right`, which touches it. */
export function joinInto(left: Fragment, right: Fragment): void {
  left.end = right.end;
  left.bytes += right.bytes;
  left.orA |= right.orA;
  left.orB |= right.orB;
  left.endDiff = right.endDiff;
}

export function sectorsOf(fragment: Fragment): number {
  return (fragment.end - fragment.offset) / sectorSize;
}
