// The window's title: what is open, that nothing is written, and the app's name.
import { call } from "../api.ts";
import { useImages } from "../store/images.ts";
import { type Tab, tokensOf, useView } from "../store/view.ts";
import { pairSign } from "../widgets/longNames.ts";

/** "disk.qed", or "disk.qed ⇄ disk.raw" for a comparison. */
export function tabTitle(tab: Tab, nameOf: (token: string) => string): string {
  const names = tokensOf(tab).map(nameOf).join(pairSign);
  return tab.kind === "journal" ? `Undo: ${tab.journal.name}` : `${prefixes[tab.kind]}${names}`;
}

const prefixes = {
  hex: "",
  compare: "",
  votes: "Votes: ",
  map: "Map: ",
  timeline: "Timeline: ",
  repair: "Repair: ",
} as const;

/** Names by token, for images that are open, opening or failed. */
export function nameOfToken(token: string): string {
  return useImages.getState().byToken[token]?.file.name ?? "image";
}

function windowTitle(tab: Tab | undefined): string {
  if (!tab) return "Blkscope";
  // A repair writes when it is told to: it does not claim more than its own page says.
  const note = tab.kind === "repair" || tab.kind === "journal" ? "" : "read-only — ";
  return `${tabTitle(tab, nameOfToken)} — ${note}Blkscope`;
}

/** Keeps the window's title in step with the active tab. */
export function followTitle(): void {
  let shown = "";
  const apply = () => {
    const { tabs, active } = useView.getState();
    const title = windowTitle(tabs.find((tab) => tab.id === active)).slice(0, 500);
    if (title === shown) return;
    shown = title;
    void call("app:title", title).catch(() => undefined);
  };
  apply();
  useView.subscribe(apply);
  useImages.subscribe(apply);
}
