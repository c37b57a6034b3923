// What a person does to the plot by key, pointer and wheel, as changes of its view and its current entry. No React: the
// plot attaches these and gives what is current through a function.
import type { EntryRange, PlotPlace, TimelineSource, TimelineView } from "./contract.ts";

/** The plot as input sees it. Places are CSS pixels from its corner. */
export interface PlotTarget {
  readonly view: TimelineView;
  readonly source: Pick<TimelineSource, "nextEvent">;
  readonly entry: number;
  readonly selection: EntryRange | undefined;
  goTo(entry: number): void;
  /** Undefined where nothing can be selected. */
  readonly select: ((selection: EntryRange | undefined) => void) | undefined;
  open(entry: number): void;
  placeAt(x: number, y: number): PlotPlace | undefined;
  anchorAt(x: number, y: number): { readonly entry: number; readonly share: number } | undefined;
  /** Whether a place is on the column of the vertical axis. */
  onAxis(x: number): boolean;
  hover(place: PlotPlace | undefined): void;
}
type Current = () => PlotTarget | undefined;

/** Of one press of a key: zoom, and movement as a share of what shows. */
const keyZoom = 1.5;
const keyPan = 0.15;
const pagePan = 0.8;
const farEntries = 100;

/** Handles a key; says whether it was one of the plot's. Letters go by their place on the keyboard, not what they say. */
export function handlePlotKey(event: KeyboardEvent, target: PlotTarget): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const { view, entry } = target;
  const state = view.getState();
  if (state.entries === 0) return false;
  const last = state.entries - 1;
  const go = (to: number) => {
    const next = Math.max(0, Math.min(last, to));
    if (next !== entry) target.goTo(next);
    view.reveal(next);
  };
  const span = state.end - state.first;
  const step = event.shiftKey ? farEntries : 1;
  switch (event.key) {
    case "ArrowLeft":
      go(entry - step);
      return true;
    case "ArrowRight":
      go(entry + step);
      return true;
    case "ArrowUp":
      view.pan(0, keyPan * (state.high - state.low));
      return true;
    case "ArrowDown":
      view.pan(0, -keyPan * (state.high - state.low));
      return true;
    case "PageUp":
      view.pan(-pagePan * span);
      return true;
    case "PageDown":
      view.pan(pagePan * span);
      return true;
    case "Home":
      go(0);
      return true;
    case "End":
      go(last);
      return true;
    case "Enter":
      target.open(entry);
      return true;
    case "Escape":
      if (target.selection === undefined || target.select === undefined) return false;
      target.select(undefined);
      return true;
    default:
      return handleLetter(event, target, span);
  }
}

function handleLetter(event: KeyboardEvent, target: PlotTarget, span: number): boolean {
  const { view, entry } = target;
  const zoom = (factor: number) => {
    if (event.shiftKey) view.zoomDisk(factor, middleShare(target));
    else view.zoom(factor, anchorEntry(target));
  };
  switch (event.code) {
    case "KeyW":
      zoom(keyZoom);
      return true;
    case "KeyS":
      zoom(1 / keyZoom);
      return true;
    case "KeyA":
      view.pan(-keyPan * span);
      return true;
    case "KeyD":
      view.pan(keyPan * span);
      return true;
    case "KeyF":
      if (target.selection === undefined) view.fitAll();
      else view.fit(target.selection);
      return true;
    case "Digit0":
    case "Numpad0":
      view.fitAll();
      return true;
    case "BracketLeft":
    case "BracketRight":
      void goToEvent(target, entry, event.code === "BracketLeft");
      return true;
    default:
      return false;
  }
}

/** The next flush or mark. What is wrong with a log that can't be asked is said where its bins are asked for. */
async function goToEvent(
  { source, view, goTo }: PlotTarget,
  from: number,
  backwards: boolean,
): Promise<void> {
  const found = await source.nextEvent(from, backwards).catch(() => undefined);
  if (found === undefined) return;
  goTo(found);
  view.reveal(found);
}

/** Keys zoom around the current entry while it shows, else around the middle. */
function anchorEntry({ view, entry }: PlotTarget): number {
  const { first, end } = view.getState();
  return entry + 0.5 >= first && entry + 0.5 <= end ? entry + 0.5 : (first + end) / 2;
}

function middleShare({ view }: PlotTarget): number {
  const { low, high } = view.getState();
  return (low + high) / 2;
}

/** Pixels that a pointer may move within a click. */
const clickWithin = 4;

interface Press {
  readonly x: number;
  readonly y: number;
  readonly entry: number;
  readonly selects: boolean;
  lastX: number;
  lastY: number;
  dragging: boolean;
}

/** A click goes to the nearest entry, a drag moves the view, with Shift it selects. Returns the way to stop. */
export function attachPlotPointer(element: HTMLElement, current: Current): () => void {
  let pressed: Press | undefined;
  const place = (event: MouseEvent) => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const stop = () => {
    pressed = undefined;
    delete element.dataset.dragging;
  };
  const onDown = (event: PointerEvent) => {
    const target = current();
    const { x, y } = place(event);
    const at = target?.placeAt(x, y);
    if (event.button !== 0 || !target || !at) return;
    element.setPointerCapture(event.pointerId);
    const selects = event.shiftKey && target.select !== undefined;
    pressed = { x, y, lastX: x, lastY: y, entry: at.entry, selects, dragging: false };
  };
  const onMove = (event: PointerEvent) => {
    const target = current();
    if (!target) return;
    const { x, y } = place(event);
    target.hover(target.placeAt(x, y));
    if (!pressed) return;
    if (!pressed.dragging && Math.hypot(x - pressed.x, y - pressed.y) > clickWithin) {
      pressed.dragging = true;
      element.dataset.dragging = pressed.selects ? "select" : "pan";
    }
    if (!pressed.dragging) return;
    if (pressed.selects) selectTo(target, pressed.entry, x, y);
    else panBy(target, x - pressed.lastX, y - pressed.lastY);
    pressed.lastX = x;
    pressed.lastY = y;
  };
  const onUp = (event: PointerEvent) => {
    const target = current();
    const was = pressed;
    stop();
    if (!target || !was || was.dragging) return;
    // Shift and a click select from the current entry on, as in any list.
    const { x, y } = place(event);
    if (was.selects) selectTo(target, target.entry, x, y);
    else target.goTo(was.entry);
  };
  const onDouble = (event: MouseEvent) => {
    const target = current();
    const { x, y } = place(event);
    const at = target?.placeAt(x, y);
    if (at) target?.open(at.entry);
  };
  return listen(element, [
    ["pointerdown", onDown],
    ["pointermove", onMove],
    ["pointerup", onUp],
    ["pointercancel", stop],
    ["pointerleave", () => current()?.hover(undefined)],
    ["dblclick", onDouble],
  ]);
}

type Listener = readonly [string, (event: never) => void];

function listen(element: HTMLElement, listeners: readonly Listener[]): () => void {
  for (const [name, one] of listeners) element.addEventListener(name, one as EventListener);
  return () => {
    for (const [name, one] of listeners) element.removeEventListener(name, one as EventListener);
  };
}

function selectTo(target: PlotTarget, from: number, x: number, y: number): void {
  const to = target.placeAt(x, y)?.entry;
  if (to !== undefined) target.select?.({ first: Math.min(from, to), end: Math.max(from, to) + 1 });
}

function panBy({ view }: PlotTarget, dx: number, dy: number): void {
  const { first, end, low, high, width, height } = view.getState();
  view.pan((-dx * (end - first)) / Math.max(1, width), (dy * (high - low)) / Math.max(1, height));
}

/** CSS pixels of a wheel's turn that double or halve what shows; a pinch, which comes as a turn with Ctrl, is finer. */
const wheelDoubles = 250;
const pinchDoubles = 60;
const pixelsPerLine = 100 / 3;

/** The wheel zooms at the pointer, on the vertical axis or with Alt the disk; with Shift, or sideways, it moves. */
export function attachPlotWheel(element: HTMLElement, current: Current): () => void {
  const onWheel = (event: WheelEvent) => {
    const target = current();
    if (!target) return;
    event.preventDefault();
    const box = element.getBoundingClientRect();
    const x = event.clientX - box.left;
    const anchor = target.anchorAt(x, event.clientY - box.top);
    if (!anchor) return;
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : pixelsPerLine;
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
    const delta = (sideways ? event.deltaX : event.deltaY) * unit;
    if (event.shiftKey || sideways) return panBy(target, -delta, 0);
    const factor = 2 ** (-delta / (event.ctrlKey ? pinchDoubles : wheelDoubles));
    if (event.altKey || target.onAxis(x)) target.view.zoomDisk(factor, anchor.share);
    else target.view.zoom(factor, anchor.entry);
  };
  element.addEventListener("wheel", onWheel, { passive: false });
  return () => element.removeEventListener("wheel", onWheel);
}

/** The minimap as input sees it. */
export interface MinimapTarget {
  readonly view: TimelineView;
  /** CSS pixels. */
  readonly width: number;
  box(): { readonly left: number; readonly right: number };
}

/** CSS pixels at the box's sides by which it is made wider. */
const gripWidth = 6;

type Grip = "left" | "right" | "middle";

export function gripAt(
  x: number,
  { left, right }: { readonly left: number; readonly right: number },
): Grip | undefined {
  // A narrow box can be moved first of all.
  const inside = Math.min(gripWidth, (right - left) / 4);
  if (x >= left - gripWidth && x <= left + inside) return "left";
  if (x >= right - inside && x <= right + gripWidth) return "right";
  return x > left && x < right ? "middle" : undefined;
}

/** Drags the box or one of its sides; a press beside it brings it there. The wheel zooms. */
export function attachMinimap(element: HTMLElement, current: () => MinimapTarget | undefined): () => void {
  let dragged: { grip: Grip; lastX: number } | undefined;
  const xOf = (event: MouseEvent) => event.clientX - element.getBoundingClientRect().left;
  const onDown = (event: PointerEvent) => {
    const target = current();
    if (event.button !== 0 || !target || target.width <= 0) return;
    element.setPointerCapture(event.pointerId);
    const x = xOf(event);
    const grip = gripAt(x, target.box());
    if (grip === undefined) {
      const { first, end, entries } = target.view.getState();
      target.view.pan((x / target.width) * entries - (first + end) / 2);
    }
    dragged = { grip: grip ?? "middle", lastX: x };
  };
  const onMove = (event: PointerEvent) => {
    const target = current();
    if (!target) return;
    const x = xOf(event);
    const grip = dragged?.grip ?? gripAt(x, target.box());
    element.style.cursor = grip === "middle" ? "grab" : grip === undefined ? "pointer" : "ew-resize";
    if (!dragged) return;
    const state = target.view.getState();
    const by = ((x - dragged.lastX) / target.width) * state.entries;
    dragged.lastX = x;
    if (dragged.grip === "middle") return target.view.pan(by);
    const span = state.end - state.first;
    const isLeft = dragged.grip === "left";
    const next = Math.max(1e-6, isLeft ? span - by : span + by);
    target.view.zoom(span / next, isLeft ? state.end : state.first);
  };
  const stop = () => {
    dragged = undefined;
  };
  const onWheel = (event: WheelEvent) => {
    const target = current();
    if (!target) return;
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : pixelsPerLine;
    const { entries } = target.view.getState();
    target.view.zoom(2 ** ((-event.deltaY * unit) / wheelDoubles), (xOf(event) / target.width) * entries);
  };
  const stopListening = listen(element, [
    ["pointerdown", onDown],
    ["pointermove", onMove],
    ["pointerup", stop],
    ["pointercancel", stop],
  ]);
  element.addEventListener("wheel", onWheel, { passive: false });
  return () => {
    stopListening();
    element.removeEventListener("wheel", onWheel);
  };
}
