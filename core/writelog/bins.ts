// A write log as a picture: which operations lie in each cell of a grid of entries and disk offsets. What the timeline
// asks for and is answered. `binsLog.ts` answers.
import { BlockError } from "../base/errors.ts";
import type { ByteRange } from "../block/finding.ts";
import { entryFlags } from "./layout.ts";

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
  /** Most columns; there are about half as many at least, unless there are fewer entries. 2 to `mostColumns`. */
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
  /**
   * Ascending; rows are one less. As asked for, each moved by less than half a row where that is as good; some are left
   * out where hundreds of thousands of entries begin or end within few rows.
   */
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

/** Stretches of the disk that the log writes or discards, ascending and apart; at most `mostUsedRanges`. */
export type UsedRange = ByteRange;

/** Most of them: the smallest gaps are taken in. */
export const mostUsedRanges = 64;

/** Numbers in a byte, each 4.4 % larger than the one before: 0 and 1 as they are, the last one is 65,536 or more. */
export function densityCode(count: number): number {
  return count < 1 ? 0 : Math.min(255, 1 + Math.round(codesPerDouble * Math.log2(count)));
}

export function densityCount(code: number): number {
  return code === 0 ? 0 : 2 ** ((code - 1) / codesPerDouble);
}

/** 16 doublings take the codes 1 to 255. */
export const codesPerDouble = 254 / 16;

/** The mask of an entry; 0 for one that covers no bytes. Bit operators are safe: flags are a byte. */
export function maskOf(flags: number, length: number): number {
  if (length <= 0 || (flags & entryFlags.mark) !== 0) return 0;
  if ((flags & entryFlags.discard) !== 0) return binOps.discard;
  const mask =
    ((flags & entryFlags.metadata) !== 0 ? binOps.metadata : 0) +
    ((flags & entryFlags.fua) !== 0 ? binOps.fua : 0);
  return mask === 0 ? binOps.write : mask;
}

/** Throws EINVAL for a request that has no answer. */
export function checkBinsRequest({ firstEntry, endEntry, columns, edges }: BinsRequest): void {
  const fail = (what: string) => {
    throw new BlockError("EINVAL", `Can't show the log: ${what}`);
  };
  if (!isCount(firstEntry) || !isCount(endEntry) || firstEntry > endEntry) {
    fail(`there are no entries from ${firstEntry} to ${endEntry}`);
  }
  if (!isCount(columns) || columns < 2 || columns > mostColumns) {
    fail(`${columns} columns; 2 to ${mostColumns} can be`);
  }
  if (edges.length < 2 || edges.length > mostRows + 1) {
    fail(`${edges.length - 1} rows; 1 to ${mostRows} can be`);
  }
  for (let i = 0; i < edges.length; i++) {
    const edge = edges[i] as number;
    if (!isCount(edge)) fail(`row ${i} begins at byte ${edge}`);
    if (i > 0 && edge <= (edges[i - 1] as number)) fail(`row ${i} does not begin behind the one before it`);
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** Entries of a column: the smallest power of two with which no more than `columns` are needed, wherever they begin. */
export function columnWidth(entries: number, columns: number): number {
  let width = 1;
  // One more than fits: columns begin at multiples of their width.
  while (entries / width > columns - 1) width *= 2;
  return width;
}
