// Chords: what they parse to, which key presses they match on several layouts, and how they are shown.
import { describe, expect, it } from "vitest";
import {
  belongsToTextField,
  type KeyPress,
  matches,
  parseChord,
  showChord,
} from "../../../renderer/commands/keys.ts";

function press(key: string, code: string, modifiers = ""): KeyPress {
  const has = (name: string) => modifiers.includes(name);
  return {
    key,
    code,
    ctrlKey: has("ctrl"),
    altKey: has("alt"),
    shiftKey: has("shift"),
    metaKey: has("meta"),
  };
}
const onLinux = (chord: string, pressed: KeyPress) => matches(pressed, parseChord(chord, "linux"));

describe("matching", () => {
  it("matches a chord only with exactly its modifiers", () => {
    expect(onLinux("Mod+Shift+P", press("P", "KeyP", "ctrl shift"))).toBe(true);
    expect(onLinux("Mod+Shift+P", press("p", "KeyP", "ctrl"))).toBe(false);
    expect(onLinux("Mod+P", press("P", "KeyP", "ctrl shift"))).toBe(false);
    expect(onLinux("Mod+P", press("p", "KeyP", "ctrl alt"))).toBe(false);
    expect(onLinux("Mod+P", press("p", "KeyP", "meta"))).toBe(false);
  });

  it("takes Mod for Cmd on macOS and Ctrl elsewhere", () => {
    expect(matches(press("o", "KeyO", "meta"), parseChord("Mod+O", "darwin"))).toBe(true);
    expect(matches(press("o", "KeyO", "ctrl"), parseChord("Mod+O", "darwin"))).toBe(false);
    expect(matches(press("o", "KeyO", "ctrl"), parseChord("Mod+O", "win32"))).toBe(true);
  });

  it("follows what the key types on a Latin layout", () => {
    // Dvorak: the key at KeyR types "p".
    expect(onLinux("Mod+P", press("p", "KeyR", "ctrl"))).toBe(true);
    expect(onLinux("Mod+R", press("p", "KeyR", "ctrl"))).toBe(false);
  });

  it("falls back to the key's place on a layout without Latin letters", () => {
    expect(onLinux("Mod+O", press("щ", "KeyO", "ctrl"))).toBe(true);
    expect(onLinux("Mod+Shift+P", press("З", "KeyP", "ctrl shift"))).toBe(true);
    expect(matches(press("ç", "KeyC", "meta alt"), parseChord("Mod+Alt+C", "darwin"))).toBe(true);
    expect(matches(press("х", "BracketLeft", "meta"), parseChord("Mod+[", "darwin"))).toBe(true);
  });

  it("finds digits on AZERTY, where the key types a mark", () => {
    expect(onLinux("Mod+1", press("&", "Digit1", "ctrl"))).toBe(true);
    expect(onLinux("Mod+2", press("&", "Digit1", "ctrl"))).toBe(false);
  });

  it("takes a mark with or without Shift, as the layout has it", () => {
    expect(onLinux("?", press("?", "Slash", "shift"))).toBe(true);
    expect(onLinux("?", press("?", "KeyM", "shift"))).toBe(true);
    expect(onLinux("?", press("?", "Minus"))).toBe(true);
    expect(onLinux("?", press("/", "Slash"))).toBe(false);
  });

  it("matches keys by name", () => {
    expect(onLinux("Alt+Left", press("ArrowLeft", "ArrowLeft", "alt"))).toBe(true);
    expect(onLinux("Shift+F8", press("F8", "F8", "shift"))).toBe(true);
    expect(onLinux("F8", press("F8", "F8", "shift"))).toBe(false);
    expect(onLinux("Ctrl+Tab", press("Tab", "Tab", "ctrl"))).toBe(true);
    expect(onLinux("N", press("N", "KeyN", "shift"))).toBe(false);
  });

  it("refuses a misspelt chord", () => {
    expect(() => parseChord("Cmd+P", "linux")).toThrow("not a key chord");
    expect(() => parseChord("Mod+", "linux")).toThrow("not a key chord");
  });
});

describe("text fields", () => {
  it.each(["Mod+A", "Mod+C", "Mod+V", "Alt+Left", "Mod+Home", "Alt+Down", "Escape", "N", "?", "Shift+N"])(
    "keep %s",
    (chord) => expect(belongsToTextField(parseChord(chord, "linux"))).toBe(true),
  );
  it.each(["Mod+Shift+P", "F1", "F8", "Shift+F6", "Mod+G", "Ctrl+Tab", "Mod+1", "Mod+Shift+C"])(
    "let %s through",
    (chord) => expect(belongsToTextField(parseChord(chord, "linux"))).toBe(false),
  );
});

describe("showing", () => {
  it.each([
    ["Mod+Shift+P", "Ctrl+Shift+P", "⇧⌘P"],
    ["Alt+Left", "Alt+←", "⌥←"],
    ["F8", "F8", "F8"],
    ["Ctrl+Tab", "Ctrl+Tab", "⌃Tab"],
    ["?", "?", "?"],
  ])("shows %s as each system writes it", (chord, linux, mac) => {
    expect(showChord(parseChord(chord, "linux"), "linux")).toBe(linux);
    expect(showChord(parseChord(chord, "darwin"), "darwin")).toBe(mac);
  });
});
