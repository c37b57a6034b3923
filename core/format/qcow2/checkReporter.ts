// What a check of a qcow2 image has found so far: counts, findings up to a limit, and the turns in which a cancel arrives.
import { BlockError, type PlainError, toPlain } from "../../base/errors.ts";
import { OneThreadAgain } from "../../base/programThread.ts";
import { type CheckJob, type Finding, maxFindings, type RepairKind } from "../../block/finding.ts";

/** Milliseconds of work between two turns in which a cancel can arrive. */
const turnMs = 20;

type NewFinding = Omit<Finding, "id">;
export type Told = Omit<NewFinding, "kind" | "repair">;

export class CheckReporter {
  corruptions = 0;
  leaks = 0;
  errors = 0;
  readError: PlainError | undefined;
  /** Steps of work, for progress. */
  done = 0;
  total = 1;
  /** The peer gave up before: what is found from here on is found by us alone. */
  isPeerGone = false;
  readonly #job: CheckJob;
  /** Findings that a repair answers must not be crowded out by those it can't. */
  readonly #found = { repairable: 0, other: 0 };
  #kept = 0;
  #lastTurn = performance.now();

  constructor(job: CheckJob) {
    this.#job = job;
  }

  /** Whether anybody hears what is found: names are looked up for them only. */
  get isHeard(): boolean {
    return this.#job.finding !== undefined;
  }

  get dropped(): number {
    const { repairable, other } = this.#found;
    return Math.max(0, repairable - maxFindings) + Math.max(0, other - maxFindings);
  }

  /** `times`: how often the peer finds it, which reads a table as often as it is referred to. */
  corrupt(repair: RepairKind, times: number, make: () => Told): void {
    this.corruptions += times;
    this.#tell(repair !== "none", () => ({ ...make(), kind: "corruption", repair }));
  }

  leaked(repair: RepairKind, clusters: number, make: () => Told): void {
    this.leaks += clusters;
    this.#tell(repair !== "none", () => ({ ...make(), kind: "leak", repair }));
  }

  /** A table that can't be read. Being cancelled is no such thing: it goes on, as what concerns the whole check. */
  unreadable(error: unknown, make: (reason: string) => Told): void {
    if (error instanceof OneThreadAgain) throw error;
    if (error instanceof BlockError && error.code === "ECANCELED") throw error;
    this.readError ??= toPlain(error);
    this.failed(1, () => make(error instanceof Error ? error.message : String(error)));
  }

  /** Something that could not be looked at. */
  failed(times: number, make: () => Told): void {
    this.errors += times;
    this.#tell(false, () => ({ ...make(), kind: "io-error", repair: "none" }));
  }

  /** Findings that nobody hears, and those above the limit, are counted and never made. */
  #tell(isRepairable: boolean, make: () => NewFinding): void {
    const count = this.#found[isRepairable ? "repairable" : "other"]++;
    if (count >= maxFindings) return;
    const { peer, ...found } = make();
    this.#job.finding?.({ ...found, ...(peer && !this.isPeerGone && { peer }), id: this.#kept++ });
  }

  /** Lets a cancel arrive, after some work. */
  async breathe(): Promise<void> {
    if (performance.now() - this.#lastTurn < turnMs) return;
    this.#job.progress?.(Math.min(this.done, this.total), this.total);
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#job.signal?.aborted) throw new BlockError("ECANCELED", "The check was cancelled");
    this.#lastTurn = performance.now();
  }
}
