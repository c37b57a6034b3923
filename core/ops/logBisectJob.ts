// The job that looks for the first state of a log at which a check fails. Every state that was looked at is an item; being
// cancelled is a result, with what was found until then. It ends with all that it started: commands, threads, files.
import { availableParallelism } from "node:os";
import { BlockError } from "../base/errors.ts";
import type { ImageSpec } from "../block/driver.ts";
import type { BlockNode } from "../block/node.ts";
import { type Graph, openGraph } from "../graph.ts";
import type { JobContext } from "../jobs/contract.ts";
import type { BinaryResult, LinearResult } from "../writelog/bisect.ts";
import { readMark } from "../writelog/entry.ts";
import { indexLog } from "../writelog/index.ts";
import { buildIntervals } from "../writelog/intervalsBuild.ts";
import type { LogIndex } from "../writelog/logIndex.ts";
import { formatLost } from "../writelog/lost.ts";
import { readOn } from "../writelog/readOn.ts";
import { recoverAll } from "../writelog/recover.ts";
import { LogStates } from "../writelog/state.ts";
import { identityOf, type LogTables, lentLog, shareTables } from "../writelog/stateCache.ts";
import type { CrashState } from "../writelog/states.ts";
import { bisectCommand } from "./bisectCommand.ts";
import { type Looked, searchStates, statesBetween, statesOfRequest } from "./bisectStates.ts";
import {
  type LogBisectParams,
  type LogBisectResult,
  type LogBisectTotals,
  type LogEvent,
  mostEvents,
  type PlainState,
} from "./logBisectRun.ts";
import type { StateOutcome } from "./stateCheckRun.ts";
import { StateJudges } from "./stateJudges.ts";

type Job = JobContext<"logBisect">;

const progressEveryMs = 100;
const nothingYet: LogBisectTotals = { states: 0, good: 0, bad: 0, skipped: 0 };

/**
 * Throws what opening the log and its base throws, EINVAL (no such entries, a disk too short, no state to look at), EFBIG (too
 * many states), and what the check or its command throws: ENOENT, EACCES.
 */
export async function logBisectJob(params: LogBisectParams, job: Job): Promise<LogBisectResult> {
  const search = new Search(params, job);
  try {
    return await (params.base === undefined
      ? search.run(undefined)
      : withNode(params.base, (base) => search.run(base)));
  } catch (error) {
    if (job.signal.aborted && error instanceof BlockError && error.code === "ECANCELED") {
      return { ...nothingFound, cancelled: true };
    }
    throw error;
  }
}

const nothingFound: LogBisectResult = {
  cancelled: false,
  totals: nothingYet,
  edges: undefined,
  undecided: 0,
  stretches: 0,
  firstBad: undefined,
  lastGood: undefined,
  output: "",
  between: undefined,
  command: undefined,
};

function openToRead(spec: ImageSpec): Promise<Graph> {
  return openGraph(spec, { readOnly: true, forceShare: true, backing: "beside" });
}

async function withNode<T>(spec: ImageSpec, use: (node: BlockNode) => Promise<T>): Promise<T> {
  const graph = await openToRead(spec);
  try {
    return await use(graph.root);
  } finally {
    await graph.close();
  }
}

class Search {
  readonly #params: LogBisectParams;
  readonly #job: Job;
  #totals = nothingYet;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(params: LogBisectParams, job: Job) {
    this.#params = params;
    this.#job = job;
  }

  async run(base: BlockNode | undefined): Promise<LogBisectResult> {
    const opened = await openToRead(this.#params.log);
    // Whichever is in use when the work ends.
    let log = opened;
    try {
      const key = identityOf(opened.root);
      const lent = this.#lent(key);
      // Whoever lends it goes on to.
      if (lent !== undefined) return await this.#run(opened.root, lent, undefined, base);
      const index = await this.#read(opened, (used) => {
        log = used;
      });
      return await this.#run(log.root, { index }, log === opened ? key : undefined, base);
    } finally {
      await log.close();
    }
  }

  /** Of a log that ends well all that reading it would tell: no entry is to be looked for behind that end. */
  #lent(key: string | undefined): LogTables | undefined {
    const lent = key === undefined ? undefined : lentLog(key);
    const isAll = lent?.index.end.kind === "complete" && (this.#params.range?.end ?? 0) <= lent.index.count;
    return isAll ? lent : undefined;
  }

  /** `key`: what the log's file was when the index was made of it. */
  async #run(
    log: BlockNode,
    { index, intervals: known }: Pick<LogTables, "index"> & Partial<LogTables>,
    key: string | undefined,
    base: BlockNode | undefined,
  ): Promise<LogBisectResult> {
    const { signal } = this.#job;
    const states = this.#states(index);
    const size = diskSize(this.#params.size, index.diskEnd, base);
    const intervals = known ?? (await buildIntervals(index, { signal }));
    const jobs = Math.min(states.length, this.#params.jobs ?? availableParallelism());
    this.#totals = { ...nothingYet, states: states.length };
    const endLoan = shareTables(key, { index, intervals });
    const judges = new StateJudges({
      states: new LogStates({ log, index, intervals, base, discards: "zero" }),
      size,
      judge: this.#params.judge,
      log: this.#params.log,
      base: this.#params.base,
      jobs,
      signal,
    });
    try {
      return await this.#search(log, index, { states, outcomes: new Map() }, judges, jobs);
    } finally {
      await judges.close();
      endLoan();
    }
  }

  /** `uses` is told which log is open afterwards, if not `opened`. */
  async #read(opened: Graph, uses: (log: Graph) => void): Promise<LogIndex> {
    const { signal } = this.#job;
    const progress = (done: number, total: number) => {
      if (!this.#isDue()) return;
      this.#job.progress({ done, total, bytesRead: done, phase: "Reading the log", totals: nothingYet });
    };
    const index = await indexLog(opened.root, { signal, progress });
    const log = await readOn(opened, index, () => openToRead(this.#params.log), { signal, progress });
    uses(log);
    // Entries behind damage are asked for by their numbers.
    if ((this.#params.range?.end ?? 0) > index.count) await recoverAll(log.root, index, { signal, progress });
    if (index.end.kind === "foreign") throw new BlockError("EINVAL", index.end.message);
    return index;
  }

  #states(index: LogIndex): readonly CrashState[] {
    const { range, at, base } = this.#params;
    const { first, end } = range ?? { first: 0, end: index.counted };
    if (!(first >= 0 && first <= end && end <= index.count)) {
      const message = `The log has ${index.count} entries; those from ${first} to ${end - 1} are not all there`;
      throw new BlockError("EINVAL", message);
    }
    const withStart = range !== undefined || base !== undefined;
    const states = statesOfRequest(index, { at, first, end, withStart });
    if (states.length > 0) return states;
    throw new BlockError("EINVAL", "There is no state to look at", {
      hint: "Choose other moments, or more entries.",
    });
  }

  async #search(
    log: BlockNode,
    index: LogIndex,
    looked: Looked,
    judges: StateJudges,
    jobs: number,
  ): Promise<LogBisectResult> {
    const { search, all, refine } = this.#params;
    const judge = (state: CrashState) => judges.judge(state);
    let found: LinearResult | BinaryResult = { firstBad: undefined, lastGood: undefined };
    let refined: Looked | undefined;
    let cancelled = false;
    this.#tell(looked, search, "Looking at states");
    try {
      found = await searchStates({ search, all, jobs }, looked, judge, (state, outcome) => {
        this.#take(state, outcome, false);
        this.#tell(looked, search, "Looking at states");
      });
      const inside = refine ? statesBetween(looked, found) : undefined;
      refined = inside;
      if (inside !== undefined) {
        await searchStates({ search: "linear", all: false, jobs }, inside, judge, (state, outcome) => {
          this.#take(state, outcome, true);
          this.#tell(inside, "linear", "Entry by entry");
        });
      }
    } catch (error) {
      if (!this.#job.signal.aborted) throw error;
      cancelled = true;
    }
    const ends = endsOf([looked, ...(refined ? [refined] : [])]);
    const edges = "edges" in found ? found.edges : undefined;
    return {
      cancelled,
      totals: this.#totals,
      edges: cancelled ? undefined : edges,
      undecided: ends.undecided,
      stretches: stretchesOf(looked),
      firstBad: ends.bad && plain(ends.bad.state),
      lastGood: ends.good && plain(ends.good.state),
      output: ends.bad?.outcome.output ?? "",
      between: ends.good && ends.bad && (await eventsIn(log, index, ends.good.state, ends.bad.state)),
      command: bisectCommand(this.#params, index),
    };
  }

  #take(state: CrashState, { verdict, text, exit, ms }: StateOutcome, refined: boolean): void {
    const { good, bad, skipped } = this.#totals;
    this.#totals = {
      ...this.#totals,
      good: good + (verdict === "good" ? 1 : 0),
      bad: bad + (verdict === "bad" ? 1 : 0),
      skipped: skipped + (verdict === "skip" ? 1 : 0),
    };
    this.#job.item({ ...plain(state), verdict, text, exit, ms, refined });
  }

  #tell({ states, outcomes }: Looked, search: "linear" | "binary", phase: string): void {
    const done = outcomes.size;
    if (done > 0 && !this.#isDue()) return;
    const total = Math.max(done, search === "binary" ? aboutHalvings(states.length) : states.length);
    this.#job.progress({ done, total, bytesRead: 0, phase, totals: this.#totals });
  }

  #isDue(): boolean {
    const now = performance.now();
    if (now - this.#toldAt < progressEveryMs) return false;
    this.#toldAt = now;
    return true;
  }
}

/** Both edges, and one for each halving. */
function aboutHalvings(states: number): number {
  return Math.min(states, 2 + Math.ceil(Math.log2(Math.max(1, states - 1))));
}

function plain({ entries, kind, lost }: CrashState): PlainState {
  return { entries, kind, lost: formatLost(lost) };
}

/** Throws EINVAL where the log writes behind the given end. */
function diskSize(given: number | undefined, diskEnd: number, base: BlockNode | undefined): number {
  if (given === undefined) return Math.max(base?.size ?? 0, diskEnd);
  if (given >= diskEnd) return given;
  throw new BlockError(
    "EINVAL",
    `The log writes up to byte ${diskEnd} of its disk; it can't have only ${given}`,
    {
      hint: "Leave the disk's size empty, or give the size that it really had.",
    },
  );
}

interface Judged {
  readonly state: CrashState;
  readonly outcome: StateOutcome;
}

interface Ends {
  readonly bad: Judged | undefined;
  readonly good: Judged | undefined;
  readonly undecided: number;
}

/** The first state that failed, the last good one before it, and how many between them could not be judged. */
function endsOf(all: readonly Looked[]): Ends {
  const judged = all
    .flatMap(({ states, outcomes }) =>
      states.flatMap((state, place): Judged[] => {
        const outcome = outcomes.get(place);
        return outcome === undefined ? [] : [{ state, outcome }];
      }),
    )
    // Reorderings of one moment keep the order of their list.
    .sort((a, b) => a.state.entries - b.state.entries);
  const first = judged.findIndex(({ outcome }) => outcome.verdict === "bad");
  const before = first < 0 ? judged : judged.slice(0, first);
  const good = before.findLastIndex(({ outcome }) => outcome.verdict === "good");
  return { bad: judged[first], good: before[good], undecided: first < 0 ? 0 : before.length - good - 1 };
}

function stretchesOf({ states, outcomes }: Looked): number {
  let stretches = 0;
  let isOpen = false;
  for (let place = 0; place < states.length; place++) {
    const verdict = outcomes.get(place)?.verdict;
    if (verdict === undefined || verdict === "skip") continue;
    if (verdict === "bad" && !isOpen) stretches++;
    isOpen = verdict === "bad";
  }
  return stretches;
}

/** Of the entries behind `good` up to the last one of `bad`. */
async function eventsIn(
  log: BlockNode,
  index: LogIndex,
  { entries: first }: CrashState,
  { entries: end }: CrashState,
): Promise<LogBisectResult["between"]> {
  const lists = { flush: index.flushes, fua: index.fuas, mark: index.marks } as const;
  const events: LogEvent[] = [];
  let total = 0;
  for (const kind of ["flush", "fua", "mark"] as const) {
    const list = lists[kind];
    const from = list.positionOf(first);
    const to = list.positionOf(end);
    total += to - from;
    for (let at = from; at < Math.min(to, from + mostEvents); at++) {
      const entry = list.at(at);
      if (entry === undefined) continue;
      events.push({ entry, kind, text: kind === "mark" ? await readMark(log, index, entry) : undefined });
    }
  }
  return { total, events: events.sort((a, b) => a.entry - b.entry).slice(0, mostEvents) };
}
