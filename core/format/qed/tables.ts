// L1 and L2 tables read on demand in pages, so that a hostile or huge image (an L1 table may have 1 GiB) never
// costs more memory than the cache's limit.
import { Lru } from "../../base/lru.ts";
import type { BlockNode } from "../../block/node.ts";

/** Bytes of a page: divides every table, whose smallest size is 4 KiB. */
const pageBytes = 4096;
/** A miss reads this much ahead inside the table, since entries are mostly asked for in order. */
const readAhead = 64 * 1024;
const cacheBytes = 16 * 1024 * 1024;

export class TableReader {
  readonly #file: BlockNode;
  readonly #tableBytes: number;
  readonly #pages = new Lru<number, Uint32Array>(cacheBytes, (page) => page.byteLength);

  constructor(file: BlockNode, tableBytes: number) {
    this.#file = file;
    this.#tableBytes = tableBytes;
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

  async #load(tableOffset: number, inTable: number): Promise<Uint32Array> {
    const start = inTable;
    const length = Math.min(readAhead, this.#tableBytes - start);
    const bytes = new Uint8Array(length);
    await this.#file.read(tableOffset + start, bytes);
    // Last page first: the one asked for must be the newest in the cache.
    for (let at = length - pageBytes; at >= 0; at -= pageBytes) {
      this.#pages.set(tableOffset + start + at, decode(bytes.subarray(at, at + pageBytes)));
    }
    return this.#pages.get(tableOffset + start) ?? decode(bytes.subarray(0, pageBytes));
  }
}

function decode(bytes: Uint8Array): Uint32Array {
  const copy = new Uint32Array(bytes.length / 4);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let index = 0; index < copy.length; index++) copy[index] = view.getUint32(index * 4, true);
  return copy;
}
