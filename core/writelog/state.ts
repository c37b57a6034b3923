// The disk as it was at any moment of its log: bytes are read from the log where an entry wrote them and from the base
// image where none had (write-log reference, 5). A moment is the number of entries applied: 0 is the base itself, 1 the
// disk after entry 0, `index.count` the disk at the log's end. Nothing is replayed and nothing is written.

import { hex } from "../base/bytes.ts";
import { BlockError } from "../base/errors.ts";
import { chainExtentAt } from "../block/extents.ts";
import type { BlockNode, ExtentState } from "../block/node.ts";
import type { WriteIntervals } from "./intervals.ts";
import { entryFlags } from "./layout.ts";
import { has, type LogIndex } from "./logIndex.ts";

/** What a discarded range is: the log does not say. Both read as zeroes; unknown ranges are not said to be zero. */
export type DiscardMeaning = "zero" | "unknown";

export interface LogStatesOptions {
  /** The log, the node that the index was made from. */
  readonly log: BlockNode;
  readonly index: LogIndex;
  readonly intervals: WriteIntervals;
  /** The disk before the first entry; without it, all of it is unallocated and reads as zeroes. */
  readonly base?: BlockNode | undefined;
  readonly discards: DiscardMeaning;
}

/** A stretch of the disk: the entry it comes from, -1 for the base. */
interface Run {
  readonly start: number;
  readonly end: number;
  readonly entry: number;
}

export interface StateExtent {
  readonly length: number;
  readonly state: ExtentState;
}

/** Runs that one answer looks at last; together with those before at most twice as many. */
const mostRuns = 512;

export class LogStates {
  readonly index: LogIndex;
  readonly base: BlockNode | undefined;
  readonly discards: DiscardMeaning;
  readonly #log: BlockNode;
  readonly #intervals: WriteIntervals;

  constructor({ log, index, intervals, base, discards }: LogStatesOptions) {
    this.index = index;
    this.base = base;
    this.discards = discards;
    this.#log = log;
    this.#intervals = intervals;
  }

  /** Entries that can be applied. */
  get entries(): number {
    return this.#intervals.entries;
  }

  /** Throws EINVAL unless the log has that many entries. */
  checkCount(count: number): void {
    if (Number.isSafeInteger(count) && count >= 0 && count <= this.entries) return;
    throw new BlockError("EINVAL", `The log has ${this.entries} entries; ${count} of them can't be applied`, {
      option: "entry",
      hint: `Give a number of entries from 0, the disk before the first, to ${this.entries}.`,
    });
  }

  /** The bytes from `offset` on after the first `count` entries. Throws EINVAL, and what log and base throw. */
  async read(count: number, offset: number, target: Uint8Array): Promise<void> {
    this.checkCount(count);
    for (const { start, end, entry } of this.#runs(count, offset, offset + target.length, target.length)) {
      const part = target.subarray(start - offset, end - offset);
      if (entry < 0) await this.#readBase(start, part);
      else if (this.#isDiscard(entry)) part.fill(0);
      else await this.#log.read(this.#placeOf(entry, start), part);
    }
  }

  /** As a block node's `extentAt` after the first `count` entries, without places in the log. */
  async extentAt(count: number, offset: number, length: number): Promise<StateExtent> {
    this.checkCount(count);
    const stop = offset + length;
    let end = offset;
    let state: ExtentState | undefined;
    // Few at first: most often the second run is of another state already.
    for (let most = 2; end < stop && most <= mostRuns; most *= 2) {
      for (const run of this.#runs(count, end, stop, most)) {
        const found = await this.#runExtent(run);
        state ??= found.state;
        if (found.state !== state) return { length: end - offset, state };
        end = run.start + found.length;
        if (end < run.end) return { length: end - offset, state };
      }
    }
    return { length: end - offset, state: state ?? "unallocated" };
  }

  /** The entry that wrote the byte last among the first `count`; undefined where it is the base's. Throws EINVAL. */
  lastWriterOf(count: number, offset: number): number | undefined {
    this.checkCount(count);
    const [run] = this.#runs(count, offset, offset + 1, 1);
    return run === undefined || run.entry < 0 ? undefined : run.entry;
  }

  /** "written by entry 17, bytes at 0x5200 of the log". */
  describeAt(count: number, offset: number): string {
    const entry = this.lastWriterOf(count, offset);
    if (entry === undefined) {
      return this.base ? "not written: the base's" : "not written, and there is no base";
    }
    if (this.#isDiscard(entry)) return `discarded by entry ${entry}: ${discardWords[this.discards]}`;
    const flags = this.index.flagsOf(entry);
    const fua = has(flags, entryFlags.fua) ? " (FUA)" : "";
    return `written by entry ${entry}${fua}, byte ${hex(this.#placeOf(entry, offset))} of the log`;
  }

  #runs(count: number, start: number, end: number, most: number): Run[] {
    const runs: Run[] = [];
    this.#intervals.runs(start, end, count, (start, end, entry) => {
      runs.push({ start, end, entry });
      return runs.length < most;
    });
    return runs;
  }

  async #runExtent({ start, end, entry }: Run): Promise<StateExtent> {
    const length = end - start;
    if (entry < 0) return { length, state: "unallocated" };
    if (this.#isDiscard(entry)) return { length, state: this.#discardState };
    // Zeroes that were written are holes of the log, where its writer and its file system have them.
    const extent = await chainExtentAt(this.#log, this.#placeOf(entry, start), length);
    return { length: extent.length, state: extent.state === "data" ? "data" : "zero" };
  }

  /** Over a base, unallocated would mean its bytes. */
  get #discardState(): ExtentState {
    return this.discards === "unknown" && this.base === undefined ? "unallocated" : "zero";
  }

  async #readBase(offset: number, target: Uint8Array): Promise<void> {
    const there = Math.min(target.length, Math.max(0, (this.base?.size ?? 0) - offset));
    if (there > 0) await this.base?.read(offset, target.subarray(0, there));
    target.fill(0, there);
  }

  #isDiscard(entry: number): boolean {
    return has(this.index.flagsOf(entry), entryFlags.discard);
  }

  #placeOf(entry: number, offset: number): number {
    return this.index.payloadOf(entry) + (offset - this.index.offsetOf(entry));
  }
}

const discardWords: Readonly<Record<DiscardMeaning, string>> = {
  zero: "zeroes",
  unknown: "contents unknown, read as zeroes",
};
