// The row map of a comparison: every row, or equal stretches folded. Keeps what folding needs between scans'
// messages, and gives each map a version of its own.
import { plainRows, type RowMap } from "../../hex/model.ts";
import { FoldRows, type Range, type RunRanges } from "./foldRows.ts";

export class RowMaps {
  #extent = 0;
  #bytesPerRow = 16;
  #folding = new FoldRows(0, 16);
  #unfolded: readonly Range[] = [];
  #version = 0;

  /** Starts anew: another image, another width, another scan. */
  reset(extent: number, bytesPerRow: number): void {
    this.#extent = extent;
    this.#bytesPerRow = bytesPerRow;
    this.#folding = new FoldRows(extent, bytesPerRow);
  }

  /** Takes in the runs found since the last call. */
  learn(runs: RunRanges): void {
    this.#folding.learn(runs);
  }

  /** Shows a stretch that was folded. */
  unfold(range: Range): void {
    this.#unfolded = [...this.#unfolded, range];
  }

  foldAll(): void {
    this.#unfolded = [];
  }

  plain(): RowMap {
    this.#version += 1;
    return { ...plainRows(this.#extent, this.#bytesPerRow), version: this.#version };
  }

  folded(runs: RunRanges, scannedTo: number): RowMap {
    this.#version += 1;
    return this.#folding.build(runs, scannedTo, this.#unfolded, this.#version);
  }
}
