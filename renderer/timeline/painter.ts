// A plot at work: follows its view, bins, theme and size, and paints at most once a frame when something changed.
// Everything React need not know lives here. The picture of the log is made anew only when it or the view changed; a
// scrub line that moves only copies what is there.
import { createStore } from "zustand/vanilla";
import type { PlainError } from "../../core/base/errors.ts";
import type { UsedRange } from "../../core/writelog/bins.ts";
import { CanvasPainter } from "../hex/canvasPainter.ts";
import { charWidthOf } from "../hex/glyphs.ts";
import { theme } from "../hex/theme.ts";
import { rowLabel } from "../map/wording.ts";
import type { Prefs } from "../store/prefs.ts";
import type { Cells } from "./cells.ts";
import type { PlotPlace, TimelinePlotProps, TimelineSource, TimelineViewState } from "./contract.ts";
import { byteAt, type DiskAxis, linearAxis, usedAxis } from "./disk.ts";
import { type Frame, frameOf, textSize } from "./frame.ts";
import { BinLoader } from "./loader.ts";
import { drawOverlay } from "./overlay.ts";
import { paintPlot } from "./plotPaint.ts";
import { entryAt, nearestEntry } from "./view.ts";

export type PainterInput = Pick<
  TimelinePlotProps,
  "source" | "view" | "entry" | "covers" | "selection" | "bisect" | "notes" | "history"
> & { readonly addressBase: Prefs["addressBase"] };

/** What the surroundings of the canvas show. */
export interface PainterState {
  readonly trouble: PlainError | undefined;
}

/** CSS pixels of a row. */
const rowHeight = 2;
/** CSS pixels around the labels of the vertical axis. */
const labelRoom = 16;

export class TimelinePainter extends CanvasPainter {
  readonly store = createStore<PainterState>()(() => ({ trouble: undefined }));
  #input: PainterInput | undefined;
  #loader: BinLoader | undefined;
  /** Of the source before this one, until its own are there. */
  #held: { readonly cells: Cells | undefined; readonly overview: Cells | undefined } | undefined;
  #axis: DiskAxis = linearAxis(0);
  #axisKey = "";
  #used: readonly UsedRange[] | undefined;
  #frame: Frame | undefined;
  #painted: readonly unknown[] = [];

  override dispose(): void {
    super.dispose();
    this.#loader?.close();
  }

  /** Device pixels; undefined before the first size is known. */
  get frame(): Frame | undefined {
    return this.#frame;
  }

  setInput(input: PainterInput): void {
    const last = this.#input;
    this.#input = input;
    if (last?.view !== input.view) this.followView(input.view, () => this.invalidate());
    if (last?.source !== input.source) this.#follow(input.source, last?.view === input.view);
    this.measure();
    this.invalidate();
  }

  retry(): void {
    this.#loader?.retry();
  }

  /** What is at a place of the canvas, CSS pixels: the nearest entry also beside the plot. */
  placeAt(x: number, y: number): PlotPlace | undefined {
    const state = this.#input?.view.getState();
    const frame = this.#frame;
    if (state === undefined || frame === undefined) return undefined;
    const inside = { x: x * frame.scale - frame.left, y: y * frame.scale - frame.top };
    const entry = nearestEntry(inside.x, state, frame.width, state.entries);
    if (entry === undefined) return undefined;
    const isIn = inside.x >= 0 && inside.x <= frame.width && inside.y >= 0 && inside.y < frame.height;
    return {
      entry,
      offset: isIn && this.#axis.length > 0 ? this.#byteAt(state, frame, inside.y) : undefined,
    };
  }

  #byteAt({ low, high }: TimelineViewState, { height }: Frame, y: number): number {
    return Math.floor(byteAt(this.#axis, low + (1 - y / height) * (high - low)));
  }

  /** The entry (fractional) and the share of the vertical axis at a place, CSS pixels: what zooming keeps in place. */
  anchorAt(x: number, y: number): { readonly entry: number; readonly share: number } | undefined {
    const state = this.#input?.view.getState();
    const frame = this.#frame;
    if (state === undefined || frame === undefined) return undefined;
    const { low, high } = state;
    const up = 1 - (y * frame.scale - frame.top) / frame.height;
    return {
      entry: entryAt(x * frame.scale - frame.left, state, frame.width),
      share: low + Math.max(0, Math.min(1, up)) * (high - low),
    };
  }

  #follow(source: TimelineSource, sameLog: boolean): void {
    const before = this.#loader;
    before?.close();
    this.#held = sameLog
      ? { cells: before?.cells ?? this.#held?.cells, overview: before?.overview ?? this.#held?.overview }
      : undefined;
    if (!sameLog) this.#used = undefined;
    this.#loader = new BinLoader(source, () => this.invalidate());
    this.#painted = [];
    if (sameLog && this.#used !== undefined) this.#askUsed(source);
  }

  /** Ranges come once they are asked for; until then those before, or the whole disk, show. */
  #askUsed(source: TimelineSource): void {
    source.used().then(
      (ranges) => {
        if (this.#input?.source !== source) return;
        this.#used = ranges;
        this.invalidate();
      },
      () => undefined,
    );
  }

  #updateAxis(input: PainterInput, scale: TimelineViewState["scale"]): void {
    const { source, view } = input;
    if (scale === "used" && this.#used === undefined) {
      this.#used = [];
      this.#askUsed(source);
    }
    const ranges =
      scale === "used" && this.#used !== undefined && this.#used.length > 0 ? this.#used : undefined;
    const key =
      ranges === undefined ? String(source.diskSize) : ranges.map((one) => Object.values(one)).join();
    if (key === this.#axisKey) return;
    this.#axisKey = key;
    this.#axis = ranges === undefined ? linearAxis(source.diskSize) : usedAxis(ranges);
    view.setDisk(this.#axis.length, source.sectorSize);
    this.measure();
  }

  /** The column of labels is as wide as the widest of them. */
  protected override measure(): void {
    const { width, height, scale } = this.size;
    const input = this.#input;
    if (input === undefined || width < 1 || height < 1) return;
    const chars = rowLabel(Math.max(0, input.source.diskSize - 1), input.addressBase).length;
    const charWidth = charWidthOf(theme().fontFamily, Math.round(textSize * scale));
    const gutter = Math.round(Math.max(6, chars) * charWidth + labelRoom * scale);
    const hasBisect = (input.bisect?.length ?? 0) > 0;
    const frame = frameOf({ width, height, scale }, gutter, hasBisect);
    const last = this.#frame;
    const isSame = last !== undefined && JSON.stringify(last) === JSON.stringify(frame);
    if (!isSame) this.#frame = frame;
    input.view.resize(frame.width / scale, frame.height / scale);
  }

  protected override paint(context: CanvasRenderingContext2D): void {
    const input = this.#input;
    const loader = this.#loader;
    if (input === undefined || loader === undefined) return;
    const state = input.view.getState();
    this.#updateAxis(input, state.scale);
    const frame = this.#frame;
    if (frame === undefined) return;
    loader.want({
      first: state.first,
      end: state.end,
      low: state.low,
      high: state.high,
      axis: this.#axis,
      columns: Math.ceil(frame.width / frame.scale),
      rows: Math.ceil(frame.height / frame.scale / rowHeight),
    });
    const cells = loader.cells ?? this.#held?.cells;
    const overview = loader.overview ?? this.#held?.overview;
    this.#paintLog(state, frame, cells, overview);
    this.picture?.putOn(context);
    this.#drawOver(context, input, state, frame, cells ?? overview);
    if (this.store.getState().trouble !== loader.trouble) this.store.setState({ trouble: loader.trouble });
  }

  #paintLog(
    state: TimelineViewState,
    frame: Frame,
    cells: Cells | undefined,
    overview: Cells | undefined,
  ): void {
    const colours = theme();
    const key = [
      cells,
      overview,
      frame,
      this.#axis,
      colours.version,
      state.first,
      state.end,
      state.low,
      state.high,
    ];
    if (key.length === this.#painted.length && key.every((part, i) => part === this.#painted[i])) return;
    this.#painted = key;
    paintPlot(this.raster(), {
      frame,
      viewport: state,
      axis: this.#axis,
      entries: state.entries,
      cells,
      overview,
      theme: colours,
    });
  }

  #drawOver(
    context: CanvasRenderingContext2D,
    input: PainterInput,
    state: TimelineViewState,
    frame: Frame,
    cells: Cells | undefined,
  ): void {
    drawOverlay(context, {
      frame,
      viewport: state,
      axis: this.#axis,
      theme: theme(),
      focused: this.focused,
      entry: input.entry,
      entries: state.entries,
      covers: input.covers,
      history: input.history,
      selection: input.selection,
      walls: input.source.walls,
      bisect: input.bisect ?? [],
      notes: input.notes ?? [],
      labels: cells?.bins.labels ?? [],
      marks: markEntries(cells),
      byteLabel: (byte) => rowLabel(byte, input.addressBase),
    });
  }
}

/** The middle of each column that has marks. */
function markEntries(cells: Cells | undefined): readonly number[] {
  if (cells === undefined) return [];
  const { marks, firstEntry, entriesPerColumn } = cells.bins;
  const found: number[] = [];
  for (const [column, count] of marks.entries()) {
    if (count > 0) found.push(firstEntry + column * entriesPerColumn + Math.floor(entriesPerColumn / 2));
  }
  return found;
}
