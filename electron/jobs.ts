// The window's running jobs: started in threads of their own, followed, cancelled with the page that asked for
// them. Tells the page what it hears, the desktop how far along things are.
import { BlockError, toPlain } from "../core/base/errors.ts";
import type { RunningJob } from "../core/jobs/client.ts";
import {
  type Answer,
  type AskedJob,
  type Asks,
  type JobName,
  type Jobs,
  type Question,
  tidyingJobs,
  writingJobs,
} from "../core/jobs/contract.ts";
import type { JobHandlers } from "../core/jobs/run.ts";
import type { Emit } from "./events.ts";
import type { JobEnd, SummaryOf } from "./ipc/contract.ts";

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

export interface RunHow<N extends JobName> {
  /** Makes of the result what the page is told, for those that name files. */
  shown?(result: Jobs[N]["result"]): SummaryOf<N>;
  /** The job is over, however it ended; called before the page is told. */
  ended?(): void;
}

interface Job {
  readonly name: JobName;
  readonly title: string;
  readonly params: Jobs[JobName]["params"];
  readonly running: RunningJob<JobName>;
  /** Its end was told, and it is no longer one of the jobs. Never rejects. */
  over: Promise<unknown>;
  /** Its end was told: it is only there to be asked. */
  isTold: boolean;
  /** Its page is gone: the next one knows nothing of it. */
  isOrphan: boolean;
  /** Stands still until it is told to go on: the desktop shows no progress of it. */
  isResting: boolean;
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

  /** Starts a job and answers its id; `title` names it for people. */
  run<N extends JobName>(name: N, title: string, params: Jobs[N]["params"], how: RunHow<N> = {}): number {
    return this.#begin(name, title, params, () => undefined, how);
  }

  /**
   * Starts a job that answers questions: its end is told with its one item, of which `resultOf` makes the result, and it
   * stays to be asked until it is cancelled.
   */
  runAsked<N extends AskedJob>(
    name: N,
    title: string,
    params: Jobs[N]["params"],
    resultOf: (item: Jobs[N]["item"]) => Jobs[N]["result"],
  ): number {
    return this.#begin(name, title, params, resultOf);
  }

  /** Throws EINVAL when there is no such job any more, and what the job answers with. */
  async ask<N extends AskedJob, K extends keyof Asks<N> & string>(
    id: number,
    name: N,
    ask: K,
    question: Question<N, K>,
  ): Promise<Answer<N, K>> {
    return (this.#asked(id, name).running as unknown as RunningJob<N>).ask(ask, question);
  }

  /** What a job that answers was started with. Throws EINVAL when there is no such job any more. */
  paramsOf<N extends AskedJob>(id: number, name: N): Jobs[N]["params"] {
    return this.#asked(id, name).params as Jobs[N]["params"];
  }

  #asked(id: number, name: AskedJob): Job {
    const job = this.#jobs.get(id);
    if (job?.name === name) return job;
    throw new BlockError("EINVAL", `there is no ${name} job ${id} to be asked`, { hint: "Scan again." });
  }

  #begin<N extends JobName>(
    name: N,
    title: string,
    params: Jobs[N]["params"],
    resultOf: (item: Jobs[N]["item"]) => Jobs[N]["result"] | undefined,
    { shown, ended: atEnd }: RunHow<N> = {},
  ): number {
    const id = this.#nextId++;
    const startedAt = performance.now();
    const tell = (end: JobEnd) => {
      const job = this.#jobs.get(id);
      if (job === undefined || job.isTold) return; // it was ended with its page, or its page knows
      job.isTold = true;
      this.#showProgress();
      if (!job.isOrphan) this.#emit("job:end", end);
      this.#witness.ended(title, end, performance.now() - startedAt);
    };
    const ended = (result: Jobs[N]["result"]) =>
      ({ job: id, ok: true, name, summary: shown === undefined ? result : shown(result) }) as JobEnd;
    const running = this.#start(name, params, {
      progress: (progress) => {
        const job = this.#jobs.get(id);
        if (job === undefined || job.isTold) return;
        job.done = progress.done;
        job.total = progress.total;
        if (!job.isOrphan) this.#emit("job:progress", { job: id, progress });
        this.#showProgress();
      },
      items: (items) => {
        if (this.#jobs.get(id)?.isOrphan !== false) return;
        this.#emit("job:items", { job: id, items });
        const [first] = items;
        const result = first === undefined ? undefined : resultOf(first);
        if (result !== undefined) tell(ended(result));
      },
    });
    const job: Job = {
      name,
      title,
      params,
      running: running as unknown as RunningJob<JobName>,
      over: Promise.resolve(),
      isTold: false,
      isOrphan: false,
      isResting: false,
      done: 0,
      total: 0,
    };
    this.#jobs.set(id, job);
    this.#showProgress();
    job.over = running.done
      .finally(() => atEnd?.())
      .then(
        (summary) => tell(ended(summary)),
        (error: unknown) => tell({ job: id, ok: false, error: toPlain(error) }),
      )
      .finally(() => this.#jobs.delete(id));
    return id;
  }

  /** Asks a job to stop and send what it has; one that has ended already is no error. */
  cancel(id: number): void {
    this.#jobs.get(id)?.running.cancel();
  }

  /** A job was told to stand still, or to go on; one that has ended already is no error. */
  setResting(id: number, isResting: boolean): void {
    const job = this.#jobs.get(id);
    if (job === undefined) return;
    job.isResting = isResting;
    this.#showProgress();
  }

  /** Titles of the jobs that write to an image now; one whose end was told has done so. */
  get writing(): readonly string[] {
    const jobs = [...this.#jobs.values()];
    return jobs.filter((job) => isWriter(job) && !job.isTold).map(({ title }) => title);
  }

  /** Stops those between two changes, and waits until they have. */
  async stopWriting(): Promise<void> {
    const jobs = [...this.#jobs.values()].filter(isWriter);
    for (const { running } of jobs) running.cancel();
    await Promise.all(jobs.map(({ over }) => over));
  }

  /** Some job runs programs that would outlive it. */
  get isTidying(): boolean {
    return [...this.#jobs.values()].some(isTidier);
  }

  /** Stops those, and waits until what they started is gone. */
  async stopTidying(): Promise<void> {
    const jobs = [...this.#jobs.values()].filter(isTidier);
    for (const { running } of jobs) running.cancel();
    await Promise.all(jobs.map(({ over }) => over));
  }

  /**
   * Ends every job at once and tells the page nothing more of any. Those that write go on and those that must tidy up
   * are cancelled: both stay until they are over, so that the window is not closed before.
   */
  reset(): void {
    if (this.#jobs.size === 0) return;
    for (const [id, job] of this.#jobs) {
      job.isOrphan = true;
      if (isWriter(job)) continue;
      if (isTidier(job)) job.running.cancel();
      else {
        this.#jobs.delete(id);
        job.running.terminate();
      }
    }
    this.#showProgress();
  }

  #showProgress(): void {
    const jobs = [...this.#jobs.values()].filter(({ isTold, isResting }) => !isTold && !isResting);
    const total = jobs.reduce((sum, job) => sum + job.total, 0);
    const done = jobs.reduce((sum, job) => sum + job.done, 0);
    this.#witness.progress(jobs.length === 0 ? undefined : total === 0 ? 0 : done / total);
  }
}

const isTidier = ({ name }: Job) => tidyingJobs.has(name);
const isWriter = ({ name }: Job) => writingJobs.has(name);
