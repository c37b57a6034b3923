// A grid of bins being filled entry by entry, column after column. An entry over many rows only notes where it begins and
// ends; the rows between are filled when its column is done, so that a million discards of the whole disk cost no more
// than as many small writes.
import { densityCode } from "./bins.ts";
import type { Steps } from "./binsSteps.ts";

/** Rows that are filled at once. */
const fewRows = 16;
const bits = 4;

const codes = Uint8Array.from({ length: 65537 }, (_, count) => densityCode(count));

export class BinGrid {
  readonly columns: number;
  readonly rows: number;
  readonly masks: Uint8Array;
  readonly #steps: Steps;
  readonly #low: number;
  readonly #high: number;
  /** About how many entries begin in each cell. */
  readonly counts: Float32Array;
  /** By bit and row: how many long entries begin there, less those that end. */
  readonly #changes: Int32Array;
  #open = -1;

  constructor(columns: number, steps: Steps) {
    this.columns = columns;
    this.rows = steps.count;
    this.#steps = steps;
    this.#low = steps.bounds[0] ?? 0;
    this.#high = steps.bounds[this.rows] ?? 0;
    this.masks = new Uint8Array(columns * this.rows);
    this.counts = new Float32Array(columns * this.rows);
    this.#changes = new Int32Array(bits * (this.rows + 1));
  }

  /** An entry that covers bytes [offset, offset + length). Columns come in ascending order, or `finish` is called between. */
  add(column: number, offset: number, length: number, mask: number): void {
    const end = Math.min(offset + length, this.#high);
    if (end <= this.#low || offset >= this.#high) return;
    const from = this.#steps.find(Math.max(offset, this.#low));
    // Most entries are short.
    const to = end <= (this.#steps.bounds[from + 1] as number) ? from : this.#steps.find(end - 1);
    const base = column * this.rows;
    if (offset >= this.#low) this.counts[base + from] = (this.counts[base + from] as number) + 1;
    if (to - from < fewRows) {
      for (let at = base + from; at <= base + to; at++) this.masks[at] = (this.masks[at] as number) | mask;
      return;
    }
    if (column !== this.#open) {
      this.finish();
      this.#open = column;
    }
    for (let bit = 0; bit < bits; bit++) {
      if ((mask & (1 << bit)) === 0) continue;
      const row = bit * (this.rows + 1);
      this.#changes[row + from] = (this.#changes[row + from] as number) + 1;
      this.#changes[row + to + 1] = (this.#changes[row + to + 1] as number) - 1;
    }
  }

  /** Rows [from, to] of a column have all of `mask`. */
  fill(column: number, from: number, to: number, mask: number): void {
    const base = column * this.rows;
    for (let at = base + from; at <= base + to; at++) this.masks[at] = (this.masks[at] as number) | mask;
  }

  /** About `count` more entries begin in a cell. */
  count(column: number, row: number, count: number): void {
    const at = column * this.rows + row;
    this.counts[at] = (this.counts[at] as number) + count;
  }

  /** Fills what the long entries of the open column cover. */
  finish(): void {
    if (this.#open < 0) return;
    const base = this.#open * this.rows;
    for (let bit = 0; bit < bits; bit++) {
      const first = bit * (this.rows + 1);
      let open = 0;
      for (let row = 0; row < this.rows; row++) {
        open += this.#changes[first + row] as number;
        if (open > 0) this.masks[base + row] = (this.masks[base + row] as number) | (1 << bit);
      }
    }
    this.#changes.fill(0);
    this.#open = -1;
  }

  /** Codes of how many begin in each cell; none for cells that have nothing, at least one for those that have. */
  density(): Uint8Array {
    const density = new Uint8Array(this.masks.length);
    for (let at = 0; at < density.length; at++) {
      if (this.masks[at] === 0) continue;
      const count = Math.round(this.counts[at] as number);
      density[at] = codes[Math.max(1, Math.min(65536, count))] as number;
    }
    return density;
  }
}
