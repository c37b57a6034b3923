// Where cells lie: rows of cells in the order of their offsets, as many a row as fit. A step of zoom doubles the side
// of what a cluster takes up; below one pixel a cluster, a cell of the next level of detail stands for four. Pure:
// plain numbers up to 2^53, device pixels.
import { lastTopRow } from "../hex/scrolling.ts";
import type { ClusterRange, MapBox, MapCell, MapLayout, MapMove, MapShape, Zoom } from "./contract.ts";
import { kindOf } from "./kinds.ts";

/** CSS pixels of the largest cells: letters are read with ease, and more of them would say no more. */
const largestSide = 32;
/** Device pixels left free at the right of the grid, for its outline. */
const margin = 2;
/** The whole map is shown with larger, fewer cells only if it then fills this much more of the canvas. */
const worthCoarser = 1.3;

/** Cells of a level of detail. */
export function cellsOf({ clusters }: MapShape, level: number): number {
  return Math.ceil(clusters / 4 ** level);
}

/** The zoom of the largest cells. */
export function lastZoom({ scale }: MapBox): number {
  return Math.floor(Math.log2(largestSide * Math.max(1, scale)));
}

export function layOut(box: MapBox, shape: MapShape, zoom: Zoom): MapLayout {
  if (zoom === "fit") return fitting(box, shape);
  const within = Math.min(lastZoom(box), Math.max(1 - shape.levels, zoom));
  return grid(box, shape, Math.max(0, -within), 2 ** Math.max(0, within));
}

/** Side of a cluster as a power of two, negative where cells stand for several. */
export function zoomOf({ level, side }: MapLayout): number {
  return Math.log2(side) - level;
}

/** The next zoom; undefined at the end. Zooming out ends where everything fits. */
export function zoomStep(box: MapBox, shape: MapShape, zoom: Zoom, step: 1 | -1): Zoom | undefined {
  const least = zoomOf(layOut(box, shape, "fit"));
  const now = zoom === "fit" ? least : zoom;
  // Sides of the whole map need be no powers of two, the steps after it are.
  const next = step > 0 ? Math.floor(now + 1e-9) + 1 : now - 1;
  if (step > 0) return next > lastZoom(box) ? undefined : next;
  if (zoom === "fit") return undefined;
  return next <= least || fits(layOut(box, shape, next)) ? "fit" : next;
}

function grid(box: MapBox, shape: MapShape, level: number, side: number): MapLayout {
  const cells = cellsOf(shape, level);
  const room = Math.floor((box.width - box.gutter - margin) / side);
  const columns = Math.max(1, Math.min(roundColumns(room), Math.max(1, cells)));
  return {
    level,
    clustersPerCell: 4 ** level,
    side,
    columns,
    rowCount: Math.ceil(cells / columns),
    cells,
    left: box.gutter,
    width: box.width,
    height: box.height,
    scale: box.scale,
    visibleRows: Math.floor(box.height / side) + 1,
  };
}

/** Rows begin at round offsets: a few columns are left out for that. */
function roundColumns(room: number): number {
  const unit = room >= 512 ? 32 : room >= 128 ? 16 : room >= 48 ? 8 : room >= 16 ? 4 : 1;
  return Math.floor(room / unit) * unit;
}

function fits({ rowCount, side, height }: MapLayout): boolean {
  return rowCount * side <= height;
}

function fitting(box: MapBox, shape: MapShape): MapLayout {
  for (let level = 0; level < shape.levels; level++) {
    const finest = largestFitting(box, shape, level);
    if (finest === undefined) continue;
    const coarser = level > 0 ? largestFitting(box, shape, level + 1) : undefined;
    return coarser !== undefined && filled(coarser) > filled(finest) * worthCoarser ? coarser : finest;
  }
  return grid(box, shape, shape.levels - 1, 1);
}

function filled({ cells, side }: MapLayout): number {
  return cells * side * side;
}

function largestFitting(box: MapBox, shape: MapShape, level: number): MapLayout | undefined {
  if (level >= shape.levels) return undefined;
  // The canvas can't have more cells than this side allows, however they are broken into rows.
  const bound = Math.sqrt((box.width * box.height) / Math.max(1, cellsOf(shape, level)));
  for (let side = Math.min(2 ** lastZoom(box), Math.ceil(bound)); side >= 1; side--) {
    const layout = grid(box, shape, level, side);
    if (fits(layout)) return layout;
  }
  return undefined;
}

export function clampTop(topRow: number, { rowCount, visibleRows }: MapLayout): number {
  return Math.min(Math.max(0, topRow), lastTopRow({ rowCount, visibleRows }));
}

/** The cell of a cluster. */
export function cellOf(cluster: number, { clustersPerCell, cells }: MapLayout): number {
  return Math.max(0, Math.min(cells - 1, Math.floor(cluster / clustersPerCell)));
}

export function rowOf(cluster: number, layout: MapLayout): number {
  return Math.floor(cellOf(cluster, layout) / layout.columns);
}

/** Device pixels by which the first visible row is cut off at the top. */
export function cutOff(topRow: number, { side }: MapLayout): number {
  return Math.round((topRow - Math.floor(topRow)) * side);
}

/** The cell at a place of the canvas. */
export function cellAt(layout: MapLayout, topRow: number, x: number, y: number): number | undefined {
  const column = Math.floor((x - layout.left) / layout.side);
  if (column < 0 || column >= layout.columns || y < 0 || y >= layout.height) return undefined;
  const row = Math.floor(topRow) + Math.floor((y + cutOff(topRow, layout)) / layout.side);
  const cell = row * layout.columns + column;
  return row >= 0 && cell < layout.cells ? cell : undefined;
}

/** Top left corner of a cell on the canvas; may lie outside. */
export function placeOf(layout: MapLayout, topRow: number, cell: number): { x: number; y: number } {
  const row = Math.floor(cell / layout.columns) - Math.floor(topRow);
  const column = cell % layout.columns;
  return { x: layout.left + column * layout.side, y: row * layout.side - cutOff(topRow, layout) };
}

/** Cells that show, [first, end). */
export function visibleCells(layout: MapLayout, topRow: number): { first: number; end: number } {
  const top = Math.floor(topRow);
  // A row that is cut off at the top lets another one in at the bottom.
  const rows = Math.ceil((layout.height + cutOff(topRow, layout)) / layout.side);
  const first = Math.min(layout.cells, top * layout.columns);
  return { first, end: Math.min(layout.cells, (top + rows) * layout.columns) };
}

/** Clusters that show. */
export function visibleClusters(layout: MapLayout, topRow: number, { clusters }: MapShape): ClusterRange {
  const { first, end } = visibleCells(layout, topRow);
  const from = Math.min(clusters, first * layout.clustersPerCell);
  return { first: from, count: Math.min(clusters, end * layout.clustersPerCell) - from };
}

/** What a cell stands for; `value` is what a tile says of it. */
export function cellInfo(
  shape: MapShape,
  { clustersPerCell }: Pick<MapLayout, "clustersPerCell">,
  cell: number,
  value: number | undefined,
): MapCell {
  const cluster = cell * clustersPerCell;
  const clusters = Math.max(0, Math.min(shape.clusters - cluster, clustersPerCell));
  const offset = cluster * shape.clusterSize;
  const length = Math.max(0, Math.min(shape.fileSize - offset, clusters * shape.clusterSize));
  return { cluster, clusters, offset, length, kind: kindOf(value) };
}

/** The top row that shows a row, moved no more than needed, or with the row in the middle if it was out of sight. */
export function topShowing(row: number, topRow: number, layout: MapLayout, centre: boolean): number {
  const whole = Math.max(1, layout.visibleRows - 1);
  if (row >= topRow && row + 1 <= topRow + layout.height / layout.side) return topRow;
  if (centre) return clampTop(row - Math.floor(whole / 2), layout);
  return clampTop(row < topRow ? row : row + 1 - whole, layout);
}

/** Where a move takes the cursor. A cluster keeps its cursor as long as its cell does. */
export function moved(move: MapMove, cursor: number, layout: MapLayout): number {
  const cell = cellOf(cursor, layout);
  const { columns, cells, clustersPerCell } = layout;
  const page = columns * Math.max(1, layout.visibleRows - 2);
  const down = (by: number) => {
    // From above the last row, which may be short, one comes to its end.
    const sameRow = Math.floor(cell / columns) === Math.floor((cells - 1) / columns);
    if (cell + by < cells) return cell + by;
    return sameRow ? cell : Math.min(cells - 1, lastInColumn(cell, layout));
  };
  const up = (by: number) => (cell >= by ? cell - by : cell % columns);
  const rowStart = cell - (cell % columns);
  const targets: Readonly<Record<MapMove, number>> = {
    left: cell - 1,
    right: cell + 1,
    up: up(columns),
    down: down(columns),
    pageUp: up(page),
    pageDown: down(page),
    rowStart,
    rowEnd: rowStart + columns - 1,
    start: 0,
    end: cells - 1,
  };
  const to = Math.max(0, Math.min(cells - 1, targets[move]));
  return to === cell ? cursor : to * clustersPerCell;
}

function lastInColumn(cell: number, { columns, cells }: MapLayout): number {
  const lastRow = Math.floor((cells - 1) / columns) * columns;
  return lastRow + (cell % columns);
}
