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

/** Bytes that a buffer for the pieces of a table needs. */
export function pieceLength(entries: number): number {
  return Math.min(pieceBytes, entries * 8);
}

/** Reads one table after the other into one buffer. */
export class PieceReader {
  readonly #file: BlockNode;
  readonly #entries: number;
  readonly #buffer: Uint8Array<ArrayBuffer>;
  /** The step that blkdebug is told before each table is read. */
  readonly #event: string | undefined;

  /** `buffer` is `pieceLength` long. */
  constructor(
    file: BlockNode,
    entries: number,
    event?: string,
    buffer = new Uint8Array(pieceLength(entries)),
  ) {
    this.#file = file;
    this.#entries = entries;
    this.#buffer = buffer;
    this.#event = event;
  }

  /** Pieces as they are in the file. Throws what reading throws. */
  async *bytes(
    offset: number,
  ): AsyncGenerator<{ readonly bytes: Uint8Array<ArrayBuffer>; readonly first: number }> {
    if (this.#event !== undefined && this.#file.raise) await this.#file.raise(this.#event);
    for (let first = 0; first < this.#entries; ) {
      const count = Math.min(this.#buffer.length / 8, this.#entries - first);
      const bytes = this.#buffer.subarray(0, count * 8);
      await this.#file.read(offset + first * 8, bytes);
      yield { bytes, first };
      first += count;
    }
  }

  /** The same as halves. */
  async *entries(offset: number): AsyncGenerator<TablePiece> {
    for await (const { bytes, first } of this.bytes(offset)) {
      const halves = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
      if (!isLittleEndian) swap(halves, bytes);
      yield { halves, signed: new Int32Array(halves.buffer, halves.byteOffset, halves.length), first };
    }
  }
}

function swap(halves: Uint32Array, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0; i < halves.length; i++) halves[i] = view.getUint32(i * 4, true);
}
