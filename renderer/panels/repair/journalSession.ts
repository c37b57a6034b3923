// One undo journal, looked at, finished or taken back. Lives outside React; what looking says is asked for again before
// each act, so that an image that has changed since is refused here and not half way.
import { createStore } from "zustand/vanilla";
import { type PlainError, toPlain } from "../../../core/base/errors.ts";
import type { FileRef, JournalLook } from "../../../electron/ipc/contract.ts";
import { call } from "../../api.ts";
import { useImages } from "../../store/images.ts";
import { cancelJob, forgetJob, type Job, jobOf, startJob, useJobs } from "../../store/jobs.ts";
import { TabMap } from "../../store/tabMap.ts";
import { useView } from "../../store/view.ts";
import { deleteJournal, lookAtJournal, setJournalAside } from "./engine.ts";
import { finishedText, unfinishedTitles } from "./journalWording.ts";
import { lookForUnfinished } from "./unfinished.ts";
import { baseName } from "./wording.ts";

export type FinishMode = "undo" | "resume";

export interface JournalState {
  readonly facts: JournalLook | undefined;
  /** The image by the person's word, wherever the journal says it is. */
  readonly image: FileRef | undefined;
  readonly looking: boolean;
  readonly error: PlainError | undefined;
  /** The renderer's id of the job that finishes or takes back, and which of the two it does. */
  readonly job: number | undefined;
  readonly mode: FinishMode | undefined;
  /** The journal has another name now, or none. */
  readonly gone: { readonly as: FileRef | undefined } | undefined;
  /** Why it could not be put aside or deleted. */
  readonly keptError: PlainError | undefined;
}

export class JournalSession {
  readonly store = createStore<JournalState>()(() => ({
    facts: undefined,
    image: undefined,
    looking: false,
    error: undefined,
    job: undefined,
    mode: undefined,
    gone: undefined,
    keptError: undefined,
  }));
  readonly token: string;
  readonly #stopJobs: () => void;
  /** Its tab is gone. */
  #isClosed = false;

  /** `token` names the journal's file; `image` its image, where the person has opened that already. */
  constructor(token: string, image?: FileRef) {
    this.token = token;
    if (image) this.store.setState({ image });
    let last: unknown;
    this.#stopJobs = useJobs.subscribe(() => {
      const state = this.job?.state;
      if (state === last) return;
      last = state;
      if (state !== undefined && state.kind !== "running") this.#onEnd();
    });
  }

  dispose(): void {
    this.#isClosed = true;
    // What is being written goes on to its end without its tab.
    if (!this.isRunning) this.#forgetJob();
  }

  get job(): Job<"repairFinish"> | undefined {
    return jobOf("repairFinish", this.store.getState().job);
  }
  get isRunning(): boolean {
    return this.job?.state.kind === "running";
  }
  get isUndone(): boolean {
    return this.store.getState().facts?.state === "undone";
  }

  /** Reads the journal and its image. Changes nothing. */
  async look(): Promise<void> {
    const { looking, gone } = this.store.getState();
    if (looking || gone || this.isRunning) return;
    this.store.setState({ looking: true, error: undefined });
    try {
      this.store.setState({ facts: await lookAtJournal(this.token, this.store.getState().image?.token) });
    } catch (error) {
      this.store.setState({ error: toPlain(error) });
    } finally {
      this.store.setState({ looking: false });
    }
  }

  /** Asks where the image is, and looks again. */
  async locate(): Promise<void> {
    try {
      const [image] = await call("files:choose", {
        title: "Where is the image of this journal?",
        multiple: false,
      });
      if (!image) return;
      this.store.setState({ image });
      await this.look();
    } catch (error) {
      this.store.setState({ error: toPlain(error) });
    }
  }

  /** The person says that the file which the journal names, in another folder, is its image. */
  async agree(): Promise<void> {
    const { facts } = this.store.getState();
    if (facts?.imageState !== "elsewhere" || !facts.image) return;
    this.store.setState({ image: facts.image });
    await this.look();
  }

  /** Gives the journal another name, so that a new repair can be planned. */
  putAside(): Promise<void> {
    return this.#remove((image) => setJournalAside(this.token, image));
  }

  /** Deletes a journal by which nothing can be done that could not be planned anew. */
  delete(): Promise<void> {
    return this.#remove((image) => deleteJournal(this.token, image));
  }

  async #remove(act: (image: string | undefined) => Promise<FileRef | undefined>): Promise<void> {
    const { facts, image, looking } = this.store.getState();
    if (looking || this.isRunning) return;
    this.store.setState({ looking: true, keptError: undefined });
    try {
      const known = image ?? (facts?.imageState === "found" ? facts.image : undefined);
      this.store.setState({ gone: { as: await act(known?.token) } });
    } catch (error) {
      this.store.setState({ keptError: toPlain(error) });
    } finally {
      this.store.setState({ looking: false });
    }
    lookForUnfinished();
  }

  /** Finishes the repair, or takes it back: the one call that changes anything. */
  run(mode: FinishMode): void {
    const { job: before, facts, image } = this.store.getState();
    // The file that was looked at, whatever has come beside the journal since.
    const target = image ?? facts?.image;
    if (this.isRunning || !facts || facts.refusal || !target) return;
    if (before !== undefined) forgetJob(before);
    const title = mode === "undo" ? "Undo the repair" : "Finish the repair";
    const request = { token: this.token, mode, dryRun: false, image: target.token };
    const job = startJob("repairFinish", request, title);
    this.store.setState({ job, mode, error: undefined });
  }

  /** Puts away an act that failed, and looks at what it left. Writes nothing. */
  forget(): void {
    const { job } = this.store.getState();
    if (job === undefined || this.job?.state.kind !== "failed") return;
    forgetJob(job);
    this.store.setState({ job: undefined, mode: undefined });
    void this.look();
  }

  cancel(): void {
    const { job } = this.store.getState();
    if (job !== undefined) cancelJob(job);
  }

  #onEnd(): void {
    const state = this.job?.state;
    lookForUnfinished();
    if (state?.kind === "done" || state?.kind === "cancelled") {
      this.store.setState({ facts: state.summary.facts });
      reload(state.summary.facts.image);
    } else if (!this.#isClosed) void this.look();
    if (this.#isClosed) this.#tellEnd();
  }

  /** How it ended, where no page of its own says it any more. */
  #tellEnd(): void {
    const state = this.job?.state;
    const { facts, mode } = this.store.getState();
    this.#forgetJob();
    if (!facts || !mode) return;
    const name = baseName(facts.imagePath);
    if (state?.kind === "failed") useView.getState().say(`${unfinishedTitles[mode]}: ${state.error.message}`);
    else if (state?.kind === "done" || state?.kind === "cancelled")
      useView.getState().say(finishedText(mode, state.summary, name));
  }

  #forgetJob(): void {
    this.#stopJobs();
    const { job } = this.store.getState();
    if (job !== undefined) forgetJob(job);
  }
}

/** Tabs of the image show bytes from before. */
function reload(image: FileRef | undefined): void {
  if (image) void useImages.getState().reload(image.token);
}

const sessions = new TabMap<JournalSession>((session) => session.dispose());

/** The session of a journal's tab; made when first asked for, ended with the tab. */
export function journalSessionOf(tabId: string, token: string, image: FileRef | undefined): JournalSession {
  return sessions.of(tabId, () => new JournalSession(token, image));
}
