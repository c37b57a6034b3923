import type { MenuItemConstructorOptions } from "electron";
import { describe, expect, it } from "vitest";
import { type CommandSpec, commandTable } from "../../electron/commandTable.ts";
import { acceleratorOf, commandItem, menuTemplate, type Platform } from "../../electron/menuTemplate.ts";

type Item = MenuItemConstructorOptions;
const platforms = ["linux", "win32", "darwin"] as const;
const specs: readonly CommandSpec[] = commandTable;

function template(platform: Platform, change: Partial<Parameters<typeof menuTemplate>[0]> = {}) {
  const ran: string[] = [];
  const menus = menuTemplate({
    platform,
    development: false,
    recent: [],
    run: (id) => ran.push(id),
    ...change,
  });
  return { ran, menus };
}
const itemsOf = (menu: Item | undefined) => (menu?.submenu ?? []) as Item[];
const allItems = (menus: readonly Item[]) => menus.flatMap(itemsOf);
const menuNamed = (menus: readonly Item[], label: string) =>
  menus.find((menu) => menu.label?.replace("&", "") === label);
const commandNamed = (menus: readonly Item[], id: string) =>
  allItems(menus).find((item) => item.id === commandItem + id);
const click = (item: Item | undefined, given: { checked?: boolean } = {}) =>
  (item?.click as ((item: unknown) => void) | undefined)?.(given);

describe.each(platforms)("the menu on %s", (platform) => {
  it("has each command of the table that names a menu, once", () => {
    const ids = allItems(template(platform).menus).flatMap(({ id }) =>
      id?.startsWith(commandItem) ? [id] : [],
    );
    const wanted = specs.filter(({ menu }) => menu !== undefined).map(({ id }) => commandItem + id);
    expect([...ids].sort()).toEqual([...wanted].sort());
  });

  it("runs a command by its id, and leaves its mark to the page", () => {
    const { menus, ran } = template(platform);
    click(commandNamed(menus, "file.open"));
    const flipped = { checked: true }; // as Electron has it when the click arrives
    click(commandNamed(menus, "view.sidebar"), flipped);
    expect(ran).toEqual(["file.open", "view.sidebar"]);
    expect(flipped.checked).toBe(false);
  });

  it("shows commands as not available until the page says otherwise", () => {
    const items = allItems(template(platform).menus).filter(({ id }) => id?.startsWith(commandItem));
    expect(items.filter(({ enabled }) => enabled !== false)).toEqual([]);
    expect(commandNamed(template(platform).menus, "compare.lock")?.type).toBe("checkbox");
  });

  it("gives no two items the same accelerator", () => {
    const shown = allItems(template(platform).menus).flatMap(({ accelerator }) =>
      accelerator
        ? [accelerator.replace("CommandOrControl", platform === "darwin" ? "Command" : "Control")]
        : [],
    );
    expect(shown.filter((key, at) => shown.indexOf(key) !== at)).toEqual([]);
    // Keys of roles that Electron sets itself.
    const roles = [
      "Control+Q",
      "Command+Q",
      "Control+W",
      "Command+M",
      "Command+H",
      "F11",
      "Control+0",
      "Control+-",
    ];
    const closeTab = platform === "darwin" ? "Command+W" : "Control+W";
    expect(shown.filter((key) => roles.includes(key) && key !== closeTab)).toEqual([]);
  });

  it("starts and ends no menu with a separator, and has no two in a row", () => {
    for (const menu of template(platform).menus) {
      const kinds = itemsOf(menu).map(({ type }) => type === "separator");
      if (kinds.length === 0) continue;
      expect([kinds[0], kinds.at(-1)]).toEqual([false, false]);
      expect(kinds.some((isSeparator, at) => isSeparator && kinds[at + 1] === true)).toBe(false);
    }
  });

  it("has the system's editing commands", () => {
    const items = itemsOf(menuNamed(template(platform).menus, "Edit"));
    expect(items.flatMap(({ role }) => role ?? [])).toEqual(["undo", "redo", "cut", "copy", "paste"]);
    // Bytes are selected by a command of ours, which also serves text fields.
    expect(items.map(({ label }) => label)).toContain("Select all");
  });

  it("opens developer tools in development only", () => {
    const roles = (development: boolean) =>
      allItems(template(platform, { development }).menus).map(({ role }) => role);
    expect(roles(false)).not.toContain("toggleDevTools");
    expect(roles(true)).toContain("toggleDevTools");
  });
});

describe.each(["linux", "win32"] as const)("keys in the menu on %s", (platform) => {
  it("are shown and left to the page", () => {
    const items = allItems(template(platform).menus).filter(
      ({ id, role }) => id !== undefined || role === "copy",
    );
    expect(
      items.filter(({ accelerator, registerAccelerator }) => accelerator && registerAccelerator !== false),
    ).toEqual([]);
    expect(commandNamed(template(platform).menus, "compare.lock")).toMatchObject({ accelerator: "L" });
  });
});

describe("keys in the menu on macOS", () => {
  it("have a modifier or are function keys, so that typing never chooses an item", () => {
    const { menus } = template("darwin");
    for (const { id, accelerator } of allItems(menus)) {
      if (accelerator)
        expect([id, accelerator]).toEqual([id, expect.stringMatching(/Control|Command|Alt|^(Shift\+)?F\d/)]);
    }
    expect(commandNamed(menus, "compare.lock")?.accelerator).toBeUndefined();
    expect(commandNamed(menus, "compare.cancel")?.accelerator).toBeUndefined();
    expect(commandNamed(menus, "help.keys")?.accelerator).toBeUndefined();
  });

  it("are those of macOS where they differ", () => {
    const goTo: CommandSpec = { id: "x", label: "x", keys: ["Mod+G"], macKeys: ["Mod+L", "Ctrl+G"] };
    expect([acceleratorOf(goTo, "darwin"), acceleratorOf(goTo, "linux")]).toEqual([
      "CommandOrControl+L",
      "CommandOrControl+G",
    ]);
  });

  it("has About and Settings in the app's own menu, and a Window menu", () => {
    const { menus } = template("darwin");
    expect(menus[0]?.label).toBe("Blkscope");
    expect(itemsOf(menus[0]).map(({ id }) => id)).toEqual(
      expect.arrayContaining([`${commandItem}help.about`, `${commandItem}view.settings`]),
    );
    expect(menus.map(({ role }) => role)).toEqual(expect.arrayContaining(["windowMenu", "help"]));
  });
});

describe("recent items", () => {
  it("open by a click, with names as they are", () => {
    const opened: string[] = [];
    const recent = ["a&b.raw", "c.qed ⇄ d.raw"].map((label) => ({ label, open: () => opened.push(label) }));
    const menu = itemsOf(menuNamed(template("linux", { recent }).menus, "File")).find(
      ({ label }) => label === "Open &recent",
    );
    expect(menu?.enabled).toBe(true);
    expect(itemsOf(menu).map(({ label }) => label)).toEqual(["a&&b.raw", "c.qed ⇄ d.raw"]);
    click(itemsOf(menu)[1]);
    expect(opened).toEqual(["c.qed ⇄ d.raw"]);
  });
});
