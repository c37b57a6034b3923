// Who wrote a place of the disk: the entries that touched it, newest first, and the way through them.
import { toPlain } from "../../../core/base/errors.ts";
import { type LogHistoryEntry, type LogRow, longestPage } from "../../../core/ops/logIndexRun.ts";
import { call } from "../../api.ts";
import { useView } from "../../store/view.ts";
import type { TimelineSession } from "./session.ts";
import type { HistoryState } from "./state.ts";

const historyPage = 200;

export class PlaceHistory {
  readonly #session: TimelineSession;
  /** Questions come one after the other: each is about what the one before has left. */
  #asked: Promise<unknown> = Promise.resolve();

  constructor(session: TimelineSession) {
    this.#session = session;
  }

  /** Who wrote this range of the disk? Goes to the newest of them if `go`. `note` is shown above them. */
  async show(offset: number, length: number, go = false, note?: string): Promise<void> {
    this.#session.store.setState({
      tab: "history",
      history: { offset, length, note, entries: [], next: undefined, isLoading: true, error: undefined },
    });
    await this.#inTurn(() => this.#ask(undefined, historyPage));
    const { history } = this.#session.store.getState();
    const first = history?.offset === offset && history.length === length ? history.entries[0] : undefined;
    if (go && first) this.goTo(first);
  }

  /** Asks for older entries. Whether some came. */
  more(): Promise<boolean> {
    return this.#inTurn(async () => {
      const { history } = this.#session.store.getState();
      if (history?.next === undefined) return false;
      this.#session.store.setState({ history: { ...history, isLoading: true } });
      return this.#ask(history.next, historyPage);
    });
  }

  /** Entries have come or changed: asks again down to the oldest that is known, as flushes may be others now, too. */
  async renew(): Promise<void> {
    await this.#inTurn(async () => {
      const { history } = this.#session.store.getState();
      if (history === undefined) return;
      const { entries } = history;
      const limit = Math.min(longestPage, Math.max(historyPage, entries.length));
      await this.#ask(undefined, limit, entries.at(-1)?.entry);
    });
  }

  #inTurn<T>(ask: () => Promise<T>): Promise<T> {
    const answered = this.#asked.then(ask);
    this.#asked = answered.catch(() => undefined);
    return answered;
  }

  /** The next older or newer entry that touched the place; of the current entry's sectors when none was asked for yet. */
  async step(direction: "older" | "newer"): Promise<void> {
    if (this.#session.store.getState().history === undefined && !(await this.here())) return;
    await this.#asked;
    // From where the scrub line is by then: the step of an earlier press may have waited for the same answer.
    const find = () => {
      const { entry, history } = this.#session.store.getState();
      const entries = history?.entries ?? [];
      return direction === "older"
        ? entries.find((one) => one.entry < entry)
        : entries.findLast((one) => one.entry > entry);
    };
    let found = find();
    for (let grows = direction === "older"; found === undefined && grows; found = find()) {
      grows = await this.more();
    }
    if (found) return this.goTo(found);
    const error = this.#session.store.getState().history?.error;
    useView.getState().say(error?.message ?? `No ${direction} entry touched this place`);
  }

  /** The history of what the current entry covers. */
  async here(): Promise<boolean> {
    const row = await this.#currentRow();
    if (row === undefined) return false;
    if (row.length === 0 || (row.kind !== "write" && row.kind !== "discard")) {
      useView.getState().say("This entry is about no sectors");
      return false;
    }
    await this.show(row.offset, row.length);
    return true;
  }

  /** Asked for where the detail is of another entry yet. What goes wrong is said. */
  async #currentRow(): Promise<LogRow | undefined> {
    const { detail, entry, shown } = this.#session.store.getState();
    if (detail.kind === "known" && detail.detail.row.entry === entry) return detail.detail.row;
    if (shown === undefined || shown.summary.entries === 0) return undefined;
    try {
      const request = { job: this.#session.asked, filter: "", first: entry, count: 1 };
      return (await call("log:rows", request)).rows[0];
    } catch (error) {
      this.#session.say(error);
      return undefined;
    }
  }

  /** Puts the scrub line on an entry, at the place that was asked about. */
  goTo({ entry, range, touched }: LogHistoryEntry): void {
    this.#session.goTo(entry, touched.offset - range.offset);
  }

  /**
   * Asks for a page of the entries before one, or of all; with `downTo` for as many as lead to that entry. Whether it was
   * answered, and still is what is shown.
   */
  async #ask(before: number | undefined, limit: number, downTo?: number): Promise<boolean> {
    const asked = this.#session.store.getState().history;
    if (asked === undefined) return false;
    const { offset, length } = asked;
    const take = (change: Partial<HistoryState>): boolean => {
      const { history } = this.#session.store.getState();
      if (history?.offset !== offset || history.length !== length) return false;
      this.#session.store.setState({ history: { ...history, isLoading: false, ...change } });
      return true;
    };
    try {
      const request = { job: this.#session.asked, offset, length, limit };
      const entries = before === undefined ? [] : [...asked.entries];
      let next = before;
      do {
        const page = await call("log:history", next === undefined ? request : { ...request, before: next });
        entries.push(...page.entries);
        ({ next } = page);
      } while (next !== undefined && downTo !== undefined && next > downTo);
      return take({ entries, next, error: undefined });
    } catch (error) {
      take({ error: toPlain(error) });
      return false;
    }
  }
}
