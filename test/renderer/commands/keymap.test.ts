// The command table as keys: no two commands share a chord, and every chord is one the parser knows.
import { describe, expect, it } from "vitest";
import { type CommandSpec, commandTable } from "../../../electron/commandTable.ts";
import {
  bindingsFor,
  bindingsOf,
  conflicts,
  keyGroups,
  keyLabel,
  prefixOf,
} from "../../../renderer/commands/keymap.ts";

describe.each(["linux", "darwin", "win32"] as const)("on %s", (platform) => {
  it("no two commands answer to the same keys", () => {
    expect(conflicts(bindingsFor(platform))).toEqual([]);
  });

  it("single letters and marks work only while a grid or list has the focus", () => {
    const bare = bindingsFor(platform).filter(
      ({ chord }) => chord.key.length === 1 && !chord.ctrl && !chord.alt && !chord.meta,
    );
    expect(bare.length).toBeGreaterThan(5);
    expect(bare.filter(({ context }) => context !== "grid")).toEqual([]);
  });
});

it("finds a conflict when there is one", () => {
  const [binding] = bindingsFor("linux");
  if (!binding) throw new Error("the table is empty");
  expect(conflicts([binding, { ...binding, id: "help.about" }])).toEqual([[binding.id, "help.about"]]);
});

it("gives a letter to the grid only", () => {
  const press = { key: "n", code: "KeyN", ctrlKey: false, altKey: false, shiftKey: false, metaKey: false };
  const bindings = bindingsFor("linux");
  expect(bindingsOf(press, bindings, true).map(({ id }) => id)).toEqual(["compare.nextLetter"]);
  expect(bindingsOf(press, bindings, false)).toEqual([]);
});

it("shows the first key of a command, and none for a command without", () => {
  expect(keyLabel("view.palette", "linux")).toBe("Ctrl+Shift+P");
  expect(keyLabel("go.to", "darwin")).toBe("⌘L");
  expect(keyLabel("file.openSample", "linux")).toBeUndefined();
});

it("command names and ids are unique where the palette lists them", () => {
  const specs: readonly CommandSpec[] = commandTable;
  expect(new Set(specs.map((spec) => spec.id)).size).toBe(specs.length);
});

it("a sequence means its command only after its first letter, which means nothing else", () => {
  const press = (key: string) => ({
    key,
    code: `Key${key.toUpperCase()}`,
    ctrlKey: false,
    altKey: false,
    shiftKey: false,
    metaKey: false,
  });
  const bindings = bindingsFor("linux");
  expect(prefixOf(press("g"), bindings, true)).toBe("g");
  expect(prefixOf(press("g"), bindings, false)).toBeUndefined();
  expect(prefixOf(press("n"), bindings, true)).toBeUndefined();
  expect(bindingsOf(press("g"), bindings, true)).toEqual([]);
  expect(bindingsOf(press("m"), bindings, true).map(({ id }) => id)).toEqual(["timeline.note"]);
  expect(bindingsOf(press("m"), bindings, true, "g").map(({ id }) => id)).toEqual(["map.here"]);
  expect(bindingsOf(press("n"), bindings, true, "g")).toEqual([]);
  expect(keyLabel("map.here", "linux")).toBe("G M");
});

it("lists every key of every command once, those of one name together", () => {
  const groups = keyGroups("linux");
  const listed = groups.flatMap(({ rows }) => rows.flatMap(([, keys]) => keys));
  expect(listed).toHaveLength(bindingsFor("linux").length);
  expect(groups.find(({ title }) => title === "Map")?.rows).toContainEqual(["Zoom in", ["+", "="]]);
  expect(groups.find(({ title }) => title === "Timeline")?.rows).toContainEqual([
    "Next flush or mark",
    ["]"],
  ]);
  expect(groups.find(({ title }) => title === "Compare")?.rows[0]).toEqual([
    "Next difference or problem",
    ["F8", "Alt+↓", "N"],
  ]);
});
