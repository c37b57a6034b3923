// What the palette offers for a text: commands after ">", an offset after ":", its own help after "?", else
// open images and recent items. Commands used lately come first; those that cannot run say why.
import fuzzysort from "fuzzysort";
import { type CommandId, type CommandSpec, commandTable } from "../../../electron/commandTable.ts";
import type { RecentItem } from "../../../electron/ipc/contract.ts";
import { runOrSay } from "../../commands/dispatcher.ts";
import { keyLabel } from "../../commands/keymap.ts";
import type { Platform } from "../../commands/keys.ts";
import { runnerOf } from "../../commands/registry.ts";
import { evaluateHere, jump } from "../../goto/jumps.ts";
import { useApp } from "../../store/app.ts";
import { usePrefs } from "../../store/prefs.ts";
import { useSurface } from "../../store/surface.ts";
import { useView } from "../../store/view.ts";
import { openRecent, recentFolders, recentTitle } from "../../welcome/recent.ts";
import { bytePosition } from "../position.ts";
import { nameOfToken, tabTitle } from "../title.ts";

export interface PaletteItem {
  readonly id: string;
  readonly title: string;
  readonly detail?: string | undefined;
  readonly key?: string | undefined;
  /** Why it cannot be chosen now. */
  readonly disabled?: string | undefined;
  /** Puts this text into the field instead of closing. */
  readonly prefill?: string;
  run?(): void;
}

export function paletteItems(text: string, platform: Platform): readonly PaletteItem[] {
  if (text.startsWith(">")) return matching(commandItems(platform), text.slice(1));
  if (text.startsWith(":")) return [offsetItem(text.slice(1))];
  if (text.startsWith("?")) return helpItems;
  return matching([...tabItems(), ...recentItems()], text);
}

function matching(items: readonly PaletteItem[], text: string): readonly PaletteItem[] {
  const wanted = text.trim();
  if (wanted === "") return items;
  const keys = [(item: PaletteItem) => item.title, (item: PaletteItem) => item.detail ?? ""];
  return fuzzysort.go(wanted, items, { keys, limit: 50, threshold: 0 }).map((result) => result.obj);
}

function commandItems(platform: Platform): readonly PaletteItem[] {
  const { recentCommands } = usePrefs.getState();
  const rank = (id: string) => {
    const index = recentCommands.indexOf(id);
    return index < 0 ? recentCommands.length : index;
  };
  // A command that has a letter beside its function key is listed once.
  const once = commandTable.filter(
    (spec, index) => commandTable.findIndex((s) => s.label === spec.label) === index,
  );
  const items = once.filter(({ id }) => id !== "view.palette").map((spec) => commandItem(spec, platform));
  return items.sort(
    (a, b) => rank(a.id) - rank(b.id) || Number(a.disabled !== undefined) - Number(b.disabled !== undefined),
  );
}

function commandItem(spec: CommandSpec & { readonly id: CommandId }, platform: Platform): PaletteItem {
  const runner = runnerOf(spec.id);
  return {
    id: spec.id,
    title: runner?.title ?? `${groupOf(spec.id)}: ${spec.label}`,
    detail: runner?.checked ? "on" : undefined,
    key: keyLabel(spec.id, platform),
    disabled: runner ? runner.disabled : "Not available in this view",
    run: () => {
      const { recentCommands, set } = usePrefs.getState();
      set({ recentCommands: [spec.id, ...recentCommands.filter((id) => id !== spec.id)].slice(0, 10) });
      runOrSay(spec.id);
    },
  };
}

const groupNames: Readonly<Record<string, string>> = {
  file: "File",
  edit: "Edit",
  view: "View",
  go: "Go",
  compare: "Compare",
  map: "Map",
  timeline: "Timeline",
  help: "Help",
};
const groupOf = (id: string): string => groupNames[id.split(".")[0] ?? ""] ?? "";

function offsetItem(text: string): PaletteItem {
  const { surface } = useSurface.getState();
  const item = (title: string, disabled?: string): PaletteItem => ({ id: "offset", title, disabled });
  if (!surface) return item("Go to an offset", "No bytes are shown");
  if (text.trim() === "")
    return item(`Type a ${surface.space} offset: 0x1000, 64KiB, s:2048, c:17, +1s, end-512`, "");
  const result = evaluateHere(text, surface);
  if (!result.ok) return item(text, result.message);
  const { target } = result;
  const { clusterSize, shift } = surface;
  const go = async () => {
    if (await jump(text, target, surface)) return;
    useView.getState().say(`This view shows ${surface.space} offsets only`);
  };
  return {
    id: "offset",
    title: `Go to ${bytePosition({ space: target.space, clusterSize, shift }, target.offset)}`,
    detail: result.notes.join(". "),
    run: () => void go(),
  };
}

function tabItems(): readonly PaletteItem[] {
  const { tabs, activate } = useView.getState();
  return tabs.map((tab) => ({
    id: `tab:${tab.id}`,
    title: tabTitle(tab, nameOfToken),
    detail: "open",
    run: () => activate(tab.id),
  }));
}

function recentItems(): readonly PaletteItem[] {
  return useApp.getState().recent.map((item: RecentItem) => ({
    id: `recent:${item.files.map((file) => file.token).join(":")}`,
    title: recentTitle(item),
    detail: recentFolders(item),
    disabled: item.missing ? "The file is missing" : undefined,
    run: () => openRecent(item),
  }));
}

const helpItems: readonly PaletteItem[] = [
  { id: "help:open", title: "Open images and recent items", detail: "type a name", prefill: "" },
  { id: "help:commands", title: "> Commands", detail: "by name", prefill: ">" },
  { id: "help:offset", title: ": Go to an offset", detail: "as in Go to", prefill: ":" },
  { id: "help:help", title: "? This help", prefill: "?" },
];
