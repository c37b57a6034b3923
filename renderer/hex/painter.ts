// One pane at work: follows its view, pages, theme and size, and paints at most once per frame when something
// changed. Everything React needs not know lives here.
import { createStore } from "zustand/vanilla";
import type { Viewer } from "../pageCache.ts";
import { pageSize, pages } from "../pageCache.ts";
import type { Prefs } from "../store/prefs.ts";
import { CanvasPainter } from "./canvasPainter.ts";
import type { HexPaneProps } from "./contract.ts";
import { clampScrollX, type Geometry, type Hit, hitTest, layOut, scrollToColumn } from "./geometry.ts";
import { charWidthOf, GlyphAtlas } from "./glyphs.ts";
import { addressChars, gutterChars } from "./labels.ts";
import type { ByteSource } from "./model.ts";
import { paint } from "./paint.ts";
import { notLoaded, outside, pagesOf, type RowContent, readRows, unreadable } from "./rowContent.ts";
import { lastTopRow } from "./scrolling.ts";
import { ShadowGrid } from "./shadowGrid.ts";
import { type HexStyles, makeStyles } from "./styles.ts";
import { type Theme, theme } from "./theme.ts";

export type PanePrefs = Pick<
  Prefs,
  "group" | "rowHeight" | "addressBase" | "boundaries" | "encoding" | "bytesPerRow"
>;
export type PaneInput = Omit<HexPaneProps, "label" | "onUnfold"> & { readonly prefs: PanePrefs };

/** The first visible range that can't be read. */
export interface Trouble {
  readonly source: ByteSource;
  readonly offset: number;
  readonly length: number;
  readonly message: string;
  readonly pages: readonly number[];
}

/** What the pane's surroundings show: sideways scrolling, trouble. */
export interface PaneState {
  readonly scrollX: number;
  readonly maxScrollX: number;
  readonly width: number;
  readonly trouble: Trouble | undefined;
}

/** CSS pixels of the font for a row height. */
const fontSizes: Readonly<Record<Prefs["rowHeight"], number>> = { 18: 12, 20: 13, 24: 14 };
const smallerBy = 3;
/** Pages read beyond what shows, in the direction of scrolling and against it. */
const pagesAhead = 4;
const pagesBehind = 1;
/** The accessible grid follows at once, but no more often than this many times in a while of scrolling. */
const gridBurst = 4;
const gridWhileMs = 250;

interface Look {
  readonly theme: Theme;
  readonly styles: HexStyles;
  readonly charWidth: number;
  readonly smallCharWidth: number;
  readonly rowHeight: number;
  readonly key: string;
}

export class HexPainter extends CanvasPainter {
  readonly store = createStore<PaneState>()(() => ({
    scrollX: 0,
    maxScrollX: 0,
    width: 0,
    trouble: undefined,
  }));
  readonly #grid: ShadowGrid;
  readonly #viewer: Viewer = Symbol("hex pane");
  readonly #stopPages: () => void;
  #input: PaneInput | undefined;
  #look: Look | undefined;
  #geometry: Geometry | undefined;
  #contents: readonly RowContent[] = [];
  #direction: 1 | -1 = 1;
  #wanted = "";
  #gridTimes: number[] = [];
  #gridTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(canvas: HTMLCanvasElement, grid: HTMLElement, id: string) {
    super(canvas);
    this.#grid = new ShadowGrid(grid, id);
    this.#stopPages = pages.subscribe(() => this.invalidate());
  }

  override dispose(): void {
    super.dispose();
    this.#stopPages();
    clearTimeout(this.#gridTimer);
    pages.leave(this.#viewer);
  }

  setInput(input: PaneInput): void {
    if (this.#input?.view !== input.view) {
      this.followView(input.view, (now, before) => {
        if (now.topRow !== before.topRow) this.#direction = now.topRow > before.topRow ? 1 : -1;
        if (now.caret !== before.caret || now.face !== before.face) this.#showCaretColumn();
        this.invalidate();
      });
    }
    this.#input = input;
    this.measure();
    this.invalidate();
  }

  scrollXTo(scrollX: number): void {
    if (!this.#geometry) return;
    const clamped = clampScrollX(this.#geometry, scrollX);
    if (clamped === this.store.getState().scrollX) return;
    this.store.setState({ scrollX: clamped });
    this.invalidate();
  }

  /** CSS pixels of a row. */
  get rowHeight(): number {
    return (this.#geometry?.rowHeight ?? 20) / this.size.scale;
  }

  /** What is at a point of the canvas, CSS pixels. */
  hit(x: number, y: number): Hit | undefined {
    if (!this.#geometry) return undefined;
    const { scale } = this.size;
    return hitTest(this.#geometry, x * scale, y * scale, this.store.getState().scrollX);
  }

  protected override paint(context: CanvasRenderingContext2D): void {
    const input = this.#input;
    if (!input) return;
    const { height } = this.size;
    const look = this.#currentLook(input);
    const geometry = this.#currentGeometry(input, look);
    const view = input.view.getState();
    const top = Math.max(0, Math.min(Math.floor(view.topRow), input.rows.rowCount - 1));
    const count = Math.ceil((height - geometry.bodyY) / geometry.rowHeight);
    this.#contents = readRows(
      {
        source: input.source,
        shift: input.shift ?? 0,
        rows: input.rows,
        extent: input.extent,
        marks: input.marks,
        page: (source, index) => pages.page(source, index),
      },
      top,
      count,
    );
    this.#want(input, top, count);
    this.#draw(context, input, look, geometry);
    this.#updateGrid(input, geometry, top);
    this.#findTrouble(input, top, count);
  }

  #draw(context: CanvasRenderingContext2D, input: PaneInput, look: Look, geometry: Geometry): void {
    const raster = this.raster();
    const { caret, anchor, face } = input.view.getState();
    paint(raster, {
      geometry,
      styles: look.styles,
      theme: look.theme,
      scale: this.scale,
      scrollX: this.store.getState().scrollX,
      contents: this.#contents,
      caret,
      anchor,
      face,
      focused: this.focused,
      shift: input.shift ?? 0,
      clusterSize: input.clusterSize,
      current: input.marks?.current,
      prefs: input.prefs,
      valueAt: (offset) => valueAt(input.source, offset),
    });
    raster.putOn(context);
  }

  /** Glyphs and styles for theme, scale and density; made anew only when one of them changed. */
  #currentLook({ prefs }: PaneInput): Look {
    const colours = theme();
    const { scale } = this.size;
    const key = `${colours.version}/${scale}/${prefs.rowHeight}`;
    if (this.#look?.key === key) return this.#look;
    const rowHeight = Math.round(prefs.rowHeight * scale);
    const atlasOf = (cssSize: number) => {
      const size = Math.round(cssSize * scale);
      const charWidth = charWidthOf(colours.fontFamily, size);
      return new GlyphAtlas({ family: colours.fontFamily, size, charWidth, rowHeight });
    };
    const main = atlasOf(fontSizes[prefs.rowHeight]);
    const small = atlasOf(fontSizes[prefs.rowHeight] - smallerBy);
    this.#geometry = undefined;
    this.#look = {
      theme: colours,
      styles: makeStyles(colours, main, small),
      charWidth: main.metrics.charWidth,
      smallCharWidth: small.metrics.charWidth,
      rowHeight,
      key,
    };
    return this.#look;
  }

  #currentGeometry(input: PaneInput, look: Look): Geometry {
    const { prefs, extent, clusterSize, rows, shift = 0 } = input;
    const { width, height } = this.size;
    const geometry = layOut({
      width,
      height,
      rowHeight: look.rowHeight,
      charWidth: look.charWidth,
      smallCharWidth: look.smallCharWidth,
      bytesPerRow: rows.bytesPerRow,
      group: prefs.group,
      addressChars: addressChars(extent + Math.max(0, shift), prefs.addressBase),
      gutterChars: gutterChars(extent + Math.max(0, shift), prefs.boundaries, clusterSize),
    });
    this.#geometry = geometry;
    const { scrollX, maxScrollX } = this.store.getState();
    const clamped = clampScrollX(geometry, scrollX);
    if (maxScrollX !== geometry.maxScrollX || clamped !== scrollX || this.store.getState().width !== width) {
      this.store.setState({ maxScrollX: geometry.maxScrollX, scrollX: clamped, width });
    }
    return geometry;
  }

  /** Tells the view how many rows fit, and keeps the last rows at the bottom when there is more room. */
  protected override measure(): void {
    const input = this.#input;
    const { height, scale } = this.size;
    if (!input || height < 1) return;
    const rowHeight = Math.round(input.prefs.rowHeight * scale);
    const visibleRows = Math.max(2, Math.ceil((height - rowHeight) / rowHeight));
    const { view, rows } = input;
    if (view.getState().visibleRows !== visibleRows) view.setState({ visibleRows });
    const last = lastTopRow({ rowCount: rows.rowCount, visibleRows });
    if (view.getState().topRow > last) view.setState({ topRow: last });
  }

  #showCaretColumn(): void {
    const geometry = this.#geometry;
    const input = this.#input;
    if (!geometry || !input || geometry.maxScrollX === 0) return;
    const { caret, face } = input.view.getState();
    const { scrollX } = this.store.getState();
    this.scrollXTo(scrollToColumn(geometry, face, caret % input.rows.bytesPerRow, scrollX));
  }

  /** What shows comes first, then what will show when scrolling goes on; the other image's bytes with it. */
  #want({ source, rows, shift = 0, marks }: PaneInput, top: number, count: number): void {
    const of = (wanted: ByteSource, by: number) => {
      const visible = pagesOf(rows, top, count, wanted, by);
      return { source: wanted, pages: [...visible, ...this.#ahead(visible)] };
    };
    const wants = [of(source, shift), ...(marks ? [of(marks.other, marks.shift)] : [])];
    const key = wants.map((want) => `${JSON.stringify(want.source)}${want.pages}`).join();
    if (key === this.#wanted) return;
    this.#wanted = key;
    pages.want(this.#viewer, wants);
  }

  #ahead(visible: readonly number[]): number[] {
    const [first, last] = [visible[0], visible.at(-1)];
    if (first === undefined || last === undefined) return [];
    const after = this.#direction > 0 ? pagesAhead : pagesBehind;
    const before = this.#direction > 0 ? pagesBehind : pagesAhead;
    return [
      ...Array.from({ length: after }, (_, index) => last + 1 + index),
      ...Array.from({ length: before }, (_, index) => first - 1 - index),
    ];
  }

  #updateGrid(input: PaneInput, geometry: Geometry, top: number): void {
    const now = performance.now();
    this.#gridTimes = this.#gridTimes.filter((time) => now - time < gridWhileMs);
    clearTimeout(this.#gridTimer);
    if (this.#gridTimes.length >= gridBurst) {
      this.#gridTimer = setTimeout(() => this.invalidate(), gridWhileMs / 2);
      return;
    }
    this.#gridTimes.push(now);
    const { caret, anchor } = input.view.getState();
    this.#grid.update({
      geometry,
      scale: this.size.scale,
      scrollX: this.store.getState().scrollX,
      rows: input.rows,
      topRow: top,
      contents: this.#contents,
      shift: input.shift ?? 0,
      caret,
      anchor,
    });
  }

  #findTrouble({ source, rows, shift = 0 }: PaneInput, top: number, count: number): void {
    const trouble = troubleIn(source, pagesOf(rows, top, count, source, shift), this.#contents, shift);
    const known = this.store.getState().trouble;
    const same =
      known?.message === trouble?.message &&
      known?.offset === trouble?.offset &&
      known?.length === trouble?.length;
    if (!same) this.store.setState({ trouble });
  }
}

function troubleIn(
  source: ByteSource,
  visiblePages: readonly number[],
  contents: readonly RowContent[],
  shift: number,
): Trouble | undefined {
  const shown = contents.some((row) => row.kind === "bytes" && row.values.includes(unreadable));
  if (!shown) return undefined;
  const first = contents.find((row) => row.kind === "bytes")?.offset ?? 0;
  const last = contents.findLast((row) => row.kind === "bytes")?.offset ?? 0;
  const retry = { source, pages: visiblePages };
  for (const index of visiblePages) {
    const page = pages.page(source, index);
    const start = index * pageSize;
    if (page?.failed) {
      const length = Math.min(pageSize, source.size - start);
      return { ...retry, offset: start, length, message: page.failed.message };
    }
    const bad = page?.bad.find(
      (range) => start + range.offset + range.length > first + shift && start + range.offset <= last + shift,
    );
    if (bad) return { ...retry, offset: start + bad.offset, length: bad.length, message: bad.message };
  }
  return undefined;
}

/** A byte outside what the rows hold, for characters that cross a row's ends. */
function valueAt(source: ByteSource, offset: number): number {
  if (offset < 0 || offset >= source.size) return outside;
  const index = Math.floor(offset / pageSize);
  const page = pages.page(source, index);
  return page?.bytes[offset - index * pageSize] ?? notLoaded;
}
