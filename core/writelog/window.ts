// The part of a log that is in memory while its headers are walked. Where entries are small, a large piece is read at once
// and holds many headers; where much data lie between them, headers alone are read and the data skipped. In between, that
// depends: bytes that the system holds in memory are skipped quicker than copied, off a disk a large piece is far quicker.
import type { BlockNode } from "../block/node.ts";
import { headerLength, wordsOf } from "./entry.ts";

/** Read at once where entries are small: what stays in a processor's cache. */
const largeRead = 256 * 1024;
/** Bytes from header to header up to which copying what is between is always quicker than asking again. */
const smallStride = 15 * 1024;
/** The same for a log that comes off a disk. */
const smallStrideOffDisk = 32 * 1024;
/** Headers in the mean of strides. */
const smoothing = 16;
/** A header that is in memory takes 1 microsecond, one off a disk 50 at least. Milliseconds. */
const slowRead = 0.025;
/** Large reads between two tries whether headers alone are quick now: 1 at first, twice as many each time they are not. */
const mostLargeReads = 64;
/** One of so many is timed: a look at the clock takes a tenth of what a header does. */
const readsTimed = 4;
/** Quick ones of these after which less is made of the next slow one: the machine may have been busy. */
const quickReads = 16;

export class HeaderWindow {
  /** `size` bytes of it are valid, from byte `start` of the log on. */
  readonly bytes: Uint8Array = new Uint8Array(largeRead);
  /** The same, as a HeaderReader reads them. */
  readonly words: Uint32Array = wordsOf(this.bytes);
  /** Where a header alone is read. */
  readonly #one = this.bytes.subarray(0, headerLength);
  start = 0;
  size = 0;
  readonly #log: BlockNode;
  readonly #clock: () => number;
  /** Mean bytes between headers; begins as small: most logs have a superblock and small entries at their beginning. */
  #stride = 0;
  #last = 0;
  /** Large reads still to come before a header alone is tried, and how many it will be after the next slow one. */
  #largeReads = 0;
  #afterSlow = 1;
  #quick = 0;
  #reads = 0;

  /** `clock` tells milliseconds. */
  constructor(log: BlockNode, clock: () => number = () => performance.now()) {
    this.#log = log;
    this.#clock = clock;
  }

  /** Whether the header there can be read without asking the log; `end` is the log's. */
  has(header: number, end: number): boolean {
    const needed = Math.min(header + headerLength, end);
    return header >= this.start && needed <= this.start + this.size;
  }

  /**
   * Reads what `has` asks for and, where it is worth it, what follows; without a promise where the log needs none.
   * `walked`: headers from the last one that was loaded to this one. Throws what the log throws.
   */
  load(header: number, end: number, walked: number): Promise<void> | undefined {
    this.#noteStride(header, walked);
    this.size = 0;
    this.start = header;
    const isLarge = this.#takesLarge();
    const { readNow } = this.#log;
    if (readNow === undefined) return isLarge ? this.#loadLarge(header, end) : this.#loadOne(header, end);
    if (isLarge && this.#loadLargeNow(readNow, header, end)) return undefined;
    const target = this.#room(headerLength, end);
    this.#reads++;
    if (isLarge || this.#reads % readsTimed !== 0) readNow(header, target);
    else {
      const began = this.#clock();
      readNow(header, target);
      this.#noteTime(this.#clock() - began);
    }
    this.size = target.length;
    return undefined;
  }

  #noteStride(header: number, walked: number): void {
    const headers = Math.max(1, walked);
    const mean = (header - this.#last) / headers;
    this.#stride += (mean - this.#stride) * Math.min(1, headers / smoothing);
    this.#last = header;
  }

  #takesLarge(): boolean {
    if (this.#stride <= smallStride) return true;
    if (this.#stride > smallStrideOffDisk) return false;
    // Without a quick way to ask, each header costs as much as copying what is between.
    if (this.#log.readNow === undefined) return true;
    if (this.#largeReads === 0) return false;
    this.#largeReads--;
    return true;
  }

  #noteTime(time: number): void {
    if (time < slowRead) {
      this.#quick++;
      if (this.#quick % quickReads === 0) this.#afterSlow = Math.max(1, this.#afterSlow / 2);
      return;
    }
    this.#quick = 0;
    this.#largeReads = this.#afterSlow;
    this.#afterSlow = Math.min(mostLargeReads, 2 * this.#afterSlow);
  }

  async #loadOne(header: number, end: number): Promise<void> {
    const target = this.#room(headerLength, end);
    await this.#log.read(header, target);
    this.size = target.length;
  }

  async #loadLarge(header: number, end: number): Promise<void> {
    const target = this.#room(largeRead, end);
    try {
      await this.#log.read(header, target);
      this.size = target.length;
    } catch {
      // A large piece may hold a bad sector that no header is in.
      await this.#loadOne(header, end);
    }
  }

  /** The same at once; false where a header alone is to be tried. */
  #loadLargeNow(readNow: NonNullable<BlockNode["readNow"]>, header: number, end: number): boolean {
    const target = this.#room(largeRead, end);
    try {
      readNow(header, target);
    } catch {
      return false;
    }
    this.size = target.length;
    return true;
  }

  /** Where `wanted` bytes, fewer at the log's end, are read to. */
  #room(wanted: number, end: number): Uint8Array {
    const length = Math.min(wanted, end - this.start);
    if (length === headerLength) return this.#one;
    if (length === largeRead) return this.bytes;
    // At the log's end a header may be cut off: what is left of an earlier read must not be taken for the log's.
    this.bytes.fill(0, length, length + headerLength);
    return this.bytes.subarray(0, length);
  }
}
