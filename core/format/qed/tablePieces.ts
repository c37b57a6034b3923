// Whole tables in pieces of bounded size, as 32-bit halves: a table may have 1 GiB.
import type { BlockNode } from "../../block/node.ts";

const pieceBytes = 1024 * 1024;
const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

export interface TablePiece {
  /** Entries, low half of entry i at 2 * i. Valid until the next piece is asked for. */
  readonly halves: Uint32Array;
  /** Index in the table of the first of them. */
  readonly first: number;
}

/** Throws what reading throws. */
export async function* readEntries(
  file: BlockNode,
  offset: number,
  entries: number,
): AsyncGenerator<TablePiece> {
  const words = new Uint32Array(Math.min(pieceBytes, entries * 8) / 4);
  for (let first = 0; first < entries; ) {
    const count = Math.min(words.length / 2, entries - first);
    const halves = words.subarray(0, count * 2);
    const bytes = new Uint8Array(words.buffer, 0, count * 8);
    await file.read(offset + first * 8, bytes);
    if (!isLittleEndian) swap(halves, bytes);
    yield { halves, first };
    first += count;
  }
}

function swap(halves: Uint32Array, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0; i < halves.length; i++) halves[i] = view.getUint32(i * 4, true);
}
