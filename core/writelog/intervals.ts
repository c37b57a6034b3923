// Which entry of a log wrote a byte last, for any moment of the log. The disk is cut into blocks in several ways, each
// twice as coarse as the one before; a write is listed in the one or two blocks that it touches of those just as long as
// it or longer. Lists ascend by entry number: going down from a moment, the first entry to cover a byte is the answer, so
// that every moment costs the same and none has to be prepared.
//
// Memory: at most two listings for a write, however writes overlap, and some 25 bytes for both at most.
import { paint, type Run } from "./intervalsPaint.ts";
import type { LogIndex } from "./logIndex.ts";

/** Blocks of one length, those that entries are listed in. The arrays lie in memory that threads can share. */
export interface BlockLists {
  /** Of a block, bytes: a power of two. */
  readonly width: number;
  /** Numbers of the blocks, ascending: block n begins at byte n * width. */
  readonly blocks: Uint32Array;
  /** Where the list of each block begins in `entries`, and behind the last one where it ends. */
  readonly starts: Uint32Array;
  readonly entries: Uint32Array;
  /**
   * The bytes of the disk that the entries of each `groupLength` places in `entries` lie in: long lists are gone through
   * by groups. All of the disk where a group is not of one block.
   */
  readonly groupStarts: Float64Array;
  readonly groupEnds: Float64Array;
}

export const groupLength = 64;

/** Called with [start, end) and the entry that wrote it last, -1 where none did. Returns whether to go on. */
export type RunVisitor = (start: number, end: number, entry: number) => boolean;

/** Bytes that are looked at together, at first: reads are most often no longer. */
const firstStretch = 64 * 1024;
/** Blocks that are looked at together, at most; then a stretch is no longer than the shortest blocks. */
const mostBlocks = 256;

export class WriteIntervals {
  /** Entries it knows: moments after it can't be asked for. */
  readonly entries: number;
  /** From the shortest blocks to the longest, without those that have no entries. */
  readonly levels: readonly BlockLists[];
  readonly #index: LogIndex;

  constructor(index: LogIndex, entries: number, levels: readonly BlockLists[]) {
    this.#index = index;
    this.entries = entries;
    this.levels = levels;
  }

  /** Bytes of memory. */
  get memory(): number {
    const columns = this.levels.flatMap(({ width: _, ...arrays }) => Object.values(arrays));
    return columns.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** Visits [start, end), ascending and without gaps, as it is when the first `count` entries are applied. */
  runs(start: number, end: number, count: number, visit: RunVisitor): void {
    let length = firstStretch;
    let last: Run | undefined;
    for (let at = start; at < end; ) {
      const to = this.#stretchEnd(at, Math.min(end, at + length));
      for (const run of paint(this.#index, this.levels, at, to, count)) {
        if (last?.entry === run.entry) {
          last = { start: last.start, end: run.end, entry: run.entry };
          continue;
        }
        if (last !== undefined && !visit(last.start, last.end, last.entry)) return;
        last = run;
      }
      length = 2 * (to - at);
      at = to;
    }
    if (last !== undefined) visit(last.start, last.end, last.entry);
  }

  /** At most `end`, so that few blocks lie before it. */
  #stretchEnd(at: number, end: number): number {
    const shortest = this.levels[0]?.width ?? 1;
    let to = end;
    while (to - at > shortest && this.#hasManyBlocks(at, to)) {
      to = at + Math.max(shortest, Math.floor((to - at) / 2));
    }
    return to;
  }

  #hasManyBlocks(from: number, to: number): boolean {
    let sum = 0;
    for (const { width, blocks } of this.levels) {
      const first = firstFrom(blocks, Math.floor(from / width));
      sum += firstFrom(blocks, Math.floor((to - 1) / width) + 1) - first;
      if (sum > mostBlocks) return true;
    }
    return false;
  }
}

/** The position of the first number of at least `wanted` among ascending ones. */
export function firstFrom(
  numbers: Uint32Array,
  wanted: number,
  from = 0,
  end: number = numbers.length,
): number {
  let low = from;
  let high = end;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] as number) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
