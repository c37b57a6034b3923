// Levels of detail over a map whose pass still runs: made anew in sweeps over the marks, a chunk at a time and in the same
// memory, so that a turn of the pass takes a moment only. A cluster of which nothing is known yet is `unknown`, and as the
// most harmless kind it never hides what is known.
import type { ClusterMarks } from "../block/clusterMarks.ts";
import { cellsAtOnce, levelsFor } from "./pyramid.ts";

/** Clusters of a chunk: a power of four, so that its cells are its own up to this level. */
const chunkLevel = 6;
const chunkClusters = cellsAtOnce ** chunkLevel;
/** Bits set in a byte. */
const bitsIn = Uint8Array.from({ length: 256 }, (_, byte) => {
  let bits = 0;
  for (let rest = byte; rest > 0; rest >>= 1) bits += rest & 1;
  return bits;
});

export class LevelsSoFar {
  /** Level 0 is empty: what is known of single clusters is asked of the marks. */
  readonly levels: readonly Uint8Array<ArrayBuffer>[];
  readonly #marks: ClusterMarks;
  readonly #clusters: number;
  #at = 0;
  #counts = new Float64Array(256);
  #swept = new Float64Array(256);

  constructor(marks: ClusterMarks) {
    this.#marks = marks;
    this.#clusters = marks.kinds.length;
    const levels = [new Uint8Array(0)];
    for (let level = 1, cells = this.#clusters; level < levelsFor(this.#clusters); level++) {
      cells = Math.ceil(cells / cellsAtOnce);
      levels.push(new Uint8Array(cells));
    }
    this.levels = levels;
    this.#swept[0] = this.#clusters;
  }

  /** Clusters by number of kind, as the last whole sweep found them. */
  get counts(): Float64Array {
    return this.#swept;
  }

  /** Goes on with the sweep for so many milliseconds or to its end; answers whether it came to that. */
  sweep(milliseconds: number): boolean {
    const start = performance.now();
    while (this.#at < this.#clusters) {
      this.#chunk(this.#at, Math.min(this.#clusters, this.#at + chunkClusters));
      this.#at += chunkClusters;
      if (performance.now() - start >= milliseconds && this.#at < this.#clusters) return false;
    }
    this.#finish();
    return true;
  }

  /** Levels above those of chunks are a few cells. */
  #finish(): void {
    for (let level = chunkLevel + 1; level < this.levels.length; level++) {
      const into = this.levels[level] as Uint8Array;
      this.#worstOf(this.levels[level - 1] as Uint8Array, into, 0, into.length);
    }
    [this.#swept, this.#counts] = [this.#counts, this.#swept];
    this.#counts.fill(0);
    this.#at = 0;
  }

  #chunk(first: number, end: number): void {
    const { presumed, kinds } = this.#marks;
    const part = kinds.subarray(first, end);
    const kind = part[0] as number;
    if (!isAlike(part)) this.#single(this.#marks.kindsSoFar(first, end), first);
    else if (kind === presumed) this.#presumed(kind, first, end);
    else this.#fill(kind, first, end);
  }

  /** All are of the kind that is presumed: the bits say of which it is known. */
  #presumed(kind: number, first: number, end: number): void {
    const bits = this.#marks.bitsSoFar(first, end - first);
    let owned = 0;
    for (const byte of bits) owned += bitsIn[byte] as number;
    if (owned === 0) this.#fill(0, first, end);
    else if (owned === end - first) this.#fill(kind, first, end);
    else this.#mixed(kind, bits, owned, first, end);
  }

  #mixed(kind: number, bits: Uint8Array, owned: number, first: number, end: number): void {
    this.#count(kind, owned);
    this.#count(0, end - first - owned);
    const level = this.levels[1];
    if (level === undefined) return;
    const from = first / cellsAtOnce;
    const cells = Math.ceil(end / cellsAtOnce) - from;
    for (let cell = 0; cell < cells; cell++) {
      const byte = bits[cell >>> 1] as number;
      level[from + cell] = ((cell & 1) === 0 ? byte & 15 : byte >>> 4) === 0 ? 0 : kind;
    }
    this.#above(1, first, end);
  }

  #single(known: Uint8Array, first: number): void {
    for (const kind of known) this.#count(kind, 1);
    const level = this.levels[1];
    if (level === undefined) return;
    const cells = Math.ceil(known.length / cellsAtOnce);
    this.#worstOf(known, level.subarray(first / cellsAtOnce), 0, cells);
    this.#above(1, first, first + known.length);
  }

  #fill(kind: number, first: number, end: number): void {
    this.#count(kind, end - first);
    const last = Math.min(chunkLevel, this.levels.length - 1);
    for (let level = 1, size = cellsAtOnce; level <= last; level++, size *= cellsAtOnce) {
      this.levels[level]?.fill(kind, first / size, Math.ceil(end / size));
    }
  }

  /** The chunk's cells of the levels above one of them. */
  #above(below: number, first: number, end: number): void {
    const last = Math.min(chunkLevel, this.levels.length - 1);
    for (let level = below + 1; level <= last; level++) {
      const size = cellsAtOnce ** level;
      const [from, into] = [this.levels[level - 1] as Uint8Array, this.levels[level] as Uint8Array];
      this.#worstOf(from, into, first / size, Math.ceil(end / size));
    }
  }

  /** Cells [first, end) of `into`. */
  #worstOf(below: Uint8Array, into: Uint8Array, first: number, end: number): void {
    for (let cell = first; cell < end; cell++) {
      const at = cell * cellsAtOnce;
      let worst = below[at] as number;
      for (let next = at + 1; next < Math.min(at + cellsAtOnce, below.length); next++) {
        worst = Math.max(worst, below[next] as number);
      }
      into[cell] = worst;
    }
  }

  #count(kind: number, times: number): void {
    this.#counts[kind] = (this.#counts[kind] ?? 0) + times;
  }
}

/** Each is like the one before it: one comparison of the whole with itself. */
function isAlike(part: Uint8Array): boolean {
  return Buffer.compare(part.subarray(1), part.subarray(0, -1)) === 0;
}
