// Progress in qemu-img's form: "    (12.50/100%)" and a carriage return, at steps of at least 2 %.
import type { Output } from "./output.ts";

const leastStep = 2;

export class Progress {
  readonly #out: Output | undefined;
  #shown = Number.NEGATIVE_INFINITY;

  /** Without an output nothing is shown. */
  constructor(out: Output | undefined) {
    this.#out = out;
  }

  /** `part` of the whole, 0 to 1. */
  show(part: number): void {
    const percent = part * 100;
    if (this.#out === undefined || percent === this.#shown) return;
    if (percent < 100 && percent < this.#shown + leastStep) return;
    this.#shown = percent;
    this.#out.write(`    (${percent.toFixed(2)}/100%)\r`);
    this.#out.flush();
  }

  end(): void {
    this.#out?.write("\n");
    this.#out?.flush();
  }
}
