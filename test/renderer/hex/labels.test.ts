// Addresses, boundaries and the words a screen reader says.
import { describe, expect, it } from "vitest";
import {
  address,
  addressChars,
  boundaryIn,
  cellName,
  foldText,
  gutterChars,
  rowName,
} from "../../../renderer/hex/labels.ts";
import type { BytesRow } from "../../../renderer/hex/rowContent.ts";

describe("addresses", () => {
  it("are written in the chosen base", () => {
    expect(address(0x14010, "hex", 8)).toBe("00014010");
    expect(address(0x14010, "decimal", 8)).toBe("   81936");
    // 0x14010 = 160 sectors and 16 bytes.
    expect(address(0x14010, "sector", 8)).toBe(" 160+010");
    expect(address(-16, "hex", 8)).toBe("       -");
  });

  it("stay exact up to 2^53", () => {
    expect(address(Number.MAX_SAFE_INTEGER, "hex", 8)).toBe("1FFFFFFFFFFFFF");
    expect(address(Number.MAX_SAFE_INTEGER, "decimal", 8)).toBe("9007199254740991");
  });

  it("get as much room as the largest one needs", () => {
    expect(addressChars(4 * 2 ** 20, "hex")).toEqual({ usual: 8, least: 6 });
    expect(addressChars(16 * 2 ** 40, "hex")).toEqual({ usual: 11, least: 11 });
    expect(addressChars(1000, "decimal")).toEqual({ usual: 4, least: 4 });
  });
});

describe("boundaries", () => {
  it("name the strongest one: cluster before page before sector", () => {
    expect(boundaryIn(0x10000, 16, 0x10000, "all")).toEqual({ kind: "cluster", label: "c 1", column: 0 });
    expect(boundaryIn(0x11000, 16, 0x10000, "all")).toEqual({ kind: "page", label: "s 136", column: 0 });
    expect(boundaryIn(0x11200, 16, 0x10000, "all")).toEqual({ kind: "sector", label: "s 137", column: 0 });
    expect(boundaryIn(0x11210, 16, 0x10000, "all")).toBeUndefined();
  });

  it("show only what was chosen", () => {
    expect(boundaryIn(0x10000, 16, 0x10000, "sector")?.label).toBe("s 128");
    expect(boundaryIn(0x10200, 16, 0x10000, "cluster")).toBeUndefined();
    expect(boundaryIn(0x10000, 16, 0x10000, "none")).toBeUndefined();
    expect(boundaryIn(0x10000, 16, undefined, "all")?.label).toBe("s 128");
  });

  it("are found inside the rows of a shifted image", () => {
    expect(boundaryIn(0x1f8, 16, undefined, "all")).toEqual({ kind: "sector", label: "s 1", column: 8 });
    expect(boundaryIn(-8, 16, undefined, "all")).toEqual({ kind: "page", label: "s 0", column: 8 });
    expect(boundaryIn(-64, 16, undefined, "all")).toBeUndefined();
  });

  it("get as much room as the longest label needs", () => {
    // 4 MiB: sector 8191 is the last; "s 8191" with half a space.
    expect(gutterChars(4 * 2 ** 20, "all", undefined)).toBe(5.5);
    expect(gutterChars(4 * 2 ** 20, "cluster", 65536)).toBe(3.5);
    expect(gutterChars(4 * 2 ** 20, "none", 65536)).toBe(0);
  });
});

describe("words", () => {
  const row: BytesRow = {
    kind: "bytes",
    offset: 0x14010,
    values: Int16Array.of(0x7f, 0, -1, -2, 5, 6, -3),
    others: Int16Array.of(0, 0, 0, 9, -3, -2, 1),
    marks: ["differs", "plain", "missing", "unreadable", "oneSide", "plain", "outside"],
    letter: "D",
    outside: undefined,
    unscanned: false,
    storedDifferently: false,
  };

  it("say of a byte where it is, what it is and how the other side has it", () => {
    expect(row.marks.map((_, column) => cellName(row, column, 0x14010 + column))).toEqual([
      "offset 14010 hex, 7F, differs, other side 00",
      "offset 14011 hex, 00",
      "offset 14012 hex, not loaded yet",
      "offset 14013 hex, unreadable, other side 09",
      "offset 14014 hex, 05, only on this side",
      "offset 14015 hex, 06, other side unreadable",
      "offset 14016 hex, past the end",
    ]);
  });

  it("name a row by its address and sector", () => {
    expect(rowName(0x14010)).toBe("offset 14010 hex, sector 160");
  });

  it("say how much a fold stands for", () => {
    expect(foldText({ kind: "fold", offset: 0, length: 31 * 512 })).toBe("31 sectors equal (15.5 KiB)");
    expect(foldText({ kind: "fold", offset: 0, length: 48 })).toBe("48 bytes equal");
  });
});
