// Facts about the running app and the recent list; what the welcome view, sidebar and About dialog show.
import { create } from "zustand";
import type { PlainError } from "../../core/base/errors.ts";
import type { AppInfo, FileRef, RecentItem } from "../../electron/ipc/contract.ts";
import { call, on } from "../api.ts";

interface AppStore {
  /** Set before the first render; undefined only before main answered. */
  readonly info: AppInfo | undefined;
  readonly recent: readonly RecentItem[];
  /** Why the session worker had to be restarted, until the banner is dismissed. */
  readonly lost: PlainError | undefined;
  /** What was last asked to open could not be (three files, a folder): shown until the next attempt. */
  readonly refusal: string | undefined;
  start(info: AppInfo): void;
  refreshRecent(): Promise<void>;
  /** Remembers files opened together; a failure to do so only costs the entry. */
  remember(files: readonly FileRef[]): Promise<void>;
  forget(item: RecentItem): Promise<void>;
  clearRecent(): Promise<void>;
  dismissLost(): void;
  refuse(refusal: string | undefined): void;
}

const tokens = (files: readonly FileRef[]) => files.map((file) => file.token);

export const useApp = create<AppStore>()((set, get) => ({
  info: undefined,
  recent: [],
  lost: undefined,
  refusal: undefined,
  start: (info) => set({ info, recent: info.recent }),
  async refreshRecent() {
    set({ recent: await call("files:recent").catch(() => get().recent) });
  },
  async remember(files) {
    await call("files:remember", tokens(files)).catch(() => undefined);
    await get().refreshRecent();
  },
  async forget(item) {
    await call("files:forget", tokens(item.files)).catch(() => undefined);
    await get().refreshRecent();
  },
  async clearRecent() {
    await call("files:clearRecent").catch(() => undefined);
    await get().refreshRecent();
  },
  dismissLost: () => set({ lost: undefined }),
  refuse: (refusal) => set({ refusal }),
}));

/** Wires main's events into the store; called once at start. */
export function listenForSession(): void {
  on("session:lost", ({ error }) => useApp.setState({ lost: error }));
}
