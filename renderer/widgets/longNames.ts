// Where a long name is cut, pure: what of its end is always shown.

/** Between the names of a pair. */
export const pairSign = " ⇄ ";

/** Characters as a person counts them: a letter with its marks is one. */
const characters = new Intl.Segmenter(undefined, { granularity: "grapheme" });
/** Characters of an end; of each name of a pair, which has half the room. */
const kept = { one: 12, ofPair: 6 };

export interface CutName {
  readonly start: string;
  /** Shown however little room there is; empty for a name that is not long. */
  readonly end: string;
}

/** A name, or both of a pair, as a start that may be cut and an end that is not. */
export function cutName(text: string): readonly CutName[] {
  const names = text.split(pairSign);
  return names.map((name) => {
    const end = endOfName(name, names.length > 1 ? kept.ofPair : kept.one);
    return { start: name.slice(0, name.length - end.length), end };
  });
}

/** The end of a name that has more than twice as many characters; nothing of a shorter one. */
export function endOfName(name: string, count = kept.one): string {
  const starts = Array.from(characters.segment(name), ({ index }) => index);
  return starts.length <= 2 * count ? "" : name.slice(starts[starts.length - count]);
}
