// The bytes of one change as rows for the eye: 16 to a row, addresses on both sides the same, and which bytes differ.
import type { ShownChange } from "../../../core/ops/repairRun.ts";

export const bytesPerRow = 16;

export interface ShownByte {
  /** Two hexadecimal digits; undefined where that side has no byte. */
  readonly digits: string | undefined;
  readonly differs: boolean;
}

export interface ByteRow {
  readonly offset: number;
  readonly before: readonly ShownByte[];
  readonly after: readonly ShownByte[];
}

/** A side that has no bytes at all (a copy, a cut) is not compared. */
export function byteRows({ offset, before, after }: ShownChange, mostRows: number): readonly ByteRow[] {
  const length = Math.max(before.length, after.length);
  const rows: ByteRow[] = [];
  for (let at = 0; at < length && rows.length < mostRows; at += bytesPerRow) {
    const places = Array.from({ length: Math.min(bytesPerRow, length - at) }, (_, i) => at + i);
    const side = (own: Uint8Array, other: Uint8Array) =>
      places.map((place) => ({
        digits: digitsOf(own[place]),
        differs: own.length > 0 && other.length > 0 && own[place] !== other[place],
      }));
    rows.push({ offset: offset + at, before: side(before, after), after: side(after, before) });
  }
  return rows;
}

/** "0e80ff", at most so many bytes of it. */
export function shortBytes(bytes: Uint8Array, most = 8): string {
  const text = [...bytes.subarray(0, most)].map(digitsOf).join("");
  return bytes.length > most ? `${text}…` : text;
}

function digitsOf(byte: number): string;
function digitsOf(byte: number | undefined): string | undefined;
function digitsOf(byte: number | undefined): string | undefined {
  return byte?.toString(16).padStart(2, "0");
}
