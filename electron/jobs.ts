// The window's running jobs: started in threads of their own, followed, cancelled with the page that asked for
// them. Tells the page what it hears, the desktop how far along things are.
import { toPlain } from "../core/base/errors.ts";
import type { RunningJob } from "../core/jobs/client.ts";
import type { CompareParams, JobName, JobProgress, Jobs } from "../core/jobs/contract.ts";
import type { JobHandlers } from "../core/jobs/run.ts";
import type { VoteMapParams } from "../core/ops/voteRun.ts";
import type { Emit } from "./events.ts";
import type { JobEnd } from "./ipc/contract.ts";

export type StartJob = <N extends JobName>(
  name: N,
  params: Jobs[N]["params"],
  handlers: JobHandlers<N>,
) => RunningJob<N>;

/** What the desktop shows of jobs: the taskbar's progress, a notification. */
export interface JobWitness {
  /** From 0 to 1 over all running jobs; undefined when none runs. */
  progress(part: number | undefined): void;
  /** A job ended by itself after `elapsedMs`. */
  ended(title: string, end: JobEnd, elapsedMs: number): void;
}

interface Job {
  readonly running: Pick<RunningJob<JobName>, "cancel" | "terminate">;
  done: number;
  total: number;
}

export class JobBoard {
  readonly #jobs = new Map<number, Job>();
  readonly #emit: Emit;
  readonly #start: StartJob;
  readonly #witness: JobWitness;
  #nextId = 1;

  constructor(emit: Emit, start: StartJob, witness: JobWitness) {
    this.#emit = emit;
    this.#start = start;
    this.#witness = witness;
  }

  /** Starts a comparison and answers its id; `title` names it for people. */
  compare(title: string, params: CompareParams): number {
    const { id, running, end } = this.#begin(title, (handlers: JobHandlers<"compare">) =>
      this.#start("compare", params, handlers),
    );
    running.done.then((summary) => end({ job: id, ok: true, name: "compare", summary }), failed(id, end));
    return id;
  }

  /** Starts a count of votes and answers its id. */
  votes(title: string, params: VoteMapParams): number {
    const { id, running, end } = this.#begin(title, (handlers: JobHandlers<"votes">) =>
      this.#start("votes", params, handlers),
    );
    running.done.then((summary) => end({ job: id, ok: true, name: "votes", summary }), failed(id, end));
    return id;
  }

  #begin<N extends JobName>(title: string, start: (handlers: JobHandlers<N>) => RunningJob<N>) {
    const id = this.#nextId++;
    const startedAt = performance.now();
    const running = start({
      progress: (progress) => {
        const job = this.#jobs.get(id);
        if (job === undefined) return;
        job.done = progress.done;
        job.total = progress.total;
        // The page knows by the job's number what it asked for.
        this.#emit("job:progress", { job: id, progress: progress as JobProgress<never> });
        this.#showProgress();
      },
      items: (items) => {
        if (this.#jobs.has(id)) this.#emit("job:items", { job: id, items: items as readonly never[] });
      },
    });
    this.#jobs.set(id, { running, done: 0, total: 0 });
    this.#showProgress();
    const end = (end: JobEnd) => {
      if (!this.#jobs.delete(id)) return; // its page is gone
      this.#showProgress();
      this.#emit("job:end", end);
      this.#witness.ended(title, end, performance.now() - startedAt);
    };
    return { id, running, end };
  }

  /** Asks a job to stop and send what it has; one that has ended already is no error. */
  cancel(id: number): void {
    this.#jobs.get(id)?.running.cancel();
  }

  /** Ends every job at once and tells the page nothing more of them. */
  reset(): void {
    const jobs = [...this.#jobs.values()];
    this.#jobs.clear();
    for (const { running } of jobs) running.terminate();
    if (jobs.length > 0) this.#showProgress();
  }

  #showProgress(): void {
    const jobs = [...this.#jobs.values()];
    const total = jobs.reduce((sum, job) => sum + job.total, 0);
    const done = jobs.reduce((sum, job) => sum + job.done, 0);
    this.#witness.progress(jobs.length === 0 ? undefined : total === 0 ? 0 : done / total);
  }
}

function failed(job: number, end: (end: JobEnd) => void): (error: unknown) => void {
  return (error) => end({ job, ok: false, error: toPlain(error) });
}
