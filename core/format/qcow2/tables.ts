// L1 and L2 tables, the refcount table and refcount blocks: read on demand in pages, so that a hostile or huge image (an
// L1 table may have 32 MiB) never costs more memory than the cache's limit, and changed in memory. Changes reach the file
// when `writeBack` is told to, by levels: what others point to first (write/metadata.ts says when).
import { Lru } from "../../base/lru.ts";
import type { BlockNode } from "../../block/node.ts";
import type { TableCache } from "./cacheOptions.ts";
import { readPadded } from "./header.ts";

/** Pages of memory kept for the next reads: to use new memory each time costs more than reading. */
const mostSpare = 16;
/** Words of 8 bytes in a sector: files are written by whole sectors. */
const sectorWords = 64;
/** Pages that lie one behind the other are written in one request up to this length. */
const longestWrite = 1024 * 1024;
const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** Words of 8 bytes from `first` on: the high half of word i at (i - first) * 2, the low one behind it. */
export interface TablePage {
  readonly halves: Int32Array<ArrayBuffer>;
  readonly first: number;
  readonly count: number;
}

/** What a table is, in the order in which changes may reach the disk. */
export const level = { refcountBlock: 0, refcountTable: 1, l2: 2, l1: 3 } as const;
export type Level = (typeof level)[keyof typeof level];

interface DirtyPage {
  readonly halves: Int32Array<ArrayBuffer>;
  readonly level: Level;
  /** Words that were changed, half-open; equal when all are written. */
  from: number;
  end: number;
}

interface Piece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export class Tables {
  readonly #file: BlockNode;
  readonly #pageBytes: number;
  readonly #clusterSize: number;
  readonly #pages: Lru<number, Int32Array<ArrayBuffer>>;
  /** Pages with changes that are not written: they stay whatever the cache's limit is. */
  readonly #dirty = new Map<number, DirtyPage>();
  readonly #loads = new Map<number, Promise<void>>();
  readonly #spare: ArrayBuffer[] = [];

  constructor(file: BlockNode, clusterSize: number, { limit, pageBytes }: TableCache) {
    this.#file = file;
    this.#clusterSize = clusterSize;
    this.#pageBytes = pageBytes;
    this.#pages = new Lru(
      limit,
      (page) => page.byteLength,
      (page) => this.#reuse(page),
    );
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
    for (;;) {
      const halves = this.#dirty.get(offset)?.halves ?? this.#pages.get(offset);
      if (halves !== undefined) return look({ halves, first: number * count, count });
      await this.#loadOnce(offset, event);
    }
  }

  /**
   * Changes words from `index` on in memory: `body` answers how many it has changed, within the page. Whoever calls this
   * keeps others from writing back meanwhile.
   */
  async edit(
    tableOffset: number,
    index: number,
    table: { readonly level: Level; readonly event?: string },
    body: (page: TablePage) => number,
  ): Promise<void> {
    await this.page(tableOffset, index, table.event, (page) => {
      const changed = body(page);
      const offset = tableOffset + page.first * 8;
      if (changed > 0) this.#mark(offset, page.halves, table.level, index - page.first, changed);
    });
  }

  /** A new table of one cluster, all zero, at a place whose old bytes mean nothing. */
  fresh(tableOffset: number, of: Level): void {
    this.forget(tableOffset, this.#clusterSize);
    for (let at = 0; at < this.#clusterSize; at += this.#pageBytes) {
      const halves = new Int32Array(this.#pageBytes / 4);
      this.#mark(tableOffset + at, halves, of, 0, this.#pageBytes / 8);
    }
  }

  /** Bytes of pages that are not written. */
  get dirtyBytes(): number {
    return this.#dirty.size * this.#pageBytes;
  }

  isDirty(of: Level): boolean {
    for (const page of this.#dirty.values()) if (page.level === of) return true;
    return false;
  }

  /**
   * Writes what was changed of one level, whole sectors, in the order of the file; `check` is asked first whether a range
   * may be written. On failure what was not written stays to be written. Throws EIO, what `check` throws.
   */
  async writeBack(
    of: Level,
    event: string,
    check: (offset: number, length: number) => Promise<void>,
  ): Promise<void> {
    const pages = [...this.#dirty].filter(([, page]) => page.level === of).sort(([a], [b]) => a - b);
    for (let at = 0; at < pages.length; ) {
      const batch: [number, DirtyPage][] = [];
      const pieces: Piece[] = [];
      let length = 0;
      for (; at < pages.length && length < longestWrite; at++) {
        const [offset, page] = pages[at] as [number, DirtyPage];
        const piece = pieceOf(offset, page);
        const last = pieces.at(-1);
        if (last && last.offset + last.bytes.length !== piece.offset) break;
        pieces.push(piece);
        batch.push([offset, page]);
        length += piece.bytes.length;
      }
      const start = pieces[0]?.offset ?? 0;
      await check(start, length);
      if (this.#file.raise) await this.#file.raise(event);
      const only = pieces.length === 1 ? pieces[0]?.bytes : undefined;
      await this.#file.write(start, only ?? Buffer.concat(pieces.map(({ bytes }) => bytes)));
      for (const [offset, page] of batch) this.#written(offset, page);
    }
  }

  /** Forgets what is known of a range of the file, changes as well: it is no table any more. Whole clusters. */
  forget(offset: number, length: number): void {
    if (this.#dirty.size === 0 && this.#pages.size === 0 && this.#loads.size === 0) return;
    for (let at = offset; at < offset + length; at += this.#pageBytes) {
      this.#dirty.delete(at);
      this.#pages.delete(at);
      this.#loads.delete(at);
    }
  }

  /** Forgets everything, changes as well: the file was changed below. */
  clear(): void {
    this.#dirty.clear();
    this.#pages.clear();
    this.#loads.clear();
  }

  #mark(offset: number, halves: Int32Array<ArrayBuffer>, of: Level, from: number, count: number): void {
    const known = this.#dirty.get(offset);
    if (known === undefined) {
      this.#pages.delete(offset);
      this.#dirty.set(offset, { halves, level: of, from, end: from + count });
      return;
    }
    known.from = Math.min(known.from, from);
    known.end = Math.max(known.end, from + count);
  }

  #written(offset: number, page: DirtyPage): void {
    if (this.#dirty.get(offset) !== page) return;
    this.#dirty.delete(offset);
    this.#pages.set(offset, page.halves);
  }

  /** A page is read by one only: what comes later may not overwrite what was changed since. */
  async #loadOnce(offset: number, event: string | undefined): Promise<void> {
    const known = this.#loads.get(offset);
    if (known !== undefined) return known;
    const own = this.#load(offset, event, () => this.#loads.get(offset) === own);
    this.#loads.set(offset, own);
    try {
      await own;
    } finally {
      if (this.#loads.get(offset) === own) this.#loads.delete(offset);
    }
  }

  async #load(offset: number, event: string | undefined, isWanted: () => boolean): Promise<void> {
    const bytes = new Uint8Array(this.#spare.pop() ?? new ArrayBuffer(this.#pageBytes));
    if (event !== undefined && this.#file.raise) await this.#file.raise(event);
    await readPadded(this.#file, offset, bytes);
    if (isWanted()) this.#pages.set(offset, bigEndianWords(bytes));
  }

  #reuse(page: Int32Array<ArrayBuffer>): void {
    if (this.#spare.length < mostSpare) this.#spare.push(page.buffer);
  }
}

/** The changed words of a page as they are to be on disk, with what else is in their sectors. */
function pieceOf(offset: number, { halves, from, end }: DirtyPage): Piece {
  const first = Math.floor(from / sectorWords) * sectorWords;
  const last = Math.ceil(end / sectorWords) * sectorWords;
  const copy = halves.slice(first * 2, last * 2);
  const bytes = new Uint8Array(copy.buffer);
  if (isLittleEndian) Buffer.from(copy.buffer).swap32();
  return { offset: offset + first * 8, bytes };
}

/** The bytes as 32-bit words of this machine, in the same memory. Signed: loops are fast with those. */
export function bigEndianWords(bytes: Uint8Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  if (isLittleEndian) Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).swap32();
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}
