// Stored preferences are checked key by key; sizes are kept by group of panels.
import { expect, it } from "vitest";
import { saveLayout, usePrefs, validPrefs } from "../../../renderer/store/prefs.ts";

it("keeps what is valid and drops what is not", () => {
  const stored = {
    theme: "dark",
    bytesPerRow: 17,
    group: "4",
    encoding: "latin1",
    layouts: { columns: { left: 240 } },
    jumps: ["0x10", 3],
    recentCommands: ["view.hex"],
    constructor: "x",
    unknown: true,
  };
  expect(validPrefs(stored)).toEqual({
    theme: "dark",
    encoding: "latin1",
    layouts: { columns: { left: 240 } },
    recentCommands: ["view.hex"],
  });
});

it.each([undefined, null, "dark", 3, []])("takes %o for nothing", (stored) => {
  expect(validPrefs(stored)).toEqual({});
});

it("refuses sizes that are no numbers", () => {
  expect(validPrefs({ layouts: { columns: { left: "240px" } } })).toEqual({});
  expect(validPrefs({ layouts: [1] })).toEqual({});
});

it("keeps the sizes of other groups, and of panels that do not show now", () => {
  // Nothing is stored: there is no window here.
  usePrefs.setState({ layouts: { columns: { left: 240, right: 300 }, "map-rows": { map: 68, list: 32 } } });
  saveLayout("columns", { left: 260 });
  expect(usePrefs.getState().layouts).toEqual({
    columns: { left: 260, right: 300 },
    "map-rows": { map: 68, list: 32 },
  });
  saveLayout("votes-rows", { panes: 70, list: 30 });
  expect(usePrefs.getState().layouts["votes-rows"]).toEqual({ panes: 70, list: 30 });
});
