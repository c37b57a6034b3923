// The native menu as data, made from the command table for one platform: no Electron here, so tests see it all.
//
// Keys: the page's dispatcher (renderer/commands) is the one place where a command's keys are acted upon. On
// Windows and Linux the menu only shows them (`registerAccelerator: false`). macOS has no such switch, but gives
// the page every key first and the menu only what the page did not take; there, keys without a modifier stay
// out of the menu, since typing must never choose a menu item.
import type { BaseWindow, BrowserWindow, MenuItemConstructorOptions } from "electron";
import { type CommandSpec, commandTable } from "./commandTable.ts";

export type Platform = "linux" | "darwin" | "win32";
type Item = MenuItemConstructorOptions;

export interface MenuContext {
  readonly platform: Platform;
  readonly development: boolean;
  readonly recent: readonly { readonly label: string; open(): void }[];
  /** A command's item was chosen. */
  run(id: string): void;
}

/** Prefix of the id of a command's menu item. */
export const commandItem = "command:";

const specs: readonly CommandSpec[] = commandTable;
/** On macOS these are in the app's own menu. */
const inAppMenu = ["view.settings", "help.about"];

export function menuTemplate(context: MenuContext): Item[] {
  const isMac = context.platform === "darwin";
  const menus: Item[] = [
    ...(isMac ? [appMenu(context)] : []),
    { label: "&File", submenu: fileMenu(context) },
    { label: "&Edit", submenu: editMenu(context) },
    { label: "&View", submenu: viewMenu(context) },
    { label: "&Go", submenu: commandsOf("Go", context) },
    { label: "&Compare", submenu: commandsOf("Compare", context) },
    { label: "&Map", submenu: commandsOf("Map", context) },
    { label: "&Timeline", submenu: commandsOf("Timeline", context) },
    ...(isMac ? [windowMenu()] : []),
    { label: "&Help", role: "help", submenu: commandsOf("Help", context) },
  ];
  return isMac ? menus.map((menu) => ({ ...menu, label: (menu.label ?? "").replace("&", "") })) : menus;
}

function appMenu(context: MenuContext): Item {
  return {
    label: "Blkscope",
    submenu: [
      ...specs.filter(({ id }) => id === "help.about").map((spec) => commandMenuItem(spec, context)),
      { type: "separator" },
      ...specs.filter(({ id }) => id === "view.settings").map((spec) => commandMenuItem(spec, context)),
      { type: "separator" },
      { role: "services" },
      { type: "separator" },
      { role: "hide" },
      { role: "hideOthers" },
      { role: "unhide" },
      { type: "separator" },
      { role: "quit" },
    ],
  };
}

function fileMenu(context: MenuContext): Item[] {
  const recent: Item = {
    label: "Open &recent",
    enabled: context.recent.length > 0,
    submenu: context.recent.map(({ label, open }) => ({ label: label.replaceAll("&", "&&"), click: open })),
  };
  const items = commandsOf("File", context);
  const at = items.findIndex(({ id }) => id === `${commandItem}file.clearRecent`);
  const leave: Item =
    context.platform === "darwin"
      ? { role: "close", accelerator: "Shift+Command+W" } // Command+W closes a tab
      : { role: "quit" };
  return [...items.slice(0, at), recent, ...items.slice(at), { type: "separator" }, leave];
}

function editMenu(context: MenuContext): Item[] {
  // The system's own editing commands, for text fields; the page acts on their keys itself.
  const keys = shownOnly(context);
  const roles: Item[] = [
    { role: "undo", label: "Undo", ...keys },
    { role: "redo", label: "Redo", ...keys },
    { type: "separator" },
    { role: "cut", label: "Cut", ...keys },
    { role: "copy", label: "Copy", ...keys },
    { role: "paste", label: "Paste", ...keys },
    // A command, since bytes are selected like text; in a text field the page selects its text.
    {
      label: "Select all",
      accelerator: "CommandOrControl+A",
      ...keys,
      click: () => context.run("edit.selectAll"),
    },
  ];
  return [...roles, { type: "separator" }, ...commandsOf("Edit", context)];
}

function viewMenu(context: MenuContext): Item[] {
  return [
    ...commandsOf("View", context),
    { type: "separator" },
    { role: "resetZoom", label: "Actual size" },
    { role: "zoomIn", label: "Zoom in" },
    // The same key without Shift, as keyboards have it.
    { role: "zoomIn", accelerator: "CommandOrControl+=", visible: false },
    { role: "zoomOut", label: "Zoom out" },
    { type: "separator" },
    { role: "togglefullscreen", label: "Full screen" },
    ...(context.development ? developmentItems() : []),
  ];
}

function developmentItems(): Item[] {
  return [
    { type: "separator" },
    // Without the role's keys, which are commands of ours.
    { label: "Reload the page", click: (_item, window) => reload(window) },
    { role: "toggleDevTools", accelerator: "F12" },
  ];
}

function reload(window: BaseWindow | undefined): void {
  (window as BrowserWindow | undefined)?.webContents.reloadIgnoringCache(); // the app has no other kind of window
}

function windowMenu(): Item {
  return { label: "Window", role: "windowMenu" };
}

/** The commands of one menu in the table's order, separated by group. */
function commandsOf(name: NonNullable<CommandSpec["menu"]>["name"], context: MenuContext): Item[] {
  const items: Item[] = [];
  let group: number | undefined;
  for (const spec of specs) {
    if (spec.menu?.name !== name) continue;
    if (context.platform === "darwin" && inAppMenu.includes(spec.id)) continue;
    if (group !== undefined && group !== spec.menu.group) items.push({ type: "separator" });
    group = spec.menu.group;
    items.push(commandMenuItem(spec, context));
  }
  return items;
}

function commandMenuItem(spec: CommandSpec, context: MenuContext): Item {
  const accelerator = acceleratorOf(spec, context.platform);
  return {
    id: commandItem + spec.id,
    label: spec.label,
    enabled: false, // until the page says that it can run
    ...(spec.toggle ? { type: "checkbox", checked: false } : {}),
    ...(accelerator === undefined ? {} : { accelerator, ...shownOnly(context) }),
    click: (item) => {
      // Electron has flipped the mark already; the page decides, and says so through app:commands.
      if (spec.toggle) item.checked = !item.checked;
      context.run(spec.id);
    },
  };
}

function shownOnly({ platform }: MenuContext): Pick<Item, "registerAccelerator"> {
  return platform === "darwin" ? {} : { registerAccelerator: false };
}

/** The first key of a command in Electron's notation; undefined when it has none that a menu may show. */
export function acceleratorOf(spec: CommandSpec, platform: Platform): string | undefined {
  const [key] = (platform === "darwin" ? spec.macKeys : undefined) ?? spec.keys ?? [];
  // A menu has no sequences of keys.
  if (key === undefined || key.includes(" ")) return undefined;
  const parts = key === "+" ? ["Plus"] : key.split("+");
  if (platform === "darwin" && !parts.some((part) => part === "Mod" || part === "Ctrl" || part === "Alt"))
    return /^F\d+$/.test(parts.at(-1) ?? "") ? accelerator(parts) : undefined;
  return accelerator(parts);
}

function accelerator(parts: readonly string[]): string {
  const names: Readonly<Record<string, string>> = { Mod: "CommandOrControl", Ctrl: "Control" };
  return parts.map((part) => names[part] ?? part).join("+");
}
