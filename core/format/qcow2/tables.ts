// L1 and L2 tables and refcount blocks read on demand in pages, so that a hostile or huge image (an L1 table may have
// 32 MiB) never costs more memory than the cache's limit.
import { Lru } from "../../base/lru.ts";
import type { BlockNode } from "../../block/node.ts";
import { readPadded } from "./header.ts";

/** Bytes of a page of larger tables; smaller ones are one page. */
const longestPage = 64 * 1024;
const cacheBytes = 16 * 1024 * 1024;
/** Pages of memory kept for the next reads: to use new memory each time costs more than reading. */
const mostSpare = 16;
const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** Words of 8 bytes from `first` on: the high half of word i at (i - first) * 2, the low one behind it. */
export interface TablePage {
  readonly halves: Int32Array<ArrayBuffer>;
  readonly first: number;
  readonly count: number;
}

export class Tables {
  readonly #file: BlockNode;
  readonly #pageBytes: number;
  readonly #pages = new Lru<number, Int32Array<ArrayBuffer>>(
    cacheBytes,
    (page) => page.byteLength,
    (page) => this.#reuse(page),
  );
  readonly #spare: ArrayBuffer[] = [];
  #generation = 0;

  constructor(file: BlockNode, clusterSize: number) {
    this.#file = file;
    this.#pageBytes = Math.min(longestPage, clusterSize);
  }

  /**
   * Looks at the page that holds word `index` of the table at `tableOffset`, and answers what `look` answers. The page
   * is `look`'s until it returns: its memory becomes another page's. `event` is the step that blkdebug is told when the
   * page has to be read. Behind the file's end all is zero.
   */
  async page<T>(
    tableOffset: number,
    index: number,
    event: string | undefined,
    look: (page: TablePage) => T,
  ): Promise<T> {
    const count = this.#pageBytes / 8;
    const number = Math.floor(index / count);
    const offset = tableOffset + number * this.#pageBytes;
    const halves = this.#pages.get(offset) ?? (await this.#load(offset, event));
    return look({ halves, first: number * count, count });
  }

  /** Forgets everything: the file was changed below. */
  clear(): void {
    this.#generation++;
    this.#pages.clear();
  }

  async #load(offset: number, event: string | undefined): Promise<Int32Array<ArrayBuffer>> {
    const generation = this.#generation;
    const bytes = new Uint8Array(this.#spare.pop() ?? new ArrayBuffer(this.#pageBytes));
    if (event !== undefined && this.#file.raise) await this.#file.raise(event);
    await readPadded(this.#file, offset, bytes);
    const page = bigEndianWords(bytes);
    if (generation === this.#generation) this.#pages.set(offset, page);
    return page;
  }

  #reuse(page: Int32Array<ArrayBuffer>): void {
    if (this.#spare.length < mostSpare) this.#spare.push(page.buffer);
  }
}

/** The bytes as 32-bit words of this machine, in the same memory. Signed: loops are fast with those. */
export function bigEndianWords(bytes: Uint8Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  if (isLittleEndian) Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).swap32();
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}
