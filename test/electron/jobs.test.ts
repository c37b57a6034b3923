import { beforeEach, expect, it } from "vitest";
import { BlockError } from "../../core/base/errors.ts";
import type { RunningJob } from "../../core/jobs/client.ts";
import type { CompareParams, JobProgress } from "../../core/jobs/contract.ts";
import type { JobHandlers } from "../../core/jobs/run.ts";
import type { CompareSummary, CompareTotals } from "../../core/ops/mismatch.ts";
import { JobBoard, type StartJob } from "../../electron/jobs.ts";

interface FakeJob extends JobHandlers<"compare"> {
  readonly params: CompareParams;
  readonly asked: string[];
  end(summary: CompareSummary): void;
  fail(error: unknown): void;
}

const totals: CompareTotals = {
  runs: 1,
  rows: 1,
  sectors: 1,
  bytes: 1,
  unreadableRanges: 0,
  unreadableBytes: 0,
};
const progress = (done: number, total: number): JobProgress<CompareTotals> => ({
  done,
  total,
  bytesRead: done,
  totals,
});
const summary: CompareSummary = {
  ...totals,
  sizeA: 512,
  sizeB: 512,
  from: 0,
  scannedTo: 512,
  complete: true,
  identical: false,
  cancelled: false,
  first: 0,
  mergedAfter: undefined,
  elapsedMs: 1,
};
const params: CompareParams = { a: "a", b: "b" };

let jobs: FakeJob[];
let events: { name: string; payload: unknown }[];
let bar: (number | undefined)[];
let ended: { title: string; ok: boolean; elapsedMs: number }[];
let board: JobBoard;
beforeEach(() => {
  [jobs, events, bar, ended] = [[], [], [], []];
  const start = (
    _name: "compare",
    given: CompareParams,
    handlers: JobHandlers<"compare">,
  ): RunningJob<"compare"> => {
    const asked: string[] = [];
    const done = new Promise<CompareSummary>((end, fail) => {
      jobs.push({ ...handlers, params: given, asked, end, fail });
    });
    const ask = () => Promise.reject(new Error("a comparison answers no questions"));
    return { done, ask, cancel: () => asked.push("cancel"), terminate: () => asked.push("terminate") };
  };
  board = new JobBoard((name, payload) => events.push({ name, payload }), start as unknown as StartJob, {
    progress: (part) => bar.push(part),
    ended: (title, { ok }, elapsedMs) => ended.push({ title, ok, elapsedMs }),
  });
});
const settled = () => new Promise((resolve) => setImmediate(resolve));
const named = (name: string) => events.filter((event) => event.name === name).map(({ payload }) => payload);

it("tells the page of progress, items and exactly one end, by the job's number", async () => {
  const job = board.run("compare", "a ⇄ b", params);
  const items = [{ kind: "unreadable", range: { offset: 0, length: 512, side: "a", message: "x" } }] as const;
  jobs[0]?.progress(progress(1, 4));
  jobs[0]?.items(items);
  jobs[0]?.end(summary);
  await settled();
  expect(jobs[0]?.params).toBe(params);
  expect(events).toEqual([
    { name: "job:progress", payload: { job, progress: progress(1, 4) } },
    { name: "job:items", payload: { job, items } },
    { name: "job:end", payload: { job, ok: true, name: "compare", summary } },
  ]);
  expect(ended).toEqual([{ title: "a ⇄ b", ok: true, elapsedMs: expect.any(Number) }]);
});

it("hands on a failure as a plain error", async () => {
  const job = board.run("compare", "a ⇄ b", params);
  jobs[0]?.fail(new BlockError("ENOENT", "disk.raw is gone", { side: "b" }));
  await settled();
  expect(named("job:end")).toEqual([
    {
      job,
      ok: false,
      error: { code: "ENOENT", message: "disk.raw is gone", context: { side: "b" }, details: [] },
    },
  ]);
});

it("tells the page what is made of a result, after the job's own end was heard", async () => {
  const order: string[] = [];
  const shown = { ...summary, sectors: 7 };
  const ended = () => void order.push(`ended, ${named("job:end").length} told`);
  const job = board.run("compare", "a ⇄ b", params, { shown: () => shown, ended });
  jobs[0]?.end(summary);
  await settled();
  expect(named("job:end")).toEqual([{ job, ok: true, name: "compare", summary: shown }]);
  board.run("compare", "a ⇄ b", params, { ended });
  jobs[1]?.fail(new BlockError("EIO", "the disk failed"));
  await settled();
  board.run("compare", "a ⇄ b", params, { ended });
  board.reset();
  jobs[2]?.fail(new BlockError("ECANCELED", "the job was ended"));
  await settled();
  expect(order).toEqual(["ended, 0 told", "ended, 1 told", "ended, 2 told"]);
});

it("keeps jobs apart", async () => {
  const [first, second] = [board.run("compare", "1", params), board.run("compare", "2", params)];
  expect(first).not.toBe(second);
  board.cancel(second);
  expect(jobs.map(({ asked }) => asked)).toEqual([[], ["cancel"]]);
  jobs[1]?.end(summary);
  await settled();
  expect(named("job:end")).toEqual([{ job: second, ok: true, name: "compare", summary }]);
});

it("takes no offence at a cancel that comes too late", async () => {
  const job = board.run("compare", "a ⇄ b", params);
  jobs[0]?.end(summary);
  await settled();
  board.cancel(job);
  board.cancel(1234);
  expect(jobs[0]?.asked).toEqual([]);
});

it("ends all jobs with their page, and tells the next page nothing of them", async () => {
  board.run("compare", "1", params);
  board.run("compare", "2", params);
  board.reset();
  expect(jobs.map(({ asked }) => asked)).toEqual([["terminate"], ["terminate"]]);
  jobs[0]?.progress(progress(1, 2));
  jobs[0]?.items([]);
  jobs[0]?.fail(new BlockError("ECANCELED", "the job was ended"));
  await settled();
  expect(events).toEqual([]);
  expect(ended).toEqual([]);
});

it("shows the part done of all jobs on the taskbar, and nothing when none runs", async () => {
  board.run("compare", "1", params);
  jobs[0]?.progress(progress(30, 100));
  board.run("compare", "2", params);
  jobs[1]?.progress(progress(90, 300));
  jobs[0]?.end(summary);
  await settled();
  jobs[1]?.end(summary);
  await settled();
  // 0; 30/100; the same with one that has not begun; (30 + 90)/(100 + 300); 90/300; none
  expect(bar).toEqual([0, 0.3, 0.3, 0.3, 0.3, undefined]);
});

it("tells the end of a job that answers questions with its item, and asks it until it is cancelled", async () => {
  const asked: unknown[] = [];
  let tellItem: ((items: readonly unknown[]) => void) | undefined;
  let finish: ((result: unknown) => void) | undefined;
  const start = (_name: string, _params: unknown, handlers: { items(items: readonly unknown[]): void }) => {
    tellItem = handlers.items;
    return {
      done: new Promise((resolve) => {
        finish = resolve;
      }),
      ask: async (name: string, question: unknown) => {
        asked.push([name, question]);
        return 42;
      },
      cancel: () => asked.push("cancel"),
      terminate: () => asked.push("terminate"),
    };
  };
  const own = new JobBoard((name, payload) => events.push({ name, payload }), start as never, {
    progress: (part) => bar.push(part),
    ended: (title) => ended.push({ title, ok: true, elapsedMs: 0 }),
  });
  const job = own.runAsked("map", "Map of a", { spec: "a" }, ({ summary }) => ({
    cancelled: false,
    summary,
  }));
  const item = { summary: { clusters: 3 } };
  tellItem?.([item]);
  expect(named("job:end")).toEqual([
    { job, ok: true, name: "map", summary: { cancelled: false, summary: item.summary } },
  ]);
  expect(bar).toEqual([0, undefined]);
  const question = { from: 1, kinds: [] };
  await expect(own.ask(job, "map", "next", question)).resolves.toBe(42);
  own.cancel(job);
  finish?.({ cancelled: false, summary: item.summary });
  await settled();
  expect(asked).toEqual([["next", question], "cancel"]);
  expect(named("job:end")).toHaveLength(1);
  await expect(own.ask(job, "map", "next", question)).rejects.toMatchObject({ code: "EINVAL" });
});

it("shows no progress of a job that stands still, until it goes on", async () => {
  let tell: ((progress: unknown) => void) | undefined;
  const start = (_name: string, _params: unknown, handlers: { progress(progress: never): void }) => {
    tell = handlers.progress as typeof tell;
    return { done: new Promise(() => undefined), cancel: () => undefined, terminate: () => undefined };
  };
  const shown: (number | undefined)[] = [];
  const own = new JobBoard(() => undefined, start as never, {
    progress: (part) => shown.push(part),
    ended: () => undefined,
  });
  const params = { spec: { driver: "raw" } };
  const job = own.runAsked("map", "Map of a", params, ({ summary }) => ({ cancelled: false, summary }));
  tell?.({ done: 1, total: 4, bytesRead: 1, totals: {} });
  own.setResting(job, true);
  own.setResting(job, false);
  own.setResting(job + 1, true);
  expect(shown).toEqual([0, 0.25, undefined, 0.25]);
});

it("lets what writes to an image come to its end when its page is gone, and stops it only when asked", async () => {
  const asked: string[] = [];
  let finish: (() => void) | undefined;
  const start = () => ({
    done: new Promise<void>((resolve) => {
      finish = resolve;
    }),
    ask: () => Promise.reject(new Error("answers no questions")),
    cancel: () => {
      asked.push("cancel");
      finish?.();
    },
    terminate: () => asked.push("terminate"),
  });
  const own = new JobBoard(() => undefined, start as never, {
    progress: () => undefined,
    ended: () => undefined,
  });
  const params = { filename: "a", format: "qed", ids: [], digest: "" };
  own.run("repairWrite", "Repair of a", params);
  expect(own.writing).toEqual(["Repair of a"]);
  await own.stopWriting();
  await settled();
  expect(asked).toEqual(["cancel"]);
  expect(own.writing).toEqual([]);
});

it("keeps the window from closing over what still writes after its page is gone, and tells the next page nothing of it", async () => {
  board.run("repairWrite", "Repair of a", {} as never);
  board.run("compare", "1", params);
  jobs[0]?.progress(progress(1, 4));
  board.reset();
  const told = events.length;
  expect(jobs.map(({ asked }) => asked)).toEqual([[], ["terminate"]]);
  expect(board.writing).toEqual(["Repair of a"]);
  jobs[0]?.progress(progress(3, 4));
  jobs[0]?.items([]);
  // The taskbar goes on; the last of the four is without the comparison.
  expect(bar).toEqual([0, 0, 0.25, 0.25, 0.75]);
  const stopped = board.stopWriting();
  expect(jobs[0]?.asked).toEqual(["cancel"]);
  jobs[0]?.end(summary);
  await stopped;
  expect(board.writing).toEqual([]);
  expect(events).toHaveLength(told);
  expect(bar.at(-1)).toBeUndefined();
  expect(ended).toMatchObject([{ title: "Repair of a", ok: true }]);
});

it("lets a search that runs programs stop by itself, with its page and before the window closes", async () => {
  const search = board.run("logBisect", "Bisect of a.log", {} as never);
  board.run("compare", "1", params);
  expect(board.isTidying).toBe(true);
  let isGone = false;
  const stopped = board.stopTidying().then(() => {
    isGone = true;
  });
  expect(jobs.map(({ asked }) => asked)).toEqual([["cancel"], []]);
  await settled();
  expect([isGone, board.isTidying]).toEqual([false, true]);
  jobs[0]?.end(summary);
  await stopped;
  expect(board.isTidying).toBe(false);
  expect(named("job:end")).toMatchObject([{ job: search, ok: true }]);
  board.run("logBisect", "Bisect of a.log", {} as never);
  board.reset();
  expect(jobs.map(({ asked }) => asked)).toEqual([["cancel"], ["terminate"], ["cancel"]]);
  expect(board.isTidying).toBe(true);
  const gone = board.stopTidying();
  jobs[2]?.end(summary);
  await gone;
  expect(board.isTidying).toBe(false);
  expect(named("job:end")).toHaveLength(1);
});
