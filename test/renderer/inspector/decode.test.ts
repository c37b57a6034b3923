// Values of bytes, from the definitions of the types and worked out by hand.
import { describe, expect, it } from "vitest";
import { decodeAll } from "../../../renderer/inspector/decode.ts";

function value(id: string, bytes: readonly number[], little = true): string | undefined {
  return decodeAll(Uint8Array.from(bytes), little).find((decoded) => decoded.id === id)?.text;
}
const place = (id: string, bytes: readonly number[]) =>
  decodeAll(Uint8Array.from(bytes), true).find((decoded) => decoded.id === id)?.place;
/** Little-endian bytes of an integer. */
const le = (number: bigint, length: number) =>
  Array.from({ length }, (_, index) => Number((number >> BigInt(8 * index)) & 255n));

describe("integers", () => {
  const bytes = [0xcd, 0xab, 0x00, 0x80, 0x01, 0x00, 0x00, 0x80];

  it("are read in both byte orders", () => {
    expect(value("u8", bytes)).toBe("205");
    expect(value("i8", bytes)).toBe("-51");
    expect(value("u16", bytes)).toBe("43,981"); // 0xABCD
    expect(value("u16", bytes, false)).toBe("52,651"); // 0xCDAB
    expect(value("i16", bytes)).toBe("-21,555"); // 0xABCD - 0x10000
    expect(value("u24", bytes)).toBe("43,981"); // 0x00ABCD
    expect(value("i24", [0xff, 0xff, 0xff])).toBe("-1");
    expect(value("u32", bytes)).toBe("2,147,527,629"); // 0x8000ABCD
    expect(value("i32", bytes)).toBe("-2,147,439,667");
    expect(value("u48", bytes)).toBe("6,442,494,925"); // 0x0001_8000_ABCD
    expect(value("i64", bytes)).toBe("-9,223,372,030,412,280,883"); // 0x8000000180_00ABCD - 2^64
  });

  it("are exact above 2^53", () => {
    expect(value("u64", Array(8).fill(0xff))).toBe("18,446,744,073,709,551,615");
    expect(place("u64", [1, 0, 0, 0, 0, 0, 0x20, 0])).toBe(9_007_199_254_740_993n);
  });

  it("are copied without separators, and are places unless negative", () => {
    const [u32, i32] = ["u32", "i32"].map((id) =>
      decodeAll(Uint8Array.from(bytes), true).find((decoded) => decoded.id === id),
    );
    expect(u32).toMatchObject({ copied: "2147527629", place: 0x8000_abcdn });
    expect(i32).toMatchObject({ copied: "-2147439667", place: undefined });
  });

  it("say nothing when there are too few bytes", () => {
    expect(value("u16", [1])).toBeUndefined();
    expect(value("u8", [])).toBeUndefined();
    expect(value("binary", [0xa5])).toBe("1010 0101");
  });
});

describe("floats", () => {
  it("are IEEE 754", () => {
    expect(value("f16", [0x00, 0x3c])).toBe("1");
    expect(value("f16", [0xff, 0x7b])).toBe("65504");
    expect(value("f16", [0x01, 0x00])).toBe("5.9605e-8"); // 2^-24, the smallest, to five digits
    expect(value("f16", [0x00, 0xfc])).toBe("-infinity");
    expect(value("f16", [0x01, 0x7e])).toBe("NaN");
    expect(value("f16", [0x00, 0x80])).toBe("-0");
    expect(value("f32", [0x00, 0x00, 0x80, 0x3f])).toBe("1");
    expect(value("f32", [0xcd, 0xcc, 0xcc, 0x3d])).toBe("0.1");
    expect(value("f32", [0x3f, 0x80, 0x00, 0x00], false)).toBe("1");
    expect(value("f64", [0x9a, 0x99, 0x99, 0x99, 0x99, 0x99, 0xb9, 0x3f])).toBe("0.1");
  });
});

describe("LEB128", () => {
  it("reads the examples of DWARF, section 7.6", () => {
    expect(value("uleb", [2])).toBe("2");
    expect(value("uleb", [0x80, 0x01])).toBe("128");
    expect(value("uleb", [57 + 0x80, 100])).toBe("12,857");
    expect(value("sleb", [0x7e])).toBe("-2");
    expect(value("sleb", [0xff, 0x00])).toBe("127");
    expect(value("sleb", [0x81, 0x7f])).toBe("-127");
    expect(value("sleb", [0x80, 0x7f])).toBe("-128");
  });

  it("is bounded to 64 bits", () => {
    expect(value("uleb", [...Array(9).fill(0xff), 0x01])).toBe("18,446,744,073,709,551,615");
    expect(value("uleb", [...Array(9).fill(0xff), 0x02])).toBe("longer than 64 bits");
    expect(value("uleb", Array(16).fill(0xff))).toBe("longer than 64 bits");
    expect(value("uleb", [0x80])).toBeUndefined();
    // -2^63 in ten bytes: nine continue with zeros, the tenth holds bit 63 and its sign.
    expect(value("sleb", [...Array(9).fill(0x80), 0x7f])).toBe("-9,223,372,036,854,775,808");
    // The tenth byte 0x01 says 2^63, one more than 64 signed bits hold.
    expect(value("sleb", [...Array(9).fill(0x80), 0x01])).toBe("longer than 64 bits");
  });
});

describe("characters", () => {
  it("are ASCII by letter or by name", () => {
    expect(value("ascii", [0x41])).toBe("A");
    expect(value("ascii", [0x20])).toBe("space");
    expect(value("ascii", [0x00])).toBe("NUL");
    expect(value("ascii", [0x0a])).toBe("LF");
    expect(value("ascii", [0x1b])).toBe("ESC");
    expect(value("ascii", [0x1f])).toBe("US");
    expect(value("ascii", [0x7f])).toBe("DEL");
    expect(value("ascii", [0x80])).toBe("not ASCII");
  });

  it("are named with their code point", () => {
    expect(value("utf8", [0x41])).toBe("A  U+0041");
    expect(value("utf8", [0xe2, 0x82, 0xac])).toBe("€  U+20AC");
    expect(value("utf8", [0xf0, 0x9f, 0x98, 0x80])).toBe("😀  U+1F600");
    expect(value("utf8", [0x07])).toBe("no visible character");
    expect(value("utf16", [0xac, 0x20])).toBe("€  U+20AC");
    expect(value("utf16", [0x20, 0xac], false)).toBe("€  U+20AC");
  });
});

describe("identifiers and times", () => {
  it("reads a GUID in Windows' and in network order", () => {
    // The EFI system partition's type as it is on disk.
    const esp = [
      0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b,
    ];
    expect(value("guid", esp)).toBe("c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
    expect(value("guid", esp, false)).toBe("28732ac1-1ff8-d211-ba4b-00a0c93ec93b");
  });

  it("reads Unix times, negative ones too", () => {
    expect(value("unix32", le(1_000_000_000n, 4))).toBe("2001-09-09 01:46:40 UTC");
    expect(value("unix32", [0xff, 0xff, 0xff, 0xff])).toBe("1969-12-31 23:59:59 UTC");
    expect(value("unix64", le(4_102_444_800n, 8))).toBe("2100-01-01 00:00:00 UTC");
    expect(value("unix64", Array(8).fill(0x7f))).toBe("out of range");
  });

  it("reads a FILETIME", () => {
    // 1970-01-01 is 116,444,736,000,000,000 steps after 1601-01-01.
    expect(value("filetime", le(116_444_736_000_000_000n, 8))).toBe("1970-01-01 00:00:00 UTC");
    expect(value("filetime", le(0n, 8))).toBe("1601-01-01 00:00:00 UTC");
    expect(value("filetime", Array(8).fill(0xff))).toMatch(/^60056-05-28/);
  });

  it("reads a DOS time and refuses what is no date", () => {
    // 2026-11-21 05:58:30: date 46 << 9 | 11 << 5 | 21, time 5 << 11 | 58 << 5 | 15.
    const date = 46 * 512 + 11 * 32 + 21;
    const time = 5 * 2048 + 58 * 32 + 15;
    expect(value("dos", le(BigInt(date * 65536 + time), 4))).toBe("2026-11-21 05:58:30");
    // 2026-02-29: no leap year.
    expect(value("dos", le(BigInt((46 * 512 + 2 * 32 + 29) * 65536), 4))).toBe("not a date");
    expect(value("dos", [0, 0, 0, 0])).toBe("not a date");
  });
});
