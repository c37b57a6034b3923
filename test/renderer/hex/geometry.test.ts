// Columns of a hex pane and what is at a point, with positions added up by hand.
import { describe, expect, it } from "vitest";
import {
  cellSpan,
  type GeometryInput,
  hitTest,
  layOut,
  scrollToColumn,
} from "../../../renderer/hex/geometry.ts";

const input: GeometryInput = {
  width: 1000,
  height: 620,
  rowHeight: 20,
  charWidth: 8,
  smallCharWidth: 6,
  bytesPerRow: 16,
  group: 1,
  addressChars: { usual: 8, least: 6 },
  gutterChars: 6,
};

describe("columns", () => {
  const geometry = layOut(input);

  it("stand one after the other: address, gutter, hex, text", () => {
    // pad = 6; address 6..70; gutter at 76; its letter takes 8 + 3, its label 36, and 3 more.
    expect(geometry.addressX).toBe(6);
    expect(geometry.gutterX).toBe(76);
    expect(geometry.labelX).toBe(87);
    expect(geometry.gutterEnd).toBe(126);
    expect(geometry.contentX).toBe(129);
    // The first byte 4 further on. Bytes 16 wide, 8 apart; the ninth stands ceil(8 * 0.6) = 5 further right.
    expect(geometry.hexX[0]).toBe(133);
    expect(geometry.hexX[1]).toBe(157);
    expect(geometry.hexX[8]).toBe(133 + 8 * 24 + 5);
    expect(geometry.hexEnd).toBe(133 + 15 * 24 + 5 + 16);
    expect(geometry.textX).toBe(geometry.hexEnd + 12);
    expect(geometry.maxScrollX).toBe(0);
  });

  it("take less room before anything has to scroll: first the address, then the gaps", () => {
    const needed = geometry.textEnd;
    expect(layOut({ ...input, width: needed }).addressChars).toBe(8);
    const shorter = layOut({ ...input, width: needed - 1 });
    expect(shorter.addressChars).toBe(6);
    expect((shorter.hexX[1] ?? 0) - (shorter.hexX[0] ?? 0)).toBe(24);
    const tight = layOut({ ...input, width: needed - 60 });
    expect((tight.hexX[1] ?? 0) - (tight.hexX[0] ?? 0)).toBeLessThan(24);
    expect(tight.maxScrollX).toBe(0);
  });

  it("scroll sideways when nothing else helps", () => {
    const narrow = layOut({ ...input, width: 300 });
    expect(narrow.maxScrollX).toBe(narrow.textEnd - 300);
    // Gaps are never closer than 30 % of a character: ceil(2.4) = 3 pixels.
    expect((narrow.hexX[1] ?? 0) - (narrow.hexX[0] ?? 0)).toBe(19);
  });

  it("put bytes of a group together", () => {
    const grouped = layOut({ ...input, group: 4 });
    const steps = grouped.hexX.slice(1).map((x, index) => x - (grouped.hexX[index] ?? 0));
    expect(steps.slice(0, 8)).toEqual([16, 16, 16, 24, 16, 16, 16, 29]);
  });
});

describe("hit test", () => {
  const geometry = layOut(input);
  const at = (x: number, y: number) => hitTest(geometry, x, y, 0);

  it("finds every byte at its own middle in both faces", () => {
    for (let column = 0; column < 16; column++) {
      for (const face of ["hex", "text"] as const) {
        const { left, right } = cellSpan(geometry, face, column);
        expect(at((left + right) / 2, 20 + 3 * 20 + 10)).toEqual({ zone: face, row: 3, column });
      }
    }
  });

  it("tells address and gutter apart, and the header as a row above the first", () => {
    expect(at(10, 25)).toEqual({ zone: "address", row: 0, column: 0 });
    expect(at(90, 25).zone).toBe("gutter");
    expect(at(140, 5).row).toBe(-1);
  });

  it("takes the nearer byte between two, and the last one past the end", () => {
    // Byte 0 ends at 149, byte 1 begins at 157: the middle is 153.
    expect(at(152, 25).column).toBe(0);
    expect(at(153, 25).column).toBe(1);
    expect(at(990, 25)).toMatchObject({ zone: "text", column: 15 });
  });

  it("counts what is scrolled sideways", () => {
    const narrow = layOut({ ...input, width: 300 });
    const { left } = cellSpan(narrow, "text", 15);
    const scrollX = scrollToColumn(narrow, "text", 15, 0);
    expect(left - scrollX).toBeLessThan(300);
    expect(hitTest(narrow, left - scrollX + 1, 25, scrollX)).toMatchObject({ zone: "text", column: 15 });
    expect(scrollToColumn(narrow, "hex", 0, scrollX)).toBe(0);
  });
});
