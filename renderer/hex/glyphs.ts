// Characters drawn once and then copied: coverage masks by the browser's own text drawing, coloured into opaque
// tiles per style. One atlas per theme, scale, font size and cell size.
import { hexDigits } from "./labels.ts";
import type { Tile } from "./raster.ts";
import { mix, type Pixel } from "./theme.ts";

export interface FontMetrics {
  readonly family: string;
  /** Device pixels. */
  readonly size: number;
  readonly charWidth: number;
  readonly rowHeight: number;
}

/** How a character looks. */
export interface Style {
  readonly fg: Pixel;
  readonly bg: Pixel;
  readonly bold?: boolean;
  /** Dots below it, in `fg`. */
  readonly underlined?: boolean;
  /** Only the character is opaque: what is behind it shows through. */
  readonly over?: boolean;
}

/** Device pixels of a character of the monospaced font, whole ones so that columns are crisp. */
export function charWidthOf(family: string, size: number): number {
  const context = document.createElement("canvas").getContext("2d");
  if (!context) return Math.round(size * 0.6);
  context.font = `${size}px ${family}`;
  return Math.max(1, Math.round(context.measureText("0").width));
}

/** Tiles kept for texts of one style: a screenful of CJK is about a thousand. */
const tilesKept = 4096;

/** The tiles of one style. */
export class StyledGlyphs {
  readonly #atlas: GlyphAtlas;
  readonly style: Style;
  readonly #bytes: (Tile | undefined)[] = new Array(256);
  readonly #texts = new Map<string, Tile>();

  constructor(atlas: GlyphAtlas, style: Style) {
    this.#atlas = atlas;
    this.style = style;
  }

  /** Two upper-case digits. */
  byte(value: number): Tile {
    const known = this.#bytes[value];
    if (known) return known;
    const tile = this.text(hexDigits[value] ?? "??", 2);
    this.#bytes[value] = tile;
    return tile;
  }

  /** A text in `cells` character cells. */
  text(text: string, cells: number): Tile {
    const key = `${cells}${text}`;
    const known = this.#texts.get(key);
    if (known) return known;
    if (this.#texts.size >= tilesKept) this.#texts.clear();
    const tile = this.#atlas.colour(text, cells, this.style);
    this.#texts.set(key, tile);
    return tile;
  }
}

export class GlyphAtlas {
  readonly metrics: FontMetrics;
  readonly #context: CanvasRenderingContext2D | null;
  readonly #masks = new Map<string, Uint8Array>();
  readonly #baseline: number;
  /** Most cells a text may have. */
  readonly #maxCells = 8;

  constructor(metrics: FontMetrics) {
    this.metrics = metrics;
    const canvas = document.createElement("canvas");
    canvas.width = metrics.charWidth * this.#maxCells;
    canvas.height = metrics.rowHeight;
    this.#context = canvas.getContext("2d", { willReadFrequently: true });
    this.#baseline = this.#findBaseline();
  }

  styled(style: Style): StyledGlyphs {
    return new StyledGlyphs(this, style);
  }

  colour(text: string, cells: number, { fg, bg, bold = false, underlined, over }: Style): Tile {
    const { charWidth, rowHeight } = this.metrics;
    const width = charWidth * Math.min(cells, this.#maxCells);
    const mask = this.#mask(text, width, bold);
    const pixels = new Uint32Array(width * rowHeight);
    for (let index = 0; index < pixels.length; index++) {
      const cover = mask[index] ?? 0;
      pixels[index] = cover > 0 ? mix(bg, fg, cover) : over ? 0 : bg;
    }
    if (underlined) this.#underline(pixels, width, fg);
    return { width, height: rowHeight, pixels };
  }

  /** Dots as thick as they are apart. */
  #underline(pixels: Uint32Array, width: number, color: Pixel): void {
    const { rowHeight, size } = this.metrics;
    const thick = Math.max(1, Math.round(size / 13));
    const top = Math.min(rowHeight - thick, this.#baseline + Math.round(size * 0.22));
    for (let row = top; row < top + thick; row++) {
      for (let column = 0; column < width; column++) {
        if (Math.floor(column / thick) % 2 === 0) pixels[row * width + column] = color;
      }
    }
  }

  #font(bold: boolean): string {
    return `${bold ? "bold " : ""}${this.metrics.size}px ${this.metrics.family}`;
  }

  /** Puts capitals in the middle of the row, on a whole pixel. */
  #findBaseline(): number {
    const { rowHeight, size } = this.metrics;
    if (!this.#context) return Math.round(rowHeight * 0.7);
    this.#context.font = this.#font(false);
    const capital = this.#context.measureText("0").actualBoundingBoxAscent || size * 0.73;
    return Math.round((rowHeight + capital) / 2);
  }

  #mask(text: string, width: number, bold: boolean): Uint8Array {
    const key = `${bold ? "b" : "n"}${width}/${text}`;
    const known = this.#masks.get(key);
    if (known) return known;
    const mask = this.#drawMask(text, width, bold);
    if (this.#masks.size >= tilesKept) this.#masks.clear();
    this.#masks.set(key, mask);
    return mask;
  }

  #drawMask(text: string, width: number, bold: boolean): Uint8Array {
    const { rowHeight, charWidth } = this.metrics;
    const context = this.#context;
    const mask = new Uint8Array(width * rowHeight);
    if (!context) return mask;
    context.clearRect(0, 0, width, rowHeight);
    context.save();
    context.beginPath();
    context.rect(0, 0, width, rowHeight);
    context.clip();
    context.fillStyle = "#000";
    context.font = this.#font(bold);
    context.textBaseline = "alphabetic";
    context.fontKerning = "none";
    // Latin letters stand each in its own cell; anything else is centred in what it spans.
    if (/^[\x20-\x7e]+$/.test(text)) {
      for (const [cell, letter] of [...text].entries()) {
        context.fillText(letter, cell * charWidth, this.#baseline);
      }
    } else {
      const drawn = context.measureText(text).width;
      const shrink = Math.min(1, width / Math.max(1, drawn));
      context.translate((width - drawn * shrink) / 2, 0);
      context.scale(shrink, 1);
      context.fillText(text, 0, this.#baseline);
    }
    context.restore();
    const { data } = context.getImageData(0, 0, width, rowHeight);
    for (let index = 0; index < mask.length; index++) mask[index] = data[index * 4 + 3] ?? 0;
    return mask;
  }
}
