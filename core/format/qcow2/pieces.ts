// Whole tables in pieces of bounded size, as 32-bit halves: an L1 table may have 32 MiB.
import type { BlockNode } from "../../block/node.ts";
import { readPadded } from "./header.ts";
import type { TablePlace } from "./layout.ts";
import { bigEndianWords } from "./tables.ts";

export const pieceBytes = 1024 * 1024;

export interface Piece {
  /** Words of 8 bytes: the high half of word i at 2 * i. Valid until the next piece is asked for. */
  readonly halves: Int32Array<ArrayBuffer>;
  /** Index in the table of the first word. */
  readonly first: number;
}

/** Reads one table after the other into one buffer. */
export class PieceReader {
  readonly #file: BlockNode;
  #buffer: Uint8Array<ArrayBuffer>;

  /** `buffer` is used as long as it is large enough; one of `pieceBytes` always is. */
  constructor(file: BlockNode, buffer = new Uint8Array()) {
    this.#file = file;
    this.#buffer = buffer;
  }

  /**
   * The words of a table as far as the file has them: behind its end all are 0. `event` is the step that blkdebug is
   * told before the table is read. Throws EIO.
   */
  async *words(table: TablePlace, event?: string): AsyncGenerator<Piece> {
    for await (const { bytes, first } of this.bytes(table, event))
      yield { halves: bigEndianWords(bytes), first };
  }

  /** The same as bytes of the file. */
  async *bytes(
    { offset, entries }: TablePlace,
    event?: string,
  ): AsyncGenerator<{ readonly bytes: Uint8Array<ArrayBuffer>; readonly first: number }> {
    if (event !== undefined && this.#file.raise) await this.#file.raise(event);
    const there = Math.min(entries * 8, Math.max(0, this.#file.size - offset));
    const length = Math.min(pieceBytes, Math.ceil(there / 8) * 8);
    if (this.#buffer.length < length) this.#buffer = new Uint8Array(length);
    for (let at = 0; at < there; at += pieceBytes) {
      const bytes = this.#buffer.subarray(0, Math.min(length, Math.ceil((there - at) / 8) * 8));
      await readPadded(this.#file, offset + at, bytes);
      yield { bytes, first: at / 8 };
    }
  }
}
