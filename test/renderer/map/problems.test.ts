import { expect, it } from "vitest";
import type { Finding } from "../../../core/block/finding.ts";
import { ProblemList, problemCells } from "../../../renderer/panels/map/problems.ts";

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

const base: Finding = {
  ...{ id: 0, kind: "corruption", code: "any", message: "L1[0] -> L2[3] is wrong" },
  ...{ offset: 0, length: 8, repair: "none" },
};

/** A list of these, in the order in which a check finds them. */
function listed(...findings: Partial<Finding>[]): ProblemList {
  const list = new ProblemList();
  list.append(findings.map((finding, id) => ({ ...base, ...finding, id })));
  return list;
}

const flagAt = (offset: number, isSet: boolean, target: number): Partial<Finding> => ({
  ...{ offset, repair: "set-copied-flag", flagged: { offset: target, isSet } },
});
const refcountOf = (first: number, clusters: number, total: number): Partial<Finding> => ({
  ...{ offset: first * cluster, length: clusters * cluster, repair: "set-refcount" },
  references: { by: [], total },
});

/** What the row of a COPIED flag's finding says would mend it, beside the other findings. */
function flagRepair(flag: Partial<Finding>, ...others: Partial<Finding>[]): string {
  const list = listed(...others, flag);
  const found = list.all.find(({ flagged }) => flagged !== undefined);
  if (!found) throw new Error("not listed");
  return problemCells(found, file, list.settledBy(found)).repair;
}

it("does not offer to correct a COPIED flag that is right once the refcount is", () => {
  const entry = 4 * cluster;
  // One reference, and a stored refcount of 7 that becomes 1: a set flag is right then, and a clear one still wrong.
  expect(flagRepair(flagAt(entry, true, 5 * cluster), refcountOf(5, 1, 1))).toBe("follows the refcount");
  expect(flagRepair(flagAt(entry, false, 5 * cluster), refcountOf(5, 1, 1))).toBe("correct the flag");
  // Two references, and a stored refcount of 1 that becomes 2: the other way round.
  expect(flagRepair(flagAt(entry, false, 5 * cluster), refcountOf(5, 1, 2))).toBe("follows the refcount");
  expect(flagRepair(flagAt(entry, true, 5 * cluster), refcountOf(5, 1, 2))).toBe("correct the flag");
});

it("knows a cluster's refcount in the middle of a range, and not behind its end", () => {
  const range = refcountOf(2, 4, 1);
  expect(flagRepair(flagAt(8, true, 5 * cluster), range)).toBe("follows the refcount");
  expect(flagRepair(flagAt(8, true, 6 * cluster), range)).toBe("correct the flag");
  expect(flagRepair(flagAt(8, true, 1 * cluster), range)).toBe("correct the flag");
});

it("leaves the flag of an entry that is invalid itself to the entry's repair", () => {
  expect(flagRepair(flagAt(4 * cluster, true, 99 * cluster), { offset: 4 * cluster })).toBe(
    "follows the entry",
  );
  expect(flagRepair(flagAt(4 * cluster, true, 99 * cluster), { offset: 4 * cluster + 8 })).toBe(
    "correct the flag",
  );
});

it("finds the problems of a cluster: what begins in it, and the range that it is in", () => {
  const list = listed(
    { offset: 4 * cluster + 40 },
    { kind: "leak", offset: 6 * cluster, length: 3 * cluster },
    { offset: 4 * cluster + 8 },
  );
  const at = (number: number) => list.ofCluster(number * cluster, cluster).map(({ offset }) => offset);
  expect(at(4)).toEqual([4 * cluster + 8, 4 * cluster + 40]);
  expect(at(5)).toEqual([]);
  expect([at(6), at(8), at(9)]).toEqual([[6 * cluster], [6 * cluster], []]);
});

it("writes what points to what with an arrow", () => {
  expect(problemCells(base, file).message).toBe("L1[0] → L2[3] is wrong");
});
