// Rows of the entry table by pages, asked for as they come into sight: of all pages under way only the newest matter, so
// dragging through millions of entries asks for where the drag rests, not for what it passed.
import type { LogRow } from "../../../core/ops/logIndexRun.ts";

export const pageLength = 128;
/** Pages kept, and those asked for at the same time and waiting. */
const mostPages = 64;
const mostUnderWay = 2;
const mostWaiting = 3;

export type AskRows = (first: number, count: number) => Promise<readonly LogRow[]>;

export class EntryPages {
  readonly #changed: () => void;
  #ask: AskRows;
  #pages = new Map<number, readonly LogRow[]>();
  #failed = new Set<number>();
  #waiting: number[] = [];
  #underWay = new Set<number>();
  /** Grows with every reset: answers of before are of other rows. */
  #generation = 0;

  /** `changed` is called when rows have come. */
  constructor(changed: () => void) {
    this.#changed = changed;
    this.#ask = () => Promise.resolve([]);
  }

  /** Other rows than before, from row `from` on; those below stay. */
  reset(ask: AskRows, from = 0): void {
    this.#ask = ask;
    this.#generation++;
    this.#waiting = [];
    this.#underWay = new Set();
    this.#failed = new Set();
    for (const page of this.#pages.keys()) if ((page + 1) * pageLength > from) this.#pages.delete(page);
  }

  /** The row at a position of the table; undefined while it is being fetched. */
  at(position: number): LogRow | undefined {
    const page = Math.floor(position / pageLength);
    const rows = this.#pages.get(page);
    if (rows === undefined) {
      this.#want(page);
      return undefined;
    }
    this.#pages.delete(page);
    this.#pages.set(page, rows);
    return rows[position % pageLength];
  }

  #want(page: number): void {
    if (this.#underWay.has(page) || this.#failed.has(page)) return;
    this.#waiting = [...this.#waiting.filter((other) => other !== page), page].slice(-mostWaiting);
    this.#next();
  }

  #next(): void {
    while (this.#underWay.size < mostUnderWay) {
      const page = this.#waiting.pop();
      if (page === undefined) return;
      void this.#fetch(page);
    }
  }

  async #fetch(page: number): Promise<void> {
    const generation = this.#generation;
    this.#underWay.add(page);
    try {
      const rows = await this.#ask(page * pageLength, pageLength);
      if (generation !== this.#generation) return;
      this.#pages.set(page, rows);
      for (const oldest of this.#pages.keys()) if (this.#pages.size > mostPages) this.#pages.delete(oldest);
    } catch {
      // The session says what is wrong with the job or the filter; this page is not asked for over and over.
      if (generation !== this.#generation) return;
      this.#failed.add(page);
    }
    this.#underWay.delete(page);
    this.#changed();
    this.#next();
  }
}
