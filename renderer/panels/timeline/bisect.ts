// The search for the first state that fails: started from its dialog and from nowhere else, followed while it goes on, and
// the ways from what it found to the entries and the disk.
import { toPlain } from "../../../core/base/errors.ts";
import type { LogBisectItem, LogBisectResult, PlainState } from "../../../core/ops/logBisectRun.ts";
import type { FileRef } from "../../../electron/ipc/contract.ts";
import { call } from "../../api.ts";
import { cancelJob, forgetJob, type Job, jobOf, startJob } from "../../store/jobs.ts";
import { useView } from "../../store/view.ts";
import { baseId, type LogBase } from "./baseChoices.ts";
import { type BisectForm, type BisectWish, shownCommand } from "./bisectForm.ts";
import { entryOf, failingStops, withItems } from "./bisectState.ts";
import type { LogProblem } from "./problems.ts";
import type { TimelineSession } from "./session.ts";
import { compareFiles, showFile, stateFile } from "./states.ts";

export class Bisect {
  readonly #session: TimelineSession;
  #stops: { readonly of: readonly LogBisectItem[]; readonly stops: readonly LogProblem[] } | undefined;

  constructor(session: TimelineSession) {
    this.#session = session;
  }

  get job(): Job<"logBisect"> | undefined {
    return jobOf("logBisect", this.#session.store.getState().bisect?.job);
  }

  get isRunning(): boolean {
    return this.job?.state.kind === "running";
  }

  /** What was found: while it goes on and after an error, nothing. */
  get result(): LogBisectResult | undefined {
    return this.#session.store.getState().bisect?.result;
  }

  /** States that fail, as stops of F8. */
  get stops(): readonly LogProblem[] {
    const looked = this.#session.store.getState().bisect?.looked;
    if (looked === undefined) return [];
    if (this.#stops?.of !== looked) this.#stops = { of: looked, stops: failingStops(looked) };
    return this.#stops.stops;
  }

  /** Says which image the disk was before, and asks main to begin; what was found before is forgotten. */
  async start(form: BisectForm, wish: BisectWish, base: LogBase | undefined): Promise<void> {
    const { store, image } = this.#session;
    if (image === undefined) return;
    const isOther = baseId(base) !== baseId(store.getState().base);
    if (isOther && !(await this.#session.setBase(base))) return;
    const below = await this.#session.below().catch((error: unknown) => this.#session.say(error));
    if (below === undefined) return;
    this.forget();
    const request = { ...wish, image: image.image, ...below };
    const judge =
      form.judge === "check" ? `the check of ${form.format} images` : (shownCommand(form) ?? form.line);
    const job = startJob("logBisect", request, `Bisect of ${image.file.name}`, (items) =>
      this.#take(job, items),
    );
    // How it goes, and what it finds, is told in the lists.
    const { shown, toggle } = useView.getState();
    if (!shown.bottomPanel) toggle("bottomPanel");
    store.setState({
      bisectForm: form,
      tab: "bisect",
      bisect: { job, wish, judge, looked: [], result: undefined, error: undefined, at: -1 },
    });
  }

  cancel(): void {
    const id = this.#session.store.getState().bisect?.job;
    if (id !== undefined) cancelJob(id);
  }

  /** Ends the search, and forgets what it found. */
  forget(): void {
    const id = this.#session.store.getState().bisect?.job;
    if (id === undefined) return;
    this.#session.store.setState({ bisect: undefined });
    forgetJob(id);
  }

  /** Jobs have changed. */
  follow(): void {
    const { bisect } = this.#session.store.getState();
    const state = this.job?.state;
    if (bisect === undefined || state === undefined) return;
    if (state.kind === "failed" && bisect.error !== state.error) {
      this.#session.store.setState({ bisect: { ...bisect, error: state.error } });
    }
    if ((state.kind === "done" || state.kind === "cancelled") && bisect.result !== state.summary) {
      this.#session.store.setState({ bisect: { ...bisect, result: state.summary } });
    }
  }

  #take(job: number, items: readonly LogBisectItem[]): void {
    const { bisect } = this.#session.store.getState();
    if (bisect?.job !== job) return;
    const current = bisect.looked[bisect.at];
    const looked = withItems(bisect.looked, items);
    const at = current === undefined ? -1 : looked.indexOf(current);
    this.#session.store.setState({ bisect: { ...bisect, looked, at } });
  }

  // ------------------------------------------------------------ from what it found

  /** Puts the scrub line on the state at that position of the list. */
  goTo(at: number): void {
    const { bisect } = this.#session.store.getState();
    const item = bisect?.looked[at];
    if (bisect === undefined || item === undefined) return;
    this.#session.store.setState({ bisect: { ...bisect, at } });
    this.#session.goTo(entryOf(item));
  }

  goToFirstBad(): void {
    const { bisect } = this.#session.store.getState();
    const bad = bisect?.result?.firstBad;
    if (bisect === undefined || bad === undefined) return;
    const at = bisect.looked.findIndex(({ entries, lost }) => entries === bad.entries && lost === bad.lost);
    if (at >= 0) this.goTo(at);
    else this.#session.goTo(entryOf(bad));
  }

  /** The disk in a state, in hex. */
  async show(state: PlainState | undefined): Promise<void> {
    if (state !== undefined) await showFile(() => this.#file(state));
  }

  /** The last state that passes beside the first that fails. */
  async compare(): Promise<void> {
    const { lastGood, firstBad } = this.result ?? {};
    if (lastGood === undefined || firstBad === undefined) return;
    await compareFiles(
      () => this.#file(lastGood),
      () => this.#file(firstBad),
    );
  }

  #file({ entries, lost }: PlainState): Promise<FileRef> {
    const size = this.#session.store.getState().bisect?.wish.size;
    return stateFile(this.#session, entries, {
      ...(lost !== "" && { lost }),
      ...(size !== undefined && { size }),
    });
  }

  /** Copies the line that makes the search again on the command line. */
  async copyCommand(): Promise<void> {
    const command = this.result?.command;
    if (command === undefined) return;
    try {
      await call("clipboard:write", command);
      useView.getState().say("The command is copied");
    } catch (error) {
      useView.getState().say(`The command was not copied: ${toPlain(error).message}`);
    }
  }
}
