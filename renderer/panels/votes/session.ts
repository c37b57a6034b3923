// The vote map of one quorum: its scan, table and caret. Lives outside React, one for each tab, so that switching tabs
// keeps results and the scan going.
import { createStore } from "zustand/vanilla";
import type { VoteMapTotals, VoteRun } from "../../../core/ops/voteRun.ts";
import type { OpenedImage } from "../../../electron/ipc/contract.ts";
import { createHexView, plainRows, type RowMap } from "../../hex/model.ts";
import { cancelJob, forgetJob, type Job, jobOf, startJob, useJobs } from "../../store/jobs.ts";
import { usePrefs } from "../../store/prefs.ts";
import { TabMap } from "../../store/tabMap.ts";
import { useView } from "../../store/view.ts";
import { type Direction, type Step, step, waitingText } from "../compare/stepping.ts";
import { reveal } from "../compare/views.ts";
import { noTotals, scanOf, type VoteScan } from "./scan.ts";
import { oddOneOut, VoteTable } from "./voteTable.ts";

export interface VotesState {
  /** The renderer's id of the scan that runs or ran last. */
  readonly job: number | undefined;
  /** What cancelled parts of the scan found. */
  readonly before: VoteMapTotals;
  /** Grows with every change of the table. */
  readonly version: number;
  /** Number of the copy that shows beside the majority. */
  readonly child: number;
  readonly active: "a" | "b";
  /** F8 waits for the scan to find the next range. */
  readonly waiting: boolean;
}

/** Bytes that the node has for those above it. */
export const sizeOf = ({ nodes }: OpenedImage, node: string): number =>
  nodes.find(({ path }) => path === node)?.size ?? 0;

export class VotesSession {
  readonly table = new VoteTable();
  readonly view = createHexView();
  readonly store = createStore<VotesState>()(() => ({
    job: undefined,
    before: noTotals,
    version: 0,
    child: 0,
    active: "b",
    waiting: false,
  }));
  readonly #node: string;
  #image: OpenedImage | undefined;
  /** The caret is where it was at first: it goes to the first range found. */
  #resting = true;
  #armed: { readonly direction: Direction; readonly caret: number } | undefined;
  readonly #stopJobs: () => void;

  /** `node` is the quorum's path. */
  constructor(node: string) {
    this.#node = node;
    let last: Job<"votes"> | undefined;
    this.#stopJobs = useJobs.subscribe(() => {
      const job = this.#job;
      if (job === last) return;
      last = job;
      if (!this.store.getState().waiting || job === undefined) return;
      if (job.state.kind === "running") this.#sayWaiting();
      else this.step("next");
    });
  }

  dispose(): void {
    this.#stopJobs();
    const { job } = this.store.getState();
    if (job !== undefined) forgetJob(job);
    this.table.clear();
  }

  get size(): number {
    return this.#image === undefined ? 0 : sizeOf(this.#image, this.#node);
  }
  get rows(): RowMap {
    return plainRows(this.size, usePrefs.getState().bytesPerRow);
  }
  get scan(): VoteScan {
    return scanOf(this.#job, this.store.getState().before, this.size);
  }
  get #job(): Job<"votes"> | undefined {
    return jobOf("votes", this.store.getState().job);
  }

  /** Takes the open image; starts the scan when it is another than before. */
  attach(image: OpenedImage): void {
    if (this.#image?.image === image.image) return;
    this.#image = image;
    this.rescan();
  }

  rescan(): void {
    this.table.clear();
    this.#start(0, noTotals);
  }

  /** Goes on where a cancelled scan stopped. */
  resume(): void {
    const { scan } = this;
    if (scan.kind === "ended" && scan.cancelled) this.#start(scan.scannedTo, scan.totals);
  }

  cancel(): void {
    const { job } = this.store.getState();
    if (job !== undefined) cancelJob(job);
  }

  choose(child: number): void {
    this.store.setState({ child });
  }
  setActive(active: "a" | "b"): void {
    if (active !== this.store.getState().active) this.store.setState({ active });
  }

  /** F8 and its like: goes, waits for the scan, or says that there is no more. */
  step(direction: Direction): void {
    const taken = this.#decide(direction);
    const { caret } = this.view.getState();
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

  /** Goes to an offset and shows the copy that is the odd one out there. */
  goTo(offset: number): void {
    this.#armed = undefined;
    useView.getState().say(undefined);
    this.#chooseAt(offset);
    this.view.jumpTo(offset, this.rows);
  }

  /** Shows an offset without a place in the history. */
  peek(offset: number): void {
    this.#chooseAt(offset);
    reveal(this.view, offset, this.rows);
  }

  #chooseAt(offset: number): void {
    const row = this.table.rowAt(offset);
    const run = row === undefined ? undefined : this.table.run(row);
    if (run !== undefined) this.choose(oddOneOut(run));
  }

  #decide(direction: Direction): Step {
    const { scan } = this;
    const { caret } = this.view.getState();
    return step(direction, {
      table: this.table,
      caret,
      scanning: scan.kind === "scanning",
      complete: scan.kind === "ended" && !scan.cancelled,
      scannedTo: scan.scannedTo,
      total: scan.total,
      armed: this.#armed?.caret === caret ? this.#armed.direction : undefined,
    });
  }

  #start(from: number, before: VoteMapTotals): void {
    const image = this.#image;
    if (!image) return;
    const { job: previous } = this.store.getState();
    if (previous !== undefined) forgetJob(previous);
    const request = { image: image.image, node: this.#node, from, runsBefore: this.table.count };
    let own: number | undefined;
    const onItems = (runs: readonly VoteRun[]) => {
      if (own === undefined || own === this.store.getState().job) this.#take(runs);
    };
    own = startJob("votes", request, `Votes of ${image.file.name}`, onItems);
    this.store.setState({ job: own, before, waiting: false, version: this.store.getState().version + 1 });
  }

  #take(runs: readonly VoteRun[]): void {
    this.table.append(runs);
    this.store.setState({ version: this.store.getState().version + 1 });
    const { caret, topRow } = this.view.getState();
    if (this.#resting && this.table.count > 0) {
      this.#resting = false;
      if (caret === 0 && topRow === 0) this.first();
    }
    if (this.store.getState().waiting && this.#decide("next").kind === "go") this.step("next");
  }

  #sayWaiting(): void {
    const { scan } = this;
    useView.getState().say(waitingText(scan.kind === "scanning" ? scan.rate : undefined));
  }
}

const sessions = new TabMap<VotesSession>((session) => session.dispose());

/** The session of a tab; made when first asked for, ended with the tab. */
export function votesSessionOf(tabId: string, node: string): VotesSession {
  return sessions.of(tabId, () => new VotesSession(node));
}
