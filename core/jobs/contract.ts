// The one table of long work that runs in worker_threads, and the messages between the two sides.
import type { PlainError, Result } from "../base/errors.ts";
import type { BackingPolicy, ImageSpec } from "../block/driver.ts";
import type { BundleParams, BundleResult, BundleTotals } from "../ops/bundleRun.ts";
import type { CheckItem, CheckParams, CheckSummary, CheckTotals } from "../ops/checkRun.ts";
import type {
  LogBisectItem,
  LogBisectParams,
  LogBisectResult,
  LogBisectTotals,
} from "../ops/logBisectRun.ts";
import type {
  LogIndexAsks,
  LogIndexItem,
  LogIndexParams,
  LogIndexResult,
  LogIndexTotals,
} from "../ops/logIndexRun.ts";
import type { MapAsks, MapItem, MapParams, MapResult, MapTotals } from "../ops/mapRun.ts";
import type { CompareItem, CompareSummary, CompareTotals } from "../ops/mismatch.ts";
import type {
  RepairAsks,
  RepairFinished,
  RepairFinishParams,
  RepairPlanItem,
  RepairPlanParams,
  RepairPlanResult,
  RepairRescued,
  RepairRescueParams,
  RepairTotals,
  RepairWriteParams,
  RepairWritten,
} from "../ops/repairRun.ts";
import type { StateCheckAsks, StateCheckParams, StateCheckResult } from "../ops/stateCheckRun.ts";
import type { VoteMapItem, VoteMapParams, VoteMapSummary, VoteMapTotals } from "../ops/voteRun.ts";

export interface CompareParams {
  readonly a: ImageSpec;
  readonly b: ImageSpec;
  /** Differences in allocation and size count as well (qemu-img compare -s). */
  readonly strict?: boolean;
  /** Guest offset to start at: resumes a cancelled scan. */
  readonly from?: number;
  /** B is shifted: A's offset x is compared with B's x + shift. Bytes, may be negative. Default 0. */
  readonly shift?: number;
  /** Rows already found before `from`, so that the limit on rows holds for the whole. */
  readonly rowsBefore?: number;
  /** End at the first mismatch: for a plain yes or no. */
  readonly stopAtFirst?: boolean;
  /** Look for moved sectors after the scan (reads both images once more when there are candidates). Default true. */
  readonly moved?: boolean;
  /** Take no locks on the images, so that comparing never keeps another program from its image. Default true. */
  readonly forceShare?: boolean;
  /** Which backing files are opened. Default: plain files. */
  readonly backing?: BackingPolicy;
}

/** Every result says whether the job was cancelled. */
export interface Jobs {
  bundle: { params: BundleParams; item: never; result: BundleResult; totals: BundleTotals };
  check: { params: CheckParams; item: CheckItem; result: CheckSummary; totals: CheckTotals };
  compare: { params: CompareParams; item: CompareItem; result: CompareSummary; totals: CompareTotals };
  /** States of a log are its items, as they are looked at. It may run a person's command: see `tidyingJobs`. */
  logBisect: {
    params: LogBisectParams;
    item: LogBisectItem;
    result: LogBisectResult;
    totals: LogBisectTotals;
  };
  /** Reading ends with its one item, the summary; then it answers questions until it is cancelled. */
  logIndex: {
    params: LogIndexParams;
    item: LogIndexItem;
    result: LogIndexResult;
    totals: LogIndexTotals;
    asks: LogIndexAsks;
  };
  /** Its scan ends with its one item; then it answers questions until it is cancelled. */
  map: { params: MapParams; item: MapItem; result: MapResult; totals: MapTotals; asks: MapAsks };
  repairFinish: { params: RepairFinishParams; item: never; result: RepairFinished; totals: RepairTotals };
  /** Looking ends with its one item, the offer; then it answers questions until it is cancelled. */
  repairPlan: {
    params: RepairPlanParams;
    item: RepairPlanItem;
    result: RepairPlanResult;
    totals: RepairTotals;
    asks: RepairAsks;
  };
  repairRescue: { params: RepairRescueParams; item: never; result: RepairRescued; totals: RepairTotals };
  repairWrite: { params: RepairWriteParams; item: never; result: RepairWritten; totals: RepairTotals };
  /** Checks states of a log as it is asked to, until it is cancelled. */
  stateCheck: {
    params: StateCheckParams;
    item: never;
    result: StateCheckResult;
    totals: never;
    asks: StateCheckAsks;
  };
  votes: { params: VoteMapParams; item: VoteMapItem; result: VoteMapSummary; totals: VoteMapTotals };
}
export type JobName = keyof Jobs;

/** Jobs that answer questions once their one item is told, until they are cancelled. */
export type AskedJob = { [N in JobName]: Jobs[N] extends { asks: unknown } ? N : never }[JobName];

/** Jobs that write to a person's image: they stop between two changes, and are never ended in the middle of one. */
export const writingJobs: ReadonlySet<JobName> = new Set(["repairFinish", "repairWrite"]);

/** Jobs that run programs and make temporary files: asked to stop and waited for, so that neither outlives them. */
export const tidyingJobs: ReadonlySet<JobName> = new Set(["logBisect"]);

/** Questions that a running job answers, by name; none for most. */
export type Asks<N extends JobName> = Jobs[N] extends { asks: infer A } ? A : Record<never, Ask>;
export interface Ask {
  readonly question: unknown;
  readonly answer: unknown;
}
type QuestionOf<A> = A extends { question: infer Q } ? Q : never;
type AnswerOf<A> = A extends { answer: infer R } ? R : never;
export type Question<N extends JobName, K extends keyof Asks<N>> = QuestionOf<Asks<N>[K]>;
export type Answer<N extends JobName, K extends keyof Asks<N>> = AnswerOf<Asks<N>[K]>;
export type Answers<N extends JobName> = {
  readonly [K in keyof Asks<N>]: (question: Question<N, K>) => Promise<Answer<N, K>>;
};

export interface JobProgress<T = unknown> {
  /** Bytes of the whole, contiguous from the start: the part for which results are final. */
  readonly done: number;
  readonly total: number;
  /** Bytes really read so far, for a rate that holes do not inflate. */
  readonly bytesRead: number;
  /** What is being done, when not the main pass: "Looking for moved sectors". */
  readonly phase?: string;
  readonly totals: T;
}

/**
 * One end of a line between two threads: a MessagePort, a Worker seen from outside, or a worker's parent.
 * Messages arrive in order; `closed` is told once, when nothing more can arrive, with the reason if it was a failure.
 */
export interface Port {
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  listen(onMessage: (message: unknown) => void, onClosed?: (reason: Error | undefined) => void): void;
  /** Ends the line; a thread behind it is terminated. */
  close(): void;
}

/** What a body is given. `items` are sent in batches: at most every 100 ms. */
export interface JobContext<N extends JobName> {
  readonly signal: AbortSignal;
  /** Starts a thread that runs this job's helper; absent where a job must do with its own thread. */
  startHelper?(): Port;
  progress(progress: JobProgress<Jobs[N]["totals"]>): void;
  item(item: Jobs[N]["item"]): void;
  /** From now on questions are answered by these; absent where nobody can ask. */
  answer?(answers: Answers<N>): void;
}
/** An ordinary async function: the command line and the tests call it without any worker. */
export type JobBody<N extends JobName> = (
  params: Jobs[N]["params"],
  job: JobContext<N>,
) => Promise<Jobs[N]["result"]>;

export type ToWorker =
  | { readonly kind: "start"; readonly name: JobName; readonly params: unknown }
  | { readonly kind: "ask"; readonly id: number; readonly name: string; readonly question: unknown }
  | { readonly kind: "cancel" };

export type FromWorker =
  | { readonly kind: "progress"; readonly progress: JobProgress }
  | { readonly kind: "items"; readonly items: readonly unknown[] }
  | { readonly kind: "answer"; readonly id: number; readonly answer: Result<unknown> }
  | { readonly kind: "end"; readonly result: unknown }
  | { readonly kind: "fail"; readonly error: PlainError };
