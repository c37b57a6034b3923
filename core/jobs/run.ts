// Runs a job's body and gathers what it finds into batches: for the thread that serves jobs, and for the command
// line, which runs a body in its own thread.
import type { Answers, JobBody, JobContext, JobName, JobProgress, Jobs, Port } from "./contract.ts";

/** The bodies, loaded when asked for. */
const bodies: { readonly [N in JobName]: () => Promise<JobBody<N>> } = {
  bundle: async () => (await import("../ops/bundle.ts")).bundleJob,
  compare: async () => (await import("../ops/compare.ts")).compareRuns,
  check: async () => (await import("../ops/checkJob.ts")).checkJob,
  logBisect: async () => (await import("../ops/logBisectJob.ts")).logBisectJob,
  logIndex: async () => (await import("../ops/logIndexJob.ts")).logIndexJob,
  map: async () => (await import("../ops/clusterMapJob.ts")).mapJob,
  repairFinish: async () => (await import("../ops/repairFinish.ts")).repairFinishJob,
  repairPlan: async () => (await import("../ops/repairPlan.ts")).repairPlanJob,
  repairRescue: async () => (await import("../ops/repairRescue.ts")).repairRescueJob,
  repairWrite: async () => (await import("../ops/repairWrite.ts")).repairWriteJob,
  stateCheck: async () => (await import("../ops/stateCheckJob.ts")).stateCheckJob,
  votes: async () => (await import("../ops/voteMap.ts")).mapVotes,
};

export function isJobName(name: unknown): name is JobName {
  return typeof name === "string" && Object.hasOwn(bodies, name);
}

export interface JobHandlers<N extends JobName> {
  progress(progress: JobProgress<Jobs[N]["totals"]>): void;
  items(items: readonly Jobs[N]["item"][]): void;
}

export interface RunOptions<N extends JobName = JobName> {
  readonly signal: AbortSignal;
  /** Hears by what the job answers questions; without it the job ends when its work is done. */
  answer?(answers: Answers<N>): void;
  /** Starts the job's helper thread; without it the job keeps to one thread. */
  readonly startHelper?: (() => Port) | undefined;
}

/** Items in a batch, and the time after which a batch is sent, milliseconds. */
const batchItems = 1000;
const batchMs = 100;

/**
 * Runs the body in this thread. Items come in order, before the progress that counts them and before the result.
 * Throws what the body throws; being cancelled is a result.
 */
export async function runJob<N extends JobName>(
  name: N,
  params: Jobs[N]["params"],
  handlers: JobHandlers<N>,
  options: RunOptions<N>,
): Promise<Jobs[N]["result"]> {
  let batch: Jobs[N]["item"][] = [];
  let sentAt = performance.now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const send = () => {
    clearTimeout(timer);
    timer = undefined;
    if (batch.length === 0) return;
    const items = batch;
    batch = [];
    sentAt = performance.now();
    handlers.items(items);
  };
  const context: JobContext<N> = {
    signal: options.signal,
    ...(options.startHelper === undefined ? {} : { startHelper: options.startHelper }),
    ...(options.answer === undefined ? {} : { answer: options.answer.bind(options) }),
    progress: (progress) => {
      send();
      handlers.progress(progress);
    },
    item: (item) => {
      batch.push(item);
      if (batch.length >= batchItems || performance.now() - sentAt >= batchMs) send();
      // The next item may be long in coming.
      else timer ??= setTimeout(send, batchMs);
    },
  };
  try {
    const body: JobBody<N> = await bodies[name]();
    return await body(params, context);
  } finally {
    send();
  }
}

/** The memory of items' columns, to be handed to another thread instead of copied. */
export function transferOf(items: readonly Jobs[JobName]["item"][]): ArrayBuffer[] {
  const buffers: ArrayBuffer[] = [];
  for (const item of items) {
    const holder = "kind" in item && item.kind === "runs" ? item.batch : item;
    for (const value of Object.values(holder)) {
      if (ArrayBuffer.isView(value)) buffers.push(value.buffer as ArrayBuffer);
    }
  }
  return buffers;
}
