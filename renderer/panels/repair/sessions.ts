// The repair sessions of the tabs: made when a tab first asks, ended with it.
import { TabMap } from "../../store/tabMap.ts";
import { RepairSession } from "./session.ts";

const sessions = new TabMap<RepairSession>((session) => session.dispose());

/** The session of a tab; made when first asked for, ended with the tab. */
export function repairSessionOf(tabId: string): RepairSession {
  return sessions.of(tabId, () => new RepairSession());
}
