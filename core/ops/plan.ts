// What a comparison has to read: walks the extents of both images in step and cuts the rest into work items.
// Ranges that are zero on both sides cost one step, however long they are. The cuts depend on the images alone,
// never on time, so that a scan by two threads finds exactly what a scan by one finds.

import type { Pace } from "../base/pace.ts";
import { FilePieces } from "./filePieces.ts";
import type { Unreadable } from "./mismatch.ts";
import type { Piece, Side } from "./side.ts";

/** A range to compare, multiples of 512 bytes. A side that is not read is known to be zero. */
export interface WorkRange {
  readonly offset: number;
  readonly length: number;
  readonly readA: boolean;
  readonly readB: boolean;
  /** Strict mode: the two images store this range differently, whatever its bytes. */
  readonly storedDifferently: boolean;
}

/** A contiguous part of the guest address space; what no range covers is zero on both sides. Plain data: it is sent to threads. */
export interface WorkItem {
  readonly start: number;
  readonly end: number;
  readonly ranges: readonly WorkRange[];
  /** Ranges whose allocation could not be told. */
  readonly failures: readonly Unreadable[];
  /** Where all that the ranges are read from lies in files (filePieces.ts); undefined where some of it does not. */
  readonly inFiles?: Float64Array | undefined;
}

/** Guest bytes to read in one item: some milliseconds of work. */
const itemBytes = 32 * 1024 * 1024;
/** Steps and ranges in one item: bounds its size as a message, and the time until progress is seen. */
const itemSteps = 4096;

export class Planner {
  readonly #a: Side;
  readonly #b: Side;
  readonly #end: number;
  readonly #strict: boolean;
  readonly #itemBytes: number;
  #position: number;

  /** Plans [from, end), both multiples of 512, as `bytes` is. */
  constructor(a: Side, b: Side, from: number, end: number, strict: boolean, bytes = itemBytes) {
    this.#a = a;
    this.#b = b;
    this.#position = from;
    this.#end = end;
    this.#strict = strict;
    this.#itemBytes = bytes;
  }

  /** The next item in ascending order; undefined at the end, and when the pace was stopped. */
  async next(pace: Pace): Promise<WorkItem | undefined> {
    const start = this.#position;
    const ranges: WorkRange[] = [];
    const failures: Unreadable[] = [];
    const pieces = new FilePieces();
    let budget = this.#itemBytes;
    for (let step = 0; step < itemSteps && budget > 0 && this.#position < this.#end; step++) {
      if (pace.due) await pace.turn();
      if (pace.stopped) return undefined;
      const offset = this.#position;
      const a = await this.#a.pieceAt(offset, this.#end);
      const b = await this.#b.pieceAt(offset, this.#end);
      const shared = Math.min(a.end, b.end) - offset;
      if (a.failed !== undefined || b.failed !== undefined) {
        failures.push(failure(offset, shared, a, b));
        pieces.spoil();
        this.#position += shared;
        continue;
      }
      const storedDifferently = this.#strict && a.storage !== b.storage;
      const zero = a.zero && b.zero;
      const length = zero ? shared : Math.min(shared, budget);
      if (!zero || storedDifferently) {
        addRange(ranges, { offset, length, readA: !a.zero, readB: !b.zero, storedDifferently });
      }
      if (storedDifferently) pieces.spoil();
      if (!zero) {
        pieces.add(this.#a.placeOf(a, offset), this.#b.placeOf(b, offset), length);
        budget -= length;
      }
      this.#position += length;
    }
    const end = this.#position;
    return end > start ? { start, end, ranges, failures, inFiles: pieces.take() } : undefined;
  }
}

export function bytesToRead(item: WorkItem): number {
  return item.ranges.reduce(
    (sum, { length, readA, readB }) => sum + (readA ? length : 0) + (readB ? length : 0),
    0,
  );
}

function failure(offset: number, length: number, a: Piece, b: Piece): Unreadable {
  const side = a.failed === undefined ? "b" : b.failed === undefined ? "a" : "both";
  return { offset, length, side, message: a.failed ?? b.failed ?? "" };
}

/** Adds a range, joined to the one before where they touch and need the same treatment. */
function addRange(ranges: WorkRange[], range: WorkRange): void {
  const last = ranges.at(-1);
  if (
    last !== undefined &&
    last.offset + last.length === range.offset &&
    last.readA === range.readA &&
    last.readB === range.readB &&
    last.storedDifferently === range.storedDifferently
  ) {
    ranges[ranges.length - 1] = { ...last, length: last.length + range.length };
  } else {
    ranges.push(range);
  }
}
