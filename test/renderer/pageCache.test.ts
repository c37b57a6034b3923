// The page cache against a reader that is answered by hand: what it asks for, what it keeps, what it forgets.
import { beforeEach, describe, expect, it } from "vitest";
import type { Page } from "../../core/jobs/sessionContract.ts";
import type { ByteSource } from "../../renderer/hex/model.ts";
import { installFakeBridge, settle } from "./fakeBridge.ts";

installFakeBridge();
const { PageCache, pageSize } = await import("../../renderer/pageCache.ts");

interface Asked {
  readonly source: ByteSource;
  readonly offset: number;
  readonly length: number;
  answer(page?: Partial<Page>): void;
  fail(message: string): void;
}

/** Every byte says which page of which image and generation it is of. */
const stamp = ({ image, generation }: ByteSource, offset: number) =>
  (image * 100 + generation * 10 + Math.floor(offset / pageSize)) % 256;

function setUp(limits = { kept: 8 * pageSize, perCall: 4 * pageSize, calls: 1 }) {
  const asked: Asked[] = [];
  const cache = new PageCache(
    (source, offset, length) =>
      new Promise((resolve, reject) => {
        const bytes = Uint8Array.from({ length }, (_, index) => stamp(source, offset + index));
        asked.push({
          source,
          offset,
          length,
          answer: (page) => resolve({ bytes, bad: [], ...page }),
          fail: (message) => reject(new Error(message)),
        });
      }),
    limits,
  );
  return { cache, asked };
}

const viewer = Symbol("pane");
const disk: ByteSource = { image: 1, node: "", size: 100 * pageSize, generation: 0 };
const ranges = (asked: readonly Asked[]) =>
  asked.map(({ offset, length }) => [offset / pageSize, length / pageSize]);

async function answerAll(asked: Asked[]) {
  for (let next = 0; next < asked.length; next++) {
    asked[next]?.answer();
    await settle();
  }
}

describe("page cache", () => {
  let cache: InstanceType<typeof PageCache>;
  let asked: Asked[];
  beforeEach(() => {
    ({ cache, asked } = setUp());
  });

  it("reads neighbouring missing pages in one call, the most wanted first", async () => {
    cache.want(viewer, [{ source: disk, pages: [7, 6, 8, 20] }]);
    await answerAll(asked);
    expect(ranges(asked)).toEqual([
      [6, 3],
      [20, 1],
    ]);
    expect(cache.page(disk, 8)?.bytes[0]).toBe(108);
  });

  it("asks for no more than the limit of one call at once", async () => {
    cache.want(viewer, [{ source: disk, pages: [0, 1, 2, 3, 4, 5] }]);
    await answerAll(asked);
    expect(ranges(asked)).toEqual([
      [0, 4],
      [4, 2],
    ]);
  });

  it("drops what scrolled out of sight before it was read", async () => {
    cache.want(viewer, [{ source: disk, pages: [0] }]);
    cache.want(viewer, [{ source: disk, pages: [10] }]);
    cache.want(viewer, [{ source: disk, pages: [50] }]);
    await answerAll(asked);
    expect(ranges(asked)).toEqual([
      [0, 1],
      [50, 1],
    ]);
  });

  it("stops wanting what a viewer that left had wanted", async () => {
    cache.want(viewer, [{ source: disk, pages: [0] }]);
    cache.want(viewer, [{ source: disk, pages: [10] }]);
    cache.leave(viewer);
    await answerAll(asked);
    expect(ranges(asked)).toEqual([[0, 1]]);
  });

  it("reads a page once when two viewers want it", async () => {
    ({ cache, asked } = setUp({ kept: 8 * pageSize, perCall: pageSize, calls: 4 }));
    cache.want(viewer, [{ source: disk, pages: [3] }]);
    cache.want(Symbol("other pane"), [{ source: disk, pages: [3] }]);
    await answerAll(asked);
    expect(ranges(asked)).toEqual([[3, 1]]);
  });

  it("keeps no more than its limit, the least recently used page going first", async () => {
    ({ cache, asked } = setUp({ kept: 3 * (pageSize + 256), perCall: pageSize, calls: 1 }));
    for (const page of [0, 1, 2]) {
      cache.want(viewer, [{ source: disk, pages: [page] }]);
      await answerAll(asked);
    }
    cache.page(disk, 0);
    cache.want(viewer, [{ source: disk, pages: [3] }]);
    await answerAll(asked);
    expect([0, 1, 2, 3].map((page) => cache.page(disk, page) !== undefined)).toEqual([
      true,
      false,
      true,
      true,
    ]);
    expect(cache.weight).toBe(3 * (pageSize + 256));
  });

  it("never shows bytes of an earlier generation, another node or another image", async () => {
    cache.want(viewer, [{ source: disk, pages: [5] }]);
    await answerAll(asked);
    expect(cache.page(disk, 5)?.bytes[0]).toBe(105);
    for (const other of [{ generation: 1 }, { node: "file" }, { image: 2 }]) {
      expect(cache.page({ ...disk, ...other }, 5)).toBeUndefined();
    }
  });

  it("drops pages of closed images, and answers that come after the closing", async () => {
    cache.want(viewer, [{ source: disk, pages: [1] }]);
    await answerAll(asked);
    cache.want(viewer, [{ source: disk, pages: [30] }]);
    cache.keepOnly(new Set([2]));
    asked.at(-1)?.answer();
    await settle();
    expect(cache.page(disk, 1)).toBeUndefined();
    expect(cache.page(disk, 30)).toBeUndefined();
    expect(cache.weight).toBe(0);
  });

  it("keeps a failure with its page and reads it again only when told to", async () => {
    cache.want(viewer, [{ source: disk, pages: [4] }]);
    asked[0]?.fail("the drive reported an I/O error");
    await settle();
    expect(cache.page(disk, 4)?.failed?.message).toBe("the drive reported an I/O error");
    cache.want(viewer, [{ source: disk, pages: [4] }]);
    expect(asked).toHaveLength(1);
    cache.retry(disk, [4]);
    await answerAll(asked);
    expect(asked).toHaveLength(2);
    expect(cache.page(disk, 4)?.failed).toBeUndefined();
  });

  it("gives each page its part of a bad range that crosses pages", async () => {
    cache.want(viewer, [{ source: disk, pages: [2, 3] }]);
    // 512 bytes before the border of pages 2 and 3, 1024 after it.
    asked[0]?.answer({ bad: [{ offset: pageSize - 512, length: 1536, message: "gone" }] });
    await settle();
    expect(cache.page(disk, 2)?.bad).toEqual([{ offset: pageSize - 512, length: 512, message: "gone" }]);
    expect(cache.page(disk, 3)?.bad).toEqual([{ offset: 0, length: 1024, message: "gone" }]);
  });

  it("reads the last page only up to the end, and nothing past it", async () => {
    const odd = { ...disk, size: 2 * pageSize + 100 };
    cache.want(viewer, [{ source: odd, pages: [2, 3, -1] }]);
    await answerAll(asked);
    expect(asked.map(({ offset, length }) => [offset, length])).toEqual([[2 * pageSize, 100]]);
    expect(cache.page(odd, 2)?.bytes).toHaveLength(100);
  });

  it("says so when fewer bytes come than the source has", async () => {
    cache.want(viewer, [{ source: disk, pages: [0] }]);
    asked[0]?.answer({ bytes: new Uint8Array(100) });
    await settle();
    expect(cache.page(disk, 0)?.failed?.message).toBe("Only 100 bytes came; 65536 were expected");
  });

  it("tells subscribers when pages arrive", async () => {
    let told = 0;
    const stop = cache.subscribe(() => told++);
    cache.want(viewer, [{ source: disk, pages: [0] }]);
    expect(told).toBe(0);
    await answerAll(asked);
    expect(told).toBe(1);
    stop();
    cache.retry(disk, [0]);
    expect(told).toBe(1);
  });

  it("streams a long range in pieces without pushing out what is on screen", async () => {
    cache.want(viewer, [{ source: disk, pages: [0] }]);
    await answerAll(asked);
    const pieces = collect(cache.stream(disk, 10 * pageSize + 5, 10 * pageSize));
    for (let tries = 0; tries < 3; tries++) {
      await settle();
      asked.at(-1)?.answer();
    }
    const got = await pieces;
    expect(got.map((piece) => piece.length / pageSize)).toEqual([4, 4, 2]);
    expect(got[0]?.[0]).toBe(110);
    expect(cache.page(disk, 0)).toBeDefined();
  });

  it("stops a stream at a byte that can't be read, saying where", async () => {
    const pieces = collect(cache.stream(disk, 3 * pageSize, 1024));
    asked[0]?.answer({ bad: [{ offset: 512, length: 512, message: "the drive reported an I/O error" }] });
    await expect(pieces).rejects.toMatchObject({
      message: "the drive reported an I/O error",
      context: { offset: 3 * pageSize + 512, length: 512 },
    });
  });

  it("stops a stream when it is aborted", async () => {
    const control = new AbortController();
    const pieces = collect(cache.stream(disk, 0, 100 * pageSize, control.signal));
    control.abort();
    asked[0]?.answer();
    await expect(pieces).rejects.toThrow(/abort/i);
    expect(asked).toHaveLength(1);
  });
});

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  for await (const piece of stream) all.push(piece);
  return all;
}
