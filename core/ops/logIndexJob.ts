// The job behind views of a log of writes: reads it into its index, tells the summary, and then keeps the index in its
// thread, answering questions until it is cancelled. Being cancelled is a result.
import { BlockError } from "../base/errors.ts";
import type { BackingPolicy, ImageSpec } from "../block/driver.ts";
import { type Graph, openGraph } from "../graph.ts";
import type { JobContext } from "../jobs/contract.ts";
import { readMark } from "../writelog/entry.ts";
import { extendIndex, indexLog } from "../writelog/index.ts";
import { has, type LogIndex } from "../writelog/logIndex.ts";
import { readOn } from "../writelog/readOn.ts";
import { canRecover, recoverAll, recoverPast } from "../writelog/recover.ts";
import { identityOf, shareTables } from "../writelog/stateCache.ts";
import type { IndexJob } from "../writelog/walk.ts";
import {
  type LogIndexAsks,
  type LogIndexParams,
  type LogIndexResult,
  type LogMark,
  type LogRow,
  type LogSummary,
  longestPage,
  type NextEntryRequest,
  type Page,
} from "./logIndexRun.ts";
import { checkPage, LogQuestions } from "./logQuestions.ts";

const progressEveryMs = 100;
/** After the last answer about the plot; the first picture comes first. */
const prepareAfterMs = 300;

/** Throws what opening and reading the superblock throw. */
export async function logIndexJob(
  params: LogIndexParams,
  job: JobContext<"logIndex">,
): Promise<LogIndexResult> {
  const graph = await openLog(params);
  const log = new HeldLog(params, graph, job.signal);
  try {
    let toldAt = performance.now();
    const index = await log.read((done, total) => {
      const now = performance.now();
      if (now - toldAt < progressEveryMs) return;
      toldAt = now;
      job.progress({ done, total, bytesRead: done, totals: { entries: 0 } });
    });
    job.answer?.({
      rows: (request) => log.now(() => log.questions.rows(request)),
      place: (request) => log.now(() => log.questions.place(request)),
      detail: (request) => log.now(() => log.questions.detail(request)),
      history: (request) => log.now(() => log.questions.history(request)),
      versions: (request) => log.now(() => log.questions.versions(request)),
      bins: (request) => log.drawing(() => log.questions.bins(request)),
      used: () => log.now(async () => log.questions.used()),
      format: () => log.now(() => log.questions.format()),
      base: ({ spec }) => log.inTurn(() => log.setBase(spec)),
      page: (page) => log.now(() => log.page(page)),
      next: async (request) => nextEntry(index, request),
      marks: (page) => log.now(() => log.marks(page)),
      extend: ({ growing = false }) => log.inTurn(() => log.extend(growing)),
      stopRecovery: async () => log.stopRecovery(),
      recover: ({ diskSize }) => log.inTurn(() => log.recover(diskSize)),
    });
    const summary = log.summary();
    job.item({ summary });
    const { size, entries } = summary;
    job.progress({ done: size, total: size, bytesRead: size, totals: { entries } });
    // Without a line for questions nobody can ask any.
    if (job.answer !== undefined) await untilAborted(job.signal);
    return { cancelled: false, summary: log.summary() };
  } catch (error) {
    if (job.signal.aborted && error instanceof BlockError && error.code === "ECANCELED") {
      return { cancelled: true, summary: undefined };
    }
    throw error;
  } finally {
    await log.inTurn(() => log.close());
  }
}

function openLog({ spec }: LogIndexParams): Promise<Graph> {
  return openRead(spec, "none");
}

function openRead(spec: ImageSpec, backing: BackingPolicy): Promise<Graph> {
  return openGraph(spec, { readOnly: true, forceShare: true, backing });
}

/** A log and its index. A file's node knows the size the file had when it was opened: to read on it is opened again. */
class HeldLog {
  readonly #params: LogIndexParams;
  readonly #signal: AbortSignal;
  #graph: Graph;
  #base: Graph | undefined;
  #recovery: AbortController | undefined;
  #index: LogIndex | undefined;
  #questions: LogQuestions | undefined;
  /** The log's file as it was when it was read; undefined where that can't be told. */
  #key: string | undefined;
  /** All there is behind damage was looked for. */
  #isSearched = false;
  #timer: NodeJS.Timeout | undefined;
  #pictures = 0;
  #endLoan: (() => void) | undefined;
  #last: Promise<unknown> = Promise.resolve();
  /** Says that the file holds another log by now: what the index tells of it would be read from that one. */
  #refused: BlockError | undefined;
  readonly #asked = new Set<Promise<unknown>>();

  constructor(params: LogIndexParams, graph: Graph, signal: AbortSignal) {
    this.#params = params;
    this.#graph = graph;
    this.#signal = signal;
  }

  /** One after the other, with no question under way: the log is opened again, or rows are changed. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(async () => {
      await this.#questions?.rest();
      await Promise.allSettled(this.#asked);
      return work();
    });
    this.#last = next.catch(() => undefined);
    return next;
  }

  /** Beside other questions, but not while the log is being opened again. */
  async now<T>(work: () => Promise<T>): Promise<T> {
    await this.#last;
    if (this.#refused !== undefined) throw this.#refused;
    const answer = work();
    this.#asked.add(answer);
    try {
      return await answer;
    } finally {
      this.#asked.delete(answer);
    }
  }

  get questions(): LogQuestions {
    this.#questions ??= new LogQuestions(() => this.#graph.root, this.#held, this.#signal);
    return this.#questions;
  }

  async read(progress: NonNullable<IndexJob["progress"]>): Promise<LogIndex> {
    const { growing = false, recover = false } = this.#params;
    const job: IndexJob = { signal: this.#signal, growing, progress };
    const key = identityOf(this.#graph.root);
    this.#index = await indexLog(this.#graph.root, job);
    this.#graph = await readOn(this.#graph, this.#index, () => openLog(this.#params), job);
    if (recover) await recoverAll(this.#graph.root, this.#index, job);
    this.#isSearched = recover;
    this.#noteRead(key);
    return this.#index;
  }

  /** `key` from before it was read. */
  #noteRead(key: string | undefined): void {
    this.#key = identityOf(this.#graph.root) === key ? key : undefined;
  }

  /** As `now`, for pictures: what takes longer than they do waits for them. */
  async drawing<T>(work: () => Promise<T>): Promise<T> {
    clearTimeout(this.#timer);
    this.#pictures++;
    try {
      return await this.now(work);
    } finally {
      this.#pictures--;
      if (this.#pictures === 0) this.#prepareSoon();
    }
  }

  /** States of the log, for this thread and all others: once no picture is asked for, for a moment. */
  #prepareSoon(): void {
    clearTimeout(this.#timer);
    if (this.#endLoan !== undefined || this.#signal.aborted) return;
    // What can't be prepared now is prepared with the first question for it, which then says why.
    const prepare = () => void this.now(() => this.#prepare()).catch(() => undefined);
    this.#timer = setTimeout(prepare, prepareAfterMs).unref();
  }

  async #prepare(): Promise<void> {
    const intervals = await this.questions.intervals();
    // Whoever asks for entries behind damage asks for all of them.
    const { recovered } = this.#held;
    const key = recovered.length === 0 || this.#isSearched ? this.#key : undefined;
    this.#endLoan ??= shareTables(key, { index: this.#held, intervals });
  }

  #endPreparation(): void {
    clearTimeout(this.#timer);
    this.#endLoan?.();
    this.#endLoan = undefined;
  }

  async extend(growing: boolean): Promise<LogIndexAsks["extend"]["answer"]> {
    const next = await openLog(this.#params);
    const wasLent = this.#endLoan !== undefined;
    this.#endPreparation();
    const before = this.#graph;
    this.#graph = next;
    await before.close();
    const key = identityOf(next.root);
    const { count } = this.#held;
    const changed = await this.#extendIndex(growing);
    this.#noteRead(key);
    this.#isSearched = false;
    // What a writer has not counted yet is no entry: most often none came, and what was prepared still holds.
    if (changed < count || this.#held.count > count) this.questions.changed(changed);
    else if (wasLent) await this.#prepare();
    return { changed, summary: this.summary() };
  }

  async #extendIndex(growing: boolean): Promise<number> {
    try {
      const changed = await extendIndex(this.#graph.root, this.#held, { signal: this.#signal, growing });
      this.#refused = undefined;
      return changed;
    } catch (error) {
      if (error instanceof BlockError && error.code === "EINVAL") this.#refused = error;
      throw error;
    }
  }

  async setBase(spec: ImageSpec | undefined): Promise<undefined> {
    const next = spec === undefined ? undefined : await openRead(spec, "beside");
    const before = this.#base;
    this.#base = next;
    this.questions.base = next?.root;
    await before?.close();
  }

  stopRecovery(): undefined {
    this.#recovery?.abort();
  }

  async recover(diskSize: number | undefined): Promise<LogIndexAsks["recover"]["answer"]> {
    if (this.#refused !== undefined) throw this.#refused;
    this.#recovery = new AbortController();
    const signal = AbortSignal.any([this.#signal, this.#recovery.signal]);
    const job = { signal, ...(diskSize !== undefined && { diskSize }) };
    this.#endPreparation();
    this.questions.changed(this.#held.count);
    const run = await recoverPast(this.#graph.root, this.#held, job);
    this.#isSearched = run === undefined || !canRecover(this.#held.end.kind);
    return { run, summary: this.summary() };
  }

  async page({ first, count }: Page): Promise<LogRow[]> {
    const rows: LogRow[] = [];
    for (let entry = first; entry < Math.min(first + lengthOf(first, count), this.#held.count); entry++) {
      rows.push(await this.questions.row(entry));
    }
    return rows;
  }

  async marks({ first, count }: Page): Promise<LogIndexAsks["marks"]["answer"]> {
    const marks: LogMark[] = [];
    const all = this.#held.marks;
    for (let i = first; i < first + lengthOf(first, count); i++) {
      const entry = all.at(i);
      if (entry === undefined) break;
      marks.push({ entry, text: await readMark(this.#graph.root, this.#held, entry) });
    }
    return { total: all.length, marks };
  }

  summary(): LogSummary {
    const { superblock, sectorSize, count, counted, end, totals, diskEnd, recovered } = this.#held;
    return {
      size: this.#graph.root.size,
      superblock,
      sectorSize,
      entries: count,
      counted,
      end,
      totals,
      diskEnd,
      recovered: [...recovered],
    };
  }

  async close(): Promise<void> {
    this.#endPreparation();
    await this.#base?.close();
    await this.#graph.close();
  }

  get #held(): LogIndex {
    if (this.#index) return this.#index;
    throw new BlockError("EINVAL", "The log has not been read yet");
  }
}

/** `count` of a page, checked. */
function lengthOf(first: number, count: number): number {
  checkPage(first, count);
  return Math.min(count, longestPage);
}

export function nextEntry(
  index: LogIndex,
  { from, kinds = [], flags = 0, backwards = false }: NextEntryRequest,
): number | undefined {
  const step = backwards ? -1 : 1;
  const start = backwards ? Math.min(from, index.count - 1) : Math.max(from, 0);
  // A mark may be millions of entries away.
  if (flags === 0 && kinds.every((kind) => kind === "mark")) {
    if (kinds.length === 0) return undefined;
    return backwards ? index.marks.atOrBefore(start) : index.marks.atOrAfter(start);
  }
  for (let entry = start; entry >= 0 && entry < index.count; entry += step) {
    if (kinds.includes(index.kindOf(entry)) || has(index.flagsOf(entry), flags)) return entry;
  }
  return undefined;
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
