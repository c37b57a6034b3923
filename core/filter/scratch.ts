// Memory for what the copies of a disk answer while it is compared: kept for the next request, as new memory costs more
// than the reading of cached data into it.

/** Memory kept in all, bytes, and in pieces. */
const mostKept = 16 * 1024 * 1024;
const mostPieces = 128;

export class Scratch {
  readonly #free: Uint8Array[] = [];
  #kept = 0;

  /** Gives `body` that many bytes, of any content, and takes them back when it is done. */
  async use<T>(length: number, body: (bytes: Uint8Array) => Promise<T>): Promise<T> {
    const memory = this.#take(length);
    try {
      return await body(memory.subarray(0, length));
    } finally {
      this.#give(memory);
    }
  }

  /** The one given back last if it is long enough: requests are mostly of one size. */
  #take(length: number): Uint8Array {
    const last = this.#free.pop();
    if (last !== undefined) this.#kept -= last.length;
    return last !== undefined && last.length >= length ? last : new Uint8Array(length);
  }

  #give(memory: Uint8Array): void {
    if (this.#free.length >= mostPieces || this.#kept + memory.length > mostKept) return;
    this.#kept += memory.length;
    this.#free.push(memory);
  }
}
