// The vertical axis: bytes of the disk as shares of its height, the whole disk or only the ranges that the log touches,
// one on top of the other. Pure.
import type { UsedRange } from "../../core/writelog/bins.ts";

interface Segment {
  readonly offset: number;
  readonly length: number;
  /** Bytes of the segments below it. */
  readonly below: number;
}

export interface DiskAxis {
  readonly segments: readonly Segment[];
  /** Bytes of all segments; 0 for a log that touches nothing. */
  readonly length: number;
}

export function linearAxis(diskSize: number): DiskAxis {
  return axisOf(diskSize > 0 ? [{ offset: 0, length: diskSize }] : []);
}

export function usedAxis(ranges: readonly UsedRange[]): DiskAxis {
  return axisOf(ranges);
}

function axisOf(ranges: readonly UsedRange[]): DiskAxis {
  let below = 0;
  const segments = ranges.map(({ offset, length }) => {
    const segment = { offset, length, below };
    below += length;
    return segment;
  });
  return { segments, length: below };
}

/** The byte at a share of the height, 0 to 1; at a gap the one behind it. */
export function byteAt({ segments, length }: DiskAxis, share: number): number {
  const at = Math.min(length, Math.max(0, share * length));
  for (const segment of segments) {
    if (at < segment.below + segment.length) return segment.offset + at - segment.below;
  }
  const last = segments.at(-1);
  return last ? last.offset + last.length : 0;
}

/** The share of the height at which a byte is; for one in a gap that of the gap. */
export function shareOf({ segments, length }: DiskAxis, byte: number): number {
  if (length === 0) return 0;
  let [low, high] = [0, segments.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const { offset } = segments[middle] as Segment;
    if (offset <= byte) low = middle + 1;
    else high = middle;
  }
  const segment = segments[low - 1];
  if (segment === undefined) return 0;
  return (segment.below + Math.min(segment.length, byte - segment.offset)) / length;
}

/** Where rows of equal height begin and the last one ends, as whole ascending bytes: fewer where rows are below a byte. */
export function rowEdges(axis: DiskAxis, low: number, high: number, rows: number): Float64Array {
  const edges: number[] = [];
  for (let row = 0; row <= rows; row++) {
    const byte = Math.round(byteAt(axis, low + ((high - low) * row) / rows));
    if (byte > (edges.at(-1) ?? -1)) edges.push(byte);
  }
  if (edges.length === 1) edges.push((edges[0] as number) + 1);
  return Float64Array.from(edges);
}

/** Shares at which a gap is left out. */
export function breaks({ segments, length }: DiskAxis): readonly number[] {
  return segments.slice(1).map(({ below }) => below / length);
}

export interface DiskTick {
  readonly byte: number;
  readonly share: number;
}

/** Round bytes (powers of two apart) between two shares, at least `apart` of the height from each other. */
export function diskTicks(axis: DiskAxis, low: number, high: number, apart: number): readonly DiskTick[] {
  if (axis.length === 0) return [];
  const step = 2 ** Math.ceil(Math.log2(Math.max(1, apart * axis.length)));
  const ticks: DiskTick[] = [];
  const tooClose = (share: number) => share - (ticks.at(-1)?.share ?? -1) < apart * 0.5;
  const last = axis.segments.at(-1);
  for (const segment of axis.segments) {
    const { offset, length, below } = segment;
    const [bottom, top] = [below / axis.length, (below + length) / axis.length];
    if (bottom > high || top < low) continue;
    // Each range begins with its own address, round or not, before any round one beside it.
    if (axis.segments.length > 1 && bottom >= low) {
      if (tooClose(bottom)) ticks.pop();
      ticks.push({ byte: offset, share: bottom });
    }
    const from = offset + Math.max(0, low - bottom) * axis.length;
    for (let byte = Math.ceil(from / step) * step; byte <= offset + length; byte += step) {
      const share = bottom + (byte - offset) / axis.length;
      if (share > high || (byte === offset + length && segment !== last)) break;
      if (!tooClose(share)) ticks.push({ byte, share });
    }
  }
  return ticks;
}

/** Round entries (1, 2, 5, 10 ...) at least `apart` entries from each other. */
export function entryTicks(first: number, end: number, apart: number): readonly number[] {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, apart)));
  const step = Math.max(1, [1, 2, 5, 10].map((times) => times * power).find((one) => one >= apart) ?? 1);
  const ticks: number[] = [];
  for (let entry = Math.ceil(first / step) * step; entry < end; entry += step) ticks.push(entry);
  return ticks;
}
