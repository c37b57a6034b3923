// Rows of the table of values from the decoded bytes of one side, or of both sides of a comparison. Pure.
import { type Decoded, decodeAll } from "./decode.ts";
import type { Readable, ReadableEnd } from "./readable.ts";

/** One value of one side. */
export interface Cell {
  /** "A", "B", "A=B"; undefined outside comparisons and where there is no value to speak of. */
  readonly side: string | undefined;
  readonly text: string;
  /** What a click copies; undefined when there is no value. */
  readonly copied: string | undefined;
  /** Both byte orders, or why there is no value. */
  readonly title: string;
}
export interface ValueRow {
  readonly id: string;
  readonly label: string;
  /** One, or A's and B's where they are not the same. */
  readonly cells: readonly Cell[];
  /** Both sides have a value, and not the same one. */
  readonly differs: boolean;
  /** Where the value of the side with the caret leads when it is taken as a place. */
  readonly place: bigint | undefined;
}

/** What stands in place of a value, and what it means. */
const endTexts: Readonly<Record<ReadableEnd, { readonly text: string; readonly title: string }>> = {
  loading: { text: "…", title: "These bytes are being read" },
  unreadable: { text: "??", title: "A byte of this value can't be read" },
  before: { text: "before the start", title: "This value begins before the start of the image" },
  past: { text: "past the end", title: "This value reaches past the end of the image" },
};

interface Side {
  readonly now: readonly Decoded[];
  /** The same in the other byte order. */
  readonly swapped: readonly Decoded[];
  readonly end: ReadableEnd | undefined;
}

function decodeSide({ bytes, end }: Readable, little: boolean): Side {
  return { now: decodeAll(bytes, little), swapped: decodeAll(bytes, !little), end };
}

/** Rows for one side's bytes. */
export function rowsOf(bytes: Readable, little: boolean): readonly ValueRow[] {
  const side = decodeSide(bytes, little);
  return side.now.map((value, index) => ({
    id: value.id,
    label: value.label,
    cells: [cellOf(side, index, little, undefined)],
    differs: false,
    place: value.place,
  }));
}

/** Rows for a comparison; `caret` says whose value can be gone to. */
export function comparedRows(
  a: Readable,
  b: Readable,
  caret: "a" | "b",
  little: boolean,
): readonly ValueRow[] {
  const [sideA, sideB] = [decodeSide(a, little), decodeSide(b, little)];
  const own = caret === "a" ? sideA : sideB;
  return sideA.now.map(({ id, label, text }, index) => {
    const other = sideB.now[index]?.text;
    const cellA = cellOf(sideA, index, little, "A");
    const cellB = cellOf(sideB, index, little, "B");
    const same = cellA.text === cellB.text;
    return {
      id,
      label,
      cells: same ? [{ ...cellA, side: text === undefined ? undefined : "A=B" }] : [cellA, cellB],
      // What can't be read on one side is not a difference.
      differs: !same && text !== undefined && other !== undefined,
      place: own.now[index]?.place,
    };
  });
}

function cellOf({ now, swapped, end }: Side, index: number, little: boolean, side: string | undefined): Cell {
  const [value, other] = [now[index], swapped[index]];
  if (value?.text === undefined) return { side, copied: undefined, ...endTexts[end ?? "past"] };
  const title = value.ordered && other ? bothOrders(value, other, little) : inHex(value);
  return { side, text: value.text, copied: value.copied, title };
}

function bothOrders(value: Decoded, other: Decoded, little: boolean): string {
  const [le, be] = little ? [value, other] : [other, value];
  return `Little-endian: ${inHex(le)}\nBig-endian: ${inHex(be)}`;
}

/** The value, and in hex too where it is an integer that has digits for it. */
function inHex({ text, place }: Decoded): string {
  return place === undefined ? (text ?? "") : `${text} (0x${place.toString(16)})`;
}
