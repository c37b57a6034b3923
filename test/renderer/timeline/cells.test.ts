// Bins as pixels: what each cell is seen as, where it is painted, and that colour is not all there is to tell them apart.
import { describe, expect, it } from "vitest";
import { type Bins, binOps } from "../../../core/writelog/bins.ts";
import { barOf, cellsOf, paintCells } from "../../../renderer/timeline/cells.ts";
import { opColour, palette, strongest } from "../../../renderer/timeline/looks.ts";
import { themes } from "../map/themes.ts";

const { write, discard, metadata, fua } = binOps;

/** Columns of rows from the bottom up. */
function binsOf(columns: readonly (readonly number[])[], change: Partial<Bins> = {}): Bins {
  const rows = columns[0]?.length ?? 0;
  const masks = Uint8Array.from(columns.flat());
  return {
    firstEntry: 0,
    entriesPerColumn: 1,
    columns: columns.length,
    edges: Float64Array.from({ length: rows + 1 }, (_, i) => 512 * i),
    masks,
    passing: undefined,
    density: masks.map((mask) => (mask === 0 ? 0 : 1)),
    flushes: new Uint32Array(columns.length),
    marks: new Uint32Array(columns.length),
    fuas: new Uint32Array(columns.length),
    bytes: new Float64Array(columns.length),
    labels: [],
    ...change,
  };
}

/** One pixel a cell, as characters by colour. */
function painted(bins: Bins, least = 1): string {
  const cells = cellsOf(bins);
  const target = {
    width: bins.columns,
    height: cells.rows,
    pixels: new Uint32Array(bins.columns * cells.rows),
  };
  const box = { left: 0, top: 0, width: target.width, height: target.height };
  const xs = Int32Array.from({ length: bins.columns + 1 }, (_, i) => i);
  const ys = Int32Array.from({ length: cells.rows + 1 }, (_, i) => i);
  const theme = themes.light;
  paintCells(target, box, cells, { xs, ys, least }, palette(theme));
  const letters = new Map<number, string>([
    [0, "."],
    [opColour(theme, "write"), "w"],
    [opColour(theme, "write", true), "x"],
    [opColour(theme, "metadata"), "m"],
    [opColour(theme, "fua"), "f"],
    [opColour(theme, "discard"), "d"],
  ]);
  const lines: string[] = [];
  for (let y = 0; y < target.height; y++) {
    const line = [...target.pixels.subarray(y * target.width, (y + 1) * target.width)];
    lines.push(line.map((pixel) => letters.get(pixel) ?? "?").join(""));
  }
  return lines.join("\n");
}

describe("cells of a timeline", () => {
  it("stand with the disk's end at the top, each in the colour of its strongest operation", () => {
    const bins = binsOf([
      [write, 0, 0],
      [0, write + metadata, 0],
      [write + discard, 0, write + fua],
    ]);
    expect(painted(bins)).toBe(["..f", ".m.", "w.w"].join("\n"));
  });

  it("are dimmed where nothing in them passes the filter, and show what passes where something does", () => {
    const bins = binsOf([[write, write + fua, write + metadata]], { passing: Uint8Array.of(0, fua, write) });
    expect(painted(bins)).toBe(["w", "f", "x"].join("\n"));
  });

  it("of discards are hollow", () => {
    const five = [discard, discard, discard, discard, discard];
    const lines = painted(binsOf([five, five, five, five, five])).split("\n");
    expect(lines[0]).toBe("ddddd");
    expect(lines[2]?.[0]).toBe("d");
    // Inside there is only a hint of the colour.
    expect(lines[2]?.slice(1, 4)).toBe("???");
  });

  it("are never thinner than said, however small their columns and rows", () => {
    const bins = binsOf([
      [0, 0, 0, 0],
      [0, 0, write, 0],
      [0, 0, 0, 0],
      [0, 0, 0, 0],
    ]);
    expect(painted(bins, 2)).toBe(["....", ".ww.", ".ww.", "...."].join("\n"));
  });

  it("that lie beside the box are not painted", () => {
    const cells = cellsOf(binsOf([[write], [write], [write]]));
    const pixels = new Uint32Array(5 * 3);
    const box = { left: 1, top: 1, width: 2, height: 1 };
    const place = { xs: Int32Array.of(-2, -1, 1, 40), ys: Int32Array.of(0, 30), least: 1 };
    paintCells({ pixels, width: 5, height: 3 }, box, cells, place, palette(themes.dark));
    const seen = [...pixels].map((pixel) => (pixel === 0 ? "." : "#")).join("");
    expect(seen).toBe("......##.......");
  });

  it("of many entries are stronger the more there are", () => {
    const density = Uint8Array.of(1, 20, 60, 200);
    const { looks } = cellsOf(binsOf([[write, write, write, write]], { density, entriesPerColumn: 1024 }));
    const colours = palette(themes.light);
    const blues = [...looks].map((look) => (colours[look] ?? 0) & 0xff);
    // Top row first: the densest, which is furthest from white.
    expect(blues).toEqual([...blues].sort((a, b) => a - b));
    expect(new Set(blues).size).toBe(4);
  });
});

describe("bars of single entries", () => {
  it("cover the rows of their entry, counted from the top", () => {
    const cells = cellsOf(
      binsOf(
        [
          [0, fua, fua, 0, 0],
          [0, 0, 0, 0, 0],
        ],
        { passing: new Uint8Array(10) },
      ),
    );
    expect(barOf(cells, 0)).toEqual({ from: 2, to: 4, mask: fua, passes: false });
    expect(barOf(cells, 1)).toBeUndefined();
  });
});

describe("the strongest operation", () => {
  it("is what is rarest: FUA, then metadata, then a write, a discard last", () => {
    expect(strongest(write + discard + metadata + fua)).toBe("fuaMetadata");
    expect(strongest(write + discard + fua)).toBe("fua");
    expect(strongest(write + metadata)).toBe("metadata");
    expect(strongest(write + discard)).toBe("write");
    expect(strongest(discard)).toBe("discard");
    expect(strongest(0)).toBeUndefined();
  });

  it("has a colour that is not the background's, in every theme", () => {
    for (const theme of Object.values(themes)) {
      for (const [look, colour] of palette(theme).entries()) {
        if (look % 16 !== 0) expect(colour).not.toBe(theme.pixel.bg);
      }
    }
  });
});
