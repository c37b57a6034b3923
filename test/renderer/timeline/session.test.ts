// The timeline's session over a fake bridge: the scrub line, filtered steps, history, following, recovery, notes.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LogRow, LogSummary } from "../../../core/ops/logIndexRun.ts";
import type { TimelineSession } from "../../../renderer/panels/timeline/session.ts";
import {
  type FakeBridge,
  fileRef,
  installFakeBridge,
  openedImage,
  plainError,
  settle,
} from "../fakeBridge.ts";

const flushEvery = 10;
const rowAt = (entry: number): LogRow => ({
  entry,
  kind: entry % flushEvery === flushEvery - 1 ? "flush" : "write",
  flags: entry % flushEvery === flushEvery - 1 ? 1 : 0,
  offset: 512 * entry,
  length: 512,
  header: 1024 * entry,
  payload: 1024 * entry + 512,
  payloadLength: 512,
  text: undefined,
  counted: true,
  recovered: false,
});

const summaryOf = (entries: number, end: LogSummary["end"]["kind"] = "complete"): LogSummary => ({
  size: 1024 * entries,
  superblock: { magicOk: true, version: 1, entries, sectorSize: 512 },
  sectorSize: 512,
  entries,
  counted: entries,
  end: { kind: end, entry: entries, offset: 0, message: `ends at ${entries}` },
  totals: {
    writes: entries,
    writeBytes: 512 * entries,
    discards: 0,
    discardBytes: 0,
    flushes: 0,
    fua: 0,
    metadata: 0,
    marks: 0,
    empty: 0,
    unknownFlags: 0,
  },
  diskEnd: 512 * entries,
  recovered: [],
});

let bridge: FakeBridge;
let session: TimelineSession;
let entries: number;
let note: () => string | undefined;

/** Every even entry passes any filter. */
const passing = (filter: string) =>
  Array.from({ length: entries }, (_, entry) => entry).filter((entry) => filter === "" || entry % 2 === 0);

beforeEach(async () => {
  vi.resetModules();
  bridge = installFakeBridge();
  entries = 1000;
  bridge.answer("job:logIndex", () => ({ job: 7 }));
  bridge.answer("log:rows", ({ filter, first, count }: { filter: string; first: number; count: number }) => {
    const all = passing(filter);
    return { total: all.length, rows: all.slice(first, first + count).map(rowAt) };
  });
  bridge.answer("log:place", ({ filter, entry }: { filter: string; entry: number }) => {
    const all = passing(filter);
    const at = all.findIndex((one) => one >= entry);
    return { total: all.length, at: at < 0 ? all.length : at, passes: all.includes(entry) };
  });
  bridge.answer("log:detail", ({ entry, offset }: { entry: number; offset: number }) => ({
    row: rowAt(entry),
    flush: 0,
    durableWith: undefined,
    durableFlush: undefined,
    bytes: { offset: 512 * entry + offset },
  }));
  bridge.answer("log:next", ({ from, backwards }: { from: number; backwards: boolean }) => {
    const step = backwards ? -1 : 1;
    for (let entry = from; entry >= 0 && entry < entries; entry += step) {
      if (entry % flushEvery === flushEvery - 1) return entry;
    }
    return undefined;
  });
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
});
afterEach(() => session.dispose());

async function read(summary = summaryOf(entries), job = 7): Promise<void> {
  bridge.send("job:end", { job, ok: true, name: "logIndex", summary: { cancelled: false, summary } });
  await settle();
}
const entry = () => session.store.getState().entry;
/** Filters come into force, and details are asked for, after a rest. */
const rest = () => new Promise((resolve) => setTimeout(resolve, 250));

describe("the scrub line", () => {
  it("stays within the log", async () => {
    await read();
    session.goTo(5000);
    expect(entry()).toBe(999);
    session.goTo(-3);
    expect(entry()).toBe(0);
  });

  it("goes to the next flush and back, and says where there is none", async () => {
    await read();
    await session.stepFlush(false);
    expect(entry()).toBe(9);
    await session.stepFlush(false);
    expect(entry()).toBe(19);
    await session.stepFlush(true);
    expect(entry()).toBe(9);
    await session.stepFlush(true);
    expect(entry()).toBe(9);
    expect(note()).toBe("No flush or mark before this entry");
  });

  it("goes on with every press from where the one before has led, but takes nobody away who went elsewhere", async () => {
    await read();
    void session.stepFlush(false);
    await session.stepFlush(false);
    expect(entry()).toBe(19);
    const late = session.stepFlush(false);
    await Promise.resolve();
    session.goTo(500);
    await late;
    expect(entry()).toBe(500);
  });

  it("has its detail once it rests, of the last entry only", async () => {
    await read();
    for (const to of [1, 2, 3]) session.goTo(to);
    await rest();
    expect(session.store.getState().detail).toMatchObject({ kind: "known", detail: { row: { entry: 3 } } });
    expect(bridge.requests("log:detail").length).toBeLessThan(3);
  });

  it("has its details asked for while it moves on, one question after the other", async () => {
    await read();
    await rest();
    const before = bridge.requests("log:detail").length;
    for (let to = 1; to <= 20; to++) {
      session.goTo(to);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(bridge.requests("log:detail").length).toBeGreaterThan(before);
    await rest();
    expect(session.store.getState().detail).toMatchObject({ kind: "known", detail: { row: { entry: 20 } } });
  });
});

describe("a filter", () => {
  it("that is wrong leaves the one before in force and says what is wrong", async () => {
    await read();
    session.filter.setText("write");
    await rest();
    session.filter.setText("writ");
    await rest();
    const { filter } = session.store.getState();
    expect(filter).toMatchObject({ applied: "write", wrong: { at: 0, length: 4 } });
    expect(session.filter.rowCount).toBe(500);
  });

  it("makes steps go by what passes", async () => {
    await read();
    session.filter.setText("write");
    await rest();
    await session.step(1);
    await settle();
    expect(entry()).toBe(2);
    await session.step(100);
    await settle();
    expect(entry()).toBe(202);
    // Entry 203 does not pass: the next that does is 204, the one before it 202.
    session.goTo(203);
    await settle();
    // It would be behind the entries 0, 2 ... 202: the table's row 102.
    expect(session.store.getState()).toMatchObject({ place: undefined, near: 102 });
    await session.step(1);
    await settle();
    expect(entry()).toBe(204);
    session.goTo(203);
    await settle();
    await session.step(-1);
    await settle();
    expect(entry()).toBe(202);
  });
});

describe("the history of a place", () => {
  const touched = (at: number) => ({
    entry: at,
    kind: "write",
    flags: 0,
    range: { offset: 0, length: 4096 },
    touched: { offset: 512, length: 512 },
    durableWith: undefined,
    durableFlush: undefined,
  });

  it("is stepped through, older and newer, to the bytes that were asked about", async () => {
    bridge.answer("log:history", () => ({ entries: [40, 30, 20].map(touched), next: undefined }));
    await read();
    await session.history.show(512, 512, true);
    expect(session.store.getState()).toMatchObject({ entry: 40, from: 512, tab: "history" });
    await session.history.step("older");
    await session.history.step("older");
    expect(entry()).toBe(20);
    await session.history.step("older");
    expect(note()).toBe("No older entry touched this place");
    await session.history.step("newer");
    expect(entry()).toBe(30);
  });

  it("is that of the entry at the scrub line, also while its detail is still being read", async () => {
    bridge.answer("log:history", () => ({ entries: [41].map(touched), next: undefined }));
    await read();
    await rest();
    session.goTo(41);
    expect(session.store.getState().detail.kind).toBe("loading");
    expect(await session.history.here()).toBe(true);
    expect(bridge.requests("log:history").at(-1)).toMatchObject({ offset: 512 * 41, length: 512 });
    // Entry 9 is a flush.
    session.goTo(flushEvery - 1);
    expect(await session.history.here()).toBe(false);
    expect(note()).toBe("This entry is about no sectors");
  });

  it("asks for older entries when those that are known are over", async () => {
    bridge.answer("log:history", ({ before }: { before?: number }) =>
      before === undefined
        ? { entries: [touched(40)], next: 40 }
        : { entries: [touched(10)], next: undefined },
    );
    await read();
    await session.history.show(512, 512, true);
    await session.history.step("older");
    expect(entry()).toBe(10);
  });

  it("goes one entry back for every press, also of those that come while older ones are being found", async () => {
    bridge.answer("log:history", async ({ before }: { before?: number }) => {
      if (before === undefined) return { entries: [touched(40)], next: 40 };
      await settle();
      return { entries: [30, 20, 10].map(touched), next: undefined };
    });
    await read();
    await session.history.show(512, 512, true);
    await Promise.all([session.history.step("older"), session.history.step("older")]);
    expect(entry()).toBe(20);
    expect(bridge.requests("log:history")).toHaveLength(2);
  });

  it("has the entries that the log has grown by", async () => {
    bridge.answer("log:history", () => ({ entries: [40, 30, 20].map(touched), next: undefined }));
    await read();
    await session.history.show(512, 512, true);
    const grown = [1100, 40, 30, 20].map((at) => ({
      ...touched(at),
      durableWith: at < 1100 ? 1000 : undefined,
    }));
    bridge.answer("log:history", () => ({ entries: grown, next: undefined }));
    bridge.answer("log:extend", () => ({ changed: 1000, summary: summaryOf(1200, "growing") }));
    await session.readOn();
    // The answer is on its way yet.
    await session.history.step("newer");
    expect(entry()).toBe(1100);
    // What was not flushed has been since.
    expect(session.store.getState().history?.entries).toEqual(grown);
  });

  it("has all of them that were known, also when more are asked for meanwhile", async () => {
    // Entries 998, 996 ... 2, later also 1,000 to 1,198. Two pages of 200 lead to 200; the newest 400 of all 599 lead to
    // 400, and 400 more would lead further than all there are.
    let last = 998;
    bridge.answer("log:history", ({ before = last + 2, limit }: { before?: number; limit: number }) => {
      const all = Array.from({ length: last / 2 }, (_, i) => last - 2 * i).filter((at) => at < before);
      const page = all.slice(0, limit);
      return { entries: page.map(touched), next: page.length < all.length ? page.at(-1) : undefined };
    });
    await read();
    await session.history.show(512, 512);
    const asked = session.history.more();
    last = 1198;
    bridge.answer("log:extend", () => ({ changed: 1000, summary: summaryOf(1200) }));
    await session.readOn();
    await asked;
    await settle();
    const known = () => session.store.getState().history?.entries.map((one) => one.entry) ?? [];
    expect([known().length, known()[0], known()[400], known().at(-1)]).toEqual([599, 1198, 398, 2]);
    // The entry at the scrub line has its neighbours still.
    session.goTo(202);
    await session.history.step("newer");
    expect(entry()).toBe(204);
  });

  it("is stepped through once, where its older entries can't be found, and says why", async () => {
    bridge.answer("log:history", ({ before }: { before?: number }) => {
      if (before !== undefined) throw plainError("the log can't be read");
      return { entries: [touched(40)], next: 40 };
    });
    await read();
    await session.history.show(512, 512, true);
    await session.history.step("older");
    expect([entry(), note()]).toEqual([40, "the log can't be read"]);
    expect(bridge.requests("log:history")).toHaveLength(2);
  });

  it("is stepped through while older entries are on their way", async () => {
    bridge.answer("log:history", async ({ before }: { before?: number }) => {
      if (before === undefined) return { entries: [touched(40)], next: 40 };
      await settle();
      return { entries: [touched(10)], next: undefined };
    });
    await read();
    await session.history.show(512, 512, true);
    void session.history.more();
    await session.history.step("older");
    expect(entry()).toBe(10);
  });
});

describe("a log that grows", () => {
  it("is read on, and the scrub line stays at its end while it is followed", async () => {
    await read();
    session.goTo(999);
    bridge.answer("log:extend", () => ({ changed: 1000, summary: summaryOf(1200, "growing") }));
    session.follower.start();
    await settle();
    await settle();
    expect(session.summary?.entries).toBe(1200);
    expect(entry()).toBe(1199);
  });

  it("leaves the scrub line where it is when it is not at the end", async () => {
    await read();
    session.goTo(5);
    bridge.answer("log:extend", () => ({ changed: 1000, summary: summaryOf(1200, "growing") }));
    await session.readOn();
    expect([session.summary?.entries, entry()]).toEqual([1200, 5]);
  });

  it("leaves the person who left its end while it was being read on, following it", async () => {
    await read();
    session.goTo(999);
    let answer = () => {};
    bridge.answer(
      "log:extend",
      () =>
        new Promise((resolve) => {
          answer = () => resolve({ changed: 1000, summary: summaryOf(1200, "growing") });
        }),
    );
    session.follower.start();
    await settle();
    session.goTo(5);
    answer();
    await settle();
    await settle();
    expect([session.summary?.entries, entry()]).toEqual([1200, 5]);
  });

  it("is read from its beginning when it was begun anew", async () => {
    await read();
    bridge.answer("log:extend", () => {
      throw { code: "EINVAL", message: "begun anew", context: {}, details: [] };
    });
    session.follower.start();
    await settle();
    await settle();
    expect(bridge.requests("job:logIndex")).toHaveLength(2);
    expect(session.store.getState().following).toBe(false);
  });
});

describe("a damaged log", () => {
  it("is a stop of F8, which goes around at the second press", async () => {
    await read({ ...summaryOf(1000, "torn"), superblock: { ...summaryOf(1).superblock, entries: 1000 } });
    session.stepProblem("next");
    expect(entry()).toBe(999);
    expect(note()).toBe("ends at 1000");
    session.stepProblem("next");
    expect(note()).toBe("Last problem");
  });

  it("is recovered, and the scrub line goes to what was found", async () => {
    await read(summaryOf(1000, "torn"));
    const run = { first: 1000, count: 20, offset: 0, skipped: 512 };
    bridge.answer("log:recover", () => ({ run, summary: { ...summaryOf(1020), recovered: [run] } }));
    await session.recover();
    expect(entry()).toBe(1000);
    expect(note()).toBe("20 entries were found behind the damage");
  });

  it("is not offered to be looked behind again where nothing was found, until more of it is known", async () => {
    await read(summaryOf(1000, "torn"));
    const summary = { ...summaryOf(1000, "torn"), recovered: [] };
    bridge.answer("log:recover", () => ({ run: undefined, summary }));
    const isSearched = () => {
      const { nothingBehind, shown } = session.store.getState();
      return nothingBehind === shown?.generation;
    };
    expect(isSearched()).toBe(false);
    await session.recover();
    expect(note()).toBe("No entries were found behind the damage");
    expect(isSearched()).toBe(true);
    // What is found after all ends elsewhere.
    const run = { first: 1000, count: 20, offset: 0, skipped: 512 };
    bridge.answer("log:recover", () => ({ run, summary: { ...summaryOf(1020, "torn"), recovered: [run] } }));
    await session.recover();
    expect(isSearched()).toBe(false);
  });
});

describe("the disk before the log", () => {
  const before = fileRef("before.raw");
  const refusal = "before.raw is not open any more: open it, or choose the disk before the log again";
  let images: typeof import("../../../renderer/store/images.ts").useImages;
  let states: typeof import("../../../renderer/panels/timeline/states.ts");
  const base = () => session.store.getState().base;
  const told = () => bridge.requests("log:base");

  beforeEach(async () => {
    bridge.answer("image:open", () => openedImage(before));
    bridge.answer("log:state", () => fileRef("state"));
    images = (await import("../../../renderer/store/images.ts")).useImages;
    states = await import("../../../renderer/panels/timeline/states.ts");
    await images.getState().open(before);
    await read();
    await session.setBase(before);
  });

  it("is refused in words once it is closed, where states without it would have zeroes in its place", async () => {
    await images.getState().close(before.token);
    await expect(states.stateFile(session, 3)).rejects.toThrow(refusal);
    expect(bridge.requests("log:state")).toEqual([]);
    await images.getState().open(before);
    await states.stateFile(session, 3);
    expect(bridge.requests("log:state")).toMatchObject([{ count: 3, base: expect.any(Number) }]);
  });

  it("is waited for while it is opened again", async () => {
    const reloaded = images.getState().reload(before.token);
    await states.stateFile(session, 3);
    await reloaded;
    const now = images.getState().byToken[before.token];
    const image = now?.kind === "open" ? now.image.image : undefined;
    expect(bridge.requests("log:state")).toMatchObject([{ base: image }]);
  });

  it("is unknown, and said to be, when the log is read again and it is not open", async () => {
    await images.getState().close(before.token);
    bridge.answer("job:logIndex", () => ({ job: 8 }));
    session.rescan();
    await settle();
    await read(summaryOf(entries), 8);
    expect([base(), note(), told()]).toEqual([undefined, refusal, told().slice(0, 1)]);
  });

  it("stays among the choices while it is not open, as the one that is chosen", async () => {
    const { baseChoices, baseId } = await import("../../../renderer/panels/timeline/baseChoices.ts");
    await images.getState().close(before.token);
    const label = "before.raw (/images), which is not open now";
    expect(baseChoices(session)).toEqual([{ id: baseId(before), label, base: before }]);
  });
});

it("a note is there again when the log is opened again", async () => {
  await read();
  session.goTo(3);
  session.setNote("here");
  session.rescan();
  await settle();
  await read();
  expect([...session.store.getState().notes]).toEqual([[3, "here"]]);
});

it("the job is given up with the tab", async () => {
  await read();
  const { useView } = await import("../../../renderer/store/view.ts");
  const [tab] = useView.getState().tabs;
  useView.getState().closeTab(tab?.id ?? "");
  await settle();
  expect(bridge.requests("job:cancel")).toEqual([{ job: 7 }]);
});
