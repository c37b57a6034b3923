// The entries of a log that pass a filter. Most filters look at the index alone; texts of marks are read before, and data
// only of those writes where it makes a difference whether they are all zero.
import { BlockError } from "../base/errors.ts";
import { Pace } from "../base/pace.ts";
import { isZero } from "../base/zero.ts";
import { chainExtentAt } from "../block/extents.ts";
import type { BlockNode } from "../block/node.ts";
import { readMark } from "../writelog/entry.ts";
import type { LogIndex } from "../writelog/logIndex.ts";
import { PayloadWindow } from "../writelog/payloadWindow.ts";
import { type Contents, compileQuery, type EntryTest, type MarkQuery } from "./compile.ts";
import type { Query } from "./tree.ts";

export interface FilterJob {
  readonly signal?: AbortSignal;
  /** Entries. */
  progress?(done: number, total: number): void;
}

/** Entries between two looks at the clock. */
const sliceLength = 4096;
/** First bytes of data, which tell most apart, and how much is read at once behind them. */
const headLength = 4096;
const pieceLength = 256 * 1024;

/**
 * Numbers of the entries from `first` on, below `end`, that pass, ascending. `log` is the node the index was made from.
 * Throws ECANCELED; EIO where the log can't be read.
 */
export async function filterIndex(
  index: LogIndex,
  log: BlockNode,
  query: Query,
  job: FilterJob = {},
  first = 0,
  end = index.count,
): Promise<Uint32Array> {
  const pace = new Pace(job.signal ?? new AbortController().signal);
  const markMatches = await matchMarks(index, log, query, pace);
  const ifZero = compileQuery(query, index, { markMatches, isZero: () => true });
  const ifNot = usesZero(query) ? compileQuery(query, index, { markMatches, isZero: () => false }) : ifZero;
  const found = new Found();
  const window = new PayloadWindow(log, log.size);
  for (let at = first; at < end; at += sliceLength) {
    const stop = Math.min(end, at + sliceLength);
    if (ifZero === ifNot) testSlice(ifZero, at, stop, found);
    else await testContents(index, log, window, { ifZero, ifNot }, at, stop, found, pace);
    if (!pace.due) continue;
    job.progress?.(stop - first, end - first);
    await turn(pace);
  }
  throwIfStopped(pace);
  return found.entries();
}

function testSlice(test: EntryTest, from: number, to: number, found: Found): void {
  for (let entry = from; entry < to; entry++) if (test(entry)) found.push(entry);
}

/** Where both tests agree, it does not matter what was written. */
async function testContents(
  index: LogIndex,
  log: BlockNode,
  window: PayloadWindow,
  { ifZero, ifNot }: { ifZero: EntryTest; ifNot: EntryTest },
  from: number,
  to: number,
  found: Found,
  pace: Pace,
): Promise<void> {
  for (let entry = from; entry < to; entry++) {
    const passes = ifZero(entry);
    if (passes === ifNot(entry)) {
      if (passes) found.push(entry);
      continue;
    }
    const [start, length] = [index.payloadOf(entry), index.payloadLength(entry)];
    const head = Math.min(headLength, length);
    const isRead = !window.has(start, head);
    if (isRead) await window.load(start, head);
    const zero =
      isZero(window.view(start, head)) &&
      (length === head || (await isZeroRange(log, start + head, start + length, pace)));
    if (zero === passes) found.push(entry);
    // What is in memory already is quicker than a look at the clock.
    if ((isRead || length > head) && pace.due) await turn(pace);
  }
}

/** Whether the bytes [start, end) of the log read as zeroes; holes of its file are not read. */
async function isZeroRange(log: BlockNode, start: number, end: number, pace: Pace): Promise<boolean> {
  const buffer = new Uint8Array(Math.min(pieceLength, end - start));
  for (let at = start; at < end; ) {
    const extent = await chainExtentAt(log, at, end - at);
    const stop = at + extent.length;
    while (extent.state === "data" && at < stop) {
      const piece = buffer.subarray(0, Math.min(pieceLength, stop - at));
      await log.read(at, piece);
      if (!isZero(piece)) return false;
      at += piece.length;
      if (pace.due) await turn(pace);
    }
    at = stop;
  }
  return true;
}

/** One byte for each mark and each part of the filter that asks for a text. */
async function matchMarks(
  index: LogIndex,
  log: BlockNode,
  query: Query,
  pace: Pace,
): Promise<Contents["markMatches"]> {
  const parts = markParts(query);
  const count = parts.length === 0 ? 0 : index.marks.length;
  const matches = new Map(parts.map((part) => [part, new Uint8Array(count)]));
  for (let position = 0; position < count; position++) {
    const text = await readMark(log, index, index.marks.at(position) ?? 0);
    for (const [part, column] of matches) column[position] = textMatches(part, text) ? 1 : 0;
    if (pace.due) await turn(pace);
  }
  return (part, entry) => matches.get(part)?.[index.marks.positionOf(entry)] === 1;
}

function textMatches(part: MarkQuery, text: string): boolean {
  return part.exact ? text === part.text : text.toLowerCase().includes(part.text);
}

function markParts(query: Query): MarkQuery[] {
  if (query.kind === "mark") return [query];
  if (query.kind === "not") return markParts(query.part);
  return query.kind === "and" || query.kind === "or" ? query.parts.flatMap(markParts) : [];
}

function usesZero(query: Query): boolean {
  if (query.kind === "not") return usesZero(query.part);
  if (query.kind === "and" || query.kind === "or") return query.parts.some(usesZero);
  return query.kind === "flag" && query.flag === "zero";
}

async function turn(pace: Pace): Promise<void> {
  await pace.turn();
  throwIfStopped(pace);
}

function throwIfStopped(pace: Pace): void {
  if (pace.stopped) throw new BlockError("ECANCELED", "The search was canceled");
}

/** Entry numbers in memory that doubles. */
class Found {
  #entries = new Uint32Array(1024);
  #length = 0;

  push(entry: number): void {
    if (this.#length === this.#entries.length) {
      const larger = new Uint32Array(2 * this.#length);
      larger.set(this.#entries);
      this.#entries = larger;
    }
    this.#entries[this.#length++] = entry;
  }

  entries(): Uint32Array {
    return this.#entries.slice(0, this.#length);
  }
}
