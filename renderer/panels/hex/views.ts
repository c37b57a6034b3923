// Carets and scroll positions of hex tabs, one per address space: they outlive the panel, which is unmounted
// while another tab shows, and end with the tab.
import { createStore, type StoreApi } from "zustand/vanilla";
import { createHexView, type HexView } from "../../hex/model.ts";
import { TabMap } from "../../store/tabMap.ts";

/** node: some other node of the graph. */
export type Space = "guest" | "file" | "node";

export interface HexTabViews {
  readonly guest: HexView;
  readonly file: HexView;
  /** The view of the node at a path. */
  at(path: string): HexView;
  readonly space: StoreApi<ShownSpace>;
}

export interface ShownSpace {
  readonly space: Space;
  /** Path of the node that shows, for the space "node". */
  readonly node: string;
}

const views = new TabMap<HexTabViews>();

export function viewsOf(tabId: string): HexTabViews {
  return views.of(tabId, makeViews);
}

/** Gives the places of a tab to one that shows another image. */
export function moveViews(tabId: string, to: string): void {
  views.move(tabId, to);
}

function makeViews(): HexTabViews {
  const [guest, file] = [createHexView(), createHexView()];
  const others = new Map<string, HexView>();
  return {
    guest,
    file,
    at(path) {
      const view = path === "" ? guest : path === "file" ? file : (others.get(path) ?? createHexView());
      others.set(path, view);
      return view;
    },
    space: createStore<ShownSpace>()(() => ({ space: "guest", node: "" })),
  };
}
