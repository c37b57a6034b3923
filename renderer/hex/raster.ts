// One pixel buffer to paint into: rectangles, hatches, outlines and ready-made tiles. Filling typed arrays and
// putting them on the canvas once is several times quicker than drawing each glyph (measured, ux.md 10).
import type { Pixel } from "./theme.ts";

/** A ready-made picture, opaque. */
export interface Tile {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint32Array;
}

/** Part of the buffer that may be painted. */
interface Clip {
  readonly left: number;
  readonly right: number;
}

export class Raster {
  readonly image: ImageData;
  readonly pixels: Uint32Array;
  readonly width: number;
  readonly height: number;
  #clip: Clip;

  constructor(width: number, height: number) {
    this.width = Math.max(1, width);
    this.height = Math.max(1, height);
    this.image = new ImageData(this.width, this.height);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.#clip = { left: 0, right: this.width };
  }

  /** Nothing is painted outside these columns until the next call. */
  clip(left: number, right: number): void {
    this.#clip = { left: Math.max(0, left), right: Math.min(this.width, right) };
  }

  fill(x: number, y: number, width: number, height: number, color: Pixel): void {
    const left = Math.max(this.#clip.left, x);
    const right = Math.min(this.#clip.right, x + width);
    if (left >= right) return;
    const bottom = Math.min(this.height, y + height);
    for (let row = Math.max(0, y); row < bottom; row++) {
      this.pixels.fill(color, row * this.width + left, row * this.width + right);
    }
  }

  /** Diagonal lines, `step` pixels apart and `thick` wide, over what is there. */
  hatch(
    x: number,
    y: number,
    width: number,
    height: number,
    color: Pixel,
    { step, thick }: { readonly step: number; readonly thick: number },
  ): void {
    const left = Math.max(this.#clip.left, x);
    const right = Math.min(this.#clip.right, x + width);
    const bottom = Math.min(this.height, y + height);
    for (let row = Math.max(0, y); row < bottom; row++) {
      for (let column = left; column < right; column++) {
        // Lines are fixed to the buffer, so that neighbouring areas join.
        if ((column + row) % step < thick) this.pixels[row * this.width + column] = color;
      }
    }
  }

  /** The inside edge of a rectangle. */
  outline(x: number, y: number, width: number, height: number, color: Pixel, thick: number): void {
    this.fill(x, y, width, thick, color);
    this.fill(x, y + height - thick, width, thick, color);
    this.fill(x, y, thick, height, color);
    this.fill(x + width - thick, y, thick, height, color);
  }

  tile(x: number, y: number, { width, height, pixels }: Tile): void {
    const from = Math.max(0, this.#clip.left - x);
    const to = Math.min(width, this.#clip.right - x);
    const top = Math.max(0, -y);
    const bottom = Math.min(height, this.height - y);
    for (let row = top; row < bottom; row++) {
      let at = (y + row) * this.width + x + from;
      const end = row * width + to;
      for (let source = row * width + from; source < end; source++) this.pixels[at++] = pixels[source] ?? 0;
    }
  }

  /** As `tile`, but pixels of value 0 leave what is there. */
  over(x: number, y: number, { width, height, pixels }: Tile): void {
    const from = Math.max(0, this.#clip.left - x);
    const to = Math.min(width, this.#clip.right - x);
    for (let row = Math.max(0, -y); row < Math.min(height, this.height - y); row++) {
      for (let column = from; column < to; column++) {
        const color = pixels[row * width + column] ?? 0;
        if (color !== 0) this.pixels[(y + row) * this.width + x + column] = color;
      }
    }
  }

  putOn(context: CanvasRenderingContext2D): void {
    context.putImageData(this.image, 0, 0);
  }
}
