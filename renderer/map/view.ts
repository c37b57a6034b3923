// The state that canvas, legend, breadcrumb and table of one map share: zoom, scroll position, cursor, filter.
// Everything is in clusters and rows; only the canvas knows pixels, and tells its size.
import { createStore } from "zustand/vanilla";
import type { ClusterKind } from "../../core/block/structure.ts";
import type {
  ClusterRange,
  Crumb,
  MapBox,
  MapLayout,
  MapMove,
  MapShape,
  MapView,
  MapViewState,
  Zoom,
} from "./contract.ts";
import {
  cellAt,
  clampTop,
  lastZoom,
  layOut,
  moved,
  rowOf,
  topShowing,
  visibleClusters,
  zoomOf,
  zoomStep,
} from "./geometry.ts";

export function createMapView(first: MapShape): MapView {
  const store = createStore<MapViewState>()(() => ({
    shape: shapeOf(first),
    zoom: "fit",
    topRow: 0,
    visibleRows: 1,
    layout: undefined,
    cursor: 0,
    isolated: new Set<ClusterKind>(),
    crumbs: [],
  }));
  const { getState: get, setState: set } = store;
  let box: MapBox | undefined;

  /** Lays out anew; the row of `anchor` comes to `y`, device pixels from the top to its middle. */
  const show = (zoom: Zoom, anchor: number, y: number): MapLayout | undefined => {
    const { shape } = get();
    if (box === undefined) {
      set({ zoom });
      return undefined;
    }
    const layout = layOut(box, shape, zoom);
    const topRow = clampTop(rowOf(anchor, layout) + 0.5 - y / layout.side, layout);
    set({ zoom, layout, topRow, visibleRows: layout.visibleRows });
    return layout;
  };
  /** The first cluster that shows, and where: what stays in its place when only the canvas changes. */
  const place = () => {
    const { layout, topRow, shape } = get();
    if (layout === undefined) return { anchor: get().cursor, y: 0 };
    const row = Math.floor(topRow);
    return {
      anchor: visibleClusters(layout, topRow, shape).first,
      y: (row + 0.5 - topRow) * layout.side,
    };
  };
  const moveTo = (cluster: number, centre: boolean) => {
    const { layout, topRow, shape } = get();
    const cursor = Math.max(0, Math.min(shape.clusters - 1, cluster));
    if (layout === undefined) return set({ cursor });
    set({ cursor, topRow: topShowing(rowOf(cursor, layout), topRow, layout, centre) });
  };

  // What one zoomed in from always contains what shows, also after a jump.
  store.subscribe((now, before) => {
    const { layout, topRow, shape, crumbs } = now;
    if (box === undefined || layout === undefined || crumbs.length === 0) return;
    if (topRow === before.topRow && crumbs === before.crumbs) return;
    const { first } = visibleClusters(layout, topRow, shape);
    const followed = crumbs.map((crumb) => crumbAround(first, crumb, box as MapBox, shape));
    if (followed.some((crumb, index) => crumb !== crumbs[index])) set({ crumbs: followed });
  });

  return Object.assign(store, {
    reshape(shape: MapShape) {
      const before = get().shape;
      if (sameShape(before, shape)) return;
      const { anchor, y } = place();
      const cursor = Math.max(0, Math.min(shape.clusters - 1, get().cursor));
      set({ shape: shapeOf(shape), cursor, crumbs: [] });
      show(get().zoom, anchor, y);
    },
    resize(next: MapBox) {
      const { anchor, y } = place();
      box = next;
      show(get().zoom, anchor, y);
    },
    zoomBy(step: 1 | -1, at?: { readonly x: number; readonly y: number }): boolean {
      const { zoom, layout, topRow, shape, cursor, crumbs } = get();
      if (box === undefined || layout === undefined) return false;
      const next = zoomStep(box, shape, zoom, step);
      if (next === undefined) return false;
      const cell = at && cellAt(layout, topRow, at.x, at.y);
      const { anchor, y } =
        at && cell !== undefined
          ? { anchor: cell * layout.clustersPerCell, y: at.y }
          : { anchor: cursor, y: rowMiddle(cursor, layout, topRow) };
      const left = { zoom, topRow, ...visibleClusters(layout, topRow, shape) };
      const now = show(next, anchor, y);
      if (now !== undefined) set({ crumbs: step > 0 ? [...crumbs, left] : outside(crumbs, now, box, shape) });
      return true;
    },
    zoomToFit() {
      show("fit", 0, 0);
      set({ crumbs: [] });
    },
    goToCrumb(index: number) {
      const { crumbs, layout } = get();
      const crumb = crumbs[index];
      if (crumb === undefined || layout === undefined) return;
      const now = show(crumb.zoom, crumb.first, 0);
      if (now !== undefined) set({ topRow: clampTop(crumb.topRow, now), crumbs: crumbs.slice(0, index) });
    },
    showRange(range: ClusterRange) {
      const { shape, layout, topRow, zoom } = get();
      if (box === undefined || layout === undefined) return set({ cursor: range.first });
      const left: Crumb = { zoom, topRow, ...visibleClusters(layout, topRow, shape) };
      const next = zoomShowing(range, box, shape);
      show(next, range.first, 0);
      const { layout: now, topRow: top } = get();
      if (now === undefined) return;
      const crumbs = outside([...get().crumbs, left], now, box, shape);
      set({ crumbs, topRow: clampTop(Math.floor(top) - 1, now) });
      moveTo(range.first, false);
    },
    scrollTo(topRow: number) {
      const { layout } = get();
      if (layout !== undefined) set({ topRow: clampTop(topRow, layout) });
    },
    moveTo(cluster: number) {
      moveTo(cluster, false);
    },
    jumpTo(cluster: number) {
      moveTo(cluster, true);
    },
    move(move: MapMove) {
      const { layout, cursor, topRow } = get();
      if (layout === undefined) return;
      const page = Math.max(1, layout.visibleRows - 2);
      // A page moves the rows as far as the cursor, which so stays where it is on screen.
      const by = move === "pageDown" ? page : move === "pageUp" ? -page : 0;
      if (by !== 0) set({ topRow: clampTop(topRow + by, layout) });
      moveTo(moved(move, cursor, layout), false);
    },
    toggle(kinds: readonly ClusterKind[]) {
      const isolated = new Set(get().isolated);
      const all = kinds.every((kind) => isolated.has(kind));
      for (const kind of kinds) {
        if (all) isolated.delete(kind);
        else isolated.add(kind);
      }
      set({ isolated });
    },
    showAll() {
      set({ isolated: new Set() });
    },
  });
}

/** Nothing but the shape: a source must not be kept alive by its view. */
function shapeOf({ clusters, clusterSize, fileSize, levels }: MapShape): MapShape {
  return { clusters, clusterSize, fileSize, levels };
}

function sameShape(a: MapShape, b: MapShape): boolean {
  return (
    a.clusters === b.clusters &&
    a.clusterSize === b.clusterSize &&
    a.fileSize === b.fileSize &&
    a.levels === b.levels
  );
}

/** The middle of a cluster's row on the canvas, or the middle of the canvas if it does not show. */
function rowMiddle(cluster: number, layout: MapLayout, topRow: number): number {
  const y = (rowOf(cluster, layout) + 0.5 - topRow) * layout.side;
  return y >= 0 && y < layout.height ? y : layout.height / 2;
}

/** The crumbs that show more than the layout does. */
function outside(crumbs: readonly Crumb[], now: MapLayout, box: MapBox, shape: MapShape): readonly Crumb[] {
  return crumbs.filter(({ zoom }) => zoomOf(layOut(box, shape, zoom)) < zoomOf(now) - 1e-9);
}

/** The crumb, or one of its zoom around the cluster if that is not in it. */
function crumbAround(cluster: number, crumb: Crumb, box: MapBox, shape: MapShape): Crumb {
  if (cluster >= crumb.first && cluster < crumb.first + crumb.count) return crumb;
  const layout = layOut(box, shape, crumb.zoom);
  const topRow = clampTop(rowOf(cluster, layout) - Math.floor(layout.visibleRows / 2), layout);
  return { zoom: crumb.zoom, topRow, ...visibleClusters(layout, topRow, shape) };
}

function zoomShowing({ first, count }: ClusterRange, box: MapBox, shape: MapShape): Zoom {
  for (let zoom: Zoom | undefined = lastZoom(box); zoom !== undefined; ) {
    const layout = layOut(box, shape, zoom);
    const rows = rowOf(first + Math.max(1, count) - 1, layout) - rowOf(first, layout) + 1;
    if (zoom === "fit" || rows < layout.visibleRows) return zoom;
    zoom = zoomStep(box, shape, zoom, -1);
  }
  return "fit";
}
