import { expect, it } from "vitest";
import type { Finding } from "../../../core/block/finding.ts";
import { problemCells } from "../../../renderer/panels/map/problems.ts";

const cluster = 0x10000;
// Eight whole clusters, and a part of one that no format counts.
const file = { fileSize: 8 * cluster + 100, clusterSize: cluster };

function repairOf(finding: Partial<Finding>): string {
  const made: Finding = {
    ...{ id: 0, kind: "leak", code: "cluster-leaked", message: "1 cluster is not used by anything" },
    ...{ offset: 2 * cluster, length: cluster, repair: "none" },
    ...finding,
  };
  return problemCells(made, file).repair;
}

it("says of leaked clusters what a repair would do with them", () => {
  // QED has no refcounts: what lies at the end goes with it, what lies inside stays.
  expect(repairOf({ offset: 6 * cluster, length: 2 * cluster })).toBe("cut off the end");
  expect(repairOf({ offset: 6 * cluster, length: cluster })).toBe("none: only takes space");
  // qcow2: their refcount becomes 0.
  expect(repairOf({ repair: "set-refcount", references: { by: [], total: 0 } })).toBe("free the space");
  expect(repairOf({ repair: "set-refcount", references: { by: [], total: 2 } })).toBe("lower the refcount");
});

it("says of every other problem what a repair would do with it", () => {
  const corruption = { kind: "corruption" } as const;
  expect(repairOf({ ...corruption, repair: "set-refcount" })).toBe("raise the refcount");
  expect(repairOf({ ...corruption, repair: "set-copied-flag" })).toBe("correct the flag");
  expect(repairOf({ ...corruption, repair: "clear-entry" })).toBe("clear the entry");
  expect(repairOf(corruption)).toBe("see Repair");
  expect(repairOf({ kind: "io-error" })).toBe("none: can't be read");
});
