// The comparisons of the open tabs: made when a tab first shows, ended when it is closed.
import { TabMap } from "../../store/tabMap.ts";
import { compareTab, type Tab, useView } from "../../store/view.ts";
import { CompareSession } from "./session.ts";

const sessions = new TabMap<CompareSession>((session) => session.dispose());

/** The session of a tab; made when first asked for. */
export function sessionOf(tabId: string): CompareSession {
  return sessions.of(tabId, () => new CompareSession());
}

/** Swaps the sides of a tab's comparison: the tab is replaced, its session stays. */
export function swapSides(tab: Extract<Tab, { kind: "compare" }>): void {
  const other = compareTab(tab.b, tab.a);
  const { tabs, activate, replaceTab } = useView.getState();
  if (tabs.some(({ id }) => id === other.id)) {
    // This pair is open the other way round already.
    activate(other.id);
    return;
  }
  sessions.move(tab.id, other.id)?.swap();
  replaceTab(tab.id, other);
}

/** Gives the comparison of a tab to one with another image: its places, shift and folds stay, its scan ends. */
export function moveComparison(tabId: string, to: string): void {
  sessions.move(tabId, to)?.cancel();
}
