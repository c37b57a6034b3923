// Stored preferences are checked key by key.
import { expect, it } from "vitest";
import { validPrefs } from "../../../renderer/store/prefs.ts";

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
