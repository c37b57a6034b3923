// Fields of on-disk structures as numbers. The only place that combines the halves of a 64-bit field: everything else
// sees a safe integer or is told that there is none.

/** The 32-bit field at `at`. The caller has checked that it lies inside. */
export function u32le(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16)) +
    (bytes[at + 3] ?? 0) * 0x1000000
  );
}

/** A 64-bit value from its halves; undefined above 2^53 - 1, which lies past any file that can be opened. */
export function join64(low: number, high: number): number | undefined {
  return high > 0x1fffff ? undefined : high * 0x100000000 + low;
}

/** The 64-bit field at `at`; undefined above 2^53 - 1. */
export function u64le(bytes: Uint8Array, at: number): number | undefined {
  return join64(u32le(bytes, at), u32le(bytes, at + 4));
}

/** The 64-bit field at `at`, exact: for feature bits and for messages. */
export function big64le(bytes: Uint8Array, at: number): bigint {
  return (BigInt(u32le(bytes, at + 4)) << 32n) | BigInt(u32le(bytes, at));
}

/** Numbers of the bits that are set, ascending. */
export function bitNumbers(value: bigint): number[] {
  const bits: number[] = [];
  for (let bit = 0; bit < 64; bit++) if ((value >> BigInt(bit)) & 1n) bits.push(bit);
  return bits;
}

/** "0x50000". */
export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}

/** "0x5", and "0" for 0: an index in a line of the peer's. */
export function hexIndex(value: number): string {
  return value === 0 ? "0" : hex(value);
}

export function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return bytes.length >= prefix.length && prefix.every((byte, index) => bytes[index] === byte);
}

/** A power of two between `low` and `high`, both included. */
export function isPowerOfTwo(value: number, low: number, high: number): boolean {
  return value >= 1 && value >= low && value <= high && 2 ** Math.round(Math.log2(value)) === value;
}

/** The big-endian 16-bit field at `at`. The caller has checked that it lies inside, here and below. */
export function u16be(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) * 0x100 + (bytes[at + 1] ?? 0);
}

export function u32be(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) * 0x1000000 +
    (((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0))
  );
}

/** undefined above 2^53 - 1. */
export function u64be(bytes: Uint8Array, at: number): number | undefined {
  return join64(u32be(bytes, at + 4), u32be(bytes, at));
}

export function big64be(bytes: Uint8Array, at: number): bigint {
  return (BigInt(u32be(bytes, at)) << 32n) | BigInt(u32be(bytes, at + 4));
}
