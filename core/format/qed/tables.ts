// L1 and L2 tables read on demand in pages, so that a hostile or huge image (an L1 table may have 1 GiB) never
// costs more memory than the cache's limit.
import { Lru } from "../../base/lru.ts";
import type { BlockNode } from "../../block/node.ts";

/** Bytes of a page of larger tables; smaller ones are one page. Entries are mostly asked for in order. */
const longestPage = 64 * 1024;
/** Tables are changed by whole sectors of 512 bytes. */
const entriesPerSector = 64;
const cacheBytes = 16 * 1024 * 1024;

export class Tables {
  readonly #file: BlockNode;
  readonly #pageBytes: number;
  readonly #l1Offset: number | undefined;
  readonly #pages = new Lru<number, Uint32Array>(cacheBytes, (page) => page.byteLength);
  /** Reads under way, each with the pages that were written meanwhile: what it brings of those is old. */
  readonly #loads = new Set<Set<number>>();

  /** The L1 table at `l1Offset` counts as read when the image is opened: that is no step that could fail. */
  constructor(file: BlockNode, tableBytes: number, l1Offset?: number) {
    this.#file = file;
    this.#pageBytes = Math.min(longestPage, tableBytes);
    this.#l1Offset = l1Offset;
  }

  /**
   * The page that holds entry `index` of the table at `tableOffset`: halves of `count` entries from `first` on,
   * low half of entry i at (i - first) * 2.
   */
  async page(
    tableOffset: number,
    index: number,
  ): Promise<{ halves: Uint32Array; first: number; count: number }> {
    const perPage = this.#pageBytes / 8;
    const number = Math.floor(index / perPage);
    const offset = tableOffset + number * this.#pageBytes;
    const halves = this.#pages.get(offset) ?? (await this.#load(tableOffset, offset));
    return { halves, first: number * perPage, count: perPage };
  }

  /**
   * Changes entries from `index` on: the sectors of 512 bytes that hold them are written through. On failure nothing
   * is remembered of the page: it is read again.
   */
  async write(tableOffset: number, index: number, values: readonly number[]): Promise<void> {
    for (let done = 0; done < values.length; ) {
      const { halves, first, count } = await this.page(tableOffset, index + done);
      const start = index + done - first;
      const part = values.slice(done, done + count - start);
      await this.#writeSectors(tableOffset + first * 8, halves, start, part);
      done += part.length;
    }
  }

  /** `page` is changed only when its sectors are written: until then readers see what is on disk. */
  async #writeSectors(
    pageOffset: number,
    page: Uint32Array,
    from: number,
    values: readonly number[],
  ): Promise<void> {
    const start = Math.floor(from / entriesPerSector) * entriesPerSector;
    const end = Math.ceil((from + values.length) / entriesPerSector) * entriesPerSector;
    const sectors = page.slice(start * 2, end * 2);
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as number;
      sectors[(from - start + i) * 2] = value % 0x100000000;
      sectors[(from - start + i) * 2 + 1] = Math.floor(value / 0x100000000);
    }
    try {
      await this.#file.write(pageOffset + start * 8, encode(sectors));
      page.set(sectors, start * 2);
      this.#pages.set(pageOffset, page);
    } catch (error) {
      this.#pages.delete(pageOffset);
      throw error;
    } finally {
      for (const written of this.#loads) written.add(pageOffset);
    }
  }

  /** Forgets everything: the file was changed below. */
  clear(): void {
    this.#pages.clear();
    this.#loads.clear();
  }

  async #load(tableOffset: number, offset: number): Promise<Uint32Array> {
    // Not zeroed, and not of the pool: the page keeps this memory.
    const bytes = Buffer.allocUnsafeSlow(this.#pageBytes);
    if (this.#file.raise && tableOffset !== this.#l1Offset) await this.#file.raise("l2_load");
    const written = new Set<number>();
    this.#loads.add(written);
    let isCurrent: boolean;
    try {
      await this.#file.read(offset, bytes);
    } finally {
      // Not so after `clear`.
      isCurrent = this.#loads.delete(written);
    }
    // Of a page that was written meanwhile the newer one is in the cache, or it has to be read again.
    if (written.has(offset)) return this.#pages.get(offset) ?? this.#load(tableOffset, offset);
    const page = decode(bytes);
    if (isCurrent) this.#pages.set(offset, page);
    return page;
  }
}

const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** The bytes as halves, in the same memory. */
function decode(bytes: Uint8Array<ArrayBuffer>): Uint32Array {
  if (!isLittleEndian) Buffer.from(bytes.buffer).swap32();
  return new Uint32Array(bytes.buffer);
}

function encode(halves: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(halves.buffer, halves.byteOffset, halves.byteLength);
  if (!isLittleEndian) Buffer.from(bytes.buffer).swap32();
  return bytes;
}
