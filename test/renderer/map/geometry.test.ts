import { describe, expect, it } from "vitest";
import { kindNumber } from "../../../core/block/structure.ts";
import type { MapBox, MapShape } from "../../../renderer/map/contract.ts";
import {
  cellAt,
  cellInfo,
  cellOf,
  cellsOf,
  layOut,
  moved,
  placeOf,
  visibleCells,
  visibleClusters,
  zoomStep,
} from "../../../renderer/map/geometry.ts";
import { seeded } from "../../build/random.ts";

const KiB64 = 65_536;
const box: MapBox = { width: 1000, height: 600, scale: 1, gutter: 100 };

function shapeOf(clusters: number, clusterSize = KiB64): MapShape {
  const levels = 1 + Math.ceil(Math.log2(Math.max(1, clusters)) / 2);
  return { clusters, clusterSize, fileSize: clusters * clusterSize, levels };
}

describe("the layout of the map", () => {
  it("has one cluster a pixel at zoom 0, in rows that begin at round numbers", () => {
    // 1000 - 100 - 2 = 898 columns fit, 896 = 28 * 32 are used; 1,048,576 / 896 = 1170.3 rows.
    const layout = layOut(box, shapeOf(2 ** 20), 0);
    expect(layout).toMatchObject({ level: 0, side: 1, columns: 896, rowCount: 1171, clustersPerCell: 1 });
    expect(layout.visibleRows).toBe(601);
  });

  it("shows all of it in the finest level that fits", () => {
    // Level 1 has 262,144 cells in 293 rows of 896; level 0 would need 1171 of 600 pixels.
    const layout = layOut(box, shapeOf(2 ** 20), "fit");
    expect(layout).toMatchObject({ level: 1, side: 1, columns: 896, rowCount: 293, clustersPerCell: 4 });
  });

  it("prefers larger cells of a coarser level where a fine one leaves the canvas mostly empty", () => {
    // 2^20 clusters on 1446 x 700: level 1 fills 262,144 pixels; level 2, 65,536 cells of 3 x 3, fills 589,824.
    const layout = layOut({ ...box, width: 1446, height: 700 }, shapeOf(2 ** 20), "fit");
    expect(layout).toMatchObject({ level: 2, side: 3 });
    expect(layout.rowCount * layout.side).toBeLessThanOrEqual(700);
  });

  it("shows few clusters large, but not larger than is of use", () => {
    expect(layOut(box, shapeOf(3), "fit")).toMatchObject({ level: 0, side: 32, columns: 3, rowCount: 1 });
    expect(layOut({ ...box, scale: 2 }, shapeOf(3), "fit").side).toBe(64);
  });

  it("goes in by doubling what a cluster takes up, and out to all of it", () => {
    const shape = shapeOf(2 ** 20);
    const steps: (number | "fit")[] = ["fit"];
    for (let next = zoomStep(box, shape, "fit", 1); next !== undefined; ) {
      steps.push(next);
      next = zoomStep(box, shape, next, 1);
    }
    // Fit is level 1 with 1 pixel, a cluster half a pixel wide; cells end at 2 ** 5 = 32 pixels.
    expect(steps).toEqual(["fit", 0, 1, 2, 3, 4, 5]);
    expect(zoomStep(box, shape, 0, -1)).toBe("fit");
    expect(zoomStep(box, shape, 3, -1)).toBe(2);
    expect(zoomStep(box, shape, "fit", -1)).toBeUndefined();
  });

  it("keeps offsets exact to the last cluster of 2^29 and more", () => {
    const shape = shapeOf(2 ** 37);
    const layout = layOut(box, shape, 5);
    // 898 / 32 = 28 columns; 2^37 / 28 = 4,908,534,052.57...
    expect(layout).toMatchObject({ columns: 28, rowCount: 4_908_534_053 });
    const cell = cellOf(2 ** 37 - 1, layout);
    expect(cell).toBe(2 ** 37 - 1);
    expect(cellInfo(shape, layout, cell, kindNumber("data"))).toEqual({
      cluster: 2 ** 37 - 1,
      clusters: 1,
      offset: 2 ** 53 - KiB64,
      length: KiB64,
      kind: "data",
    });
    const topRow = layout.rowCount - 18;
    expect(
      cellAt(layout, topRow, placeOf(layout, topRow, cell).x + 5, placeOf(layout, topRow, cell).y + 5),
    ).toBe(cell);
  });

  it("cuts the last cell short by the end of the file", () => {
    const shape = { ...shapeOf(6), fileSize: 5 * KiB64 + 100 };
    // Level 1: cells of 4 and of 2 clusters, the last of which has 100 bytes.
    const info = cellInfo(shape, { clustersPerCell: 4 }, 1, undefined);
    expect(info).toEqual({
      cluster: 4,
      clusters: 2,
      offset: 4 * KiB64,
      length: KiB64 + 100,
      kind: undefined,
    });
  });

  it("has no cells for an empty file", () => {
    const layout = layOut(box, { clusters: 0, clusterSize: KiB64, fileSize: 0, levels: 1 }, "fit");
    expect(layout).toMatchObject({ cells: 0, rowCount: 0 });
    expect(cellAt(layout, 0, 200, 10)).toBeUndefined();
    expect(visibleCells(layout, 0)).toEqual({ first: 0, end: 0 });
  });

  it("finds at a place the cell that is painted there", () =>
    seeded(async (random) => {
      for (let round = 0; round < 300; round++) {
        const shape = shapeOf(1 + random.below(2 ** 30));
        const scale = random.below(2) + 1;
        const layout = layOut(
          {
            width: 300 + random.below(1500),
            height: 100 + random.below(900),
            scale,
            gutter: random.below(150),
          },
          shape,
          random.below(3) === 0 ? "fit" : random.below(18) - 12,
        );
        const most = Math.max(0, layout.rowCount - layout.visibleRows + 1);
        const topRow = random.below(2) === 0 ? random.below(most + 1) : (random.below(1000) / 1000) * most;
        const { first, end } = visibleCells(layout, topRow);
        const cell = first + random.below(end - first);
        const { x, y } = placeOf(layout, topRow, cell);
        const inside = Math.min(layout.height - 1, Math.max(0, y + layout.side - 1));
        expect(cellAt(layout, topRow, x, inside)).toBe(cell);
        expect(cellAt(layout, topRow, x + layout.side - 1, inside)).toBe(cell);
        expect(layout.cells).toBe(cellsOf(shape, layout.level));
        const shown = visibleClusters(layout, topRow, shape);
        expect(shown.first + shown.count).toBeLessThanOrEqual(shape.clusters);
      }
    }));

  it("shows the whole of the map when it says that it fits", () =>
    seeded(async (random) => {
      for (let round = 0; round < 200; round++) {
        const shape = shapeOf(1 + random.below(2 ** random.below(37)));
        const layout = layOut(
          { width: 300 + random.below(1500), height: 100 + random.below(900), scale: 1, gutter: 90 },
          shape,
          "fit",
        );
        expect(layout.rowCount * layout.side).toBeLessThanOrEqual(layout.height);
        expect(visibleClusters(layout, 0, shape)).toEqual({ first: 0, count: shape.clusters });
      }
    }));
});

describe("moves of the cursor", () => {
  // 100 clusters in rows of 28: the last row has 16.
  const layout = layOut(box, shapeOf(100), 5);

  it("go along rows and columns, and stay inside", () => {
    expect(layout.columns).toBe(28);
    expect(moved("right", 27, layout)).toBe(28);
    expect(moved("left", 0, layout)).toBe(0);
    expect(moved("down", 5, layout)).toBe(33);
    expect(moved("up", 33, layout)).toBe(5);
    expect(moved("up", 5, layout)).toBe(5);
    expect(moved("rowStart", 40, layout)).toBe(28);
    expect(moved("rowEnd", 40, layout)).toBe(55);
    expect(moved("rowEnd", 90, layout)).toBe(99);
    expect(moved("start", 90, layout)).toBe(0);
    expect(moved("end", 0, layout)).toBe(99);
  });

  it("come to the end of a short last row, and no further", () => {
    // Row 2 is 56 to 83; below its column 27 there is nothing.
    expect(moved("down", 83, layout)).toBe(99);
    expect(moved("down", 90, layout)).toBe(90);
    expect(moved("pageDown", 3, layout)).toBe(87);
  });

  it("keep a cluster within its cell", () => {
    const coarse = layOut(box, shapeOf(2 ** 20), "fit");
    expect(moved("left", 3, coarse)).toBe(3);
    expect(moved("right", 3, coarse)).toBe(4);
  });
});
