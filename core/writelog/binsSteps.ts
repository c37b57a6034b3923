// Finds the step of an ascending scale that a number lies in, for millions of numbers: a table of equal parts says
// between which steps to look, and a bisection does the rest.

/** Parts of the table for each step, and most parts. */
const partsPerStep = 8;
const mostParts = 16384;
/** Steps of a part that are gone through one by one. */
const fewSteps = 6;

export class Steps {
  readonly bounds: Float64Array;
  /** Steps. */
  readonly count: number;
  readonly #table: Uint16Array;
  readonly #parts: number;
  readonly #low: number;
  readonly #partsPerUnit: number;

  /** At least two bounds, ascending, at most 2^16 of them. */
  constructor(bounds: Float64Array) {
    this.bounds = bounds;
    this.count = bounds.length - 1;
    this.#parts = Math.min(mostParts, this.count * partsPerStep);
    this.#low = bounds[0] ?? 0;
    this.#partsPerUnit = this.#parts / ((bounds[this.count] ?? 0) - this.#low);
    this.#table = new Uint16Array(this.#parts + 1);
    let step = 0;
    for (let part = 0; part <= this.#parts; part++) {
      const start = this.#low + part / this.#partsPerUnit;
      while (step < this.count - 1 && (bounds[step + 1] as number) <= start) step++;
      this.#table[part] = step;
    }
  }

  /** The step i with bounds[i] <= value < bounds[i + 1]; the first or last one for what lies outside. */
  find(value: number): number {
    const { bounds } = this;
    const part = Math.floor((value - this.#low) * this.#partsPerUnit);
    if (part < 0) return 0;
    if (part >= this.#parts) return this.count - 1;
    let step = this.#table[part] as number;
    const last = this.#table[part + 1] as number;
    if (last - step > fewSteps) step = this.#bisect(value, step, last);
    // Where a part begins is rounded: it may be one step early or late.
    while (step > 0 && (bounds[step] as number) > value) step--;
    while (step < this.count - 1 && (bounds[step + 1] as number) <= value) step++;
    return step;
  }

  #bisect(value: number, first: number, last: number): number {
    let [low, high] = [first, last];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.bounds[middle] as number) <= value) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
