// Cells of one source in pages: a bounded cache that reads what is looked at now. The page of the overview comes
// first and stays, so that there is always something coarser to show for what is still on its way; what scrolled out
// of sight before it was asked for is never asked for (latest wins). Another source has another cache.
import { BlockError, type PlainError, toPlain } from "../../core/base/errors.ts";
import type { MapSource } from "./contract.ts";
import { cellsOf } from "./geometry.ts";

/** Cells of a page: a power of four, so that a page has its whole parent in one page of each coarser level. */
export const pageCells = 4 ** 8;
/** Instead of the number of a kind. */
export const notLoaded = 255;

export interface TileLimits {
  /** Pages kept; as many as the largest screen has single pixels for, and as many again. */
  readonly kept: number;
  readonly pagesPerCall: number;
  readonly calls: number;
}
const usualLimits: TileLimits = { kept: 512, pagesPerCall: 16, calls: 2 };

/** Cells [first, end) of a level. */
export interface CellSpan {
  readonly level: number;
  readonly first: number;
  readonly end: number;
}

interface Page {
  readonly cells: Uint8Array;
  /** How often the source had grown when they were asked for. */
  readonly growth: number;
}

export class MapTiles {
  readonly source: MapSource;
  readonly #limits: TileLimits;
  /** The finest level that has one page. */
  readonly #overview: number;
  /** Least recently used first. */
  readonly #pages = new Map<string, Page>();
  #overviewPage: Page | undefined;
  /** Of a source that grows: pages that were asked for before the last growth are shown, and asked for anew. */
  #growth = 0;
  readonly #stopGrowth: (() => void) | undefined;
  readonly #underWay = new Set<string>();
  readonly #failed = new Map<string, PlainError>();
  #calls = 0;
  #wants: readonly CellSpan[] = [];
  readonly #listeners = new Set<() => void>();
  #closed = false;

  constructor(source: MapSource, limits: TileLimits = usualLimits) {
    this.source = source;
    this.#limits = limits;
    let level = 0;
    while (cellsOf(source, level) > pageCells && level < source.levels - 1) level++;
    this.#overview = level;
    this.#stopGrowth = source.onGrowth?.(() => {
      this.#growth++;
      this.#readNext();
    });
  }

  /** Pages held, at most `limits.kept` and that of the overview. */
  get held(): number {
    return this.#pages.size + (this.#overviewPage === undefined ? 0 : 1);
  }

  /** Why the last page could not be had; undefined when none failed. */
  get trouble(): PlainError | undefined {
    return [...this.#failed.values()].at(-1);
  }

  /** Called whenever pages arrive or fail; returns the way to stop. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Nothing is asked for any more, and answers under way are dropped. */
  close(): void {
    this.#closed = true;
    this.#stopGrowth?.();
    this.#wants = [];
    this.#listeners.clear();
  }

  /** Asks for cells, the most wanted first, instead of all that was asked for before. */
  want(spans: readonly CellSpan[]): void {
    this.#wants = [this.overview, ...spans];
    this.#readNext();
  }

  /** The whole map at its finest level of at most `pageCells` cells. */
  get overview(): CellSpan {
    return { level: this.#overview, first: 0, end: cellsOf(this.source, this.#overview) };
  }

  /** Asks again for what could not be had. */
  retry(): void {
    this.#failed.clear();
    this.#notify();
    this.#readNext();
  }

  /**
   * Fills `into` with the cells of a span. Those that are not there yet are the worst of what is known of them, from a
   * coarser level, or `notLoaded`. Says whether all were there.
   */
  read({ level, first, end }: CellSpan, into: Uint8Array): boolean {
    let complete = true;
    for (let from = first; from < end; ) {
      const index = Math.floor(from / pageCells);
      const to = Math.min(end, (index + 1) * pageCells);
      const page = this.#page(level, index);
      const at = from - first;
      if (page !== undefined) {
        into.set(page.subarray(from - index * pageCells, to - index * pageCells), at);
      } else {
        complete = false;
        this.#fillCoarser(level, from, to, into, at);
      }
      from = to;
    }
    return complete;
  }

  /** One cell; undefined while its page is not there. */
  cell(level: number, cell: number): number | undefined {
    const index = Math.floor(cell / pageCells);
    return this.#page(level, index)?.[cell - index * pageCells];
  }

  #fillCoarser(level: number, from: number, to: number, into: Uint8Array, at: number): void {
    for (let coarser = level + 1; coarser < this.source.levels; coarser++) {
      const factor = 4 ** (coarser - level);
      const index = Math.floor(Math.floor(from / factor) / pageCells);
      const page = this.#page(coarser, index);
      if (page === undefined) continue;
      for (let cell = from; cell < to; ) {
        const parent = Math.floor(cell / factor);
        const next = Math.min(to, (parent + 1) * factor);
        into.fill(page[parent - index * pageCells] ?? notLoaded, at + cell - from, at + next - from);
        cell = next;
      }
      return;
    }
    into.fill(notLoaded, at, at + to - from);
  }

  #page(level: number, index: number): Uint8Array | undefined {
    if (level === this.#overview && index === 0) return this.#overviewPage?.cells;
    const key = keyOf(level, index);
    const found = this.#pages.get(key);
    if (found === undefined) return undefined;
    this.#pages.delete(key);
    this.#pages.set(key, found);
    return found.cells;
  }

  #readNext(): void {
    while (!this.#closed && this.#calls < this.#limits.calls) {
      const next = this.#nextCall();
      if (next === undefined) return;
      void this.#readPages(next.level, next.first, next.count);
    }
  }

  /** The most wanted pages that are missing, side by side. */
  #nextCall(): { level: number; first: number; count: number } | undefined {
    for (const { level, first, end } of this.#wants) {
      const last = Math.floor((end - 1) / pageCells);
      for (let index = Math.floor(first / pageCells); index <= last; index++) {
        if (!this.#isMissing(level, index)) continue;
        let count = 1;
        while (count < this.#limits.pagesPerCall && index + count <= last) {
          if (!this.#isMissing(level, index + count)) break;
          count++;
        }
        return { level, first: index, count };
      }
    }
    return undefined;
  }

  #isMissing(level: number, index: number): boolean {
    const key = keyOf(level, index);
    const page = level === this.#overview && index === 0 ? this.#overviewPage : this.#pages.get(key);
    if (page?.growth === this.#growth) return false;
    return !this.#underWay.has(key) && !this.#failed.has(key);
  }

  async #readPages(level: number, first: number, count: number): Promise<void> {
    const keys = Array.from({ length: count }, (_, index) => keyOf(level, first + index));
    for (const key of keys) this.#underWay.add(key);
    this.#calls++;
    const growth = this.#growth;
    try {
      const cells = await this.#ask(level, first * pageCells, count * pageCells);
      for (let index = 0; index < count; index++) {
        // A copy: a part would keep the whole answer alive.
        const part = cells.slice(index * pageCells, (index + 1) * pageCells);
        this.#keep(level, first + index, { cells: part, growth });
      }
    } catch (error) {
      for (const key of keys) this.#failed.set(key, toPlain(error));
    }
    for (const key of keys) this.#underWay.delete(key);
    this.#calls--;
    this.#notify();
    this.#readNext();
  }

  async #ask(level: number, first: number, most: number): Promise<Uint8Array> {
    const count = Math.min(most, cellsOf(this.source, level) - first);
    const cells = await this.source.tile(level, first, count);
    if (cells.length === count) return cells;
    throw new BlockError("EIO", `The map gave ${cells.length} cells where it has ${count}`);
  }

  #keep(level: number, index: number, page: Page): void {
    if (this.#closed) return;
    if (level === this.#overview && index === 0) {
      this.#overviewPage = page;
      return;
    }
    this.#pages.set(keyOf(level, index), page);
    for (const key of this.#pages.keys()) {
      if (this.#pages.size <= this.#limits.kept) return;
      this.#pages.delete(key);
    }
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}

function keyOf(level: number, index: number): string {
  return `${level}/${index}`;
}
