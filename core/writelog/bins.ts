// A write log as a picture: which operations lie in each cell of a grid of entries and disk offsets. What the timeline
// asks for and is answered, and the one way of asking: short stretches are looked through entry by entry, long ones are
// put together from what `binPyramid.ts` holds ready.

/** What an entry does to the bytes it covers, as bits of a cell's mask: a cell has all that lies in it. */
export const binOps = { write: 1, discard: 2, metadata: 4, fua: 8 } as const;
export type BinOp = keyof typeof binOps;

/** Most columns and rows of one answer. */
export const mostColumns = 4096;
export const mostRows = 2048;

export interface BinsRequest {
  /** Entries [firstEntry, endEntry). */
  readonly firstEntry: number;
  readonly endEntry: number;
  /** Most columns; there are at least half as many unless there are fewer entries. 1 to `mostColumns`. */
  readonly columns: number;
  /** Where rows begin and the last one ends: 2 to `mostRows + 1` bytes of the disk, ascending. */
  readonly edges: Float64Array;
}

export interface MarkLabel {
  readonly entry: number;
  readonly text: string;
}

/**
 * Columns are `entriesPerColumn` entries wide, a power of two, and begin at multiples of it, so that a view that is moved
 * gets the same columns again. The first and the last one may reach beyond what was asked for.
 */
export interface Bins {
  /** First entry of the first column. */
  readonly firstEntry: number;
  readonly entriesPerColumn: number;
  readonly columns: number;
  /** As asked for, each moved by less than half a row where that is as good; ascending. Rows are one less. */
  readonly edges: Float64Array;
  /** By column, then row: masks of `binOps`; 0 where nothing lies. */
  readonly masks: Uint8Array;
  /** The same of the entries that pass the filter; undefined without one. */
  readonly passing: Uint8Array | undefined;
  /** By column, then row: how many operations begin there, as `densityCode`. */
  readonly density: Uint8Array;
  /** By column: entries with the flag FLUSH, marks, entries with the flag FUA, and bytes of writes. */
  readonly flushes: Uint32Array;
  readonly marks: Uint32Array;
  readonly fuas: Uint32Array;
  readonly bytes: Float64Array;
  /** Texts of marks, at most `mostLabels` and spread over the columns. */
  readonly labels: readonly MarkLabel[];
}

export const mostLabels = 48;

/** Numbers of a byte that grow by 4.4 % each: exact for 0 and 1, up to 65,536 and more. */
export function densityCode(count: number): number {
  return count < 1 ? 0 : Math.min(255, 1 + Math.round(15.875 * Math.log2(count)));
}

export function densityCount(code: number): number {
  return code === 0 ? 0 : 2 ** ((code - 1) / 15.875);
}

/** Stretches of the disk that the log writes or discards, ascending, apart from each other. */
export interface UsedRange {
  readonly offset: number;
  readonly length: number;
}

/** Most of them: the smallest gaps are taken in. */
export const mostUsedRanges = 64;
