// A map at work: follows its view, cells, theme and size, and paints at most once a frame when something changed.
// Everything React need not know lives here. Cells are made anew only when they, the place or the filter changed; a
// cursor that moves only copies what is there.
import { createStore } from "zustand/vanilla";
import type { PlainError } from "../../core/base/errors.ts";
import { clusterKinds } from "../../core/block/structure.ts";
import { CanvasPainter } from "../hex/canvasPainter.ts";
import { charWidthOf } from "../hex/glyphs.ts";
import { type Theme, theme } from "../hex/theme.ts";
import type { Prefs } from "../store/prefs.ts";
import { changedRuns } from "./changes.ts";
import type { MapCanvasProps, MapCell, MapLayout, MapViewState } from "./contract.ts";
import { cellAt, cellInfo, cellOf, visibleCells } from "./geometry.ts";
import { kindLooks } from "./kinds.ts";
import { lettersOf } from "./letters.ts";
import { type CellLook, cellLook } from "./look.ts";
import { type ChangedRun, drawOverlay, labelSize } from "./overlay.ts";
import { paintCells } from "./paint.ts";
import { problemTicks } from "./ticks.ts";
import { type CellSpan, MapTiles, pageCells } from "./tiles.ts";
import { rowLabel } from "./wording.ts";

export type PainterInput = Pick<MapCanvasProps, "source" | "view" | "space" | "selection" | "marked"> & {
  readonly addressBase: Prefs["addressBase"];
};

/** What the surroundings of the canvas show. */
export interface PainterState {
  /** The cell that has the cursor. */
  readonly cursor: MapCell | undefined;
  /** The cell under the pointer. */
  readonly hovered: MapCell | undefined;
  readonly trouble: PlainError | undefined;
}

/** CSS pixels around the offsets of rows. */
const labelRoom = 18;
/** Pages read beyond what shows in the direction of scrolling. */
const pagesAhead = 4;
/** A pulse swells and fades once; without motion the outline stands longer. */
const pulseMs = 900;
const stillMs = 4000;
/** What was there stays on screen this long while the cells of a new scan are on their way. */
const holdMs = 150;

interface Pulse {
  readonly runs: readonly ChangedRun[];
  /** Of its cells, whatever room there is for them. */
  readonly level: number;
  readonly since: number;
  readonly still: boolean;
}

export class MapPainter extends CanvasPainter {
  readonly store = createStore<PainterState>()(() => ({
    cursor: undefined,
    hovered: undefined,
    trouble: undefined,
  }));
  readonly #strip: HTMLCanvasElement;
  #input: PainterInput | undefined;
  #tiles: MapTiles | undefined;
  #tilesVersion = 0;
  #pointer: { x: number; y: number } | undefined;
  #cells = new Uint8Array(0);
  #painted = "";
  #look: { readonly key: string; readonly look: CellLook } | undefined;
  #stripKey = "";
  #direction: 1 | -1 = 1;
  /** The scan before this one, until its cells were compared. */
  #before: { readonly tiles: MapTiles; readonly since: number } | undefined;
  #pulse: Pulse | undefined;
  #holdTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(canvas: HTMLCanvasElement, strip: HTMLCanvasElement) {
    super(canvas);
    this.#strip = strip;
  }

  override dispose(): void {
    super.dispose();
    this.#tiles?.close();
    clearTimeout(this.#holdTimer);
  }

  setInput(input: PainterInput): void {
    const last = this.#input;
    this.#input = input;
    if (last?.view !== input.view) {
      this.followView(input.view, (now, before) => {
        if (now.topRow !== before.topRow) this.#direction = now.topRow > before.topRow ? 1 : -1;
        this.invalidate();
      });
      this.#before = undefined;
      this.#pulse = undefined;
    }
    if (this.#tiles?.source !== input.source) this.#follow(input, last);
    if (last === undefined || last.addressBase !== input.addressBase || last.view !== input.view) {
      this.measure();
    }
    this.invalidate();
  }

  /** The pointer is at a place of the canvas, CSS pixels; undefined: it left. */
  point(at: { x: number; y: number } | undefined): void {
    this.#pointer = at;
    this.#updateHovered();
  }

  /** The cell at a place of the canvas, CSS pixels. */
  hit(x: number, y: number): MapCell | undefined {
    const { scale } = this.size;
    const state = this.#input?.view.getState();
    if (state?.layout === undefined) return undefined;
    const cell = cellAt(state.layout, state.topRow, x * scale, y * scale);
    return cell === undefined ? undefined : this.#info(state, state.layout, cell);
  }

  /** The cell that has the cursor now; what is painted may lag behind it by a frame. */
  get cursor(): MapCell | undefined {
    const state = this.#input?.view.getState();
    return state?.layout && this.#cursorCell(state, state.layout);
  }

  retry(): void {
    this.#tiles?.retry();
  }

  /** Cells of a new source; those before are kept to see what changed. */
  #follow(input: PainterInput, last: PainterInput | undefined): void {
    const { source, view } = input;
    const before = this.#tiles;
    before?.close();
    const comparable =
      before !== undefined &&
      last?.view === view &&
      last.space === input.space &&
      before.source.clusterSize === source.clusterSize;
    this.#before = comparable ? { tiles: before, since: performance.now() } : undefined;
    this.#pulse = undefined;
    const tiles = new MapTiles(source);
    this.#tiles = tiles;
    tiles.subscribe(() => {
      this.#tilesVersion++;
      this.invalidate();
    });
    this.#tilesVersion++;
    view.reshape(source);
    this.measure();
  }

  /** The column of offsets is as wide as the last one of them. */
  protected override measure(): void {
    const { width, height, scale } = this.size;
    if (this.#input === undefined || width < 1 || height < 1) return;
    const { view, source, addressBase } = this.#input;
    const last = Math.max(0, source.fileSize - 1);
    const chars = rowLabel(last, addressBase).length;
    const charWidth = charWidthOf(theme().fontFamily, Math.round(labelSize * scale));
    view.resize({ width, height, scale, gutter: Math.round(chars * charWidth + labelRoom * scale) });
  }

  protected override paint(context: CanvasRenderingContext2D): void {
    const input = this.#input;
    const state = input?.view.getState();
    const tiles = this.#tiles;
    if (!input || !state?.layout || !tiles) return;
    const { layout } = state;
    const span: CellSpan = { level: layout.level, ...visibleCells(layout, state.topRow) };
    tiles.want([span, this.#ahead(span)]);
    const colours = theme();
    const key = [this.#tilesVersion, layoutKey(layout), state.topRow, this.#lookKey(state, layout)].join();
    if (key !== this.#painted) {
      if (this.#cells.length !== span.end - span.first) this.#cells = new Uint8Array(span.end - span.first);
      const complete = tiles.read(span, this.#cells);
      if (!complete && this.#holds()) return;
      if (complete) this.#comparePulse(span, layout);
      paintCells(this.raster(), layout, state.topRow, this.#cells, this.#currentLook(state, layout));
      this.#painted = key;
    }
    this.picture?.putOn(context);
    this.#drawOver(context, input, state, layout, colours);
    this.#drawStrip(tiles, colours);
    this.#updateCursor(state, layout);
    this.#updateHovered();
    if (this.store.getState().trouble !== tiles.trouble) this.store.setState({ trouble: tiles.trouble });
  }

  /** A new scan's cells come within a moment: until then the last picture, still right as of then, need not flicker. */
  #holds(): boolean {
    if (this.#before === undefined || this.picture === undefined) return false;
    const left = this.#before.since + holdMs - performance.now();
    if (left <= 0) return false;
    clearTimeout(this.#holdTimer);
    this.#holdTimer = setTimeout(() => this.invalidate(), left);
    return true;
  }

  #lookKey({ isolated }: MapViewState, { side }: MapLayout): string {
    return [theme().version, side, this.size.scale, ...isolated].join("/");
  }

  #currentLook(state: MapViewState, layout: MapLayout): CellLook {
    const key = this.#lookKey(state, layout);
    if (this.#look?.key === key) return this.#look.look;
    const colours = theme();
    const style = { theme: colours, scale: this.size.scale, letters: lettersOf(colours.fontFamily) };
    const look = cellLook(style, layout.side, state.isolated);
    this.#look = { key, look };
    return look;
  }

  /** What will show when scrolling goes on. */
  #ahead({ level, first, end }: CellSpan): CellSpan {
    const cells = pagesAhead * pageCells;
    const layout = this.#input?.view.getState().layout;
    return this.#direction > 0
      ? { level, first: end, end: Math.min(layout?.cells ?? end, end + cells) }
      : { level, first: Math.max(0, first - cells), end: first };
  }

  /** Once the cells of a new scan are there, those that differ from the scan before it pulse. */
  #comparePulse(span: CellSpan, layout: MapLayout): void {
    const before = this.#before;
    if (before === undefined) return;
    this.#before = undefined;
    // What is known now, and was not, has not changed.
    if (before.tiles.source.onGrowth !== undefined) return;
    const end = Math.min(span.end, Math.ceil(before.tiles.source.clusters / layout.clustersPerCell));
    if (span.first >= end || span.level >= before.tiles.source.levels) return;
    const cells = new Uint8Array(end - span.first);
    if (!before.tiles.read({ ...span, end }, cells)) return;
    const runs = changedRuns(cells, this.#cells, span.first);
    if (runs.length === 0) return;
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.#pulse = { runs, level: span.level, since: performance.now(), still };
  }

  #drawOver(
    context: CanvasRenderingContext2D,
    input: PainterInput,
    state: MapViewState,
    layout: MapLayout,
    colours: Theme,
  ): void {
    const pulse = this.#currentPulse(layout);
    const unit = layout.clustersPerCell * state.shape.clusterSize;
    drawOverlay(context, {
      layout,
      topRow: state.topRow,
      theme: colours,
      focused: this.focused,
      cursor: state.cursor,
      selection: input.selection,
      marked: input.marked ?? [],
      changed: pulse?.runs ?? [],
      strength: pulse === undefined ? 0 : Math.sin((Math.PI * (performance.now() - pulse.since)) / pulseMs),
      still: pulse?.still ?? false,
      label: (cell) => rowLabel(cell * unit, input.addressBase),
    });
  }

  #currentPulse(layout: MapLayout): Pulse | undefined {
    const pulse = this.#pulse;
    if (pulse === undefined) return undefined;
    const left = pulse.since + (pulse.still ? stillMs : pulseMs) - performance.now();
    if (left <= 0 || pulse.level !== layout.level) {
      this.#pulse = undefined;
      return undefined;
    }
    if (pulse.still) setTimeout(() => this.invalidate(), left);
    else this.invalidate();
    return pulse;
  }

  /** Problems of the whole map, beside its scrollbar. */
  #drawStrip(tiles: MapTiles, { css, version }: Theme): void {
    const { height, scale } = this.size;
    const width = Math.round(this.#strip.clientWidth * scale);
    const key = [this.#tilesVersion, width, height, version].join();
    const context = this.#strip.getContext("2d");
    if (key === this.#stripKey || !context) return;
    this.#stripKey = key;
    this.#strip.width = width;
    this.#strip.height = height;
    const cells = new Uint8Array(tiles.overview.end);
    tiles.read(tiles.overview, cells);
    for (const [y, number] of problemTicks(cells, height).entries()) {
      const kind = number === 0 ? undefined : clusterKinds[number];
      if (kind === undefined) continue;
      context.fillStyle = kind === "unreadable" ? css["ruler-unreadable"] : css[kindLooks[kind].token];
      context.fillRect(0, Math.min(height - 2 * scale, y), width, 2 * scale);
    }
  }

  #info(state: MapViewState, layout: MapLayout, cell: number): MapCell {
    return cellInfo(state.shape, layout, cell, this.#tiles?.cell(layout.level, cell));
  }

  #cursorCell(state: MapViewState, layout: MapLayout): MapCell | undefined {
    return layout.cells === 0 ? undefined : this.#info(state, layout, cellOf(state.cursor, layout));
  }

  #updateCursor(state: MapViewState, layout: MapLayout): void {
    const cell = this.#cursorCell(state, layout);
    if (!sameCell(cell, this.store.getState().cursor)) this.store.setState({ cursor: cell });
  }

  #updateHovered(): void {
    const cell = this.#pointer && this.hit(this.#pointer.x, this.#pointer.y);
    if (!sameCell(cell, this.store.getState().hovered)) this.store.setState({ hovered: cell });
  }
}

function layoutKey({ level, side, columns, cells, left, width, height }: MapLayout): string {
  return [level, side, columns, cells, left, width, height].join("/");
}

function sameCell(a: MapCell | undefined, b: MapCell | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.cluster === b.cluster && a.clusters === b.clusters && a.kind === b.kind && a.length === b.length;
}
