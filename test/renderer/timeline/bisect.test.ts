// A search for the first failing entry in the timeline: its states as points and stops, what is said of it, and the session
// that starts, follows and forgets it.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LogBisectItem, LogBisectResult } from "../../../core/ops/logBisectRun.ts";
import type { LogSummary } from "../../../core/ops/logIndexRun.ts";
import { type BisectWish, usualForm } from "../../../renderer/panels/timeline/bisectForm.ts";
import {
  adviceOf,
  failingStops,
  momentText,
  pointsOf,
  scopeText,
  verdictSentence,
  withItems,
} from "../../../renderer/panels/timeline/bisectState.ts";
import type { TimelineSession } from "../../../renderer/panels/timeline/session.ts";
import {
  type FakeBridge,
  fileRef,
  installFakeBridge,
  openedImage,
  plainError,
  settle,
} from "../fakeBridge.ts";

const item = (entries: number, verdict: LogBisectItem["verdict"], lost = ""): LogBisectItem => ({
  entries,
  kind: "flush",
  lost,
  verdict,
  text: verdict === "good" ? "exit 0" : verdict === "bad" ? "exit 4" : "exit 125",
  exit: verdict === "good" ? 0 : verdict === "bad" ? 4 : 125,
  ms: 5,
  refined: false,
});
const wish: BisectWish = {
  judge: { kind: "command", line: "fsck {}", shell: false, seconds: 300 },
  at: "flush",
  search: "binary",
  all: false,
  refine: true,
};
const found: LogBisectResult = {
  cancelled: false,
  totals: { states: 9, good: 2, bad: 2, skipped: 0 },
  edges: "good-bad",
  undecided: 0,
  stretches: 1,
  firstBad: { entries: 41, kind: "entry", lost: "" },
  lastGood: { entries: 40, kind: "mark", lost: "" },
  output: "Inode 2 ref count is 4",
  between: { total: 0, events: [] },
  command: "blkscope log bisect",
};

describe("states that were looked at", () => {
  it("are kept in the order of the log, whatever the order they come in", () => {
    const looked = withItems(withItems([], [item(50, "bad"), item(1, "good")]), [item(20, "good")]);
    expect(looked.map(({ entries }) => entries)).toEqual([1, 20, 50]);
  });

  it("are one point for each entry, the worst, and none for the disk before the log", () => {
    const looked = [
      item(0, "good"),
      item(7, "good", "3"),
      item(7, "bad", "4"),
      item(7, "skip", "5"),
      item(9, "skip"),
    ];
    expect(pointsOf(looked)).toEqual([
      { entry: 6, outcome: "fail" },
      { entry: 8, outcome: "unknown" },
    ]);
  });

  it("are stops where they fail, one for each entry", () => {
    const looked = [item(0, "bad"), item(7, "bad", "4"), item(7, "bad", "5"), item(9, "good")];
    expect(failingStops(looked)).toEqual([
      { entry: 0, text: "The disk before entry 0 fails the check: exit 4" },
      { entry: 6, text: "The disk after entry 6 without entry 4 fails the check: exit 4" },
    ]);
    expect(momentText({ entries: 1235, lost: "5,7-9" })).toBe("after entry 1,234 without entries 5,7-9");
  });
});

describe("what is said of a search", () => {
  it.each<[Partial<LogBisectResult>, string]>([
    [{}, "The first state that fails is that after entry 40."],
    [{ cancelled: true }, "So far the first state that fails is that after entry 40."],
    [{ firstBad: undefined, cancelled: true }, "None of them fails so far."],
    [
      { firstBad: undefined, cancelled: true, totals: { states: 0, good: 0, bad: 0, skipped: 0 } },
      "Cancelled before a state was looked at.",
    ],
    [
      { firstBad: undefined, totals: { states: 9, good: 9, bad: 0, skipped: 0 }, edges: undefined },
      "None of the 9 states fails.",
    ],
    [
      { firstBad: undefined, totals: { states: 9, good: 1, bad: 0, skipped: 2 }, edges: undefined },
      "None of the 3 states looked at fails; there are 9.",
    ],
    [{ firstBad: undefined, edges: "last-good" }, "The last state passes: there is nothing to halve."],
    [
      { firstBad: undefined, totals: { states: 9, good: 0, bad: 0, skipped: 2 }, edges: "skipped" },
      "None of the 2 states looked at could be judged.",
    ],
  ])("%j: %s", (part, sentence) => expect(verdictSentence({ ...found, ...part })).toBe(sentence));

  it("warns of what it takes for granted, and of what it does not know", () => {
    const advice = (part: Partial<LogBisectResult>, all = false, exit = 4) =>
      adviceOf({ ...found, ...part }, { wish: { ...wish, all } }, { ...item(41, "bad"), exit }).join(" ");
    expect(advice({})).toBe(
      "Searched by halves, which takes for granted that what fails once fails from then on.",
    );
    expect(advice({ edges: "first-bad", lastGood: undefined })).toContain("No state before it passes.");
    expect(advice({ undecided: 2 })).toContain("2 states before it could not be judged");
    expect(advice({ edges: undefined, stretches: 2 }, true)).toBe(
      "It fails in 2 stretches, and passes again between them.",
    );
    expect(
      advice({ edges: undefined, firstBad: undefined, totals: { states: 2, good: 0, bad: 0, skipped: 2 } }),
    ).toBe("A command says with exit code 125 that it can't judge a state.");
    expect(advice({}, false, 127)).toContain("Exit code 127 is what a shell says");
    expect(advice({ cancelled: true })).toContain("these results are partial");
  });

  it("names the moments, the range and the way", () => {
    expect(scopeText(wish)).toBe("at flushes, by halves");
    expect(scopeText({ ...wish, at: 100, search: "linear", all: true, range: { first: 2, end: 1003 } })).toBe(
      "every 100 entries, entries 2 to 1,002, all in turn",
    );
    expect(scopeText({ ...wish, at: { count: 5, seed: 7, torn: false }, search: "linear" })).toBe(
      "reordered writes, seed 7, in turn",
    );
  });
});

describe("a session's search", () => {
  let bridge: FakeBridge;
  let session: TimelineSession;
  let note: () => string | undefined;
  const form = { ...usualForm, line: "fsck {}" };
  const state = () => session.store.getState();

  beforeEach(async () => {
    vi.resetModules();
    bridge = installFakeBridge();
    bridge.answer("job:logIndex", () => ({ job: 7 }));
    bridge.answer("job:logBisect", () => ({ job: 8 }));
    bridge.answer("log:rows", () => ({ total: 100, rows: [] }));
    bridge.answer("log:place", ({ entry }: { entry: number }) => ({ total: 100, at: entry, passes: true }));
    const { listenForJobs } = await import("../../../renderer/store/jobs.ts");
    listenForJobs();
    const { useView, timelineTab } = await import("../../../renderer/store/view.ts");
    const module = await import("../../../renderer/panels/timeline/session.ts");
    note = () => useView.getState().note;
    const file = fileRef("a.log");
    useView.getState().openTab(timelineTab(file.token));
    session = module.timelineSessionOf(`timeline:${file.token}`);
    session.attach(openedImage(file));
    await settle();
    const summary = {
      size: 1000,
      superblock: { magicOk: true, version: 1, entries: 100, sectorSize: 512 },
      sectorSize: 512,
      entries: 100,
      counted: 100,
      end: { kind: "complete", entry: 100, offset: 0, message: "" },
      totals: { writes: 100, flushes: 0, marks: 0 },
      diskEnd: 512,
      recovered: [],
    } as unknown as LogSummary;
    bridge.send("job:end", { job: 7, ok: true, name: "logIndex", summary: { cancelled: false, summary } });
    await settle();
  });
  afterEach(() => session.dispose());

  async function begin(): Promise<void> {
    await session.bisect.start(form, wish, undefined);
    await settle();
  }
  const items = (...all: LogBisectItem[]) => bridge.send("job:items", { job: 8, items: all });
  const end = (result: LogBisectResult) =>
    bridge.send("job:end", { job: 8, ok: true, name: "logBisect", summary: result });

  it("is asked of main with what was filled in, and with nothing when a log is opened", async () => {
    expect(bridge.requests("job:logBisect")).toEqual([]);
    await begin();
    expect(bridge.requests("job:logBisect")).toEqual([{ ...wish, image: expect.any(Number) }]);
    expect(state()).toMatchObject({ tab: "bisect", bisectForm: form, bisect: { judge: "fsck {}" } });
    expect(session.bisect.isRunning).toBe(true);
  });

  it("shows states as they come, as stops of F8, and its end", async () => {
    await begin();
    items(item(100, "bad"), item(1, "good"));
    items(item(41, "bad"), item(40, "good"));
    expect(state().bisect?.looked.map(({ entries }) => entries)).toEqual([1, 40, 41, 100]);
    expect(session.problems.map(({ entry }) => entry)).toEqual([40, 99]);
    session.goTo(0);
    session.stepProblem("next");
    expect([state().entry, note()]).toEqual([40, "The disk after entry 40 fails the check: exit 4"]);
    session.stepProblem("next");
    expect(state().entry).toBe(99);
    session.stepProblem("previous");
    expect(state().entry).toBe(40);
    end(found);
    expect(session.bisect.isRunning).toBe(false);
    session.goTo(3);
    session.bisect.goToFirstBad();
    expect([state().entry, state().bisect?.at]).toEqual([40, 2]);
  });

  it("keeps the row that was gone to while others come", async () => {
    await begin();
    items(item(50, "bad"));
    session.bisect.goTo(0);
    items(item(10, "good"), item(20, "good"));
    expect([state().bisect?.at, state().entry]).toEqual([2, 49]);
  });

  it("stops at Escape and keeps what it found", async () => {
    await begin();
    items(item(1, "good"));
    session.cancel();
    expect(bridge.requests("job:cancel")).toEqual([{ job: 8 }]);
    end({ ...found, cancelled: true, firstBad: undefined });
    expect(state().bisect).toMatchObject({ looked: [{ entries: 1 }], result: { cancelled: true } });
  });

  it("does not begin over zeroes where the disk before the log is not open any more", async () => {
    const before = fileRef("before.raw");
    session.store.setState({ base: before });
    await session.bisect.start(form, wish, before);
    expect(bridge.requests("job:logBisect")).toEqual([]);
    expect(note()).toBe("before.raw is not open any more: open it, or choose the disk before the log again");
  });

  it("says in place why it could not begin", async () => {
    bridge.answer("job:logBisect", () => {
      throw plainError("The command was not run");
    });
    await begin();
    expect(state().bisect).toMatchObject({ error: { message: "The command was not run" }, looked: [] });
    expect(session.bisect.isRunning).toBe(false);
  });

  it("is forgotten when the log is read again, and with its tab", async () => {
    await begin();
    items(item(50, "bad"));
    session.bisect.forget();
    expect(state().bisect).toBeUndefined();
    expect(session.problems).toEqual([]);
    expect(bridge.requests("job:cancel")).toEqual([{ job: 8 }]);
    // What still comes of it is nobody's.
    items(item(60, "bad"));
    expect(state().bisect).toBeUndefined();
  });

  it("opens its states with what was lost, and of the length it was searched with", async () => {
    await session.bisect.start(form, { ...wish, size: 4096 }, undefined);
    await settle();
    bridge.answer("log:state", () => fileRef("state"));
    end(found);
    await session.bisect.show({ entries: 9, kind: "reorder", lost: "3,5" });
    await session.bisect.compare();
    expect(bridge.requests("log:state")).toEqual([
      { image: expect.any(Number), count: 9, lost: "3,5", size: 4096 },
      { image: expect.any(Number), count: 40, size: 4096 },
      { image: expect.any(Number), count: 41, size: 4096 },
    ]);
    await session.bisect.copyCommand();
    expect(bridge.requests("clipboard:write")).toEqual(["blkscope log bisect"]);
  });
});
