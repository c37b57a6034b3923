// Bytes of open images in pages of 64 KiB: a bounded cache that reads what viewers want now. Neighbouring
// pages come in one call, wants that scrolled out of sight are dropped (latest wins), a failure stays with its
// page until it is retried. The only caller of image:read.
import { BlockError, type PlainError, toPlain } from "../core/base/errors.ts";
import type { ImageId, Page } from "../core/jobs/sessionContract.ts";
import { call } from "./api.ts";
import type { ByteSource } from "./hex/model.ts";
import { useImages } from "./store/images.ts";

export const pageSize = 64 * 1024;

/** A range that can't be read, relative to the page. */
export interface BadRange {
  readonly offset: number;
  readonly length: number;
  readonly message: string;
}
export interface CachedPage {
  /** Shorter than a page only at the source's end; zeros where unreadable, empty when `failed`. */
  readonly bytes: Uint8Array;
  readonly bad: readonly BadRange[];
  /** The whole page could not be read. */
  readonly failed: PlainError | undefined;
}

export type PageReader = (source: ByteSource, offset: number, length: number) => Promise<Page>;

export interface PageLimits {
  /** Bytes of pages kept. */
  readonly kept: number;
  /** Bytes a call may ask for. */
  readonly perCall: number;
  /** Calls under way at once. */
  readonly calls: number;
}
const usualLimits: PageLimits = { kept: 32 * 1024 * 1024, perCall: 1024 * 1024, calls: 2 };

/** One who looks at bytes: a pane. What it wants replaces what it wanted before. */
export type Viewer = symbol;
interface Want {
  readonly source: ByteSource;
  /** Page numbers, most wanted first. */
  readonly pages: readonly number[];
}

export class PageCache {
  readonly #read: PageReader;
  readonly #limits: PageLimits;
  /** Least recently used first. */
  readonly #pages = new Map<string, CachedPage & { readonly image: ImageId }>();
  #weight = 0;
  readonly #wants = new Map<Viewer, readonly Want[]>();
  readonly #underWay = new Set<string>();
  #calls = 0;
  /** Images whose pages may be kept; undefined: all. */
  #open: ReadonlySet<ImageId> | undefined;
  readonly #listeners = new Set<() => void>();

  constructor(read: PageReader, limits: PageLimits = usualLimits) {
    this.#read = read;
    this.#limits = limits;
  }

  /** Bytes held, at most `limits.kept` plus one page. */
  get weight(): number {
    return this.#weight;
  }

  /** The page if it is there, now the most recently used. */
  page(source: ByteSource, index: number): CachedPage | undefined {
    const key = keyOf(source, index);
    const found = this.#pages.get(key);
    if (!found) return undefined;
    this.#pages.delete(key);
    this.#pages.set(key, found);
    return found;
  }

  /** Asks for pages on behalf of a viewer, instead of all it asked for before. */
  want(viewer: Viewer, wants: readonly Want[]): void {
    this.#wants.set(viewer, wants);
    this.#readNext();
  }

  /** The viewer is gone and wants nothing any more. */
  leave(viewer: Viewer): void {
    this.#wants.delete(viewer);
  }

  /** Called whenever pages arrive, fail or are dropped; returns the way to stop. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Forgets failures and bad ranges of these pages, so that they are read again when wanted. */
  retry(source: ByteSource, pages: readonly number[]): void {
    for (const index of pages) {
      const key = keyOf(source, index);
      const known = this.#pages.get(key);
      if (known && (known.failed || known.bad.length > 0)) this.#drop(key);
    }
    this.#notify();
    this.#readNext();
  }

  /** Drops every page of images that are not among these; answers still under way are thrown away. */
  keepOnly(images: ReadonlySet<ImageId>): void {
    this.#open = images;
    for (const [key, page] of this.#pages) if (!images.has(page.image)) this.#drop(key);
    this.#notify();
  }

  /**
   * Bytes [offset, offset + length) in pieces of at most `limits.perCall`, from the cache or read past it (a
   * long copy must not push out what is on screen). Throws when a byte can't be read or `signal` aborts.
   */
  async *stream(
    source: ByteSource,
    offset: number,
    length: number,
    signal?: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const end = Math.min(source.size, offset + length);
    for (let at = offset; at < end; ) {
      signal?.throwIfAborted();
      const take = Math.min(this.#limits.perCall, end - at);
      const piece = this.#cached(source, at, take) ?? (await this.#fetch(source, at, take));
      signal?.throwIfAborted();
      yield piece;
      at += take;
    }
  }

  /** The range when it lies in one cached, readable page. */
  #cached(source: ByteSource, offset: number, length: number): Uint8Array | undefined {
    const index = Math.floor(offset / pageSize);
    const from = offset - index * pageSize;
    if (from + length > pageSize) return undefined;
    const page = this.page(source, index);
    if (!page || page.failed || page.bad.length > 0) return undefined;
    return page.bytes.subarray(from, from + length);
  }

  async #fetch(source: ByteSource, offset: number, length: number): Promise<Uint8Array> {
    const { bytes, bad } = await this.#read(source, offset, length);
    const [first] = bad;
    if (first) {
      throw new BlockError("EIO", first.message, { offset: offset + first.offset, length: first.length });
    }
    if (bytes.length !== length) {
      throw new BlockError("EIO", `Only ${bytes.length} of ${length} bytes came`, { offset, length });
    }
    return bytes;
  }

  #readNext(): void {
    while (this.#calls < this.#limits.calls) {
      const next = this.#nextCall();
      if (!next) return;
      void this.#readPages(next.source, next.first, next.count);
    }
  }

  /** The most wanted missing page, with the wanted missing pages beside it. */
  #nextCall(): { source: ByteSource; first: number; count: number } | undefined {
    for (const wants of this.#wants.values()) {
      for (const { source, pages } of wants) {
        if (!this.#mayKeep(source)) continue;
        const missing = new Set(pages.filter((index) => this.#isMissing(source, index)));
        const [start] = missing;
        if (start !== undefined) return { source, ...this.#widen(start, missing) };
      }
    }
    return undefined;
  }

  #mayKeep({ image }: ByteSource): boolean {
    return this.#open?.has(image) ?? true;
  }

  #isMissing(source: ByteSource, index: number): boolean {
    if (index < 0 || index * pageSize >= source.size) return false;
    const key = keyOf(source, index);
    return !this.#pages.has(key) && !this.#underWay.has(key);
  }

  #widen(start: number, missing: ReadonlySet<number>): { first: number; count: number } {
    const most = Math.max(1, Math.floor(this.#limits.perCall / pageSize));
    let first = start;
    let count = 1;
    while (count < most && missing.has(first + count)) count++;
    while (count < most && missing.has(first - 1)) {
      first--;
      count++;
    }
    return { first, count };
  }

  async #readPages(source: ByteSource, first: number, count: number): Promise<void> {
    const keys = Array.from({ length: count }, (_, index) => keyOf(source, first + index));
    for (const key of keys) this.#underWay.add(key);
    this.#calls++;
    const offset = first * pageSize;
    const length = Math.min(count * pageSize, source.size - offset);
    const pages = await this.#read(source, offset, length).then(
      (page) => keys.map((_, index) => pageOf(page, index, Math.min(pageSize, length - index * pageSize))),
      (error: unknown) => keys.map(() => failedPage(toPlain(error))),
    );
    this.#calls--;
    for (const [index, key] of keys.entries()) {
      this.#underWay.delete(key);
      const page = pages[index];
      if (page && this.#mayKeep(source)) this.#keep(key, source.image, page);
    }
    this.#notify();
    this.#readNext();
  }

  #keep(key: string, image: ImageId, page: CachedPage): void {
    this.#drop(key);
    this.#pages.set(key, { ...page, image });
    this.#weight += weigh(page);
    for (const oldest of this.#pages.keys()) {
      if (this.#weight <= this.#limits.kept || oldest === key) break;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    const page = this.#pages.get(key);
    if (!page) return;
    this.#pages.delete(key);
    this.#weight -= weigh(page);
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** Same bytes, same key: image, generation, node and page all count. */
function keyOf({ image, generation, node }: ByteSource, index: number): string {
  return `${image}/${generation}/${node}/${index}`;
}

/** A failed page holds no bytes, yet must not be free. */
const weigh = (page: CachedPage): number => page.bytes.byteLength + 256;

/** One page of an answer that begins at a page: its own copy, so that dropping it frees its memory. */
function pageOf(answer: Page, index: number, length: number): CachedPage {
  const start = index * pageSize;
  const end = start + length;
  const bytes = answer.bytes.slice(start, end);
  if (bytes.length < length) {
    const message = `Only ${answer.bytes.length} bytes came; ${end} were expected`;
    return failedPage(toPlain(new BlockError("EIO", message)));
  }
  const bad = answer.bad
    .filter((range) => range.offset < end && range.offset + range.length > start)
    .map(({ offset, length: size, message }) => {
      const from = Math.max(offset, start);
      return { offset: from - start, length: Math.min(offset + size, end) - from, message };
    });
  return { bytes, bad, failed: undefined };
}

function failedPage(failed: PlainError): CachedPage {
  return { bytes: new Uint8Array(0), bad: [], failed };
}

/** The app's cache. */
export const pages = new PageCache(({ image, node }, offset, length) =>
  call("image:read", { image, node, offset, length }),
);

useImages.subscribe(({ byToken }, before) => {
  if (byToken === before.byToken) return;
  const open = Object.values(byToken).flatMap((state) => (state.kind === "open" ? [state.image.image] : []));
  pages.keepOnly(new Set(open));
});
