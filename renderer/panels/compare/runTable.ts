// The rows of a comparison as growable columns of numbers: found by offset in logarithmic time, painted on
// the ruler in bins, never kept in a store (a store keeps `version`). Rows ascend by offset and do not overlap,
// as core/ops/mismatch.ts promises; the core caps their number (about 466,000, 45 bytes each).
import {
  type CompareItem,
  type MismatchRow,
  type RunBatch,
  rowOf,
  type Signature,
  signatures,
} from "../../../core/ops/mismatch.ts";
import { RulerBins } from "./rulerBins.ts";

/** One row with its place in the table. */
export interface Run extends MismatchRow {
  readonly row: number;
}

type ColumnName = Exclude<keyof RunBatch, "count">;
type MutableColumns = { -readonly [K in ColumnName]: RunBatch[K] };

const code = (signature: Signature) => signatures.indexOf(signature);
const plain = code("plain");
const aZero = code("a-zero");
const bZero = code("b-zero");
const shifted = code("shifted");
const storedDifferently = code("stored-differently");
/** Signatures that a run keeps when two halves that both have it are joined: they say nothing of a place. */
const joinable: ReadonlySet<number> = new Set([plain, aZero, bZero, storedDifferently]);

/** Ruler levels: bytes that differ, and the same bytes stored differently (strict mode). */
export const levelDiffers = 255;
export const levelStored = 96;

export class RunTable {
  #capacity = 1024;
  #columns: MutableColumns = allocate(1024);
  #count = 0;
  #version = 0;
  readonly #bins = new RulerBins();

  get count(): number {
    return this.#count;
  }
  /** Changes with every change of any row. */
  get version(): number {
    return this.#version;
  }
  /** Bytes of memory held. */
  get byteLength(): number {
    const columns = Object.values(this.#columns).reduce((sum, column) => sum + column.byteLength, 0);
    return columns + this.#bins.byteLength;
  }

  clear(): void {
    this.#capacity = 1024;
    this.#columns = allocate(1024);
    this.#count = 0;
    this.#bins.clear();
    this.#version += 1;
  }

  /**
   * Adds the rows of a batch. `swapped`: the batch comes from a scan with A and B the other way round.
   * `join`: a first row that begins where the last one ends continues it (a resumed scan cut a run in two).
   * Returns whether a row was joined.
   */
  append(batch: RunBatch, swapped = false, join = false): boolean {
    if (batch.count === 0) return false;
    const joined = join && this.#count > 0 && batch.offset[0] === this.end(this.#count - 1);
    if (joined) this.#joinFirst(batch, swapped);
    const from = joined ? 1 : 0;
    this.#reserve(this.#count + batch.count - from);
    const at = this.#count;
    const own = this.#columns;
    for (const name of ["offset", "length", "sectors", "bytes", "detail"] as const) {
      own[name].set(batch[name].subarray(from, batch.count), at);
    }
    own.signature.set(batch.signature.subarray(from, batch.count), at);
    own.runs.set(batch.runs.subarray(from, batch.count), at);
    this.#count += batch.count - from;
    if (swapped) this.#mirror(at, this.#count);
    this.#version += 1;
    return joined;
  }

  /** Replaces signatures of rows already there; `base` is the table row of the scan's row 0. */
  applySignatures(item: Extract<CompareItem, { kind: "signatures" }>, base = 0, swapped = false): void {
    for (let i = 0; i < item.row.length; i++) {
      const row = base + (item.row[i] ?? 0);
      if (row < 0 || row >= this.#count) continue;
      this.#columns.signature[row] = item.signature[i] ?? plain;
      this.#columns.detail[row] = item.detail[i] ?? 0;
      if (swapped) this.#mirror(row, row + 1);
    }
    this.#version += 1;
  }

  /** Tells the same results with A and B the other way round. Offsets, lengths and counts do not change. */
  swapSides(): void {
    this.#mirror(0, this.#count);
    this.#version += 1;
  }

  offset(row: number): number {
    return this.#columns.offset[row] ?? 0;
  }
  /** First byte after the row. */
  end(row: number): number {
    return this.offset(row) + (this.#columns.length[row] ?? 0);
  }
  run(row: number): Run | undefined {
    if (row < 0 || row >= this.#count) return undefined;
    return { row, ...rowOf(this.#columns, row) };
  }

  /** First row that begins at `offset` or later; `count` if none does. */
  firstFrom(offset: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.offset(middle) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
  /** The row that covers `offset`. */
  rowAt(offset: number): number | undefined {
    const row = this.firstFrom(offset + 1) - 1;
    return row >= 0 && offset < this.end(row) ? row : undefined;
  }
  /** First row that begins after `offset`. */
  next(offset: number): number | undefined {
    const row = this.firstFrom(offset + 1);
    return row < this.#count ? row : undefined;
  }
  /** Last row that begins before `offset`. */
  previous(offset: number): number | undefined {
    const row = this.firstFrom(offset) - 1;
    return row >= 0 ? row : undefined;
  }
  /** First mismatched offset in a later cluster than that of `offset`: a run's start, or a cluster's inside it. */
  nextCluster(offset: number, clusterSize: number): number | undefined {
    const boundary = (Math.floor(offset / clusterSize) + 1) * clusterSize;
    if (this.rowAt(boundary) !== undefined) return boundary;
    const row = this.firstFrom(boundary);
    return row < this.#count ? this.offset(row) : undefined;
  }

  /** Rows that touch [from, to), ascending; `hollow` ones hold the same bytes, stored differently. */
  runsIn(from: number, to: number): { offset: number; length: number; hollow: boolean }[] {
    const found: { offset: number; length: number; hollow: boolean }[] = [];
    for (let row = this.rowAt(from) ?? this.firstFrom(from); row < this.#count; row++) {
      const offset = this.offset(row);
      if (offset >= to) break;
      const hollow = this.#columns.signature[row] === storedDifferently;
      found.push({ offset, length: this.#columns.length[row] ?? 0, hollow });
    }
    return found;
  }

  /** A level per bin over [0, size) for the ruler: `levelDiffers`, `levelStored` or 0. */
  bins(count: number, size: number): Uint8Array {
    return this.#bins.paint(count, size, this);
  }
  /** The ruler level of a row. */
  level(row: number): number {
    return this.#columns.signature[row] === storedDifferently ? levelStored : levelDiffers;
  }

  /** A copy of the columns, cut to `count` rows: its buffers may be transferred away. */
  snapshot(): RunBatch {
    const own = this.#columns;
    const cut = <T extends { slice(from: number, to: number): T }>(column: T) => column.slice(0, this.#count);
    return {
      count: this.#count,
      offset: cut(own.offset),
      length: cut(own.length),
      sectors: cut(own.sectors),
      bytes: cut(own.bytes),
      signature: cut(own.signature),
      detail: cut(own.detail),
      runs: cut(own.runs),
    };
  }

  #joinFirst(batch: RunBatch, swapped: boolean): void {
    this.#bins.clear();
    const own = this.#columns;
    const row = this.#count - 1;
    const add = (column: Float64Array | Uint32Array, value: number | undefined) => {
      column[row] = (column[row] ?? 0) + (value ?? 0);
    };
    add(own.length, batch.length[0]);
    add(own.sectors, batch.sectors[0]);
    add(own.bytes, batch.bytes[0]);
    add(own.runs, (batch.runs[0] ?? 1) - 1);
    const signature = mirrorCode(batch.signature[0] ?? plain, swapped);
    if (signature === own.signature[row] && joinable.has(signature)) return;
    own.signature[row] = plain;
    own.detail[row] = 0;
  }

  #mirror(from: number, to: number): void {
    const { signature, detail } = this.#columns;
    for (let row = from; row < to; row++) {
      const known = signature[row] ?? plain;
      signature[row] = mirrorCode(known, true);
      // shifted: B[i] = A[i - N] tells the same as A[i] = B[i + N].
      if (known === shifted) detail[row] = -(detail[row] ?? 0);
    }
  }

  #reserve(rows: number): void {
    if (rows <= this.#capacity) return;
    this.#capacity = Math.max(rows, Math.ceil(this.#capacity * 1.5));
    const bigger = allocate(this.#capacity);
    for (const name of Object.keys(bigger) as ColumnName[]) {
      bigger[name].set(this.#columns[name].subarray(0, this.#count));
    }
    this.#columns = bigger;
  }
}

function mirrorCode(signature: number, swapped: boolean): number {
  if (!swapped) return signature;
  if (signature === aZero) return bZero;
  if (signature === bZero) return aZero;
  return signature;
}

function allocate(rows: number): MutableColumns {
  return {
    offset: new Float64Array(rows),
    length: new Float64Array(rows),
    sectors: new Float64Array(rows),
    bytes: new Float64Array(rows),
    signature: new Uint8Array(rows),
    detail: new Float64Array(rows),
    runs: new Uint32Array(rows),
  };
}
