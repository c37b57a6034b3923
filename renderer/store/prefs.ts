// The persisted preferences: theme, hex layout, density. Version and migrate guard old stored shapes.
import { create } from "zustand";
import { persist } from "zustand/middleware";

export type TextEncoding = "ascii" | "utf-8" | "utf-16le" | "utf-16be" | "latin1" | "ebcdic037" | "ebcdic500";

interface Prefs {
  readonly theme: "system" | "light" | "dark";
  readonly bytesPerRow: 8 | 16 | 32 | 64;
  readonly group: 1 | 2 | 4 | 8;
  readonly rowHeight: 18 | 20 | 24;
  readonly addressBase: "hex" | "decimal" | "sector";
  /** Which boundary lines show; cycled with U. */
  readonly boundaries: "all" | "sector" | "cluster" | "none";
  readonly encoding: TextEncoding;
  /** "format" follows the image's own byte order. */
  readonly endianness: "format" | "little" | "big";
}
interface PrefsStore extends Prefs {
  set(change: Partial<Prefs>): void;
}

export const usePrefs = create<PrefsStore>()(
  persist(
    (set) => ({
      theme: "system",
      bytesPerRow: 16,
      group: 1,
      rowHeight: 20,
      addressBase: "hex",
      boundaries: "all",
      encoding: "ascii",
      endianness: "format",
      set: (change) => set(change),
    }),
    {
      name: "blkscope-prefs",
      version: 1,
      partialize: ({ set: _set, ...prefs }) => prefs,
      migrate: (stored) => stored as PrefsStore,
    },
  ),
);
