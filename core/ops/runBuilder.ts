// Builds the runs of one work item from sectors reported in ascending order. Runs that touch the item's borders
// are kept as fragments, to be joined with those of the neighbouring items; the others become rows.
import type { Block } from "./diff.ts";
import type { Fragment } from "./fragment.ts";
import { sectorSize } from "./mismatch.ts";

/** Takes a finished run that touches no border. `inView`: all its bytes are in the blocks being compared. */
export type OnRun = (run: Fragment, inView: boolean) => void;

const nothing = new Uint8Array(0);

export class RunBuilder {
  readonly #itemStart: number;
  readonly #onRun: OnRun;
  #open: Fragment | undefined;
  #head: Fragment | undefined;
  #storedDifferently = false;
  #a: Uint8Array = nothing;
  #b: Uint8Array = nothing;
  #viewStart = 0;
  #viewEnd = 0;

  constructor(itemStart: number, onRun: OnRun) {
    this.#itemStart = itemStart;
    this.#onRun = onRun;
  }

  /** A run is open or was kept. */
  get any(): boolean {
    return this.#open !== undefined || this.#head !== undefined;
  }

  /** The blocks that hold guest bytes [start, end), and whether equal sectors in them count as stored differently. */
  view(a: Block, b: Block, start: number, end: number, storedDifferently: boolean): void {
    this.#a = a.bytes;
    this.#b = b.bytes;
    this.#viewStart = start;
    this.#viewEnd = end;
    this.#storedDifferently = storedDifferently;
  }

  /** The sectors of [from, to) hold the same bytes. */
  same(from: number, to: number): void {
    if (!this.#storedDifferently) {
      if (this.#open !== undefined) this.#close();
      return;
    }
    const open = this.#open;
    if (open?.stored && open.end === from) {
      open.end = to;
      return;
    }
    if (open !== undefined) this.#close();
    this.#open = {
      offset: from,
      end: to,
      stored: true,
      bytes: 0,
      orA: 0,
      orB: 0,
      firstDiff: from,
      endDiff: to,
    };
  }

  /** The sector at `offset` differs in `bytes` bytes; `orA` and `orB` are its words or'ed together. */
  different(offset: number, bytes: number, orA: number, orB: number): void {
    const open = this.#open;
    if (open !== undefined && open.end === offset && !open.stored) {
      open.end = offset + sectorSize;
      open.bytes += bytes;
      open.orA |= orA;
      open.orB |= orB;
      return;
    }
    if (open !== undefined) this.#close();
    this.#open = {
      offset,
      end: offset + sectorSize,
      stored: false,
      bytes,
      orA,
      orB,
      firstDiff: this.#firstDiff(offset),
      endDiff: offset,
    };
  }

  /** Call after each block: what is needed of its bytes is taken before they are overwritten. */
  endView(): void {
    const open = this.#open;
    if (open !== undefined && !open.stored && open.end > this.#viewStart && open.end <= this.#viewEnd) {
      open.endDiff = this.#endDiff(open.end);
    }
  }

  /** The next sector reported does not follow the last one. */
  gap(): void {
    if (this.#open !== undefined) this.#close();
  }

  /** Ends the item at `end`: the fragments at its borders (one run may be both). */
  finish(end: number): { head: Fragment | undefined; tail: Fragment | undefined } {
    const open = this.#open;
    if (open === undefined || open.end !== end || open.offset === this.#itemStart) {
      this.gap();
      return { head: this.#head, tail: undefined };
    }
    this.#open = undefined;
    return { head: this.#head, tail: open };
  }

  #close(): void {
    const run = this.#open as Fragment;
    this.#open = undefined;
    const endInView = run.end > this.#viewStart && run.end <= this.#viewEnd;
    if (!run.stored && endInView) run.endDiff = this.#endDiff(run.end);
    if (run.offset === this.#itemStart) this.#head = run;
    else this.#onRun(run, endInView && run.offset >= this.#viewStart);
  }

  #firstDiff(sector: number): number {
    let i = sector - this.#viewStart;
    while (this.#a[i] === this.#b[i]) i++;
    return this.#viewStart + i;
  }

  /** Past the last byte that differs in the sector that ends at `sectorEnd`. */
  #endDiff(sectorEnd: number): number {
    let i = sectorEnd - 1 - this.#viewStart;
    while (this.#a[i] === this.#b[i]) i--;
    return this.#viewStart + i + 1;
  }
}
