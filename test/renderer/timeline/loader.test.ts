// Bins are asked for one after the other, the latest wish next, and not again while those that are there will do.
import { describe, expect, it } from "vitest";
import { BlockError } from "../../../core/base/errors.ts";
import { type Bins, type BinsRequest, columnWidth } from "../../../core/writelog/bins.ts";
import type { TimelineSource } from "../../../renderer/timeline/contract.ts";
import { linearAxis } from "../../../renderer/timeline/disk.ts";
import { BinLoader, type Want } from "../../../renderer/timeline/loader.ts";

const entries = 100_000;
const axis = linearAxis(2 ** 30);

function want(first: number, end: number, change: Partial<Want> = {}): Want {
  return { first, end, low: 0, high: 1, axis, columns: 500, rows: 100, ...change };
}

function answer({ firstEntry, endEntry, columns, edges }: BinsRequest): Bins {
  const entriesPerColumn = columnWidth(endEntry - firstEntry, columns);
  const start = Math.floor(firstEntry / entriesPerColumn) * entriesPerColumn;
  const count = Math.ceil((endEntry - start) / entriesPerColumn);
  const cells = new Uint8Array(count * (edges.length - 1));
  const none = new Uint32Array(count);
  return {
    firstEntry: start,
    entriesPerColumn,
    columns: count,
    edges,
    masks: cells,
    passing: undefined,
    density: cells,
    flushes: none,
    marks: none,
    fuas: none,
    bytes: new Float64Array(count),
    labels: [],
  };
}

/** A source whose answers come when they are let go. */
function heldSource() {
  const asked: BinsRequest[] = [];
  const waiting: (() => void)[] = [];
  let fault: Error | undefined;
  const source: TimelineSource = {
    entries,
    diskSize: 2 ** 30,
    sectorSize: 512,
    walls: [],
    bins: (request) => {
      asked.push(request);
      return new Promise((resolve, reject) =>
        waiting.push(() => (fault ? reject(fault) : resolve(answer(request)))),
      );
    },
    used: async () => [],
    nextEvent: async () => undefined,
  };
  const letGo = async () => {
    waiting.shift()?.();
    for (let i = 0; i < 5; i++) await Promise.resolve();
  };
  return {
    source,
    asked,
    letGo,
    fail: (error: Error | undefined) => {
      fault = error;
    },
  };
}

describe("bins of a view", () => {
  it("come with a margin, and then those of the whole log", async () => {
    const { source, asked, letGo } = heldSource();
    let changes = 0;
    const loader = new BinLoader(source, () => changes++);
    loader.want(want(40_000, 50_000));
    expect(asked.length).toBe(1);
    expect(asked[0]).toMatchObject({ firstEntry: 37_500, endEntry: 52_500 });
    await letGo();
    expect(loader.cells?.bins.firstEntry).toBeLessThanOrEqual(37_500);
    expect(asked[1]).toMatchObject({ firstEntry: 0, endEntry: entries });
    await letGo();
    expect(loader.overview?.bins.firstEntry).toBe(0);
    expect(changes).toBe(2);
    expect(asked.length).toBe(2);
  });

  it("are asked for again only when the view leaves them or its scale becomes another", async () => {
    const { source, asked, letGo } = heldSource();
    const loader = new BinLoader(source, () => undefined);
    loader.want(want(40_000, 50_000));
    await letGo();
    await letGo();
    loader.want(want(42_000, 52_000));
    loader.want(want(38_000, 48_000));
    expect(asked.length).toBe(2);
    loader.want(want(45_000, 55_000));
    expect(asked.length).toBe(3);
    await letGo();
    loader.want(want(46_000, 48_000));
    expect(asked.length).toBe(4);
    await letGo();
    loader.want(want(46_000, 48_000, { low: 0.5, high: 0.6 }));
    expect(asked.length).toBe(5);
  });

  it("skip what nobody wants any more", async () => {
    const { source, asked, letGo } = heldSource();
    const loader = new BinLoader(source, () => undefined);
    for (let i = 0; i < 10; i++) loader.want(want(i * 5000, i * 5000 + 100));
    expect(asked.length).toBe(1);
    await letGo();
    expect(asked.length).toBe(2);
    expect(asked[1]?.firstEntry).toBe(44_975);
  });

  it("that can't be had are told, and asked for again when that is wanted", async () => {
    const { source, asked, letGo, fail } = heldSource();
    const loader = new BinLoader(source, () => undefined);
    fail(new BlockError("EIO", "the log can't be read"));
    loader.want(want(0, 1000));
    await letGo();
    expect(loader.trouble).toMatchObject({ code: "EIO", message: "the log can't be read" });
    loader.want(want(0, 1000));
    expect(asked.length).toBe(1);
    fail(undefined);
    loader.retry();
    loader.want(want(0, 1000));
    await letGo();
    expect(loader.trouble).toBeUndefined();
    expect(loader.cells).toBeDefined();
  });

  it("that come when nobody waits are dropped", async () => {
    const { source, letGo } = heldSource();
    let changes = 0;
    const loader = new BinLoader(source, () => changes++);
    loader.want(want(0, 1000));
    loader.close();
    await letGo();
    expect(changes).toBe(0);
  });
});
