// The map of one image's file: its scan, the check that lists its problems, the cursor and what is known of its place.
// Lives outside React, one for each tab, so that switching tabs keeps everything.
import { createStore } from "zustand/vanilla";
import { type PlainError, toPlain } from "../../../core/base/errors.ts";
import type { Finding } from "../../../core/block/finding.ts";
import type { MapGuestPlace, MapOrder, MapPlace, MapSoFar, MapSummary } from "../../../core/ops/mapRun.ts";
import type { OpenedImage } from "../../../electron/ipc/contract.ts";
import { call } from "../../api.ts";
import type { MapCell, MapShape, MapSource, MapView } from "../../map/contract.ts";
import { createMapView } from "../../map/view.ts";
import {
  askableId,
  cancelJob,
  forgetJob,
  type Job,
  jobOf,
  setResting,
  setStop,
  startJob,
  useJobs,
} from "../../store/jobs.ts";
import { TabMap } from "../../store/tabMap.ts";
import { useView } from "../../store/view.ts";
import { count, decimal, percent } from "../../widgets/format.ts";
import { ProblemList } from "./problems.ts";

/** What is known of the cluster the card speaks of. */
export type PlaceState =
  | { readonly kind: "none" }
  | { readonly kind: "loading"; readonly cell: MapCell }
  | { readonly kind: "known"; readonly cell: MapCell; readonly place: MapPlace }
  /** A part of the guest's disk that has no place in the file. */
  | { readonly kind: "guest"; readonly cell: MapCell; readonly guest: MapGuestPlace }
  | { readonly kind: "failed"; readonly cell: MapCell; readonly error: PlainError };

export interface MapState {
  readonly order: MapOrder;
  /** The renderer's ids of the scan and the check that run or ran last. */
  readonly scan: number | undefined;
  readonly check: number | undefined;
  /** Of the last scan that came to its end, which stays while another runs; before there is one, as far as it is known. */
  readonly shown: ShownMap | undefined;
  readonly place: PlaceState;
  /** Grows with the list of problems. */
  readonly version: number;
  /** Row of the list. */
  readonly problem: number | undefined;
  readonly asTable: boolean;
}

export type ShownMap = {
  readonly job: number;
  /** By order; the guest's is undefined where the format has none, and until the scan is over. */
  readonly sources: { readonly file: MapSource; readonly guest: MapSource | undefined };
} & (
  | { readonly isComplete: true; readonly summary: MapSummary }
  | { readonly isComplete: false; readonly summary: MapSoFar }
);

const restMs = 60;
/** A scan that does not come to a stop in this time is cancelled. */
const stopMs = 2000;
/** References listed in the card. */
export const listedReferences = 200;

const nothing = { clusters: 1, clusterSize: 512, fileSize: 512, levels: 1 };

export class MapSession {
  readonly problems = new ProblemList();
  readonly views: Readonly<Record<MapOrder, MapView>> = {
    file: createMapView(nothing),
    guest: createMapView(nothing),
  };
  readonly store = createStore<MapState>()(() => ({
    order: "file",
    scan: undefined,
    check: undefined,
    shown: undefined,
    place: { kind: "none" },
    version: 0,
    problem: undefined,
    asTable: false,
  }));
  readonly #node: string;
  #image: OpenedImage | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Where to go once the map is there: a byte of the file. */
  #goal: number | undefined;
  /** F8 was pressed at the last problem. */
  #armed: "next" | "previous" | undefined;
  /** Those who show cells of the scan that runs. */
  readonly #growing = new Set<() => void>();
  readonly #stopJobs: () => void;

  /** `node` is the path of the format's node. */
  constructor(node: string) {
    this.#node = node;
    this.#stopJobs = useJobs.subscribe(() => this.#onJobs());
  }

  dispose(): void {
    this.#stopJobs();
    clearTimeout(this.#timer);
    const { scan, check, shown } = this.store.getState();
    for (const job of new Set([scan, check, shown?.job])) if (job !== undefined) forgetJob(job);
    this.problems.clear();
  }

  /** Of the order that shows. */
  get view(): MapView {
    return this.views[this.store.getState().order];
  }
  get scan(): Job<"map"> | undefined {
    return jobOf("map", this.store.getState().scan);
  }
  get check(): Job<"check"> | undefined {
    return jobOf("check", this.store.getState().check);
  }
  /** The scan was told to stand still: it can go on. */
  get resting(): boolean {
    const state = this.scan?.state;
    return state?.kind === "running" && state.resting;
  }
  /** The scan or the check that runs: not one that stands still. */
  get running(): Job<"map"> | Job<"check"> | undefined {
    const scan = this.resting ? undefined : this.scan;
    return [scan, this.check].find((job) => job?.state.kind === "running");
  }
  /** Path of the node whose bytes the map's offsets are of. */
  get fileNode(): string {
    const file = this.#node === "" ? "file" : `${this.#node}/file`;
    const hasTables = this.store.getState().shown?.summary.hasTables ?? true;
    return hasTables ? file : this.#node;
  }

  /** Takes the open image; scans when it is another than before. */
  attach(image: OpenedImage): void {
    if (this.#image?.image === image.image) return;
    this.#image = image;
    this.rescan();
  }

  rescan(): void {
    const image = this.#image;
    if (!image) return;
    const { scan, check, shown } = this.store.getState();
    if (scan !== undefined && !(shown?.isComplete && scan === shown.job)) forgetJob(scan);
    if (check !== undefined) forgetJob(check);
    if (shown?.isComplete === false) this.#drop();
    const started = startJob("map", { image: image.image, node: this.#node }, `Map of ${image.file.name}`);
    setStop(started, () => this.cancel());
    this.store.setState({ scan: started, check: undefined });
  }

  /** Ends the check; the scan too, or has it stand still where there is no other map to show. */
  cancel(): void {
    const { scan, check, shown } = this.store.getState();
    if (check !== undefined) cancelJob(check);
    if (scan === undefined || this.scan?.state.kind !== "running") return;
    const job = askableId(scan);
    if (shown?.isComplete || job === undefined) cancelJob(scan);
    else void this.#rest(scan, job);
  }

  /** From where the scan stands still. */
  async goOn(): Promise<void> {
    const { scan } = this.store.getState();
    const job = scan === undefined ? undefined : askableId(scan);
    if (!this.resting || scan === undefined || job === undefined) return;
    setResting(scan, false);
    try {
      await call("map:pause", { job, paused: false });
    } catch {
      // Its thread is gone.
      if (scan === this.store.getState().scan) this.rescan();
      return;
    }
    this.#checkAgain();
  }

  /** Shows the cluster of a byte of the file, now or when the map is there; or of the guest's disk, where there is its order. */
  goTo(offset: number, space: MapOrder = "file"): void {
    const { shown } = this.store.getState();
    if (shown === undefined) {
      if (space === "file") this.#goal = offset;
      return;
    }
    const order = shown.sources[space] === undefined ? "file" : space;
    const { clusterSize, clusters } = shown.sources[order] ?? shown.sources.file;
    const cluster = Math.min(clusters - 1, Math.floor(offset / clusterSize));
    this.setOrder(order);
    this.views[order].showRange({ first: cluster, count: 1 });
    this.cursorAt({
      cluster,
      clusters: 1,
      offset: cluster * clusterSize,
      length: clusterSize,
      kind: undefined,
    });
  }

  /** The cursor came to a cell: the card speaks of the worst of its clusters. */
  cursorAt(cell: MapCell): void {
    const { place } = this.store.getState();
    if (place.kind !== "none" && sameCell(place.cell, cell)) return;
    this.#armed = undefined;
    this.store.setState({ place: { kind: "loading", cell } });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#ask(cell), restMs);
  }

  retryPlace(): void {
    const { place } = this.store.getState();
    if (place.kind !== "none") void this.#ask(place.cell);
  }

  /** F8 and its like: the next problem of the list, or the next bad cluster where there is no list. */
  step(direction: "next" | "previous"): void {
    const { problem } = this.store.getState();
    const rows = this.problems.count;
    if (rows === 0) {
      useView.getState().say(this.#noneText());
      return;
    }
    const at = problem ?? (direction === "next" ? -1 : rows);
    const to = direction === "next" ? at + 1 : at - 1;
    const isEnd = to < 0 || to >= rows;
    if (isEnd && this.#armed !== direction) {
      this.#armed = direction;
      useView.getState().say(direction === "next" ? "Last problem" : "First problem");
      return;
    }
    this.showProblem((to + rows) % rows);
  }

  /** Where the bytes of a part of the file are shown from: at the problem that was chosen in it, else at its start. */
  openOffset(offset: number, length: number): number {
    const { problem } = this.store.getState();
    const chosen = problem === undefined ? undefined : this.problems.at(problem)?.offset;
    return chosen !== undefined && chosen >= offset && chosen < offset + length ? chosen : offset;
  }

  /** The next problem of the list that is in another cluster than the one at hand. */
  stepCluster(): void {
    const { problem, shown } = this.store.getState();
    const { clusterSize = 1 } = shown?.summary ?? {};
    const clusterOf = (row: number) => Math.floor((this.problems.at(row)?.offset ?? 0) / clusterSize);
    const from = problem ?? -1;
    let to = from + 1;
    while (problem !== undefined && to < this.problems.count && clusterOf(to) === clusterOf(from)) to++;
    if (to < this.problems.count) this.showProblem(to);
    else
      useView.getState().say(this.problems.count === 0 ? this.#noneText() : "No problem in a later cluster");
  }

  first(): void {
    if (this.problems.count > 0) this.showProblem(0);
  }
  last(): void {
    if (this.problems.count > 0) this.showProblem(this.problems.count - 1);
  }

  showProblem(row: number): void {
    const finding = this.problems.at(row);
    if (!finding) return;
    this.#armed = undefined;
    this.store.setState({ problem: row });
    useView.getState().say(undefined);
    this.goTo(finding.offset);
  }

  /** Whether the map is in the order of the file or of the guest's disk. */
  setOrder(order: MapOrder): void {
    if (order === this.store.getState().order) return;
    this.store.setState({ order, place: { kind: "none" } });
  }

  setTable(asTable: boolean): void {
    this.store.setState({ asTable });
  }

  #noneText(): string {
    const job = this.check;
    if (job?.state.kind === "running") return "No problems found yet";
    if (job?.state.kind === "done" && job.state.summary.result !== undefined) return "No problems";
    return "No problems are known";
  }

  async #rest(scan: number, job: number): Promise<void> {
    setResting(scan, true);
    const giveUp = () => {
      setResting(scan, false);
      cancelJob(scan);
    };
    const timer = setTimeout(giveUp, stopMs);
    try {
      await call("map:pause", { job, paused: true });
    } catch {
      // It has not begun yet, or its thread is gone.
      giveUp();
    }
    clearTimeout(timer);
  }

  #onJobs(): void {
    const { scan: id, shown } = this.store.getState();
    const state = this.scan?.state;
    if (id === undefined || state === undefined) return;
    const isShown = shown?.job === id;
    if (state.kind === "running") {
      const soFar = state.progress?.totals.soFar;
      if (soFar && !shown?.isComplete) this.#grow(id, soFar);
    } else if (state.kind === "done") {
      const { summary } = state.summary;
      if (summary !== undefined && !(isShown && shown.isComplete)) this.#show(id, summary);
    } else if (isShown && !shown.isComplete) this.#drop();
  }

  /** The map of a scan that is gone before its end. */
  #drop(): void {
    this.problems.clear();
    this.store.setState({
      shown: undefined,
      place: { kind: "none" },
      problem: undefined,
      version: this.store.getState().version + 1,
    });
  }

  /** A version of the map of the scan that runs. */
  #grow(job: number, summary: MapSoFar): void {
    const { shown } = this.store.getState();
    if (shown?.job === job) {
      if (shown.isComplete || shown.summary.version === summary.version) return;
      this.store.setState({ shown: { ...shown, summary } });
      for (const tell of this.#growing) tell();
      return;
    }
    const onGrowth = (tell: () => void) => {
      this.#growing.add(tell);
      return () => this.#growing.delete(tell);
    };
    const { clusters, clusterSize, fileSize, levels } = summary;
    const file = sourceOf(job, "file", { clusters, clusterSize, fileSize, levels }, onGrowth);
    this.views.file.reshape(file);
    this.problems.clear();
    this.store.setState({
      order: "file",
      shown: { job, isComplete: false, summary, sources: { file, guest: undefined } },
      version: this.store.getState().version + 1,
    });
    // A scan that was stopped before anything of it showed has no check beside it either.
    if (!this.resting) this.#checkAgain();
    this.#goToGoal();
  }

  #show(job: number, summary: MapSummary): void {
    const { shown, place, order } = this.store.getState();
    const isGrown = shown?.job === job;
    const sources = sourcesOf(job, summary);
    this.views.file.reshape(sources.file);
    if (sources.guest) this.views.guest.reshape(sources.guest);
    else if (order === "guest") this.store.setState({ order: "file" });
    this.store.setState({
      shown: { job, isComplete: true, summary, sources },
      place: { kind: "none" },
    });
    if (shown !== undefined && !isGrown) {
      forgetJob(shown.job);
      this.problems.clear();
      this.store.setState({ problem: undefined, version: this.store.getState().version + 1 });
    }
    if (shown?.isComplete && isSameState(shown.summary, summary)) {
      useView.getState().say("The file has not changed since the scan before");
    }
    this.#checkAgain();
    if (!this.#goToGoal() && place.kind !== "none") this.cursorAt(place.cell);
  }

  #goToGoal(): boolean {
    const goal = this.#goal;
    this.#goal = undefined;
    if (goal !== undefined) this.goTo(goal);
    return goal !== undefined;
  }

  /** Unless there is nothing to check, or a check that was begun with this scan runs or has come to its end. */
  #checkAgain(): void {
    const { shown } = this.store.getState();
    if (shown?.summary.hasTables !== true) return;
    const state = this.check?.state;
    if (state?.kind === "running" && !state.cancelling) return;
    if (state?.kind === "done" || state?.kind === "failed") return;
    const { check, version } = this.store.getState();
    if (check !== undefined) forgetJob(check);
    this.problems.clear();
    this.store.setState({ problem: undefined, version: version + 1 });
    this.#startCheck();
  }

  #startCheck(): void {
    const image = this.#image;
    if (!image) return;
    let own: number | undefined;
    const onItems = (findings: readonly Finding[]) => {
      if (own !== undefined && own !== this.store.getState().check) return;
      this.problems.append(findings);
      this.store.setState({ version: this.store.getState().version + 1 });
    };
    const request = { image: image.image, node: this.#node };
    own = startJob("check", request, `Check of ${image.file.name}`, onItems);
    this.store.setState({ check: own });
  }

  async #ask(cell: MapCell): Promise<void> {
    const { shown, order } = this.store.getState();
    const job = shown && askableId(shown.job);
    if (shown === undefined || job === undefined) return;
    const isCurrent = () => {
      const { place } = this.store.getState();
      return place.kind !== "none" && place.cell === cell;
    };
    try {
      const worst = await worstIn(job, cell, order);
      const offset = worst * this.views[order].getState().shape.clusterSize;
      const guest = order === "guest" ? await call("map:guestPlace", { job, offset }) : undefined;
      const host = guest ? guest.fileOffset : offset;
      if (host === undefined) {
        if (isCurrent() && guest) this.store.setState({ place: { kind: "guest", cell, guest } });
        return;
      }
      const place = await call("map:place", { job, offset: host, limit: listedReferences });
      if (isCurrent()) this.store.setState({ place: { kind: "known", cell, place } });
    } catch (error) {
      if (isCurrent()) this.store.setState({ place: { kind: "failed", cell, error: toPlain(error) } });
    }
  }
}

/** Both are of one file, to which nobody has written from the first scan to the second. */
function isSameState({ identity: a }: MapSummary, { identity: b }: MapSummary): boolean {
  return a !== undefined && a.state === b?.state && !b.isChanged;
}

/** Where among the problems the person is: nothing is said to have none before all of it was checked. */
export function stepText({ store, problems, check }: MapSession): string {
  const { problem, shown } = store.getState();
  if (problem !== undefined) return `${decimal(problem + 1)} of ${decimal(problems.count)}`;
  if (shown?.isComplete && !shown.summary.hasTables) return "nothing to check";
  const state = check?.state;
  const isOver = state?.kind === "done" && state.summary.result !== undefined;
  if (isOver) return problems.count === 0 ? "no problems" : count(problems.count, "problem");
  return problems.count === 0 ? "none so far" : `${decimal(problems.count)} so far`;
}

/** Why the map has no order of the guest's disk. */
export function noGuestText(shown: ShownMap | undefined): string {
  return shown?.isComplete === false && shown.summary.hasTables
    ? "The order of the guest's disk is known when the scan is over"
    : "This map has one order, that of the file";
}

/** How far the scan has come. */
export function scannedPercent({ scan }: MapSession): number {
  const progress = scan?.state.kind === "running" ? scan.state.progress : undefined;
  return progress === undefined ? 0 : percent(progress.done, progress.total);
}

const sameCell = (a: MapCell, b: MapCell) =>
  a.cluster === b.cluster && a.clusters === b.clusters && a.kind === b.kind;

/** The first cluster of the cell that is of its kind. */
async function worstIn(job: number, { cluster, clusters, kind }: MapCell, order: MapOrder): Promise<number> {
  if (clusters === 1 || kind === undefined) return cluster;
  const found = await call("map:next", { job, from: cluster, kinds: [kind], backwards: false, order });
  return found !== undefined && found >= cluster && found < cluster + clusters ? found : cluster;
}

function sourcesOf(job: number, summary: MapSummary): ShownMap["sources"] {
  const { clusters, clusterSize, fileSize, levels, guestCells } = summary;
  const file = sourceOf(job, "file", { clusters, clusterSize, fileSize, levels });
  if (guestCells === undefined) return { file, guest: undefined };
  const { count, cellSize, size } = guestCells;
  const shape = { clusters: count, clusterSize: cellSize, fileSize: size, levels: guestCells.levels };
  return { file, guest: sourceOf(job, "guest", shape) };
}

function sourceOf(id: number, order: MapOrder, shape: MapShape, onGrowth?: MapSource["onGrowth"]): MapSource {
  return {
    ...shape,
    onGrowth,
    async tile(level, first, count) {
      const job = askableId(id);
      if (job === undefined) throw new Error("the map is no longer there");
      return call("map:tile", { job, level, first, count, order });
    },
  };
}

const sessions = new TabMap<MapSession>((session) => session.dispose());

/** The session of a tab; made when first asked for, ended with the tab. */
export function mapSessionOf(tabId: string, node: string): MapSession {
  return sessions.of(tabId, () => new MapSession(node));
}
