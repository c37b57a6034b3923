// What the visible rows say: each byte's value, the byte against it in the other image, and the state that
// follows from both. Pure over a page lookup; painter and accessible grid both draw from this and nothing else.
import { type CachedPage, pageSize } from "../pageCache.ts";
import type { ByteSource, DiffMarks, Row, RowMap } from "./model.ts";

/** Instead of a value from 0 to 255. */
export const notLoaded = -1;
export const unreadable = -2;
/** Before the source's start or past its end. */
export const outside = -3;

export type PageLookup = (source: ByteSource, index: number) => CachedPage | undefined;

/** What a byte is in a comparison; "plain" also stands for one with nothing to say. */
export type ByteMark = "plain" | "differs" | "current" | "oneSide" | "unreadable" | "missing" | "outside";

export interface BytesRow {
  readonly kind: "bytes";
  /** In the rows' own offsets; the source's is `offset` + shift. */
  readonly offset: number;
  readonly values: Int16Array;
  /** Bytes of the other image against these; undefined without a comparison. */
  readonly others: Int16Array | undefined;
  readonly marks: readonly ByteMark[];
  /** Letter for the gutter: D, A, B, ? or nothing. */
  readonly letter: RowLetter;
  /** The whole row lies outside the source. */
  readonly outside: "before" | "past" | undefined;
  /** No answer of the scan reaches this row yet. */
  readonly unscanned: boolean;
  /** The row belongs to a run whose bytes are the same: only how they are stored differs. */
  readonly storedDifferently: boolean;
}
export type RowLetter = "D" | "A" | "B" | "?" | "";
export type FoldRow = Extract<Row, { kind: "fold" }>;
export type RowContent = BytesRow | FoldRow;

export interface ContentInput {
  readonly source: ByteSource;
  readonly shift: number;
  readonly rows: RowMap;
  /** Rows show nothing from here on. */
  readonly extent: number;
  readonly marks: DiffMarks | undefined;
  readonly page: PageLookup;
}

/** The rows from `top` on that exist, at most `count`. */
export function readRows(input: ContentInput, top: number, count: number): RowContent[] {
  const { rows, extent } = input;
  const contents: RowContent[] = [];
  for (let index = top; index < Math.min(top + count, rows.rowCount); index++) {
    const row = rows.row(index);
    if (row.kind === "fold") contents.push(row);
    else if (row.offset < extent) contents.push(readRow(input, row.offset));
  }
  return contents;
}

function readRow(input: ContentInput, offset: number): BytesRow {
  const { source, shift, rows, extent, marks, page } = input;
  const count = Math.min(rows.bytesPerRow, extent - offset);
  const values = readValues(page, source, offset + shift, count);
  const others = marks && readValues(page, marks.other, offset + marks.shift, count);
  const byteMarks = Array.from(values, (value, column) =>
    markOf(value, others?.[column], inCurrent(marks, offset + column)),
  );
  const differing = byteMarks.some((mark) => mark === "differs" || mark === "current");
  return {
    kind: "bytes",
    offset,
    values,
    others,
    marks: byteMarks,
    letter: marks
      ? letterOf(byteMarks, values, others, marks.side)
      : byteMarks.includes("unreadable")
        ? "?"
        : "",
    outside: values.every((value) => value === outside)
      ? offset + shift < 0
        ? "before"
        : "past"
      : undefined,
    unscanned: marks !== undefined && offset >= marks.scannedTo,
    storedDifferently: marks !== undefined && !differing && isStoredDifferently(input, marks, offset, count),
  };
}

/** Values of `count` bytes of a source, for any offset. */
export function readValues(page: PageLookup, source: ByteSource, offset: number, count: number): Int16Array {
  const values = new Int16Array(Math.max(0, count)).fill(outside);
  for (let column = Math.max(0, -offset); column < count; ) {
    const at = offset + column;
    if (at >= source.size) break;
    const index = Math.floor(at / pageSize);
    const start = at - index * pageSize;
    const take = Math.min(pageSize - start, count - column, source.size - at);
    fillFrom(values, column, take, page(source, index), start);
    column += take;
  }
  return values;
}

function fillFrom(
  values: Int16Array,
  column: number,
  take: number,
  page: CachedPage | undefined,
  start: number,
): void {
  if (!page || page.failed) {
    values.fill(page ? unreadable : notLoaded, column, column + take);
    return;
  }
  values.set(page.bytes.subarray(start, start + take), column);
  for (const { offset, length } of page.bad) {
    const from = Math.max(offset, start);
    const to = Math.min(offset + length, start + take);
    if (from < to) values.fill(unreadable, column + from - start, column + to - start);
  }
}

function markOf(value: number, other: number | undefined, current: boolean): ByteMark {
  if (value === outside) return "outside";
  if (value === unreadable) return "unreadable";
  if (value === notLoaded) return "missing";
  if (other === undefined || other === notLoaded || other === unreadable) return "plain";
  // Past the other image's end only a byte that is not zero is a mismatch.
  if (other === outside) return value !== 0 && current ? "current" : "oneSide";
  if (value === other) return "plain";
  return current ? "current" : "differs";
}

function inCurrent(marks: DiffMarks | undefined, offset: number): boolean {
  const run = marks?.current;
  return run !== undefined && offset >= run.offset && offset < run.offset + run.length;
}

function letterOf(
  marks: readonly ByteMark[],
  values: Int16Array,
  others: Int16Array | undefined,
  side: "a" | "b",
): RowLetter {
  if (values.includes(unreadable) || others?.includes(unreadable)) return "?";
  const known = marks.some((mark, column) => {
    const other = others?.[column];
    return (mark === "differs" || mark === "current") && other !== outside;
  });
  if (known) return "D";
  const [own, theirs] = side === "a" ? (["A", "B"] as const) : (["B", "A"] as const);
  if (others?.includes(outside) && !values.every((value) => value === outside)) return own;
  if (values.includes(outside) && others && !others.every((value) => value === outside)) return theirs;
  return "";
}

/** The first sector of a run of mismatched content always differs in some byte. */
function isStoredDifferently(input: ContentInput, marks: DiffMarks, offset: number, count: number): boolean {
  const run = marks.runsIn(offset, offset + count).at(0);
  if (!run) return false;
  const length = Math.min(512, run.length);
  const own = readValues(input.page, input.source, run.offset + input.shift, length);
  const other = readValues(input.page, marks.other, run.offset + marks.shift, length);
  return own.every((value, index) => value >= 0 && value === other[index]);
}

/** Whole pages that show bytes of rows [top, top + count) of a source shifted by `shift`; ascending. */
export function pagesOf(
  rows: RowMap,
  top: number,
  count: number,
  source: ByteSource,
  shift: number,
): readonly number[] {
  const pages = new Set<number>();
  const last = Math.ceil(source.size / pageSize) - 1;
  for (let index = Math.max(0, top); index < Math.min(top + count, rows.rowCount); index++) {
    const row = rows.row(index);
    if (row.kind === "fold") continue;
    const from = Math.floor((row.offset + shift) / pageSize);
    const to = Math.floor((row.offset + shift + rows.bytesPerRow - 1) / pageSize);
    for (const page of [from, to]) if (page >= 0 && page <= last) pages.add(page);
  }
  return [...pages];
}
