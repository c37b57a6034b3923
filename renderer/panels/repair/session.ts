// One repair: looking, choosing, writing, what became of it. Lives outside React, one for each tab, so that switching
// tabs keeps it. Nothing is written before `write`, which only the button that names the act calls.
import { createStore } from "zustand/vanilla";
import { toPlain } from "../../../core/base/errors.ts";
import type { OfferedRepair } from "../../../core/block/finding.ts";
import type { RepairOffered, ShownChange } from "../../../core/ops/repairRun.ts";
import type { OpenedImage, WrittenRepair } from "../../../electron/ipc/contract.ts";
import { showNode } from "../../shell/openFlows.ts";
import { useImages } from "../../store/images.ts";
import {
  askableId,
  cancelJob,
  forgetJob,
  type Job,
  jobOf,
  startJob,
  useJobs,
  writersNow,
} from "../../store/jobs.ts";
import { useView } from "../../store/view.ts";
import { Choosing } from "./choosing.ts";
import { askRepair } from "./engine.ts";
import { Findings } from "./findings.ts";
import { ItemPages, pageLength } from "./itemPages.ts";
import { JournalSession } from "./journalSession.ts";
import { Places } from "./places.ts";
import { Rescue } from "./rescue.ts";
import { fresh, type RepairState } from "./state.ts";
import { canGo, type Step, type StepFacts, wasBegun } from "./steps.ts";
import { writtenTitle } from "./wording.ts";

export class RepairSession {
  readonly store = createStore<RepairState>()(() => fresh);
  findings = new Findings();
  pages = this.#newPages();
  readonly places = new Places(this.store, { asking: () => this.#asking, image: () => this.#image });
  readonly rescue = new Rescue(this.store);
  /** The undo step's; made when something was written. */
  undo: JournalSession | undefined;
  /** When the writing ended: milliseconds since the epoch. */
  endedAt = 0;
  #image: OpenedImage | undefined;
  readonly #choosing = new Choosing(this.store, {
    asking: () => this.#asking,
    shownItem: () => this.pages.at(this.store.getState().row),
    grow: () => this.#grow(),
  });
  readonly #stopJobs: () => void;
  /** Its tab is gone. */
  #isClosed = false;

  constructor() {
    let last: readonly [unknown, unknown] = [undefined, undefined];
    let writers = writersNow(useJobs.getState());
    this.#stopJobs = useJobs.subscribe((jobs) => {
      const before = writers;
      writers = writersNow(jobs);
      if (writers !== before) this.#onOtherWrites();
      const now = [this.planJob?.state, this.writeJob?.state] as const;
      if (now[0] !== last[0] && now[0]?.kind === "done") this.#onOffered();
      if (now[1] !== last[1] && now[1] !== undefined && now[1].kind !== "running") this.#onWritten();
      last = now;
    });
  }

  dispose(): void {
    this.undo?.dispose();
    const { plan } = this.store.getState();
    if (plan !== undefined) forgetJob(plan);
    this.rescue.dispose();
    // What is being written goes on to its end without its tab: half a repair is worse than a whole one.
    this.#isClosed = true;
    if (this.writeJob?.state.kind !== "running") this.#forgetWritten();
  }

  get planJob(): Job<"repairPlan"> | undefined {
    return jobOf("repairPlan", this.store.getState().plan);
  }
  get writeJob(): Job<"repairWrite"> | undefined {
    return jobOf("repairWrite", this.store.getState().write);
  }
  get offered(): RepairOffered | undefined {
    const state = this.planJob?.state;
    return state?.kind === "done" ? state.summary.offered : undefined;
  }
  get written(): WrittenRepair | undefined {
    const state = this.writeJob?.state;
    return state?.kind === "done" || state?.kind === "cancelled" ? state.summary : undefined;
  }
  get toCopy(): boolean {
    return this.store.getState().toCopy ?? false;
  }
  get facts(): StepFacts {
    const { step, preflight, choice, choosing } = this.store.getState();
    return {
      step,
      offered: this.offered,
      preflight: preflight.kind === "known" ? preflight.value : undefined,
      choice,
      choosing,
      toCopy: this.toCopy,
      writing: this.writeJob?.state.kind === "running",
      written: this.written,
      undone: this.undo?.isUndone ?? false,
    };
  }

  get image(): OpenedImage | undefined {
    return this.#image;
  }
  get clusterSize(): number | undefined {
    return this.#image?.info.clusterSize;
  }

  /** Takes the open image; looks at it when it is another than before. What was written stays. */
  attach(image: OpenedImage): void {
    if (this.#image?.image === image.image) return;
    this.#image = image;
    if (this.writeJob?.state.kind === "running" || wasBegun(this.facts)) return;
    this.look();
  }

  /** Looks at the image from the beginning; all choices are forgotten. */
  look(): void {
    const image = this.#image;
    if (!image || this.writeJob?.state.kind === "running") return;
    const { plan, write } = this.store.getState();
    for (const job of [plan, write]) if (job !== undefined) forgetJob(job);
    this.undo?.dispose();
    this.undo = undefined;
    this.findings = new Findings();
    this.pages = this.#newPages();
    this.#choosing.forget();
    this.rescue.forgetEnded();
    const { rescue } = this.store.getState();
    const request = { image: image.image };
    const looking = startJob("repairPlan", request, `Look at ${image.file.name}`);
    this.store.setState({ ...fresh, rescue, plan: looking });
  }

  /** Whether there is anything to show without the image. */
  get hasLooked(): boolean {
    return this.store.getState().plan !== undefined;
  }

  cancel(): void {
    const { plan, write } = this.store.getState();
    if (write !== undefined && this.writeJob?.state.kind === "running") cancelJob(write);
    else if (plan !== undefined) cancelJob(plan);
  }

  go(step: Step): void {
    if (!canGo(step, this.facts)) return;
    this.store.setState({ step });
    if (step === "plan") this.#choosing.showRow();
    if (step === "write" || step === "preflight") void this.checkPreflight();
  }

  isChosen(id: string): boolean {
    return this.#choosing.isChosen(id);
  }

  /** Chooses or leaves out one item, with all that depends on it. */
  toggle(id: string): void {
    this.#choosing.toggle(id);
  }

  choose(which: "default" | "safe" | "none"): void {
    this.#choosing.choose(which === "default" ? "default" : which === "safe" ? this.findings.safe : []);
  }

  /** Shows in the file's own tab the first byte that the row's item changes, or what it is about where it adds to the file. */
  showInHex(item: OfferedRepair): void {
    const file = this.#image?.nodes.find(({ path }) => path === "file");
    if (!this.#image || !file) return;
    const { changes } = this.store.getState();
    const known = changes.kind === "known" ? changes.value : [];
    const written = known.filter(({ kind, offset }) => kind === "write" && offset < file.size);
    const offset = Math.min(...written.map((write) => write.offset));
    showNode(this.#image.file.token, file, Number.isFinite(offset) ? offset : item.file.offset);
  }

  select(row: number): void {
    this.store.setState({ row });
    this.#choosing.showRow();
  }

  /** What the row's item changes, if it is known; else it is asked for. */
  changeOf(item: OfferedRepair): readonly ShownChange[] | "failed" | undefined {
    return this.#choosing.changeOf(item);
  }

  /** Asks again whether and where writing is possible. */
  async checkPreflight(): Promise<void> {
    if (this.offered) await this.places.check();
  }

  /** Puts away a writing that failed before its first change, and looks whether it is possible now. Writes nothing. */
  forgetWrite(): void {
    const { write } = this.store.getState();
    if (write === undefined || this.writeJob?.state.kind !== "failed") return;
    forgetJob(write);
    this.store.setState({ write: undefined });
    void this.checkPreflight();
  }

  /** Writes what is chosen: the one call that changes anything. */
  write(): void {
    const image = this.#image;
    const { choice, choosing, copyTo, journal, write: before } = this.store.getState();
    if (!image || !choice || choosing || this.writeJob?.state.kind === "running" || wasBegun(this.facts))
      return;
    if (this.toCopy && !copyTo) return;
    if (before !== undefined) forgetJob(before);
    const { ids, digest } = choice;
    const request = {
      image: image.image,
      ids: [...ids],
      digest,
      ...(this.toCopy && copyTo && { copyTo: copyTo.token }),
      ...(journal && { journal: journal.token }),
    };
    const target = this.toCopy && copyTo ? copyTo.name : image.file.name;
    this.store.setState({ write: startJob("repairWrite", request, `Write the repair to ${target}`) });
  }

  /** Another view of the app may write to the same file, from now on or no longer. */
  #onOtherWrites(): void {
    if (this.writeJob?.state.kind !== "running" && !wasBegun(this.facts)) void this.checkPreflight();
  }

  #onOffered(): void {
    void this.#listItems();
    this.choose("default");
    // What the journal needs is known by the choice.
    void this.#choosing.settled.then(() => this.checkPreflight());
  }

  /** Walks all items once for the groups of the findings. */
  async #listItems(): Promise<void> {
    const { plan } = this.store.getState();
    const { offered, findings, pages } = this;
    if (!offered) return;
    this.store.setState({ listError: undefined });
    try {
      for (let page = 0; page * pageLength < offered.items; page++) {
        const items = await pages.page(page);
        if (plan !== this.store.getState().plan) return;
        findings.add(items);
        this.store.setState({ listed: findings.ids.length });
      }
    } catch (error) {
      if (plan === this.store.getState().plan) this.store.setState({ listError: toPlain(error) });
    }
  }

  #onWritten(): void {
    this.endedAt = Date.now();
    const { written } = this;
    const token = this.#image?.file.token;
    if (this.#isClosed) {
      this.#tellWritten();
      return;
    }
    if (written === undefined || !wasBegun(this.facts)) {
      this.store.setState({ step: "write" });
      return;
    }
    if (written.journalFile) {
      this.undo = new JournalSession(written.journalFile.token, written.targetFile);
    }
    this.store.setState({ step: "verify" });
    // Its tabs show bytes from before.
    if (!this.toCopy && token !== undefined) void useImages.getState().reload(token);
  }

  /** How the writing ended, where no page of its own says it any more. */
  #tellWritten(): void {
    const { written } = this;
    const state = this.writeJob?.state;
    const file = this.#image?.file;
    const name = this.toCopy ? this.store.getState().copyTo?.name : file?.name;
    this.#forgetWritten();
    if (name === undefined) return;
    if (state?.kind === "failed")
      useView.getState().say(`Nothing was written to ${name}: ${state.error.message}`);
    if (!written) return;
    useView.getState().say(`${writtenTitle(written, name)}: ${name}`);
    if (!this.toCopy && file && wasBegun({ written })) void useImages.getState().reload(file.token);
  }

  #forgetWritten(): void {
    this.#stopJobs();
    const { write } = this.store.getState();
    if (write !== undefined) forgetJob(write);
  }

  #grow(): void {
    this.store.setState({ version: this.store.getState().version + 1 });
  }

  get #asking(): number | undefined {
    const { plan } = this.store.getState();
    return plan === undefined ? undefined : askableId(plan);
  }

  #newPages(): ItemPages {
    const pages: ItemPages = new ItemPages(
      (first, count) => askRepair(this.#asking, "items", { first, count }),
      () => {
        if (this.pages !== pages) return;
        this.#grow();
        if (this.store.getState().changes.kind === "none") this.#choosing.showRow();
      },
    );
    return pages;
  }
}
