// The job that holds a log's index: what it tells, what it answers, and how it follows a log that grows.
import * as fs from "node:fs";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { openGraph } from "../../../core/graph.ts";
import type { Answers, JobProgress } from "../../../core/jobs/contract.ts";
import { runJob } from "../../../core/jobs/run.ts";
import type {
  LogIndexItem,
  LogIndexParams,
  LogIndexResult,
  LogIndexTotals,
} from "../../../core/ops/logIndexRun.ts";
import { MemoryNode } from "../../../core/protocol/memory.ts";
import { indexLog } from "../../../core/writelog/index.ts";
import { lentTables } from "../../../core/writelog/lentTables.ts";
import { identityOf } from "../../../core/writelog/stateCache.ts";
import { failureOf, filled } from "../../build/open.ts";
import { type GivenEntry, makeLog } from "../../build/randomLog.ts";
import { tempFile } from "../../build/temp.ts";

const write = (sector: number, sectors: number, flags = 0): GivenEntry => ({
  sector,
  flags,
  payload: filled(sectors * 512, 7),
});

const entries = [
  write(0, 2),
  { flags: 1 },
  { flags: 8, text: "mkfs" },
  write(4, 1, 2),
  { flags: 4, sector: 0, sectorCount: 2 },
  { flags: 8, text: "end" },
];

interface Held {
  readonly ask: Answers<"logIndex">;
  readonly item: LogIndexItem;
  readonly progressed: readonly JobProgress<LogIndexTotals>[];
  stop(): Promise<LogIndexResult>;
}

/** Starts the job in this thread and waits until it answers. */
async function held(filename: string, params: Partial<LogIndexParams> = {}): Promise<Held> {
  const cancel = new AbortController();
  const items: LogIndexItem[] = [];
  const progressed: JobProgress<LogIndexTotals>[] = [];
  let done: Promise<LogIndexResult> | undefined;
  const ask = await new Promise<Answers<"logIndex">>((answer, failed) => {
    done = runJob(
      "logIndex",
      { spec: { driver: "file", filename }, ...params },
      { items: (batch) => items.push(...batch), progress: (told) => progressed.push(told) },
      { signal: cancel.signal, answer },
    );
    done.catch(failed);
  });
  const stop = () => {
    cancel.abort();
    return done as Promise<LogIndexResult>;
  };
  onTestFinished(async () => void (await stop()));
  return { ask, item: items[0] as LogIndexItem, progressed, stop };
}

describe("the job that holds a log's index", () => {
  it("tells a summary and then answers", async () => {
    const bytes = makeLog(512, entries).bytes;
    const job = await held(tempFile("a.log", bytes));
    expect(job.item.summary).toEqual({
      size: bytes.length,
      superblock: { magicOk: true, version: 1, entries: 6, sectorSize: 512 },
      sectorSize: 512,
      entries: 6,
      counted: 6,
      end: {
        kind: "complete",
        entry: 6,
        offset: bytes.length,
        message: "6 entries, as the superblock counts",
      },
      totals: {
        writes: 2,
        writeBytes: 1536,
        discards: 1,
        discardBytes: 1024,
        flushes: 1,
        fua: 1,
        metadata: 0,
        marks: 2,
        empty: 0,
        unknownFlags: 0,
      },
      diskEnd: 2560,
      recovered: [],
    });
    expect(job.progressed.at(-1)).toMatchObject({
      done: bytes.length,
      total: bytes.length,
      totals: { entries: 6 },
    });
    // Headers at 512, 2048, 2560, 3072, 4096, 4608.
    expect(await job.ask.page({ first: 2, count: 2 })).toEqual([
      {
        entry: 2,
        kind: "mark",
        flags: 8,
        offset: 0,
        length: 0,
        header: 2560,
        payload: 2592,
        payloadLength: 4,
        text: "mkfs",
        counted: true,
        recovered: false,
      },
      {
        entry: 3,
        kind: "write",
        flags: 2,
        offset: 2048,
        length: 512,
        header: 3072,
        payload: 3584,
        payloadLength: 512,
        text: undefined,
        counted: true,
        recovered: false,
      },
    ]);
    expect(await job.ask.page({ first: 5, count: 100 })).toHaveLength(1);
    expect(await job.ask.page({ first: 6, count: 100 })).toEqual([]);
    expect(await job.ask.marks({ first: 1, count: 10 })).toEqual({
      total: 2,
      marks: [{ entry: 5, text: "end" }],
    });
    for (const page of [
      { first: -1, count: 1 },
      { first: 0, count: Number.NaN },
      { first: 0.5, count: 1 },
    ]) {
      expect(await failureOf(job.ask.page(page))).toMatchObject({ code: "EINVAL" });
    }
    expect(await job.stop()).toMatchObject({ cancelled: false, summary: { entries: 6 } });
  });

  it("finds the next entry by kind or flag, in both directions", async () => {
    const { ask } = await held(tempFile("a.log", makeLog(512, entries).bytes));
    const cases: readonly [Parameters<typeof ask.next>[0], number | undefined][] = [
      [{ from: 0, kinds: ["write"] }, 0],
      [{ from: 1, kinds: ["write"] }, 3],
      [{ from: 4, kinds: ["write"] }, undefined],
      [{ from: 99, kinds: ["write"], backwards: true }, 3],
      [{ from: 2, kinds: ["write"], backwards: true }, 0],
      [{ from: -5, kinds: ["write"], backwards: true }, undefined],
      [{ from: 0, flags: 2 }, 3],
      [{ from: 0, flags: 1 + 2 }, 1],
      [{ from: 0, kinds: ["discard", "flush"] }, 1],
      [{ from: 3, kinds: ["mark"] }, 5],
      [{ from: 4, kinds: ["mark"], backwards: true }, 2],
      [{ from: 1, kinds: ["mark"], backwards: true }, undefined],
      [{ from: 0, kinds: ["mark"], flags: 2 }, 2],
      [{ from: 0 }, undefined],
    ];
    for (const [question, answer] of cases)
      expect([question, await ask.next(question)]).toEqual([question, answer]);
  });

  it("follows a log that grows, and says when it was begun anew", async () => {
    const filename = tempFile("a.log", makeLog(512, entries.slice(0, 2)).bytes);
    const { ask, item } = await held(filename, { growing: true });
    expect(item.summary).toMatchObject({
      entries: 2,
      end: { kind: "growing", message: "2 entries so far: the log is being written" },
    });
    fs.writeFileSync(filename, makeLog(512, entries).bytes);
    // Nothing is read in the middle of being opened again.
    const [grown, page] = await Promise.all([
      ask.extend({ growing: true }),
      ask.page({ first: 0, count: 10 }),
    ]);
    expect(grown).toMatchObject({
      changed: 2,
      summary: { entries: 6, size: 5120, end: { kind: "growing" } },
    });
    expect(page).toHaveLength(6);
    expect(await ask.extend({})).toMatchObject({ changed: 6, summary: { end: { kind: "complete" } } });
    fs.writeFileSync(filename, makeLog(512, entries.slice(2)).bytes);
    const anew = { code: "EINVAL", message: expect.stringMatching(/anew/) };
    expect(await failureOf(ask.extend({}))).toMatchObject(anew);
    // What is in the file now would be taken for what was written by the entries that are known.
    expect(await failureOf(ask.detail({ entry: 0, offset: 0, length: 16 }))).toMatchObject(anew);
    expect(await failureOf(ask.versions({ offset: 0, bytes: new Uint8Array(16) }))).toMatchObject(anew);
    expect(await failureOf(ask.recover({}))).toMatchObject(anew);
    fs.writeFileSync(filename, makeLog(512, entries).bytes);
    expect(await ask.extend({})).toMatchObject({ changed: 6 });
    expect(await ask.page({ first: 0, count: 10 })).toHaveLength(6);
  });

  it("keeps and lends what it prepared as long as no entry comes", async () => {
    const part = makeLog(512, entries.slice(0, 2)).bytes;
    const filename = tempFile("a.log", part);
    let age = 60_000;
    /** A file that has just changed is read anew by everyone. */
    const changeTo = (bytes: Uint8Array) => {
      fs.writeFileSync(filename, bytes);
      age -= 10_000;
      const past = new Date(Date.now() - age);
      fs.utimesSync(filename, past, past);
    };
    const lent = async () => {
      const graph = await openGraph({ driver: "file", filename });
      const key = identityOf(graph.root);
      await graph.close();
      return key === undefined ? undefined : lentTables(key);
    };
    changeTo(part);
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const { ask } = await held(filename, { growing: true });
    await ask.bins({ filter: "", firstEntry: 0, endEntry: 2, columns: 2, edges: Float64Array.of(0, 4096) });
    await vi.advanceTimersByTimeAsync(1000);
    await ask.base({ spec: undefined });
    const first = await lent();
    expect(first?.entries).toBe(2);
    await ask.extend({ growing: true });
    expect((await lent())?.levels).toBe(first?.levels);
    // The writer is within its next entry, which it has not counted.
    const uncounted = makeLog(512, entries).bytes;
    uncounted.set(part.subarray(0, 512));
    changeTo(uncounted);
    expect(await lent()).toBeUndefined();
    expect(await ask.extend({ growing: true })).toMatchObject({ changed: 2, summary: { entries: 2 } });
    expect((await lent())?.levels).toBe(first?.levels);
    changeTo(makeLog(512, entries).bytes);
    await ask.extend({ growing: true });
    expect(await lent()).toBeUndefined();
    // Of the entry that came.
    expect(await ask.versions({ offset: 2048, bytes: filled(16, 7) })).toMatchObject({ isCurrent: true });
  });

  it("recovers when it is asked to, at once or later", async () => {
    const { bytes } = makeLog(512, [...entries, ...entries]);
    bytes.fill(0xee, 2048, 2080);
    const filename = tempFile("a.log", bytes);
    const { ask, item } = await held(filename);
    expect(item.summary).toMatchObject({ entries: 1, end: { kind: "bad-entry", offset: 2048 } });
    const { run, summary } = await ask.recover({});
    expect(run).toEqual({ first: 1, count: 10, offset: 2560, skipped: 512 });
    expect(summary).toMatchObject({ entries: 11, counted: 1, recovered: [run] });
    expect(await ask.page({ first: 1, count: 1 })).toMatchObject([
      { kind: "mark", text: "mkfs", recovered: true },
    ]);
    expect((await ask.recover({})).run).toBeUndefined();
    expect((await held(filename, { recover: true })).item.summary).toEqual(summary);
  });

  it("leaves what is behind further damage to who opens a state, though it did not look for it", async () => {
    // Of 18 entries the headers of two are lost: behind the first are six, behind the other nine.
    const { bytes } = makeLog(512, [...entries, ...entries, ...entries]);
    const headers = await indexLog(new MemoryNode("log", true, bytes));
    for (const lost of [1, 8]) bytes.fill(0xee, headers.headerOf(lost), headers.headerOf(lost) + 32);
    const filename = tempFile("a.log", bytes);
    // A file that has just changed is read anew by everyone.
    const past = new Date(Date.now() - 60_000);
    fs.utimesSync(filename, past, past);
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const { ask } = await held(filename);
    expect((await ask.recover({})).run).toMatchObject({ first: 1, count: 6 });
    // States are prepared, and lent, a moment after the last picture; the next question in turn waits for that.
    await ask.bins({ filter: "", firstEntry: 0, endEntry: 2, columns: 2, edges: Float64Array.of(0, 4096) });
    await vi.advanceTimersByTimeAsync(1000);
    await ask.base({ spec: undefined });
    const graph = await openGraph(
      { driver: "logstate", log: { driver: "file", filename }, recover: true },
      { warn: () => undefined },
    );
    onTestFinished(() => graph.close());
    expect(graph.root.info.specific).toMatchObject({ "entries-in-log": 16, "entries-applied": 16 });
  });

  it("that is cancelled while it reads says so", async () => {
    const cancel = new AbortController();
    cancel.abort();
    const spec = { driver: "file", filename: tempFile("a.log", makeLog(512, entries).bytes) };
    const none = { items: () => {}, progress: () => {} };
    const result = await runJob("logIndex", { spec }, none, { signal: cancel.signal });
    expect(result).toEqual({ cancelled: true, summary: undefined });
  });
});
