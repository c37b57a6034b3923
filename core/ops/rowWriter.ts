// The ordered output of a comparison: joins what the items found, keeps exact totals, and holds the list within
// its limits: past `rowLimit` rows, runs are merged coarsely by granule of the address space.
import type { Fragment } from "./fragment.ts";
import { joinable, joinInto, sectorsOf } from "./fragment.ts";
import { type CompareItem, type CompareTotals, signatures, type Unreadable } from "./mismatch.ts";
import { Rows } from "./rows.ts";
import type { ItemResult, Scanner } from "./scan.ts";

export interface Limits {
  /** Rows after which runs are merged. */
  readonly rows: number;
  /** Merging granules in the whole address space, and the least size of one in bytes. */
  readonly granules: number;
  readonly granuleBytes: number;
  /** Unreadable ranges that are listed; further ones are counted only. */
  readonly unreadable: number;
  /** Rows whose first sectors are looked for elsewhere. */
  readonly candidates: number;
}

/** At most `rows` + `granules` rows (one more where a scan was resumed in the middle of a granule). */
export const compareLimits: Limits = {
  rows: 400_000,
  granules: 65_536,
  granuleBytes: 1024 * 1024,
  unreadable: 10_000,
  candidates: 65_536,
};

/** Rows in a batch: about 200 KiB. */
const batchRows = 4096;
const plain = signatures.indexOf("plain");
const torn = signatures.indexOf("torn");

/** A row that the second pass may explain better. */
export interface Candidate {
  /** Row as sent, from 0. */
  readonly row: number;
  /** Guest offset of the run's first sector. */
  readonly offset: number;
}

interface CoarseRow {
  readonly granule: number;
  readonly offset: number;
  end: number;
  sectors: number;
  bytes: number;
  signature: number;
  detail: number;
  runs: number;
}

export class RowWriter {
  readonly #limits: Limits;
  readonly #granule: number;
  readonly #rowsBefore: number;
  readonly #scanner: Scanner;
  readonly #emit: (item: CompareItem) => void;
  readonly #rows = new Rows();
  readonly #totals = { runs: 0, rows: 0, sectors: 0, bytes: 0, unreadableRanges: 0, unreadableBytes: 0 };
  readonly candidates: Candidate[] = [];
  #open: Fragment | undefined;
  #coarse: CoarseRow | undefined;
  #unreadable: Unreadable | undefined;
  #merged = false;
  /** Guest offset of the first mismatched sector. */
  first: number | undefined;

  /** `size` is the larger image's, `rowsBefore` counts against the limit; items go to `emit` in order. */
  constructor(
    scanner: Scanner,
    size: number,
    rowsBefore: number,
    limits: Limits,
    emit: (item: CompareItem) => void,
  ) {
    this.#scanner = scanner;
    this.#rowsBefore = rowsBefore;
    this.#limits = limits;
    this.#granule = Math.max(limits.granuleBytes, Math.ceil(size / limits.granules));
    this.#emit = emit;
  }

  /** So far; a run that may go on counts with what is known of it. */
  get totals(): CompareTotals {
    const { runs, sectors, bytes, ...rest } = this.#totals;
    const open = this.#open;
    if (open === undefined) return { runs, sectors, bytes, ...rest };
    return { runs: runs + 1, sectors: sectors + sectorsOf(open), bytes: bytes + open.bytes, ...rest };
  }

  /** Rows of the whole list from which on they may stand for several runs; undefined if none does. */
  get mergedAfter(): number | undefined {
    return this.#merged ? Math.max(this.#limits.rows, this.#rowsBefore) : undefined;
  }

  /** Takes the results in order, without gaps. */
  async append(result: ItemResult): Promise<void> {
    for (const range of result.unreadable) this.#addUnreadable(range);
    const { head, tail, rows } = result;
    if (head !== undefined) await this.#continue(head);
    const passed = head === undefined || head.end < result.end;
    if (passed) await this.#close();
    for (let i = 0; rows !== undefined && i < rows.count; i++) {
      this.#addRun(
        rows.offset[i] as number,
        rows.length[i] as number,
        rows.sectors[i] as number,
        rows.bytes[i] as number,
        rows.signature[i] as number,
        rows.detail[i] as number,
      );
    }
    if (tail !== undefined) await this.#continue(tail);
  }

  /** Nothing follows: writes what was held back to be joined. */
  async finish(): Promise<void> {
    await this.#close();
    this.#endCoarse();
    this.#endUnreadable();
    this.flush();
  }

  /** Sends the rows that are finished. */
  flush(): void {
    if (this.#rows.count > 0) this.#emit({ kind: "runs", batch: this.#rows.take() });
  }

  async #continue(fragment: Fragment): Promise<void> {
    if (this.#open !== undefined && joinable(this.#open, fragment)) {
      joinInto(this.#open, fragment);
      return;
    }
    await this.#close();
    this.first ??= fragment.offset;
    this.#open = { ...fragment };
  }

  async #close(): Promise<void> {
    const run = this.#open;
    if (run === undefined) return;
    this.#open = undefined;
    const { signature, detail } = await this.#scanner.verdictOf(run);
    this.#addRun(run.offset, this.#scanner.lengthOf(run), sectorsOf(run), run.bytes, signature, detail);
  }

  #addRun(
    offset: number,
    length: number,
    sectors: number,
    bytes: number,
    signature: number,
    detail: number,
  ): void {
    const totals = this.#totals;
    this.first ??= offset;
    totals.runs++;
    totals.sectors += sectors;
    totals.bytes += bytes;
    if (this.#rowsBefore + totals.rows >= this.#limits.rows) {
      this.#merge(offset, length, sectors, bytes, signature, detail);
      return;
    }
    if ((signature === plain || signature === torn) && this.candidates.length < this.#limits.candidates) {
      this.candidates.push({ row: totals.rows, offset });
    }
    this.#addRow(offset, length, sectors, bytes, signature, detail, 1);
  }

  /** Past the limit: runs that begin in one granule share a row. It keeps a signature if all have the same. */
  #merge(
    offset: number,
    length: number,
    sectors: number,
    bytes: number,
    signature: number,
    detail: number,
  ): void {
    const granule = Math.floor(offset / this.#granule);
    const open = this.#coarse;
    if (open === undefined || open.granule !== granule) {
      this.#endCoarse();
      this.#coarse = { granule, offset, end: offset + length, sectors, bytes, signature, detail, runs: 1 };
      return;
    }
    this.#merged = true;
    open.end = offset + length;
    open.sectors += sectors;
    open.bytes += bytes;
    if (open.signature !== signature) open.signature = plain;
    open.detail = 0;
    open.runs++;
  }

  #endCoarse(): void {
    const open = this.#coarse;
    if (open === undefined) return;
    this.#coarse = undefined;
    const { offset, end, sectors, bytes, signature, detail, runs } = open;
    this.#addRow(offset, end - offset, sectors, bytes, signature, detail, runs);
  }

  #addRow(
    offset: number,
    length: number,
    sectors: number,
    bytes: number,
    signature: number,
    detail: number,
    runs: number,
  ): void {
    this.#rows.push(offset, length, sectors, bytes, signature, detail, runs);
    this.#totals.rows++;
    if (this.#rows.count >= batchRows) this.flush();
  }

  #addUnreadable(range: Unreadable): void {
    const open = this.#unreadable;
    this.#totals.unreadableBytes += range.length;
    if (open !== undefined && open.side === range.side && open.offset + open.length === range.offset) {
      this.#unreadable = { ...open, length: open.length + range.length };
      return;
    }
    this.#endUnreadable();
    this.#totals.unreadableRanges++;
    this.#unreadable = range;
  }

  #endUnreadable(): void {
    const range = this.#unreadable;
    this.#unreadable = undefined;
    if (range === undefined || this.#totals.unreadableRanges > this.#limits.unreadable) return;
    this.#emit({ kind: "unreadable", range });
  }
}
