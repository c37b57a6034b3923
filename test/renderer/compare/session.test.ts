import { beforeEach, describe, expect, it, vi } from "vitest";
import type { CompareItem, CompareSummary, CompareTotals } from "../../../core/ops/mismatch.ts";
import type { Events, OpenedImage } from "../../../electron/ipc/contract.ts";
import { CompareSession } from "../../../renderer/panels/compare/session.ts";
import { sessionOf, swapSides } from "../../../renderer/panels/compare/sessions.ts";
import { listenForJobs } from "../../../renderer/store/jobs.ts";
import { compareTab, useView } from "../../../renderer/store/view.ts";
import { batchOf, type ModelRun, plainRun } from "./model.ts";

// A stand-in for the bridge: records requests, gives ids to jobs, and lets the test play main's events.
const requests: { name: string; request: Record<string, unknown> }[] = [];
const listeners = new Map<string, (payload: unknown) => void>();
let lastJob = 0;
/** Images of zeros, in which image 2 has a one at these offsets. */
const ones = new Set<number>();
function bytesOf({ image, offset, length }: Record<string, unknown>): Uint8Array {
  const at = (index: number) => (image === 2 && ones.has(Number(offset) + index) ? 1 : 0);
  return Uint8Array.from({ length: Number(length) }, (_, index) => at(index));
}
vi.stubGlobal("window", {
  blkscope: {
    call: async (name: string, request: Record<string, unknown>) => {
      requests.push({ name, request });
      if (name === "image:read") return { ok: true, value: { bytes: bytesOf(request), bad: [] } };
      return { ok: true, value: name === "job:compare" ? { job: ++lastJob } : undefined };
    },
    on: (name: string, listener: (payload: unknown) => void) => {
      listeners.set(name, listener);
      return () => listeners.delete(name);
    },
  },
});
listenForJobs();

const total = 1000 * 512;
const image = (id: number, more: Partial<OpenedImage> = {}): OpenedImage => ({
  image: id,
  format: "raw",
  size: total,
  fileSize: total,
  readOnly: true,
  info: {},
  nodes: [],
  file: { token: `token-${id}`, name: `disk${id}.raw`, folder: "/images" },
  writable: false,
  ...more,
});
const pair = { a: image(1), b: image(2) };

const emit = <N extends keyof Events>(name: N, payload: Events[N]) => listeners.get(name)?.(payload);
const items = (job: number, ...found: readonly CompareItem[]) => emit("job:items", { job, items: found });
const found = (...runs: readonly ModelRun[]): CompareItem => ({ kind: "runs", batch: batchOf(runs) });
const totalsOf = (runs: readonly ModelRun[]): CompareTotals => ({
  runs: runs.length,
  rows: runs.length,
  sectors: runs.reduce((sum, run) => sum + run.sectors, 0),
  bytes: runs.reduce((sum, run) => sum + run.bytes, 0),
  unreadableRanges: 0,
  unreadableBytes: 0,
});
const progress = (job: number, sectors: number, runs: readonly ModelRun[] = []) =>
  emit("job:progress", {
    job,
    progress: { done: sectors * 512, total, bytesRead: 0, totals: totalsOf(runs) },
  });
const end = (job: number, runs: readonly ModelRun[], more: Partial<CompareSummary> = {}) =>
  emit("job:end", {
    job,
    ok: true,
    name: "compare",
    summary: {
      ...totalsOf(runs),
      sizeA: total,
      sizeB: total,
      from: 0,
      scannedTo: total,
      complete: true,
      identical: runs.length === 0,
      cancelled: false,
      first: runs[0]?.offset,
      mergedAfter: undefined,
      elapsedMs: 1,
      ...more,
    },
  });
/** Lets the answer to "job:compare" arrive. */
const answered = () => new Promise((resolve) => setTimeout(resolve, 0));
const jobRequests = () => requests.filter(({ name }) => name === "job:compare").map(({ request }) => request);
const caretOf = (session: CompareSession) => session.activeView.getState().caret;

let session: CompareSession;
async function start(): Promise<number> {
  session = new CompareSession();
  session.attach(pair);
  await answered();
  return lastJob;
}
beforeEach(() => {
  requests.length = 0;
  ones.clear();
  useView.setState({ tabs: [], note: undefined, active: undefined });
});

describe("a comparison's session", () => {
  it("starts the scan as soon as both images are there, and once", async () => {
    await start();
    session.attach(pair);
    expect(jobRequests()).toEqual([{ a: 1, b: 2, strict: false, from: 0, shift: 0, rowsBefore: 0 }]);
    expect(session.scan).toMatchObject({ kind: "scanning", total });
  });

  it("scans anew when an image was opened again", async () => {
    await start();
    session.attach({ a: pair.a, b: image(7) });
    expect(jobRequests().at(-1)).toMatchObject({ a: 1, b: 7, from: 0 });
  });

  it("keeps caret, selection and the places visited within images that are shorter when they are opened again", async () => {
    await start();
    const { rows } = session.store.getState();
    const view = session.activeView;
    view.jumpTo(700 * 512, rows);
    view.jumpTo(900 * 512, rows);
    view.moveTo(950 * 512, rows, true);
    const shorter = { size: 600 * 512, fileSize: 600 * 512 };
    session.attach({ a: image(8, shorter), b: image(9, shorter) });
    const last = 600 * 512 - 1;
    expect(view.getState()).toMatchObject({ caret: last, anchor: last });
    view.back(session.store.getState().rows);
    expect(caretOf(session)).toBe(last);
  });

  it("jumps to the first mismatch when the caret was not moved, and not when it was", async () => {
    items(await start(), found(plainRun(160, 2)));
    expect(caretOf(session)).toBe(160 * 512);
    const job = await start();
    session.activeView.moveTo(3, session.store.getState().rows);
    items(job, found(plainRun(160, 2)));
    expect(caretOf(session)).toBe(3);
  });

  it("lands on the first byte that differs, and steps back from there to the run before", async () => {
    ones.add(160 * 512 + 16).add(300 * 512 + 511);
    items(await start(), found(plainRun(160, 2), plainRun(300, 1)));
    await answered();
    expect(caretOf(session)).toBe(160 * 512 + 16);
    session.step("next");
    await answered();
    expect(caretOf(session)).toBe(300 * 512 + 511);
    session.step("previous");
    await answered();
    expect(caretOf(session)).toBe(160 * 512 + 16);
    session.step("previous");
    expect(useView.getState().note).toBe("First difference");
    // Back in the history: the byte, not the sector's start.
    session.activeView.back(session.store.getState().rows);
    expect(caretOf(session)).toBe(300 * 512 + 511);
  });

  it("keeps the byte it lands on in sight, 31 rows below the start of its sector", async () => {
    ones.add(300 * 512 + 511);
    items(await start(), found(plainRun(300, 1)));
    await answered();
    const { topRow, visibleRows, caret } = session.activeView.getState();
    const row = session.store.getState().rows.rowOf(caret);
    expect(caret).toBe(300 * 512 + 511);
    expect(row).toBeGreaterThanOrEqual(topRow);
    expect(row).toBeLessThan(topRow + visibleRows - 1);
  });

  it("leaves the caret alone when it went elsewhere before the bytes were read", async () => {
    ones.add(160 * 512 + 16);
    items(await start(), found(plainRun(160, 2)));
    session.activeView.moveTo(7, session.store.getState().rows);
    await answered();
    expect(caretOf(session)).toBe(7);
  });

  it("waits for the next difference, goes there when it is found, and can be told to stop waiting", async () => {
    const job = await start();
    items(job, found(plainRun(10, 1)));
    session.step("next");
    expect(session.store.getState().waiting).toBe(true);
    expect(useView.getState().note).toMatch(/^Searching…/);
    items(job, found(plainRun(50, 1)));
    expect(session.store.getState().waiting).toBe(false);
    expect(caretOf(session)).toBe(50 * 512);
    session.step("next");
    session.stopWaiting();
    items(job, found(plainRun(90, 1)));
    expect(caretOf(session)).toBe(50 * 512);
  });

  it("says last difference when the scan ends while waiting, and wraps at the next press", async () => {
    const runs = [plainRun(10, 1), plainRun(20, 1)];
    const job = await start();
    items(job, found(...runs));
    session.last();
    session.step("next");
    end(job, runs);
    expect(session.store.getState().waiting).toBe(false);
    expect(useView.getState().note).toBe("Last difference");
    session.step("next");
    expect(caretOf(session)).toBe(10 * 512);
  });

  it("disarms the wrap when the caret goes elsewhere in between", async () => {
    const runs = [plainRun(10, 1), plainRun(20, 1)];
    const job = await start();
    items(job, found(...runs));
    end(job, runs);
    session.last();
    session.step("next");
    session.last();
    session.step("next");
    expect(caretOf(session)).toBe(20 * 512);
    expect(useView.getState().note).toBe("Last difference");
  });

  it("resumes a cancelled scan where it stopped, and joins the run that was cut in two", async () => {
    const job = await start();
    const before = [plainRun(10, 1), plainRun(96, 4)];
    items(job, found(...before));
    session.cancel();
    await answered();
    expect(requests.at(-1)).toEqual({ name: "job:cancel", request: { job } });
    end(job, before, { cancelled: true, complete: false, scannedTo: 100 * 512 });
    expect(session.scan).toMatchObject({ kind: "ended", cancelled: true, complete: false, scannedTo: 51200 });
    session.resume();
    await answered();
    expect(jobRequests().at(-1)).toMatchObject({ from: 51200, rowsBefore: 2 });
    const after = [plainRun(100, 4), plainRun(200, 1)];
    items(lastJob, found(...after));
    end(lastJob, after);
    expect(session.table.count).toBe(3);
    expect(session.table.run(1)).toMatchObject({ offset: 96 * 512, length: 8 * 512, sectors: 8 });
    expect(session.scan).toMatchObject({ complete: true, identical: false, first: 10 * 512 });
    // 1 + 8 + 1 sectors in 3 runs.
    expect(session.scan.totals).toMatchObject({ runs: 3, rows: 3, sectors: 10 });
  });

  it("does not call the whole complete when the part before the pause had unreadable ranges", async () => {
    const job = await start();
    items(job, { kind: "unreadable", range: { offset: 0, length: 512, side: "a", message: "I/O error" } });
    end(job, [], {
      cancelled: true,
      complete: false,
      scannedTo: 51200,
      unreadableRanges: 1,
      unreadableBytes: 512,
    });
    session.resume();
    await answered();
    end(lastJob, []);
    expect(session.scan).toMatchObject({ complete: false, identical: false });
    expect(session.unreadable.count).toBe(1);
  });

  it("swaps sides in place while the scan goes on, and keeps the caret", async () => {
    const tab = compareTab("token-1", "token-2");
    if (tab.kind !== "compare") throw new Error("not a comparison");
    useView.getState().openTab(tab);
    session = sessionOf(tab.id);
    session.attach(pair);
    await answered();
    const job = lastJob;
    items(job, found(plainRun(10, 1, { signature: "a-zero" })));
    const scans = jobRequests().length;
    swapSides(tab);
    const [swapped] = useView.getState().tabs;
    expect(swapped).toEqual(compareTab("token-2", "token-1"));
    expect(sessionOf(swapped?.id ?? "")).toBe(session);
    session.attach({ a: pair.b, b: pair.a });
    expect(jobRequests()).toHaveLength(scans);
    items(job, found(plainRun(20, 1, { signature: "a-zero" })), {
      kind: "unreadable",
      range: { offset: 0, length: 512, side: "a", message: "I/O error" },
    });
    expect(session.table.run(0)?.signature).toBe("b-zero");
    expect(session.table.run(1)?.signature).toBe("b-zero");
    expect(session.unreadable.get(0)?.side).toBe("b");
    expect(caretOf(session)).toBe(10 * 512);
  });

  it("scans anew when sides are swapped under a shift, with the shift the other way", async () => {
    const tab = compareTab("token-1", "token-2");
    if (tab.kind !== "compare") throw new Error("not a comparison");
    useView.getState().openTab(tab);
    session = sessionOf(tab.id);
    session.attach(pair);
    session.setShift(512);
    session.activeView.moveTo(1024, session.store.getState().rows);
    swapSides(tab);
    expect(jobRequests().at(-1)).toMatchObject({ a: 2, b: 1, shift: -512 });
    // A's 1024 stood against B's 1536, which is A's 1536 now.
    expect(caretOf(session)).toBe(1536);
  });

  it("drops what a scan sends after it was replaced", async () => {
    const job = await start();
    session.setStrict(true);
    await answered();
    items(job, found(plainRun(10, 1)));
    expect(session.table.count).toBe(0);
    expect(jobRequests().at(-1)).toMatchObject({ strict: true });
  });

  it("keeps the caret in its place on screen when equal rows are folded and shown again", async () => {
    const runs = [plainRun(500, 1), plainRun(900, 1)];
    const job = await start();
    items(job, found(...runs));
    end(job, runs);
    const above = () => {
      const { topRow, caret } = session.activeView.getState();
      return session.store.getState().rows.rowOf(caret) - topRow;
    };
    session.goTo(900 * 512);
    const before = above();
    session.setFolded(true);
    // 2 runs of 32 rows with 3 rows around each, folds before, between and after.
    expect(session.store.getState().rows.rowCount).toBe(2 * 38 + 3);
    expect(caretOf(session)).toBe(900 * 512);
    session.setFolded(false);
    expect(above()).toBe(before);
  });

  it("unlocks into two views and locks to the active one", async () => {
    await start();
    session.setLocked(false);
    session.setActive("b");
    session.view("b").moveTo(7000, session.store.getState().rows);
    expect(session.view("a").getState().caret).toBe(0);
    session.setLocked(true);
    expect(session.view("a")).toBe(session.view("b"));
    expect(session.view("a").getState().caret).toBe(7000);
  });

  it("shows the longer image to its end", async () => {
    session = new CompareSession();
    session.attach({ a: image(1), b: image(2, { size: total + 512 }) });
    expect(session.extent).toBe(total + 512);
    session.setShift(512);
    expect(session.extent).toBe(total);
  });

  it("keeps what was found when the scan fails", async () => {
    const job = await start();
    items(job, found(plainRun(10, 1)));
    progress(job, 100, [plainRun(10, 1)]);
    emit("job:end", { job, ok: false, error: { code: "EIO", message: "gone", context: {}, details: [] } });
    expect(session.scan).toMatchObject({ kind: "failed", error: { message: "gone" } });
    expect(session.table.count).toBe(1);
  });

  it("ends its scan when the tab is closed", async () => {
    const tab = compareTab("token-1", "token-2");
    useView.getState().openTab(tab);
    const own = sessionOf(tab.id);
    own.attach(pair);
    await answered();
    const job = lastJob;
    useView.getState().closeTab(tab.id);
    await answered();
    expect(requests.at(-1)).toEqual({ name: "job:cancel", request: { job } });
    expect(sessionOf(tab.id)).not.toBe(own);
  });
});
