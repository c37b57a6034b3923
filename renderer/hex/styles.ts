// Every look a byte can have, as ready glyph styles: what it is (plain, zero, differing ...) times how it is
// chosen (not, selected, under the caret). Made once per theme and glyph atlas.
import type { GlyphAtlas, StyledGlyphs } from "./glyphs.ts";
import type { ByteMark } from "./rowContent.ts";
import { mix, type Theme } from "./theme.ts";

export type Look = Exclude<ByteMark, "outside"> | "zero";
export type Choice = "no" | "selected" | "selectedAway" | "caret";

export interface HexStyles {
  readonly byte: Readonly<Record<Look, Readonly<Record<Choice, StyledGlyphs>>>>;
  readonly address: StyledGlyphs;
  /** Leading zeros of an address. */
  readonly addressZero: StyledGlyphs;
  readonly addressHere: StyledGlyphs;
  readonly header: StyledGlyphs;
  readonly headerHere: StyledGlyphs;
  readonly fold: StyledGlyphs;
  readonly note: StyledGlyphs;
  readonly letter: Readonly<Record<"D" | "A" | "B" | "?", StyledGlyphs>>;
  /** Labels in the gutter, in the small font; over what the gutter has behind them. */
  readonly label: StyledGlyphs;
  readonly clusterLabel: StyledGlyphs;
}

/** A selection without focus is this much of the full one, of 255. */
const awayShare = 150;

export function makeStyles(theme: Theme, main: GlyphAtlas, small: GlyphAtlas): HexStyles {
  const p = theme.pixel;
  const looks: Record<Look, Parameters<GlyphAtlas["styled"]>[0]> = {
    plain: { fg: p["hex-text"], bg: p["hex-bg"] },
    zero: { fg: p["hex-zero"], bg: p["hex-bg"] },
    missing: { fg: p["hex-missing"], bg: p["hex-bg"] },
    differs: { fg: p["diff-differs-fg"], bg: p["diff-differs-bg"], bold: true, underlined: true },
    current: { fg: p["diff-current-fg"], bg: p["diff-current-bg"], bold: true, underlined: true },
    oneSide: { fg: p["diff-oneside-fg"], bg: p["diff-oneside-bg"] },
    unreadable: { fg: p["diff-unreadable-fg"], bg: p["diff-unreadable-bg"], bold: true, over: true },
  };
  const away = mix(p["hex-bg"], p["hex-selection-bg"], awayShare);
  const choices = (look: Look): Record<Choice, StyledGlyphs> => {
    const { over: _over, ...base } = looks[look];
    const fg =
      look === "zero" || look === "missing" ? mix(p["hex-zero"], p["hex-selection-fg"], 110) : undefined;
    const selected = { ...base, fg: fg ?? p["hex-selection-fg"] };
    return {
      no: main.styled(looks[look]),
      selected: main.styled({ ...selected, bg: p["hex-selection-bg"] }),
      selectedAway: main.styled({ ...selected, fg: fg ?? p["hex-text"], bg: away }),
      caret: main.styled({ ...base, fg: p["hex-bg"], bg: p["hex-caret"] }),
    };
  };
  const plain = (fg: number, bg = p["hex-bg"], bold = false) => main.styled({ fg, bg, bold });
  const oneSide = plain(p["diff-oneside-fg"], p["diff-oneside-bg"], true);
  return {
    byte: {
      plain: choices("plain"),
      zero: choices("zero"),
      missing: choices("missing"),
      differs: choices("differs"),
      current: choices("current"),
      oneSide: choices("oneSide"),
      unreadable: choices("unreadable"),
    },
    address: plain(p["hex-address"]),
    addressZero: plain(p["hex-zero"]),
    addressHere: plain(p["hex-text"], p["hex-bg"], true),
    header: plain(p["hex-address"], p["hex-header-bg"]),
    headerHere: plain(p["hex-text"], p["hex-header-bg"], true),
    fold: plain(p["hex-address"], p["hex-fold-bg"]),
    note: plain(p["hex-zero"]),
    letter: {
      D: plain(p["diff-differs-fg"], p["diff-differs-bg"], true),
      A: oneSide,
      B: oneSide,
      "?": plain(p["diff-unreadable-fg"], p["diff-unreadable-bg"], true),
    },
    label: small.styled({ fg: p["hex-address"], bg: p["hex-bg"], over: true }),
    clusterLabel: small.styled({ fg: p["hex-text"], bg: p["hex-bg"], bold: true, over: true }),
  };
}
