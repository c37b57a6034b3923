// Who wrote this? The entries of a log that touched a range of the disk, newest first, what each of them changed there,
// and which flush made it durable.
import { BlockError } from "../base/errors.ts";
import { Pace } from "../base/pace.ts";
import type { ByteRange } from "../block/finding.ts";
import { entryFlags } from "./layout.ts";
import { coversBytes, has, type LogIndex } from "./logIndex.ts";
import type { LogStates } from "./state.ts";

export interface HistoryEntry {
  readonly entry: number;
  readonly kind: "write" | "discard";
  /** As in the log: `entryFlags`. */
  readonly flags: number;
  /** Bytes of the disk that the entry covers, and those of them that were asked for. */
  readonly range: ByteRange;
  readonly touched: ByteRange;
  /** The entry with which it became durable, see `durableWith`; undefined where none did. */
  readonly durableWith: number | undefined;
}

export interface HistoryPage {
  /** Newest first. */
  readonly entries: readonly HistoryEntry[];
  /** `before` of the next page; undefined when there are no older ones. */
  readonly next: number | undefined;
}

export interface HistoryOptions {
  /** Only entries older than this one. Default: all of the index. */
  readonly before?: number;
  /** Entries on a page, 1 at least. Default 100. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

const defaultLimit = 100;
/** Entries between two looks at the clock; they lie side by side in the index, whose rows come in larger powers of two. */
const sliceLength = 4096;
/** Longest range whose bytes are compared, bytes. */
const longestChange = 16 * 1024 * 1024;

/**
 * A page of the entries that wrote or discarded bytes of the range, newest first. A log of millions of entries is gone
 * through in less than a tenth of a second. Throws EINVAL for a range that can't be, ECANCELED.
 */
export async function historyOf(
  index: LogIndex,
  offset: number,
  length: number,
  { before = index.count, limit = defaultLimit, signal = new AbortController().signal }: HistoryOptions = {},
): Promise<HistoryPage> {
  checkRange(offset, length);
  const pace = new Pace(signal);
  const end = offset + length;
  const entries: HistoryEntry[] = [];
  for (let slice = Math.min(before, index.count); slice > 0; ) {
    const first = Math.floor((slice - 1) / sliceLength) * sliceLength;
    const touchBefore = (entry: number) => lastTouch(index, first, entry - 1, offset, end);
    for (let entry = touchBefore(slice); entry >= first; entry = touchBefore(entry)) {
      if (entries.length >= Math.max(1, limit)) return { entries, next: entry + 1 };
      entries.push(describeTouch(index, entry, offset, end));
    }
    slice = first;
    if (pace.due) await pace.turn();
    if (pace.stopped) throw new BlockError("ECANCELED", "The search was canceled");
  }
  return { entries, next: undefined };
}

/** The last of the entries [first, last], which lie in one slice, to touch [offset, end); -1 for none. */
function lastTouch(index: LogIndex, first: number, last: number, offset: number, end: number): number {
  const columns = index.columnsAt(first);
  for (let row = columns.row + last - first; row >= columns.row; row--) {
    const start = columns.offset[row] as number;
    const length = columns.length[row] as number;
    if (start < end && start + length > offset && coversBytes(columns.flags[row] as number, length)) {
      return first + row - columns.row;
    }
  }
  return -1;
}

function describeTouch(index: LogIndex, entry: number, offset: number, end: number): HistoryEntry {
  const start = index.offsetOf(entry);
  const length = index.lengthOf(entry);
  const flags = index.flagsOf(entry);
  const from = Math.max(start, offset);
  return {
    entry,
    kind: has(flags, entryFlags.discard) ? "discard" : "write",
    flags,
    range: { offset: start, length },
    touched: { offset: from, length: Math.min(start + length, end) - from },
    durableWith: durableWith(index, entry),
  };
}

/**
 * The number of the entry with which what this one wrote became durable: its own for FUA, else that of the next with the
 * flag FLUSH. A flush comes before the data of its own entry, so that an entry never flushes itself. undefined: none did.
 */
export function durableWith(index: LogIndex, entry: number): number | undefined {
  return has(index.flagsOf(entry), entryFlags.fua) ? entry : index.flushes.atOrAfter(entry + 1);
}

/** Whether what the entry wrote is durable when the first `count` entries are complete, and surely survives a crash then. */
export function isDurableAt(index: LogIndex, entry: number, count: number): boolean {
  const durable = durableWith(index, entry);
  return durable !== undefined && durable < count;
}

export interface Change {
  /** The range's bytes when all entries before this one are applied, and when it is, too. */
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  /** Whether they differ: entries often write what is there already. */
  readonly changed: boolean;
}

/** What the entry changed in a range of at most 16 MiB. Throws EINVAL, EFBIG, and what reading the state throws. */
export async function changeBy(
  states: LogStates,
  entry: number,
  offset: number,
  length: number,
): Promise<Change> {
  checkRange(offset, length);
  if (length > longestChange) {
    const message = `${length} bytes are more than can be shown at once, ${longestChange}`;
    throw new BlockError("EFBIG", message, { offset, length });
  }
  const before = new Uint8Array(length);
  const after = new Uint8Array(length);
  await states.read(entry, offset, before);
  await states.read(entry + 1, offset, after);
  return { before, after, changed: Buffer.compare(before, after) !== 0 };
}

function checkRange(offset: number, length: number): void {
  const whole = Number.isSafeInteger(offset) && Number.isSafeInteger(offset + length);
  if (whole && offset >= 0 && length > 0) return;
  throw new BlockError("EINVAL", `${length} bytes at offset ${offset} are no range of a disk`, {
    offset,
    length,
  });
}
