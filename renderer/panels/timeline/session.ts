// A timeline outside React: the job that holds the log's index, the entry at the scrub line and what is known of it, the
// filter and its rows, the history of a place, playing, following a log that grows, and notes.
import { create } from "zustand";
import { createStore } from "zustand/vanilla";
import { type PlainError, toPlain } from "../../../core/base/errors.ts";
import type { LogDetail, LogHistoryEntry, LogSummary } from "../../../core/ops/logIndexRun.ts";
import { parseQuery } from "../../../core/query/parse.ts";
import { entryFlags } from "../../../core/writelog/layout.ts";
import type { FileRef, OpenedImage } from "../../../electron/ipc/contract.ts";
import { call } from "../../api.ts";
import { useImages } from "../../store/images.ts";
import { askableId, cancelJob, forgetJob, type Job, jobOf, startJob, useJobs } from "../../store/jobs.ts";
import { useView } from "../../store/view.ts";
import { decimal } from "../../widgets/format.ts";
import { EntryPages } from "./entryPages.ts";
import { loadNotes, logIdentity, type Notes, saveNotes, withNote } from "./notes.ts";
import { type LogProblem, problemsOf } from "./problems.ts";

export type DetailState =
  | { readonly kind: "none" }
  /** `before` is the last one, so that its room is kept. */
  | { readonly kind: "loading"; readonly before: LogDetail | undefined }
  | { readonly kind: "known"; readonly detail: LogDetail }
  | { readonly kind: "failed"; readonly error: PlainError };

export interface FilterState {
  /** As typed, and as it is in force: the last text that is right. */
  readonly text: string;
  readonly applied: string;
  /** What is wrong with the text, and where. */
  readonly wrong: { readonly message: string; readonly at: number; readonly length: number } | undefined;
  /** Why its entries can't be found. */
  readonly error: PlainError | undefined;
  /** Entries that pass; undefined while they are being found. */
  readonly total: number | undefined;
}

export interface HistoryState {
  readonly offset: number;
  readonly length: number;
  /** Newest first. */
  readonly entries: readonly LogHistoryEntry[];
  readonly next: number | undefined;
  readonly isLoading: boolean;
  readonly error: PlainError | undefined;
}

export type DetailTab = "entry" | "history" | "notes";

export interface ShownLog {
  readonly job: number;
  readonly summary: LogSummary;
  /** Grows when entries come or change: what was asked before is of other entries. */
  readonly generation: number;
}

export interface TimelineState {
  /** The renderer's id of the job that runs or ran last. */
  readonly job: number | undefined;
  readonly shown: ShownLog | undefined;
  /** The scrub line. */
  readonly entry: number;
  /** Position of that entry among those that pass; undefined where it does not. */
  readonly place: number | undefined;
  readonly filter: FilterState;
  /** Grows when rows have come. */
  readonly rows: number;
  readonly detail: DetailState;
  /** First byte that the detail shows, from the entry's beginning. */
  readonly from: number;
  readonly tab: DetailTab;
  readonly history: HistoryState | undefined;
  readonly playing: boolean;
  /** Entries a second. */
  readonly rate: number;
  readonly following: boolean;
  readonly busy: "recovering" | "reading on" | undefined;
  readonly notes: Notes;
  /** The entry whose state was remembered, to be compared with another. */
  readonly pinned: number | undefined;
  /** The disk before the first entry; undefined where it is not known. */
  readonly base: FileRef | undefined;
  /** Without the plot: the table is all there is. */
  readonly asTable: boolean;
}

export const rates = [1, 5, 20, 100, 1000] as const;
/** Bytes that the detail shows at once. */
export const window_ = 256;
const restMs = 60;
const filterMs = 150;
const followMs = 1000;
const historyPage = 200;
const fastestTickMs = 50;

const noFilter: FilterState = { text: "", applied: "", wrong: undefined, error: undefined, total: undefined };

export class TimelineSession {
  readonly store = createStore<TimelineState>()(() => ({
    job: undefined,
    shown: undefined,
    entry: 0,
    place: 0,
    filter: noFilter,
    rows: 0,
    detail: { kind: "none" },
    from: 0,
    tab: "entry",
    history: undefined,
    playing: false,
    rate: 5,
    following: false,
    busy: undefined,
    notes: new Map(),
    pinned: undefined,
    base: undefined,
    asTable: false,
  }));
  /** Puts the focus into the filter, while it shows. */
  focusFilter: (() => void) | undefined;
  readonly pages = new EntryPages(() => this.store.setState({ rows: this.store.getState().rows + 1 }));
  #image: OpenedImage | undefined;
  #identity: string | undefined;
  #goal: (() => void) | undefined;
  #detailTimer: ReturnType<typeof setTimeout> | undefined;
  #filterTimer: ReturnType<typeof setTimeout> | undefined;
  #followTimer: ReturnType<typeof setTimeout> | undefined;
  #playTimer: ReturnType<typeof setInterval> | undefined;
  #armed: "next" | "previous" | undefined;
  readonly #stopJobs: () => void;

  constructor() {
    this.#stopJobs = useJobs.subscribe(() => this.#onJobs());
  }

  dispose(): void {
    this.#stopJobs();
    this.pause();
    clearTimeout(this.#detailTimer);
    clearTimeout(this.#filterTimer);
    clearTimeout(this.#followTimer);
    const { job, shown } = this.store.getState();
    for (const each of new Set([job, shown?.job])) if (each !== undefined) forgetJob(each);
  }

  get job(): Job<"logIndex"> | undefined {
    return jobOf("logIndex", this.store.getState().job);
  }
  get image(): OpenedImage | undefined {
    return this.#image;
  }
  /** The image that is the disk before the log, while it is open. */
  get base(): OpenedImage | undefined {
    const token = this.store.getState().base?.token;
    const known = token === undefined ? undefined : useImages.getState().byToken[token];
    return known?.kind === "open" ? known.image : undefined;
  }
  get summary(): LogSummary | undefined {
    return this.store.getState().shown?.summary;
  }
  get problems(): readonly LogProblem[] {
    const { summary } = this;
    return summary === undefined ? [] : problemsOf(summary);
  }
  /** Main's id of the job that answers. Throws where there is none any more. */
  get asked(): number {
    const { shown } = this.store.getState();
    const id = shown && askableId(shown.job);
    if (id === undefined) throw new Error("the log is no longer held: read it again");
    return id;
  }

  /** Takes the open file of the log; reads it when it is another than before. */
  attach(image: OpenedImage): void {
    if (this.#image?.image === image.image) return;
    this.#image = image;
    this.rescan();
  }

  rescan(recover = false): void {
    const image = this.#image;
    if (!image) return;
    this.unfollow();
    const { job, shown } = this.store.getState();
    if (job !== undefined && job !== shown?.job) forgetJob(job);
    const request = { image: image.image, growing: false, recover };
    this.store.setState({ job: startJob("logIndex", request, `Log ${image.file.name}`) });
  }

  cancel(): void {
    const { job, playing } = this.store.getState();
    if (playing) this.pause();
    else if (job !== undefined) cancelJob(job);
  }

  /** Does it when the log has been read. */
  whenRead(goal: () => void): void {
    if (this.store.getState().shown) goal();
    else this.#goal = goal;
  }

  // ------------------------------------------------------------ the entry at the scrub line

  /** Puts the scrub line on an entry; `from` is the first of its bytes that the detail shows. */
  goTo(entry: number, from = 0): void {
    const { shown, entry: before, from: shownFrom } = this.store.getState();
    if (shown === undefined || shown.summary.entries === 0) return;
    const to = Math.min(shown.summary.entries - 1, Math.max(0, entry));
    this.#armed = undefined;
    if (to === before && from === shownFrom && this.store.getState().detail.kind === "known") return;
    this.store.setState({ entry: to, from, ...(to !== before && { place: this.#placeNow(to) }) });
    this.#askDetail();
    if (to !== before) void this.#findPlace(to);
  }

  /** Moves by entries that pass the filter. */
  async step(by: number): Promise<void> {
    const { filter, entry, shown, place } = this.store.getState();
    if (filter.applied === "") return this.goTo(entry + by);
    try {
      const known = place ?? (await this.#positionOf(by > 0 ? entry : entry)).at - (by > 0 ? 1 : 0);
      const last = (filter.total ?? shown?.summary.entries ?? 1) - 1;
      await this.goToRow(Math.min(last, Math.max(0, known + by)));
    } catch (error) {
      this.#say(error);
    }
  }

  /** Puts the scrub line on the entry of a row of the table. */
  async goToRow(position: number): Promise<void> {
    const { filter } = this.store.getState();
    if (filter.applied === "") return this.goTo(position);
    const row = this.pages.at(position);
    if (row !== undefined) return this.goTo(row.entry);
    const { rows } = await call("log:rows", {
      job: this.asked,
      filter: filter.applied,
      first: position,
      count: 1,
    });
    if (rows[0]) this.goTo(rows[0].entry);
  }

  /** The next flush or mark, or the one before. */
  async stepFlush(backwards: boolean): Promise<void> {
    const { entry } = this.store.getState();
    try {
      const found = await call("log:next", {
        job: this.asked,
        from: backwards ? entry - 1 : entry + 1,
        kinds: ["mark"],
        flags: entryFlags.flush,
        backwards,
      });
      if (found !== undefined) this.goTo(found);
      else
        useView
          .getState()
          .say(backwards ? "No flush or mark before this entry" : "No flush or mark behind this entry");
    } catch (error) {
      this.#say(error);
    }
  }

  /** F8 and its like. */
  stepProblem(direction: "next" | "previous"): void {
    const { problems } = this;
    const { entry } = this.store.getState();
    if (problems.length === 0) {
      useView.getState().say("No problem is known: the log was read to its end");
      return;
    }
    const found =
      direction === "next"
        ? problems.find((problem) => problem.entry > entry)
        : problems.findLast((problem) => problem.entry < entry);
    if (found === undefined && this.#armed !== direction) {
      this.#armed = direction;
      useView.getState().say(direction === "next" ? "Last problem" : "First problem");
      return;
    }
    const to = found ?? (direction === "next" ? problems[0] : problems.at(-1));
    if (to === undefined) return;
    this.goTo(to.entry);
    useView.getState().say(to.text);
  }

  // ------------------------------------------------------------ bytes and history

  setTable(asTable: boolean): void {
    this.store.setState({ asTable });
  }

  setTab(tab: DetailTab): void {
    this.store.setState({ tab });
  }

  /** Shows other bytes of the entry. */
  showBytes(from: number): void {
    this.goTo(this.store.getState().entry, Math.max(0, from));
  }

  retryDetail(): void {
    this.#askDetail();
  }

  /** Who wrote this range of the disk? Goes to the newest of them if `go`. */
  async showHistory(offset: number, length: number, go = false): Promise<void> {
    this.store.setState({
      tab: "history",
      history: { offset, length, entries: [], next: undefined, isLoading: true, error: undefined },
    });
    await this.#askHistory(undefined);
    const first = this.store.getState().history?.entries[0];
    if (go && first) this.#goToHistory(first);
  }

  async moreHistory(): Promise<void> {
    const { history } = this.store.getState();
    if (history === undefined || history.isLoading || history.next === undefined) return;
    this.store.setState({ history: { ...history, isLoading: true } });
    await this.#askHistory(history.next);
  }

  /** The next older or newer entry that touched the place; of the current entry's sectors when none was asked for yet. */
  async stepHistory(direction: "older" | "newer"): Promise<void> {
    if (this.store.getState().history === undefined && !(await this.historyHere())) return;
    const { entry } = this.store.getState();
    const find = () => {
      const entries = this.store.getState().history?.entries ?? [];
      return direction === "older"
        ? entries.find((one) => one.entry < entry)
        : entries.findLast((one) => one.entry > entry);
    };
    let found = find();
    while (
      found === undefined &&
      direction === "older" &&
      this.store.getState().history?.next !== undefined
    ) {
      await this.moreHistory();
      found = find();
    }
    if (found) return this.#goToHistory(found);
    useView
      .getState()
      .say(direction === "older" ? "No older entry touched this place" : "No newer entry touched this place");
  }

  /** The history of what the current entry covers. */
  async historyHere(): Promise<boolean> {
    const { detail } = this.store.getState();
    const row = detail.kind === "known" ? detail.detail.row : undefined;
    if (row === undefined || row.length === 0 || (row.kind !== "write" && row.kind !== "discard")) {
      useView.getState().say("This entry is about no sectors");
      return false;
    }
    await this.showHistory(row.offset, row.length);
    return true;
  }

  showHistoryEntry(entry: LogHistoryEntry): void {
    this.#goToHistory(entry);
  }

  #goToHistory({ entry, range, touched }: LogHistoryEntry): void {
    this.goTo(entry, touched.offset - range.offset);
  }

  async #askHistory(before: number | undefined): Promise<void> {
    const asked = this.store.getState().history;
    if (asked === undefined) return;
    const { offset, length } = asked;
    const isCurrent = () => {
      const { history } = this.store.getState();
      return history?.offset === offset && history.length === length;
    };
    try {
      const request = { job: this.asked, offset, length, limit: historyPage };
      const page = await call("log:history", before === undefined ? request : { ...request, before });
      if (!isCurrent()) return;
      const entries = before === undefined ? page.entries : [...asked.entries, ...page.entries];
      this.store.setState({
        history: { offset, length, entries, next: page.next, isLoading: false, error: undefined },
      });
    } catch (error) {
      if (!isCurrent()) return;
      this.store.setState({ history: { ...asked, isLoading: false, error: toPlain(error) } });
    }
  }

  #askDetail(): void {
    const { detail } = this.store.getState();
    const before =
      detail.kind === "known" ? detail.detail : detail.kind === "loading" ? detail.before : undefined;
    this.store.setState({ detail: { kind: "loading", before } });
    clearTimeout(this.#detailTimer);
    this.#detailTimer = setTimeout(() => void this.#fetchDetail(), restMs);
  }

  async #fetchDetail(): Promise<void> {
    const { entry, from, shown } = this.store.getState();
    if (shown === undefined) return;
    const isCurrent = () => {
      const now = this.store.getState();
      return now.entry === entry && now.from === from && now.shown?.generation === shown.generation;
    };
    try {
      const detail = await call("log:detail", { job: this.asked, entry, offset: from, length: window_ });
      if (isCurrent()) this.store.setState({ detail: { kind: "known", detail } });
    } catch (error) {
      if (isCurrent()) this.store.setState({ detail: { kind: "failed", error: toPlain(error) } });
    }
  }

  // ------------------------------------------------------------ the filter and its rows

  /** Takes what is typed; it is in force shortly after, when it is right. */
  setFilter(text: string): void {
    const { filter } = this.store.getState();
    const parsed = parseQuery(text);
    const wrong = parsed.ok ? undefined : { message: parsed.message, at: parsed.at, length: parsed.length };
    this.store.setState({ filter: { ...filter, text, wrong } });
    clearTimeout(this.#filterTimer);
    if (wrong === undefined) this.#filterTimer = setTimeout(() => this.#applyFilter(), filterMs);
  }

  #applyFilter(): void {
    const { filter, entry } = this.store.getState();
    const applied = filter.text.trim();
    if (applied === filter.applied && filter.error === undefined) return;
    this.store.setState({ filter: { ...filter, applied, error: undefined, total: undefined } });
    this.#resetRows(0);
    void this.#findPlace(entry);
  }

  /** Rows in the table: entries that pass the filter. */
  get rowCount(): number {
    const { filter, shown } = this.store.getState();
    if (filter.applied === "") return shown?.summary.entries ?? 0;
    return filter.total ?? 0;
  }

  #resetRows(from: number): void {
    const { filter } = this.store.getState();
    this.pages.reset(async (first, count) => {
      const { total, rows } = await call("log:rows", {
        job: this.asked,
        filter: filter.applied,
        first,
        count,
      });
      const now = this.store.getState().filter;
      if (now.applied === filter.applied && now.applied !== "" && now.total !== total) {
        this.store.setState({ filter: { ...now, total } });
      }
      return rows;
    }, from);
    this.store.setState({ rows: this.store.getState().rows + 1 });
  }

  /** Where the entry is in the table, at once where no filter is in force. */
  #placeNow(entry: number): number | undefined {
    return this.store.getState().filter.applied === "" ? entry : undefined;
  }

  #positionOf(
    entry: number,
  ): Promise<{ readonly total: number; readonly at: number; readonly passes: boolean }> {
    const { filter } = this.store.getState();
    return call("log:place", { job: this.asked, filter: filter.applied, entry });
  }

  async #findPlace(entry: number): Promise<void> {
    const { applied } = this.store.getState().filter;
    this.store.setState({ place: this.#placeNow(entry) });
    if (applied === "") return;
    const isCurrent = () => this.store.getState().filter.applied === applied;
    try {
      const { total, at, passes } = await this.#positionOf(entry);
      if (!isCurrent()) return;
      const { filter } = this.store.getState();
      this.store.setState({
        filter: { ...filter, total, error: undefined },
        ...(this.store.getState().entry === entry && { place: passes ? at : undefined }),
      });
    } catch (error) {
      const plain = toPlain(error);
      // Another filter took its place.
      if (!isCurrent() || plain.code === "ECANCELED") return;
      this.store.setState({ filter: { ...this.store.getState().filter, error: plain } });
    }
  }

  // ------------------------------------------------------------ playing and following

  play(): void {
    const { shown, entry, rate } = this.store.getState();
    if (shown === undefined || shown.summary.entries === 0) return;
    if (entry >= shown.summary.entries - 1) this.goTo(0);
    this.store.setState({ playing: true });
    clearInterval(this.#playTimer);
    const tick = Math.max(fastestTickMs, 1000 / rate);
    this.#playTimer = setInterval(() => this.#playOn(Math.max(1, Math.round((rate * tick) / 1000))), tick);
  }

  #playOn(by: number): void {
    const { entry, shown, following } = this.store.getState();
    const last = (shown?.summary.entries ?? 0) - 1;
    if (entry >= last && !following) this.pause();
    else void this.step(by);
  }

  pause(): void {
    clearInterval(this.#playTimer);
    if (this.store.getState().playing) this.store.setState({ playing: false });
  }

  setRate(rate: number): void {
    this.store.setState({ rate });
    if (this.store.getState().playing) this.play();
  }

  /** Reads on every second, and stays at the last entry while the scrub line is there. */
  follow(): void {
    if (this.store.getState().shown === undefined) return;
    this.store.setState({ following: true });
    void this.#followOn();
  }

  unfollow(): void {
    clearTimeout(this.#followTimer);
    if (!this.store.getState().following) return;
    this.store.setState({ following: false });
    // What the log's end is when nobody writes it any more.
    void this.readOn(false).catch((error: unknown) => this.#say(error));
  }

  async #followOn(): Promise<void> {
    if (!this.store.getState().following) return;
    try {
      await this.readOn(true);
    } catch (error) {
      this.store.setState({ following: false });
      if (toPlain(error).code === "EINVAL") {
        useView.getState().say("The log was begun anew: it is read again from its beginning");
        return this.rescan();
      }
      return this.#say(error);
    }
    if (this.store.getState().following) {
      this.#followTimer = setTimeout(() => void this.#followOn(), followMs);
    }
  }

  /** Takes the entries that the log has grown by. Throws what reading on throws. */
  async readOn(growing = false): Promise<void> {
    const { shown, entry } = this.store.getState();
    if (shown === undefined) return;
    const wasLast = entry >= shown.summary.entries - 1;
    const { changed, summary } = await call("log:extend", { job: this.asked, growing });
    await this.#acceptFile();
    const before = shown.summary;
    const same =
      summary.entries === before.entries && summary.counted === before.counted && changed >= before.entries;
    if (same && summary.end.kind === before.end.kind) return;
    this.#take(summary, changed);
    if (this.store.getState().following && wasLast) this.goTo(summary.entries - 1);
  }

  /** What the file is now is what was read. */
  async #acceptFile(): Promise<void> {
    const token = this.#image?.file.token;
    if (token === undefined || useImages.getState().byToken[token]?.kind !== "open") return;
    await useImages
      .getState()
      .keep(token)
      .catch(() => undefined);
  }

  /** Looks for entries behind the wall. */
  async recover(): Promise<void> {
    if (this.store.getState().busy !== undefined) return;
    this.store.setState({ busy: "recovering" });
    try {
      const { run, summary } = await call("log:recover", { job: this.asked });
      if (run === undefined) {
        useView.getState().say("No entries were found behind the damage");
        return;
      }
      this.#take(summary, run.first);
      this.goTo(run.first);
      useView.getState().say(`${decimal(run.count)} entries were found behind the damage`);
    } catch (error) {
      this.#say(error);
    } finally {
      this.store.setState({ busy: undefined });
    }
  }

  /** Entries from `changed` on are new or others than before. */
  #take(summary: LogSummary, changed: number): void {
    const { shown, filter, entry } = this.store.getState();
    if (shown === undefined) return;
    const generation = shown.generation + 1;
    this.store.setState({ shown: { job: shown.job, summary, generation } });
    this.#resetRows(filter.applied === "" ? changed : 0);
    if (filter.applied !== "") void this.#findPlace(entry);
    this.#askDetail();
  }

  // ------------------------------------------------------------ notes and states

  /** Says which image the disk was before the log; undefined: it is not known. */
  async setBase(file: FileRef | undefined): Promise<void> {
    const before = this.store.getState().base;
    this.store.setState({ base: file });
    try {
      await this.#tellBase();
      this.#askDetail();
    } catch (error) {
      this.store.setState({ base: before });
      this.#say(error);
    }
  }

  async #tellBase(): Promise<void> {
    const { base } = this;
    await call("log:base", { job: this.asked, ...(base && { base: base.image }) });
  }

  /** Remembers the state after the current entry. */
  pin(): void {
    const { entry } = this.store.getState();
    this.store.setState({ pinned: entry });
    useView
      .getState()
      .say(`The disk after entry ${decimal(entry)} is remembered: go to another entry and compare`);
  }

  /** Sets the note on the current entry; an empty text takes it away. */
  setNote(text: string): void {
    const { notes, entry } = this.store.getState();
    if (this.#identity === undefined) return;
    try {
      const next = withNote(notes, entry, text);
      saveNotes(this.#identity, next);
      this.store.setState({ notes: next });
    } catch (error) {
      useView.getState().say(`The note was not kept: ${toPlain(error).message}`);
    }
  }

  async #loadNotes(): Promise<void> {
    const { shown } = this.store.getState();
    const image = this.#image;
    if (shown === undefined || image === undefined) return;
    try {
      const { rows } = await call("log:rows", { job: this.asked, filter: "", first: 0, count: 1 });
      this.#identity = logIdentity(image.file, shown.summary.sectorSize, rows[0]);
      this.store.setState({ notes: loadNotes(this.#identity) });
    } catch {
      // The job is gone; the next reading tries again.
    }
  }

  // ------------------------------------------------------------ the job

  #onJobs(): void {
    const { job: id, shown } = this.store.getState();
    const { job } = this;
    if (id === undefined || job?.state.kind !== "done" || shown?.job === id) return;
    const { summary } = job.state.summary;
    if (summary !== undefined) this.#show(id, summary);
  }

  #show(job: number, summary: LogSummary): void {
    const { shown, entry } = this.store.getState();
    this.store.setState({
      shown: { job, summary, generation: (shown?.generation ?? 0) + 1 },
      detail: { kind: "none" },
      history: undefined,
      entry: Math.max(0, Math.min(entry, summary.entries - 1)),
    });
    if (shown !== undefined) forgetJob(shown.job);
    this.#resetRows(0);
    void this.#loadNotes();
    if (this.store.getState().base) void this.setBase(this.store.getState().base);
    if (summary.entries > 0) {
      this.#askDetail();
      void this.#findPlace(this.store.getState().entry);
    }
    tellLogs();
    const goal = this.#goal;
    this.#goal = undefined;
    goal?.();
  }

  #say(error: unknown): void {
    const { message, context, code } = toPlain(error);
    if (code === "ECANCELED") return;
    useView.getState().say(context.hint === undefined ? message : `${message}. ${context.hint}`);
  }
}

const sessions = new Map<string, TimelineSession>();

/** The session of a tab; made when first asked for, ended with the tab. */
export function timelineSessionOf(tabId: string): TimelineSession {
  const known = sessions.get(tabId);
  if (known) return known;
  const session = new TimelineSession();
  sessions.set(tabId, session);
  return session;
}

export interface LoadedLog {
  readonly tabId: string;
  readonly name: string;
  readonly session: TimelineSession;
}

/** Logs that have been read: those that can say who wrote a byte. */
export const useLogs = create<{ readonly logs: readonly LoadedLog[] }>()(() => ({ logs: [] }));

function tellLogs(): void {
  const logs = [...sessions].flatMap(([tabId, session]) => {
    const name = session.image?.file.name;
    return name === undefined || session.store.getState().shown === undefined
      ? []
      : [{ tabId, name, session }];
  });
  useLogs.setState({ logs });
}

useView.subscribe(({ tabs }) => {
  for (const [id, session] of sessions) {
    if (tabs.some((tab) => tab.id === id)) continue;
    sessions.delete(id);
    session.dispose();
    tellLogs();
  }
});
