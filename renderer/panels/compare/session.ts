// One comparison: the pair, its scan, table, row map and carets. Lives outside React (sessions.ts keeps one for
// each tab), so that switching tabs keeps results and the scan going.
import { createStore } from "zustand/vanilla";
import type { CompareItem } from "../../../core/ops/mismatch.ts";
import type { OpenedImage } from "../../../electron/ipc/contract.ts";
import { createHexView, type HexView, keepWithin, plainRows, type RowMap } from "../../hex/model.ts";
import { cancelJob, forgetJob, type Job, jobOf, startJob, useJobs } from "../../store/jobs.ts";
import { usePrefs } from "../../store/prefs.ts";
import { useView } from "../../store/view.ts";
import { firstDifference } from "./firstByte.ts";
import { RowMaps } from "./rowMaps.ts";
import { naturalOrder, type Order } from "./runSort.ts";
import { RunTable } from "./runTable.ts";
import { type Before, isScanned, nothingBefore, type Progress, type Scan, scanOf } from "./scan.ts";
import { type Direction, type Step, step, waitingText } from "./stepping.ts";
import { UnreadableList } from "./unreadableList.ts";
import { keepPlace, moveBy, refine, reveal } from "./views.ts";

export type Side = "a" | "b";

/** The two open images of a comparison. */
export interface Pair {
  readonly a: OpenedImage;
  readonly b: OpenedImage;
}

export interface CompareState {
  /** A's x is compared with B's x + shift, bytes. */
  readonly shift: number;
  readonly strict: boolean;
  readonly folded: boolean;
  /** Both panes share caret and scroll position. */
  readonly locked: boolean;
  readonly active: Side;
  readonly rows: RowMap;
  /** The renderer's id of the scan that runs or ran last. */
  readonly job: number | undefined;
  readonly before: Before;
  /** Grows with every change of the table or of the unreadable ranges. */
  readonly version: number;
  /** F8 waits for the scan to find the next difference. */
  readonly waiting: boolean;
  /** The images changed on disk since the scan began. */
  readonly stale: boolean;
  readonly list: ListState;
}

/** How the lists below are looked at. */
export interface ListState {
  readonly tab: "mismatches" | "unreadable";
  readonly order: Order;
  /** The filter as typed. */
  readonly filter: string;
}

/** While a scan runs, rows are folded anew at most this often. */
const foldEveryMs = 500;

export class CompareSession {
  readonly table = new RunTable();
  readonly unreadable = new UnreadableList();
  readonly store = createStore<CompareState>()(() => ({
    shift: 0,
    strict: false,
    folded: false,
    locked: true,
    active: "a",
    rows: plainRows(0, 16),
    job: undefined,
    before: nothingBefore,
    version: 0,
    waiting: false,
    stale: false,
    list: { tab: "mismatches", order: naturalOrder, filter: "" },
  }));
  #views: Record<Side, HexView> = { a: createHexView(), b: createHexView() };
  #pair: Pair | undefined;
  /** The scan's A is this comparison's B: the sides were swapped since it began. */
  #swapped = false;
  /** The scan continues an earlier one: its first run may continue the last row. */
  #joins = false;
  /** Table row of the scan's row 0. */
  #baseRow = 0;
  /** Where the caret was when the first scan began: it jumps to the first mismatch only from there. */
  #restingCaret: number | undefined;
  /** The end was announced in this direction, with the caret here. */
  #armed: { readonly direction: Direction; readonly caret: number } | undefined;
  /** A run's start, and its first differing byte to which the caret went from there. */
  #landed: { readonly start: number; readonly caret: number } | undefined;
  /** What the scan last told of itself: a scan that fails tells no more. */
  #lastProgress: Progress | undefined;
  readonly #maps = new RowMaps();
  #foldTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #stopJobs: () => void;
  readonly #stopPrefs: () => void;

  constructor() {
    let last: Job<"compare"> | undefined;
    this.#stopJobs = useJobs.subscribe(() => {
      const job = jobOf("compare", this.store.getState().job);
      if (job === last) return;
      last = job;
      if (job) this.#onJob(job);
    });
    this.#stopPrefs = usePrefs.subscribe((prefs) => {
      if (this.#pair && prefs.bytesPerRow !== this.store.getState().rows.bytesPerRow) this.#newRows();
    });
  }

  /** Cancels the scan and lets go of everything. */
  dispose(): void {
    this.#stopJobs();
    this.#stopPrefs();
    clearTimeout(this.#foldTimer);
    const { job } = this.store.getState();
    if (job !== undefined) forgetJob(job);
    this.table.clear();
    this.unreadable.clear();
  }

  get pair(): Pair | undefined {
    return this.#pair;
  }
  view(side: Side): HexView {
    return this.#views[this.store.getState().locked ? "a" : side];
  }
  get activeView(): HexView {
    return this.view(this.store.getState().active);
  }
  get #shownViews(): readonly HexView[] {
    return this.store.getState().locked ? [this.#views.a] : [this.#views.a, this.#views.b];
  }

  /** Bytes to show and compare: the longer image, B moved by the shift. */
  get extent(): number {
    if (!this.#pair) return 0;
    return Math.max(this.#pair.a.size, this.#pair.b.size - this.store.getState().shift);
  }
  get scan(): Scan {
    const { job, before } = this.store.getState();
    return scanOf(jobOf("compare", job), before, this.extent, this.#lastProgress);
  }

  /** Takes the open images; starts the scan when they are others than before. */
  attach(pair: Pair): void {
    const known = this.#pair;
    if (known?.a.image === pair.a.image && known.b.image === pair.b.image) return;
    this.#pair = pair;
    if (!known) this.#restingCaret = this.#views.a.getState().caret;
    this.rescan();
  }

  setList(list: Partial<ListState>): void {
    this.store.setState({ list: { ...this.store.getState().list, ...list } });
  }

  markStale(): void {
    if (!this.store.getState().stale) this.store.setState({ stale: true });
  }

  /** Scans from the start; the caret stays. */
  rescan(): void {
    this.table.clear();
    this.unreadable.clear();
    this.#swapped = false;
    this.#baseRow = 0;
    this.#start(0, nothingBefore);
    this.store.setState({ stale: false, waiting: false });
    for (const view of Object.values(this.#views)) keepWithin(view, this.extent);
    this.#newRows();
  }

  /** Goes on where a cancelled scan stopped. */
  resume(): void {
    const { scan } = this;
    if (scan.kind !== "ended" || !scan.cancelled) return;
    this.#baseRow = this.table.count;
    this.#start(scan.scannedTo, { totals: scan.totals, first: scan.first, joined: false });
  }

  cancel(): void {
    const { job } = this.store.getState();
    if (job !== undefined) cancelJob(job);
  }

  setStrict(strict: boolean): void {
    this.store.setState({ strict });
    this.rescan();
  }

  setShift(shift: number): void {
    if (shift === this.store.getState().shift) return;
    this.store.setState({ shift });
    this.rescan();
  }

  setLocked(locked: boolean): void {
    const { active } = this.store.getState();
    if (locked && active === "b") this.#views.a.setState(this.#views.b.getState());
    if (!locked) this.#views.b.setState(this.#views.a.getState());
    this.store.setState({ locked });
  }

  setFolded(folded: boolean): void {
    this.#maps.foldAll();
    this.store.setState({ folded });
    this.#showRows();
  }

  /** Shows the rows that the fold row at `offset` stands for. */
  unfoldAt(offset: number): void {
    const { rows } = this.store.getState();
    const row = rows.row(rows.rowOf(offset));
    if (row.kind !== "fold") return;
    this.#maps.unfold(row);
    this.#showRows();
  }

  setActive(active: Side): void {
    if (active !== this.store.getState().active) this.store.setState({ active });
  }

  /** Makes A of B and B of A; exact without a scan, unless B is shifted. */
  swap(): void {
    if (!this.#pair) return;
    const { shift, locked, active } = this.store.getState();
    this.#pair = { a: this.#pair.b, b: this.#pair.a };
    if (!locked) this.#views = { a: this.#views.b, b: this.#views.a };
    this.store.setState({ active: active === "a" ? "b" : "a", shift: shift === 0 ? 0 : -shift });
    if (shift === 0) {
      this.table.swapSides();
      this.unreadable.swapSides();
      this.#swapped = !this.#swapped;
      this.#changed();
    } else {
      for (const view of Object.values(this.#views)) moveBy(view, shift, this.extent);
      this.rescan();
    }
  }

  /** F8 and its like: goes, waits for the scan, or says that there is no more. */
  step(direction: Direction): void {
    const taken = this.#decide(direction);
    const caret = this.#reference;
    this.#armed = taken.kind === "end" ? { direction, caret } : undefined;
    this.store.setState({ waiting: taken.kind === "wait" });
    if (taken.kind === "go") this.goTo(taken.offset);
    else if (taken.kind === "wait") this.#sayWaiting();
    else useView.getState().say(taken.note);
  }

  stopWaiting(): void {
    this.store.setState({ waiting: false });
    useView.getState().say(undefined);
  }

  first(): void {
    if (this.table.count > 0) this.goTo(this.table.offset(0));
  }
  last(): void {
    if (this.table.count > 0) this.goTo(this.table.offset(this.table.count - 1));
  }
  /** The next difference in another cluster than the caret's. */
  nextCluster(clusterSize: number): void {
    const offset = this.table.nextCluster(this.activeView.getState().caret, clusterSize);
    if (offset !== undefined) this.goTo(offset);
    else useView.getState().say("No difference in a later cluster");
  }

  /** Shows an offset in both panes, also when they scroll apart: a difference is looked at on both sides. */
  goTo(offset: number): void {
    this.#armed = undefined;
    useView.getState().say(undefined);
    const { rows } = this.store.getState();
    for (const view of this.#shownViews) view.jumpTo(offset, rows);
    void this.#land(offset);
  }

  /** Shows an offset without a place in the history: a look while moving through the list. */
  peek(offset: number): void {
    const { rows } = this.store.getState();
    for (const view of this.#shownViews) reveal(view, offset, rows);
    void this.#land(offset);
  }

  /** Moves the caret on from a run's start to the first byte that differs, unless it went elsewhere meanwhile. */
  async #land(offset: number): Promise<void> {
    const pair = this.#pair;
    const row = this.table.rowAt(offset);
    if (!pair || row === undefined || this.table.offset(row) !== offset) return;
    const caret = await firstDifference(pair.a, pair.b, offset, this.store.getState().shift);
    if (caret === undefined || pair !== this.#pair) return;
    this.#landed = { start: offset, caret };
    const { rows } = this.store.getState();
    for (const view of this.#shownViews) refine(view, offset, caret, rows);
  }

  /** Where stepping counts from: a caret that landed inside a run stands for the run's start. */
  get #reference(): number {
    const { caret } = this.activeView.getState();
    return this.#landed?.caret === caret ? this.#landed.start : caret;
  }

  #decide(direction: Direction): Step {
    const { scan } = this;
    const caret = this.#reference;
    return step(direction, {
      table: this.table,
      caret,
      scanning: scan.kind === "scanning" && scan.phase === undefined,
      complete: isScanned(scan),
      scannedTo: scan.scannedTo,
      total: scan.total,
      armed: this.#armed?.caret === caret ? this.#armed.direction : undefined,
    });
  }

  #start(from: number, before: Before): void {
    const pair = this.#pair;
    if (!pair) return;
    const { job: previous, strict, shift } = this.store.getState();
    if (previous !== undefined) forgetJob(previous);
    // A resumed scan goes on with the sides as they are now.
    this.#swapped = false;
    this.#lastProgress = undefined;
    this.#joins = from > 0;
    const request = {
      a: pair.a.image,
      b: pair.b.image,
      strict,
      from,
      shift,
      rowsBefore: this.table.count,
    };
    let own: number | undefined;
    const onItems = (items: readonly CompareItem[]) => {
      if (own === undefined || own === this.store.getState().job) this.#take(items);
    };
    own = startJob("compare", request, `Compare ${pair.a.file.name} with ${pair.b.file.name}`, onItems);
    this.store.setState({ job: own, before });
  }

  #take(items: readonly CompareItem[]): void {
    for (const item of items) {
      if (item.kind === "runs") this.#takeRuns(item);
      else if (item.kind === "signatures") this.table.applySignatures(item, this.#baseRow, this.#swapped);
      else this.unreadable.add(item.range, this.#swapped);
    }
    this.#maps.learn(this.table);
    this.#changed();
    this.#jumpToFirst();
    if (this.store.getState().waiting) this.#goIfFound();
    if (this.store.getState().folded) this.#foldSoon();
  }

  #takeRuns({ batch }: Extract<CompareItem, { kind: "runs" }>): void {
    const joined = this.table.append(batch, this.#swapped, this.#joins);
    if (batch.count > 0) this.#joins = false;
    if (!joined) return;
    this.#baseRow -= 1;
    const { before } = this.store.getState();
    this.store.setState({ before: { ...before, joined: true } });
  }

  #changed(): void {
    this.store.setState({ version: this.store.getState().version + 1 });
  }

  #jumpToFirst(): void {
    if (this.#restingCaret === undefined || this.table.count === 0) return;
    const { caret, anchor, topRow } = this.#views.a.getState();
    const untouched = caret === this.#restingCaret && anchor === caret && topRow === 0;
    this.#restingCaret = undefined;
    if (untouched) this.first();
  }

  #goIfFound(): void {
    if (this.#decide("next").kind === "go") this.step("next");
    else this.#sayWaiting();
  }

  #sayWaiting(): void {
    const { scan } = this;
    useView.getState().say(waitingText(scan.kind === "scanning" ? scan.rate : undefined));
  }

  #onJob(job: Job<"compare">): void {
    if (job.state.kind === "running") {
      this.#lastProgress = job.state.progress ?? this.#lastProgress;
      if (this.store.getState().waiting) this.#sayWaiting();
      if (this.store.getState().folded) this.#foldSoon();
      return;
    }
    this.#restingCaret = undefined;
    if (this.store.getState().folded) this.#showRows();
    if (this.store.getState().waiting) this.step("next");
  }

  #foldSoon(): void {
    this.#foldTimer ??= setTimeout(() => {
      this.#foldTimer = undefined;
      if (this.store.getState().folded) this.#showRows();
    }, foldEveryMs);
  }

  /** Rows from scratch: another width, other images, another scan. */
  #newRows(): void {
    this.#maps.reset(this.extent, usePrefs.getState().bytesPerRow);
    this.#showRows();
  }

  #showRows(): void {
    const { folded, rows: before } = this.store.getState();
    const rows = folded ? this.#maps.folded(this.table, this.scan.scannedTo) : this.#maps.plain();
    const putBack = [this.#views.a, this.#views.b].map((view) => keepPlace(view, before));
    this.store.setState({ rows });
    for (const put of putBack) put(rows);
  }
}
