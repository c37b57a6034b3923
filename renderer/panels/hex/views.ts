// Carets and scroll positions of hex tabs, one per address space: they outlive the panel, which is unmounted
// while another tab shows, and end with the tab.
import { createStore, type StoreApi } from "zustand/vanilla";
import { createHexView, type HexView } from "../../hex/model.ts";
import { useView } from "../../store/view.ts";

export type Space = "guest" | "file";

export interface HexTabViews {
  readonly guest: HexView;
  readonly file: HexView;
  readonly space: StoreApi<{ readonly space: Space }>;
}

const byTab = new Map<string, HexTabViews>();

export function viewsOf(tabId: string): HexTabViews {
  let views = byTab.get(tabId);
  if (!views) {
    views = {
      guest: createHexView(),
      file: createHexView(),
      space: createStore<{ readonly space: Space }>()(() => ({ space: "guest" })),
    };
    byTab.set(tabId, views);
  }
  return views;
}

useView.subscribe(({ tabs }) => {
  for (const id of byTab.keys()) if (!tabs.some((tab) => tab.id === id)) byTab.delete(id);
});
