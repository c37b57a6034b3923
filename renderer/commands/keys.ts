// Key chords in ux.md's notation ("Mod+Shift+P"): parsing, matching a keyboard event, and how they are shown.
// Letters match by what the key types; on a layout that types no Latin letter, by the key's place.

export type Platform = "linux" | "darwin" | "win32";

export interface Chord {
  readonly ctrl: boolean;
  readonly alt: boolean;
  readonly shift: boolean;
  readonly meta: boolean;
  /** "a", "1", "?", "F8", "ArrowLeft": a KeyboardEvent.key, letters in lower case. */
  readonly key: string;
  /** The letter pressed before it: "g" of "G M". */
  readonly after?: string;
}

/** The part of a KeyboardEvent that matters, so that tests need no DOM. */
export interface KeyPress {
  readonly key: string;
  readonly code: string;
  readonly ctrlKey: boolean;
  readonly altKey: boolean;
  readonly shiftKey: boolean;
  readonly metaKey: boolean;
}

const longNames: Readonly<Record<string, string>> = {
  Left: "ArrowLeft",
  Right: "ArrowRight",
  Up: "ArrowUp",
  Down: "ArrowDown",
  Space: " ",
};
const codes: Readonly<Record<string, string>> = {
  ",": "Comma",
  "[": "BracketLeft",
  "]": "BracketRight",
  "=": "Equal",
  "-": "Minus",
};

/** Throws on a name it does not know: the table is ours, a misspelling must not pass. */
export function parseChord(text: string, platform: Platform): Chord {
  const [first = "", second, ...more] = text.split(" ");
  if (second !== undefined) {
    if (!/^[A-Z]$/.test(first) || more.length > 0) throw new Error(`"${text}" is not a key chord`);
    return { ...parseChord(second, platform), after: first.toLowerCase() };
  }
  const parts = text === "+" ? ["+"] : text.split("+");
  const key = parts.pop() ?? "";
  const has = (name: string) => parts.includes(name);
  const unknown = parts.find((part) => !["Mod", "Ctrl", "Alt", "Shift"].includes(part));
  if (unknown !== undefined || key === "") throw new Error(`"${text}" is not a key chord`);
  const mac = platform === "darwin";
  return {
    ctrl: has("Ctrl") || (has("Mod") && !mac),
    meta: has("Mod") && mac,
    alt: has("Alt"),
    shift: has("Shift"),
    key: longNames[key] ?? (key.length === 1 ? key.toLowerCase() : key),
  };
}

export function matches(press: KeyPress, chord: Chord): boolean {
  if (press.ctrlKey !== chord.ctrl || press.metaKey !== chord.meta || press.altKey !== chord.alt)
    return false;
  // "?" and other marks are typed with or without Shift depending on the layout.
  const shiftMatters = chord.key.length > 1 || /[a-z0-9]/.test(chord.key) || chord.shift;
  if (shiftMatters && press.shiftKey !== chord.shift) return false;
  return sameKey(press, chord.key);
}

function sameKey(press: KeyPress, key: string): boolean {
  const typed = press.key.length === 1 ? press.key.toLowerCase() : press.key;
  if (typed === key) return true;
  // A digit key types "&" or so on some layouts, and another mark with Shift everywhere.
  if (/^[0-9]$/.test(key)) return press.code === `Digit${key}`;
  const typesLatin = press.key.length === 1 && press.key >= " " && press.key <= "~";
  if (typesLatin || press.key.length > 1) return false;
  if (/^[a-z]$/.test(key)) return press.code === `Key${key.toUpperCase()}`;
  return codes[key] !== undefined && press.code === codes[key];
}

/** Keys with which a text field edits or moves: they stay with it. */
export function belongsToTextField(chord: Chord): boolean {
  if (/^F\d+$/.test(chord.key) || chord.key === "Tab") return false;
  if (/^(Arrow|Page|Home|End|Escape|Enter|Delete|Backspace)/.test(chord.key)) return true;
  if (!chord.ctrl && !chord.meta) return true;
  return !chord.shift && !chord.alt && "acvxyz".includes(chord.key);
}

const macSigns: Readonly<Record<string, string>> = {
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  Escape: "Esc",
  PageUp: "PgUp",
  PageDown: "PgDn",
};

/** "Ctrl+Shift+P", or "⇧⌘P" on macOS. */
export function showChord(chord: Chord, platform: Platform): string {
  const { after, ...last } = chord;
  if (after !== undefined) return `${after.toUpperCase()} ${showChord(last, platform)}`;
  if (chord.key === " ") return showChord({ ...chord, key: "Space" }, platform);
  const key = macSigns[chord.key] ?? (chord.key.length === 1 ? chord.key.toUpperCase() : chord.key);
  if (platform === "darwin") {
    return `${chord.ctrl ? "⌃" : ""}${chord.alt ? "⌥" : ""}${chord.shift ? "⇧" : ""}${chord.meta ? "⌘" : ""}${key}`;
  }
  return [chord.ctrl && "Ctrl", chord.alt && "Alt", chord.shift && "Shift", key].filter(Boolean).join("+");
}
