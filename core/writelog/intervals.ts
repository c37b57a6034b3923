// Which entry of a log wrote a byte last, for any moment of the log: a segment tree over the disk. Its leaves are the
// stretches between neighbouring bounds of writes; a write is listed at the few nodes that make up its range, and each
// list ascends by entry number. A leaf's newest entry before a moment is the largest found by bisection in the lists on
// the way from the leaf to the root, so that every moment costs the same and none has to be prepared.
//
// Memory: 20 bytes for each different bound, 4 for each listing: a few for a write, at most 2 log2(leaves). 5 million
// writes of 4 KiB anywhere on 4 GiB take 40 MB, of any number of sectors up to 64 some 200 MB.
import { BlockError } from "../base/errors.ts";
import { Pace } from "../ops/pace.ts";
import { Bounds, coversDisk, sortedBounds } from "./intervalsBounds.ts";
import type { LogIndex } from "./logIndex.ts";

export interface IntervalJob {
  readonly signal?: AbortSignal;
  /** Entries; each is gone through three times. */
  progress?(done: number, total: number): void;
}

/** Listings of all nodes together: 1 GiB. A log of 5 million entries can't need more, whatever it holds. */
const mostListings = 2 ** 28;
/** Entries between two looks at the clock. */
const sliceLength = 4096;

/** Called with [start, end) and the entry that wrote it last, -1 where none did. Returns whether to go on. */
export type RunVisitor = (start: number, end: number, entry: number) => boolean;

export class WriteIntervals {
  /** Entries it knows: moments after it can't be asked for. */
  readonly entries: number;
  readonly #bounds: Bounds;
  readonly #leaves: number;
  /** Where each node's list ends in #listed; it begins where that of the node before ends. Node 1 is the root. */
  readonly #ends: Uint32Array;
  readonly #listed: Uint32Array;

  constructor(entries: number, bounds: Bounds, ends: Uint32Array, listed: Uint32Array) {
    this.entries = entries;
    this.#bounds = bounds;
    this.#leaves = bounds.leaves;
    this.#ends = ends;
    this.#listed = listed;
  }

  /** Bytes of memory. */
  get memory(): number {
    return this.#bounds.memory + this.#ends.byteLength + this.#listed.byteLength;
  }

  /** Visits [start, end), ascending and without gaps, as it is when the first `count` entries are applied. */
  runs(start: number, end: number, count: number, visit: RunVisitor): void {
    let leaf = this.#bounds.leafAt(start);
    let from = start;
    let entry = this.#newest(leaf, count);
    while (from < end) {
      leaf++;
      const at = Math.min(end, this.#bounds.start(leaf) ?? end);
      const next = at < end ? this.#newest(leaf, count) : -2;
      if (next === entry) continue;
      if (!visit(from, at, entry)) return;
      from = at;
      entry = next;
    }
  }

  /** The newest of the first `count` entries that covers the leaf; -1 for none, and for what is no leaf. */
  #newest(leaf: number, count: number): number {
    if (leaf < 0 || leaf >= this.#leaves) return -1;
    const ends = this.#ends;
    const listed = this.#listed;
    let newest = -1;
    for (let node = leaf + this.#leaves; node >= 1; node >>>= 1) {
      const first = ends[node - 1] as number;
      const end = ends[node] as number;
      if (first === end || (listed[end - 1] as number) <= newest || (listed[first] as number) >= count)
        continue;
      newest = Math.max(newest, lastBelow(listed, first, end, count));
    }
    return newest;
  }
}

/** Throws ECANCELED; EFBIG for a log of more than 5 million entries that overlap in too many ways. */
export async function buildIntervals(
  index: LogIndex,
  job: IntervalJob = {},
  entries = index.count,
): Promise<WriteIntervals> {
  const pace = new Pace(job.signal ?? new AbortController().signal);
  const turn = async (done: number) => {
    if (pace.due) job.progress?.(done, 3 * entries);
    if (pace.due) await pace.turn();
    if (pace.stopped) throw new BlockError("ECANCELED", "Reading the log was canceled");
  };
  const bounds = new Bounds(await sortedBounds(index, entries, turn));
  const ends = new Uint32Array(2 * bounds.leaves + 1);
  for (let entry = 0; entry < entries; entry += sliceLength) {
    countListings(index, bounds, entry, Math.min(entries, entry + sliceLength), ends);
    await turn(entries + entry);
  }
  const listed = new Uint32Array(toStarts(ends));
  for (let entry = 0; entry < entries; entry += sliceLength) {
    fillListings(index, bounds, entry, Math.min(entries, entry + sliceLength), ends, listed);
    await turn(2 * entries + entry);
  }
  return new WriteIntervals(entries, bounds, ends, listed);
}

// The nodes that together are an entry's range are found twice, to count and to list. Both loops run hundreds of millions
// of times for a large log; one loop with a function for the difference takes twice as long.

function countListings(index: LogIndex, bounds: Bounds, from: number, to: number, counts: Uint32Array): void {
  for (let entry = from; entry < to; entry++) {
    if (!coversDisk(index, entry)) continue;
    const offset = index.offsetOf(entry);
    let low = bounds.leafAt(offset) + bounds.leaves;
    let high = bounds.leafAt(offset + index.lengthOf(entry)) + bounds.leaves;
    for (; low < high; low >>>= 1, high >>>= 1) {
      if (low % 2 === 1) countNode(counts, low++);
      if (high % 2 === 1) countNode(counts, --high);
    }
  }
}

function fillListings(
  index: LogIndex,
  bounds: Bounds,
  from: number,
  to: number,
  ends: Uint32Array,
  listed: Uint32Array,
): void {
  for (let entry = from; entry < to; entry++) {
    if (!coversDisk(index, entry)) continue;
    const offset = index.offsetOf(entry);
    let low = bounds.leafAt(offset) + bounds.leaves;
    let high = bounds.leafAt(offset + index.lengthOf(entry)) + bounds.leaves;
    for (; low < high; low >>>= 1, high >>>= 1) {
      if (low % 2 === 1) listNode(ends, listed, low++, entry);
      if (high % 2 === 1) listNode(ends, listed, --high, entry);
    }
  }
}

function countNode(counts: Uint32Array, node: number): void {
  counts[node] = (counts[node] as number) + 1;
}

function listNode(ends: Uint32Array, listed: Uint32Array, node: number, entry: number): void {
  const at = ends[node] as number;
  listed[at] = entry;
  ends[node] = at + 1;
}

/** Counts become the places at which each node's list begins; filling the lists makes them its ends. */
function toStarts(counts: Uint32Array): number {
  let sum = 0;
  for (let node = 0; node < counts.length; node++) {
    const count = counts[node] as number;
    counts[node] = sum;
    sum += count;
    if (sum > mostListings) {
      throw new BlockError("EFBIG", "The log's writes overlap in too many ways for states to be shown", {
        hint: "Replay the log to a file up to the entry that you want to look at.",
      });
    }
  }
  return sum;
}

/** The last value below `limit` of a list of which the first is. */
function lastBelow(listed: Uint32Array, first: number, end: number, limit: number): number {
  let low = first;
  let high = end;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((listed[middle] as number) < limit) low = middle;
    else high = middle;
  }
  return listed[low] as number;
}
