// What is on screen: tabs, which one is active, which side panels show. Carets live in each tab's HexView.
import { create } from "zustand";
import type { FileRef } from "../../electron/ipc/contract.ts";

export type Tab =
  | { readonly id: string; readonly kind: "hex"; readonly token: string }
  | { readonly id: string; readonly kind: "compare"; readonly a: string; readonly b: string }
  /** The votes of the quorum at a node's path. */
  | { readonly id: string; readonly kind: "votes"; readonly token: string; readonly node: string }
  /** The clusters of the file of the format at a node's path. */
  | { readonly id: string; readonly kind: "map"; readonly token: string; readonly node: string }
  /** The entries of a log of writes. */
  | { readonly id: string; readonly kind: "timeline"; readonly token: string }
  /** The repair wizard of an image. */
  | { readonly id: string; readonly kind: "repair"; readonly token: string }
  /** An undo journal; no image is open for it. `image`: its image, where the way here was from that. */
  | {
      readonly id: string;
      readonly kind: "journal";
      readonly journal: FileRef;
      readonly image: FileRef | undefined;
    };

/** The inspector's column beside bytes and beside a comparison, which needs the room for two panes, apart. */
export type SidePanel = "sidebar" | "bottomPanel" | "graphPanel" | "inspector" | "compareInspector";

/** Dialogs and overlays; at most one shows. */
export type Overlay =
  | { readonly kind: "palette"; readonly prefix: string }
  | { readonly kind: "goto" }
  | { readonly kind: "about" }
  | { readonly kind: "keys" }
  | { readonly kind: "copyAs" }
  | { readonly kind: "selectRange" }
  | { readonly kind: "shift" }
  | { readonly kind: "export" }
  /** Confirms a metadata-only bundle of the image whose map shows. */
  | { readonly kind: "bundle" }
  | { readonly kind: "mapGoTo" }
  | { readonly kind: "textEncoding" }
  | { readonly kind: "settings" }
  | { readonly kind: "compareWith" }
  /** A note on an entry of the log that shows, and what its state is to be compared with. */
  | { readonly kind: "logNote" }
  | { readonly kind: "logCompare" }
  | { readonly kind: "logGoTo" }
  | { readonly kind: "logBase" }
  /** How to look for the first state of the log that fails. */
  | { readonly kind: "logBisect" }
  /** Which log, and which of the byte's addresses, to ask who wrote it. */
  | { readonly kind: "whoWrote" }
  /** The snapshots inside an open image, and what it says of itself; by its token. */
  | { readonly kind: "snapshots"; readonly token: string }
  | { readonly kind: "facts"; readonly token: string }
  | { readonly kind: "openAs" };

/** Those that speak of the tab that shows, of its panel or of its bytes: they go when another one shows. */
const ofTheTab: ReadonlySet<Overlay["kind"]> = new Set([
  "goto",
  "copyAs",
  "selectRange",
  "shift",
  "export",
  "bundle",
  "mapGoTo",
  "logNote",
  "logCompare",
  "logGoTo",
  "logBase",
  "logBisect",
  "whoWrote",
]);

interface ViewStore {
  readonly tabs: readonly Tab[];
  /** Id of the active tab; undefined shows the welcome view. */
  readonly active: string | undefined;
  readonly closed: readonly Tab[];
  readonly shown: Readonly<Record<SidePanel, boolean>>;
  readonly overlay: Overlay | undefined;
  /** A quiet one-line note in the status bar ("Last difference"), announced politely. */
  readonly note: string | undefined;
  openTab(tab: Tab): void;
  /** Puts the tab in the place of that one; where it is there already, that one only goes. */
  replaceTab(id: string, tab: Tab): void;
  closeTab(id: string): void;
  reopenTab(): void;
  activate(id: string | undefined): void;
  toggle(panel: SidePanel): void;
  show(overlay: Overlay | undefined): void;
  say(note: string | undefined): void;
}

export const hexTab = (token: string): Tab => ({ id: `hex:${token}`, kind: "hex", token });
export const compareTab = (a: string, b: string): Tab => ({ id: `compare:${a}:${b}`, kind: "compare", a, b });
export const votesTab = (token: string, node: string): Tab => ({
  id: `votes:${token}:${node}`,
  kind: "votes",
  token,
  node,
});
export const mapTab = (token: string, node: string): Tab => ({
  id: `map:${token}:${node}`,
  kind: "map",
  token,
  node,
});
export const timelineTab = (token: string): Tab => ({ id: `timeline:${token}`, kind: "timeline", token });
export const repairTab = (token: string): Tab => ({ id: `repair:${token}`, kind: "repair", token });
export const journalTab = (journal: FileRef, image?: FileRef): Tab => ({
  id: `journal:${journal.token}`,
  kind: "journal",
  journal,
  image,
});
/** Images that a tab shows. */
export function tokensOf(tab: Tab): readonly string[] {
  if (tab.kind === "journal") return [];
  return tab.kind === "compare" ? [tab.a, tab.b] : [tab.token];
}

/** The tab that shows the same of another image; one without that image stays as it is. */
export function withToken(tab: Tab, from: string, to: string): Tab {
  const swap = (token: string) => (token === from ? to : token);
  switch (tab.kind) {
    case "hex":
      return hexTab(swap(tab.token));
    case "votes":
      return votesTab(swap(tab.token), tab.node);
    case "map":
      return mapTab(swap(tab.token), tab.node);
    case "compare":
      return compareTab(swap(tab.a), swap(tab.b));
    case "timeline":
      return timelineTab(swap(tab.token));
    case "repair":
      return repairTab(swap(tab.token));
    default:
      return tab;
  }
}

/** What changes with the tab that shows. */
function showing(active: string | undefined, before: ViewStore): Pick<ViewStore, "active" | "overlay"> {
  const { overlay } = before;
  const isStrange = active !== before.active && overlay !== undefined && ofTheTab.has(overlay.kind);
  return { active, overlay: isStrange ? undefined : overlay };
}

export const useView = create<ViewStore>()((set, get) => ({
  tabs: [],
  active: undefined,
  closed: [],
  shown: { sidebar: false, bottomPanel: true, graphPanel: false, inspector: true, compareInspector: false },
  overlay: undefined,
  note: undefined,
  openTab(tab) {
    const known = get().tabs.some((other) => other.id === tab.id);
    set({ tabs: known ? get().tabs : [...get().tabs, tab], ...showing(tab.id, get()) });
  },
  replaceTab(id, tab) {
    const { tabs, active } = get();
    const isThere = id !== tab.id && tabs.some((other) => other.id === tab.id);
    set({
      tabs: isThere
        ? tabs.filter((other) => other.id !== id)
        : tabs.map((other) => (other.id === id ? tab : other)),
      ...showing(active === id ? tab.id : active, get()),
    });
  },
  closeTab(id) {
    const { tabs, active, closed } = get();
    const index = tabs.findIndex((tab) => tab.id === id);
    const gone = tabs[index];
    if (!gone) return;
    const rest = tabs.filter((tab) => tab.id !== id);
    const next = active === id ? (rest[index] ?? rest[index - 1])?.id : active;
    set({ tabs: rest, closed: [gone, ...closed].slice(0, 20), ...showing(next, get()) });
  },
  reopenTab() {
    const [tab, ...closed] = get().closed;
    if (!tab) return;
    set({ closed });
    get().openTab(tab);
  },
  activate: (active) => set(showing(active, get())),
  toggle: (panel) => set({ shown: { ...get().shown, [panel]: !get().shown[panel] } }),
  show: (overlay) => set({ overlay }),
  say: (note) => set({ note }),
}));
