// Answers the timeline's requests for bins of one log. Stretches of up to about a million entries are looked through;
// for longer ones the pyramid is made with the first that needs it.
import type { BlockNode } from "../block/node.ts";
import {
  type Bins,
  type BinsRequest,
  binOps,
  checkBinsRequest,
  columnWidth,
  type MarkLabel,
  maskOf,
  mostLabels,
  type UsedRange,
} from "./bins.ts";
import { BinGrid } from "./binsGrid.ts";
import { BinPyramid, groupLength } from "./binsPyramid.ts";
import { Steps } from "./binsSteps.ts";
import { usedRanges } from "./binsUsed.ts";
import { readMark } from "./entry.ts";
import type { EntryList } from "./entryList.ts";
import type { LogIndex } from "./logIndex.ts";

/** Entries up to which looking through them is quick enough. */
const fewEntries = 256 * 1024;
/** Texts of marks that are kept. */
const mostTexts = 4096;

export class LogBins {
  readonly #index: LogIndex;
  readonly #log: () => BlockNode;
  readonly #turn: () => Promise<void>;
  readonly #pyramid: BinPyramid;
  readonly #texts = new Map<number, string>();
  #used: readonly UsedRange[] | undefined;

  /**
   * `log` answers the node that is open now, which marks are read from. `turn` is called between pieces of work of some
   * 10 milliseconds; it throws to stop.
   */
  constructor(index: LogIndex, log: () => BlockNode, turn: () => Promise<void>) {
    this.#index = index;
    this.#log = log;
    this.#turn = turn;
    this.#pyramid = new BinPyramid(index);
  }

  /** The entries from `first` on are new or others than before. */
  changed(first: number): void {
    this.#pyramid.changed(first);
    this.#used = undefined;
    for (const entry of this.#texts.keys()) if (entry >= first) this.#texts.delete(entry);
  }

  used(): readonly UsedRange[] {
    this.#used ??= usedRanges(this.#index);
    return this.#used;
  }

  /**
   * `passing`: the entries that pass the filter in force, ascending. Throws EINVAL for a request without an answer, EIO
   * where a mark can't be read, and what `turn` throws.
   */
  async bins(request: BinsRequest, passing?: Uint32Array): Promise<Bins> {
    checkBinsRequest(request);
    const index = this.#index;
    const end = Math.min(request.endEntry, index.count);
    const first = Math.min(request.firstEntry, end);
    const width = columnWidth(end - first, request.columns);
    const start = Math.floor(first / width) * width;
    const columns = Math.max(0, Math.ceil((end - start) / width));
    const isLong = width >= groupLength && end - first > fewEntries;
    if (isLong) await this.#prepare();
    const edges = isLong ? this.#pyramid.snap(request.edges, start, start + columns * width) : request.edges;
    const steps = new Steps(edges);
    const grid = new BinGrid(columns, steps);
    const bytes = new Float64Array(columns);
    if (isLong) {
      this.#pyramid.fill(grid, steps, start, width);
      for (let i = 0; i < columns; i++) bytes[i] = this.#pyramid.bytes(start + i * width, width);
    } else addEntries(index, grid, start, width, bytes);
    return {
      firstEntry: start,
      entriesPerColumn: width,
      columns,
      edges,
      masks: grid.masks,
      passing: passing && passingMasks(index, passing, columns, steps, start, width),
      density: grid.density(),
      flushes: perColumn(index.flushes, start, width, columns),
      marks: perColumn(index.marks, start, width, columns),
      fuas: perColumn(index.fuas, start, width, columns),
      bytes,
      labels: await this.#labels(start, start + columns * width),
    };
  }

  /** Makes what long stretches need, if it is not there: about a second for five million entries. */
  async #prepare(): Promise<void> {
    while (this.#pyramid.prepare()) await this.#turn();
  }

  /** Marks of [start, end): all of them, or some that are evenly spread. */
  async #labels(start: number, end: number): Promise<MarkLabel[]> {
    const { marks } = this.#index;
    const from = marks.positionOf(start);
    const count = marks.positionOf(end) - from;
    const named = Math.min(count, mostLabels);
    const labels: MarkLabel[] = [];
    for (let i = 0; i < named; i++) {
      const entry = marks.at(from + Math.floor((i * count) / named));
      if (entry !== undefined) labels.push({ entry, text: await this.#textOf(entry) });
    }
    return labels;
  }

  async #textOf(entry: number): Promise<string> {
    const known = this.#texts.get(entry);
    if (known !== undefined) return known;
    const text = await readMark(this.#log(), this.#index, entry);
    if (this.#texts.size >= mostTexts) this.#texts.clear();
    this.#texts.set(entry, text);
    return text;
  }
}

/** Every entry of the grid's columns, the first of which begins at entry `start`. */
function addEntries(index: LogIndex, grid: BinGrid, start: number, width: number, bytes: Float64Array): void {
  const last = Math.min(index.count, start + grid.columns * width);
  // Widths are powers of two: their reciprocals are exact.
  const perEntry = 1 / width;
  for (let entry = start; entry < last; ) {
    const { offset, length, flags, row: first, end } = index.columnsAt(entry);
    const stop = Math.min(end, first + last - entry);
    const before = entry - first - start;
    for (let row = first; row < stop; row++) {
      const size = length[row] as number;
      const mask = maskOf(flags[row] as number, size);
      if (mask === 0) continue;
      const column = Math.floor((before + row) * perEntry);
      if (mask !== binOps.discard) bytes[column] = (bytes[column] as number) + size;
      grid.add(column, offset[row] as number, size, mask);
    }
    entry += stop - first;
  }
  grid.finish();
}

function passingMasks(
  index: LogIndex,
  passing: Uint32Array,
  columns: number,
  steps: Steps,
  start: number,
  width: number,
): Uint8Array {
  const grid = new BinGrid(columns, steps);
  const last = Math.min(index.count, start + columns * width);
  let held = { ...emptyColumns };
  let heldFrom = 0;
  for (let i = positionIn(passing, start); i < passing.length; i++) {
    const entry = passing[i] as number;
    if (entry >= last) break;
    if (entry >= heldFrom + held.end) {
      held = index.columnsAt(entry);
      heldFrom = entry - held.row;
    }
    const row = entry - heldFrom;
    const size = held.length[row] as number;
    const mask = maskOf(held.flags[row] as number, size);
    if (mask !== 0) grid.add(Math.floor((entry - start) / width), held.offset[row] as number, size, mask);
  }
  grid.finish();
  return grid.masks;
}

const emptyColumns: ReturnType<LogIndex["columnsAt"]> = {
  offset: new Float64Array(0),
  length: new Float64Array(0),
  flags: new Uint8Array(0),
  row: 0,
  end: 0,
};

/** The position of the first number of at least `value`. */
function positionIn(sorted: Uint32Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How many of the list's entries each column has. */
function perColumn(list: EntryList, start: number, width: number, columns: number): Uint32Array {
  const counts = new Uint32Array(columns);
  let position = list.positionOf(start);
  for (let column = 0; column < columns; column++) {
    const next = list.positionOf(start + (column + 1) * width);
    counts[column] = next - position;
    position = next;
  }
  return counts;
}
