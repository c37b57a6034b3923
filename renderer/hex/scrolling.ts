// The scrollbar's arithmetic: rows are numbers up to 2^53, the track has a few hundred pixels. Wheel and keys
// never come here; only the thumb is proportional. Pure.

/** Pixels. */
const smallestThumb = 24;
/** Sideways distance from the bar within which dragging has its full speed, and that which halves it. */
const fullSpeedWithin = 32;
const halvedEvery = 32;

export interface ScrollRange {
  readonly rowCount: number;
  /** Rows that fit, counting one that fits only in part. */
  readonly visibleRows: number;
}
export interface Thumb {
  readonly top: number;
  readonly height: number;
}

/** The last row that may be at the top: the final row then shows in full. */
export function lastTopRow({ rowCount, visibleRows }: ScrollRange): number {
  return Math.max(0, rowCount - visibleRows + 1);
}

/** The thumb on a track of `track` pixels. */
export function thumbOf(topRow: number, range: ScrollRange, track: number): Thumb {
  const last = lastTopRow(range);
  if (last === 0) return { top: 0, height: track };
  const share = range.visibleRows / (range.rowCount + 1);
  const height = Math.min(track, Math.max(smallestThumb, track * share));
  return { top: (Math.min(topRow, last) / last) * (track - height), height };
}

/** The top row after the thumb moved by `dy` pixels from `topRow`; `speed` is 1 or a fraction of it. */
export function dragThumb(
  topRow: number,
  dy: number,
  speed: number,
  range: ScrollRange,
  track: number,
): number {
  const last = lastTopRow(range);
  const { height } = thumbOf(topRow, range, track);
  const room = track - height;
  if (room <= 0) return 0;
  return Math.min(last, Math.max(0, topRow + (dy / room) * last * speed));
}

/** Speed of a drag with the pointer `away` pixels beside the bar: halved with every 32 pixels. */
export function dragSpeed(away: number): number {
  return 2 ** (-Math.max(0, away - fullSpeedWithin) / halvedEvery);
}

/** Whole rows for a wheel's movement, and the rest to keep for the next one. */
export function wheelRows(rest: number, delta: number, perRow: number): { rows: number; rest: number } {
  // A change of direction does not first have to undo what is left over.
  const sum = Math.sign(rest) === Math.sign(delta) ? rest + delta : delta;
  const rows = Math.trunc(sum / perRow);
  return { rows: rows + 0, rest: sum - rows * perRow };
}
