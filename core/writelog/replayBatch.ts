// Small writes of a replay on their way to the disk. Those that touch on the disk become one: what counts is what the disk
// holds in the end, and of bytes that several entries wrote the last entry's. What does not touch keeps its bounds, so that
// nothing is written that no entry wrote.

/** Pieces that are gathered at most. */
const mostPieces = 4096;

/** Bytes of the disk, and the data for them. Throws what writing throws. */
export type PutBytes = (offset: number, bytes: Uint8Array) => Promise<void>;

/** The data of a piece: bytes of the log, which are in memory. */
export type DataAt = (payload: number, length: number) => Uint8Array;

export class ReplayBatch {
  readonly #offsets = new Float64Array(mostPieces);
  readonly #payloads = new Float64Array(mostPieces);
  readonly #lengths = new Uint32Array(mostPieces);
  readonly #entries = new Float64Array(mostPieces);
  #count = 0;
  /** The bytes of the disk from the first piece to the last one's end, and whether each piece begins behind the one before. */
  #start = Number.POSITIVE_INFINITY;
  #end = 0;
  #isAscending = true;
  #joined = new Uint8Array(0);

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  get isFull(): boolean {
    return this.#count === mostPieces;
  }

  /** Whether one of the pieces may touch the range of the disk. */
  mayTouch(offset: number, length: number): boolean {
    return offset < this.#end && offset + length > this.#start;
  }

  /** Behind all that were added; the batch is not full. `payload` is where the data are in the log. */
  add(entry: number, offset: number, payload: number, length: number): void {
    const at = this.#count++;
    this.#offsets[at] = offset;
    this.#payloads[at] = payload;
    this.#lengths[at] = length;
    this.#entries[at] = entry;
    if (offset < this.#end) this.#isAscending = false;
    this.#start = Math.min(this.#start, offset);
    this.#end = Math.max(this.#end, offset + length);
  }

  clear(): void {
    this.#count = 0;
    this.#start = Number.POSITIVE_INFINITY;
    this.#end = 0;
    this.#isAscending = true;
  }

  /** Puts all of them, in the order of the disk. Throws what `put` throws; some are written then. */
  async putJoined(dataAt: DataAt, put: PutBytes): Promise<void> {
    const order = this.#order();
    for (let i = 0; i < order.length; ) {
      const first = order[i] ?? 0;
      const start = this.#offsetOf(first);
      let end = start + this.#lengthOf(first);
      let next = i + 1;
      for (; next < order.length; next++) {
        const piece = order[next] ?? 0;
        if (this.#offsetOf(piece) > end) break;
        end = Math.max(end, this.#offsetOf(piece) + this.#lengthOf(piece));
      }
      const isOne = next === i + 1;
      await put(
        start,
        isOne ? this.#dataOf(first, dataAt) : this.#join(order.subarray(i, next), end, dataAt),
      );
      i = next;
    }
  }

  /** Puts them one after the other, as they were added. `failed` makes the error of the entry that could not be put. */
  async putSingly(
    dataAt: DataAt,
    put: PutBytes,
    failed: (entry: number, thrown: unknown) => Error,
  ): Promise<void> {
    for (let piece = 0; piece < this.#count; piece++) {
      try {
        await put(this.#offsetOf(piece), this.#dataOf(piece, dataAt));
      } catch (thrown) {
        throw failed(this.#entries[piece] ?? 0, thrown);
      }
    }
  }

  /** Numbers of the pieces by where they begin on the disk, those that begin together as they were added. */
  #order(): Uint32Array {
    const order = new Uint32Array(this.#count);
    for (let piece = 0; piece < order.length; piece++) order[piece] = piece;
    if (this.#isAscending) return order;
    return order.sort((a, b) => this.#offsetOf(a) - this.#offsetOf(b) || a - b);
  }

  /** The bytes up to `end` of pieces without a gap between them, by where they begin. */
  #join(pieces: Uint32Array, end: number, dataAt: DataAt): Uint8Array {
    const start = this.#offsetOf(pieces[0] ?? 0);
    if (this.#joined.length < end - start) this.#joined = new Uint8Array(2 * (end - start));
    // The later entry's bytes stay.
    for (const piece of this.#isAscending ? pieces : pieces.sort()) {
      this.#joined.set(this.#dataOf(piece, dataAt), this.#offsetOf(piece) - start);
    }
    return this.#joined.subarray(0, end - start);
  }

  #offsetOf(piece: number): number {
    return this.#offsets[piece] ?? 0;
  }

  #lengthOf(piece: number): number {
    return this.#lengths[piece] ?? 0;
  }

  #dataOf(piece: number, dataAt: DataAt): Uint8Array {
    return dataAt(this.#payloads[piece] ?? 0, this.#lengthOf(piece));
  }
}
