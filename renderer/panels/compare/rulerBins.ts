// Levels of one ruler lane: a number per bin over the whole image, the worst range in a bin wins. Ranges only
// ever get added at the end, so a repaint costs what is new since the last one.

/** Ruler, lens and a resize in progress: more pictures than these are never wanted at once. */
const picturesKept = 4;

/** Ranges to paint, by index. */
export interface LaneRanges {
  readonly count: number;
  offset(index: number): number;
  /** First byte after the range. */
  end(index: number): number;
  /** 1 to 255. */
  level(index: number): number;
}

interface Picture {
  readonly levels: Uint8Array;
  readonly size: number;
  /** Ranges already painted. */
  done: number;
}

export class RulerBins {
  #pictures: Picture[] = [];

  get byteLength(): number {
    return this.#pictures.reduce((sum, picture) => sum + picture.levels.byteLength, 0);
  }

  /** Forgets everything: the ranges are others now. */
  clear(): void {
    this.#pictures = [];
  }

  /** `bins` levels over [0, size). The array is kept and painted on: copy it to keep it. */
  paint(bins: number, size: number, ranges: LaneRanges): Uint8Array {
    let picture = this.#pictures.find((known) => known.levels.length === bins && known.size === size);
    if (!picture) {
      picture = { levels: new Uint8Array(Math.max(0, bins)), size, done: 0 };
      this.#pictures = [picture, ...this.#pictures].slice(0, picturesKept);
    }
    const { levels } = picture;
    for (let index = picture.done; index < ranges.count && levels.length > 0 && size > 0; index++) {
      const level = ranges.level(index);
      const first = binOf(ranges.offset(index), levels.length, size);
      const last = binOf(ranges.end(index) - 1, levels.length, size);
      for (let bin = first; bin <= last; bin++) levels[bin] = Math.max(levels[bin] ?? 0, level);
    }
    picture.done = ranges.count;
    return levels;
  }
}

/** The bin of an offset; offsets outside [0, size) land in the outermost bins. */
function binOf(offset: number, bins: number, size: number): number {
  return Math.min(bins - 1, Math.max(0, Math.floor((offset / size) * bins)));
}
