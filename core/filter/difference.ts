// Where two buffers of equal length differ first: memcmp says whether, then halves are compared to say where.
import type { Difference } from "../block/events.ts";

const sectorSize = 512;
/** Bytes of either side that an event carries. */
const windowLength = 4096;
/** Below this the rest is looked at byte by byte. */
const smallest = 64;

/** Index of the first differing byte; undefined when equal. */
export function firstDifference(a: Uint8Array, b: Uint8Array): number | undefined {
  if (Buffer.compare(a, b) === 0) return undefined;
  let start = 0;
  let end = Math.min(a.length, b.length);
  while (end - start > smallest) {
    const middle = start + Math.floor((end - start) / 2);
    if (Buffer.compare(a.subarray(start, middle), b.subarray(start, middle)) !== 0) end = middle;
    else start = middle;
  }
  while (start < end && a[start] === b[start]) start++;
  return start;
}

/** The difference of two reads at `offset`, with copies of what they read around it; undefined when equal. */
export function differenceOf(
  reference: Uint8Array,
  test: Uint8Array,
  offset: number,
): Difference | undefined {
  const at = firstDifference(reference, test);
  if (at === undefined) return undefined;
  // From the beginning of the sector on, as far as the request reached.
  const start = Math.max(0, at - ((offset + at) % sectorSize));
  const end = Math.min(reference.length, start + windowLength);
  return {
    offset: offset + at,
    sector: Math.floor((offset + at) / sectorSize),
    windowOffset: offset + start,
    referenceBytes: reference.slice(start, end),
    testBytes: test.slice(start, end),
  };
}
