// What lives as long as a tab: made when it is first asked for, kept while another tab shows and its panel is unmounted,
// ended when the tab is closed.
import { useView } from "./view.ts";

/** By the tab's id. One map lives as long as the app. */
export class TabMap<T> {
  readonly #values = new Map<string, T>();

  /** `ended` is called once for each value whose tab was closed, when it is no longer in the map. */
  constructor(ended?: (value: T) => void) {
    useView.subscribe(({ tabs }, before) => {
      if (tabs === before.tabs) return;
      for (const [id, value] of this.#values) {
        if (tabs.some((tab) => tab.id === id)) continue;
        this.#values.delete(id);
        ended?.(value);
      }
    });
  }

  /** The value of a tab, made now if it has none yet. */
  of(tabId: string, make: () => T): T {
    const known = this.#values.get(tabId);
    if (known !== undefined) return known;
    const made = make();
    this.#values.set(tabId, made);
    return made;
  }

  /** Gives the value of a tab to another that takes its place; undefined where there is none. */
  move(tabId: string, to: string): T | undefined {
    const value = this.#values.get(tabId);
    if (value === undefined) return undefined;
    this.#values.delete(tabId);
    this.#values.set(to, value);
    return value;
  }

  entries(): readonly (readonly [string, T])[] {
    return [...this.#values];
  }
}
