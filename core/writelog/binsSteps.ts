// Finds the step of an ascending scale that a number lies in, for millions of numbers: a table of equal parts says
// between which steps to look, and a bisection does the rest.

const parts = 16384;

export class Steps {
  readonly bounds: Float64Array;
  readonly #table = new Uint16Array(parts + 1);
  readonly #low: number;
  readonly #perPart: number;

  /** At least two bounds, ascending, at most 2^16 of them. */
  constructor(bounds: Float64Array) {
    this.bounds = bounds;
    this.#low = bounds[0] ?? 0;
    const high = bounds[bounds.length - 1] ?? 0;
    this.#perPart = (high - this.#low) / parts;
    let step = 0;
    for (let part = 0; part <= parts; part++) {
      const start = this.#low + part * this.#perPart;
      while (step < bounds.length - 2 && (bounds[step + 1] as number) <= start) step++;
      this.#table[part] = step;
    }
  }

  get count(): number {
    return this.bounds.length - 1;
  }

  /** The step i with bounds[i] <= value < bounds[i + 1]; the first or last one for what lies outside. */
  find(value: number): number {
    const part = Math.floor((value - this.#low) / this.#perPart);
    if (part < 0) return 0;
    if (part >= parts) return this.count - 1;
    const { bounds } = this;
    // One step to either side: the parts' bounds are rounded.
    let low = Math.max(0, (this.#table[part] as number) - 1);
    let high = Math.min(bounds.length - 2, (this.#table[part + 1] as number) + 1);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((bounds[middle] as number) <= value) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
