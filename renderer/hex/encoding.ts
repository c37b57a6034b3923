// The text column: what character each byte shows under the chosen encoding. A character of several bytes
// stands at its first byte and spans the others; what has no visible form is a dot. Pure.
import type { TextEncoding } from "../store/prefs.ts";

/** Bytes a row needs to see before and after itself, so that characters across its ends come out right. */
export const context = 3;

export interface TextCell {
  /** undefined: no visible character. */
  readonly text: string | undefined;
  /** Bytes it stands for, counted within the row; 0 for a byte that belongs to the character before. */
  readonly span: number;
}
/** A byte that can't be shown: not loaded, unreadable, or outside. */
export type ByteValue = number;

const dot: TextCell = { text: undefined, span: 1 };
const part: TextCell = { text: undefined, span: 0 };

/** A reader's view of bytes: the value at an index, or a negative number where there is none. */
type At = (index: number) => ByteValue;

/**
 * The cells of `count` bytes. `at` may be asked for indices from -3 to count + 2. `position` is the offset of
 * the first byte: 16-bit units begin at even offsets.
 */
export function textCells(at: At, count: number, position: number, encoding: TextEncoding): TextCell[] {
  switch (encoding) {
    case "utf-8":
      return utf8Cells(at, count);
    case "utf-16le":
    case "utf-16be":
      return utf16Cells(at, count, position, encoding === "utf-16le");
    default: {
      const table = singleByteTables[encoding];
      return Array.from({ length: count }, (_, index) => table[at(index)] ?? dot);
    }
  }
}

/** The characters of one row of a code page, 0x40 to 0xFF. EBCDIC below 0x40 is control characters. */
// IBM code page 037 (CECP: USA, Canada), as in IBM's registry of character sets, CCSID 37.
const ebcdic037 = [
  " \u00a0âäàáãåçñ¢.<(+|", // 40
  "&éêëèíîïìß!$*);¬", // 50
  "-/ÂÄÀÁÃÅÇÑ¦,%_>?", // 60
  "øÉÊËÈÍÎÏÌ`:#@'=\"", // 70
  "Øabcdefghi«»ðýþ±", // 80
  "°jklmnopqrªºæ¸Æ¤", // 90
  "µ~stuvwxyz¡¿ÐÝÞ®", // a0
  "^£¥·©§¶¼½¾[]¯¨´×", // b0
  "{ABCDEFGHI\u00adôöòóõ", // c0
  "}JKLMNOPQR¹ûüùúÿ", // d0
  "\\÷STUVWXYZ²ÔÖÒÓÕ", // e0
  "0123456789³ÛÜÙÚ\u009f", // f0
].join("");
/** Where code page 500 (international) differs from 037. */
const ebcdic500Changes: ReadonlyMap<number, string> = new Map([
  [0x4a, "["],
  [0x4f, "!"],
  [0x5a, "]"],
  [0x5f, "^"],
  [0xb0, "\u00a2"],
  [0xba, "\u00ac"],
  [0xbb, "|"],
]);

function byteTable(character: (byte: number) => string | undefined): readonly TextCell[] {
  return Array.from({ length: 256 }, (_, byte) => {
    const text = character(byte);
    return text !== undefined && isVisible(text) ? { text, span: 1 } : dot;
  });
}

const singleByteTables: Readonly<
  Record<"ascii" | "latin1" | "ebcdic037" | "ebcdic500", readonly TextCell[]>
> = {
  ascii: byteTable((byte) => (byte < 0x80 ? String.fromCharCode(byte) : undefined)),
  latin1: byteTable((byte) => String.fromCharCode(byte)),
  ebcdic037: byteTable((byte) => ebcdic037[byte - 0x40]),
  ebcdic500: byteTable((byte) => ebcdic500Changes.get(byte) ?? ebcdic037[byte - 0x40]),
};

/** Controls, lone combining marks, format characters, unassigned ones and odd spaces have no form of their own. */
export function isVisible(text: string): boolean {
  return text === " " || /^[\p{L}\p{N}\p{P}\p{S}]/u.test(text);
}

function utf8Cells(at: At, count: number): TextCell[] {
  const cells: TextCell[] = Array.from({ length: count }, () => dot);
  for (let index = -context; index < count; ) {
    const length = utf8Length(at, index);
    const text = length > 0 ? decodeUtf8(at, index, length) : undefined;
    putCell(cells, index, Math.max(1, length), text);
    index += Math.max(1, length);
  }
  return cells;
}

/** Bytes of the well-formed sequence that begins at an index (RFC 3629, section 4); 0 when there is none. */
function utf8Length(at: At, index: number): number {
  const first = at(index);
  const length =
    first < 0 ? 0 : first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (length < 2) return length;
  if (first > 0xf4) return 0;
  const second = at(index + 1);
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let next = 2; next < length; next++) {
    const byte = at(index + next);
    if (byte < 0x80 || byte > 0xbf) return 0;
  }
  return length;
}

function decodeUtf8(at: At, index: number, length: number): string {
  const lead = [0x7f, 0x1f, 0x0f, 0x07][length - 1] ?? 0;
  let code = at(index) % (lead + 1);
  for (let next = 1; next < length; next++) code = code * 64 + (at(index + next) % 64);
  return String.fromCodePoint(code);
}

function utf16Cells(at: At, count: number, position: number, little: boolean): TextCell[] {
  const cells: TextCell[] = Array.from({ length: count }, () => dot);
  const unit = (index: number) => {
    const [low, high] = little ? [at(index), at(index + 1)] : [at(index + 1), at(index)];
    return low < 0 || high < 0 ? -1 : high * 256 + low;
  };
  // Units lie at even offsets; a pair may have begun one unit before the row.
  for (let index = position % 2 === 0 ? -2 : -3; index < count; ) {
    const first = unit(index);
    const isPair = isBetween(first, 0xd800, 0xdbff) && isBetween(unit(index + 2), 0xdc00, 0xdfff);
    const length = isPair ? 4 : 2;
    const lone = !isPair && isBetween(first, 0xd800, 0xdfff);
    const text =
      first < 0 || lone ? undefined : String.fromCharCode(first, ...(isPair ? [unit(index + 2)] : []));
    putCell(cells, index, length, text);
    index += length;
  }
  return cells;
}

const isBetween = (value: number, low: number, high: number) => value >= low && value <= high;

/** Puts a character of `length` bytes at an index that may lie partly outside the row. */
function putCell(cells: TextCell[], index: number, length: number, text: string | undefined): void {
  const visible = text !== undefined && isVisible(text);
  for (let next = Math.max(0, index); next < Math.min(cells.length, index + length); next++) {
    if (!visible) cells[next] = dot;
    else if (next > index) cells[next] = part;
    else cells[next] = { text, span: Math.min(length, cells.length - index) };
  }
}
