// The ranges a scan could not read, as listed and as painted on the ruler. Bounded, as the scan's own list is
// (a dying disk can give a range per sector); what is past a limit is in the scan's totals.
import type { Unreadable } from "../../../core/ops/mismatch.ts";
import { RulerBins } from "./rulerBins.ts";

const unreadableLimit = 50_000;
const level = 255;

export class UnreadableList {
  #ranges: Unreadable[] = [];
  readonly #bins = new RulerBins();

  get count(): number {
    return this.#ranges.length;
  }
  /** All of them, in the order found. */
  get all(): readonly Unreadable[] {
    return this.#ranges;
  }
  get(index: number): Unreadable | undefined {
    return this.#ranges[index];
  }
  add(range: Unreadable, swapped: boolean): void {
    if (this.#ranges.length < unreadableLimit) this.#ranges.push(swapped ? mirrored(range) : range);
  }
  clear(): void {
    this.#ranges = [];
    this.#bins.clear();
  }
  swapSides(): void {
    this.#ranges = this.#ranges.map(mirrored);
  }
  bins(count: number, size: number): Uint8Array {
    return this.#bins.paint(count, size, {
      count: this.#ranges.length,
      offset: (index) => this.#ranges[index]?.offset ?? 0,
      end: (index) => (this.#ranges[index]?.offset ?? 0) + (this.#ranges[index]?.length ?? 0),
      level: () => level,
    });
  }
}

function mirrored(range: Unreadable): Unreadable {
  if (range.side === "both") return range;
  return { ...range, side: range.side === "a" ? "b" : "a" };
}
