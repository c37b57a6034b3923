// Whether bytes are all zero: a few words first, which tells most data apart, then memcmp against zeroes.

const zeroes = Buffer.alloc(64 * 1024);

export function isZero(bytes: Uint8Array): boolean {
  if (bytes[0] || bytes[bytes.length - 1] || bytes[bytes.length >>> 1]) return false;
  for (let at = 0; at < bytes.length; at += zeroes.length) {
    const end = Math.min(bytes.length, at + zeroes.length);
    if (Buffer.compare(bytes.subarray(at, end), zeroes.subarray(0, end - at)) !== 0) return false;
  }
  return true;
}
