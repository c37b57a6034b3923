import { describe, expect, it } from "vitest";
import { type ClusterKind, clusterKinds, kindNumber } from "../../../core/block/structure.ts";
import type { MapLayout } from "../../../renderer/map/contract.ts";
import { cellAt, layOut, visibleCells } from "../../../renderer/map/geometry.ts";
import { classLooks, kindLooks, mapClasses } from "../../../renderer/map/kinds.ts";
import { cellLook, cellTile, inkOn } from "../../../renderer/map/look.ts";
import { paintCells } from "../../../renderer/map/paint.ts";
import { notLoaded } from "../../../renderer/map/tiles.ts";
import { seeded } from "../../build/random.ts";
import { colourless, plainLetters, themes } from "./themes.ts";

const style = { theme: themes.light, letters: plainLetters, scale: 1 };
const { pixel: light } = themes.light;
const none: ReadonlySet<ClusterKind> = new Set();

function painted(layout: MapLayout, topRow: number, cells: Uint8Array, isolated = none): Uint32Array {
  const pixels = new Uint32Array(layout.width * layout.height);
  const look = cellLook(style, layout.side, isolated);
  paintCells({ pixels, width: layout.width, height: layout.height }, layout, topRow, cells, look);
  return pixels;
}

function shapeOf(clusters: number) {
  const levels = 1 + Math.ceil(Math.log2(clusters) / 2);
  return { clusters, clusterSize: 65_536, fileSize: clusters * 65_536, levels };
}

/** Colours that a cell of the kind may have at a pixel, when cells are too small for shapes. */
function coloursOf(kind: ClusterKind): readonly number[] {
  const { token } = kindLooks[kind];
  if (kind === "unknown") return [light[token], light["diff-unscanned-hatch"]];
  if (kind === "unreadable") return [light[token], light["diff-unreadable-hatch"]];
  return [light[token]];
}

describe("painting cells", () => {
  it("gives every pixel the colour of the worst cluster of its cell, at any zoom and place", () =>
    seeded(async (random) => {
      for (let round = 0; round < 25; round++) {
        const clusters = 1 + random.below(40_000);
        const kinds = Uint8Array.from({ length: clusters }, () => random.below(clusterKinds.length));
        const box = { width: 150 + random.below(200), height: 60 + random.below(100), scale: 1, gutter: 40 };
        // Up to 4 pixels a cell: without patterns.
        const layout = layOut(box, shapeOf(clusters), random.below(8) - 5);
        const topRow = random.below(Math.max(1, layout.rowCount - layout.visibleRows + 2));
        const { first, end } = visibleCells(layout, topRow);
        const cells = Uint8Array.from({ length: end - first }, (_, index) => {
          const from = (first + index) * layout.clustersPerCell;
          return Math.max(...kinds.subarray(from, from + layout.clustersPerCell));
        });
        const pixels = painted(layout, topRow, cells);
        for (let y = 0; y < box.height; y++) {
          for (let x = 0; x < box.width; x++) {
            const cell = cellAt(layout, topRow, x, y);
            const colour = pixels[y * box.width + x] as number;
            const worst = cell === undefined ? undefined : clusterKinds[cells[cell - first] as number];
            const right = worst === undefined ? [light.bg] : coloursOf(worst);
            if (!right.includes(colour)) throw new Error(`${x}, ${y}: ${colour} is not ${worst}`);
          }
        }
      }
    }));

  it("lets one corrupt cluster of a million be seen", () => {
    const layout = layOut({ width: 600, height: 400, scale: 1, gutter: 0 }, shapeOf(2 ** 20), "fit");
    const cells = new Uint8Array(layout.cells).fill(kindNumber("data"));
    const bad = Math.floor(777_777 / layout.clustersPerCell);
    cells[bad] = kindNumber("overlap");
    const pixels = painted(layout, 0, cells);
    const red = [...pixels.keys()].filter((at) => pixels[at] === light["kind-corrupt"]);
    expect(red).toHaveLength(layout.side ** 2);
    for (const at of red) expect(cellAt(layout, 0, at % 600, Math.floor(at / 600))).toBe(bad);
  });

  it("paints tiles where cells have room for shapes, cut off at the top and at the bottom", () => {
    const layout = layOut({ width: 200, height: 50, scale: 1, gutter: 20 }, shapeOf(1000), 4);
    const { columns, side } = layout;
    expect(side).toBe(16);
    const topRow = 2.5;
    const { first, end } = visibleCells(layout, topRow);
    const cells = Uint8Array.from({ length: end - first }, (_, index) => index % clusterKinds.length);
    const pixels = painted(layout, topRow, cells);
    const { tiles } = cellLook(style, side, none);
    for (let y = 0; y < 50; y++) {
      for (let x = 20; x < 20 + columns * side; x++) {
        const cell = cellAt(layout, topRow, x, y) as number;
        const tile = tiles?.[cells[cell - first] as number];
        // 2.5 rows are scrolled away: 40 pixels.
        const inside = ((y + 40) % side) * side + ((x - 20) % side);
        expect(pixels[y * 200 + x]).toBe(tile?.pixels[inside]);
      }
    }
  });

  it("hatches what is not loaded, unlike anything that is known", () => {
    const layout = layOut({ width: 100, height: 40, scale: 1, gutter: 0 }, shapeOf(3000), 0);
    const cells = new Uint8Array(3000).fill(notLoaded);
    const pixels = painted(layout, 0, cells);
    const seen = new Set(pixels.subarray(0, layout.columns));
    expect(seen).toEqual(new Set([light["kind-unscanned"], light["diff-unscanned-hatch"]]));
  });

  it("dims the kinds that are not isolated, and only those", () => {
    const layout = layOut({ width: 100, height: 40, scale: 1, gutter: 0 }, shapeOf(96), 0);
    const cells = Uint8Array.from({ length: 96 }, (_, at) => kindNumber(at % 2 === 0 ? "data" : "overlap"));
    const pixels = painted(layout, 0, cells, new Set<ClusterKind>(["overlap"]));
    expect(pixels[1]).toBe(light["kind-corrupt"]);
    expect(pixels[0]).not.toBe(light["kind-data"]);
    expect(pixels[0]).not.toBe(light.bg);
  });

  it("leaves a canvas alone that is too narrow for a cell", () => {
    const layout = layOut({ width: 30, height: 40, scale: 1, gutter: 40 }, shapeOf(96), 3);
    expect(new Set(painted(layout, 0, new Uint8Array(5)))).toEqual(new Set([light.bg]));
  });
});

const inkOf = (theme: typeof themes.light, kind: ClusterKind, side: number) =>
  cellTile({ theme, letters: plainLetters, scale: 1 }, kindLooks[kind], side).pixels.join();

describe("kinds without colour", () => {
  it.each([6, 7, 8, 11])("are told apart by pattern, class by class, in cells of %i pixels", (side) => {
    // One kind of each class, and the two that look unlike the rest of theirs.
    const kinds: readonly ClusterKind[] = [
      ...mapClasses.map((cls) => clusterKinds.findLast((kind) => kindLooks[kind].cls === cls) as ClusterKind),
      "unknown",
      "hole",
    ];
    const looks = new Map(kinds.map((kind) => [inkOf(colourless, kind, side), kind]));
    expect([...looks.values()].sort()).toEqual([...new Set(kinds)].sort());
  });

  it("are told apart one by one by letter and shape in cells of 12 pixels and more", () => {
    for (const side of [12, 16, 32]) {
      expect(new Set(clusterKinds.map((kind) => inkOf(colourless, kind, side))).size).toBe(
        clusterKinds.length,
      );
    }
  });

  it("stay so under forced colours", () => {
    for (const side of [12, 16, 32]) {
      const looks = new Set(clusterKinds.map((kind) => inkOf(themes.forced, kind, side)));
      expect(looks.size).toBe(clusterKinds.length);
    }
  });
});

describe("colours of kinds", () => {
  it.each(["light", "dark"] as const)(
    "are those of the design in the %s theme, one for each class",
    (name) => {
      const colours = mapClasses.map((cls) => themes[name].pixel[classLooks[cls].token]);
      expect(new Set(colours).size).toBe(mapClasses.length);
      expect(colours).not.toContain(undefined);
    },
  );

  it("have letters that stand out at 4.5 to 1 or better on every class that has one", () => {
    const luminance = (colour: number) => {
      const part = (at: number) => {
        const value = (Math.floor(colour / 2 ** at) % 256) / 255;
        return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
      };
      return 0.2126 * part(0) + 0.7152 * part(8) + 0.0722 * part(16) + 0.05;
    };
    for (const theme of [themes.light, themes.dark]) {
      for (const cls of mapClasses.filter((name) => classLooks[name].letter !== "")) {
        const colour = theme.pixel[classLooks[cls].token];
        const [low, high] = [luminance(colour), luminance(inkOn(colour, theme))].sort((a, b) => a - b);
        expect([cls, (high as number) / (low as number) >= 4.5]).toEqual([cls, true]);
      }
    }
  });
});
