// Lists the entries of a log by the blocks of the disk that they touch (intervals.ts): counted by length of block, listed
// in the order of the log, then sorted by block with a sort that keeps entries in that order. Some 200 ms for a million.
import { BlockError } from "../base/errors.ts";
import { Pace } from "../base/pace.ts";
import { type BlockLists, groupLength, WriteIntervals } from "./intervals.ts";
import { coversBytes, type LogIndex } from "./logIndex.ts";

export interface IntervalJob {
  readonly signal?: AbortSignal;
  /** Rows of all passes: about so many, fewer where they are in order already. */
  progress?(done: number, total: number): void;
}

/** The shortest blocks, bytes: a sector. Longer on disks so large that not every sector has a number of 32 bits. */
const shortestBlock = 512;
const mostNumbers = 2 ** 32;
/** Entries, or listings, between two looks at the clock. */
const sliceLength = 64 * 1024;
/** Bits of a block's number by which it is sorted in one pass. */
const digitBits = 11;
const digits = 2 ** digitBits;
/** Rows gone through for each entry, at most: two passes, and for its two listings three sorts and their result. */
const mostSteps = 18;

/** Called after each slice with the rows that were done in it. Throws to stop. */
type Turn = (rows: number) => Promise<void>;

/** Listings of blocks of one length, while they are made. */
interface Listings {
  readonly width: number;
  length: number;
  /** The least and the greatest number of a block. */
  least: number;
  most: number;
  isSorted: boolean;
  /** A row for each listing. */
  blocks: Uint32Array;
  entries: Uint32Array;
}

/** Throws ECANCELED. */
export async function buildIntervals(
  index: LogIndex,
  job: IntervalJob = {},
  entries = index.count,
): Promise<WriteIntervals> {
  const pace = new Pace(job.signal ?? new AbortController().signal);
  const total = mostSteps * entries;
  let done = 0;
  const turn: Turn = async (rows) => {
    done += rows;
    if (pace.due) {
      job.progress?.(Math.min(done, total), total);
      await pace.turn();
    }
    if (pace.stopped) throw new BlockError("ECANCELED", "Reading the log was canceled");
  };
  await turn(0);
  const all = listingsFor(index);
  await inSlices(entries, turn, (from, to) => countSlice(index, all, from, to));
  for (const listings of all) reserve(listings);
  await inSlices(entries, turn, (from, to) => listSlice(index, all, from, to));
  const levels: BlockLists[] = [];
  for (const listings of all) {
    if (listings.length === 0) continue;
    await sortByBlock(listings, turn);
    levels.push(await gathered(index, listings, turn));
    // Not needed any more: memory for the next.
    listings.blocks = listings.entries = new Uint32Array(0);
  }
  return new WriteIntervals(index, entries, levels);
}

/** Each twice as wide as the one before, up to the length of the disk. */
function listingsFor({ diskEnd }: LogIndex): Listings[] {
  let width = shortestBlock;
  while (diskEnd / width >= mostNumbers) width *= 2;
  const all: Listings[] = [];
  for (; ; width *= 2) {
    const none = new Uint32Array(0);
    all.push({
      width,
      length: 0,
      least: mostNumbers,
      most: 0,
      isSorted: true,
      blocks: none,
      entries: none,
    });
    if (width >= diskEnd) return all;
  }
}

/** Which blocks are as long as the entry or longer, of those which one or two are enough for it. */
function levelOf(length: number, shortest: number): number {
  const beyond = Math.ceil(length / shortest) - 1;
  const high = Math.floor(beyond / mostNumbers);
  return high > 0 ? 64 - Math.clz32(high) : 32 - Math.clz32(beyond);
}

// The two loops over the entries are alike; one with a function for the difference takes twice as long.

function countSlice(index: LogIndex, all: readonly Listings[], from: number, to: number): void {
  const shortest = all[0]?.width ?? shortestBlock;
  for (let entry = from; entry < to; ) {
    const columns = index.columnsAt(entry);
    const end = Math.min(columns.end, columns.row + to - entry);
    for (let row = columns.row; row < end; row++) {
      const length = columns.length[row] as number;
      if (!coversBytes(columns.flags[row] as number, length)) continue;
      const listings = all[levelOf(length, shortest)] as Listings;
      const offset = columns.offset[row] as number;
      const first = Math.floor(offset / listings.width);
      const last = Math.floor((offset + length - 1) / listings.width);
      listings.length += first === last ? 1 : 2;
      if (first < listings.least) listings.least = first;
      if (last > listings.most) listings.most = last;
    }
    entry += end - columns.row;
  }
}

function reserve(listings: Listings): void {
  listings.blocks = new Uint32Array(listings.length);
  listings.entries = new Uint32Array(listings.length);
  listings.length = 0;
}

function listSlice(index: LogIndex, all: readonly Listings[], from: number, to: number): void {
  const shortest = all[0]?.width ?? shortestBlock;
  for (let entry = from; entry < to; ) {
    const columns = index.columnsAt(entry);
    const end = Math.min(columns.end, columns.row + to - entry);
    for (let row = columns.row; row < end; row++) {
      const length = columns.length[row] as number;
      if (!coversBytes(columns.flags[row] as number, length)) continue;
      const listings = all[levelOf(length, shortest)] as Listings;
      const offset = columns.offset[row] as number;
      const first = Math.floor(offset / listings.width);
      const last = Math.floor((offset + length - 1) / listings.width);
      const number = entry + row - columns.row;
      list(listings, first, number);
      if (first !== last) list(listings, last, number);
    }
    entry += end - columns.row;
  }
}

function list(listings: Listings, block: number, entry: number): void {
  const at = listings.length++;
  if (at > 0 && block < (listings.blocks[at - 1] as number)) listings.isSorted = false;
  listings.blocks[at] = block;
  listings.entries[at] = entry;
}

/** By digits from the lowest on; each pass keeps the order of what is equal in its digit, and so that of the entries. */
async function sortByBlock(listings: Listings, turn: Turn): Promise<void> {
  if (listings.isSorted) return;
  const { length, least, most } = listings;
  let blocks: Uint32Array = new Uint32Array(length);
  let entries: Uint32Array = new Uint32Array(length);
  for (let shift = 0; 2 ** shift <= most - least; shift += digitBits) {
    const places = new Uint32Array(digits + 1);
    await inSlices(length, turn, (from, to) => countDigits(listings, from, to, places, shift));
    for (let digit = 1; digit <= digits; digit++) {
      places[digit] = (places[digit] as number) + (places[digit - 1] as number);
    }
    const target = { blocks, entries };
    await inSlices(length, turn, (from, to) => move(listings, target, from, to, places, shift));
    [listings.blocks, blocks] = [blocks, listings.blocks];
    [listings.entries, entries] = [entries, listings.entries];
  }
}

// Numbers of blocks have 32 bits at most, so that bit operators are safe.

/** Counts each digit one place behind its own: the sums are where its rows begin. */
function countDigits(
  { blocks, least }: Listings,
  from: number,
  to: number,
  counts: Uint32Array,
  shift: number,
): void {
  for (let i = from; i < to; i++) {
    const next = ((((blocks[i] as number) - least) >>> shift) & (digits - 1)) + 1;
    counts[next] = (counts[next] as number) + 1;
  }
}

function move(
  { blocks, entries, least }: Listings,
  target: Pick<Listings, "blocks" | "entries">,
  from: number,
  to: number,
  places: Uint32Array,
  shift: number,
): void {
  const { blocks: movedBlocks, entries: movedEntries } = target;
  for (let i = from; i < to; i++) {
    const block = blocks[i] as number;
    const digit = ((block - least) >>> shift) & (digits - 1);
    const place = places[digit] as number;
    places[digit] = place + 1;
    movedBlocks[place] = block;
    movedEntries[place] = entries[i] as number;
  }
}

/** Sorted listings with each block's number once. */
async function gathered(index: LogIndex, listings: Listings, turn: Turn): Promise<BlockLists> {
  const { width, length, blocks: sorted, entries: listed } = listings;
  let count = 0;
  await inSlices(length, turn, (start, end) => {
    for (let i = start; i < end; i++) if (i === 0 || sorted[i] !== sorted[i - 1]) count++;
  });
  const blocks = shared(count);
  const starts = shared(count + 1);
  const entries = shared(length);
  entries.set(listed);
  let at = 0;
  await inSlices(length, turn, (start, end) => {
    for (let i = start; i < end; i++) {
      if (i > 0 && sorted[i] === sorted[i - 1]) continue;
      blocks[at] = sorted[i] as number;
      starts[at++] = i;
    }
  });
  starts[count] = length;
  return { width, blocks, starts, entries, ...(await groupsOf(index, sorted, entries, turn)) };
}

/** Where groups lie that are wholly of one block: the rest is never asked for. */
async function groupsOf(
  index: LogIndex,
  sorted: Uint32Array,
  entries: Uint32Array,
  turn: Turn,
): Promise<Pick<BlockLists, "groupStarts" | "groupEnds">> {
  const count = Math.floor(entries.length / groupLength);
  const groupStarts = new Float64Array(new SharedArrayBuffer(count * Float64Array.BYTES_PER_ELEMENT));
  const groupEnds = new Float64Array(new SharedArrayBuffer(count * Float64Array.BYTES_PER_ELEMENT));
  await inSlices(count, turn, (from, to) => {
    for (let group = from; group < to; group++) {
      const first = group * groupLength;
      const end = first + groupLength;
      groupEnds[group] = Number.POSITIVE_INFINITY;
      if (sorted[first] !== sorted[end - 1]) continue;
      let [low, high] = [Number.POSITIVE_INFINITY, 0];
      for (let i = first; i < end; i++) {
        const entry = entries[i] as number;
        const offset = index.offsetOf(entry);
        low = Math.min(low, offset);
        high = Math.max(high, offset + index.lengthOf(entry));
      }
      groupStarts[group] = low;
      groupEnds[group] = high;
    }
  });
  return { groupStarts, groupEnds };
}

function shared(length: number): Uint32Array {
  return new Uint32Array(new SharedArrayBuffer(length * Uint32Array.BYTES_PER_ELEMENT));
}

async function inSlices(length: number, turn: Turn, work: (from: number, to: number) => void): Promise<void> {
  for (let from = 0; from < length; from += sliceLength) {
    const to = Math.min(length, from + sliceLength);
    work(from, to);
    await turn(to - from);
  }
}
