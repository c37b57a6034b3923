// Where the bytes of an item's two sides lie in files, for a thread that knows nothing but files (equalThread.ts).
import type { FilePlace } from "../block/filePlace.ts";

/** Numbers of one piece: descriptor and offset of A, of B, and the length. */
export const pieceNumbers = 5;
/** Stands for the descriptor of a side that is known to be zero. */
export const noFile = -1;

/** Pieces of one item: past these they are small, and the thread would spend its time on calls of the system. */
const mostPieces = 1024;

export class FilePieces {
  readonly #numbers: number[] = [];
  #isWhole = true;

  /** The next `length` bytes that are to be read; undefined for a side that does not lie in a file as it is. */
  add(a: FilePlace | undefined, b: FilePlace | undefined, length: number): void {
    if (a === undefined || b === undefined) {
      this.spoil();
      return;
    }
    if (!this.#isWhole || this.#join(a, b, length)) return;
    this.#numbers.push(a.fd, a.offset, b.fd, b.offset, length);
    if (this.#numbers.length > mostPieces * pieceNumbers) this.spoil();
  }

  /** Something in the item asks for more than to compare bytes of files. */
  spoil(): void {
    this.#isWhole = false;
  }

  /** Undefined where not all of it lies in files. */
  take(): Float64Array | undefined {
    return this.#isWhole ? Float64Array.from(this.#numbers) : undefined;
  }

  /** Lengthens the last piece where this one goes on from its end. */
  #join(a: FilePlace, b: FilePlace, length: number): boolean {
    const numbers = this.#numbers;
    const [fdA, atA, fdB, atB, before] = numbers.slice(-pieceNumbers);
    if (atA === undefined || atB === undefined || before === undefined) return false;
    const goesOn = (at: number, fd: number | undefined, place: FilePlace) =>
      fd === place.fd && (fd === noFile || at + before === place.offset);
    if (!goesOn(atA, fdA, a) || !goesOn(atB, fdB, b)) return false;
    numbers[numbers.length - 1] = before + length;
    return true;
  }
}
