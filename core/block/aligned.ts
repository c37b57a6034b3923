// Requests of any size over a driver that takes only whole blocks: heads and tails are read, changed and written
// back, one request at a time where blocks are shared. Steps are raised for blkdebug (filters reference, 4.3).
import type { WriteFlags, ZeroFlags } from "./node.ts";
import { RangeLock } from "./rangeLock.ts";

/** What lies below: every offset and length is a multiple of the alignment, or ends at the end of the disk. */
export interface AlignedTarget {
  readonly size: number;
  read(offset: number, target: Uint8Array): Promise<void>;
  write(offset: number, source: Uint8Array, flags?: WriteFlags): Promise<void>;
  writeZeroes(offset: number, length: number, flags?: ZeroFlags): Promise<void>;
  raise?(event: string): Promise<void>;
}

export class Aligned {
  readonly #below: AlignedTarget;
  readonly #alignment: number;
  readonly #lock = new RangeLock();

  constructor(below: AlignedTarget, alignment: number) {
    this.#below = below;
    this.#alignment = alignment;
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    const { start, end } = this.#around(offset, target.length);
    await this.#lock.run(start, end - start, "shared", async () => {
      if (this.#isWhole(offset, target.length)) return this.#below.read(offset, target);
      const whole = await this.#readWhole(start, end);
      target.set(whole.subarray(offset - start, offset - start + target.length));
    });
  }

  /** `flags` reach the target as they are. */
  async write(offset: number, source: Uint8Array, flags?: WriteFlags): Promise<void> {
    const { start, end } = this.#around(offset, source.length);
    if (this.#isWhole(offset, source.length)) {
      return this.#lock.run(start, end - start, "shared", () => this.#writeWhole(offset, source, flags));
    }
    await this.#lock.run(start, end - start, "exclusive", async () => {
      const whole = new Uint8Array(end - start);
      await this.#readEdges(offset, source.length, whole, start);
      whole.set(source, offset - start);
      // A disk that ends inside a block does not grow to that block's end.
      const stop = Math.max(Math.min(end, this.#below.size), offset + source.length);
      await this.#writeWhole(start, whole.subarray(0, stop - start), flags);
    });
  }

  /** Whole blocks through the driver's own way, the rest as zero bytes. */
  async writeZeroes(offset: number, length: number, flags?: ZeroFlags): Promise<void> {
    const first = Math.min(offset + length, Math.ceil(offset / this.#alignment) * this.#alignment);
    const isToEnd = offset + length === this.#below.size;
    const last = isToEnd
      ? offset + length
      : Math.floor((offset + length) / this.#alignment) * this.#alignment;
    const middle = Math.max(first, last);
    if (first > offset) await this.write(offset, new Uint8Array(first - offset), flags);
    if (middle > first) {
      await this.#lock.run(first, middle - first, "shared", async () => {
        await this.#below.raise?.("pwritev_zero");
        await this.#below.writeZeroes(first, middle - first, flags);
        await this.#below.raise?.("pwritev_done");
      });
    }
    if (offset + length > middle) await this.write(middle, new Uint8Array(offset + length - middle), flags);
  }

  #around(offset: number, length: number): { start: number; end: number } {
    const start = Math.floor(offset / this.#alignment) * this.#alignment;
    return { start, end: Math.ceil((offset + length) / this.#alignment) * this.#alignment };
  }

  #isWhole(offset: number, length: number): boolean {
    const end = offset + length;
    return offset % this.#alignment === 0 && (end % this.#alignment === 0 || end === this.#below.size);
  }

  /** Past the end of the disk there are zeroes. */
  async #readWhole(start: number, end: number): Promise<Uint8Array> {
    const whole = new Uint8Array(end - start);
    const there = Math.max(0, Math.min(end, this.#below.size) - start);
    if (there > 0) await this.#below.read(start, whole.subarray(0, there));
    return whole;
  }

  /** Fills the first and the last block of `whole` as far as the request leaves bytes of them as they are. */
  async #readEdges(offset: number, length: number, whole: Uint8Array, start: number): Promise<void> {
    const raise = async (event: string) => this.#below.raise?.(event);
    const hasHead = offset % this.#alignment !== 0;
    const hasTail = (offset + length) % this.#alignment !== 0;
    const end = start + whole.length;
    const tailStart = end - this.#alignment;
    if (tailStart === start) {
      if (hasHead) await raise("pwritev_rmw_head");
      if (hasTail) await raise("pwritev_rmw_tail");
      whole.set(await this.#readWhole(start, end));
      if (hasHead) await raise("pwritev_rmw_after_head");
      if (hasTail) await raise("pwritev_rmw_after_tail");
      return;
    }
    if (hasHead) {
      await raise("pwritev_rmw_head");
      whole.set(await this.#readWhole(start, start + this.#alignment));
      await raise("pwritev_rmw_after_head");
    }
    if (hasTail) {
      await raise("pwritev_rmw_tail");
      whole.set(await this.#readWhole(tailStart, end), tailStart - start);
      await raise("pwritev_rmw_after_tail");
    }
  }

  async #writeWhole(start: number, whole: Uint8Array, flags: WriteFlags | undefined): Promise<void> {
    await this.#below.raise?.("pwritev");
    await this.#below.write(start, whole, flags);
    await this.#below.raise?.("pwritev_done");
  }
}
