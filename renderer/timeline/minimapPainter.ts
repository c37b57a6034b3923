// The whole log on a strip: its operations small, the bytes it writes as bars below, and the part that the plot shows in
// a box.
import type { Bins } from "../../core/writelog/bins.ts";
import { CanvasPainter } from "../hex/canvasPainter.ts";
import type { Raster } from "../hex/raster.ts";
import { mix, type Theme, theme } from "../hex/theme.ts";
import { type Cells, cellsOf, paintCells } from "./cells.ts";
import type { MinimapProps, TimelineSource, Viewport } from "./contract.ts";
import { linearAxis, rowEdges, usedAxis } from "./disk.ts";
import { opTokens, palette } from "./looks.ts";

export type MinimapInput = Pick<MinimapProps, "source" | "view" | "entry" | "selection" | "bisect">;

/** CSS pixels of the bars at the bottom, and of a row of operations. */
const barLane = 14;
const rowHeight = 2;
const mostColumns = 2048;
/** CSS pixels: a box is never narrower. */
const narrowestBox = 8;

export class MinimapPainter extends CanvasPainter {
  #input: MinimapInput | undefined;
  #cells: Cells | undefined;
  /** What the bins there, or under way, are of. */
  #asked: readonly unknown[] = [];
  #painted: readonly unknown[] = [];
  #closed = false;

  override dispose(): void {
    super.dispose();
    this.#closed = true;
  }

  setInput(input: MinimapInput): void {
    if (this.#input?.view !== input.view) {
      this.followView(input.view, () => this.invalidate());
      this.#cells = undefined;
    }
    this.#input = input;
    this.invalidate();
  }

  /** The box of what shows, CSS pixels. */
  box(): { readonly left: number; readonly right: number } {
    const state = this.#input?.view.getState();
    const width = this.size.width / this.size.scale;
    if (state === undefined || state.entries === 0) return { left: 0, right: width };
    return boxOf(state, state.entries, width);
  }

  #ask(): void {
    const input = this.#input;
    if (input === undefined) return;
    const { source, view } = input;
    const { width, height, scale } = this.size;
    const diskScale = view.getState().scale;
    const key = [source, diskScale, width, height, scale];
    if (key.every((part, i) => part === this.#asked[i])) return;
    this.#asked = key;
    const columns = Math.max(2, Math.min(mostColumns, Math.ceil(width / scale)));
    const rows = Math.max(1, Math.floor((height / scale - barLane) / rowHeight));
    this.#load(source, diskScale === "used", columns, rows).then(
      (bins) => {
        if (this.#closed || this.#asked !== key) return;
        this.#cells = bins && cellsOf(bins);
        this.invalidate();
      },
      // The plot, which asks for the same, says what is wrong; another size or source asks again.
      () => undefined,
    );
  }

  async #load(
    source: TimelineSource,
    usedOnly: boolean,
    columns: number,
    rows: number,
  ): Promise<Bins | undefined> {
    if (source.entries === 0 || source.diskSize === 0) return undefined;
    const axis = usedOnly ? usedAxis(await source.used()) : linearAxis(source.diskSize);
    if (axis.length === 0) return undefined;
    const edges = rowEdges(axis, 0, 1, rows);
    return source.bins({ firstEntry: 0, endEntry: source.entries, columns, edges });
  }

  protected override paint(context: CanvasRenderingContext2D): void {
    if (this.#input === undefined) return;
    this.#ask();
    this.#paintLog(this.#input.view.getState().entries);
    this.picture?.putOn(context);
    this.#drawOver(context, this.#input, theme());
  }

  #paintLog(entries: number): void {
    const { width, height, scale } = this.size;
    const colours = theme();
    const key = [this.#cells, colours.version, width, height, entries];
    if (key.every((part, i) => part === this.#painted[i])) return;
    this.#painted = key;
    const raster = this.raster();
    raster.fill(0, 0, width, height, colours.pixel["ruler-bg"]);
    const cells = this.#cells;
    if (cells === undefined || entries === 0) return;
    const { bins, rows } = cells;
    const xs = Int32Array.from({ length: bins.columns + 1 }, (_, column) =>
      Math.round(((bins.firstEntry + column * bins.entriesPerColumn) / entries) * width),
    );
    const inner = height - Math.round(barLane * scale);
    const ys = Int32Array.from({ length: rows + 1 }, (_, row) => Math.round((row / rows) * inner));
    const box = { left: 0, top: 0, width, height: inner };
    paintCells(raster, box, cells, { xs, ys, least: Math.max(1, Math.round(scale)) }, palette(colours));
    paintBars(raster, bins, xs, Math.round((barLane - 2) * scale), colours);
  }

  #drawOver(context: CanvasRenderingContext2D, input: MinimapInput, { css }: Theme): void {
    const { width, height, scale } = this.size;
    const state = input.view.getState();
    const { entries } = state;
    if (entries === 0) return;
    const x = (entry: number) => Math.round((entry / entries) * width);
    const thick = Math.max(1, Math.round(scale));
    if (this.#cells !== undefined)
      drawMarks(context, this.#cells.bins, entries, this.size, css[opTokens.mark]);
    if (input.selection !== undefined) {
      context.fillStyle = css["ruler-viewport"];
      const { first, end } = input.selection;
      context.fillRect(x(first), height - 3 * thick, Math.max(thick, x(end) - x(first)), 3 * thick);
    }
    let before = -1;
    for (const { entry, outcome } of input.bisect ?? []) {
      const at = x(entry + 0.5);
      if (outcome !== "fail" || at === before) continue;
      before = at;
      context.fillStyle = css.error;
      context.fillRect(at, 0, thick, height);
    }
    for (const { entry } of input.source.walls) {
      context.fillStyle = css.error;
      context.fillRect(Math.min(width - 3 * thick, x(entry)), 0, 3 * thick, height);
    }
    context.fillStyle = css.text;
    context.fillRect(x(input.entry + 0.5), 0, thick, height);
    const box = boxOf(state, entries, width / scale);
    const left = Math.round(box.left * scale);
    const right = Math.round(box.right * scale);
    // What the plot does not show steps back.
    context.globalAlpha = 0.45;
    context.fillStyle = css["ruler-bg"];
    context.fillRect(0, 0, left, height);
    context.fillRect(right, 0, width - right, height);
    context.globalAlpha = 1;
    context.strokeStyle = css["ruler-viewport"];
    context.lineWidth = 2 * thick;
    context.strokeRect(left + thick, thick, right - left - 2 * thick, height - 2 * thick);
  }
}

/** The box around what shows, at least as wide as a finger needs it. */
export function boxOf(
  { first, end }: Pick<Viewport, "first" | "end">,
  entries: number,
  width: number,
): { readonly left: number; readonly right: number } {
  const from = (first / entries) * width;
  const to = (end / entries) * width;
  const more = Math.max(0, narrowestBox - (to - from)) / 2;
  const left = Math.max(0, Math.min(width - narrowestBox, from - more));
  return { left, right: Math.min(width, Math.max(to + more, left + narrowestBox)) };
}

/** Bytes written, by column: the square root, so that a single large burst does not flatten all others. */
function paintBars(raster: Raster, bins: Bins, xs: Int32Array, height: number, { pixel }: Theme): void {
  const colour = mix(pixel["ruler-bg"], pixel.muted, 140);
  const most = bins.bytes.reduce((high, value) => Math.max(high, value), 0);
  if (most === 0) return;
  for (let column = 0; column < bins.columns; column++) {
    const value = bins.bytes[column] as number;
    if (value === 0) continue;
    const tall = Math.max(1, Math.round(Math.sqrt(value / most) * height));
    const left = xs[column] as number;
    const wide = Math.max(1, (xs[column + 1] as number) - left);
    raster.fill(left, raster.height - tall, wide, tall, colour);
  }
}

function drawMarks(
  context: CanvasRenderingContext2D,
  { marks, firstEntry, entriesPerColumn }: Bins,
  entries: number,
  { width, height, scale }: { readonly width: number; readonly height: number; readonly scale: number },
  colour: string,
): void {
  context.fillStyle = colour;
  for (const [column, count] of marks.entries()) {
    if (count === 0) continue;
    const x = Math.round(((firstEntry + (column + 0.5) * entriesPerColumn) / entries) * width);
    context.fillRect(x, 0, Math.max(1, Math.round(scale)), height);
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x + 5 * scale, 2.5 * scale);
    context.lineTo(x, 5 * scale);
    context.fill();
  }
}
