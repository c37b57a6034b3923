// The part of a log that is in memory while its headers are walked. Where entries are small, a large piece is read at once
// and holds many headers; where data lie between them, headers alone are read and the data skipped.
import type { BlockNode } from "../block/node.ts";
import { headerLength } from "./entry.ts";

/** Read at once where entries are small: what stays in a processor's cache. */
const largeRead = 256 * 1024;
/** Bytes from header to header up to which reading what is between is quicker than asking again; far quicker off a disk. */
const smallStride = 16 * 1024;
/** Headers in the mean of strides. */
const smoothing = 16;

export class HeaderWindow {
  /** `size` bytes of it are valid, from byte `start` of the log on. */
  readonly bytes: Uint8Array = new Uint8Array(largeRead);
  /** Where a header alone is read. */
  readonly #one = this.bytes.subarray(0, headerLength);
  start = 0;
  #size = 0;
  #taken = 0;
  readonly #log: BlockNode;
  /** Mean bytes between headers; begins as small: most logs have a superblock and small entries at their beginning. */
  #stride = 0;
  #last = 0;

  constructor(log: BlockNode) {
    this.#log = log;
  }

  /** Whether the header there can be read without asking the log; `end` is the log's. */
  has(header: number, end: number): boolean {
    const needed = Math.min(header + headerLength, end);
    return header >= this.start && needed <= this.start + this.#size;
  }

  /** Reads what `has` asks for and, where it is worth it, what follows. Throws what the log throws. */
  async load(header: number, end: number): Promise<void> {
    this.#stride += (Math.max(0, header - this.#last) - this.#stride) / smoothing;
    this.#last = header;
    const isLarge = this.#stride <= smallStride;
    this.#size = 0;
    try {
      await this.#log.read(header, this.#take(header, isLarge ? largeRead : headerLength, end));
    } catch (error) {
      if (!isLarge) throw error;
      // A large piece may hold a bad sector that no header is in.
      await this.#log.read(header, this.#take(header, headerLength, end));
    }
    this.#size = this.#taken;
  }

  /** Where `wanted` bytes, fewer at the log's end, are read to. */
  #take(start: number, wanted: number, end: number): Uint8Array {
    this.start = start;
    this.#taken = Math.min(wanted, end - start);
    if (this.#taken === headerLength) return this.#one;
    if (this.#taken === largeRead) return this.bytes;
    // At the log's end a header may be cut off: what is left of an earlier read must not be taken for the log's.
    this.bytes.fill(0, this.#taken, this.#taken + headerLength);
    return this.bytes.subarray(0, this.#taken);
  }

  /** What was passed since the last load: headers walked inside the window. */
  passed(headers: number, next: number): void {
    if (headers === 0) return;
    const mean = (next - this.#last) / headers;
    const weight = Math.min(1, headers / smoothing);
    this.#stride += (mean - this.#stride) * weight;
    this.#last = next;
  }
}
