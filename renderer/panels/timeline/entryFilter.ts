// The display filter of a timeline and the rows it leaves: the last filter that is right is in force, and the entry at the
// scrub line has its place among what passes.
import { toPlain } from "../../../core/base/errors.ts";
import { parseQuery } from "../../../core/query/parse.ts";
import { call } from "../../api.ts";
import { EntryPages } from "./entryPages.ts";
import type { TimelineStore } from "./state.ts";

const filterMs = 150;

export class EntryFilter {
  readonly pages = new EntryPages(() => this.#store.setState({ rows: this.#store.getState().rows + 1 }));
  readonly #store: TimelineStore;
  readonly #asked: () => number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `asked` is main's id of the job that answers; it throws where there is none. */
  constructor(store: TimelineStore, asked: () => number) {
    this.#store = store;
    this.#asked = asked;
  }

  dispose(): void {
    clearTimeout(this.#timer);
  }

  /** Takes what is typed; it is in force shortly after, when it is right. */
  setText(text: string): void {
    const { filter } = this.#store.getState();
    const parsed = parseQuery(text);
    const wrong = parsed.ok ? undefined : { message: parsed.message, at: parsed.at, length: parsed.length };
    this.#store.setState({ filter: { ...filter, text, wrong } });
    clearTimeout(this.#timer);
    if (wrong === undefined) this.#timer = setTimeout(() => this.#apply(), filterMs);
  }

  #apply(): void {
    const { filter, entry } = this.#store.getState();
    const applied = filter.text.trim();
    if (applied === filter.applied && filter.error === undefined) return;
    this.#store.setState({ filter: { ...filter, applied, error: undefined, total: undefined } });
    this.resetRows(0);
    void this.findPlace(entry);
  }

  /** Rows in the table: entries that pass the filter. */
  get rowCount(): number {
    const { filter, shown } = this.#store.getState();
    if (filter.applied === "") return shown?.summary.entries ?? 0;
    return filter.total ?? 0;
  }

  resetRows(from: number): void {
    const { filter } = this.#store.getState();
    this.pages.reset(async (first, count) => {
      const { total, rows } = await call("log:rows", {
        job: this.#asked(),
        filter: filter.applied,
        first,
        count,
      });
      const now = this.#store.getState().filter;
      if (now.applied === filter.applied && now.applied !== "" && now.total !== total) {
        this.#store.setState({ filter: { ...now, total } });
      }
      return rows;
    }, from);
    this.#store.setState({ rows: this.#store.getState().rows + 1 });
  }

  /** Where the entry is in the table, at once where no filter is in force. */
  placeNow(entry: number): number | undefined {
    return this.#store.getState().filter.applied === "" ? entry : undefined;
  }

  positionOf(
    entry: number,
  ): Promise<{ readonly total: number; readonly at: number; readonly passes: boolean }> {
    const { filter } = this.#store.getState();
    return call("log:place", { job: this.#asked(), filter: filter.applied, entry });
  }

  async findPlace(entry: number): Promise<void> {
    const { applied } = this.#store.getState().filter;
    const now = this.placeNow(entry);
    this.#store.setState({ place: now, ...(now !== undefined && { near: now }) });
    if (now !== undefined) return;
    const isCurrent = () => this.#store.getState().filter.applied === applied;
    try {
      const { total, at, passes } = await this.positionOf(entry);
      if (!isCurrent()) return;
      const { filter } = this.#store.getState();
      this.#store.setState({
        filter: { ...filter, total, error: undefined },
        ...(this.#store.getState().entry === entry && { place: passes ? at : undefined, near: at }),
      });
    } catch (error) {
      const plain = toPlain(error);
      // Another filter took its place.
      if (!isCurrent() || plain.code === "ECANCELED") return;
      this.#store.setState({ filter: { ...this.#store.getState().filter, error: plain } });
    }
  }
}
