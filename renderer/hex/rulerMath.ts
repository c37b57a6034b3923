// The overview ruler's arithmetic: offsets to pixels of the whole image, and the lens's part of it. Pure.

/** A lens pixel stands for this many times fewer bytes than one of the ruler. */
const lensFactor = 32;

/** The offset at a pixel of `height`, inside the image. */
export function offsetAt(y: number, height: number, size: number): number {
  if (height <= 0 || size <= 0) return 0;
  return Math.min(size - 1, Math.max(0, Math.floor((y / height) * size)));
}

/** The pixel of an offset. */
export function pixelOfOffset(offset: number, height: number, size: number): number {
  if (size <= 0) return 0;
  return Math.min(height, Math.max(0, (offset / size) * height));
}

export interface Lens {
  /** First bin shown, of `bins` over the whole image. */
  readonly first: number;
  readonly bins: number;
  /** Bins shown: one per pixel of the lens. */
  readonly count: number;
}

/** The lens of `count` pixels around an offset, beside a ruler of `height` pixels. */
export function lensAround(offset: number, count: number, height: number, size: number): Lens {
  const bins = Math.max(count, Math.round(height * lensFactor));
  const centre = Math.floor(pixelOfOffset(offset, bins, size));
  const first = Math.min(bins - count, Math.max(0, centre - Math.floor(count / 2)));
  return { first, bins, count };
}

/** The offset at a pixel of the lens. */
export function lensOffset({ first, bins }: Lens, y: number, size: number): number {
  return offsetAt(first + y, bins, size);
}
