// The comparisons of the open tabs: made when a tab first shows, ended when it is closed.
import { compareTab, type Tab, useView } from "../../store/view.ts";
import { CompareSession } from "./session.ts";

const sessions = new Map<string, CompareSession>();

/** The session of a tab; made when first asked for. */
export function sessionOf(tabId: string): CompareSession {
  const known = sessions.get(tabId);
  if (known) return known;
  const session = new CompareSession();
  sessions.set(tabId, session);
  return session;
}

/** Swaps the sides of a tab's comparison: the tab is replaced, its session stays. */
export function swapSides(tab: Extract<Tab, { kind: "compare" }>): void {
  const session = sessions.get(tab.id);
  const other = compareTab(tab.b, tab.a);
  const { tabs, activate, replaceTab } = useView.getState();
  if (!session) return;
  if (tabs.some(({ id }) => id === other.id)) {
    // This pair is open the other way round already.
    activate(other.id);
    return;
  }
  sessions.delete(tab.id);
  sessions.set(other.id, session);
  session.swap();
  replaceTab(tab.id, other);
}

useView.subscribe(({ tabs }) => {
  for (const [id, session] of sessions) {
    if (tabs.some((tab) => tab.id === id)) continue;
    sessions.delete(id);
    session.dispose();
  }
});
