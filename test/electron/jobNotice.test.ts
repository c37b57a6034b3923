import { expect, it } from "vitest";
import type { CompareSummary } from "../../core/ops/mismatch.ts";
import type { WrittenRepair } from "../../electron/ipc/contract.ts";
import { noticeOf } from "../../electron/jobNotice.ts";

const clean: CompareSummary = {
  runs: 0,
  rows: 0,
  sectors: 0,
  bytes: 0,
  unreadableRanges: 0,
  unreadableBytes: 0,
  sizeA: 512,
  sizeB: 512,
  from: 0,
  scannedTo: 512,
  complete: true,
  identical: true,
  cancelled: false,
  first: undefined,
  mergedAfter: undefined,
  elapsedMs: 40_000,
};
const notice = (change: Partial<CompareSummary>) =>
  noticeOf("a ⇄ b", { job: 1, ok: true, name: "compare", summary: { ...clean, ...change } })?.body;

it("tells what a comparison found", () => {
  expect(notice({})).toBe("a ⇄ b: the images are identical");
  expect(notice({ sectors: 41_772, identical: false })).toBe("a ⇄ b: the images differ in 41,772 sectors");
  expect(notice({ sectors: 1, identical: false })).toBe("a ⇄ b: the images differ in 1 sector");
});

it("does not say identical of what could not be read or is stored differently", () => {
  expect(notice({ identical: false, complete: false, unreadableRanges: 2 })).toBe(
    "a ⇄ b: no mismatch found; 2 ranges could not be read",
  );
  expect(notice({ sectors: 3, identical: false, complete: false, unreadableRanges: 1 })).toBe(
    "a ⇄ b: the images differ in 3 sectors; 1 range could not be read",
  );
  expect(notice({ identical: false })).toBe("a ⇄ b: same content, stored differently");
});

it("says of a scan that went on with an earlier one what it found itself, and nothing of the whole", () => {
  expect(notice({ from: 256 })).toBe("a ⇄ b: the rest of the scan found no mismatch");
  expect(notice({ from: 256, sectors: 1, identical: false })).toBe(
    "a ⇄ b: the rest of the scan found 1 mismatched sector",
  );
  const counted = { runs: 0, bytes: 0, undecidedBytes: 0, outvoted: [], unreadable: [], notListed: 0 };
  const votes = { ...counted, size: 512, from: 0, scannedTo: 512, cancelled: false, elapsedMs: 40_000 };
  const body = (summary: typeof votes) =>
    noticeOf("Votes", { job: 1, ok: true, name: "votes", summary })?.body;
  expect(body(votes)).toBe("Votes: all copies say the same");
  expect(body({ ...votes, from: 256 })).toBe("Votes: the rest of the count found no disagreement");
  expect(body({ ...votes, from: 256, runs: 2 })).toBe(
    "Votes: the rest of the count found 2 ranges in which the copies differ",
  );
});

it("says that nothing is to be mended only where nothing is broken", () => {
  const offered = { items: 0, unmended: [] as readonly string[] };
  const body = (change: Partial<typeof offered>) => {
    const summary = { cancelled: false, offered: { ...offered, ...change } } as never;
    return noticeOf("Plan", { job: 1, ok: true, name: "repairPlan", summary })?.body;
  };
  expect(body({})).toBe("Plan: there is nothing to mend");
  expect(body({ items: 2 })).toBe("Plan: 2 items can be mended");
  expect(body({ unmended: ["a table can't be read"] })).toBe("Plan: 1 item can't be mended");
  expect(body({ items: 1, unmended: ["a", "b"] })).toBe("Plan: 1 item can be mended; 2 items can't be");
});

it("tells why a comparison failed, and nothing of one that was cancelled", () => {
  const error = { code: "EIO", message: "disk.raw is gone", context: {}, details: [] } as const;
  expect(noticeOf("a ⇄ b", { job: 1, ok: false, error })).toEqual({
    title: "Task stopped",
    body: "a ⇄ b: disk.raw is gone",
  });
  expect(noticeOf("a ⇄ b", { job: 1, ok: false, error: { ...error, code: "ECANCELED" } })).toBeUndefined();
  expect(notice({ cancelled: true, identical: false, complete: false })).toBeUndefined();
});

it("tells how a repair ended", () => {
  const written: WrittenRepair = {
    cancelled: false,
    target: "/i/a.qed",
    journal: "/i/a.qed.blkscope-undo",
    targetFile: { token: "1", name: "a.qed", folder: "/i" },
    journalFile: undefined,
    state: "verified",
    changes: { done: 3, total: 3 },
    error: undefined,
    after: undefined,
    hashes: undefined,
  };
  const notice = (change: Partial<WrittenRepair>) =>
    noticeOf("Repair of a.qed", {
      job: 1,
      ok: true,
      name: "repairWrite",
      summary: { ...written, ...change },
    });
  expect(notice({})).toEqual({ title: "Repair finished", body: "Repair of a.qed: 3 changes written" });
  const error = { code: "EIO", message: "the disk failed", context: {}, details: [] } as const;
  expect(notice({ error, state: "applying" })).toEqual({
    title: "Repair stopped",
    body: "Repair of a.qed: the disk failed",
  });
  expect(notice({ cancelled: true, state: "planned" })).toBeUndefined();
});

it("tells what a search for the first failing entry found", () => {
  const summary = {
    cancelled: false,
    totals: { states: 9, good: 4, bad: 1, skipped: 1 },
    edges: undefined,
    undecided: 0,
    stretches: 1,
    firstBad: { entries: 41, kind: "entry", lost: "" },
    lastGood: undefined,
    output: "",
    between: undefined,
    command: undefined,
  } as const;
  const notice = (firstBad: typeof summary.firstBad | undefined) =>
    noticeOf("Bisect of a.log", { job: 1, ok: true, name: "logBisect", summary: { ...summary, firstBad } });
  expect(notice(summary.firstBad)).toEqual({
    title: "Bisect finished",
    body: "Bisect of a.log: the disk after entry 40 is the first of 6 states that fails",
  });
  expect(notice(undefined)?.body).toBe("Bisect of a.log: none of 6 states looked at fails");
});
