// Where the parts of the plot lie on its canvas. Device pixels; lengths given here are CSS pixels.

/** Flags of marks, and below them ticks of FUA writes. */
const flagLane = 20;
const fuaLane = 7;
/** Ticks of flushes below the plot, points of a bisection, numbers of entries, and the title. */
const flushLane = 7;
const bisectLane = 14;
const tickLane = 18;
const titleLane = 18;
/** Room behind the last entry: a wall stands there. */
const rightRoom = 14;

export const textSize = 11;

export interface Frame {
  readonly scale: number;
  readonly canvasWidth: number;
  readonly canvasHeight: number;
  /** The inside. */
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  /** Top edges of the lanes, and their heights. */
  readonly flags: { readonly top: number; readonly height: number };
  readonly fuas: { readonly top: number; readonly height: number };
  readonly flushes: { readonly top: number; readonly height: number };
  readonly bisect: { readonly top: number; readonly height: number };
  readonly ticks: { readonly top: number; readonly height: number };
  readonly title: { readonly top: number; readonly height: number };
}

export function frameOf(
  size: { readonly width: number; readonly height: number; readonly scale: number },
  gutter: number,
  hasBisect: boolean,
): Frame {
  const { scale } = size;
  const px = (css: number) => Math.round(css * scale);
  const top = px(flagLane) + px(fuaLane);
  const below = px(flushLane) + (hasBisect ? px(bisectLane) : 0) + px(tickLane) + px(titleLane);
  const height = Math.max(1, size.height - top - below);
  let at = top + height;
  const lane = (css: number) => {
    const made = { top: at, height: px(css) };
    at += made.height;
    return made;
  };
  return {
    scale,
    canvasWidth: size.width,
    canvasHeight: size.height,
    left: gutter,
    top,
    width: Math.max(1, size.width - gutter - px(rightRoom)),
    height,
    flags: { top: 0, height: px(flagLane) },
    fuas: { top: px(flagLane), height: px(fuaLane) },
    flushes: lane(flushLane),
    bisect: lane(hasBisect ? bisectLane : 0),
    ticks: lane(tickLane),
    title: lane(titleLane),
  };
}
