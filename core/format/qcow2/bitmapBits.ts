// What one persistent bitmap says: bits of guest ranges, in clusters that its table points to (qcow2, "Bitmap table" and
// "Bitmap data"). Clusters are read when they are asked for; changes stay in memory until write/bitmapStore.ts stores them.
//
//   table entry   bits 9..55 offset of a cluster; offset 0: bit 0 says whether all its bits are 0 or 1
//   data          bit n, lowest first, stands for granularity bytes from n * granularity on
import { hex } from "../../base/bytes.ts";
import { BlockError } from "../../base/errors.ts";
import type { BlockNode } from "../../block/node.ts";
import type { Qcow2Bitmap } from "./bitmaps.ts";
import { hasOffset, offsetOf } from "./entry.ts";
import { readPadded } from "./header.ts";
import { bigEndianWords } from "./tables.ts";

/** Table entries of a cluster without a place: all bits 0, or all 1. */
const allZero = 0;
const allOne = 1;

/** How long the table of a bitmap is; 0 for an empty disk, which can't have any. */
export function bitmapTableEntries(size: number, granularity: number, clusterSize: number): number {
  return Math.ceil(Math.ceil(Math.ceil(size / granularity) / 8) / clusterSize);
}

/** What is wrong with how long it is; undefined where nothing is. `size`: of the disk, bytes. */
export function bitmapLengthFault(
  { granularity, tableEntries }: Qcow2Bitmap,
  { clusterSize, size }: { readonly clusterSize: number; readonly size: number },
): string | undefined {
  const needed = bitmapTableEntries(size, granularity, clusterSize);
  if (tableEntries === needed) return undefined;
  return `its table has ${tableEntries} entries, and ${needed} speak of the disk`;
}

export class BitmapBits {
  readonly granularity: number;
  readonly #file: BlockNode;
  readonly #clusterSize: number;
  /** Guest bytes. */
  #size: number;
  /** Offsets in the file as they are stored, or `allZero`, `allOne`. */
  #table: number[];
  /** The same as it is on disk. */
  #onDisk: readonly number[];
  readonly #pages = new Map<number, Promise<Uint8Array>>();
  readonly #changed = new Set<number>();

  private constructor(
    file: BlockNode,
    clusterSize: number,
    size: number,
    granularity: number,
    table: number[],
  ) {
    this.#file = file;
    this.#clusterSize = clusterSize;
    this.#size = size;
    this.granularity = granularity;
    this.#table = table;
    this.#onDisk = [...table];
  }

  /** One that says nothing yet. */
  static empty(file: BlockNode, clusterSize: number, size: number, granularity: number): BitmapBits {
    const entries = bitmapTableEntries(size, granularity, clusterSize);
    return new BitmapBits(file, clusterSize, size, granularity, new Array<number>(entries).fill(allZero));
  }

  /** Throws ECORRUPT (a table that breaks a rule, or does not speak of the whole disk), EIO. */
  static async read(
    file: BlockNode,
    bitmap: Qcow2Bitmap,
    { clusterSize, size }: { readonly clusterSize: number; readonly size: number },
  ): Promise<BitmapBits> {
    const { granularity, tableEntries, tableOffset, name } = bitmap;
    const fault = bitmapLengthFault(bitmap, { clusterSize, size });
    if (fault !== undefined) throw broken(name, fault, tableOffset);
    const bytes = new Uint8Array(tableEntries * 8);
    await readPadded(file, tableOffset, bytes);
    const halves = bigEndianWords(bytes);
    const table = Array.from({ length: tableEntries }, (_, i) => {
      const [high = 0, low = 0] = [halves[i * 2], halves[i * 2 + 1]];
      const offset = offsetOf(high, low);
      const isReserved = (high & (0xff000000 | 0)) !== 0 || (low & 0x1fe) !== 0;
      const isBad = isReserved || offset % clusterSize !== 0 || (hasOffset(high, low) && (low & 1) === 1);
      if (isBad) throw broken(name, `entry ${i} of its table breaks a rule`, tableOffset + i * 8);
      return offset === 0 ? low & 1 : offset;
    });
    return new BitmapBits(file, clusterSize, size, granularity, table);
  }

  get size(): number {
    return this.#size;
  }
  get table(): readonly number[] {
    return this.#table;
  }
  /** Where its clusters lie on disk. */
  get clusters(): readonly number[] {
    return this.#onDisk.filter((entry) => entry !== allZero && entry !== allOne);
  }
  /** Bytes of clusters in memory. */
  get bytesHeld(): number {
    return this.#pages.size * this.#clusterSize;
  }

  /** Sets the bits of a guest range. */
  async set(offset: number, length: number): Promise<void> {
    const end = Math.min(offset + length, this.#size);
    if (end <= offset) return;
    const last = Math.ceil(end / this.granularity);
    const perPage = this.#clusterSize * 8;
    for (let bit = Math.floor(offset / this.granularity); bit < last; ) {
      const page = Math.floor(bit / perPage);
      const until = Math.min(last, (page + 1) * perPage);
      const bytes = await this.#page(page);
      setBits(bytes, bit - page * perPage, until - page * perPage);
      this.#changed.add(page);
      bit = until;
    }
  }

  clear(): void {
    this.#pages.clear();
    this.#changed.clear();
    this.#table.fill(allZero);
  }

  /** Of a disk that was resized: what is new has no bits set, what is gone is forgotten. */
  async resize(size: number): Promise<void> {
    const entries = bitmapTableEntries(size, this.granularity, this.#clusterSize);
    const perPage = this.#clusterSize * 8;
    const bits = Math.ceil(Math.min(size, this.#size) / this.granularity);
    for (const page of [...this.#pages.keys()]) if (page >= entries) this.#pages.delete(page);
    for (const page of [...this.#changed]) if (page >= entries) this.#changed.delete(page);
    this.#table = Array.from({ length: entries }, (_, i) => this.#table[i] ?? allZero);
    const lastPage = Math.floor(bits / perPage);
    if (lastPage < entries && (this.#table[lastPage] !== allZero || this.#pages.has(lastPage))) {
      clearFrom(await this.#page(lastPage), bits - lastPage * perPage);
      this.#changed.add(lastPage);
    }
    this.#size = size;
  }

  /** Guest ranges whose bits are set, in order. */
  async *ranges(): AsyncGenerator<{ readonly offset: number; readonly length: number }> {
    const perPage = this.#clusterSize * 8;
    const count = Math.ceil(this.#size / this.granularity);
    let start: number | undefined;
    const range = (from: number, end: number) => {
      const offset = from * this.granularity;
      return { offset, length: Math.min(end * this.granularity, this.#size) - offset };
    };
    for (let page = 0; page < this.#table.length; page++) {
      const isEmpty = this.#table[page] === allZero && !this.#pages.has(page);
      const first = page * perPage;
      const bytes = isEmpty ? undefined : await this.#page(page);
      for (let bit = first; bit < Math.min(count, first + perPage); bit++) {
        const isSet = bytes !== undefined && isSetIn(bytes, bit - first);
        if (isSet && start === undefined) start = bit;
        if (!isSet && start !== undefined) {
          yield range(start, bit);
          start = undefined;
        }
        if (bytes === undefined) break;
      }
      // Not kept: who looks at all of it would have all of it in memory.
      if (!this.#changed.has(page)) this.#pages.delete(page);
    }
    if (start !== undefined) yield range(start, count);
  }

  /** Clusters whose bits were changed, with those bits; undefined where none is set. */
  async *changes(): AsyncGenerator<{ readonly index: number; readonly bytes: Uint8Array | undefined }> {
    for (const index of [...this.#changed].sort((a, b) => a - b)) {
      const bytes = await this.#page(index);
      yield { index, bytes: bytes.some((byte) => byte !== 0) ? bytes : undefined };
    }
  }

  /** They are stored: the table is as it is on disk now. */
  stored(table: readonly number[]): void {
    this.#table = [...table];
    this.#onDisk = table;
    this.#changed.clear();
    this.#pages.clear();
  }

  #page(index: number): Promise<Uint8Array> {
    const known = this.#pages.get(index);
    if (known !== undefined) return known;
    const page = this.#read(this.#table[index] ?? allZero);
    this.#pages.set(index, page);
    page.catch(() => this.#pages.delete(index));
    return page;
  }

  async #read(entry: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(this.#clusterSize);
    if (entry === allOne) return bytes.fill(0xff);
    if (entry !== allZero) await readPadded(this.#file, entry, bytes);
    return bytes;
  }
}

function isSetIn(bytes: Uint8Array, bit: number): boolean {
  return (((bytes[Math.floor(bit / 8)] ?? 0) >>> (bit % 8)) & 1) === 1;
}

/** Bits from `from` to before `end`. */
function setBits(bytes: Uint8Array, from: number, end: number): void {
  let bit = from;
  for (; bit < end && bit % 8 !== 0; bit++) setBit(bytes, bit);
  const whole = Math.floor(end / 8) * 8;
  if (whole > bit) {
    bytes.fill(0xff, bit / 8, whole / 8);
    bit = whole;
  }
  for (; bit < end; bit++) setBit(bytes, bit);
}

function setBit(bytes: Uint8Array, bit: number): void {
  const at = Math.floor(bit / 8);
  bytes[at] = (bytes[at] ?? 0) | (1 << (bit % 8));
}

function clearFrom(bytes: Uint8Array, bit: number): void {
  const at = Math.floor(bit / 8);
  bytes[at] = (bytes[at] ?? 0) & (2 ** (bit % 8) - 1);
  bytes.fill(0, at + 1);
}

function broken(name: string, why: string, offset: number): BlockError {
  return new BlockError("ECORRUPT", `Bitmap '${name}' can't be read: ${why} (at ${hex(offset)})`, {
    offset,
    length: 8,
    hint: "What it says is lost. Remove it: blkscope bitmap --remove.",
    peer: { message: `Could not read bitmap table for bitmap '${name}'` },
  });
}
