// The repair sessions of the tabs: made when a tab first asks, ended with it.
import { useView } from "../../store/view.ts";
import { RepairSession } from "./session.ts";

const sessions = new Map<string, RepairSession>();

/** The session of a tab; made when first asked for, ended with the tab. */
export function repairSessionOf(tabId: string): RepairSession {
  const known = sessions.get(tabId);
  if (known) return known;
  const session = new RepairSession();
  sessions.set(tabId, session);
  return session;
}

useView.subscribe(({ tabs }) => {
  for (const [id, session] of sessions) {
    if (tabs.some((tab) => tab.id === id)) continue;
    sessions.delete(id);
    session.dispose();
  }
});
