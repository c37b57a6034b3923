import { beforeEach, describe, expect, it } from "vitest";
import type { VoteMapSummary, VoteMapTotals, VoteRun } from "../../../core/ops/voteRun.ts";
import {
  type FakeBridge,
  fileRef,
  installFakeBridge,
  nodeSummary,
  openedImage,
  settle,
} from "../fakeBridge.ts";

const { VotesSession } = await import("../../../renderer/panels/votes/session.ts");
const { listenForJobs } = await import("../../../renderer/store/jobs.ts");
const { useView } = await import("../../../renderer/store/view.ts");

const total = 1 << 20;
const run = (offset: number, length: number, odd: number): VoteRun => ({
  offset,
  length,
  winner: [0, 1, 2].filter((child) => child !== odd),
  losers: [odd],
  unreadable: [],
  groups: [[odd], [0, 1, 2].filter((child) => child !== odd)],
  tied: false,
});
const totals = (runs: readonly VoteRun[]): VoteMapTotals => ({
  runs: runs.length,
  bytes: runs.reduce((sum, { length }) => sum + length, 0),
  undecidedBytes: 0,
  outvoted: [0, 1, 2].map((child) =>
    runs.reduce((sum, { losers, length }) => sum + (losers.includes(child) ? length : 0), 0),
  ),
  unreadable: [0, 0, 0],
  notListed: 0,
});

let bridge: FakeBridge;
let nextJob = 100;
let session: InstanceType<typeof VotesSession>;
beforeEach(async () => {
  bridge = installFakeBridge();
  listenForJobs();
  bridge.answer("job:votes", () => ({ job: ++nextJob }));
  session = new VotesSession("");
  const image = { ...openedImage(fileRef("quorum")), nodes: [nodeSummary("", "quorum")] };
  session.attach(image);
  await settle();
});

const items = (runs: readonly VoteRun[]) => bridge.send("job:items", { job: nextJob, items: runs });
const progress = (done: number, runs: readonly VoteRun[]) =>
  bridge.send("job:progress", {
    job: nextJob,
    progress: { done, total, bytesRead: done, totals: totals(runs) },
  });
const end = (runs: readonly VoteRun[], more: Partial<VoteMapSummary> = {}) =>
  bridge.send("job:end", {
    job: nextJob,
    ok: true,
    name: "votes",
    summary: {
      ...totals(runs),
      size: total,
      from: 0,
      scannedTo: total,
      cancelled: false,
      elapsedMs: 1,
      ...more,
    },
  });
const caret = () => session.view.getState().caret;

describe("the vote map", () => {
  it("goes to the first range that is found and shows the copy that is wrong there", () => {
    items([run(4096, 512, 2)]);
    expect(caret()).toBe(4096);
    expect(session.store.getState().child).toBe(2);
  });

  it("steps with the copy that is wrong, and wraps at the second press", () => {
    const runs = [run(4096, 512, 2), run(8192, 512, 1)];
    items(runs);
    end(runs);
    session.step("next");
    expect([caret(), session.store.getState().child]).toEqual([8192, 1]);
    session.step("next");
    expect(caret()).toBe(8192);
    expect(useView.getState().note).toBe("Last difference");
    session.step("next");
    expect([caret(), session.store.getState().child]).toEqual([4096, 2]);
  });

  it("waits for the scan where it has not found the next one, and goes there then", () => {
    items([run(4096, 512, 2)]);
    session.step("next");
    expect(session.store.getState().waiting).toBe(true);
    items([run(65_536, 512, 0)]);
    expect(caret()).toBe(65_536);
    expect(session.store.getState().waiting).toBe(false);
  });

  it("goes on where a cancelled scan stopped, and adds up both parts", async () => {
    const [first, second] = [run(4096, 512, 2), run(900_000, 1024, 1)];
    items([first]);
    progress(total / 2, [first]);
    session.cancel();
    expect(bridge.requests("job:cancel")).toEqual([{ job: nextJob }]);
    end([first], { scannedTo: total / 2, cancelled: true });
    expect(session.scan).toMatchObject({ kind: "ended", cancelled: true, scannedTo: total / 2 });
    session.resume();
    await settle();
    expect(bridge.requests("job:votes").at(-1)).toMatchObject({ from: total / 2, runsBefore: 1 });
    items([second]);
    end([second]);
    expect(session.scan).toMatchObject({
      kind: "ended",
      cancelled: false,
      totals: { runs: 2, bytes: 1536, outvoted: [0, 1024, 512] },
    });
    expect(session.table.count).toBe(2);
  });

  it("finds the range at an offset, and those that concern one copy", () => {
    const runs = [run(0, 1024, 1), run(4096, 512, 2), run(8192, 512, 1)];
    items(runs);
    const { table } = session;
    expect([0, 1023, 1024, 4100, 8704].map((offset) => table.rowAt(offset))).toEqual([
      0,
      0,
      undefined,
      1,
      undefined,
    ]);
    expect(table.runsIn(512, 9000, 1).map(({ offset }) => offset)).toEqual([0, 8192]);
    expect(table.runsIn(1024, 8192, 1)).toEqual([]);
    // 16 bins of 1 KiB: copy 1 in the first and the ninth, copy 2 in the fifth.
    const marked = (child: number) =>
      [...table.bins(child, 16, 16 * 1024)].flatMap((level, bin) => (level > 0 ? [bin] : []));
    expect(marked(1)).toEqual([0, 8]);
    expect(marked(2)).toEqual([4]);
    expect(marked(0)).toEqual([]);
  });

  it("keeps what was found when the scan fails", () => {
    items([run(4096, 512, 2)]);
    bridge.send("job:end", {
      job: nextJob,
      ok: false,
      error: { code: "EIO", message: "gone", context: {}, details: [] },
    });
    expect(session.scan).toMatchObject({ kind: "failed", error: { message: "gone" } });
    expect(session.table.count).toBe(1);
  });
});
