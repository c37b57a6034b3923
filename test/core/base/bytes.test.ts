import { describe, expect, it } from "vitest";
import {
  big64le,
  bitNumbers,
  hex,
  isPowerOfTwo,
  join64,
  startsWith,
  u32le,
  u64le,
} from "../../../core/base/bytes.ts";

describe("little-endian fields", () => {
  const bytes = Uint8Array.of(0xff, 0x78, 0x56, 0x34, 0xf2, 0x9a, 0xbc, 0x1f, 0x00);

  it("reads 32 bits as an unsigned number", () => {
    expect(u32le(bytes, 1)).toBe(0xf2345678);
  });

  it("reads a 64-bit value up to 2^53 - 1 exactly", () => {
    expect(u64le(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f, 0), 0)).toBe(2 ** 53 - 1);
    expect(u64le(bytes, 1)).toBe(0x1fbc9a * 2 ** 32 + 0xf2345678);
  });

  it("has no number for a 64-bit value above 2^53 - 1", () => {
    expect(u64le(Uint8Array.of(0, 0, 0, 0, 0, 0, 0x20, 0), 0)).toBeUndefined();
    expect(join64(0, 0xffffffff)).toBeUndefined();
    expect(join64(0xffffffff, 0x1fffff)).toBe(2 ** 53 - 1);
  });

  it("reads every 64-bit value exactly as a bigint", () => {
    expect(big64le(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0x80), 0)).toBe(0x8000000000000001n);
  });

  it("numbers the bits that are set", () => {
    expect(bitNumbers(0x8000000000000009n)).toEqual([0, 3, 63]);
    expect(bitNumbers(0n)).toEqual([]);
  });
});

describe("powers of two", () => {
  it("accepts each power of two in the range and nothing beside it", () => {
    const found = Array.from({ length: 40 }, (_, value) => value).filter((value) =>
      isPowerOfTwo(value, 1, 16),
    );
    expect(found).toEqual([1, 2, 4, 8, 16]);
    expect(isPowerOfTwo(2 ** 26, 2 ** 12, 2 ** 26)).toBe(true);
    expect(isPowerOfTwo(2 ** 26 + 1, 2 ** 12, 2 ** 27)).toBe(false);
    expect(isPowerOfTwo(0, 0, 16)).toBe(false);
    expect(isPowerOfTwo(0x80000000, 2 ** 12, 2 ** 26)).toBe(false);
  });
});

it("writes offsets in hexadecimal", () => {
  expect(hex(0x50000)).toBe("0x50000");
  expect(hex(0xffffffffffffffffn)).toBe("0xffffffffffffffff");
});

it("knows a prefix only when all of it is there", () => {
  expect(startsWith(Uint8Array.of(1, 2, 3), Uint8Array.of(1, 2))).toBe(true);
  expect(startsWith(Uint8Array.of(1), Uint8Array.of(1, 2))).toBe(false);
  expect(startsWith(Uint8Array.of(1, 3), Uint8Array.of(1, 2))).toBe(false);
});
