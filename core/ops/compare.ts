// Compares two images completely: every mismatched sector as runs, with the semantics of `qemu-img compare`
// (unallocated is zeroes, the longer image's tail is compared with zeroes, different sizes are only information;
// strict mode compares allocation and size as well). Plan, scan, rows, then a second pass for moved sectors.
// Being cancelled is a result; an image that cannot be opened is an error that names its side.
import { asBlockError, BlockError } from "../base/errors.ts";
import { Pace } from "../base/pace.ts";
import type { ImageSpec } from "../block/driver.ts";
import type { BlockNode } from "../block/node.ts";
import { type Graph, openGraph } from "../graph.ts";
import type { CompareParams, JobContext, Port } from "../jobs/contract.ts";
import { scanningHelper } from "./compareHelper.ts";
import { equalHelper, resultIfEqual, startEqualThread } from "./equalThread.ts";
import { Helper, type HelperKind } from "./helper.ts";
import { type CompareSummary, sectorSize } from "./mismatch.ts";
import { findMoved } from "./moved.ts";
import { bytesToRead, Planner, type WorkItem } from "./plan.ts";
import { compareLimits, type Limits, RowWriter } from "./rowWriter.ts";
import { type ItemResult, Scanner } from "./scan.ts";
import { roundDown, roundUp, Side } from "./side.ts";

type CompareContext = JobContext<"compare">;
/** How the images are compared; the images themselves are open already. */
type CompareOptions = Omit<CompareParams, "a" | "b">;
type OnResult = (index: number, result: ItemResult) => void;

/** What tests set to smaller values. */
export interface CompareTuning {
  readonly limits?: Limits;
  /** Bytes known to be waiting to be read for which a helper thread is worth its start. */
  readonly helperFrom?: number;
  /** Guest bytes of data in a work item. */
  readonly itemBytes?: number;
  /** Time spent on planning before scanning goes on, milliseconds; at least one item is planned. */
  readonly planningMs?: number;
  /** The line to a thread that compares bytes of files. */
  readonly startEqualThread?: () => Port | undefined;
}
const helperFrom = 512 * 1024 * 1024;
/** Items planned ahead, and the time spent on planning before scanning goes on, milliseconds. */
const mostPlanned = 12;
const planningMs = 20;

/** Items that were not found equal by their bytes in files: past these, all are scanned. */
const mostMissed = 2;

const progressEveryMs = 100;
/** Results, and rows in them, that may wait for an earlier item of the other thread: bounds memory. */
const mostWaiting = 256;
const mostRowsWaiting = 1024 * 1024;

/** The job: opens both images read-only, compares, closes. */
export async function compareRuns(
  params: CompareParams,
  job: CompareContext,
  tuning: CompareTuning = {},
): Promise<CompareSummary> {
  const a = await openSide("a", params.a, params);
  try {
    const b = await openSide("b", params.b, params);
    try {
      const sizes = { a: a.root.size, b: b.root.size };
      const helpers: Helpers = {
        scanning: (onResult) => helperOf(job.startHelper?.(), scanningHelper({ params, sizes }), onResult),
        equal: (onResult) => helperOf((tuning.startEqualThread ?? startEqualThread)(), equalHelper, onResult),
      };
      return await new Comparison(a.root, b.root, params, job, tuning, helpers).run();
    } finally {
      await b.close();
    }
  } finally {
    await a.close();
  }
}

/** Compares nodes that are open already, in this thread alone. */
export function compareNodes(
  a: BlockNode,
  b: BlockNode,
  options: CompareOptions,
  job: CompareContext,
  tuning: CompareTuning = {},
): Promise<CompareSummary> {
  return new Comparison(a, b, options, job, tuning, {}).run();
}

/** How a second thread is started; undefined where there is none. */
interface Helpers {
  /** One that does all that the first one does. */
  scanning?(onResult: OnResult): Helper | undefined;
  /** One that compares bytes of files. */
  equal?(onResult: OnResult): Helper | undefined;
}

function helperOf(port: Port | undefined, kind: HelperKind, onResult: OnResult): Helper | undefined {
  return port && new Helper(port, kind, onResult);
}

async function openSide(side: "a" | "b", spec: ImageSpec, params: CompareParams): Promise<Graph> {
  const { forceShare = true, backing } = params;
  try {
    return await openGraph(spec, { readOnly: true, forceShare, ...(backing && { backing }) });
  } catch (error) {
    const { code, message, context } = asBlockError(error);
    throw new BlockError(code, message, { ...context, side }, { cause: error });
  }
}

class Comparison {
  readonly #options: CompareOptions;
  readonly #job: CompareContext;
  readonly #helperFrom: number;
  readonly #itemBytes: number | undefined;
  readonly #planningMs: number;
  readonly #helpers: Helpers;
  readonly #a: Side;
  readonly #b: Side;
  readonly #size: number;
  /** The size rounded up to sectors: what the planner walks. */
  readonly #end: number;
  readonly #from: number;
  readonly #scanner: Scanner;
  readonly #writer: RowWriter;
  readonly #pace: Pace;
  readonly #planner: Planner;
  readonly #startedAt = performance.now();
  /** Results that cannot be written yet, by index of their item. */
  readonly #waiting = new Map<number, ItemResult>();
  /** Items planned and not yet given to a thread; the first has index `#nextIndex`. */
  readonly #planned: WorkItem[] = [];
  #allPlanned = false;
  #helper: Helper | undefined;
  #helperTried = false;
  #missed = 0;
  #nextIndex = 0;
  #nextToWrite = 0;
  #scannedTo: number;
  #bytesRead = 0;
  #cut = false;
  #phase: { readonly name: string; readonly done: number; readonly bytesRead: number } | undefined;
  #toldAt = Number.NEGATIVE_INFINITY;
  readonly #onResult: OnResult = (index, result) => this.#waiting.set(index, result);

  constructor(
    a: BlockNode,
    b: BlockNode,
    options: CompareOptions,
    job: CompareContext,
    tuning: CompareTuning,
    helpers: Helpers,
  ) {
    this.#options = options;
    this.#job = job;
    this.#helperFrom = tuning.helperFrom ?? helperFrom;
    this.#itemBytes = tuning.itemBytes;
    this.#planningMs = tuning.planningMs ?? planningMs;
    this.#helpers = helpers;
    this.#a = new Side("a", a, 0);
    this.#b = new Side("b", b, options.shift ?? 0);
    this.#size = Math.max(this.#a.size, this.#b.size);
    this.#end = roundUp(this.#size, sectorSize);
    this.#from = Math.min(roundDown(Math.max(0, options.from ?? 0), sectorSize), this.#end);
    this.#scannedTo = this.#from;
    this.#scanner = new Scanner(this.#a, this.#b, options.stopAtFirst === true);
    this.#writer = new RowWriter(
      this.#scanner,
      this.#size,
      options.rowsBefore ?? 0,
      tuning.limits ?? compareLimits,
      (item) => job.item(item),
    );
    this.#pace = new Pace(job.signal, () => this.#tellSometimes());
    this.#planner = this.#plan();
  }

  async run(): Promise<CompareSummary> {
    this.#tell();
    try {
      await this.#scanAll();
      await this.#writer.finish();
    } finally {
      this.#helper?.close();
    }
    const scanned = this.#scannedTo >= this.#end;
    const first = this.#writer.first;
    if (scanned && !this.#finished && this.#options.moved !== false) await this.#lookForMoved();
    this.#phase = undefined;
    this.#tell();
    const totals = this.#writer.totals;
    const complete = scanned && totals.unreadableRanges === 0;
    const sameSize = this.#a.size === this.#b.size;
    return {
      ...totals,
      sizeA: this.#a.size,
      sizeB: this.#b.size,
      from: this.#from,
      scannedTo: Math.min(this.#scannedTo, this.#size),
      complete,
      identical: complete && totals.runs === 0 && (sameSize || this.#options.strict !== true),
      // Cancelled in the second pass, everything there is to find has been found.
      cancelled: !scanned && this.#pace.stopped,
      first,
      mergedAfter: this.#writer.mergedAfter,
      elapsedMs: performance.now() - this.#startedAt,
    };
  }

  #plan(): Planner {
    return new Planner(
      this.#a,
      this.#b,
      this.#from,
      this.#end,
      this.#options.strict === true,
      this.#itemBytes,
    );
  }

  async #scanAll(): Promise<void> {
    while (!this.#finished && !this.#cut) {
      await this.#planAhead();
      this.#considerHelper();
      this.#feedHelper();
      // Without an item for this thread: the helper may have begun all that was planned, but not all that there is.
      if (!(await this.#scanNext()) && this.#allPlanned) break;
      // The helper's results come in at turns of the event loop, and it should not go hungry.
      if (this.#helper !== undefined) await this.#pace.turn();
      await this.#takeResults();
      await this.#workWhile(() => this.#mustWait);
    }
    if (this.#pace.stopped) await this.#helper?.stop();
    // Also where this thread found what it looks for: what lies before it may be the helper's.
    await this.#workWhile(() => this.#helper?.busy === true);
    await this.#write();
    if (this.#scannedTo < this.#end && !this.#finished) {
      throw new BlockError("EIO", `the comparison ended at ${this.#scannedTo}, before the images do`, {
        hint: "Try again; if it happens again with the same images, please report it.",
      });
    }
  }

  /** Scans the next item of the plan, else one that the helper has not begun; false when there is none. */
  async #scanNext(): Promise<boolean> {
    const item = this.#planned.shift();
    if (item !== undefined) {
      await this.#scan(this.#nextIndex++, item);
      return true;
    }
    return this.#scanStolen();
  }

  /** A helper on a busy processor may be long in coming back to what it was sent. */
  async #scanStolen(): Promise<boolean> {
    const stolen = this.#helper?.steal();
    if (stolen !== undefined) await this.#scan(...stolen);
    return stolen !== undefined;
  }

  /** Scans what the helper has not begun, then waits for it, as long as that is so and something is wanted. */
  async #workWhile(isSo: () => boolean): Promise<void> {
    while (isSo() && !this.#finished) if (!(await this.#scanStolen())) await this.#awaitHelper();
  }

  /** What is found further on has to be written after what is still missing. */
  get #mustWait(): boolean {
    if (this.#waiting.size >= mostWaiting) return true;
    let rows = 0;
    for (const result of this.#waiting.values()) rows += result.rows?.count ?? 0;
    return rows >= mostRowsWaiting;
  }

  /** Nothing more is wanted. */
  get #finished(): boolean {
    const found = this.#options.stopAtFirst === true && this.#writer.first !== undefined;
    return this.#pace.stopped || found;
  }

  /** `isEqual` false: that was looked at. */
  async #scan(index: number, item: WorkItem, isEqual?: false): Promise<void> {
    const result =
      (isEqual ?? (await this.#isEqual(item)))
        ? resultIfEqual(item)
        : await this.#scanner.scan(item, this.#pace);
    this.#waiting.set(index, result);
    this.#cut ||= result.end < item.end;
    await this.#write();
  }

  /** By the bytes of the files, where the item lies in files and most items were found equal. */
  async #isEqual({ inFiles }: WorkItem): Promise<boolean> {
    if (this.#missed >= mostMissed) return false;
    const isEqual = inFiles !== undefined && (await this.#scanner.areEqual(inFiles, this.#pace));
    if (!isEqual) this.#missed++;
    return isEqual;
  }

  /** Writes the results that follow those written, in order. */
  async #write(): Promise<void> {
    for (;;) {
      const result = this.#waiting.get(this.#nextToWrite);
      // After a result that was cut short there is a gap: what lies behind it is found again when resumed.
      if (result === undefined || result.start !== this.#scannedTo) return;
      this.#waiting.delete(this.#nextToWrite++);
      await this.#writer.append(result);
      this.#scannedTo = result.end;
      this.#bytesRead += result.bytesRead;
      this.#tellSometimes();
    }
  }

  /** Plans at least one item if there is one, and more while that is quickly done. */
  async #planAhead(): Promise<void> {
    const deadline = performance.now() + this.#planningMs;
    while (this.#planned.length < mostPlanned) {
      const item = await this.#planner.next(this.#pace);
      this.#allPlanned = item === undefined;
      if (item === undefined) return;
      this.#planned.push(item);
      if (performance.now() >= deadline) return;
    }
  }

  #considerHelper(): void {
    if (this.#helper?.isPlain && this.#missed >= mostMissed) this.#replaceHelper(this.#helper);
    if (this.#helperTried) return;
    const waiting = this.#planned.reduce((sum, item) => sum + bytesToRead(item), 0);
    if (waiting < this.#helperFrom) return;
    this.#helperTried = true;
    if (this.#planned[0]?.inFiles) this.#helper = this.#helpers.equal?.(this.#onResult);
    this.#helper ??= this.#helpers.scanning?.(this.#onResult);
  }

  /** By one for items that are not equal, too. */
  #replaceHelper(plain: Helper): void {
    const scanning = this.#helpers.scanning?.(this.#onResult);
    if (scanning === undefined) return;
    this.#helper = scanning;
    plain.close();
    for (const [index, item] of plain.takeBack()) scanning.send(index, item);
  }

  #feedHelper(): void {
    const helper = this.#helper;
    while (helper?.hungry) {
      const item = this.#planned[0];
      if (item === undefined || !helper.send(this.#nextIndex, item)) return;
      this.#planned.shift();
      this.#nextIndex++;
    }
  }

  async #awaitHelper(): Promise<void> {
    await this.#helper?.wait(progressEveryMs);
    await this.#takeResults();
    this.#tellSometimes();
  }

  /** Writes what the helper has sent, and does its work if it is gone. */
  async #takeResults(): Promise<void> {
    for (const [index, item] of this.#helper?.takeBack() ?? []) {
      this.#missed++;
      await this.#scan(index, item, false);
    }
    await this.#write();
  }

  async #lookForMoved(): Promise<void> {
    const { candidates } = this.#writer;
    if (candidates.length === 0) return;
    const name = "Looking for moved sectors";
    this.#phase = { name, done: 0, bytesRead: this.#bytesRead };
    this.#tell();
    const sides = { a: this.#a, b: this.#b };
    await findMoved(sides, candidates, this.#plan(), this.#pace, (item) => this.#job.item(item), {
      done: (position, bytesRead) => {
        this.#phase = { name, done: position, bytesRead: this.#bytesRead + bytesRead };
      },
    });
    this.#bytesRead = this.#phase.bytesRead;
  }

  #tellSometimes(): void {
    if (performance.now() - this.#toldAt >= progressEveryMs) this.#tell();
  }

  #tell(): void {
    this.#toldAt = performance.now();
    this.#writer.flush();
    const phase = this.#phase;
    this.#job.progress({
      done: Math.min(phase?.done ?? this.#scannedTo, this.#size),
      total: this.#size,
      bytesRead: phase?.bytesRead ?? this.#bytesRead,
      ...(phase === undefined ? {} : { phase: phase.name }),
      totals: this.#writer.totals,
    });
  }
}
