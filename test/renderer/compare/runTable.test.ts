import { describe, expect, it } from "vitest";
import { signatures } from "../../../core/ops/mismatch.ts";
import { levelDiffers, levelStored, RunTable } from "../../../renderer/panels/compare/runTable.ts";
import { batchOf, type ModelRun, plainRun, randomRuns, seeded } from "./model.ts";

function tableOf(runs: readonly ModelRun[], batchSize = runs.length): RunTable {
  const table = new RunTable();
  for (let i = 0; i < runs.length; i += batchSize) table.append(batchOf(runs.slice(i, i + batchSize)));
  return table;
}

describe("the run table", () => {
  it("finds the same rows as a linear search, for seeded runs and every kind of question", () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const random = seeded(seed * 7919);
      const runs = randomRuns(300, random, 1 + random(40));
      const table = tableOf(runs, 1 + random(50));
      const end = (runs.at(-1)?.offset ?? 0) + 20_000;
      expect(table.count).toBe(runs.length);
      for (let i = 0; i < 400; i++) {
        const at = random(end);
        const to = at + random(30_000);
        const covers = runs.findIndex((run) => at >= run.offset && at < run.offset + run.length);
        const next = runs.findIndex((run) => run.offset > at);
        const previous = runs.findLastIndex((run) => run.offset < at);
        const where = `seed ${seed}, offset ${at}`;
        expect(table.rowAt(at) ?? -1, where).toBe(covers);
        expect(table.next(at) ?? -1, where).toBe(next);
        expect(table.previous(at) ?? -1, where).toBe(previous);
        const touching = runs.filter((run) => run.offset < to && run.offset + run.length > at);
        expect(table.runsIn(at, to).map((run) => run.offset)).toEqual(touching.map((run) => run.offset));
      }
    }
  });

  it("gives each row back as it was sent, across growth and batches", () => {
    const runs = randomRuns(5000, seeded(11));
    const table = tableOf(runs, 777);
    for (const row of [0, 1023, 1024, 1025, 4999]) expect(table.run(row)).toEqual({ row, ...runs[row] });
    expect(table.run(5000)).toBeUndefined();
    expect(table.run(-1)).toBeUndefined();
  });

  it("keeps offsets exact beyond 32 bits, up to 2^53", () => {
    const far = 2 ** 53 - 1024;
    const table = tableOf([plainRun(1, 1), { ...plainRun(0, 1), offset: far }]);
    expect(table.rowAt(far + 511)).toBe(1);
    expect(table.rowAt(far - 1)).toBeUndefined();
    expect(table.previous(far)).toBe(0);
  });

  it("steps to another cluster: to the next run, or into the run that spans the boundary", () => {
    // 64 KiB clusters are 128 sectors. Runs: in cluster 0, from cluster 0 into 1, in cluster 5.
    const table = tableOf([plainRun(3, 1), plainRun(120, 20), plainRun(128 * 5 + 7, 1)]);
    expect(table.nextCluster(3 * 512, 65536)).toBe(65536);
    expect(table.nextCluster(65536, 65536)).toBe((128 * 5 + 7) * 512);
    expect(table.nextCluster((128 * 5 + 7) * 512, 65536)).toBeUndefined();
  });

  it("replaces signatures by row, counted from the scan's first row", () => {
    const table = tableOf([plainRun(1, 1), plainRun(5, 1), plainRun(9, 1)]);
    const item = {
      kind: "signatures",
      row: Uint32Array.of(1, 900),
      signature: Uint8Array.of(signatures.indexOf("moved"), signatures.indexOf("torn")),
      detail: Float64Array.of(2048 * 512, 0),
    } as const;
    table.applySignatures(item, 1);
    expect(table.run(2)).toMatchObject({ signature: "moved", detail: 1048576 });
    expect(table.run(1)?.signature).toBe("plain");
  });

  it("tells the same runs with the sides swapped, and twice is as before", () => {
    const runs = [
      plainRun(1, 1, { signature: "a-zero" }),
      plainRun(5, 1, { signature: "b-zero" }),
      plainRun(9, 1, { signature: "shifted", detail: 16 }),
      plainRun(20, 1, { signature: "moved", detail: 4096 }),
      plainRun(30, 1, { signature: "single-bit", detail: 77 }),
    ];
    const table = tableOf(runs);
    table.swapSides();
    const told = [0, 1, 2, 3, 4].map((row) => [table.run(row)?.signature, table.run(row)?.detail]);
    expect(told).toEqual([
      ["b-zero", 0],
      ["a-zero", 0],
      ["shifted", -16],
      ["moved", 4096],
      ["single-bit", 77],
    ]);
    table.swapSides();
    expect(table.run(2)).toMatchObject({ signature: "shifted", detail: 16 });
    const other = new RunTable();
    other.append(batchOf(runs), true);
    expect(other.run(0)?.signature).toBe("b-zero");
  });

  it("continues the last row when a resumed scan starts in the middle of a run", () => {
    const table = tableOf([plainRun(1, 1), plainRun(10, 4, { signature: "a-zero" })]);
    const joined = table.append(
      batchOf([plainRun(14, 6, { signature: "a-zero" }), plainRun(30, 1)]),
      false,
      true,
    );
    expect(joined).toBe(true);
    expect(table.count).toBe(3);
    expect(table.run(1)).toMatchObject({
      offset: 5120,
      length: 5120,
      sectors: 10,
      signature: "a-zero",
      runs: 1,
    });
    // Halves that guess differently say nothing of the whole.
    const torn = tableOf([plainRun(10, 4, { signature: "torn", detail: 8192 })]);
    torn.append(batchOf([plainRun(14, 1, { signature: "torn", detail: 7168 })]), false, true);
    expect(torn.run(0)).toMatchObject({ signature: "plain", detail: 0 });
    // A gap, or no resumption: two rows.
    const apart = tableOf([plainRun(10, 4)]);
    expect(apart.append(batchOf([plainRun(15, 1)]), false, true)).toBe(false);
    expect(apart.append(batchOf([plainRun(16, 1)]), false, false)).toBe(false);
    expect(apart.count).toBe(3);
  });

  it("paints each bin with the worst row in it, new rows onto what is painted already", () => {
    const size = 1000 * 512;
    const table = new RunTable();
    table.append(batchOf([plainRun(0, 1, { signature: "stored-differently" }), plainRun(500, 100)]));
    const first = [...table.bins(10, size)];
    // Bins are 100 sectors. Sectors 500 to 599 lie in bin 5 alone.
    expect(first).toEqual([levelStored, 0, 0, 0, 0, levelDiffers, 0, 0, 0, 0]);
    table.append(batchOf([plainRun(799, 2), plainRun(999, 1)]));
    expect([...table.bins(10, size)]).toEqual([levelStored, 0, 0, 0, 0, 255, 0, 255, 255, 255]);
    // One differing sector among stored-differently ones wins.
    const mixed = tableOf([plainRun(1, 1, { signature: "stored-differently" }), plainRun(3, 1)]);
    expect([...mixed.bins(1, size)]).toEqual([levelDiffers]);
  });

  it("accounts for its memory and gives it back", () => {
    const table = tableOf(randomRuns(20_000, seeded(3)));
    // 45 bytes a row: five columns of 8, one of 4, one of 1.
    expect(table.byteLength).toBeGreaterThanOrEqual(20_000 * 45);
    expect(table.byteLength).toBeLessThan(20_000 * 45 * 2.5);
    const { version } = table;
    table.clear();
    expect(table.count).toBe(0);
    expect(table.version).toBeGreaterThan(version);
    expect(table.byteLength).toBeLessThan(50_000);
  });
});
