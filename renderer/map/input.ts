// What a person does to the map by key, pointer and wheel, as changes of its view. No React: the canvas attaches
// these and gives what is current through a function.
import { wheelRows } from "../hex/scrolling.ts";
import type { MapCell, MapMove, MapView } from "./contract.ts";
import { classOfDigit, kindsOf } from "./kinds.ts";

/** The canvas as input sees it. Places are CSS pixels. */
export interface MapTarget {
  readonly view: MapView;
  readonly scale: number;
  hit(x: number, y: number): MapCell | undefined;
  point(at: { x: number; y: number } | undefined): void;
  /** The cell that has the cursor. */
  cursor(): MapCell | undefined;
  open(cell: MapCell): void;
}
type Current = () => MapTarget | undefined;

const isMac = navigator.userAgent.includes("Mac");

const moveKeys: Readonly<Record<string, MapMove>> = {
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  ArrowDown: "down",
  PageUp: "pageUp",
  PageDown: "pageDown",
  Home: "rowStart",
  End: "rowEnd",
};
const farKeys: Readonly<Record<string, MapMove>> = { Home: "start", End: "end" };
const macKeys: Readonly<Record<string, MapMove>> = {
  ArrowLeft: "rowStart",
  ArrowRight: "rowEnd",
  ArrowUp: "start",
  ArrowDown: "end",
};

/** Handles a key; says whether it was one of the map's. */
export function handleMapKey(event: KeyboardEvent, target: MapTarget): boolean {
  const { view } = target;
  const move = moveOf(event);
  if (move !== undefined) {
    view.move(move);
    return true;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  if (handleFilterKey(event, view)) return true;
  switch (event.key) {
    case "+":
    case "=":
      if (!view.zoomBy(1)) openCursor(target);
      return true;
    case "-":
    case "_":
      view.zoomBy(-1);
      return true;
    case "0":
      view.zoomToFit();
      return true;
    case "Enter":
      openCursor(target);
      return true;
    default:
      return false;
  }
}

/** The digits of the legend, and Escape to show every kind again. */
export function handleFilterKey(event: KeyboardEvent, view: MapView): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const cls = classOfDigit(event.key);
  if (cls !== undefined) {
    view.toggle(kindsOf(cls));
    return true;
  }
  if (event.key !== "Escape" || view.getState().isolated.size === 0) return false;
  view.showAll();
  return true;
}

function openCursor({ cursor, open }: MapTarget): void {
  const cell = cursor();
  if (cell !== undefined) open(cell);
}

function moveOf(event: KeyboardEvent): MapMove | undefined {
  if (event.altKey || event.shiftKey) return undefined;
  if (isMac && event.metaKey && !event.ctrlKey) return macKeys[event.key];
  if (event.metaKey) return undefined;
  return event.ctrlKey ? farKeys[event.key] : moveKeys[event.key];
}

/** CSS pixels that a press may move and still be a click. */
const clickWithin = 4;

/** A click moves the cursor, dragging pans, a double click opens. Returns the way to stop. */
export function attachPointer(element: HTMLElement, current: Current): () => void {
  let pressed: { y: number; topRow: number; dragging: boolean } | undefined;
  const place = (event: MouseEvent) => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const stopDrag = () => {
    pressed = undefined;
    delete element.dataset.dragging;
  };
  const onDown = (event: PointerEvent) => {
    const target = current();
    if (event.button !== 0 || !target) return;
    element.setPointerCapture(event.pointerId);
    pressed = { y: event.clientY, topRow: target.view.getState().topRow, dragging: false };
  };
  const onMove = (event: PointerEvent) => {
    const target = current();
    if (!target) return;
    target.point(place(event));
    const { layout } = target.view.getState();
    if (!pressed || !layout) return;
    const moved = event.clientY - pressed.y;
    if (!pressed.dragging && Math.abs(moved) > clickWithin) {
      pressed.dragging = true;
      element.dataset.dragging = "";
    }
    if (pressed.dragging) target.view.scrollTo(pressed.topRow - (moved * target.scale) / layout.side);
  };
  const onUp = (event: PointerEvent) => {
    const target = current();
    const clicked = pressed && !pressed.dragging;
    stopDrag();
    const { x, y } = place(event);
    const cell = clicked ? target?.hit(x, y) : undefined;
    if (cell) target?.view.moveTo(cell.cluster);
  };
  const onDouble = (event: MouseEvent) => {
    const target = current();
    const { x, y } = place(event);
    const cell = target?.hit(x, y);
    if (cell) target?.open(cell);
  };
  const onLeave = () => current()?.point(undefined);
  const listeners: readonly (readonly [string, (event: never) => void])[] = [
    ["pointerdown", onDown],
    ["pointermove", onMove],
    ["pointerup", onUp],
    ["pointercancel", stopDrag],
    ["pointerleave", onLeave],
    ["dblclick", onDouble],
  ];
  for (const [name, listener] of listeners) element.addEventListener(name, listener as EventListener);
  return () => {
    for (const [name, listener] of listeners) element.removeEventListener(name, listener as EventListener);
  };
}

/** CSS pixels of a wheel's turn for one step of zoom; a pinch, which comes as a turn with Ctrl, is finer. */
const zoomEvery = 100;
const pinchEvery = 20;
const pixelsPerLine = 100 / 3;

/** The wheel zooms at the pointer; with Shift, or sideways, it scrolls rows. Returns the way to stop. */
export function attachMapWheel(element: HTMLElement, current: Current): () => void {
  let zoomRest = 0;
  let scrollRest = 0;
  const onWheel = (event: WheelEvent) => {
    const target = current();
    const state = target?.view.getState();
    if (!target || !state?.layout) return;
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : pixelsPerLine;
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
    const delta = (sideways ? event.deltaX : event.deltaY) * unit;
    if (event.shiftKey || sideways) {
      const perRow = Math.max(1, state.layout.side / target.scale);
      const { rows, rest } = wheelRows(scrollRest, delta, perRow);
      scrollRest = rest;
      target.view.scrollTo(Math.round(state.topRow) + rows);
      return;
    }
    const { rows: steps, rest } = wheelRows(zoomRest, delta, event.ctrlKey ? pinchEvery : zoomEvery);
    zoomRest = rest;
    if (steps === 0) return;
    const box = element.getBoundingClientRect();
    const at = {
      x: (event.clientX - box.left) * target.scale,
      y: (event.clientY - box.top) * target.scale,
    };
    // One step an event: a fast turn comes as many, and each is seen.
    target.view.zoomBy(steps < 0 ? 1 : -1, at);
  };
  element.addEventListener("wheel", onWheel, { passive: false });
  return () => element.removeEventListener("wheel", onWheel);
}
