// How operations look (ux.md 6 and 13): the colour of each, and which of several that share a cell is seen. Plot, minimap
// and legend read this and nothing else.
import { binOps } from "../../core/writelog/bins.ts";
import { mix, type Pixel, type Theme } from "../hex/theme.ts";

export type PlotOp = "write" | "metadata" | "fua" | "fuaMetadata" | "discard";

export const opTokens = {
  write: "kind-data",
  metadata: "kind-metadata",
  fua: "kind-shared",
  fuaMetadata: "kind-metadata",
  discard: "log-discard",
  flush: "kind-compressed",
  mark: "log-mark",
} as const;

/** What a cell is seen as: the rarest and weightiest of what lies in it. Undefined: nothing lies there. */
export function strongest(mask: number): PlotOp | undefined {
  const has = (bit: number) => (mask & bit) !== 0;
  if (has(binOps.fua)) return has(binOps.metadata) ? "fuaMetadata" : "fua";
  if (has(binOps.metadata)) return "metadata";
  if (has(binOps.write)) return "write";
  return has(binOps.discard) ? "discard" : undefined;
}

/** Steps of density that are told apart: 1 entry, up to 4, up to 32, more. */
const tones = 4;
const masks = 16;
/** A cell's look: what is strongest, how dense, dimmed or not, and whether it is the edge of discards. */
const lookCount = masks * tones * 2;

/** How much of its colour a cell has, of 255, by tone: the thin ones are still clearly seen. */
const strength = [165, 200, 230, 255] as const;
const dimmed = 80;
const discardFill = 70;

/** Where a column has but few entries, every one is as strong as can be. */
const fewEntries = 64;

export function toneOf(densityCode: number, entriesPerColumn: number): number {
  if (entriesPerColumn <= fewEntries) return tones - 1;
  if (densityCode <= 1) return 0;
  if (densityCode <= 33) return 1;
  return densityCode <= 80 ? 2 : 3;
}

/** The number of a cell's look. A discard alone has tones of its own: 0 is its inside, 1 its outline. */
export function lookOf(mask: number, tone: number, dim: boolean): number {
  return (dim ? masks * tones : 0) + tone * masks + mask;
}

/** The colour of every look on the theme's background. */
export function palette({ pixel }: Theme): Uint32Array {
  const colours = new Uint32Array(lookCount);
  for (let look = 0; look < lookCount; look++) {
    const mask = look % masks;
    const tone = Math.floor(look / masks) % tones;
    const op = strongest(mask);
    if (op === undefined) continue;
    const share = op === "discard" ? (tone === 0 ? discardFill : 255) : (strength[tone] as number);
    const faded = look >= masks * tones ? Math.min(share, dimmed) : share;
    colours[look] = mix(
      pixel.bg,
      pixel[opTokens[op]],
      op === "discard" && look >= masks * tones ? share / 4 : faded,
    );
  }
  return colours;
}

/** The colour of an operation; dimmed where it does not pass the filter. */
export function opColour({ pixel }: Theme, op: keyof typeof opTokens, dim = false): Pixel {
  const colour = pixel[opTokens[op]];
  return dim ? mix(pixel.bg, colour, dimmed) : colour;
}
