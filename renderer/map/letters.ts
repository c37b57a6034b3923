// Letters of cells as coverage, drawn once by the browser in the font of the theme.
import { charWidthOf, GlyphAtlas } from "../hex/glyphs.ts";
import { pixel } from "../hex/theme.ts";
import type { Letters } from "./look.ts";

const white = pixel(255, 255, 255);
const black = pixel(0, 0, 0);
/** Of the square's side. */
const fontShare = 0.8;

/** Letters of one font family. */
export function lettersOf(family: string): Letters {
  const atlases = new Map<number, GlyphAtlas>();
  return (letter, side) => {
    const size = Math.max(1, Math.round(side * fontShare));
    const charWidth = Math.min(side, charWidthOf(family, size));
    const atlas = atlases.get(side) ?? new GlyphAtlas({ family, size, charWidth, rowHeight: side });
    atlases.set(side, atlas);
    // White on black is coverage itself, in any of the three colours.
    const { pixels } = atlas.colour(letter, 1, { fg: white, bg: black, bold: true });
    const mask = new Uint8Array(side * side);
    const left = Math.round((side - charWidth) / 2);
    for (let at = 0; at < pixels.length; at++) {
      const x = left + (at % charWidth);
      if (x < side) mask[Math.floor(at / charWidth) * side + x] = (pixels[at] ?? 0) & 0xff;
    }
    return mask;
  };
}
