// Where a long name is cut, pure: what of its end is always shown.

/** Characters as a person counts them: a letter with its marks is one. */
const characters = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const kept = 12;

/** The end of a name that has more than twice as many characters; nothing of a shorter one. */
export function endOfName(name: string): string {
  const starts = Array.from(characters.segment(name), ({ index }) => index);
  return starts.length <= 2 * kept ? "" : name.slice(starts[starts.length - kept]);
}
