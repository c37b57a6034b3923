// A display filter as a tree: what the parser makes of the text, and what is compiled to a test of log entries.
// Positions are indexes into the text, half-open.
import type { EntryKind } from "../writelog/logIndex.ts";

export interface Span {
  readonly at: number;
  readonly length: number;
}

/** What an entry is, from its flags and length alone; every entry is exactly one of these. */
export const opNames: readonly EntryKind[] = ["write", "flush", "discard", "mark", "empty"];

/** Words that are true or false of an entry by themselves. */
export const flagNames = ["write", "flush", "fua", "discard", "mark", "meta", "zero", "empty"] as const;
export type FlagName = (typeof flagNames)[number];

export const numberFields = ["entry", "sector", "offset", "len", "sectors", "flags"] as const;
export type NumberField = (typeof numberFields)[number];
export const fieldNames = ["op", ...numberFields, "mark"] as const;
export type FieldName = (typeof fieldNames)[number];

export const comparisons = ["==", "!=", "<", "<=", ">", ">="] as const;
export type Comparison = (typeof comparisons)[number];

export type Query = Span &
  (
    | { readonly kind: "everything" }
    | { readonly kind: "and" | "or"; readonly parts: readonly Query[] }
    | { readonly kind: "not"; readonly part: Query }
    | { readonly kind: "flag"; readonly flag: FlagName }
    | { readonly kind: "op"; readonly op: EntryKind }
    /** Both ends included; `to` may be infinite. Sector and offset hold for an entry that touches the range. */
    | {
        readonly kind: "number";
        readonly field: NumberField;
        readonly from: number;
        readonly to: number;
      }
    /** exact: the whole text, as it is; otherwise somewhere in it, upper and lower case alike. */
    | { readonly kind: "mark"; readonly text: string; readonly exact: boolean }
  );

/** One sentence each, for completion lists and the manual. */
export const fieldHelp: Readonly<Record<FieldName, string>> = {
  op: "What the entry is: write, flush, discard, mark or empty.",
  entry: "The entry's number, from 0.",
  sector: "Sectors of the disk that the entry touches, in the log's own sector size.",
  offset: "Bytes of the disk that the entry touches.",
  len: "Length on the disk in bytes.",
  sectors: "Length on the disk in sectors of the log.",
  flags: "The flags as a number: 1 flush, 2 FUA, 4 discard, 8 mark, 16 metadata.",
  mark: "A mark's text.",
};

export const flagHelp: Readonly<Record<FlagName, string>> = {
  write: "Entries that write data.",
  flush: "Entries with the FLUSH flag, also those that write data behind it.",
  fua: "Entries with the FUA flag.",
  discard: "Discards.",
  mark: "Marks.",
  meta: "Entries with the METADATA flag.",
  zero: "Writes whose data are all zero.",
  empty: "Writes of nothing.",
};
