// Which parts of a buffer are zero.
import { isZero } from "../base/zero.ts";

export interface ByteRun {
  /** Byte of the buffer. */
  readonly start: number;
  readonly end: number;
  readonly zero: boolean;
}

/**
 * Parts the buffer into runs that are zero and runs that are not, cut at multiples of `granule` bytes; `phase` is where
 * in a granule the buffer begins. Granules that hold any other byte belong to a run that is not zero.
 */
export function zeroRuns(bytes: Buffer, granule: number, phase: number): ByteRun[] {
  const runs: ByteRun[] = [];
  if (bytes[0] === 0 && isZero(bytes, 0, bytes.length)) return [{ start: 0, end: bytes.length, zero: true }];
  let start = 0;
  let zero: boolean | undefined;
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + granule - ((phase + at) % granule));
    const found = isZero(bytes, at, end);
    if (zero !== undefined && found !== zero) {
      runs.push({ start, end: at, zero });
      start = at;
    }
    zero = found;
    at = end;
  }
  if (zero !== undefined) runs.push({ start, end: bytes.length, zero });
  return runs;
}
