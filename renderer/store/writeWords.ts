// What the status bar says about writing while a view shows that can write: set by that view, gone with it. Without one
// nothing on screen can change a file.
import { useEffect } from "react";
import { create } from "zustand";

export interface WriteWords {
  readonly text: string;
  /** More of it, as a tooltip. */
  readonly title: string;
}

export const readOnlyWords: WriteWords = {
  text: "read-only",
  title: "Nothing here writes: only a repair that you start changes an image",
};

const useWords = create<{ readonly words: WriteWords | undefined }>()(() => ({ words: undefined }));

/** For as long as the view that calls it shows. */
export function useWriteWords({ text, title }: WriteWords): void {
  useEffect(() => {
    useWords.setState({ words: { text, title } });
    return () => useWords.setState({ words: undefined });
  }, [text, title]);
}

/** Undefined: no view shows that can write. */
export function useWriteWordsNow(): WriteWords | undefined {
  return useWords(({ words }) => words);
}
