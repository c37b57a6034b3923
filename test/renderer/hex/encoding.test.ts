// The text column under each encoding; expected characters from the encodings' own tables.
import { describe, expect, it } from "vitest";
import { textCells } from "../../../renderer/hex/encoding.ts";

/** Text of the cells of `bytes[from, from + count)`: a dot for no visible form, _ for the rest of a character. */
function shown(
  bytes: readonly number[],
  encoding: Parameters<typeof textCells>[3],
  range: { readonly from?: number; readonly count?: number } = {},
): string {
  const from = range.from ?? 0;
  const count = range.count ?? bytes.length - from;
  const cells = textCells((index) => bytes[from + index] ?? -3, count, from, encoding);
  return cells.map((cell) => (cell.span === 0 ? "_" : (cell.text ?? "."))).join("");
}
const utf8 = (text: string) => [...new TextEncoder().encode(text)];

describe("one byte a character", () => {
  it("shows printable ASCII and nothing else", () => {
    expect(shown([0x00, 0x1f, 0x20, 0x41, 0x7e, 0x7f, 0x80, 0xff], "ascii")).toBe(".. A~...");
  });

  it("shows Latin-1 above 0xA0, without its soft hyphen and no-break space", () => {
    expect(shown([0x9f, 0xa0, 0xa9, 0xad, 0xe9, 0xff], "latin1")).toBe("..©.éÿ");
  });

  it("shows EBCDIC 037: HELLO, digits, brackets", () => {
    expect(shown([0xc8, 0xc5, 0xd3, 0xd3, 0xd6, 0x40, 0xf0, 0xf9], "ebcdic037")).toBe("HELLO 09");
    expect(shown([0x4a, 0x4f, 0x5a, 0x5f, 0xb0, 0xba, 0xbb, 0x3f], "ebcdic037")).toBe("¢|!¬^[].");
  });

  it("shows EBCDIC 500, which differs from 037 in seven places", () => {
    expect(shown([0x4a, 0x4f, 0x5a, 0x5f, 0xb0, 0xba, 0xbb, 0xc1], "ebcdic500")).toBe("[!]^¢¬|A");
  });

  it("shows nothing for a byte that is not there", () => {
    expect(shown([-1, -2, -3, 0x41], "ascii")).toBe("...A");
  });
});

describe("UTF-8", () => {
  it("puts a character at its first byte", () => {
    expect(shown(utf8("aé€😀b"), "utf-8")).toBe("aé_€__😀___b");
  });

  it("shows a character that crosses into the row only in the row where it begins", () => {
    const bytes = utf8("xx€yy");
    expect(shown(bytes, "utf-8", { from: 0, count: 4 })).toBe("xx€_");
    expect(shown(bytes, "utf-8", { from: 4 })).toBe("_yy");
  });

  it("refuses overlong forms, surrogates, lone continuations and code points past U+10FFFF", () => {
    expect(shown([0xc0, 0x80, 0x41], "utf-8")).toBe("..A");
    expect(shown([0xe0, 0x80, 0x80, 0x41], "utf-8")).toBe("...A");
    expect(shown([0xed, 0xa0, 0x80, 0x41], "utf-8")).toBe("...A");
    expect(shown([0xf4, 0x90, 0x80, 0x80, 0x41], "utf-8")).toBe("....A");
    expect(shown([0x80, 0x41, 0xc3], "utf-8")).toBe(".A.");
  });

  it("has dots for controls, direction marks and lone combining marks", () => {
    // U+202E turns the direction of text round, U+0301 is a combining accent.
    expect(shown(utf8("a\u0007\u202e\u0301b"), "utf-8")).toBe("a......b");
  });
});

describe("UTF-16", () => {
  it("reads units in the chosen byte order", () => {
    expect(shown([0x41, 0x00, 0xac, 0x20], "utf-16le")).toBe("A_€_");
    expect(shown([0x00, 0x41, 0x20, 0xac], "utf-16be")).toBe("A_€_");
  });

  it("joins surrogate pairs and shows a lone half as nothing", () => {
    expect(shown([0xd8, 0x3d, 0xde, 0x00, 0x00, 0x41], "utf-16be")).toBe("😀___A_");
    expect(shown([0xde, 0x00, 0x00, 0x41], "utf-16be")).toBe("..A_");
  });

  it("keeps units at even offsets when a row begins at an odd one", () => {
    const bytes = [0x00, 0x41, 0x00, 0x42];
    expect(shown(bytes, "utf-16be", { from: 1, count: 3 })).toBe("_B_");
  });

  it("shows a pair that begins in the row before only there", () => {
    const bytes = [0xd8, 0x3d, 0xde, 0x00, 0x00, 0x41];
    expect(shown(bytes, "utf-16be", { from: 2 })).toBe("__A_");
  });
});
