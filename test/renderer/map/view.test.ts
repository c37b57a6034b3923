import { beforeEach, describe, expect, it } from "vitest";
import type { MapShape, MapView } from "../../../renderer/map/contract.ts";
import { cellAt, rowOf, visibleClusters } from "../../../renderer/map/geometry.ts";
import { createMapView } from "../../../renderer/map/view.ts";

const shape: MapShape = { clusters: 2 ** 28, clusterSize: 65_536, fileSize: 2 ** 44, levels: 15 };
const box = { width: 1000, height: 600, scale: 1, gutter: 100 };
let view: MapView;

beforeEach(() => {
  view = createMapView(shape);
  view.resize(box);
});

const layout = () => {
  const { layout: now } = view.getState();
  if (now === undefined) throw new Error("no layout");
  return now;
};
const shown = () => visibleClusters(layout(), view.getState().topRow, shape);

describe("the view of a map", () => {
  it("begins with the whole of it", () => {
    expect(shown()).toEqual({ first: 0, count: 2 ** 28 });
    expect(view.zoomBy(-1)).toBe(false);
  });

  it("zooms in on what is under the pointer, which stays there", () => {
    const at = { x: 600, y: 100 };
    for (let step = 0; step < 20; step++) {
      const before = layout();
      const cell = cellAt(before, view.getState().topRow, at.x, at.y) as number;
      if (!view.zoomBy(1, at)) break;
      // The row of that cluster now is at the pointer's height.
      const row = rowOf(cell * before.clustersPerCell, layout()) - view.getState().topRow;
      expect(row * layout().side).toBeLessThanOrEqual(at.y);
      expect((row + 1) * layout().side).toBeGreaterThanOrEqual(at.y);
    }
    expect(layout()).toMatchObject({ level: 0, side: 32 });
    expect(view.zoomBy(1, at)).toBe(false);
  });

  it("zooms by key on the cursor, wherever that is", () => {
    view.moveTo(200_000_001);
    while (view.zoomBy(1)) {
      const { first, count } = shown();
      expect(first).toBeLessThanOrEqual(200_000_001);
      expect(first + count).toBeGreaterThan(200_000_001);
    }
    expect(view.getState().cursor).toBe(200_000_001);
  });

  it("remembers where it zoomed in from, and goes back there", () => {
    const at = { x: 500, y: 250 };
    view.zoomBy(1, at);
    const { zoom, topRow } = view.getState();
    view.zoomBy(1, at);
    view.zoomBy(1, at);
    expect(view.getState().crumbs).toHaveLength(3);
    expect(view.getState().crumbs[0]).toMatchObject({ zoom: "fit", first: 0, count: 2 ** 28 });
    view.goToCrumb(1);
    expect(view.getState()).toMatchObject({ zoom, topRow });
    expect(view.getState().crumbs).toHaveLength(1);
    view.zoomToFit();
    expect(view.getState().crumbs).toEqual([]);
  });

  it("keeps those places around what shows after a jump", () => {
    for (let step = 0; step < 8; step++) view.zoomBy(1);
    view.jumpTo(250_000_000);
    const { first } = shown();
    for (const crumb of view.getState().crumbs) {
      expect(crumb.first).toBeLessThanOrEqual(first);
      expect(crumb.first + crumb.count).toBeGreaterThan(first);
    }
  });

  it("drops them on the way out", () => {
    for (let step = 0; step < 5; step++) view.zoomBy(1);
    while (view.zoomBy(-1));
    expect(view.getState()).toMatchObject({ zoom: "fit", crumbs: [] });
  });

  it("scrolls no more than needed to show the cursor, and no further than the last row", () => {
    view.zoomBy(1);
    view.showRange({ first: 0, count: 1 });
    expect(layout().side).toBe(32);
    // 600 / 32 = 18.75 rows: the 18 whole ones are rows 0 to 17.
    view.moveTo(17 * layout().columns);
    expect(view.getState().topRow).toBe(0);
    view.moveTo(18 * layout().columns);
    expect(view.getState().topRow).toBe(1);
    view.moveTo(2 ** 28 - 1);
    const last = layout().rowCount - 1;
    expect(view.getState().topRow).toBe(last - 17);
    view.scrollTo(1e15);
    expect(view.getState().topRow).toBe(last - 17);
    view.scrollTo(-5);
    expect(view.getState().topRow).toBe(0);
  });

  it("shows a range as large as it can be shown whole", () => {
    view.showRange({ first: 1_000_000, count: 5000 });
    const { first, count } = shown();
    expect(first).toBeLessThanOrEqual(1_000_000);
    expect(first + count).toBeGreaterThanOrEqual(1_005_000);
    // One step further in it would not fit: 5000 clusters of 16 pixels need 90 rows of 56, of which 37 fit.
    expect(layout().side).toBe(8);
    expect(view.getState().cursor).toBe(1_000_000);
  });

  it("pages by what shows, the cursor in its place on screen", () => {
    for (let step = 0; step < 20; step++) view.zoomBy(1);
    view.jumpTo(100_000);
    const before = rowOf(view.getState().cursor, layout()) - view.getState().topRow;
    view.move("pageDown");
    // 19 rows show, the last of them in part: a page is 17.
    expect(view.getState().cursor).toBe(100_000 + 17 * layout().columns);
    expect(rowOf(view.getState().cursor, layout()) - view.getState().topRow).toBe(before);
  });

  it("shows the same place when the canvas changes", () => {
    for (let step = 0; step < 12; step++) view.zoomBy(1);
    view.jumpTo(100_000_000);
    const { first } = shown();
    view.resize({ ...box, width: 700, height: 500 });
    const now = shown();
    expect(now.first).toBeLessThanOrEqual(first);
    expect(now.first + layout().columns * layout().clustersPerCell).toBeGreaterThan(first);
  });

  it("keeps zoom and cursor for a map that has grown, and stays inside one that has shrunk", () => {
    for (let step = 0; step < 12; step++) view.zoomBy(1);
    const { zoom } = view.getState();
    view.moveTo(2 ** 28 - 1);
    view.reshape({ clusters: 2 ** 28 + 5, clusterSize: 65_536, fileSize: 2 ** 44 + 327_680, levels: 16 });
    expect(view.getState()).toMatchObject({ zoom, cursor: 2 ** 28 - 1 });
    view.reshape({ clusters: 100, clusterSize: 65_536, fileSize: 6_553_600, levels: 5 });
    expect(view.getState()).toMatchObject({ cursor: 99, topRow: 0 });
  });

  it("isolates kinds: all of a class at once, and away again", () => {
    view.toggle(["overlap", "bad-entry"]);
    view.toggle(["data"]);
    expect([...view.getState().isolated].sort()).toEqual(["bad-entry", "data", "overlap"]);
    view.toggle(["overlap"]);
    view.toggle(["overlap", "bad-entry"]);
    expect([...view.getState().isolated].sort()).toEqual(["bad-entry", "data", "overlap"]);
    view.toggle(["overlap", "bad-entry"]);
    expect([...view.getState().isolated]).toEqual(["data"]);
    view.showAll();
    expect(view.getState().isolated.size).toBe(0);
  });
});
