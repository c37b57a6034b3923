// The one persisted store: theme, hex layout, density, and small habits (sizes of side panels, recent jumps
// and commands). Stored values are checked key by key, so an old or damaged entry only loses itself.
import { create } from "zustand";
import { persist } from "zustand/middleware";

export type TextEncoding = "ascii" | "utf-8" | "utf-16le" | "utf-16be" | "latin1" | "ebcdic037" | "ebcdic500";

/** The values each choice may have, in the order to offer them. */
export const choices = {
  theme: ["system", "light", "dark"],
  bytesPerRow: [8, 16, 32, 64],
  group: [1, 2, 4, 8],
  rowHeight: [18, 20, 24],
  addressBase: ["hex", "decimal", "sector"],
  boundaries: ["all", "sector", "cluster", "none"],
  encoding: ["ascii", "utf-8", "utf-16le", "utf-16be", "latin1", "ebcdic037", "ebcdic500"],
  endianness: ["format", "little", "big"],
} as const;

type Choices = { readonly [K in keyof typeof choices]: (typeof choices)[K][number] };

interface Habits {
  /** Sizes of panels, percent or pixels, by group of panels and panel. */
  readonly layouts: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Go-to expressions, newest first. */
  readonly jumps: readonly string[];
  /** Commands run from the palette, newest first. */
  readonly recentCommands: readonly string[];
}

/**
 * `boundaries`: which boundary lines show, cycled with U. `endianness`: "format" follows the image's own byte
 * order. `rowHeight` is in pixels.
 */
export interface Prefs extends Choices, Habits {}

interface PrefsStore extends Prefs {
  set(change: Partial<Prefs>): void;
}

const defaults: Prefs = {
  theme: "system",
  bytesPerRow: 16,
  group: 1,
  rowHeight: 20,
  addressBase: "hex",
  boundaries: "all",
  encoding: "ascii",
  endianness: "format",
  layouts: {},
  jumps: [],
  recentCommands: [],
};

export const usePrefs = create<PrefsStore>()(
  persist((set) => ({ ...defaults, set: (change) => set(change) }), {
    name: "blkscope-prefs",
    version: 1,
    // Main keeps the theme, to colour the window before there is a page.
    partialize: ({ set: _set, theme: _theme, ...prefs }) => prefs,
    migrate: (stored) => stored as PrefsStore,
    merge: (stored, current) => ({ ...current, ...validPrefs(stored) }),
  }),
);

/** Remembers the sizes of a group's panels, percent or pixels as the group has them; of panels not named, those before. */
export function saveLayout(group: string, sizes: Readonly<Record<string, number>>): void {
  const { layouts, set } = usePrefs.getState();
  set({ layouts: { ...layouts, [group]: { ...layouts[group], ...sizes } } });
}

/** Those members of a stored value that are what they should be. */
export function validPrefs(stored: unknown): Partial<Prefs> {
  if (typeof stored !== "object" || stored === null) return {};
  const entries = Object.entries(stored).filter(([key, value]) => isValid(key, value));
  return Object.fromEntries(entries) as Partial<Prefs>;
}

function isValid(key: string, value: unknown): boolean {
  const allowed: readonly unknown[] | undefined = Object.hasOwn(choices, key)
    ? choices[key as keyof typeof choices]
    : undefined;
  if (allowed) return allowed.includes(value);
  if (key === "jumps" || key === "recentCommands") return isStrings(value);
  return key === "layouts" && isRecord(value) && Object.values(value).every(isSizes);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isSizes = (value: unknown) => isRecord(value) && Object.values(value).every(Number.isFinite);
const isStrings = (value: unknown) =>
  Array.isArray(value) && value.length <= 50 && value.every((item) => typeof item === "string");
