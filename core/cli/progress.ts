// Progress in qemu-img's form: "    (12.50/100%)" and a carriage return, at steps of at least 2 % unless told otherwise.
import type { Output } from "./output.ts";

const usualStep = 2;

export class Progress {
  readonly #out: Output | undefined;
  readonly #leastStep: number;
  #shown = Number.NEGATIVE_INFINITY;

  /** Without an output nothing is shown. */
  constructor(out: Output | undefined, leastStep = usualStep) {
    this.#out = out;
    this.#leastStep = leastStep;
  }

  /** Somebody sees it. */
  get shown(): boolean {
    return this.#out !== undefined;
  }

  /** `part` of the whole, 0 to 1. */
  show(part: number): void {
    const percent = part * 100;
    if (this.#out === undefined || percent === this.#shown) return;
    if (percent < 100 && percent < this.#shown + this.#leastStep) return;
    this.#shown = percent;
    this.#out.write(`    (${percent.toFixed(2)}/100%)\r`);
    this.#out.flush();
  }

  /** The whole, shown even if it was already. */
  complete(): void {
    this.#shown = Number.NEGATIVE_INFINITY;
    this.show(1);
  }

  end(): void {
    this.#out?.write("\n");
    this.#out?.flush();
  }
}
