// The picture of the log itself, as pixels: cells or bars of operations, lines of flushes, and the ticks of flushes and
// FUA writes beside them, which are there however many entries a pixel has.
import { binOps } from "../../core/writelog/bins.ts";
import type { Raster } from "../hex/raster.ts";
import { mix, type Theme } from "../hex/theme.ts";
import { barOf, type Cells, type PixelBox, paintCells } from "./cells.ts";
import type { Viewport } from "./contract.ts";
import { type DiskAxis, shareOf } from "./disk.ts";
import type { Frame } from "./frame.ts";
import { opColour, palette, strongest } from "./looks.ts";

export interface PlotScene {
  readonly frame: Frame;
  readonly viewport: Viewport;
  readonly axis: DiskAxis;
  readonly entries: number;
  /** The bins of what shows, and those of the whole log, which stand in where the first have nothing. */
  readonly cells: Cells | undefined;
  readonly overview: Cells | undefined;
  readonly theme: Theme;
}

/** CSS pixels of an entry from which on it is a bar with a shape, and most of a bar's width. */
const barFrom = 6;
export const widestBar = 22;
/** CSS pixels: no cell is narrower or lower. */
const leastCell = 2;
/** CSS pixels for each flush line: more of them lie behind the operations, fainter. */
const roomForFlush = 10;
const faintFlush = 28;

export function paintPlot(raster: Raster, scene: PlotScene): void {
  const { frame, theme, cells } = scene;
  raster.clip(0, frame.canvasWidth);
  raster.fill(0, 0, frame.canvasWidth, frame.canvasHeight, theme.pixel.bg);
  raster.clip(frame.left, frame.left + frame.width);
  const parts = partsOf(scene);
  const flushes = parts.flatMap((part) => eventColumns(scene, part, part.cells.bins.flushes));
  const isDense = flushes.length > frame.width / frame.scale / roomForFlush;
  if (parts.length === 0) paintUnknown(raster, scene);
  if (isDense) paintFlushes(raster, scene, flushes, true);
  for (const part of parts) paintPart(raster, scene, part);
  if (!isDense) paintFlushes(raster, scene, flushes, false);
  const thick = Math.max(1, Math.round(frame.scale));
  const fuas = parts.flatMap((part) => eventColumns(scene, part, part.cells.bins.fuas));
  for (const x of fuas) {
    raster.fill(x, frame.fuas.top, thick, frame.fuas.height - thick, opColour(theme, "fua"));
  }
  for (const x of flushes) {
    raster.fill(x, frame.flushes.top + thick, thick, frame.flushes.height - thick, opColour(theme, "flush"));
  }
  if (cells === undefined && parts.length === 0) return;
  outline(raster, scene);
}

/** Cells and the pixels of the plot's inside that are theirs. */
interface Part {
  readonly cells: Cells;
  readonly box: PixelBox;
}

/** What shows, put together: bins of the view where there are some, else the whole log's. */
function partsOf(scene: PlotScene): readonly Part[] {
  const { cells, overview, frame } = scene;
  const whole = { left: 0, top: 0, width: frame.width, height: frame.height };
  if (cells === undefined) return overview === undefined ? [] : [{ cells: overview, box: whole }];
  const box = coveredBox(scene, cells);
  if (overview === undefined) return [{ cells, box }];
  const right = box.left + box.width;
  const bottom = box.top + box.height;
  const around: readonly PixelBox[] = [
    { left: 0, top: 0, width: box.left, height: frame.height },
    { left: right, top: 0, width: frame.width - right, height: frame.height },
    { left: box.left, top: 0, width: box.width, height: box.top },
    { left: box.left, top: bottom, width: box.width, height: frame.height - bottom },
  ];
  return [
    ...around
      .filter(({ width, height }) => width > 0 && height > 0)
      .map((one) => ({ cells: overview, box: one })),
    ...(box.width > 0 && box.height > 0 ? [{ cells, box }] : []),
  ];
}

/** The part of the plot's inside that cells have something to say about. */
function coveredBox(scene: PlotScene, { bins }: Cells): PixelBox {
  const { frame, entries } = scene;
  const last = bins.firstEntry + bins.columns * bins.entriesPerColumn;
  const clampX = (x: number) => Math.max(0, Math.min(frame.width, Math.round(x)));
  const clampY = (y: number) => Math.max(0, Math.min(frame.height, Math.round(y)));
  const left = clampX(xAt(scene, bins.firstEntry));
  // There is nothing behind the last entry to wait for.
  const right = last >= entries ? frame.width : clampX(xAt(scene, last));
  const top = clampY(yAt(scene, bins.edges.at(-1) ?? 0));
  const bottom = clampY(yAt(scene, bins.edges[0] ?? 0));
  return { left, top, width: Math.max(0, right - left), height: Math.max(0, bottom - top) };
}

/** Pixels from the left of the plot's inside at which an entry begins. */
function xAt({ frame, viewport }: PlotScene, entry: number): number {
  return ((entry - viewport.first) / (viewport.end - viewport.first)) * frame.width;
}

/** Pixels from the top of the plot's inside at which a byte is. */
function yAt({ frame, viewport, axis }: PlotScene, byte: number): number {
  return (1 - (shareOf(axis, byte) - viewport.low) / (viewport.high - viewport.low)) * frame.height;
}

function paintPart(raster: Raster, scene: PlotScene, { cells, box }: Part): void {
  const { bins, rows } = cells;
  const { frame, viewport } = scene;
  const ys = Int32Array.from({ length: rows + 1 }, (_, row) =>
    Math.round(yAt(scene, bins.edges[rows - row] ?? 0)),
  );
  const perEntry = frame.width / (viewport.end - viewport.first);
  if (bins.entriesPerColumn === 1 && perEntry >= barFrom * frame.scale) {
    paintBars(raster, scene, cells, ys, perEntry);
    return;
  }
  const xs = Int32Array.from({ length: bins.columns + 1 }, (_, column) =>
    Math.round(xAt(scene, bins.firstEntry + column * bins.entriesPerColumn)),
  );
  // Places within the box.
  const place = {
    xs: xs.map((x) => x - box.left),
    ys: ys.map((y) => y - box.top),
    least: Math.round(leastCell * frame.scale),
  };
  const target = { ...box, left: frame.left + box.left, top: frame.top + box.top };
  paintCells(raster, target, cells, place, palette(scene.theme));
}

/** Each entry in the shape of its kind: a filled bar, one with a tick on top for FUA, a hollow one for a discard. */
function paintBars(raster: Raster, scene: PlotScene, cells: Cells, ys: Int32Array, perEntry: number): void {
  const { frame, theme } = scene;
  const { scale } = frame;
  const thick = Math.max(1, Math.round(scale));
  const width = Math.max(3 * thick, Math.min(Math.round(perEntry * 0.7), Math.round(widestBar * scale)));
  const bottomMost = frame.top + frame.height;
  for (let column = 0; column < cells.bins.columns; column++) {
    const middle = xAt(scene, cells.bins.firstEntry + column + 0.5);
    if (middle < -width || middle > frame.width + width) continue;
    const bar = barOf(cells, column);
    if (bar === undefined) continue;
    const op = strongest(bar.mask);
    if (op === undefined) continue;
    const left = frame.left + Math.round(middle - width / 2);
    const low = Math.max(3 * thick, (ys[bar.to] as number) - (ys[bar.from] as number));
    // The smallest bar stands on where it ends, inside the plot.
    const bottom = Math.min(bottomMost, frame.top + Math.max(ys[bar.to] as number, low));
    const top = Math.max(frame.top, bottom - low);
    if (top >= bottom) continue;
    const colour = opColour(theme, op, !bar.passes);
    if (op === "discard") {
      raster.fill(left, top, width, bottom - top, theme.pixel.bg);
      raster.outline(left, top, width, bottom - top, colour, Math.max(1, Math.round(1.5 * scale)));
      continue;
    }
    raster.fill(left, top, width, bottom - top, colour);
    if ((bar.mask & binOps.fua) === 0) continue;
    const over = Math.max(2, Math.round(2 * scale));
    const tick = opColour(theme, "fua", !bar.passes);
    raster.fill(left - over, top - 2 * over, width + 2 * over, over, tick);
  }
}

/** Where columns lie that have one of these: pixels of the canvas, each once. */
function eventColumns(scene: PlotScene, { cells, box }: Part, counts: Uint32Array): readonly number[] {
  const { bins } = cells;
  const { frame } = scene;
  // Strips above and below the middle say nothing of their own.
  if (box.top > 0 && cells !== scene.cells) return [];
  const found: number[] = [];
  for (let column = 0; column < bins.columns; column++) {
    if (counts[column] === 0) continue;
    const x = Math.round(xAt(scene, bins.firstEntry + (column + 0.5) * bins.entriesPerColumn));
    if (x < box.left || x >= box.left + box.width) continue;
    if (found.at(-1) !== frame.left + x) found.push(frame.left + x);
  }
  return found;
}

function paintFlushes(
  raster: Raster,
  { frame, theme }: PlotScene,
  xs: readonly number[],
  faint: boolean,
): void {
  const full = opColour(theme, "flush");
  const colour = faint ? mix(theme.pixel.bg, full, faintFlush) : full;
  const thick = Math.max(1, Math.round(frame.scale));
  if (!faint) {
    for (const x of xs) raster.fill(x, frame.top, thick, frame.height, colour);
    return;
  }
  // Thousands of lines are one row of pixels, copied: nothing else is there yet.
  const first = frame.top * raster.width + frame.left;
  for (const x of xs) raster.fill(x, frame.top, thick, 1, colour);
  for (let y = 1; y < frame.height; y++) {
    raster.pixels.copyWithin(first + y * raster.width, first, first + frame.width);
  }
}

/** Nothing is known yet. */
function paintUnknown(raster: Raster, { frame, theme }: PlotScene): void {
  const { left, top, width, height, scale } = frame;
  const lines = { step: Math.round(8 * scale), thick: Math.max(1, Math.round(scale)) };
  raster.hatch(left, top, width, height, theme.pixel["diff-unscanned-hatch"], lines);
}

function outline(raster: Raster, { frame, theme }: PlotScene): void {
  const thick = Math.max(1, Math.floor(frame.scale));
  const colour = theme.pixel["kind-outline"];
  raster.clip(0, frame.canvasWidth);
  raster.fill(frame.left - thick, frame.top, thick, frame.height + thick, colour);
  raster.fill(frame.left - thick, frame.top + frame.height, frame.width + thick, thick, colour);
}
