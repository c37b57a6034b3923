// What a person does to a hex pane by key, mouse and wheel, as changes of its view. No React: the pane attaches
// these to the grid element and gives what is current through a function.
import type { Hit } from "./geometry.ts";
import { sectorSize } from "./labels.ts";
import type { HexView, RowMap } from "./model.ts";
import { type Move, moved, unitAround, widerSelection } from "./moves.ts";
import { wheelRows } from "./scrolling.ts";

/** The pane as input sees it. */
export interface InputTarget {
  readonly view: HexView;
  readonly rows: RowMap;
  readonly extent: number;
  readonly clusterSize: number | undefined;
  /** CSS pixels of a row. */
  readonly rowHeight: number;
  hit(x: number, y: number): Hit | undefined;
  scrollXBy(cssPixels: number): void;
  onUnfold?: ((offset: number) => void) | undefined;
}
type Current = () => InputTarget | undefined;

const isMac = navigator.userAgent.includes("Mac");

const moveKeys: Readonly<Record<string, Move>> = {
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  ArrowDown: "down",
  PageUp: "pageUp",
  PageDown: "pageDown",
  Home: "rowStart",
  End: "rowEnd",
};

/** Handles a key; says whether it was one of the grid's. */
export function handleKey(event: KeyboardEvent, target: InputTarget): boolean {
  const { view, rows, extent } = target;
  if (extent === 0) return false;
  const { caret, anchor } = view.getState();
  const move = moveOf(event);
  if (move) {
    moveBy(move, event.shiftKey, target);
    return true;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  if (event.key === "Escape" && caret !== anchor) {
    view.setState({ anchor: caret });
    return true;
  }
  const row = rows.row(rows.rowOf(caret));
  if (event.key === "Enter" && row.kind === "fold" && target.onUnfold) {
    target.onUnfold(row.offset);
    return true;
  }
  return false;
}

/** Selects the cluster at the caret, or everything when that is selected already or there are no clusters. */
export function selectMore({
  view,
  clusterSize,
  extent,
}: Pick<InputTarget, "view" | "clusterSize" | "extent">): void {
  const { caret, anchor } = view.getState();
  const selected = { first: Math.min(caret, anchor), last: Math.max(caret, anchor) };
  const range = widerSelection(selected, caret, clusterSize, extent);
  selectInPlace(view, range.first, range.last);
}

function moveOf(event: KeyboardEvent): Move | undefined {
  // Row start and end are Cmd with an arrow on macOS, as in every text there.
  if (isMac && event.metaKey && !event.ctrlKey && !event.altKey) {
    return event.key === "ArrowLeft" ? "rowStart" : event.key === "ArrowRight" ? "rowEnd" : undefined;
  }
  return event.ctrlKey || event.metaKey || event.altKey ? undefined : moveKeys[event.key];
}

function moveBy(move: Move, extend: boolean, { view, rows, extent }: InputTarget): void {
  const { caret, topRow, visibleRows } = view.getState();
  const page = Math.max(1, visibleRows - 2);
  const to = moved(move, { rows, caret, extent, page });
  // A page moves the rows as far as the caret, which so stays where it is on screen.
  if (move === "pageUp" || move === "pageDown") {
    view.scrollTo(Math.floor(topRow) + (move === "pageDown" ? page : -page), rows);
  }
  view.moveTo(to, rows, extend);
}

/** Selects without scrolling to the range's end: a large range would carry the view away. */
function selectInPlace(view: HexView, first: number, last: number): void {
  view.setState({ anchor: first, caret: last });
}

/** How often a drag beyond the edge scrolls, and by how many rows at most. */
const dragScrollMs = 40;
const dragScrollRows = 40;

/** Click, drag, Shift+click, triple click for a sector, quadruple for a cluster. Returns the way to stop. */
export function attachMouse(grid: HTMLElement, current: Current): () => void {
  let timer: ReturnType<typeof setInterval> | undefined;
  let last: { x: number; y: number } | undefined;

  const place = (event: MouseEvent) => {
    const box = grid.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const extendTo = (point: { x: number; y: number }) => {
    const target = current();
    const hit = target?.hit(point.x, point.y);
    if (!target || !hit) return;
    const offset = offsetAt(hit, target);
    if (offset !== undefined) target.view.setState({ caret: offset });
  };
  const scrollBeyond = () => {
    const target = current();
    if (!target || !last) return;
    const { height } = grid.getBoundingClientRect();
    const above = last.y - target.rowHeight;
    const beyond = above < 0 ? above : Math.max(0, last.y - height);
    if (beyond === 0) return;
    const rows = Math.sign(beyond) * Math.min(dragScrollRows, Math.ceil(Math.abs(beyond) / 12));
    target.view.scrollTo(Math.floor(target.view.getState().topRow) + rows, target.rows);
    extendTo(last);
  };
  const onMove = (event: MouseEvent) => {
    last = place(event);
    extendTo(last);
  };
  const stopDrag = () => {
    clearInterval(timer);
    timer = undefined;
    window.removeEventListener("mousemove", onMove);
    window.removeEventListener("mouseup", stopDrag);
    window.removeEventListener("blur", stopDrag);
  };
  const onDown = (event: MouseEvent) => {
    const target = current();
    if (event.button !== 0 || !target || target.extent === 0) return;
    const point = place(event);
    const hit = target.hit(point.x, point.y);
    if (!hit || hit.row < 0) return;
    if (!press(hit, event, target)) return;
    last = point;
    stopDrag();
    window.addEventListener("mousemove", onMove);
    window.addEventListener("mouseup", stopDrag);
    window.addEventListener("blur", stopDrag);
    timer = setInterval(scrollBeyond, dragScrollMs);
  };
  grid.addEventListener("mousedown", onDown);
  return () => {
    stopDrag();
    grid.removeEventListener("mousedown", onDown);
  };
}

/** Takes a press; says whether dragging may go on from it. */
function press(hit: Hit, event: MouseEvent, target: InputTarget): boolean {
  const { view, rows, extent, clusterSize } = target;
  const offset = offsetAt(hit, target);
  if (offset === undefined) return false;
  const row = rows.row(rows.rowOf(offset));
  if (row.kind === "fold" && event.detail === 2 && target.onUnfold) {
    target.onUnfold(row.offset);
    return false;
  }
  if (hit.zone === "hex" || hit.zone === "text") view.setState({ face: hit.zone });
  if (event.shiftKey) {
    view.setState({ caret: offset });
    return true;
  }
  const unit = event.detail === 3 ? sectorSize : event.detail >= 4 ? clusterSize : undefined;
  if (unit !== undefined) {
    const range = unitAround(offset, unit, extent);
    selectInPlace(view, range.first, range.last);
    return false;
  }
  view.moveTo(offset, rows);
  return true;
}

/** The byte at a place, the nearest row for one above or below. */
function offsetAt({ zone, row, column }: Hit, { view, rows, extent }: InputTarget): number | undefined {
  if (extent === 0) return undefined;
  const index = Math.floor(view.getState().topRow) + row;
  const there = rows.row(Math.min(rows.rowCount - 1, Math.max(0, index)));
  if (there.kind === "fold") return there.offset;
  const within = zone === "hex" || zone === "text" ? column : 0;
  return Math.max(0, Math.min(extent - 1, there.offset + within));
}

/** Rows of a wheel notch that counts in lines. */
const rowsPerLine = 3;

/** Whole rows by wheel; sideways with Shift or a sideways wheel. Returns the way to stop. */
export function attachWheel(pane: HTMLElement, current: Current): () => void {
  let rest = 0;
  const onWheel = (event: WheelEvent) => {
    const target = current();
    // Ctrl with the wheel zooms the window.
    if (!target || event.ctrlKey) return;
    event.preventDefault();
    const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (sideways !== 0) target.scrollXBy(sideways);
    if (event.shiftKey || event.deltaY === 0) return;
    const { view, rows, rowHeight } = target;
    const { visibleRows, topRow } = view.getState();
    const [delta, perRow] =
      event.deltaMode === WheelEvent.DOM_DELTA_PIXEL
        ? [event.deltaY, rowHeight]
        : event.deltaMode === WheelEvent.DOM_DELTA_LINE
          ? [event.deltaY * rowsPerLine, 1]
          : [event.deltaY * (visibleRows - 2), 1];
    const step = wheelRows(rest, delta, perRow);
    rest = step.rest;
    if (step.rows !== 0) view.scrollTo(Math.floor(topRow) + step.rows, rows);
  };
  pane.addEventListener("wheel", onWheel, { passive: false });
  return () => pane.removeEventListener("wheel", onWheel);
}
