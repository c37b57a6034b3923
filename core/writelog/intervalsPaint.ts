// Who wrote each byte of a short stretch of the disk last: its entries are taken newest first from the lists of all blocks
// in it, and each is given what no newer one has. A list is left as soon as its block has no such bytes any more.
import { type BlockLists, firstFrom, groupLength } from "./intervals.ts";
import type { LogIndex } from "./logIndex.ts";

/** Entries or groups of them that are gone over in one go. */
const mostSteps = 256;

/** A stretch of the disk and the entry that wrote it last, -1 where none did. */
export interface Run {
  readonly start: number;
  readonly end: number;
  readonly entry: number;
}

/** The list of a block, read from its newest entry to its oldest. */
interface Cursor {
  readonly lists: BlockLists;
  /** Where its first entry is, and the one it stands at. */
  readonly first: number;
  at: number;
  /** The block's part of the stretch, as far as it has open bytes. */
  from: number;
  to: number;
}

/** Runs of [from, to), ascending and without gaps, when the first `count` entries are applied. */
export function paint(
  index: LogIndex,
  levels: readonly BlockLists[],
  from: number,
  to: number,
  count: number,
): Run[] {
  const cursors = cursorsOf(levels, from, to, count);
  const canvas = new Canvas(from, to);
  for (let i = (cursors.length >>> 1) - 1; i >= 0; i--) sink(cursors, i);
  for (let newest = cursors[0]; newest !== undefined && canvas.isOpen; newest = cursors[0]) {
    const entry = entryAt(newest);
    const offset = index.offsetOf(entry);
    canvas.fill(Math.max(from, offset), Math.min(to, offset + index.lengthOf(entry)), entry);
    newest.at--;
    const isOpen = canvas.narrow(newest);
    if (isOpen) goOn(index, newest);
    if (!isOpen || newest.at < newest.first) {
      const last = cursors.pop();
      if (last !== undefined && cursors.length > 0) cursors[0] = last;
    }
    sink(cursors, 0);
  }
  return canvas.runs();
}

function cursorsOf(levels: readonly BlockLists[], from: number, to: number, count: number): Cursor[] {
  const cursors: Cursor[] = [];
  for (const lists of levels) {
    const { width, blocks, starts, entries } = lists;
    const last = Math.floor((to - 1) / width);
    for (let i = firstFrom(blocks, Math.floor(from / width)); i < blocks.length; i++) {
      const block = blocks[i] as number;
      if (block > last) break;
      const first = starts[i] as number;
      const at = firstFrom(entries, count, first, starts[i + 1]) - 1;
      if (at < first) continue;
      const start = block * width;
      cursors.push({
        lists,
        first,
        at,
        from: Math.max(from, start),
        to: Math.min(to, start + width),
      });
    }
  }
  return cursors;
}

/** Over entries that do not touch the open bytes, but not too far: what is newer may fill it meanwhile. */
function goOn(index: LogIndex, cursor: Cursor): void {
  const { lists, first, from, to } = cursor;
  for (let steps = 0; steps < mostSteps && cursor.at >= first; steps++) {
    const group = Math.floor(cursor.at / groupLength);
    const isLast = cursor.at % groupLength === groupLength - 1;
    if (isLast && !((lists.groupStarts[group] as number) < to && (lists.groupEnds[group] as number) > from)) {
      cursor.at -= groupLength;
      continue;
    }
    const entry = entryAt(cursor);
    const offset = index.offsetOf(entry);
    if (offset < to && offset + index.lengthOf(entry) > from) return;
    cursor.at--;
  }
}

function entryAt({ lists, at }: Cursor): number {
  return lists.entries[at] as number;
}

/** Restores the order of a heap, the newest entry first, below a cursor that may stand at one too old for its place. */
function sink(heap: Cursor[], from: number): void {
  const moved = heap[from];
  if (moved === undefined) return;
  const entry = entryAt(moved);
  let at = from;
  for (;;) {
    let below = 2 * at + 1;
    let next = heap[below];
    const other = heap[below + 1];
    if (next !== undefined && other !== undefined && entryAt(other) > entryAt(next)) {
      next = other;
      below++;
    }
    if (next === undefined || entryAt(next) <= entry) break;
    heap[at] = next;
    at = below;
  }
  heap[at] = moved;
}

/** A stretch that is filled bit by bit; what is filled stays as it is. */
class Canvas {
  /** What is open, ascending and apart: where each part begins and ends. */
  readonly #starts: number[];
  readonly #ends: number[];
  readonly #filled: Run[] = [];

  constructor(from: number, to: number) {
    this.#starts = [from];
    this.#ends = [to];
  }

  get isOpen(): boolean {
    return this.#starts.length > 0;
  }

  /** To where it is open. Returns whether it is. */
  narrow(range: { from: number; to: number }): boolean {
    const first = this.#partAt(range.from);
    const start = this.#starts[first];
    if (start === undefined || start >= range.to) return false;
    const behind = this.#partAt(range.to);
    const last = (this.#starts[behind] ?? range.to) < range.to ? behind : behind - 1;
    range.from = Math.max(range.from, start);
    range.to = Math.min(range.to, this.#ends[last] as number);
    return true;
  }

  fill(from: number, to: number, entry: number): void {
    const part = this.#partAt(from);
    let end = part;
    for (; end < this.#starts.length && (this.#starts[end] as number) < to; end++) {
      const start = Math.max(from, this.#starts[end] as number);
      this.#filled.push({ start, end: Math.min(to, this.#ends[end] as number), entry });
    }
    if (end === part) return;
    // What is left of the first part before, and of the last one behind.
    const before = this.#starts[part] as number;
    const behind = this.#ends[end - 1] as number;
    const starts = [...(before < from ? [before] : []), ...(behind > to ? [to] : [])];
    const ends = [...(before < from ? [from] : []), ...(behind > to ? [behind] : [])];
    this.#starts.splice(part, end - part, ...starts);
    this.#ends.splice(part, end - part, ...ends);
  }

  runs(): Run[] {
    const open = this.#starts.map((start, i) => ({ start, end: this.#ends[i] as number, entry: -1 }));
    return [...this.#filled, ...open].sort((a, b) => a.start - b.start);
  }

  /** The first open part that ends behind the byte. */
  #partAt(offset: number): number {
    let low = 0;
    let high = this.#ends.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ends[middle] as number) <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
