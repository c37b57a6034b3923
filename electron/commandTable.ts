// Every command by name: what the palette, the native menu and the keys share. Data only; the renderer
// supplies what each one does (renderer/commands), main builds the menu from it.

export interface CommandSpec {
  readonly id: string;
  readonly label: string;
  /**
   * Keys in ux.md's notation for Windows/Linux; "Mod" is Ctrl, or Cmd on macOS; "G M" is one key after the other. The
   * first is shown.
   */
  readonly keys?: readonly string[];
  /** macOS keys, where they differ by more than Mod. */
  readonly macKeys?: readonly string[];
  /** Native menu and its group (a separator between groups). */
  readonly menu?: {
    readonly name: "File" | "Edit" | "View" | "Go" | "Compare" | "Map" | "Timeline" | "Help";
    readonly group: number;
  };
  /** Single letters work only while a grid or list has focus. */
  readonly context?: "grid";
  /** Shown with a check mark when on. */
  readonly toggle?: boolean;
}

export const commandTable = [
  { id: "file.open", label: "Open image…", keys: ["Mod+O"], menu: { name: "File", group: 1 } },
  { id: "file.openAs", label: "Open as…", keys: ["Mod+Shift+O"], menu: { name: "File", group: 1 } },
  { id: "file.compareWith", label: "Compare with…", keys: ["Mod+K"], menu: { name: "File", group: 1 } },
  { id: "file.openLog", label: "Open write log…", menu: { name: "File", group: 1 } },
  { id: "file.openSample", label: "Open the sample pair", menu: { name: "File", group: 1 } },
  { id: "file.clearRecent", label: "Clear recent items", menu: { name: "File", group: 1 } },
  { id: "file.undoRepair", label: "Undo a repair…", menu: { name: "File", group: 1 } },
  { id: "file.closeTab", label: "Close tab", keys: ["Mod+W"], menu: { name: "File", group: 2 } },
  {
    id: "file.reopenTab",
    label: "Reopen closed tab",
    keys: ["Mod+Shift+T"],
    menu: { name: "File", group: 2 },
  },
  { id: "file.export", label: "Export mismatches…", keys: ["Mod+Shift+S"], menu: { name: "File", group: 3 } },
  { id: "edit.copy", label: "Copy", keys: ["Mod+C"], context: "grid" },
  { id: "edit.selectAll", label: "Select the cluster, then all", keys: ["Mod+A"], context: "grid" },
  { id: "edit.copyAs", label: "Copy as…", keys: ["Mod+Alt+C"], menu: { name: "Edit", group: 2 } },
  { id: "edit.copyAddress", label: "Copy address", keys: ["Mod+Shift+C"], menu: { name: "Edit", group: 2 } },
  { id: "edit.selectRange", label: "Select range…", keys: ["Mod+Shift+A"], menu: { name: "Edit", group: 3 } },
  {
    id: "view.palette",
    label: "Command palette",
    keys: ["Mod+Shift+P", "F1"],
    menu: { name: "View", group: 1 },
  },
  { id: "view.quickOpen", label: "Quick open", keys: ["Mod+P"], menu: { name: "View", group: 1 } },
  { id: "view.welcome", label: "Start page", menu: { name: "View", group: 2 } },
  { id: "view.hex", label: "Hex", keys: ["Mod+1"], menu: { name: "View", group: 2 } },
  { id: "view.compare", label: "Compare", keys: ["Mod+2"], menu: { name: "View", group: 2 } },
  { id: "view.map", label: "Map", keys: ["Mod+3"], menu: { name: "View", group: 2 } },
  { id: "view.timeline", label: "Timeline", keys: ["Mod+4"], menu: { name: "View", group: 2 } },
  { id: "view.repair", label: "Repair", keys: ["Mod+5"], menu: { name: "View", group: 2 } },
  { id: "view.nextTab", label: "Next tab", keys: ["Ctrl+Tab"] },
  { id: "view.previousTab", label: "Previous tab", keys: ["Ctrl+Shift+Tab"] },
  { id: "view.nextPane", label: "Next pane", keys: ["F6"], menu: { name: "View", group: 3 } },
  { id: "view.previousPane", label: "Previous pane", keys: ["Shift+F6"], menu: { name: "View", group: 3 } },
  { id: "view.sidebar", label: "Sidebar", keys: ["Mod+B"], menu: { name: "View", group: 4 }, toggle: true },
  {
    id: "view.bottomPanel",
    label: "Bottom panel",
    keys: ["Mod+J"],
    menu: { name: "View", group: 4 },
    toggle: true,
  },
  {
    id: "view.inspector",
    label: "Inspector",
    keys: ["Mod+I"],
    menu: { name: "View", group: 4 },
    toggle: true,
  },
  {
    id: "view.space",
    label: "Guest or file space",
    keys: ["V"],
    context: "grid",
    menu: { name: "View", group: 5 },
  },
  {
    id: "view.units",
    label: "Boundary lines",
    keys: ["U"],
    context: "grid",
    menu: { name: "View", group: 5 },
  },
  {
    id: "view.face",
    label: "Hex or text column",
    keys: ["T"],
    context: "grid",
    menu: { name: "View", group: 5 },
  },
  { id: "view.addressBase", label: "Address base", keys: ["Mod+Shift+B"], menu: { name: "View", group: 5 } },
  {
    id: "view.endianness",
    label: "Inspector byte order",
    keys: ["Mod+Shift+E"],
    menu: { name: "View", group: 5 },
  },
  { id: "view.snapshots", label: "Snapshots of the image…", menu: { name: "View", group: 5 } },
  { id: "view.facts", label: "Facts about the image…", menu: { name: "View", group: 5 } },
  { id: "view.textEncoding", label: "Text encoding…" },
  { id: "view.settings", label: "Settings…", keys: ["Mod+,"], menu: { name: "View", group: 6 } },
  { id: "view.themeSystem", label: "Theme: system", menu: { name: "View", group: 6 }, toggle: true },
  { id: "view.themeLight", label: "Theme: light", menu: { name: "View", group: 6 }, toggle: true },
  { id: "view.themeDark", label: "Theme: dark", menu: { name: "View", group: 6 }, toggle: true },
  {
    id: "go.to",
    label: "Go to…",
    keys: ["Mod+G"],
    macKeys: ["Mod+L", "Ctrl+G"],
    menu: { name: "Go", group: 1 },
  },
  {
    id: "go.repeat",
    label: "Repeat last relative jump",
    keys: ["Mod+Shift+G"],
    macKeys: ["Ctrl+Shift+G"],
    menu: { name: "Go", group: 1 },
  },
  { id: "go.back", label: "Back", keys: ["Alt+Left"], macKeys: ["Mod+["], menu: { name: "Go", group: 2 } },
  {
    id: "go.forward",
    label: "Forward",
    keys: ["Alt+Right"],
    macKeys: ["Mod+]"],
    menu: { name: "Go", group: 2 },
  },
  { id: "go.nextSector", label: "Next sector", keys: ["Alt+PageDown"], menu: { name: "Go", group: 3 } },
  { id: "go.previousSector", label: "Previous sector", keys: ["Alt+PageUp"], menu: { name: "Go", group: 3 } },
  { id: "go.nextCluster", label: "Next cluster", keys: ["Mod+PageDown"], menu: { name: "Go", group: 3 } },
  {
    id: "go.previousCluster",
    label: "Previous cluster",
    keys: ["Mod+PageUp"],
    menu: { name: "Go", group: 3 },
  },
  {
    id: "go.start",
    label: "Start of image",
    keys: ["Mod+Home"],
    macKeys: ["Mod+Up"],
    menu: { name: "Go", group: 4 },
  },
  {
    id: "go.end",
    label: "End of image",
    keys: ["Mod+End"],
    macKeys: ["Mod+Down"],
    menu: { name: "Go", group: 4 },
  },
  {
    id: "compare.next",
    label: "Next difference",
    keys: ["F8", "Alt+Down"],
    menu: { name: "Compare", group: 1 },
  },
  {
    id: "compare.previous",
    label: "Previous difference",
    keys: ["Shift+F8", "Alt+Up"],
    menu: { name: "Compare", group: 1 },
  },
  { id: "compare.nextLetter", label: "Next difference", keys: ["N"], context: "grid" },
  { id: "compare.previousLetter", label: "Previous difference", keys: ["Shift+N"], context: "grid" },
  { id: "compare.first", label: "First difference", keys: ["Alt+Home"], menu: { name: "Compare", group: 1 } },
  { id: "compare.last", label: "Last difference", keys: ["Alt+End"], menu: { name: "Compare", group: 1 } },
  {
    id: "compare.nextCluster",
    label: "Next difference in another cluster",
    keys: ["Mod+F8"],
    menu: { name: "Compare", group: 1 },
  },
  {
    id: "compare.lock",
    label: "Scroll lock",
    keys: ["L"],
    context: "grid",
    menu: { name: "Compare", group: 2 },
    toggle: true,
  },
  {
    id: "compare.fold",
    label: "Fold equal rows",
    keys: ["E"],
    context: "grid",
    menu: { name: "Compare", group: 2 },
    toggle: true,
  },
  {
    id: "compare.swap",
    label: "Swap sides",
    keys: ["X"],
    context: "grid",
    menu: { name: "Compare", group: 2 },
  },
  {
    id: "compare.shift",
    label: "Shift B…",
    keys: ["O"],
    context: "grid",
    menu: { name: "Compare", group: 2 },
  },
  { id: "compare.strict", label: "Strict allocation", menu: { name: "Compare", group: 2 }, toggle: true },
  {
    id: "compare.rescan",
    label: "Rescan",
    keys: ["F5"],
    macKeys: ["Mod+R"],
    menu: { name: "Compare", group: 3 },
  },
  { id: "compare.cancel", label: "Cancel scan", keys: ["Escape"], menu: { name: "Compare", group: 3 } },
  { id: "compare.resume", label: "Resume scan", menu: { name: "Compare", group: 3 } },
  { id: "map.zoomIn", label: "Zoom in", keys: ["+", "="], context: "grid", menu: { name: "Map", group: 1 } },
  { id: "map.zoomOut", label: "Zoom out", keys: ["-"], context: "grid", menu: { name: "Map", group: 1 } },
  { id: "map.fit", label: "Whole image", keys: ["0"], context: "grid", menu: { name: "Map", group: 1 } },
  { id: "map.showAll", label: "Show all kinds", menu: { name: "Map", group: 2 } },
  { id: "map.table", label: "View as table", menu: { name: "Map", group: 2 }, toggle: true },
  {
    id: "compare.here",
    label: "Show this byte in the comparison",
    keys: ["G C"],
    context: "grid",
    menu: { name: "Compare", group: 2 },
  },
  {
    id: "map.here",
    label: "Show this byte in the map",
    keys: ["G M"],
    context: "grid",
    menu: { name: "Map", group: 2 },
  },
  { id: "map.picture", label: "Save the map as a picture…", menu: { name: "Map", group: 3 } },
  { id: "map.json", label: "Save the map's numbers and problems…", menu: { name: "Map", group: 3 } },
  { id: "map.bundle", label: "Save metadata-only bundle…", menu: { name: "Map", group: 3 } },
  { id: "timeline.previousFlush", label: "Previous flush or mark", keys: ["["], context: "grid" },
  { id: "timeline.nextFlush", label: "Next flush or mark", keys: ["]"], context: "grid" },
  {
    id: "timeline.state",
    label: "Show the disk after this entry",
    menu: { name: "Timeline", group: 1 },
  },
  {
    id: "timeline.stateMap",
    label: "Show the disk after this entry in the map",
    menu: { name: "Timeline", group: 1 },
  },
  {
    id: "timeline.stateCompare",
    label: "Compare the disk after this entry with…",
    menu: { name: "Timeline", group: 1 },
  },
  { id: "timeline.base", label: "Disk before the log, and discards…", menu: { name: "Timeline", group: 1 } },
  { id: "timeline.history", label: "History of these sectors", keys: ["H"], context: "grid" },
  { id: "timeline.older", label: "Older write of these sectors", keys: [","], context: "grid" },
  { id: "timeline.newer", label: "Newer write of these sectors", keys: ["."], context: "grid" },
  {
    id: "timeline.here",
    label: "Who wrote this?",
    keys: ["G T"],
    context: "grid",
    menu: { name: "Timeline", group: 2 },
  },
  {
    id: "timeline.table",
    label: "View the timeline as a table",
    menu: { name: "Timeline", group: 3 },
    toggle: true,
  },
  { id: "timeline.bisect", label: "Find the first failing entry…", menu: { name: "Timeline", group: 5 } },
  { id: "timeline.firstBad", label: "Go to the first failing entry", menu: { name: "Timeline", group: 5 } },
  {
    id: "timeline.stateGood",
    label: "Show the last disk that passes",
    menu: { name: "Timeline", group: 5 },
  },
  {
    id: "timeline.stateBad",
    label: "Show the first disk that fails",
    menu: { name: "Timeline", group: 5 },
  },
  {
    id: "timeline.compareBad",
    label: "Compare the last disk that passes with the first that fails",
    menu: { name: "Timeline", group: 5 },
  },
  {
    id: "timeline.copyBisect",
    label: "Copy the search as a command",
    menu: { name: "Timeline", group: 5 },
  },
  { id: "timeline.filter", label: "Filter the entries", menu: { name: "Timeline", group: 2 } },
  {
    id: "timeline.play",
    label: "Play or pause",
    keys: ["Space"],
    context: "grid",
    menu: { name: "Timeline", group: 3 },
    toggle: true,
  },
  {
    id: "timeline.follow",
    label: "Follow the log as it grows",
    menu: { name: "Timeline", group: 3 },
    toggle: true,
  },
  { id: "timeline.note", label: "Note on this entry…", keys: ["M"], context: "grid" },
  {
    id: "timeline.recover",
    label: "Look for entries behind the damage",
    menu: { name: "Timeline", group: 4 },
  },
  { id: "timeline.export", label: "Save the entries as JSON lines…", menu: { name: "Timeline", group: 4 } },
  { id: "help.keys", label: "Keys", keys: ["?"], context: "grid", menu: { name: "Help", group: 1 } },
  { id: "help.about", label: "About Blkscope", menu: { name: "Help", group: 2 } },
] as const satisfies readonly CommandSpec[];

export type CommandId = (typeof commandTable)[number]["id"];
