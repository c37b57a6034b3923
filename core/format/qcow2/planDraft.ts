// A draft: an item of a plan's first part, and what it does to the file.
import type { ByteRange, OfferedRepair } from "../../block/finding.ts";
import type { ByteEdit, NewBytes } from "./planRefcounts.ts";
import type { WordEdit } from "./planWords.ts";

/** An item, and what it does. Words may be changed once more by what comes later. */
export interface Draft {
  readonly item: OfferedRepair;
  /** Corruptions of the check that it answers. */
  readonly answers: number;
  readonly words: readonly WordEdit[];
  /** Of the header. */
  readonly fields: readonly ByteEdit[];
  readonly copies: readonly { readonly from: number; readonly to: number; readonly length: number }[];
  readonly appended: readonly NewBytes[];
  /** What it takes of the file behind the end, and what it gives up: new refcounts are needed for both. */
  readonly taken?: ByteRange;
  readonly left?: ByteRange;
}

export const noChanges = { answers: 1, words: [], fields: [], copies: [], appended: [] };
