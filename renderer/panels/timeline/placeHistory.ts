// Who wrote a place of the disk: the entries that touched it, newest first, and the way through them.
import { toPlain } from "../../../core/base/errors.ts";
import type { LogHistoryEntry, LogRow } from "../../../core/ops/logIndexRun.ts";
import { call } from "../../api.ts";
import { useView } from "../../store/view.ts";
import type { TimelineSession } from "./session.ts";

const historyPage = 200;

export class PlaceHistory {
  readonly #session: TimelineSession;

  constructor(session: TimelineSession) {
    this.#session = session;
  }

  /** Who wrote this range of the disk? Goes to the newest of them if `go`. `note` is shown above them. */
  async show(offset: number, length: number, go = false, note?: string): Promise<void> {
    this.#session.store.setState({
      tab: "history",
      history: { offset, length, note, entries: [], next: undefined, isLoading: true, error: undefined },
    });
    await this.#ask(undefined);
    const first = this.#session.store.getState().history?.entries[0];
    if (go && first) this.goTo(first);
  }

  async more(): Promise<void> {
    const { history } = this.#session.store.getState();
    if (history === undefined || history.isLoading || history.next === undefined) return;
    this.#session.store.setState({ history: { ...history, isLoading: true } });
    await this.#ask(history.next);
  }

  /** The next older or newer entry that touched the place; of the current entry's sectors when none was asked for yet. */
  async step(direction: "older" | "newer"): Promise<void> {
    if (this.#session.store.getState().history === undefined && !(await this.here())) return;
    const { entry } = this.#session.store.getState();
    const find = () => {
      const entries = this.#session.store.getState().history?.entries ?? [];
      return direction === "older"
        ? entries.find((one) => one.entry < entry)
        : entries.findLast((one) => one.entry > entry);
    };
    let found = find();
    while (
      found === undefined &&
      direction === "older" &&
      this.#session.store.getState().history?.next !== undefined
    ) {
      await this.more();
      found = find();
    }
    if (found) return this.goTo(found);
    useView
      .getState()
      .say(direction === "older" ? "No older entry touched this place" : "No newer entry touched this place");
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

  async #ask(before: number | undefined): Promise<void> {
    const asked = this.#session.store.getState().history;
    if (asked === undefined) return;
    const { offset, length } = asked;
    const isCurrent = () => {
      const { history } = this.#session.store.getState();
      return history?.offset === offset && history.length === length;
    };
    try {
      const request = { job: this.#session.asked, offset, length, limit: historyPage };
      const page = await call("log:history", before === undefined ? request : { ...request, before });
      if (!isCurrent()) return;
      const entries = before === undefined ? page.entries : [...asked.entries, ...page.entries];
      this.#session.store.setState({
        history: { ...asked, entries, next: page.next, isLoading: false, error: undefined },
      });
    } catch (error) {
      if (!isCurrent()) return;
      this.#session.store.setState({ history: { ...asked, isLoading: false, error: toPlain(error) } });
    }
  }
}
