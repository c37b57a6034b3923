// The items of a plan, fetched in pages and forgotten when many others were looked at since: a plan may have 100,000.
import type { OfferedRepair } from "../../../core/block/finding.ts";

export const pageLength = 1000;
const mostPages = 16;

type Fetch = (first: number, count: number) => Promise<readonly OfferedRepair[]>;

export class ItemPages {
  readonly #fetch: Fetch;
  readonly #changed: () => void;
  /** Least lately used first. */
  readonly #pages = new Map<number, readonly OfferedRepair[]>();
  readonly #asked = new Map<number, Promise<readonly OfferedRepair[]>>();
  /** Drawing them does not ask again: it is drawn because they failed. */
  readonly #failed = new Set<number>();

  /** `changed` is told when a page has come. */
  constructor(fetch: Fetch, changed: () => void) {
    this.#fetch = fetch;
    this.#changed = changed;
  }

  /** The item if it is known; else it is asked for, unless that failed. */
  at(index: number): OfferedRepair | undefined {
    const number = Math.floor(index / pageLength);
    const page = this.#pages.get(number);
    if (page === undefined) {
      if (!this.#failed.has(number)) void this.page(number).catch(() => undefined);
      return undefined;
    }
    this.#keep(number, page);
    return page[index - number * pageLength];
  }

  /** A page, from memory or asked for. Throws what asking throws; it is then asked for again the next time. */
  page(number: number): Promise<readonly OfferedRepair[]> {
    const known = this.#pages.get(number);
    if (known !== undefined) return Promise.resolve(known);
    const asked = this.#asked.get(number) ?? this.#ask(number);
    this.#asked.set(number, asked);
    return asked;
  }

  async #ask(number: number): Promise<readonly OfferedRepair[]> {
    try {
      const items = await this.#fetch(number * pageLength, pageLength);
      this.#keep(number, items);
      this.#failed.delete(number);
      return items;
    } catch (error) {
      this.#failed.add(number);
      throw error;
    } finally {
      this.#asked.delete(number);
      this.#changed();
    }
  }

  #keep(number: number, page: readonly OfferedRepair[]): void {
    this.#pages.delete(number);
    this.#pages.set(number, page);
    const [oldest] = this.#pages.keys();
    if (this.#pages.size > mostPages && oldest !== undefined) this.#pages.delete(oldest);
  }
}
