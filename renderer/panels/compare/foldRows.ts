// Rows of a comparison with equal stretches folded away: each run keeps three rows of context on both sides,
// what lies between becomes one fold row. Segments of shown rows are held as prefix sums in typed arrays, so
// that a place is found in logarithmic time and new runs only extend the end. What is not scanned yet, or was
// unfolded by hand, is shown.
import type { Row, RowMap } from "../../hex/model.ts";

/** Rows shown above and below a run. */
export const contextRows = 3;
/** A fold row stands for at least this many rows: folding fewer would hide bytes and save nothing. */
const shortestFold = 2;

/** Ascending ranges of bytes; the run table is one. */
export interface RunRanges {
  readonly count: number;
  offset(row: number): number;
  /** First byte after the range. */
  end(row: number): number;
}
export interface Range {
  readonly offset: number;
  readonly length: number;
}

/** Builds row maps over one image; keeps what it knows between calls, so that growing runs cost little. */
export class FoldRows {
  readonly #bytesPerRow: number;
  readonly #totalRows: number;
  /** Plain row numbers [start, end) shown in one piece, and the visible row at which the piece begins. */
  #start = new Float64Array(256);
  #end = new Float64Array(256);
  #visible = new Float64Array(256);
  #count = 0;
  #runsDone = 0;
  #lastEnd = 0;

  /** `extent`: bytes to show. */
  constructor(extent: number, bytesPerRow: number) {
    this.#bytesPerRow = bytesPerRow;
    this.#totalRows = Math.max(1, Math.ceil(extent / bytesPerRow));
  }

  /**
   * The map for the runs found so far. Bytes from `scannedTo` on are shown; `unfolded` ranges too.
   * `version` marks the map, which replaces those given out earlier.
   */
  build(runs: RunRanges, scannedTo: number, unfolded: readonly Range[], version: number): RowMap {
    this.learn(runs);
    const tail = unfolded.length > 0 ? this.#withUnfolded(unfolded) : this.#copy();
    const scannedRows = Math.floor(scannedTo / this.#bytesPerRow);
    if (scannedRows < this.#totalRows) tail.#add(scannedRows, this.#totalRows);
    return tail.#toRowMap(version);
  }

  /** Takes in the runs found since the last call: done while they come, folding later costs next to nothing. */
  learn(runs: RunRanges): void {
    // The last run may have grown since (a resumed scan continued it).
    if (this.#runsDone > 0 && runs.end(this.#runsDone - 1) !== this.#lastEnd) this.#runsDone -= 1;
    for (let row = this.#runsDone; row < runs.count; row++) {
      const first = Math.floor(runs.offset(row) / this.#bytesPerRow);
      const last = Math.floor((runs.end(row) - 1) / this.#bytesPerRow);
      this.#add(first - contextRows, last + 1 + contextRows);
    }
    this.#runsDone = runs.count;
    if (runs.count > 0) this.#lastEnd = runs.end(runs.count - 1);
  }

  /** Adds shown rows at or after the last piece; joins it when the gap is too small to fold. */
  #add(from: number, to: number): void {
    const start = Math.max(0, from);
    const end = Math.min(this.#totalRows, to);
    if (start >= end) return;
    const previousEnd = this.#count > 0 ? (this.#end[this.#count - 1] ?? 0) : 0;
    if (start - previousEnd < shortestFold) {
      if (this.#count > 0) this.#end[this.#count - 1] = Math.max(previousEnd, end);
      else this.#push(0, end, 0);
      return;
    }
    // One fold row stands between the pieces.
    const before = this.#count > 0 ? this.#visibleEnd() : 0;
    this.#push(start, end, before + 1);
  }

  #push(start: number, end: number, visible: number): void {
    if (this.#count === this.#start.length) {
      this.#start = doubled(this.#start);
      this.#end = doubled(this.#end);
      this.#visible = doubled(this.#visible);
    }
    this.#start[this.#count] = start;
    this.#end[this.#count] = end;
    this.#visible[this.#count] = visible;
    this.#count += 1;
  }

  #visibleEnd(): number {
    const last = this.#count - 1;
    return (this.#visible[last] ?? 0) + (this.#end[last] ?? 0) - (this.#start[last] ?? 0);
  }

  #empty(): FoldRows {
    return new FoldRows(this.#totalRows * this.#bytesPerRow, this.#bytesPerRow);
  }

  /** A copy to extend with what is not settled (the unscanned end); typed arrays copy in a millisecond. */
  #copy(): FoldRows {
    const copy = this.#empty();
    copy.#start = this.#start.slice(0, this.#count + 1);
    copy.#end = this.#end.slice(0, this.#count + 1);
    copy.#visible = this.#visible.slice(0, this.#count + 1);
    copy.#count = Math.min(this.#count, copy.#start.length);
    return copy;
  }

  #withUnfolded(unfolded: readonly Range[]): FoldRows {
    const merged = this.#empty();
    const ranges = [...unfolded].sort((left, right) => left.offset - right.offset);
    let next = 0;
    const flush = (before: number) => {
      for (let range = ranges[next]; range; range = ranges[++next]) {
        const from = Math.floor(range.offset / this.#bytesPerRow);
        if (from >= before) return;
        merged.#add(from, Math.ceil((range.offset + range.length) / this.#bytesPerRow));
      }
    };
    for (let piece = 0; piece < this.#count; piece++) {
      flush(this.#start[piece] ?? 0);
      merged.#add(this.#start[piece] ?? 0, this.#end[piece] ?? 0);
    }
    flush(Number.POSITIVE_INFINITY);
    return merged;
  }

  #toRowMap(version: number): RowMap {
    const bytesPerRow = this.#bytesPerRow;
    const total = this.#totalRows;
    const [start, end, visible, count] = [this.#start, this.#end, this.#visible, this.#count];
    const shownTo = count > 0 ? (end[count - 1] ?? 0) : 0;
    const visibleTo = count > 0 ? this.#visibleEnd() : 0;
    const rowCount = visibleTo + (shownTo < total ? 1 : 0);
    const fold = (from: number, to: number): Row => ({
      kind: "fold",
      offset: from * bytesPerRow,
      length: (to - from) * bytesPerRow,
    });
    return {
      bytesPerRow,
      rowCount,
      version,
      row(index) {
        if (index >= visibleTo) return fold(shownTo, total);
        // The last piece that begins at or before the row.
        const piece = lastAtMost(visible, count, index);
        const from = piece < 0 ? 0 : (end[piece] ?? 0);
        if (piece < 0) return fold(0, start[0] ?? 0);
        const row = (start[piece] ?? 0) + index - (visible[piece] ?? 0);
        if (row < from) return { kind: "bytes", offset: row * bytesPerRow };
        return fold(from, start[piece + 1] ?? total);
      },
      rowOf(offset) {
        const row = Math.min(total - 1, Math.max(0, Math.floor(offset / bytesPerRow)));
        const piece = lastAtMost(start, count, row);
        if (piece < 0) return 0;
        const from = start[piece] ?? 0;
        const at = visible[piece] ?? 0;
        return at + Math.min(row, end[piece] ?? 0) - from;
      },
    };
  }
}

/** Index of the last of the first `count` ascending values that is at most `wanted`; -1 if none is. */
function lastAtMost(values: Float64Array, count: number, wanted: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((values[middle] ?? 0) <= wanted) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function doubled(values: Float64Array): Float64Array<ArrayBuffer> {
  const bigger = new Float64Array(values.length * 2);
  bigger.set(values);
  return bigger;
}
