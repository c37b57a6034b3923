// The ranges in which the copies of a quorum differ, ascending as they are found, and the strip of each copy for the
// ruler. The job gives no more than its limit, so that the table is bounded.
import type { VoteRun } from "../../../core/ops/voteRun.ts";
import { RulerBins } from "../compare/rulerBins.ts";

const level = 255;

export class VoteTable {
  #runs: VoteRun[] = [];
  readonly #strips = new Map<number, RulerBins>();

  get count(): number {
    return this.#runs.length;
  }

  run(row: number): VoteRun | undefined {
    return this.#runs[row];
  }

  offset(row: number): number {
    return this.#runs[row]?.offset ?? 0;
  }

  append(runs: readonly VoteRun[]): void {
    this.#runs.push(...runs);
  }

  clear(): void {
    this.#runs = [];
    this.#strips.clear();
  }

  /** The row whose range holds the offset. */
  rowAt(offset: number): number | undefined {
    const row = this.#firstFrom(offset + 1) - 1;
    const run = this.#runs[row];
    return run && offset < run.offset + run.length ? row : undefined;
  }

  /** The first row that begins after the caret. */
  next(caret: number): number | undefined {
    const row = this.#firstFrom(caret + 1);
    return row < this.count ? row : undefined;
  }

  /** The last row that begins before the caret. */
  previous(caret: number): number | undefined {
    const row = this.#firstFrom(caret) - 1;
    return row >= 0 ? row : undefined;
  }

  /** Ranges that touch [from, to) in which the copy does not stand with the majority. */
  runsIn(from: number, to: number, child: number): readonly VoteRun[] {
    const found: VoteRun[] = [];
    for (let row = this.rowAt(from) ?? this.#firstFrom(from); row < this.count; row++) {
      const run = this.#runs[row];
      if (run === undefined || run.offset >= to) break;
      if (isOdd(run, child)) found.push(run);
    }
    return found;
  }

  /** The copy's strip: where it is the odd one out, or nobody wins. */
  bins(child: number, count: number, size: number): Uint8Array {
    const strip = this.#strips.get(child) ?? new RulerBins();
    this.#strips.set(child, strip);
    return strip.paint(count, size, {
      count: this.count,
      offset: (row) => this.offset(row),
      end: (row) => this.offset(row) + (this.#runs[row]?.length ?? 1),
      level: (row) => {
        const run = this.#runs[row];
        return run && isOdd(run, child) ? level : 0;
      },
    });
  }

  /** The first row whose range begins at the offset or after it. */
  #firstFrom(offset: number): number {
    let [low, high] = [0, this.#runs.length];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.offset(middle) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The copy says otherwise or could not be read, or no majority says anything. */
export function isOdd({ winner, losers, unreadable }: VoteRun, child: number): boolean {
  return winner.length === 0 || losers.includes(child) || unreadable.some((one) => one.child === child);
}

/** The copy to look at: the first that was outvoted, else the first that could not be read. */
export function oddOneOut({ losers, unreadable }: VoteRun): number {
  return losers[0] ?? unreadable[0]?.child ?? 0;
}
