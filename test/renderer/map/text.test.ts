// What the map says besides its picture: words of a cell, runs for the table, ticks, changed cells.
import { describe, expect, it } from "vitest";
import { type ClusterKind, kindNumber } from "../../../core/block/structure.ts";
import { changedRuns } from "../../../renderer/map/changes.ts";
import type { MapSource } from "../../../renderer/map/contract.ts";
import { kindRuns, readCells, runsOf } from "../../../renderer/map/runs.ts";
import { problemTicks } from "../../../renderer/map/ticks.ts";
import { cellText, rangeText, scaleText, shareText } from "../../../renderer/map/wording.ts";

const shape = { clusters: 100, clusterSize: 65_536, fileSize: 100 * 65_536 - 1000, levels: 5 };
const numbers = (...kinds: readonly ClusterKind[]) => Uint8Array.from(kinds, kindNumber);

describe("words of a cell", () => {
  const cell = { cluster: 42, clusters: 1, offset: 0x2a0000, length: 65_536, kind: "l2-table" } as const;

  it("name cluster, place and kind, or what it is called", () => {
    expect(cellText(cell, "file")).toBe("Cluster 42, offset 0x2a0000, L2 table");
    expect(cellText(cell, "guest", { name: "L2 table 3" })).toBe(
      "Cluster 42, guest offset 0x2a0000, L2 table 3",
    );
    expect(cellText({ ...cell, kind: undefined }, "file")).toBe(
      "Cluster 42, offset 0x2a0000, not loaded yet",
    );
  });

  it("say of several clusters that the worst is shown", () => {
    const several = { ...cell, cluster: 1040, clusters: 16, offset: 0x4100000, length: 1_048_576 };
    expect(cellText(several, "file", { name: "L2 table 3" })).toBe(
      "Clusters 1,040 to 1,055, offset 0x4100000, 1 MiB, worst: L2 table",
    );
  });

  it("say what a scan that is not over knows", () => {
    const isPartial = true;
    const unknown = { ...cell, kind: "unknown" } as const;
    expect(cellText(unknown, "file", { isPartial })).toBe("Cluster 42, offset 0x2a0000, not scanned yet");
    expect(cellText(unknown, "file")).toBe("Cluster 42, offset 0x2a0000, Not known");
    const several = { ...cell, cluster: 16, clusters: 16, offset: 0x100000, length: 1_048_576 };
    expect(cellText(several, "file", { isPartial })).toBe(
      "Clusters 16 to 31, offset 0x100000, 1 MiB, worst so far: L2 table",
    );
    expect(cellText({ ...several, kind: "unknown" }, "file", { isPartial })).toBe(
      "Clusters 16 to 31, offset 0x100000, 1 MiB, not scanned yet",
    );
  });

  it("name ranges by place and size, and all of it as such", () => {
    expect(rangeText({ first: 0, count: 100 }, { ...shape, fileSize: 6_553_600 })).toBe("All 6.3 MiB");
    expect(rangeText({ first: 16, count: 16 }, shape)).toBe("0x100000, 1 MiB");
    // The last cluster has 1,000 bytes less: 64,536 are left.
    expect(rangeText({ first: 99, count: 1 }, shape)).toBe("0x630000, 63.0 KiB");
    expect(scaleText(1, shape)).toBe("1 cell = 1 cluster = 64 KiB");
    expect(scaleText(16, shape)).toBe("1 cell = 16 clusters = 1 MiB, shown by the worst of them");
  });

  it("never round a share away, nor up to all", () => {
    expect([0, 1, 500, 999_999, 1_000_000].map((part) => shareText(part, 1_000_000))).toEqual([
      "0 %",
      "< 0.1 %",
      "< 0.1 %",
      "99.9 %",
      "100 %",
    ]);
    expect(shareText(123_000, 1_000_000)).toBe("12.3 %");
    expect(shareText(0, 0)).toBe("0 %");
  });
});

describe("runs of the table", () => {
  const cells = numbers("header", "data", "data", "data", "free", "data");

  it("are neighbours of one kind", () => {
    expect(kindRuns(cells, 10, 100)).toEqual({
      starts: [10, 11, 14, 15],
      kinds: [...numbers("header", "data", "free", "data")],
      end: 16,
      cut: false,
    });
    expect(kindRuns(new Uint8Array(0), 0, 100)).toEqual({ starts: [], kinds: [], end: 0, cut: false });
  });

  it("end where there would be too many, and say so", () => {
    expect(kindRuns(cells, 10, 2)).toEqual({
      starts: [10, 11],
      kinds: [...numbers("header", "data")],
      end: 14,
      cut: true,
    });
  });

  it("are those of the isolated kinds, or all", () => {
    const runs = kindRuns(cells, 0, 100);
    expect(runsOf(runs, new Set())).toEqual([0, 1, 2, 3]);
    expect(runsOf(runs, new Set<ClusterKind>(["data"]))).toEqual([1, 3]);
    expect(runsOf(runs, new Set<ClusterKind>(["overlap"]))).toEqual([]);
  });

  it("are read in pieces, none of them too large, until nobody wants them", async () => {
    const clusters = 3_000_000;
    const asked: (readonly [number, number])[] = [];
    const source: MapSource = {
      ...shape,
      clusters,
      tile: async (_level, first, count) => {
        asked.push([first, count]);
        return Uint8Array.from({ length: count }, (_, at) => (first + at) % 7);
      },
    };
    const read = await readCells(source, { level: 0, first: 5, end: clusters });
    expect(read).toHaveLength(clusters - 5);
    expect(read.every((kind, at) => kind === (at + 5) % 7)).toBe(true);
    expect(Math.max(...asked.map(([, count]) => count))).toBeLessThanOrEqual(4 * 1024 * 1024);
    expect(asked.length).toBeGreaterThan(1);
    asked.length = 0;
    const stopped = readCells(source, { level: 0, first: 0, end: clusters }, AbortSignal.abort());
    await expect(stopped).rejects.toThrow();
    expect(asked).toHaveLength(1);
  });
});

describe("ticks beside the scrollbar", () => {
  it("show the worst problem of each pixel's share, and nothing else", () => {
    const cells = new Uint8Array(1000).fill(kindNumber("header"));
    cells.fill(255, 900);
    cells[120] = kindNumber("leaked");
    cells[121] = kindNumber("overlap");
    cells[122] = kindNumber("leaked");
    cells[899] = kindNumber("unreadable");
    // 1000 cells on 100 pixels: ten a pixel.
    const ticks = problemTicks(cells, 100);
    const marked = [...ticks.entries()].filter(([, kind]) => kind > 0);
    expect(marked).toEqual([
      [12, kindNumber("overlap")],
      [89, kindNumber("unreadable")],
    ]);
    expect(problemTicks(cells, 0)).toHaveLength(0);
  });
});

describe("cells that changed", () => {
  it("are runs of neighbours", () => {
    const before = new Uint8Array(20);
    const after = Uint8Array.from(before);
    for (const at of [3, 4, 5, 19]) after[at] = 4;
    expect(changedRuns(before, after, 100)).toEqual([
      { cell: 103, count: 3 },
      { cell: 119, count: 1 },
    ]);
    expect(changedRuns(before, before, 100)).toEqual([]);
  });
});
