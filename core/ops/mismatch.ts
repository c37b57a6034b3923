// The shapes in which a comparison reports: runs of mismatched sectors as columns, signatures, totals.
// Columns of numbers and not objects, because ten million runs must pass a message channel.

/** Bytes per sector in every count of this file. */
export const sectorSize = 512;

/**
 * The likely cause of a run, a guess with its test (core/ops/signature.ts documents each).
 * The index in this array is the number stored in `RunBatch.signature`; append only.
 */
export const signatures = [
  "plain",
  "a-zero",
  "b-zero",
  "single-bit",
  "byte-swapped",
  "shifted",
  "torn",
  "moved",
  "stored-differently",
] as const;
export type Signature = (typeof signatures)[number];

/**
 * Rows of the mismatch list, ascending by offset, as columns of `count` values.
 * A row is one run of adjacent mismatched sectors, or, past the limit on rows, several runs merged coarsely
 * (`runs` > 1: `length` then spans the gaps, `sectors` and `bytes` still count only what differs).
 */
export interface RunBatch {
  readonly count: number;
  /** Guest offset of the first mismatched sector, bytes. */
  readonly offset: Float64Array;
  /** Bytes from the first to the end of the last mismatched sector; the image's end may cut the last one. */
  readonly length: Float64Array;
  readonly sectors: Float64Array;
  /** Bytes that differ. */
  readonly bytes: Float64Array;
  readonly signature: Uint8Array;
  /**
   * single-bit: bit number in the run (byte * 8 + bit); byte-swapped: word size 2, 4 or 8; shifted: N bytes
   * (B[i] = A[i - N]); torn: offset of the 4 KiB boundary; moved: the other sector's guest offset; else 0.
   */
  readonly detail: Float64Array;
  readonly runs: Uint32Array;
}

/** One row of a batch as an object, for what handles a few at a time. */
export interface MismatchRow {
  readonly offset: number;
  readonly length: number;
  readonly sectors: number;
  readonly bytes: number;
  readonly signature: Signature;
  readonly detail: number;
  /** More than 1: several runs merged, `length` spans the gaps between them. */
  readonly runs: number;
}

/** The row at `index` of columns, which must lie in them. */
export function rowOf(columns: Omit<RunBatch, "count">, index: number): MismatchRow {
  return {
    offset: columns.offset[index] ?? 0,
    length: columns.length[index] ?? 0,
    sectors: columns.sectors[index] ?? 0,
    bytes: columns.bytes[index] ?? 0,
    signature: signatures[columns.signature[index] ?? 0] ?? "plain",
    detail: columns.detail[index] ?? 0,
    runs: columns.runs[index] ?? 1,
  };
}

/** A range that could not be read; its content is not compared. */
export interface Unreadable {
  readonly offset: number;
  readonly length: number;
  readonly side: "a" | "b" | "both";
  readonly message: string;
}

export type CompareItem =
  | { readonly kind: "runs"; readonly batch: RunBatch }
  /** Better signatures for rows already sent, found by the second pass; `row` counts rows from 0 as sent. */
  | {
      readonly kind: "signatures";
      readonly row: Uint32Array;
      readonly signature: Uint8Array;
      readonly detail: Float64Array;
    }
  | { readonly kind: "unreadable"; readonly range: Unreadable };

export interface CompareTotals {
  /** Runs found, whether listed one by one or merged. */
  readonly runs: number;
  /** Rows sent. */
  readonly rows: number;
  readonly sectors: number;
  readonly bytes: number;
  readonly unreadableRanges: number;
  readonly unreadableBytes: number;
}

export interface CompareSummary extends CompareTotals {
  readonly sizeA: number;
  readonly sizeB: number;
  /** Guest offset at which this scan began: what an earlier part of it found is not in the totals. */
  readonly from: number;
  /** Guest bytes for which the answer is final: scanned contiguously from `from`. */
  readonly scannedTo: number;
  /** Everything from `from` to the end was scanned and nothing was unreadable. */
  readonly complete: boolean;
  /** Complete, and no mismatch from `from` on (in strict mode: no difference in allocation or size either). */
  readonly identical: boolean;
  readonly cancelled: boolean;
  /** Guest offset of the first mismatched sector. */
  readonly first: number | undefined;
  /** Rows past this were merged coarsely; undefined if every run has its own row. */
  readonly mergedAfter: number | undefined;
  readonly elapsedMs: number;
}
