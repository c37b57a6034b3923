import { describe, expect, it } from "vitest";
import { type ClusterKind, clusterKinds } from "../../../core/block/structure.ts";
import { classOfDigit, kindLooks, kindsOf, mapClasses } from "../../../renderer/map/kinds.ts";
import { legendRows } from "../../../renderer/map/legendRows.ts";

const clusterSize = 65_536;
function summaryOf(counts: Partial<Record<ClusterKind, number>>) {
  const kinds = Object.fromEntries(
    clusterKinds.map((kind) => {
      const clusters = counts[kind] ?? 0;
      return [kind, { clusters, bytes: clusters * clusterSize }];
    }),
  ) as Record<ClusterKind, { clusters: number; bytes: number }>;
  const clusters = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return { kinds, clusters, fileSize: clusters * clusterSize, hasTables: true };
}

describe("the legend", () => {
  it("has a class for every kind, and nine for the nine digits", () => {
    expect(mapClasses.flatMap(kindsOf).sort()).toEqual([...clusterKinds].sort());
    expect("123456789".split("").map(classOfDigit)).toEqual([...mapClasses]);
    expect(classOfDigit("0")).toBeUndefined();
    expect(classOfDigit("10")).toBeUndefined();
  });

  it("has a letter of its own for every kind that has one", () => {
    const letters = clusterKinds.map((kind) => kindLooks[kind].letter).filter((letter) => letter !== "");
    expect(new Set(letters).size).toBe(letters.length);
  });

  it("lists problems first, even when there are none", () => {
    const rows = legendRows(summaryOf({ header: 1, data: 5 }));
    expect(rows.slice(0, 3).map(({ label, total, alarming }) => [label, total?.clusters, alarming])).toEqual([
      ["Corrupt", 0, false],
      ["Leaked", 0, false],
      ["Unreadable, not known", 0, false],
    ]);
  });

  it("shows clusters whose stored refcount is wrong: too low is corrupt, too high takes space", () => {
    const rows = legendRows(summaryOf({ data: 5, "refcount-low": 3, leaked: 1, "refcount-high": 2 }));
    expect(rows.slice(0, 4).map(({ label, total, alarming }) => [label, total?.clusters, alarming])).toEqual([
      ["Refcount too low", 3, true],
      ["Leaked", 3, true],
      ["Leaked", 1, true],
      ["Refcount too high", 2, true],
    ]);
  });

  it("counts the clusters and bytes of a class, and of each of its kinds when there are several", () => {
    const rows = legendRows(summaryOf({ header: 1, "l1-table": 4, "l2-table": 20, data: 75, overlap: 2 }));
    const metadata = rows.findIndex(({ id }) => id === "metadata");
    expect(rows.slice(metadata, metadata + 4)).toMatchObject([
      { label: "Metadata", digit: "4", total: { clusters: 25, bytes: 25 * clusterSize } },
      { label: "Header", digit: undefined, total: { clusters: 1 }, kinds: ["header"] },
      { label: "L1 table", total: { clusters: 4 } },
      { label: "L2 table", total: { clusters: 20 } },
    ]);
    expect(rows[0]).toMatchObject({ label: "Multiply referenced", alarming: true, digit: "1" });
    expect(rows[0]?.kinds).toEqual(["overlap", "bad-entry", "refcount-low"]);
    const all = rows.filter(({ digit }) => digit !== undefined);
    expect(all.reduce((sum, { total }) => sum + (total?.clusters ?? 0), 0)).toBe(102);
  });

  it("does not call what is not known a problem", () => {
    const rows = legendRows(summaryOf({ unknown: 10 }));
    expect(rows[2]).toMatchObject({ label: "Not known", alarming: false, total: { clusters: 10 } });
  });

  it("has a row for what is not scanned yet, and no count of what is known in the end, while the scan runs", () => {
    const summary = summaryOf({ unknown: 90, "l1-table": 4, data: 6 });
    const rows = legendRows(summary, true);
    expect(rows.at(-1)).toMatchObject({
      label: "Not scanned yet",
      kinds: ["unknown"],
      digit: undefined,
      total: { clusters: 90, bytes: 90 * clusterSize },
      alarming: false,
    });
    const totalOf = (id: string) => rows.find((row) => row.id === id)?.total?.clusters;
    expect([totalOf("leaked"), totalOf("free"), totalOf("unreadable"), totalOf("data")]).toEqual([
      undefined,
      undefined,
      0,
      6,
    ]);
    // Without tables nothing is leaked, and holes are known at once.
    const raw = legendRows({ ...summary, hasTables: false }, true);
    expect(raw.find(({ id }) => id === "free")?.total?.clusters).toBe(0);
  });

  it("has every class before anything was counted", () => {
    const rows = legendRows(undefined);
    expect(rows).toHaveLength(9);
    expect(rows.every(({ total }) => total === undefined)).toBe(true);
  });
});
