// A timeline outside React: the job that holds the log's index, the entry at the scrub line and what is known of it, the
// filter and its rows, the history of a place, playing, following a log that grows, and notes.
import { create } from "zustand";
import { toPlain } from "../../../core/base/errors.ts";
import type { LogSummary } from "../../../core/ops/logIndexRun.ts";
import { entryFlags } from "../../../core/writelog/layout.ts";
import type { OpenedImage } from "../../../electron/ipc/contract.ts";
import { call } from "../../api.ts";
import { useImages, whenOpened } from "../../store/images.ts";
import { askableId, cancelJob, forgetJob, type Job, jobOf, startJob, useJobs } from "../../store/jobs.ts";
import { TabMap } from "../../store/tabMap.ts";
import { useView } from "../../store/view.ts";
import { createTimelineView } from "../../timeline/view.ts";
import { decimal } from "../../widgets/format.ts";
import type { LogBase } from "./baseChoices.ts";
import { Bisect } from "./bisect.ts";
import { EntryFilter } from "./entryFilter.ts";
import { Follower } from "./follower.ts";
import { loadNotes, logIdentity, saveNotes, withNote } from "./notes.ts";
import { PlaceHistory } from "./placeHistory.ts";
import { Playback } from "./playback.ts";
import { type LogProblem, problemsOf } from "./problems.ts";
import { createTimelineStore, type DetailTab, shownBytes } from "./state.ts";

const restMs = 60;

export class TimelineSession {
  readonly store = createTimelineStore();
  /** What the plot and the minimap show. */
  readonly view = createTimelineView(0);
  readonly filter = new EntryFilter(this.store, () => this.asked);
  readonly history = new PlaceHistory(this);
  readonly playback = new Playback(this);
  readonly follower = new Follower(this);
  readonly bisect = new Bisect(this);
  /** Puts the focus into the filter, while it shows. */
  focusFilter: (() => void) | undefined;
  #image: OpenedImage | undefined;
  #identity: string | undefined;
  #goal: (() => void) | undefined;
  /** Set until the question has its answer, too. */
  #detailTimer: ReturnType<typeof setTimeout> | undefined;
  #armed: "next" | "previous" | undefined;
  #flushStep: Promise<void> = Promise.resolve();
  readonly #stopJobs: () => void;

  constructor() {
    this.#stopJobs = useJobs.subscribe(() => this.#onJobs());
  }

  dispose(): void {
    this.#stopJobs();
    this.playback.pause();
    clearTimeout(this.#detailTimer);
    this.filter.dispose();
    this.follower.halt();
    this.bisect.forget();
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
  /** Its bytes; 0 while it is not known. */
  get baseSize(): number {
    const { base } = this;
    return (this.store.getState().base?.asFile ? base?.fileSize : base?.size) ?? 0;
  }
  get summary(): LogSummary | undefined {
    return this.store.getState().shown?.summary;
  }
  /** What is wrong with the log, and states that fail: the stops of F8. */
  get problems(): readonly LogProblem[] {
    const { summary } = this;
    if (summary === undefined) return [];
    const { stops } = this.bisect;
    const known = problemsOf(summary);
    if (stops.length === 0 || known.length === 0) return stops.length === 0 ? known : stops;
    return [...known, ...stops].sort((a, b) => a.entry - b.entry);
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
    this.follower.halt();
    const { job, shown } = this.store.getState();
    if (job !== undefined && job !== shown?.job) forgetJob(job);
    const request = { image: image.image, growing: false, recover };
    this.store.setState({ job: startJob("logIndex", request, `Log ${image.file.name}`) });
  }

  cancel(): void {
    const { job, playing, recovering } = this.store.getState();
    if (recovering) void call("log:stopRecovery", { job: this.asked }).catch(() => undefined);
    else if (playing) this.playback.pause();
    else if (this.bisect.isRunning) this.bisect.cancel();
    else if (job !== undefined) cancelJob(job);
  }

  /** Does it when the log has been read. */
  whenRead(goal: () => void): void {
    if (this.store.getState().shown) goal();
    else this.#goal = goal;
  }

  /**
   * How requests name the image that is the disk before the log. Throws where it is not open any more: zeroes in its place
   * would be taken for what was there.
   */
  async below(): Promise<{ readonly base?: number; readonly baseAsFile?: true }> {
    const { base } = this.store.getState();
    if (base === undefined) return {};
    const image = await whenOpened(base.token);
    if (image === undefined) {
      throw new Error(`${base.name} is not open any more: open it, or choose the disk before the log again`);
    }
    return { base: image.image, ...(base.asFile && { baseAsFile: true }) };
  }

  // ------------------------------------------------------------ the entry at the scrub line

  /** Puts the scrub line on an entry; `from` is the first of its bytes that the detail shows. */
  goTo(entry: number, from = 0): void {
    const { shown, entry: before, from: shownFrom } = this.store.getState();
    if (shown === undefined || shown.summary.entries === 0) return;
    const to = Math.min(shown.summary.entries - 1, Math.max(0, entry));
    this.#armed = undefined;
    if (to === before && from === shownFrom && this.store.getState().detail.kind === "known") return;
    this.store.setState({ entry: to, from });
    if (to !== before) void this.filter.findPlace(to);
    this.#askDetail();
  }

  /** Moves by entries that pass the filter. */
  async step(by: number): Promise<void> {
    const { filter, entry, shown, place } = this.store.getState();
    if (filter.applied === "") return this.goTo(entry + by);
    try {
      const known = place ?? (await this.filter.positionOf(entry)).at - (by > 0 ? 1 : 0);
      const last = (filter.total ?? shown?.summary.entries ?? 1) - 1;
      await this.goToRow(Math.min(last, Math.max(0, known + by)));
    } catch (error) {
      this.say(error);
    }
  }

  /** Puts the scrub line on the entry of a row of the table. */
  async goToRow(position: number): Promise<void> {
    const { filter } = this.store.getState();
    if (filter.applied === "") return this.goTo(position);
    const row = this.filter.pages.at(position);
    if (row !== undefined) return this.goTo(row.entry);
    const { rows } = await call("log:rows", {
      job: this.asked,
      filter: filter.applied,
      first: position,
      count: 1,
    });
    if (rows[0]) this.goTo(rows[0].entry);
  }

  /** The next flush or mark, or the one before. Each goes on from where the one before has led. */
  stepFlush(backwards: boolean): Promise<void> {
    this.#flushStep = this.#flushStep.then(() => this.#stepFlush(backwards));
    return this.#flushStep;
  }

  async #stepFlush(backwards: boolean): Promise<void> {
    const { entry } = this.store.getState();
    try {
      const found = await call("log:next", {
        job: this.asked,
        from: backwards ? entry - 1 : entry + 1,
        kinds: ["mark"],
        flags: entryFlags.flush,
        backwards,
      });
      // A person who has gone elsewhere meanwhile is not taken away.
      if (this.store.getState().entry !== entry) return;
      if (found !== undefined) this.goTo(found);
      else
        useView
          .getState()
          .say(backwards ? "No flush or mark before this entry" : "No flush or mark behind this entry");
    } catch (error) {
      this.say(error);
    }
  }

  /** F8 and its like. */
  stepProblem(direction: "next" | "previous"): void {
    const { problems } = this;
    const { entry } = this.store.getState();
    if (problems.length === 0) {
      useView.getState().say("No problem is known: neither of the log nor of a state that was checked");
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

  #askDetail(): void {
    const { detail } = this.store.getState();
    const before =
      detail.kind === "known" ? detail.detail : detail.kind === "loading" ? detail.before : undefined;
    this.store.setState({ detail: { kind: "loading", before } });
    this.#askSoon();
  }

  /** Asks for the newest entry shortly, one question after the other: also while a log is played or a key is held. */
  #askSoon(): void {
    this.#detailTimer ??= setTimeout(async () => {
      await this.#fetchDetail();
      this.#detailTimer = undefined;
      const { detail, shown } = this.store.getState();
      if (detail.kind === "loading" && shown !== undefined) this.#askSoon();
    }, restMs);
  }

  async #fetchDetail(): Promise<void> {
    const { entry, from, shown } = this.store.getState();
    if (shown === undefined) return;
    const isCurrent = () => {
      const now = this.store.getState();
      return now.entry === entry && now.from === from && now.shown?.generation === shown.generation;
    };
    try {
      const detail = await call("log:detail", { job: this.asked, entry, offset: from, length: shownBytes });
      if (isCurrent()) this.store.setState({ detail: { kind: "known", detail } });
    } catch (error) {
      if (isCurrent()) this.store.setState({ detail: { kind: "failed", error: toPlain(error) } });
    }
  }

  // ------------------------------------------------------------ a log that grows, or is damaged

  /** Takes the entries that the log has grown by. Throws what reading on throws. */
  async readOn(growing = false): Promise<void> {
    const { shown } = this.store.getState();
    if (shown === undefined) return;
    const { changed, summary } = await call("log:extend", { job: this.asked, growing });
    await this.#acceptFile();
    const before = shown.summary;
    const same =
      summary.entries === before.entries && summary.counted === before.counted && changed >= before.entries;
    if (same && summary.end.kind === before.end.kind) return;
    // Where the person is by now: they may have left the end meanwhile.
    const { entry, following } = this.store.getState();
    const wasLast = entry >= before.entries - 1;
    this.#take(summary, changed);
    if (following && wasLast) this.goTo(summary.entries - 1);
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
    if (this.store.getState().recovering) return;
    this.store.setState({ recovering: true });
    try {
      const { run, summary } = await call("log:recover", { job: this.asked });
      if (run === undefined) {
        this.store.setState({ nothingBehind: this.store.getState().shown?.generation });
        useView.getState().say("No entries were found behind the damage");
        return;
      }
      this.#take(summary, run.first);
      this.goTo(run.first);
      useView.getState().say(`${decimal(run.count)} entries were found behind the damage`);
    } catch (error) {
      this.say(error);
    } finally {
      this.store.setState({ recovering: false });
    }
  }

  /** Entries from `changed` on are new or others than before. */
  #take(summary: LogSummary, changed: number): void {
    const { shown, filter, entry } = this.store.getState();
    if (shown === undefined) return;
    const generation = shown.generation + 1;
    this.store.setState({ shown: { job: shown.job, summary, generation } });
    this.filter.resetRows(filter.applied === "" ? changed : 0);
    if (filter.applied !== "") void this.filter.findPlace(entry);
    void this.history.renew();
    this.#askDetail();
  }

  // ------------------------------------------------------------ notes and states

  /** Says which image the disk was before the log; undefined: it is not known. False where that can't be. */
  async setBase(file: LogBase | undefined): Promise<boolean> {
    const before = this.store.getState().base;
    this.store.setState({ base: file });
    return this.#tellBase(before);
  }

  /** Tells main of it; where that can't be, the job has the one it had `before`. */
  async #tellBase(before: LogBase | undefined): Promise<boolean> {
    const { base } = this.store.getState();
    const isCurrent = () => this.store.getState().base === base;
    try {
      const below = await this.below();
      if (!isCurrent()) return false;
      await call("log:base", { job: this.asked, ...below });
      this.#askDetail();
      return true;
    } catch (error) {
      if (isCurrent()) this.store.setState({ base: before });
      this.say(error);
      return false;
    }
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
    this.bisect.follow();
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
    // What was found is of the log as it was read before.
    this.bisect.forget();
    this.filter.resetRows(0);
    void this.#loadNotes();
    // A log that was read again knows of none.
    if (this.store.getState().base) void this.#tellBase(undefined);
    if (summary.entries > 0) {
      this.#askDetail();
      void this.filter.findPlace(this.store.getState().entry);
    }
    tellLogs();
    const goal = this.#goal;
    this.#goal = undefined;
    goal?.();
  }

  /** Says quietly what went wrong; what was given up is nothing to say. */
  say(error: unknown): void {
    const { message, context, code } = toPlain(error);
    if (code === "ECANCELED") return;
    useView.getState().say(context.hint === undefined ? message : `${message}. ${context.hint}`);
  }
}

const sessions = new TabMap<TimelineSession>((session) => {
  session.dispose();
  tellLogs();
});

/** The session of a tab; made when first asked for, ended with the tab. */
export function timelineSessionOf(tabId: string): TimelineSession {
  return sessions.of(tabId, () => new TimelineSession());
}

export interface LoadedLog {
  readonly tabId: string;
  readonly name: string;
  readonly session: TimelineSession;
}

/** Logs that have been read: those that can say who wrote a byte. */
export const useLogs = create<{ readonly logs: readonly LoadedLog[] }>()(() => ({ logs: [] }));

function tellLogs(): void {
  const logs = sessions.entries().flatMap(([tabId, session]) => {
    const name = session.image?.file.name;
    return name === undefined || session.store.getState().shown === undefined
      ? []
      : [{ tabId, name, session }];
  });
  useLogs.setState({ logs });
}
