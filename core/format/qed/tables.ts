// L1 and L2 tables read on demand in pages, so that a hostile or huge image (an L1 table may have 1 GiB) never
// costs more memory than the cache's limit.
import { Lru } from "../../base/lru.ts";
import type { BlockNode } from "../../block/node.ts";

/** Bytes of a page of larger tables; smaller ones, such as those of 4 clusters of 64 KiB, are one page. */
const longestPage = 256 * 1024;
/** Tables are changed by whole sectors of 512 bytes. */
const entriesPerSector = 64;
const cacheBytes = 16 * 1024 * 1024;
/** Pages of memory kept for the next reads: to use new memory each time costs more than reading. */
const mostSpare = 16;

/** Halves of `count` entries from `first` on, low half of entry i at (i - first) * 2. */
export interface TablePage {
  readonly halves: Uint32Array<ArrayBuffer>;
  readonly first: number;
  readonly count: number;
}

export class Tables {
  readonly #file: BlockNode;
  readonly #pageBytes: number;
  readonly #l1Offset: number | undefined;
  readonly #pages = new Lru<number, Uint32Array<ArrayBuffer>>(
    cacheBytes,
    (page) => page.byteLength,
    (page) => this.#reuse(page),
  );
  readonly #spare: ArrayBuffer[] = [];
  /** Reads under way, each with the pages that were written meanwhile: what it brings of those is old. */
  readonly #loads = new Set<Set<number>>();

  /** The L1 table at `l1Offset` counts as read when the image is opened: that is no step that could fail. */
  constructor(file: BlockNode, tableBytes: number, l1Offset?: number) {
    this.#file = file;
    this.#pageBytes = Math.min(longestPage, tableBytes);
    this.#l1Offset = l1Offset;
  }

  /**
   * Looks at the page that holds entry `index` of the table at `tableOffset`, and answers what `look` answers. The page
   * is `look`'s until it returns: its memory becomes another page's.
   */
  async page<T>(tableOffset: number, index: number, look: (page: TablePage) => T): Promise<T> {
    const count = this.#pageBytes / 8;
    const number = Math.floor(index / count);
    const offset = tableOffset + number * this.#pageBytes;
    const seen = (halves: Uint32Array<ArrayBuffer>) => look({ halves, first: number * count, count });
    const known = this.#pages.get(offset);
    return known === undefined ? this.#load(tableOffset, offset, seen) : seen(known);
  }

  /**
   * Changes entries from `index` on: the sectors of 512 bytes that hold them are written through. On failure nothing
   * is remembered of the page: it is read again.
   */
  async write(tableOffset: number, index: number, values: readonly number[]): Promise<void> {
    for (let done = 0; done < values.length; ) {
      const [written] = await this.page(tableOffset, index + done, ({ halves, first, count }) => {
        const from = index + done - first;
        const part = values.slice(done, done + count - from);
        // In an array, so that it is waited for out here.
        return [
          { length: part.length, end: this.#writeSectors(tableOffset + first * 8, halves, from, part) },
        ];
      });
      await written?.end;
      done += written?.length ?? 0;
    }
  }

  /** The page in memory is changed only when its sectors are written: until then readers see what is on disk. */
  async #writeSectors(
    pageOffset: number,
    page: Uint32Array<ArrayBuffer>,
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
      this.#pages.get(pageOffset)?.set(sectors, start * 2);
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

  async #load<T>(
    tableOffset: number,
    offset: number,
    look: (page: Uint32Array<ArrayBuffer>) => T,
  ): Promise<T> {
    // New memory is not zeroed, and not of the pool: the page keeps it.
    const bytes = new Uint8Array(this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#pageBytes).buffer);
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
    if (written.has(offset)) {
      const known = this.#pages.get(offset);
      return known === undefined ? this.#load(tableOffset, offset, look) : look(known);
    }
    const page = decode(bytes);
    if (isCurrent) this.#pages.set(offset, page);
    return look(page);
  }

  #reuse(page: Uint32Array<ArrayBuffer>): void {
    if (this.#spare.length < mostSpare) this.#spare.push(page.buffer);
  }
}

const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** The bytes as halves, in the same memory. */
function decode(bytes: Uint8Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  if (!isLittleEndian) Buffer.from(bytes.buffer).swap32();
  return new Uint32Array(bytes.buffer);
}

function encode(halves: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(halves.buffer, halves.byteOffset, halves.byteLength);
  if (!isLittleEndian) Buffer.from(bytes.buffer).swap32();
  return bytes;
}
