// What lies over the operations: axes, flags of marks, walls, the selection, points of a bisection, and the scrub line.
// Few lines a frame, so the browser's own drawing is quick enough.
import type { MarkLabel } from "../../core/writelog/bins.ts";
import type { Theme } from "../hex/theme.ts";
import { decimal } from "../widgets/format.ts";
import type { BisectPoint, EntryRange, Viewport, Wall } from "./contract.ts";
import { breaks, type DiskAxis, diskTicks, entryTicks, shareOf } from "./disk.ts";
import { type Frame, textSize } from "./frame.ts";
import { opTokens } from "./looks.ts";
import { widestBar } from "./plotPaint.ts";

export interface Overlay {
  readonly frame: Frame;
  readonly viewport: Viewport;
  readonly axis: DiskAxis;
  readonly theme: Theme;
  readonly focused: boolean;
  readonly entry: number;
  readonly entries: number;
  readonly covers: { readonly offset: number; readonly length: number } | undefined;
  readonly history: { readonly offset: number; readonly length: number } | undefined;
  readonly selection: EntryRange | undefined;
  readonly walls: readonly Wall[];
  readonly bisect: readonly BisectPoint[];
  readonly notes: readonly number[];
  /** Marks with their texts, and entries at which there are others. */
  readonly labels: readonly MarkLabel[];
  readonly marks: readonly number[];
  /** The label of a byte on the axis. */
  byteLabel(byte: number): string;
}

type Context = CanvasRenderingContext2D;

const axisTitle = "entry (completion order; logs have no times)";
/** CSS pixels between labels. */
const rowsApart = 40;
const numbersApart = 96;
const longestLabel = 150;
const shortestLabel = 24;

export function drawOverlay(context: Context, overlay: Overlay): void {
  const { frame, theme } = overlay;
  context.font = `${Math.round(textSize * frame.scale)}px ${theme.fontFamily}`;
  drawDiskAxis(context, overlay);
  drawEntryAxis(context, overlay);
  context.save();
  context.beginPath();
  context.rect(frame.left, 0, frame.canvasWidth - frame.left, frame.canvasHeight);
  context.clip();
  drawBands(context, overlay);
  drawMarks(context, overlay);
  for (const note of overlay.notes) drawNote(context, overlay, note);
  drawBisect(context, overlay);
  drawScrub(context, overlay);
  // Last: nothing hides why the log ends.
  for (const wall of overlay.walls) drawWall(context, overlay, wall);
  context.restore();
}

function xAt({ frame, viewport }: Overlay, entry: number): number {
  return frame.left + ((entry - viewport.first) / (viewport.end - viewport.first)) * frame.width;
}

function yAt({ frame, viewport, axis }: Overlay, byte: number): number {
  return yOfShare({ frame, viewport }, shareOf(axis, byte));
}

function yOfShare({ frame, viewport }: Pick<Overlay, "frame" | "viewport">, share: number): number {
  return frame.top + (1 - (share - viewport.low) / (viewport.high - viewport.low)) * frame.height;
}

function drawDiskAxis(context: Context, overlay: Overlay): void {
  const { frame, theme, axis, viewport, byteLabel } = overlay;
  const { scale, left } = frame;
  const line = Math.max(1, Math.floor(scale));
  context.textAlign = "right";
  context.textBaseline = "middle";
  const apart = (rowsApart * scale * (viewport.high - viewport.low)) / frame.height;
  for (const { byte, share } of diskTicks(axis, viewport.low, viewport.high, apart)) {
    const y = Math.round(yOfShare(overlay, share));
    context.fillStyle = theme.css["hex-address"];
    // Labels stay within the height of the plot and do not run into the lanes.
    const half = (textSize / 2) * scale;
    context.fillText(byteLabel(byte), left - 8 * scale, Math.min(frame.top + frame.height - half, y));
    context.fillStyle = theme.css["kind-outline"];
    context.fillRect(left - 5 * scale, Math.min(frame.top + frame.height - line, y), 4 * scale, line);
  }
  for (const share of breaks(axis)) {
    if (share > viewport.low && share < viewport.high) drawBreak(context, overlay, yOfShare(overlay, share));
  }
  context.fillStyle = theme.css.muted;
  context.fillText("byte", left - 8 * scale, frame.flags.top + frame.flags.height / 2);
}

/** Two slanted strokes on the axis and a dashed line: bytes are left out here. */
function drawBreak(context: Context, { frame, theme }: Overlay, at: number): void {
  const { scale, left, width } = frame;
  const y = Math.round(at) + 0.5;
  context.strokeStyle = theme.css["kind-outline"];
  context.lineWidth = Math.max(1, Math.floor(scale));
  context.setLineDash([4 * scale, 4 * scale]);
  context.beginPath();
  context.moveTo(left, y);
  context.lineTo(left + width, y);
  context.stroke();
  context.setLineDash([]);
  context.fillStyle = theme.css.bg;
  context.fillRect(left - 6 * scale, y - 2.5 * scale, 10 * scale, 5 * scale);
  context.strokeStyle = theme.css.text;
  context.lineWidth = 1.5 * scale;
  context.beginPath();
  for (const shift of [-2.5, 2.5]) {
    context.moveTo(left - 5 * scale, y + (shift + 2) * scale);
    context.lineTo(left + 3 * scale, y + (shift - 2) * scale);
  }
  context.stroke();
}

function drawEntryAxis(context: Context, overlay: Overlay): void {
  const { frame, theme, viewport, entries } = overlay;
  const { scale } = frame;
  context.textBaseline = "middle";
  context.textAlign = "center";
  const middle = frame.ticks.top + frame.ticks.height / 2 + scale;
  const apart = (numbersApart * scale * (viewport.end - viewport.first)) / frame.width;
  for (const entry of entryTicks(viewport.first, Math.min(entries, viewport.end), apart)) {
    const x = Math.round(xAt(overlay, entry + 0.5));
    if (x < frame.left) continue;
    const text = decimal(entry);
    const half = context.measureText(text).width / 2;
    context.fillStyle = theme.css["kind-outline"];
    context.fillRect(x, frame.ticks.top, Math.max(1, Math.floor(scale)), 4 * scale);
    context.fillStyle = theme.css["hex-address"];
    context.fillText(text, Math.min(x, frame.canvasWidth - half - 2 * scale), middle);
  }
  context.fillStyle = theme.css.muted;
  context.fillText(
    axisTitle,
    frame.left + frame.width / 2,
    frame.title.top + frame.title.height / 2 - scale,
    frame.width,
  );
}

/** The selection from left to right, and the range of the disk that is asked about. */
function drawBands(context: Context, overlay: Overlay): void {
  const { frame, theme, selection, history } = overlay;
  const { left, top, width, height, scale } = frame;
  const line = Math.max(1, Math.round(scale));
  const clamp = (value: number, low: number, high: number) => Math.max(low, Math.min(high, value));
  if (selection !== undefined) {
    const from = clamp(xAt(overlay, selection.first), left, left + width);
    const to = clamp(xAt(overlay, selection.end), left, left + width);
    context.fillStyle = theme.css["ruler-viewport-bg"];
    context.fillRect(from, top, to - from, height);
    context.fillStyle = theme.css["ruler-viewport"];
    for (const x of [from, to - line])
      context.fillRect(Math.round(x), top - frame.fuas.height, line, height + frame.fuas.height);
    context.fillRect(from, top - line, to - from, line);
  }
  if (history !== undefined) {
    const bottom = clamp(yAt(overlay, history.offset), top, top + height);
    const high = clamp(yAt(overlay, history.offset + history.length), top, top + height);
    context.fillStyle = theme.css["ruler-viewport-bg"];
    context.fillRect(left, high, width, Math.max(line, bottom - high));
    context.fillStyle = theme.css["ruler-history"];
    for (const y of [high - line, bottom]) context.fillRect(left, Math.round(y), width, line);
  }
}

function drawMarks(context: Context, overlay: Overlay): void {
  const { frame, theme, labels, marks } = overlay;
  const { scale } = frame;
  context.textAlign = "left";
  context.textBaseline = "middle";
  const named = new Set(labels.map(({ entry }) => entry));
  for (const entry of marks) if (!named.has(entry)) drawFlag(context, overlay, xAt(overlay, entry + 0.5));
  for (const [i, { entry, text }] of labels.entries()) {
    const x = xAt(overlay, entry + 0.5);
    if (x < frame.left - 1 || x > frame.left + frame.width + 1) continue;
    drawFlag(context, overlay, x);
    // As much of the text as there is room for before the next flag.
    const from = x + 10 * scale;
    const next = labels[i + 1];
    const end = Math.min(frame.canvasWidth, next ? xAt(overlay, next.entry + 0.5) : frame.canvasWidth);
    const room = Math.min(longestLabel * scale, end - from - 4 * scale);
    if (room < shortestLabel * scale) continue;
    const shown = clipped(context, text, room);
    context.fillStyle = theme.css.text;
    context.fillText(shown, from, frame.flags.top + frame.flags.height / 2);
  }
}

/** A flag on a pole from top to bottom. */
function drawFlag(context: Context, { frame, theme }: Overlay, at: number): void {
  const { scale } = frame;
  const x = Math.round(at);
  if (x < frame.left || x > frame.left + frame.width) return;
  const top = frame.flags.top + 4 * scale;
  context.fillStyle = theme.css[opTokens.mark];
  context.fillRect(x, top, Math.max(1, Math.round(scale)), frame.top + frame.height - top);
  context.beginPath();
  context.moveTo(x, top);
  context.lineTo(x + 8 * scale, top + 4 * scale);
  context.lineTo(x, top + 8 * scale);
  context.fill();
}

/** With an ellipsis where it is too wide. */
function clipped(context: Context, text: string, width: number): string {
  const line = text.replace(/\s+/g, " ");
  if (context.measureText(line).width <= width) return line;
  const each = context.measureText("0").width;
  return `${line.slice(0, Math.max(1, Math.floor(width / each) - 1))}…`;
}

function drawNote(context: Context, overlay: Overlay, entry: number): void {
  const { frame, theme } = overlay;
  const { scale } = frame;
  const x = xAt(overlay, entry + 0.5);
  if (x < frame.left || x > frame.left + frame.width) return;
  const y = frame.top + 6 * scale;
  const half = 4 * scale;
  context.beginPath();
  context.moveTo(x, y - half);
  context.lineTo(x + half, y);
  context.lineTo(x, y + half);
  context.lineTo(x - half, y);
  context.closePath();
  context.fillStyle = theme.css["ruler-history"];
  context.strokeStyle = theme.css.bg;
  context.lineWidth = 2 * scale;
  context.stroke();
  context.fill();
}

/** Passed: a ring filled; failed: a cross; unknown: an empty ring. The first failure has a line and words. */
function drawBisect(context: Context, overlay: Overlay): void {
  const { frame, theme, bisect } = overlay;
  if (bisect.length === 0) return;
  const { scale } = frame;
  const y = frame.bisect.top + frame.bisect.height / 2;
  const half = 3.5 * scale;
  for (const outcome of ["pass", "unknown", "fail"] as const) {
    let before = Number.NaN;
    for (const point of bisect) {
      if (point.outcome !== outcome) continue;
      const x = xAt(overlay, point.entry + 0.5);
      if (x < frame.left || x > frame.left + frame.width) continue;
      // Of those that would cover each other one is enough.
      if (Math.round(x) === before) continue;
      before = Math.round(x);
      context.beginPath();
      context.lineWidth = 2 * scale;
      if (outcome === "fail") {
        for (const side of [-1, 1]) {
          context.moveTo(x - half, y - side * half);
          context.lineTo(x + half, y + side * half);
        }
        context.strokeStyle = theme.css.error;
        context.stroke();
      } else {
        context.arc(x, y, half, 0, 2 * Math.PI);
        context.strokeStyle = outcome === "pass" ? theme.css.ok : theme.css.muted;
        context.fillStyle = theme.css.ok;
        if (outcome === "pass") context.fill();
        context.stroke();
      }
    }
  }
  const first = firstFailing(bisect);
  if (first !== undefined) drawFirstFailure(context, overlay, first);
}

function firstFailing(points: readonly BisectPoint[]): number | undefined {
  let first: number | undefined;
  for (const { entry, outcome } of points) {
    if (outcome === "fail" && (first === undefined || entry < first)) first = entry;
  }
  return first;
}

function drawFirstFailure(context: Context, overlay: Overlay, entry: number): void {
  const { frame, theme } = overlay;
  const { scale } = frame;
  const x = Math.round(xAt(overlay, entry + 0.5));
  if (x < frame.left || x > frame.left + frame.width) return;
  context.strokeStyle = theme.css.error;
  context.lineWidth = Math.max(1, Math.round(1.5 * scale));
  context.setLineDash([6 * scale, 3 * scale]);
  context.beginPath();
  context.moveTo(x, frame.top);
  context.lineTo(x, frame.bisect.top + frame.bisect.height);
  context.stroke();
  context.setLineDash([]);
  drawNoteText(
    context,
    overlay,
    `first failing: entry ${decimal(entry)}`,
    x,
    frame.top + frame.height - 10 * scale,
  );
}

/** Words beside a line, on the side that has room, on background. */
function drawNoteText(context: Context, { frame, theme }: Overlay, text: string, x: number, y: number): void {
  const { scale } = frame;
  const room = 8 * scale;
  const right = frame.left + frame.width - x - room;
  const left = x - frame.left - room;
  const goesRight = right >= context.measureText(text).width || right >= left;
  const shown = clipped(context, text, Math.max(0, (goesRight ? right : left) - room));
  const width = context.measureText(shown).width;
  const from = goesRight ? x + room : x - room - width;
  context.fillStyle = theme.css.bg;
  context.fillRect(from - 3 * scale, y - 9 * scale, width + 6 * scale, 18 * scale);
  context.fillStyle = theme.css.error;
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.fillText(shown, from, y);
}

/** Bricks from top to bottom, and why. */
function drawWall(context: Context, overlay: Overlay, { entry, reason }: Wall): void {
  const { frame, theme } = overlay;
  const { scale } = frame;
  const x = Math.round(xAt(overlay, entry));
  const thick = Math.round(8 * scale);
  if (x < frame.left - 1 || x > frame.left + frame.width + 1) return;
  const line = Math.max(1, Math.round(scale));
  context.fillStyle = theme.css.error;
  context.fillRect(x, frame.top, thick, frame.height);
  context.fillStyle = theme.css.bg;
  const brick = Math.round(8 * scale);
  for (let y = 0, course = 0; y < frame.height; y += brick, course++) {
    context.fillRect(x, frame.top + y, thick, line);
    const joint = course % 2 === 0 ? thick / 3 : (2 * thick) / 3;
    context.fillRect(x + Math.round(joint), frame.top + y, line, Math.min(brick, frame.height - y));
  }
  drawNoteText(context, overlay, reason, x, frame.top + 14 * scale);
}

/** The current entry: a line from top to bottom with a handle, and across where it lies on the disk. */
function drawScrub(context: Context, overlay: Overlay): void {
  const { frame, theme, entry, entries, covers, focused } = overlay;
  if (entries === 0) return;
  const { scale, left, width } = frame;
  const x = Math.round(xAt(overlay, entry + 0.5));
  if (x < left - 1 || x > left + width + 1) return;
  const colour = focused ? theme.css.focus : theme.css.text;
  const box = covers && drawCross(context, overlay, x, covers, colour);
  const thick = Math.max(2, Math.round(1.5 * scale));
  const from = x - Math.floor(thick / 2);
  context.fillStyle = colour;
  const handle = frame.fuas.top - scale;
  const end = frame.flushes.top + frame.flushes.height;
  // The operation itself is not struck through.
  const gap = box ?? { top: end, bottom: end };
  context.fillRect(from, handle, thick, Math.max(0, gap.top - handle));
  context.fillRect(from, gap.bottom, thick, Math.max(0, end - gap.bottom));
  context.beginPath();
  context.moveTo(x - 5 * scale, handle);
  context.lineTo(x + 5 * scale, handle);
  context.lineTo(x, handle + 7 * scale);
  context.fill();
}

/** A box around what the entry covers and a line across; where the box begins and ends, if it is in sight. */
function drawCross(
  context: Context,
  overlay: Overlay,
  x: number,
  { offset, length }: { readonly offset: number; readonly length: number },
  colour: string,
): { readonly top: number; readonly bottom: number } | undefined {
  const { frame, theme, viewport } = overlay;
  const { scale, left, width, top, height } = frame;
  const low = yAt(overlay, offset);
  const high = yAt(overlay, offset + length);
  if (low < top || high > top + height) return undefined;
  const middle = Math.round((low + high) / 2);
  const perEntry = width / (viewport.end - viewport.first);
  const wide = Math.max(9 * scale, Math.min(0.7 * perEntry, widestBar * scale) + 6 * scale);
  const tall = Math.max(9 * scale, low - high + 6 * scale);
  const line = Math.max(1, Math.floor(scale));
  context.strokeStyle = theme.css.muted;
  context.lineWidth = line;
  context.setLineDash([2 * scale, 4 * scale]);
  context.beginPath();
  for (const [from, to] of [
    [left, x - wide / 2],
    [x + wide / 2, left + width],
  ] as const) {
    if (from >= to) continue;
    context.moveTo(from, middle + line / 2);
    context.lineTo(to, middle + line / 2);
  }
  context.stroke();
  context.setLineDash([]);
  const from = (low + high - tall) / 2;
  for (const [colourOf, thick] of [
    [theme.css.bg, 4],
    [colour, 1.5],
  ] as const) {
    context.strokeStyle = colourOf;
    context.lineWidth = thick * scale;
    context.strokeRect(x - wide / 2, from, wide, tall);
  }
  return { top: from, bottom: from + tall };
}
