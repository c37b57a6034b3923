// Whole tables in pieces of bounded size, as 32-bit halves: a table may have 1 GiB.
import type { BlockNode } from "../../block/node.ts";

const pieceBytes = 1024 * 1024;
const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

export interface TablePiece {
  /** Entries, low half of entry i at 2 * i. Valid until the reader is asked for the next piece. */
  readonly halves: Uint32Array;
  /** The same memory as signed numbers, which are the ones that loops are fast with. */
  readonly signed: Int32Array;
  /** Index in the table of the first of them. */
  readonly first: number;
}

/** Reads one table after the other into one buffer. */
export class PieceReader {
  readonly #file: BlockNode;
  readonly #entries: number;
  readonly #words: Uint32Array<ArrayBuffer>;
  /** The step that blkdebug is told before each table is read. */
  readonly #event: string | undefined;

  constructor(file: BlockNode, entries: number, event?: string) {
    this.#file = file;
    this.#entries = entries;
    this.#words = new Uint32Array(Math.min(pieceBytes, entries * 8) / 4);
    this.#event = event;
  }

  /** Throws what reading throws. */
  async *entries(offset: number): AsyncGenerator<TablePiece> {
    if (this.#event !== undefined && this.#file.raise) await this.#file.raise(this.#event);
    for (let first = 0; first < this.#entries; ) {
      const count = Math.min(this.#words.length / 2, this.#entries - first);
      const halves = this.#words.subarray(0, count * 2);
      const bytes = new Uint8Array(this.#words.buffer, 0, count * 8);
      await this.#file.read(offset + first * 8, bytes);
      if (!isLittleEndian) swap(halves, bytes);
      yield { halves, signed: new Int32Array(this.#words.buffer, 0, count * 2), first };
      first += count;
    }
  }
}

function swap(halves: Uint32Array, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0; i < halves.length; i++) halves[i] = view.getUint32(i * 4, true);
}
