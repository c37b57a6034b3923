// A growing list of entry numbers, ascending: where the flushes, marks and FUA writes of a log are. It grows by chunks, so
// that nothing is copied, and is searched by bisection.

/** Numbers in a chunk. */
const chunkLength = 16 * 1024;

/** What readers of an index see of it. */
export interface EntryList extends Iterable<number> {
  readonly length: number;
  /** The entry number at `position`; undefined past the end. */
  at(position: number): number | undefined;
  /** The position of the first entry number of at least `entry`; `length` when there is none. */
  positionOf(entry: number): number;
  /** The first entry number of at least `entry`, and the last of at most `entry`. */
  atOrAfter(entry: number): number | undefined;
  atOrBefore(entry: number): number | undefined;
}

/** Plain data for threads: the first `length` numbers never change. */
export interface SharedList {
  readonly chunks: readonly Uint32Array[];
  readonly length: number;
}

export class GrowingList implements EntryList {
  readonly #chunks: Uint32Array[] = [];
  #length = 0;

  /** As it is now, for other threads. */
  share(): SharedList {
    return { chunks: [...this.#chunks], length: this.#length };
  }

  /** What was shared; it may not be added to. */
  static from({ chunks, length }: SharedList): GrowingList {
    const list = new GrowingList();
    list.#chunks.push(...chunks);
    list.#length = length;
    return list;
  }

  get length(): number {
    return this.#length;
  }

  /** `value` is below 2^32; for the searches it must not be below the last one. */
  push(value: number): void {
    const inChunk = this.#length % chunkLength;
    if (inChunk === 0) this.#chunks.push(emptyChunk());
    const chunk = this.#chunks[this.#chunks.length - 1];
    if (chunk) chunk[inChunk] = value;
    this.#length++;
  }

  /** Forgets all but the first `length`. */
  truncate(length: number): void {
    this.#length = Math.min(this.#length, length);
    this.#chunks.length = Math.ceil(this.#length / chunkLength);
    // Whoever shares the list keeps the numbers that are forgotten here.
    const last = this.#chunks.pop();
    if (last === undefined) return;
    const copy = emptyChunk();
    copy.set(last);
    this.#chunks.push(copy);
  }

  at(position: number): number | undefined {
    if (!(position >= 0 && position < this.#length)) return undefined;
    return this.#chunks[Math.floor(position / chunkLength)]?.[position % chunkLength];
  }

  positionOf(entry: number): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((this.at(middle) ?? 0) < entry) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  atOrAfter(entry: number): number | undefined {
    return this.at(this.positionOf(entry));
  }

  atOrBefore(entry: number): number | undefined {
    return this.at(this.positionOf(entry + 1) - 1);
  }

  *[Symbol.iterator](): Generator<number> {
    for (let position = 0; position < this.#length; position++) yield this.at(position) ?? 0;
  }
}

function emptyChunk(): Uint32Array {
  return new Uint32Array(new SharedArrayBuffer(chunkLength * Uint32Array.BYTES_PER_ELEMENT));
}
