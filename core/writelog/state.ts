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
import { type LostWrites, nothingLost } from "./lost.ts";
import { canRecover } from "./recover.ts";

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
  /** Bytes of the log that are no holes: to take one that has become a hole for data is only slower. */
  #knownData = { start: 0, end: 0 };

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

  /** Entries that were not looked for. */
  get #moreBehind(): string {
    const { end, recovered } = this.index;
    const isTried = recovered.length > 0 || !canRecover(end.kind);
    return isTried ? "" : " Behind the damage there may be more: recover=on, --recover.";
  }

  /** Throws EINVAL unless the log has that many entries. */
  checkCount(count: number): void {
    if (Number.isSafeInteger(count) && count >= 0 && count <= this.entries) return;
    throw new BlockError("EINVAL", `The log has ${this.entries} entries; ${count} of them can't be applied`, {
      option: "entry",
      hint: `Give a number of entries from 0, the disk before the first, to ${this.entries}.${this.#moreBehind}`,
    });
  }

  /**
   * The bytes from `offset` on after the first `count` entries, without those that were `lost`, here and below. Throws
   * EINVAL, and what log and base throw.
   */
  async read(count: number, offset: number, target: Uint8Array, lost = nothingLost): Promise<void> {
    this.checkCount(count);
    const runs = this.#runs(count, offset, offset + target.length, target.length, lost);
    for (const { start, end, entry } of runs) {
      const part = target.subarray(start - offset, end - offset);
      if (entry < 0) await this.#readBase(start, part);
      else if (this.#isDiscard(entry)) part.fill(0);
      else await this.#log.read(this.#placeOf(entry, start), part);
    }
  }

  /** As a block node's `extentAt` after the first `count` entries, without places in the log. */
  async extentAt(count: number, offset: number, length: number, lost = nothingLost): Promise<StateExtent> {
    this.checkCount(count);
    const stop = offset + length;
    let end = offset;
    let state: ExtentState | undefined;
    // Few at first: most often the second run is of another state already.
    for (let most = 2; end < stop && most <= mostRuns; most *= 2) {
      for (const run of this.#runs(count, end, stop, most, lost)) {
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
  lastWriterOf(count: number, offset: number, lost = nothingLost): number | undefined {
    this.checkCount(count);
    const [run] = this.#runs(count, offset, offset + 1, 1, lost);
    return run === undefined || run.entry < 0 ? undefined : run.entry;
  }

  /** "written by entry 17, bytes at 0x5200 of the log". */
  describeAt(count: number, offset: number, lost = nothingLost): string {
    const entry = this.lastWriterOf(count, offset, lost);
    if (entry === undefined) {
      return this.base ? "not written: the base's" : "not written, and there is no base";
    }
    if (this.#isDiscard(entry)) return `discarded by entry ${entry}: ${discardWords[this.discards]}`;
    const flags = this.index.flagsOf(entry);
    const fua = has(flags, entryFlags.fua) ? " (FUA)" : "";
    return `written by entry ${entry}${fua}, byte ${hex(this.#placeOf(entry, offset))} of the log`;
  }

  #runs(count: number, start: number, end: number, most: number, lost: LostWrites): Run[] {
    const runs: Run[] = [];
    this.#visitRuns(count, start, end, lost, (run) => {
      runs.push(run);
      return runs.length < most;
    });
    return runs;
  }

  /** Where an entry was lost, the newest one before it counts; that may be lost as well, thousands of times. */
  #visitRuns(
    count: number,
    start: number,
    end: number,
    lost: LostWrites,
    visit: (run: Run) => boolean,
  ): void {
    // What is still to be looked at, the lowest last: runs of the disk after so many entries.
    const pending = [{ start, end, count }];
    for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
      const { end, count } = part;
      let goesOn = true;
      this.#intervals.runs(part.start, end, count, (start, stop, entry) => {
        const [from, to] = this.#lostPart({ start, end: stop, entry }, lost);
        if (start < from) goesOn = visit({ start, end: from, entry });
        if (!goesOn || from === stop) return goesOn;
        if (stop < end) pending.push({ start: stop, end, count });
        // Behind the sectors that were lost the entry is there: it is found again, and it is not looked at as lost.
        if (to < stop) pending.push({ start: to, end: stop, count: entry + 1 });
        pending.push({ start: from, end: to, count: entry });
        return false;
      });
      if (!goesOn) return;
    }
  }

  /** The bytes of the run that its entry did not write because it was lost; [end, end) without any. */
  #lostPart({ start, end, entry }: Run, lost: LostWrites): [from: number, to: number] {
    if (!lost.has(entry)) return [end, end];
    const sectors = lost.get(entry);
    if (sectors === undefined) return [start, end];
    const { sectorSize } = this.index;
    const first = this.index.offsetOf(entry);
    const from = Math.max(start, first + sectors.first * sectorSize);
    const to = Math.min(end, first + sectors.end * sectorSize);
    return from < to ? [from, to] : [end, end];
  }

  async #runExtent({ start, end, entry }: Run): Promise<StateExtent> {
    const length = end - start;
    if (entry < 0) return { length, state: "unallocated" };
    if (this.#isDiscard(entry)) return { length, state: this.#discardState };
    return this.#logExtent(this.#placeOf(entry, start), length);
  }

  /** Zeroes that were written are holes of the log, where its writer and its file system have them. */
  async #logExtent(place: number, length: number): Promise<StateExtent> {
    const known = this.#knownData;
    if (place >= known.start && place + length <= known.end) return { length, state: "data" };
    // As far as it goes: neighbours on the disk lie anywhere in the log, and some file systems look for a hole page by page.
    const found = await chainExtentAt(this.#log, place, Math.max(length, this.#log.size - place));
    if (found.state === "data") {
      const end = place + found.length;
      const isApart = end < known.start || place > known.end;
      this.#knownData = isApart
        ? { start: place, end }
        : { start: Math.min(place, known.start), end: Math.max(end, known.end) };
    }
    return { length: Math.min(length, found.length), state: found.state === "data" ? "data" : "zero" };
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
