import { describe, expect, it } from "vitest";
import type { MapSource } from "../../../renderer/map/contract.ts";
import { MapTiles, notLoaded, pageCells } from "../../../renderer/map/tiles.ts";

interface Asked {
  readonly level: number;
  readonly first: number;
  readonly count: number;
  answer(cells: Uint8Array): void;
  fail(error: Error): void;
}

/** A source that answers when the test says so. */
function slowSource(clusters: number): { source: MapSource; asked: Asked[] } {
  const asked: Asked[] = [];
  const levels = 1 + Math.ceil(Math.log2(clusters) / 2);
  const source: MapSource = {
    clusters,
    clusterSize: 65_536,
    fileSize: clusters * 65_536,
    levels,
    tile: (level, first, count) =>
      new Promise((resolve, reject) => asked.push({ level, first, count, answer: resolve, fail: reject })),
  };
  return { source, asked };
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 0));
const full = ({ count }: Asked, kind: number) => new Uint8Array(count).fill(kind);

/** 2^20 clusters: 16 pages at level 0; the overview is level 2, 65,536 cells. */
const clusters = 2 ** 20;

describe("cells of a map", () => {
  it("are the overview's first, then those that show", async () => {
    const { source, asked } = slowSource(clusters);
    const tiles = new MapTiles(source);
    tiles.want([{ level: 0, first: 100, end: 200_000 }]);
    expect(asked.map(({ level, first, count }) => [level, first, count])).toEqual([
      [2, 0, 65_536],
      // Four pages, from the first that shows to the one with cell 199,999.
      [0, 0, 4 * pageCells],
    ]);
  });

  it("stand in coarser form until they are there, and are nothing before that", async () => {
    const { source, asked } = slowSource(clusters);
    const tiles = new MapTiles(source);
    const span = { level: 0, first: 30, end: 36 };
    const cells = new Uint8Array(6);
    tiles.want([span]);
    expect(tiles.read(span, cells)).toBe(false);
    expect([...cells]).toEqual(new Array(6).fill(notLoaded));
    expect(tiles.cell(0, 30)).toBeUndefined();
    // A cell of level 2 stands for 16 clusters: 30 and 31 are in its cell 1, 32 to 35 in cell 2.
    const overview = full(asked[0] as Asked, 4);
    overview[1] = 17;
    asked[0]?.answer(overview);
    await settle();
    expect(tiles.read(span, cells)).toBe(false);
    expect([...cells]).toEqual([17, 17, 4, 4, 4, 4]);
    expect(tiles.cell(0, 30)).toBeUndefined();
    const exact = full(asked[1] as Asked, 4);
    exact[31] = 17;
    asked[1]?.answer(exact);
    await settle();
    expect(tiles.read(span, cells)).toBe(true);
    expect([...cells]).toEqual([4, 17, 4, 4, 4, 4]);
    expect(tiles.cell(0, 31)).toBe(17);
  });

  it("that went out of sight before their turn are never asked for", async () => {
    const { source, asked } = slowSource(clusters);
    const tiles = new MapTiles(source, { kept: 64, pagesPerCall: 1, calls: 1 });
    tiles.want([{ level: 0, first: 0, end: 5 * pageCells }]);
    tiles.want([{ level: 0, first: 12 * pageCells, end: 13 * pageCells }]);
    asked[0]?.answer(full(asked[0], 4));
    await settle();
    asked[1]?.answer(full(asked[1] as Asked, 4));
    await settle();
    expect(asked.map(({ level, first }) => [level, first])).toEqual([
      [2, 0],
      [0, 12 * pageCells],
    ]);
  });

  it("are kept within bounds, the least recently used given up, the overview never", async () => {
    const { source, asked } = slowSource(clusters);
    const tiles = new MapTiles(source, { kept: 3, pagesPerCall: 1, calls: 1 });
    const show = async (page: number) => {
      tiles.want([{ level: 0, first: page * pageCells, end: (page + 1) * pageCells }]);
      for (;;) {
        const last = asked.at(-1) as Asked;
        last.answer(full(last, 4));
        await settle();
        if (asked.at(-1) === last) return;
      }
    };
    for (const page of [0, 1, 2]) await show(page);
    expect(tiles.cell(0, 0)).toBe(4);
    await show(3);
    expect(tiles.held).toBe(4);
    // Page 0 was looked at after page 1 was.
    expect(tiles.cell(0, 0)).toBe(4);
    expect(tiles.cell(0, pageCells)).toBeUndefined();
    expect(tiles.cell(2, 65_535)).toBe(4);
  });

  it("that can't be had are told, not asked for again and again, until somebody wants to", async () => {
    const { source, asked } = slowSource(100);
    const tiles = new MapTiles(source);
    let changes = 0;
    tiles.subscribe(() => changes++);
    tiles.want([{ level: 0, first: 0, end: 100 }]);
    asked[0]?.fail(new Error("the scan is gone"));
    await settle();
    tiles.want([{ level: 0, first: 0, end: 100 }]);
    expect(asked).toHaveLength(1);
    expect(tiles.trouble?.message).toContain("the scan is gone");
    expect(changes).toBe(1);
    tiles.retry();
    expect(tiles.trouble).toBeUndefined();
    expect(asked).toHaveLength(2);
    asked[1]?.answer(full(asked[1], 4));
    await settle();
    expect(tiles.cell(0, 99)).toBe(4);
  });

  it("are refused when the answer has another number of them", async () => {
    const { source, asked } = slowSource(100);
    const tiles = new MapTiles(source);
    tiles.want([]);
    asked[0]?.answer(new Uint8Array(99));
    await settle();
    expect(tiles.trouble?.message).toContain("99 cells where it has 100");
    expect(tiles.cell(0, 0)).toBeUndefined();
  });

  it("that come after the map was closed are dropped", async () => {
    const { source, asked } = slowSource(100);
    const tiles = new MapTiles(source);
    tiles.want([]);
    tiles.close();
    asked[0]?.answer(full(asked[0], 4));
    await settle();
    expect(tiles.held).toBe(0);
    expect(asked).toHaveLength(1);
  });

  it("are shown as they were known, and asked for anew, while their source grows", async () => {
    const { source, asked } = slowSource(1000);
    let grow: () => void = () => undefined;
    let stopped = 0;
    const onGrowth = (listener: () => void) => {
      grow = listener;
      return () => void stopped++;
    };
    const tiles = new MapTiles({ ...source, onGrowth });
    const span = { level: 0, first: 0, end: 4 };
    const cells = new Uint8Array(4);
    tiles.want([span]);
    expect(asked).toHaveLength(1);
    // It grows while an answer is under way: that may be of before.
    grow();
    expect(asked).toHaveLength(1);
    asked[0]?.answer(full(asked[0], 0));
    await settle();
    expect(tiles.read(span, cells)).toBe(true);
    expect(asked).toHaveLength(2);
    asked[1]?.answer(full(asked[1] as Asked, 4));
    await settle();
    tiles.want([span]);
    expect(asked).toHaveLength(2);
    tiles.read(span, cells);
    expect([...cells]).toEqual([4, 4, 4, 4]);
    grow();
    expect(asked).toHaveLength(3);
    expect(tiles.read(span, cells)).toBe(true);
    expect([...cells]).toEqual([4, 4, 4, 4]);
    tiles.close();
    expect(stopped).toBe(1);
  });
});
