// The store of jobs over a fake bridge: states, order of items, cancel before and after main knows the job.
import { beforeEach, expect, it, vi } from "vitest";
import type { CompareSummary, CompareTotals } from "../../../core/ops/mismatch.ts";
import { type FakeBridge, installFakeBridge, plainError, settle } from "../fakeBridge.ts";

const request = { a: 1, b: 2, strict: false, from: 0, shift: 0, rowsBefore: 0 };
const totals: CompareTotals = {
  runs: 0,
  rows: 0,
  sectors: 0,
  bytes: 0,
  unreadableRanges: 0,
  unreadableBytes: 0,
};
const progress = (done: number) => ({ done, total: 1000, bytesRead: done, totals });
const summary = (cancelled: boolean): CompareSummary => ({
  ...totals,
  sizeA: 1000,
  sizeB: 1000,
  from: 0,
  scannedTo: 1000,
  complete: !cancelled,
  identical: !cancelled,
  cancelled,
  first: undefined,
  mergedAfter: undefined,
  elapsedMs: 5,
});

let bridge: FakeBridge;
let jobs: typeof import("../../../renderer/store/jobs.ts");
const stateOf = (id: number) => jobs.useJobs.getState().byId[id]?.state;

beforeEach(async () => {
  vi.resetModules();
  bridge = installFakeBridge();
  bridge.answer("job:compare", () => ({ job: 7 }));
  jobs = await import("../../../renderer/store/jobs.ts");
  jobs.listenForJobs();
});

it("runs from start to end, forwarding items in order", async () => {
  const items: unknown[] = [];
  const id = jobs.startJob("compare", request, "A and B", (batch) => items.push(...batch));
  expect(stateOf(id)).toEqual({
    kind: "running",
    progress: undefined,
    rate: undefined,
    cancelling: false,
    resting: false,
  });
  await settle();
  bridge.send("job:progress", { job: 7, progress: progress(500) });
  const range = { offset: 0, length: 512, side: "a", message: "gone" } as const;
  bridge.send("job:items", { job: 7, items: [{ kind: "unreadable", range }] });
  expect(stateOf(id)).toMatchObject({ kind: "running", progress: { done: 500 } });
  expect(items).toEqual([{ kind: "unreadable", range }]);
  bridge.send("job:end", { job: 7, ok: true, name: "compare", summary: summary(false) });
  expect(stateOf(id)).toEqual({ kind: "done", summary: summary(false) });
});

it("keeps messages that overtake the answer to the start", async () => {
  const items: unknown[] = [];
  bridge.answer("job:compare", async () => {
    await settle();
    return { job: 7 };
  });
  const id = jobs.startJob("compare", request, "A and B", (batch) => items.push(...batch));
  const range = { offset: 512, length: 512, side: "both", message: "gone" } as const;
  bridge.send("job:items", { job: 7, items: [{ kind: "unreadable", range }] });
  bridge.send("job:end", { job: 7, ok: true, name: "compare", summary: summary(false) });
  expect(stateOf(id)?.kind).toBe("running");
  await settle();
  await settle();
  expect(items).toEqual([{ kind: "unreadable", range }]);
  expect(stateOf(id)?.kind).toBe("done");
});

it("a start that fails is the state failed", async () => {
  bridge.answer("job:compare", () => {
    throw plainError("no worker");
  });
  const id = jobs.startJob("compare", request, "A and B", () => undefined);
  await settle();
  expect(stateOf(id)).toMatchObject({ kind: "failed", error: { message: "no worker" } });
});

it("a job that fails later says why", async () => {
  const id = jobs.startJob("compare", request, "A and B", () => undefined);
  await settle();
  bridge.send("job:end", { job: 7, ok: false, error: plainError("worker died") });
  expect(stateOf(id)).toMatchObject({ kind: "failed", error: { message: "worker died" } });
});

it("cancels once, and ends as cancelled", async () => {
  const id = jobs.startJob("compare", request, "A and B", () => undefined);
  await settle();
  jobs.cancelJob(id);
  jobs.cancelJob(id);
  expect(bridge.requests("job:cancel")).toEqual([{ job: 7 }]);
  expect(stateOf(id)).toMatchObject({ kind: "running", cancelling: true });
  bridge.send("job:end", { job: 7, ok: true, name: "compare", summary: summary(true) });
  expect(stateOf(id)).toEqual({ kind: "cancelled", summary: summary(true) });
});

it("a cancel that comes before main's answer is sent when it comes", async () => {
  const id = jobs.startJob("compare", request, "A and B", () => undefined);
  jobs.cancelJob(id);
  expect(bridge.requests("job:cancel")).toEqual([]);
  await settle();
  expect(bridge.requests("job:cancel")).toEqual([{ job: 7 }]);
});

it("a forgotten job is cancelled and leaves the store, whenever that happens", async () => {
  const known = jobs.startJob("compare", request, "A and B", () => undefined);
  await settle();
  jobs.forgetJob(known);
  expect(stateOf(known)).toBeUndefined();
  const unknown = jobs.startJob("compare", request, "A and B", () => undefined);
  jobs.forgetJob(unknown);
  await settle();
  expect(bridge.requests("job:cancel")).toHaveLength(2);
  bridge.send("job:end", { job: 7, ok: true, name: "compare", summary: summary(true) });
  expect(jobs.useJobs.getState().byId).toEqual({});
});

it("messages of jobs it never started are ignored", async () => {
  bridge.send("job:progress", { job: 99, progress: progress(1) });
  bridge.send("job:end", { job: 99, ok: false, error: plainError("x") });
  expect(jobs.useJobs.getState().byId).toEqual({});
});

it("knows by which number a job that answers questions is asked, until it is forgotten", async () => {
  bridge.answer("job:map", () => ({ job: 9 }));
  const id = jobs.startJob("map", { image: 1, node: "" }, "Map of A");
  await settle();
  bridge.send("job:end", {
    job: 9,
    ok: true,
    name: "map",
    summary: { cancelled: false, summary: undefined },
  });
  expect(stateOf(id)?.kind).toBe("done");
  expect(jobs.askableId(id)).toBe(9);
  jobs.forgetJob(id);
  expect(bridge.requests("job:cancel")).toEqual([{ job: 9 }]);
  expect(jobs.askableId(id)).toBeUndefined();
});
