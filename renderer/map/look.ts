// What each cell is painted with: one pixel for small cells, a ready tile with pattern or letter for larger ones, per
// theme, size of cells and filter. Also what tells areas apart that have no pattern of their own at that size.
import { type ClusterKind, clusterKinds, kindNumber } from "../../core/block/structure.ts";
import type { Tile } from "../hex/raster.ts";
import { mix, type Pixel, type Theme } from "../hex/theme.ts";
import { crossLetter, kindLooks, type Look, letterSide, type Pattern, patternSide } from "./kinds.ts";
import { covers } from "./patterns.ts";
import { notLoaded } from "./tiles.ts";

/** Coverage (0 to 255) of a letter in a square of `side` device pixels. */
export type Letters = (letter: string, side: number) => Uint8Array;

export interface CellStyle {
  readonly theme: Theme;
  readonly letters: Letters;
  /** Device pixels of a CSS pixel. */
  readonly scale: number;
}

export interface CellLook {
  readonly side: number;
  readonly background: Pixel;
  /** By number of kind, and `notLoaded`. */
  readonly base: Uint32Array;
  /** The same on every fourth and every eighth diagonal: what is not known or not readable is hatched. */
  readonly dense: Uint32Array;
  readonly sparse: Uint32Array;
  /** By number of kind, for cells that are large enough; they fill the whole cell. */
  readonly tiles: readonly Tile[] | undefined;
}

/** How far a dimmed kind fades into the background, of 255. */
const dimming = 205;
/** How strongly a pattern stands on its colour, of 255: large areas of it must still have that colour. */
const patternInk = 170;

export function cellLook(style: CellStyle, side: number, isolated: ReadonlySet<ClusterKind>): CellLook {
  const { theme, scale } = style;
  const background = theme.pixel.bg;
  const base = new Uint32Array(256).fill(theme.pixel["kind-unscanned"]);
  const kinds = clusterKinds.map((kind) => ({ kind, dim: isolated.size > 0 && !isolated.has(kind) }));
  for (const [number, { kind, dim }] of kinds.entries()) {
    base[number] = colourOf(theme, kindLooks[kind], dim);
  }
  const dense = base.slice();
  dense[kindNumber("unreadable")] = theme.pixel["diff-unreadable-hatch"];
  const sparse = dense.slice();
  for (const number of [notLoaded, kindNumber("unknown")])
    sparse[number] = theme.pixel["diff-unscanned-hatch"];
  for (const [number, { dim }] of kinds.entries()) {
    if (dim) dense[number] = sparse[number] = base[number] ?? background;
  }
  const tiles = side >= patternSide * scale ? tilesOf(style, side, kinds, base) : undefined;
  return { side, background, base, dense, sparse, tiles };
}

function colourOf(theme: Theme, { token }: Look, dim: boolean): Pixel {
  const colour = theme.pixel[token];
  return dim ? mix(colour, theme.pixel.bg, dimming) : colour;
}

function tilesOf(
  style: CellStyle,
  side: number,
  kinds: readonly { readonly kind: ClusterKind; readonly dim: boolean }[],
  base: Uint32Array,
): readonly Tile[] {
  const tiles = kinds.map(({ kind, dim }) => cellTile(style, kindLooks[kind], side, dim));
  const { theme } = style;
  const empty = plainTile(side, gapOf(style.scale), base[notLoaded] ?? 0, theme.pixel.bg);
  drawPattern(empty, "sparse-hatch", side - gapOf(style.scale), theme.pixel["diff-unscanned-hatch"]);
  return Array.from({ length: 256 }, (_, number) => tiles[number] ?? empty);
}

/** The picture of one cell, `side` device pixels with the gap to its neighbours. Dimmed cells have no shape. */
export function cellTile(style: CellStyle, look: Look, side: number, dim = false): Tile {
  const { theme, scale, letters } = style;
  const gap = gapOf(scale);
  const inner = side - gap;
  const colour = colourOf(theme, look, dim);
  const tile = plainTile(side, gap, colour, theme.pixel.bg);
  if (look.outlined) {
    const line = dim ? mix(theme.pixel["kind-outline"], theme.pixel.bg, 160) : theme.pixel["kind-outline"];
    drawOutline(tile, inner, line, Math.max(1, Math.floor(scale)));
  }
  if (dim) return tile;
  const ink = inkOn(colour, theme);
  const hasLetter = look.letter !== "" && look.letter !== crossLetter;
  if (side >= letterSide * scale && hasLetter) {
    drawLetter(tile, letters(look.letter, inner), inner, ink);
  } else if (look.pattern === "hatch") {
    drawPattern(tile, look.pattern, inner, theme.pixel["diff-unreadable-hatch"]);
  } else if (look.pattern === "sparse-hatch") {
    drawPattern(tile, look.pattern, inner, theme.pixel["diff-unscanned-hatch"]);
  } else {
    // The cross stands for a letter, and nothing must be fainter than a problem.
    drawPattern(tile, look.pattern, inner, look.pattern === "cross" ? ink : mix(colour, ink, patternInk));
  }
  return tile;
}

/** Device pixels between cells that are large enough for a pattern. */
function gapOf(scale: number): number {
  return Math.max(1, Math.floor(scale));
}

/** Text or background of the theme, whichever is easier to read on the colour. */
export function inkOn(colour: Pixel, theme: Theme): Pixel {
  const { text, bg } = theme.pixel;
  return contrast(colour, text) >= contrast(colour, bg) ? text : bg;
}

function contrast(one: Pixel, other: Pixel): number {
  const [a, b] = [luminance(one), luminance(other)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

/** Relative luminance, WCAG 2.2. */
function luminance(colour: Pixel): number {
  const part = (shift: number) => {
    const value = ((colour >>> shift) & 0xff) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * part(0) + 0.7152 * part(8) + 0.0722 * part(16);
}

function plainTile(side: number, gap: number, colour: Pixel, background: Pixel): Tile {
  const pixels = new Uint32Array(side * side).fill(background);
  const inner = side - gap;
  for (let y = 0; y < inner; y++) pixels.fill(colour, y * side, y * side + inner);
  return { width: side, height: side, pixels };
}

function drawOutline({ width, pixels }: Tile, inner: number, colour: Pixel, thick: number): void {
  for (let y = 0; y < inner; y++) {
    for (let x = 0; x < inner; x++) {
      if (Math.min(x, y, inner - 1 - x, inner - 1 - y) < thick) pixels[y * width + x] = colour;
    }
  }
}

function drawPattern({ width, pixels }: Tile, pattern: Pattern, inner: number, colour: Pixel): void {
  for (let y = 0; y < inner; y++) {
    for (let x = 0; x < inner; x++) {
      if (covers(pattern, x, y, inner)) pixels[y * width + x] = colour;
    }
  }
}

function drawLetter({ width, pixels }: Tile, mask: Uint8Array, inner: number, ink: Pixel): void {
  for (let y = 0; y < inner; y++) {
    for (let x = 0; x < inner; x++) {
      const at = y * width + x;
      const cover = mask[y * inner + x] ?? 0;
      if (cover > 0) pixels[at] = mix(pixels[at] ?? 0, ink, cover);
    }
  }
}
