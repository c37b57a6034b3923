// Data of a log that are wanted entry after entry: where entries lie close behind each other, what follows is read with
// them. How much, it finds out as it goes: what is asked for here and there is read alone.
import type { BlockNode } from "../block/node.ts";

/** Bytes that are read at once at most, unless more are asked for. */
const longestRead = 1024 * 1024;
/** The first time that data follow close. Doubles from there. */
const firstAhead = 64 * 1024;
/** Bytes between data that are read rather than skipped. */
const nearby = 16 * 1024;

export class PayloadWindow {
  readonly #log: BlockNode;
  readonly #end: number;
  #bytes: Uint8Array = new Uint8Array(0);
  /** The bytes of the log that are in memory. */
  #from = 0;
  #to = 0;
  #ahead = 0;

  /** Nothing from byte `end` of the log on is read but what is asked for. */
  constructor(log: BlockNode, end: number) {
    this.#log = log;
    this.#end = end;
  }

  /** Whether the bytes are in memory. */
  has(at: number, length: number): boolean {
    return at >= this.#from && at + length <= this.#to;
  }

  /** Bytes that are in memory; they stay there until the next `load`. */
  view(at: number, length: number): Uint8Array {
    return this.#bytes.subarray(at - this.#from, at - this.#from + length);
  }

  /** Takes them into memory, and forgets the others. Throws what the log throws. */
  async load(at: number, length: number): Promise<void> {
    const gap = at - this.#to;
    const isNear = gap >= 0 && gap <= nearby && this.#to > 0;
    this.#ahead = isNear ? Math.min(longestRead, Math.max(firstAhead, 2 * this.#ahead)) : 0;
    const long = Math.max(length, Math.min(this.#ahead, this.#end - at));
    // Where that fails nothing is in memory.
    this.#to = 0;
    if (long > this.#bytes.length) this.#bytes = new Uint8Array(long);
    this.#from = at;
    this.#to = at + (await this.#read(at, length, long));
  }

  /** Returns how many bytes were read: `long` or, where a bad sector lies behind what is wanted, `length`. */
  async #read(at: number, length: number, long: number): Promise<number> {
    try {
      await this.#log.read(at, this.#bytes.subarray(0, long));
      return long;
    } catch (error) {
      if (long === length) throw error;
      await this.#log.read(at, this.#bytes.subarray(0, length));
      return length;
    }
  }
}
