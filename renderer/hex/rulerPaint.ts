// Paints the overview ruler and its lens: lanes side by side, each tone with its own shape (solid, stripes,
// ticks), what is not scanned hatched, the viewport boxed, the caret as a wedge.
import type { RulerLane } from "./contract.ts";
import type { Lens } from "./rulerMath.ts";
import { type Theme, theme } from "./theme.ts";

export interface RulerScene {
  readonly size: number;
  readonly lanes: readonly RulerLane[];
  readonly scannedTo: number;
  readonly viewport: { readonly from: number; readonly to: number };
  readonly caret: number;
  /** CSS pixels. */
  readonly height: number;
}

/** Bins painted: all of the image, or the lens's part. */
type Part = Lens;

/** CSS pixels: a mark is never thinner, a box never lower. */
const thinnest = 2;
const lowestBox = 4;

export function paintRuler(canvas: HTMLCanvasElement, scene: RulerScene): void {
  const bins = Math.max(1, Math.round(scene.height * window.devicePixelRatio));
  paintPart(canvas, scene, { first: 0, bins, count: bins });
}

/** One bin of the lens is one CSS pixel high; `at` is the offset looked at. */
export function paintLens(canvas: HTMLCanvasElement, lens: Lens, scene: RulerScene, at: number): void {
  paintPart(canvas, scene, lens);
  const context = canvas.getContext("2d");
  if (!context || scene.size === 0) return;
  // Where the pointer is, between two ticks at the edges.
  const scale = window.devicePixelRatio;
  const y = Math.round(((at / scene.size) * lens.bins - lens.first) * scale);
  context.fillStyle = theme().css.text;
  context.fillRect(0, y, 8 * scale, scale);
  context.fillRect(canvas.width - 8 * scale, y, 8 * scale, scale);
}

function paintPart(canvas: HTMLCanvasElement, scene: RulerScene, part: Part): void {
  const scale = window.devicePixelRatio;
  const width = Math.round(canvas.clientWidth * scale);
  const height = Math.round(scene.height * scale);
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext("2d");
  if (!context || width === 0) return;
  const colours = theme();
  context.fillStyle = colours.css["ruler-bg"];
  context.fillRect(0, 0, width, height);
  if (scene.size === 0) return;
  const y = (offset: number) => ((offset / scene.size) * part.bins - part.first) * (height / part.count);
  paintUnscanned(context, colours, y(scene.scannedTo), scale);
  const margin = 3 * scale;
  const each = (width - 2 * margin) / Math.max(1, scene.lanes.length);
  for (const [index, lane] of scene.lanes.entries()) {
    const left = Math.round(margin + index * each);
    const right = Math.round(margin + (index + 1) * each - scale);
    paintLane(context, colours, lane, scene.size, part, { left, right, height, scale });
  }
  paintViewport(context, colours, y(scene.viewport.from), y(scene.viewport.to), scale);
  paintCaret(context, colours, y(scene.caret), scale);
}

function paintUnscanned(
  context: CanvasRenderingContext2D,
  { css }: Theme,
  from: number,
  scale: number,
): void {
  const { width, height } = context.canvas;
  if (from >= height) return;
  context.save();
  context.beginPath();
  context.rect(0, Math.max(0, from), width, height);
  context.clip();
  context.strokeStyle = css["diff-unscanned-hatch"];
  context.lineWidth = scale;
  context.beginPath();
  for (let x = -height; x < width; x += 6 * scale) {
    context.moveTo(x, height);
    context.lineTo(x + height, 0);
  }
  context.stroke();
  context.restore();
}

interface LaneBox {
  readonly left: number;
  readonly right: number;
  readonly height: number;
  readonly scale: number;
}

function paintLane(
  context: CanvasRenderingContext2D,
  { css }: Theme,
  lane: RulerLane,
  size: number,
  part: Part,
  box: LaneBox,
): void {
  const levels = lane.paint(part.bins, size);
  const step = box.height / part.count;
  const thick = Math.max(thinnest * box.scale, step);
  context.fillStyle = css[`ruler-${lane.tone}`];
  for (let bin = 0; bin < part.count; bin++) {
    const level = levels[part.first + bin] ?? 0;
    if (level === 0) continue;
    // However little of a pixel is bad, it is plainly to be seen.
    context.globalAlpha = 0.55 + (0.45 * level) / 255;
    const top = Math.min(box.height - thick, Math.floor(bin * step));
    if (lane.tone === "differs") context.fillRect(box.left, top, box.right - box.left, thick);
    else if (lane.tone === "history") context.fillRect(box.left, top, (box.right - box.left) / 2, thick);
    else paintStripes(context, top, thick, box);
  }
  context.globalAlpha = 1;
}

function paintStripes(
  context: CanvasRenderingContext2D,
  top: number,
  thick: number,
  { left, right, scale }: LaneBox,
): void {
  for (let x = left; x < right; x += 4 * scale) context.fillRect(x, top, 2 * scale, thick);
}

function paintViewport(
  context: CanvasRenderingContext2D,
  { css }: Theme,
  from: number,
  to: number,
  scale: number,
): void {
  const { width, height } = context.canvas;
  if (to < 0 || from > height) return;
  const box = Math.max(lowestBox * scale, to - from);
  const top = Math.round(Math.min(Math.max(0, from), height - lowestBox * scale));
  context.fillStyle = css["ruler-viewport-bg"];
  context.fillRect(0, top, width, Math.min(box, height - top));
  context.strokeStyle = css["ruler-viewport"];
  context.lineWidth = scale;
  const half = scale / 2;
  context.strokeRect(half, top + half, width - scale, Math.max(scale, Math.min(box, height - top) - scale));
}

/** A wedge at the right edge, pointing at the caret. */
function paintCaret(context: CanvasRenderingContext2D, { css }: Theme, y: number, scale: number): void {
  const { width, height } = context.canvas;
  if (y < 0 || y > height) return;
  context.fillStyle = css["hex-caret"];
  context.beginPath();
  context.moveTo(width - 5 * scale, y);
  context.lineTo(width, y - 4 * scale);
  context.lineTo(width, y + 4 * scale);
  context.fill();
}
