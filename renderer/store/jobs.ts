// Long tasks by id: what each is doing, how fast, and how it ended. Items found go to the listener given at
// the start and are never kept here (a comparison may find millions of runs; its panel owns the table).
import { create } from "zustand";
import { type PlainError, toPlain } from "../../core/base/errors.ts";
import {
  type AskedJob,
  type JobName,
  type JobProgress,
  type Jobs,
  writingJobs,
} from "../../core/jobs/contract.ts";
import type { ChannelName, Events, Request, SummaryOf } from "../../electron/ipc/contract.ts";
import { call, on } from "../api.ts";
import { nextRate, type Rate, startRate } from "./rate.ts";

/** Jobs that a page can start. */
export type PageJob = { [N in JobName]: `job:${N}` extends ChannelName ? N : never }[JobName];
export type JobRequest<N extends PageJob> = Request<`job:${N}`>;
export type JobItems<N extends JobName> = (items: readonly Jobs[N]["item"][]) => void;

export type JobState<N extends JobName = JobName> =
  | {
      readonly kind: "running";
      /** undefined until the first message: show the skeleton, then the spinner. */
      readonly progress: JobProgress<Jobs[N]["totals"]> | undefined;
      readonly rate: Rate | undefined;
      /** Cancel was asked for; the job stops within 200 ms and keeps what it found. */
      readonly cancelling: boolean;
      /** Stands still, to go on from there: what it found is there, and it is not shown as under way. */
      readonly resting: boolean;
    }
  | { readonly kind: "cancelled"; readonly summary: SummaryOf<N> }
  /** A job that answers questions can now be asked. */
  | { readonly kind: "done"; readonly summary: SummaryOf<N> }
  | { readonly kind: "failed"; readonly error: PlainError };

export type Job<N extends JobName = JobName> = {
  readonly [K in N]: {
    /** The renderer's own id, known at once; main's id comes later. */
    readonly id: number;
    readonly name: K;
    readonly title: string;
    /** performance.now() at the start. */
    readonly startedAt: number;
    /** Where it began, in the units of its progress. */
    readonly from: number;
    readonly state: JobState<K>;
  };
}[N];

interface JobsStore {
  readonly byId: Readonly<Record<number, Job>>;
}
export const useJobs = create<JobsStore>()(() => ({ byId: {} }));

/** Ids of the repairs that write to files, whichever view they were asked for in, as one string. */
export function writersNow({ byId }: JobsStore): string {
  const isWriter = ({ name, state }: Job) => state.kind === "running" && writingJobs.has(name);
  return Object.values(byId)
    .filter(isWriter)
    .map(({ id }) => id)
    .join(" ");
}

/** What the store need not show: main's id, the listener, and a cancel that came before main's id. */
interface Link {
  /** Items of the job's own kind: a job gets what it asked for. */
  readonly onItems: (items: never) => void;
  /** Stops it for a person, where that is more than to cancel it. */
  stop?: () => void;
  mainId: number | undefined;
}
const links = new Map<number, Link>();
/** Messages of jobs whose start has not been answered yet: they may overtake the answer. */
let early: (() => void)[] = [];
let starting = 0;
let lastId = 0;

/**
 * Starts a job and returns its id at once. Never throws: a start that fails is the state "failed".
 * `onItems` is called with batches in order, before the state says that the job ended.
 */
export function startJob<N extends PageJob>(
  name: N,
  request: JobRequest<N>,
  title: string,
  onItems: JobItems<N> = () => undefined,
): number {
  const id = ++lastId;
  const from = "from" in request && typeof request.from === "number" ? request.from : 0;
  links.set(id, { onItems, mainId: undefined });
  put({ id, name, title, startedAt: performance.now(), from, state: fresh } as Job);
  void begin(id, () => call(`job:${name}`, ...([request] as never)) as Promise<{ readonly job: number }>);
  return id;
}

const fresh = {
  kind: "running",
  progress: undefined,
  rate: undefined,
  cancelling: false,
  resting: false,
} as const;

/** The job of this id and name. */
export function jobOf<N extends JobName>(name: N, id: number | undefined): Job<N> | undefined {
  const job = id === undefined ? undefined : useJobs.getState().byId[id];
  return job?.name === name ? (job as Job<N>) : undefined;
}

/** Main's id of a job that can be asked; undefined before it is known and after the job was forgotten. */
export function askableId(id: number): number | undefined {
  return links.get(id)?.mainId;
}

/** Asks a running job to stop; what it found is kept. */
export function cancelJob(id: number): void {
  const job = useJobs.getState().byId[id];
  if (job?.state.kind !== "running" || job.state.cancelling) return;
  put({ ...job, state: { ...job.state, cancelling: true } } as Job);
  sendCancel(id);
}

/** What a person's Cancel does wherever the job shows: it is cancelled, or stopped as its view does it. */
export function stopJob(id: number): void {
  const stop = links.get(id)?.stop ?? (() => cancelJob(id));
  stop();
}

/** Has `stopJob` call this instead: for a job of which more is kept when it stands still. */
export function setStop(id: number, stop: () => void): void {
  const link = links.get(id);
  if (link) link.stop = stop;
}

/** Says of a running job that it stands still, or goes on: its rate counts from then on. */
export function setResting(id: number, resting: boolean): void {
  const job = useJobs.getState().byId[id];
  if (job?.state.kind !== "running") return;
  const { progress } = job.state;
  const { done, bytesRead } = progress ?? { done: job.from, bytesRead: 0 };
  const rate = startRate({ at: performance.now(), done, bytesRead });
  put({ ...job, state: { ...job.state, resting, rate } } as Job);
}

/** Calls `told` once the job has ended, unless it is forgotten before. */
export function whenEnded<N extends JobName>(name: N, id: number, told: (state: JobState<N>) => void): void {
  const stop = useJobs.subscribe(() => {
    const state = jobOf(name, id)?.state;
    if (state?.kind === "running") return;
    stop();
    if (state) told(state as JobState<N>);
  });
}

/** Takes a job out of the store: its tab was closed. It is cancelled first, also when it is only there to be asked. */
export function forgetJob(id: number): void {
  cancelJob(id);
  if (useJobs.getState().byId[id]?.state.kind === "done") sendCancel(id);
  const { [id]: _gone, ...rest } = useJobs.getState().byId;
  useJobs.setState({ byId: rest });
  if (links.get(id)?.mainId !== undefined) links.delete(id);
}

/** Wires main's events into the store; called once at start. */
export function listenForJobs(): void {
  on("job:progress", (event) => whenKnown(event.job, (id) => takeProgress(id, event)));
  on("job:items", (event) => whenKnown(event.job, (id) => links.get(id)?.onItems(event.items as never)));
  on("job:end", (event) => whenKnown(event.job, (id) => takeEnd(id, event)));
}

async function begin(id: number, ask: () => Promise<{ readonly job: number }>): Promise<void> {
  starting++;
  try {
    const { job } = await ask();
    const link = links.get(id);
    if (link) link.mainId = job;
    const known = useJobs.getState().byId[id];
    if (!known || (known.state.kind === "running" && known.state.cancelling)) sendCancel(id);
    if (!known) links.delete(id);
  } catch (error) {
    links.delete(id);
    const job = useJobs.getState().byId[id];
    if (job) put({ ...job, state: { kind: "failed", error: toPlain(error) } });
  } finally {
    starting--;
    const waiting = early;
    early = [];
    for (const deliver of waiting) deliver();
  }
}

function sendCancel(id: number): void {
  const mainId = links.get(id)?.mainId;
  // A job that main no longer knows has ended by itself; its end message says how.
  if (mainId !== undefined) void call("job:cancel", { job: mainId }).catch(() => undefined);
}

/** Hands a message to its job; one that overtook the answer to its start waits for that answer. */
function whenKnown(mainId: number, take: (id: number) => void): void {
  const known = [...links].find(([, link]) => link.mainId === mainId);
  if (known) take(known[0]);
  else if (starting > 0) early.push(() => whenKnown(mainId, take));
}

function takeProgress(id: number, { progress }: Events["job:progress"]): void {
  const job = useJobs.getState().byId[id];
  if (job?.state.kind !== "running") return;
  const sample = { at: performance.now(), done: progress.done, bytesRead: progress.bytesRead };
  const before = job.state.rate ?? startRate({ at: job.startedAt, done: job.from, bytesRead: 0 });
  put({ ...job, state: { ...job.state, progress, rate: nextRate(before, sample) } } as Job);
}

function takeEnd(id: number, event: Events["job:end"]): void {
  const job = useJobs.getState().byId[id];
  // A job that answers questions is asked by main's id for as long as it is not forgotten.
  if (!job || !isAsked(job.name) || !event.ok || event.summary.cancelled) links.delete(id);
  if (!job) return;
  if (!event.ok) put({ ...job, state: { kind: "failed", error: event.error } });
  else
    put({
      ...job,
      state: { kind: event.summary.cancelled ? "cancelled" : "done", summary: event.summary },
    } as Job);
}

const asked: Readonly<Record<AskedJob & PageJob, true>> = { logIndex: true, map: true, repairPlan: true };
const isAsked = (name: JobName): boolean => Object.hasOwn(asked, name);

function put(job: Job): void {
  useJobs.setState({ byId: { ...useJobs.getState().byId, [job.id]: job } });
}
