// The window's running jobs: started in threads of their own, followed, cancelled with the page that asked for
// them. Tells the page what it hears, the desktop how far along things are.
import { toPlain } from "../core/base/errors.ts";
import type { RunningJob } from "../core/jobs/client.ts";
import type { CompareParams } from "../core/jobs/contract.ts";
import type { JobHandlers } from "../core/jobs/run.ts";
import type { CompareSummary } from "../core/ops/mismatch.ts";
import type { Emit } from "./events.ts";
import type { JobEnd } from "./ipc/contract.ts";

export type StartCompare = (params: CompareParams, handlers: JobHandlers<"compare">) => RunningJob<"compare">;

/** What the desktop shows of jobs: the taskbar's progress, a notification. */
export interface JobWitness {
  /** From 0 to 1 over all running jobs; undefined when none runs. */
  progress(part: number | undefined): void;
  /** A comparison ended by itself after `elapsedMs`. */
  ended(title: string, end: JobEnd, elapsedMs: number): void;
}

interface Job {
  readonly running: RunningJob<"compare">;
  done: number;
  total: number;
}

export class JobBoard {
  readonly #jobs = new Map<number, Job>();
  readonly #emit: Emit;
  readonly #start: StartCompare;
  readonly #witness: JobWitness;
  #nextId = 1;

  constructor(emit: Emit, start: StartCompare, witness: JobWitness) {
    this.#emit = emit;
    this.#start = start;
    this.#witness = witness;
  }

  /** Starts a comparison and answers its id; `title` names it for people. */
  compare(title: string, params: CompareParams): number {
    const id = this.#nextId++;
    const startedAt = performance.now();
    const running = this.#start(params, {
      progress: (progress) => {
        const job = this.#jobs.get(id);
        if (job === undefined) return;
        job.done = progress.done;
        job.total = progress.total;
        this.#emit("job:progress", { job: id, progress });
        this.#showProgress();
      },
      items: (items) => {
        if (this.#jobs.has(id)) this.#emit("job:items", { job: id, items });
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
    running.done.then(
      (summary: CompareSummary) => end({ job: id, ok: true, summary }),
      (error: unknown) => end({ job: id, ok: false, error: toPlain(error) }),
    );
    return id;
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
