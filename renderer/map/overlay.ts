// What lies over the cells: offsets of rows, the outline of the map, the selection, marks, the cursor, and cells that
// changed since the last scan. Few lines a frame, so the browser's own drawing is quick enough.
import type { Theme } from "../hex/theme.ts";
import type { ClusterRange, MapLayout } from "./contract.ts";
import { cellOf, cutOff, placeOf, visibleCells } from "./geometry.ts";

export interface Overlay {
  readonly layout: MapLayout;
  readonly topRow: number;
  readonly theme: Theme;
  readonly focused: boolean;
  /** Cluster; undefined: no cursor. */
  readonly cursor: number | undefined;
  readonly selection: ClusterRange | undefined;
  readonly marked: readonly number[];
  /** Runs of cells that changed, and how strongly they show now, 0 to 1. */
  readonly changed: readonly ChangedRun[];
  readonly strength: number;
  /** Only lines, nothing that fades. */
  readonly still: boolean;
  /** The label of a row that begins at this cell. */
  label(cell: number): string;
}

/** Cells side by side, over as many rows as they take. */
export interface ChangedRun {
  readonly cell: number;
  readonly count: number;
}

/** CSS pixels between the labels of rows, and of their font. */
const labelStep = 36;
export const labelSize = 11;
/** CSS pixels: a cursor or mark is never smaller, however small the cells are. */
const smallestBox = 9;

export function drawOverlay(context: CanvasRenderingContext2D, overlay: Overlay): void {
  const { layout } = overlay;
  if (layout.cells === 0) return;
  drawLabels(context, overlay);
  context.save();
  context.beginPath();
  context.rect(layout.left - layout.scale, 0, layout.width - layout.left + layout.scale, layout.height);
  context.clip();
  drawEdge(context, overlay);
  drawChanged(context, overlay);
  if (overlay.selection !== undefined && overlay.selection.count > 0) drawSelection(context, overlay);
  for (const cluster of overlay.marked) drawBox(context, overlay, cluster, "marked");
  if (overlay.cursor !== undefined) drawBox(context, overlay, overlay.cursor, "cursor");
  context.restore();
}

/** Rows that have a label are a power of two apart, and counted from the first of the map. */
function drawLabels(context: CanvasRenderingContext2D, { layout, topRow, theme, label }: Overlay): void {
  const { side, scale, columns, left, height, rowCount } = layout;
  const every = 2 ** Math.max(0, Math.ceil(Math.log2((labelStep * scale) / side)));
  context.font = `${Math.round(labelSize * scale)}px ${theme.fontFamily}`;
  context.fillStyle = theme.css["hex-address"];
  context.textAlign = "right";
  context.textBaseline = "middle";
  const first = Math.ceil(Math.floor(topRow) / every) * every;
  // Room for the focus ring as well.
  const half = (labelSize / 2 + 3) * scale;
  for (let row = first; row < rowCount; row += every) {
    const top = (row - Math.floor(topRow)) * side - cutOff(topRow, layout);
    if (top >= height) return;
    // A small cell's row is lower than its label, whose line then is the top of the row.
    const middle = Math.max(half, side >= labelSize * scale ? top + side / 2 : top);
    if (middle > height - half && row > first) return;
    context.fillText(label(row * columns), left - 8 * scale, middle);
    if (side < labelSize * scale) context.fillRect(left - 5 * scale, top, 4 * scale, Math.max(1, scale));
  }
}

/** The outline of the part of the map that shows: its edge is where the image ends. */
function drawEdge(context: CanvasRenderingContext2D, { layout, topRow, theme }: Overlay): void {
  context.strokeStyle = theme.css["kind-outline"];
  context.lineWidth = Math.max(1, Math.floor(layout.scale));
  const { first, end } = visibleCells(layout, topRow);
  traceCells(context, layout, topRow, first, end);
  context.stroke();
}

/** Cells [first, end) as the path around them: up to three rectangles that join. */
function traceCells(
  context: CanvasRenderingContext2D,
  layout: MapLayout,
  topRow: number,
  first: number,
  end: number,
): void {
  const { columns, side, left } = layout;
  const right = left + columns * side;
  const start = placeOf(layout, topRow, first);
  const last = placeOf(layout, topRow, end - 1);
  const endX = last.x + side;
  context.beginPath();
  if (start.y === last.y) {
    context.rect(start.x, start.y, endX - start.x, side);
    return;
  }
  if (endX <= start.x && last.y === start.y + side) {
    context.rect(start.x, start.y, right - start.x, side);
    context.rect(left, last.y, endX - left, side);
    return;
  }
  context.moveTo(start.x, start.y);
  context.lineTo(right, start.y);
  context.lineTo(right, last.y);
  context.lineTo(endX, last.y);
  context.lineTo(endX, last.y + side);
  context.lineTo(left, last.y + side);
  context.lineTo(left, start.y + side);
  context.lineTo(start.x, start.y + side);
  context.closePath();
}

function drawSelection(
  context: CanvasRenderingContext2D,
  { layout, topRow, theme, selection }: Overlay,
): void {
  const { first, count } = selection as ClusterRange;
  const span = clipped(cellOf(first, layout), cellOf(first + count - 1, layout) + 1, layout, topRow);
  if (span === undefined) return;
  traceCells(context, layout, topRow, span.first, span.end);
  twice(context, theme.css.bg, 4 * layout.scale, theme.css.text, 2 * layout.scale);
}

function drawBox(
  context: CanvasRenderingContext2D,
  { layout, topRow, theme, focused }: Overlay,
  cluster: number,
  role: "cursor" | "marked",
): void {
  const { side, scale, height } = layout;
  const { x, y } = placeOf(layout, topRow, cellOf(cluster, layout));
  const size = Math.max(side, smallestBox * scale);
  const shift = (size - side) / 2;
  if (y + side <= 0 || y >= height) return;
  // At the edges of the canvas it stays inside as a whole.
  const room = 2 * scale;
  const boxX = Math.max(layout.left + room / 2, Math.min(layout.width - size - room, x - shift));
  const boxY = side < size ? Math.max(room, Math.min(height - size - room, y - shift)) : y;
  context.beginPath();
  if (role === "marked") context.arc(boxX + size / 2, boxY + size / 2, size / 2, 0, 2 * Math.PI);
  else context.rect(boxX, boxY, size, size);
  const colour = role === "cursor" && focused ? theme.css.focus : theme.css.text;
  twice(context, theme.css.bg, 4 * scale, colour, 2 * scale);
}

/** A line with one of the background around it: it is seen on every colour. */
function twice(
  context: CanvasRenderingContext2D,
  outer: string,
  outerWidth: number,
  inner: string,
  innerWidth: number,
): void {
  context.strokeStyle = outer;
  context.lineWidth = outerWidth;
  context.stroke();
  context.strokeStyle = inner;
  context.lineWidth = innerWidth;
  context.stroke();
}

function drawChanged(
  context: CanvasRenderingContext2D,
  { layout, topRow, theme, changed, strength, still }: Overlay,
): void {
  const { side, scale } = layout;
  const least = 3 * scale;
  context.globalAlpha = still ? 1 : Math.max(0, strength) * 0.75;
  context.fillStyle = theme.css.text;
  for (const { cell, count } of changed) {
    const span = clipped(cell, cell + count, layout, topRow);
    if (span === undefined) continue;
    const { x, y } = placeOf(layout, topRow, span.first);
    if (count * side < least) {
      context.beginPath();
      context.rect(x, y, least, least);
    } else traceCells(context, layout, topRow, span.first, span.end);
    if (still) twice(context, theme.css.bg, 3 * scale, theme.css.text, scale);
    else context.fill();
  }
  context.globalAlpha = 1;
}

/** The part of [first, end) that shows, with a row more on either side so that lines outside stay outside. */
function clipped(first: number, end: number, layout: MapLayout, topRow: number) {
  const shown = visibleCells(layout, topRow);
  const from = Math.max(first, shown.first - layout.columns);
  const to = Math.min(end, shown.end + layout.columns);
  return from < to ? { first: from, end: to } : undefined;
}
