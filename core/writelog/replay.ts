// Applies entries of a log to a disk, in order (write-log reference, 5): data are written, discards become zeroes, marks
// and flushes change nothing. Data are read in large pieces, never as a whole.
//
// `verifyReplay` then holds the disk against the log by another way: not entry by entry, but by who wrote each byte last.
import { asBlockError, BlockError } from "../base/errors.ts";
import { Pace } from "../base/pace.ts";
import { isZero } from "../base/zero.ts";
import { chainExtentAt } from "../block/extents.ts";
import type { BlockNode } from "../block/node.ts";
import type { WriteIntervals } from "./intervals.ts";
import { buildIntervals } from "./intervalsBuild.ts";
import { entryFlags } from "./layout.ts";
import { has, LogIndex } from "./logIndex.ts";
import { PayloadWindow } from "./payloadWindow.ts";
import { type DataAt, type PutBytes, ReplayBatch } from "./replayBatch.ts";
import { LogStates } from "./state.ts";

export interface ReplayFilter {
  /** Bytes [start, end) of the disk that may change: entries that reach beyond are cut. Default: all. */
  readonly start: number;
  readonly end: number;
  /** Discards are applied: the range reads as zeroes then. */
  readonly discards: boolean;
}

export interface ReplayTotals {
  readonly entries: number;
  readonly writes: number;
  readonly writtenBytes: number;
  readonly discards: number;
  readonly discardedBytes: number;
  /** End of the furthest change, bytes: the least size of the disk. */
  readonly diskEnd: number;
}

/** What one entry changes, after the filter. */
interface Part {
  readonly offset: number;
  readonly length: number;
  readonly isDiscard: boolean;
  /** Byte of the log at which the data are. */
  readonly payload: number;
}

export interface ReplayJob {
  readonly signal: AbortSignal;
  /** Entries. */
  progress?(done: number, total: number): void;
}

/** Longer data are copied by pieces, and looked at for holes of the log's file. */
const longData = 1024 * 1024;
const pieceLength = 256 * 1024;
/** Data up to this length wait for those next to them. */
const longestGathered = 64 * 1024;
/** Shorter zeroes make no hole in any file system. */
const shortestHole = 4096;
/** Zeroes are written in requests of at most this much, so that a cancel is heard in between. */
const longestZero = 1024 * 1024 * 1024;
/** Entries that are only gathered are quicker than a look at the clock. */
const entriesPerClock = 64;

/** Undefined: it changes nothing. */
function partOf(index: LogIndex, entry: number, filter: ReplayFilter): Part | undefined {
  const kind = index.kindOf(entry);
  if (kind !== "write" && (kind !== "discard" || !filter.discards)) return undefined;
  const first = index.offsetOf(entry);
  const offset = Math.max(filter.start, first);
  const length = Math.min(filter.end, first + index.lengthOf(entry)) - offset;
  if (length <= 0) return undefined;
  return { offset, length, isDiscard: kind === "discard", payload: index.payloadOf(entry) + offset - first };
}

/** What replaying the entries [first, end) will do. */
export function totalsOf(index: LogIndex, first: number, end: number, filter: ReplayFilter): ReplayTotals {
  const totals = { writes: 0, writtenBytes: 0, discards: 0, discardedBytes: 0, diskEnd: 0 };
  for (let entry = first; entry < end; entry++) {
    const part = partOf(index, entry, filter);
    if (part === undefined) continue;
    totals.diskEnd = Math.max(totals.diskEnd, part.offset + part.length);
    if (part.isDiscard) {
      totals.discards++;
      totals.discardedBytes += part.length;
    } else {
      totals.writes++;
      totals.writtenBytes += part.length;
    }
  }
  return { entries: end - first, ...totals };
}

/**
 * Applies the entries [first, end) to `target`, which is large enough or grows. Small writes that touch on the disk are
 * written together. Throws ECANCELED, and what reading and writing throw, with the entry's number: those before it are
 * applied then, and some of those behind it may be.
 */
export async function replayEntries(
  index: LogIndex,
  log: BlockNode,
  target: BlockNode,
  [first, end]: readonly [number, number],
  filter: ReplayFilter,
  job: ReplayJob,
): Promise<void> {
  if (first >= end) return job.progress?.(0, 0);
  const window = new PayloadWindow(log, index.payloadOf(end - 1) + index.payloadLength(end - 1));
  await new Replay(index, log, window, target, filter, job).run(first, end);
}

class Replay {
  readonly #index: LogIndex;
  readonly #log: BlockNode;
  readonly #window: PayloadWindow;
  readonly #target: BlockNode;
  readonly #filter: ReplayFilter;
  readonly #job: ReplayJob;
  readonly #pace: Pace;
  /** Its data are in the window. */
  readonly #batch = new ReplayBatch();
  readonly #dataAt: DataAt;
  readonly #put: PutBytes;

  constructor(
    index: LogIndex,
    log: BlockNode,
    window: PayloadWindow,
    target: BlockNode,
    filter: ReplayFilter,
    job: ReplayJob,
  ) {
    this.#index = index;
    this.#log = log;
    this.#window = window;
    this.#target = target;
    this.#filter = filter;
    this.#job = job;
    this.#pace = new Pace(job.signal);
    this.#dataAt = (payload, length) => window.view(payload, length);
    this.#put = (offset, bytes) =>
      isHole(bytes)
        ? target.writeZeroes(offset, bytes.length, { mayUnmap: true })
        : target.write(offset, bytes);
  }

  async run(first: number, end: number): Promise<void> {
    for (let entry = first; entry < end; entry++) {
      const part = partOf(this.#index, entry, this.#filter);
      const isDone = part === undefined || this.#gather(entry, part);
      if (!isDone) await this.#apply(entry, part);
      if ((!isDone || entry % entriesPerClock === 0) && this.#pace.due) {
        await this.#turn(entry - first, end - first, entry);
      }
    }
    await this.#writeOut();
    this.#job.progress?.(end - first, end - first);
  }

  async #turn(done: number, total: number, entry: number): Promise<void> {
    this.#job.progress?.(done, total);
    await this.#pace.turn();
    if (!this.#pace.stopped) return;
    await this.#writeOut();
    throw new BlockError("ECANCELED", `The replay was stopped after entry ${entry}`);
  }

  /** False: the part is not for the batch, or its data are not in memory yet. */
  #gather(entry: number, { offset, length, payload, isDiscard }: Part): boolean {
    if (isDiscard || length > longestGathered || this.#batch.isFull) return false;
    if (!this.#window.has(payload, length) || isHole(this.#window.view(payload, length))) return false;
    this.#batch.add(entry, offset, payload, length);
    return true;
  }

  /** Throws with the entry's number, or with that of one that was gathered before. */
  async #apply(entry: number, part: Part): Promise<void> {
    const { offset, length, isDiscard, payload } = part;
    const isHere = !isDiscard && length <= longestGathered && this.#window.has(payload, length);
    // Of the batch what it covers has to be on the disk before, and all of it before the window moves on.
    if (this.#batch.isFull || !(isDiscard || isHere) || this.#batch.mayTouch(offset, length)) {
      await this.#writeOut();
    }
    try {
      if (isDiscard) return await this.#zero(offset, length);
      if (length > longestGathered) return await this.#copy(part);
      if (!isHere) await this.#window.load(payload, length);
      if (!this.#gather(entry, part)) await this.#put(offset, this.#window.view(payload, length));
    } catch (thrown) {
      // What was gathered before it is to be on the disk; where that fails too, its entry is the first that did.
      await this.#writeOut();
      throw failedAt(entry, thrown);
    }
  }

  async #writeOut(): Promise<void> {
    if (this.#batch.isEmpty) return;
    try {
      await this.#batch.putJoined(this.#dataAt, this.#put);
    } catch {
      // Which entry it is about is found by writing them as they are; they are in the order of the log again then.
      await this.#batch.putSingly(this.#dataAt, this.#put, failedAt);
    }
    this.#batch.clear();
  }

  async #copy({ offset, length, payload }: Part): Promise<void> {
    for (let at = 0; at < length; ) {
      // A long one may be zeroes that the log has as a hole.
      const rest = length - at;
      const hole = rest > longData ? await this.#holeAt(payload + at, rest) : 0;
      if (hole > 0) await this.#zero(offset + at, hole);
      const piece = hole > 0 ? undefined : await this.#read(payload + at, Math.min(pieceLength, rest));
      if (piece !== undefined) await this.#put(offset + at, piece);
      at += hole + (piece?.length ?? 0);
      if (at < length && this.#pace.due) await this.#pace.turn();
      if (this.#pace.stopped) throw new BlockError("ECANCELED", "The replay was stopped");
    }
  }

  async #holeAt(at: number, length: number): Promise<number> {
    const extent = await chainExtentAt(this.#log, at, length);
    return extent.state === "data" ? 0 : extent.length;
  }

  async #zero(offset: number, length: number): Promise<void> {
    for (let at = 0; at < length; at += longestZero) {
      await this.#target.writeZeroes(offset + at, Math.min(longestZero, length - at), { mayUnmap: true });
      if (this.#pace.due) await this.#pace.turn();
      if (this.#pace.stopped) throw new BlockError("ECANCELED", "The replay was stopped");
    }
  }

  /** Bytes of the log. The batch is empty: what it was about goes out of the window. */
  async #read(at: number, length: number): Promise<Uint8Array> {
    if (!this.#window.has(at, length)) await this.#window.load(at, length);
    return this.#window.view(at, length);
  }
}

function isHole(bytes: Uint8Array): boolean {
  return bytes.length >= shortestHole && isZero(bytes);
}

function failedAt(entry: number, thrown: unknown): BlockError {
  const error = asBlockError(thrown);
  return new BlockError(error.code, `Entry ${entry} could not be applied: ${error.message}`, error.context, {
    cause: thrown,
  });
}

export interface ReplayMismatch {
  readonly offset: number;
  /** The entry whose bytes should be there. */
  readonly entry: number;
}

/** The first byte of the target that is not as the entries [first, end) left it; undefined when all are. */
export async function verifyReplay(
  index: LogIndex,
  log: BlockNode,
  target: BlockNode,
  [first, end]: readonly [number, number],
  filter: ReplayFilter,
  job: ReplayJob,
): Promise<ReplayMismatch | undefined> {
  const [applied, numbers] = appliedIndex(index, first, end, filter);
  const intervals = await buildIntervals(applied, { signal: job.signal });
  const states = new LogStates({ log, index: applied, intervals, base: undefined, discards: "zero" });
  const pace = new Pace(job.signal, () => undefined);
  const [expected, found] = [new Uint8Array(pieceLength), new Uint8Array(pieceLength)];
  for (let at = 0; at < applied.diskEnd; ) {
    const { length, isWritten } = writtenRun(intervals, applied.count, at, applied.diskEnd);
    const piece = isWritten ? Math.min(pieceLength, length) : length;
    if (isWritten) {
      const [a, b] = [expected.subarray(0, piece), found.subarray(0, piece)];
      await states.read(applied.count, at, a);
      await target.read(at, b);
      if (Buffer.compare(a, b) !== 0) {
        const wrong = at + a.findIndex((byte, i) => byte !== b[i]);
        const row = states.lastWriterOf(applied.count, wrong) ?? 0;
        return { offset: wrong, entry: numbers[row] ?? 0 };
      }
    }
    at += piece;
    if (!pace.due) continue;
    job.progress?.(at, applied.diskEnd);
    await pace.turn();
    if (pace.stopped) throw new BlockError("ECANCELED", "The verification was stopped");
  }
  return undefined;
}

/** Whether the byte was written, and for how long that stays so. */
function writtenRun(
  intervals: WriteIntervals,
  count: number,
  at: number,
  end: number,
): { length: number; isWritten: boolean } {
  let stop = at;
  let isWritten: boolean | undefined;
  intervals.runs(at, Math.min(end, at + longestZero), count, (_, to, entry) => {
    isWritten ??= entry >= 0;
    if (isWritten !== entry >= 0) return false;
    stop = to;
    return stop - at < pieceLength || !isWritten;
  });
  return { length: stop - at, isWritten: isWritten ?? false };
}

/** An index of what was applied, cut as it was, and the number in the log of each of its entries. */
function appliedIndex(
  index: LogIndex,
  first: number,
  end: number,
  filter: ReplayFilter,
): [LogIndex, Uint32Array] {
  const applied = new LogIndex(index.superblock, index.sectorSize, index.end);
  const numbers = new Uint32Array(end - first);
  for (let entry = first; entry < end; entry++) {
    const part = partOf(index, entry, filter);
    if (part === undefined) continue;
    numbers[applied.count] = entry;
    const flags = has(index.flagsOf(entry), entryFlags.discard) ? entryFlags.discard : 0;
    // Where its header would be if the data were not cut.
    applied.push(part.offset, part.length, flags, part.payload - index.sectorSize, 0);
  }
  return [applied, numbers];
}
