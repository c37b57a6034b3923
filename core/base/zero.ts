// Whether bytes are all zero: a few bytes first, which tell most data apart, then memcmp against zeroes.

const zeroes = Buffer.alloc(256 * 1024);

/** True when all bytes from `start` up to `end` are zero. */
export function isZero(bytes: Uint8Array, start = 0, end = bytes.length): boolean {
  if (end > start && (bytes[start] !== 0 || bytes[end - 1] !== 0 || bytes[(start + end) >>> 1] !== 0))
    return false;
  for (let at = start; at < end; at += zeroes.length) {
    const next = Math.min(end, at + zeroes.length);
    if (Buffer.compare(bytes.subarray(at, next), zeroes.subarray(0, next - at)) !== 0) return false;
  }
  return true;
}
