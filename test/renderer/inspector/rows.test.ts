// Rows of values: what stands where there is no value, tooltips with both byte orders, and the sides of a comparison.
import { describe, expect, it } from "vitest";
import type { Readable, ReadableEnd } from "../../../renderer/inspector/readable.ts";
import { comparedRows, rowsOf, type ValueRow } from "../../../renderer/inspector/rows.ts";

const of = (bytes: readonly number[], end?: ReadableEnd): Readable => ({
  bytes: Uint8Array.from(bytes),
  end,
});
function row(rows: readonly ValueRow[], id: string): ValueRow {
  const found = rows.find((candidate) => candidate.id === id);
  if (!found) throw new Error(`no row ${id}`);
  return found;
}
const texts = ({ cells }: ValueRow) => cells.map(({ side, text }) => (side ? `${side} ${text}` : text));

describe("rows of one image", () => {
  it("show the order in force, and both with their hex in the tooltip", () => {
    const bytes = of([0x34, 0x12, ...Array(14).fill(0)]);
    expect(texts(row(rowsOf(bytes, true), "u16"))).toEqual(["4,660"]); // 0x1234
    expect(texts(row(rowsOf(bytes, false), "u16"))).toEqual(["13,330"]); // 0x3412
    for (const little of [true, false]) {
      expect(row(rowsOf(bytes, little), "u16").cells[0]?.title).toBe(
        "Little-endian: 4,660 (0x1234)\nBig-endian: 13,330 (0x3412)",
      );
    }
    expect(row(rowsOf(bytes, true), "u8").cells[0]?.title).toBe("52 (0x34)");
  });

  it("say why a value is missing, and copy nothing then", () => {
    const missing = (end: ReadableEnd) => row(rowsOf(of([0x34, 0x12], end), true), "u32").cells[0];
    expect(missing("past")).toMatchObject({ text: "past the end", copied: undefined });
    expect(missing("unreadable")).toMatchObject({ text: "??", copied: undefined });
    expect(missing("loading")).toMatchObject({ text: "…", copied: undefined });
    expect(row(rowsOf(of([], "before"), true), "u8").cells[0]?.text).toBe("before the start");
    expect(texts(row(rowsOf(of([0x34, 0x12], "past"), true), "u16"))).toEqual(["4,660"]);
  });
});

describe("rows of a comparison", () => {
  const a = of([1, 0, 0, 0, ...Array(12).fill(0)]);
  const b = of([1, 2, 0, 0, ...Array(12).fill(0)]);

  it("show both values where they differ, one where they are the same", () => {
    const rows = comparedRows(a, b, "a", true);
    expect(texts(row(rows, "u8"))).toEqual(["A=B 1"]);
    expect(row(rows, "u8").differs).toBe(false);
    expect(texts(row(rows, "u16"))).toEqual(["A 1", "B 513"]); // 0x0201
    expect(row(rows, "u16").differs).toBe(true);
  });

  it("go to the value of the side that has the caret", () => {
    expect(row(comparedRows(a, b, "a", true), "u16").place).toBe(1n);
    expect(row(comparedRows(a, b, "b", true), "u16").place).toBe(513n);
  });

  it("call nothing a difference that can't be read on one side or has no such bytes", () => {
    for (const end of ["unreadable", "past", "loading"] as const) {
      const rows = comparedRows(a, of([1], end), "a", true);
      expect(row(rows, "u16").differs).toBe(false);
      expect(row(rows, "u16").cells).toHaveLength(2);
      expect(row(rows, "u16").cells[1]).toMatchObject({ side: "B", copied: undefined });
    }
    expect(texts(row(comparedRows(of([], "past"), of([], "past"), "a", true), "u8"))).toEqual([
      "past the end",
    ]);
  });
});
