// L1 and L2 tables read on demand in pages, so that a hostile or huge image (an L1 table may have 1 GiB) never
// costs more memory than the cache's limit.
import { Lru } from "../../base/lru.ts";
import type { BlockNode } from "../../block/node.ts";

/** Bytes of a page: divides every table, whose smallest size is 4 KiB. */
const pageBytes = 4096;
/** Tables are changed by whole sectors of 512 bytes. */
const entriesPerSector = 64;
/** A miss reads this much ahead inside the table, since entries are mostly asked for in order. */
const readAhead = 64 * 1024;
const cacheBytes = 16 * 1024 * 1024;

export class Tables {
  readonly #file: BlockNode;
  readonly #tableBytes: number;
  readonly #l1Offset: number | undefined;
  readonly #pages = new Lru<number, Uint32Array>(cacheBytes, (page) => page.byteLength);
  /** Reads under way, each with the pages that were written meanwhile: what it brings of those is old. */
  readonly #loads = new Set<Set<number>>();

  /** The L1 table at `l1Offset` counts as read when the image is opened: that is no step that could fail. */
  constructor(file: BlockNode, tableBytes: number, l1Offset?: number) {
    this.#file = file;
    this.#tableBytes = tableBytes;
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
    const perPage = pageBytes / 8;
    const number = Math.floor(index / perPage);
    const offset = tableOffset + number * pageBytes;
    const halves = this.#pages.get(offset) ?? (await this.#load(tableOffset, number * pageBytes));
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
      const changed = halves.slice();
      for (let i = 0; i < part.length; i++) {
        const value = part[i] as number;
        changed[(start + i) * 2] = value % 0x100000000;
        changed[(start + i) * 2 + 1] = Math.floor(value / 0x100000000);
      }
      await this.#writeSectors(tableOffset + first * 8, changed, start, start + part.length);
      done += part.length;
    }
  }

  async #writeSectors(pageOffset: number, page: Uint32Array, from: number, to: number): Promise<void> {
    const start = Math.floor(from / entriesPerSector) * entriesPerSector;
    const end = Math.ceil(to / entriesPerSector) * entriesPerSector;
    try {
      await this.#file.write(pageOffset + start * 8, encode(page.subarray(start * 2, end * 2)));
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

  async #load(tableOffset: number, inTable: number): Promise<Uint32Array> {
    const start = inTable;
    const length = Math.min(readAhead, this.#tableBytes - start);
    const bytes = new Uint8Array(length);
    if (this.#file.raise && tableOffset !== this.#l1Offset) await this.#file.raise("l2_load");
    const written = new Set<number>();
    this.#loads.add(written);
    let isCurrent: boolean;
    try {
      await this.#file.read(tableOffset + start, bytes);
    } finally {
      // Not so after `clear`.
      isCurrent = this.#loads.delete(written);
    }
    // Last page first: the one asked for must be the newest in the cache.
    for (let at = length - pageBytes; isCurrent && at >= 0; at -= pageBytes) {
      const offset = tableOffset + start + at;
      if (!written.has(offset)) this.#pages.set(offset, decode(bytes.subarray(at, at + pageBytes)));
    }
    return this.#pages.get(tableOffset + start) ?? decode(bytes.subarray(0, pageBytes));
  }
}

const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** A copy, in memory of its own. */
function decode(bytes: Uint8Array): Uint32Array {
  const copy = bytes.slice();
  if (!isLittleEndian) Buffer.from(copy.buffer).swap32();
  return new Uint32Array(copy.buffer);
}

function encode(halves: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(halves.slice().buffer);
  if (!isLittleEndian) Buffer.from(bytes.buffer).swap32();
  return bytes;
}
