// One repair: looking, choosing, writing, what became of it. Lives outside React, one for each tab, so that switching
// tabs keeps it. Nothing is written before `write`, which only the button that names the act calls.
import { createStore } from "zustand/vanilla";
import { toPlain } from "../../../core/base/errors.ts";
import type { OfferedRepair } from "../../../core/block/finding.ts";
import type { RepairChoice, RepairOffered, ShownChange } from "../../../core/ops/repairRun.ts";
import type { OpenedImage, WrittenRepair } from "../../../electron/ipc/contract.ts";
import { showNode } from "../../shell/openFlows.ts";
import { useImages } from "../../store/images.ts";
import { askableId, cancelJob, forgetJob, type Job, jobOf, startJob, useJobs } from "../../store/jobs.ts";
import { useView } from "../../store/view.ts";
import { askRepair, chooseSave } from "./engine.ts";
import { Findings } from "./findings.ts";
import { ItemPages, pageLength } from "./itemPages.ts";
import { JournalSession } from "./journalSession.ts";
import { RowChanges } from "./rowChanges.ts";
import { fresh, type RepairState, settled } from "./state.ts";
import { canGo, prefersCopy, type Step, type StepFacts, wasBegun } from "./steps.ts";
import { writtenTitle } from "./wording.ts";

/** Cells of a map strip. */
const stripCells = 240;
export class RepairSession {
  readonly store = createStore<RepairState>()(() => fresh);
  findings = new Findings();
  pages = this.#newPages();
  /** The undo step's; made when something was written. */
  undo: JournalSession | undefined;
  /** When the writing ended: milliseconds since the epoch. */
  endedAt = 0;
  #image: OpenedImage | undefined;
  /** The choice's ids, for look-up. */
  #chosen: ReadonlySet<string> = new Set();
  /** Changes of the choice follow each other: each is made to the answer of the one before. */
  #choosing: Promise<void> = Promise.resolve();
  readonly #rows = new RowChanges(
    (item) => askRepair(this.#asking, "changes", { ids: this.#idsWith(item), id: item.id }),
    () => this.#grow(),
  );
  readonly #stopJobs: () => void;
  /** Its tab is gone. */
  #isClosed = false;

  constructor() {
    let last: readonly [unknown, unknown] = [undefined, undefined];
    this.#stopJobs = useJobs.subscribe(() => {
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
    const { step, preflight, choice } = this.store.getState();
    return {
      step,
      offered: this.offered,
      preflight: preflight.kind === "known" ? preflight.value : undefined,
      choice,
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
    this.#chosen = new Set();
    this.#rows.forget();
    const request = { image: image.image };
    this.store.setState({ ...fresh, plan: startJob("repairPlan", request, `Look at ${image.file.name}`) });
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
    if (step === "plan") this.#showRow();
    if (step === "write" || step === "preflight") void this.checkPreflight();
  }

  isChosen(id: string): boolean {
    return this.#chosen.has(id);
  }

  /** Chooses or leaves out one item, with all that depends on it. */
  toggle(id: string): void {
    this.#change((ids) => {
      const on = !ids.includes(id);
      return askRepair(this.#asking, "toggle", { ids, id, on });
    });
  }

  choose(which: "default" | "safe" | "none"): void {
    this.#change((_ids) => {
      const ids = which === "default" ? "default" : which === "safe" ? this.findings.safe : [];
      return askRepair(this.#asking, "choose", { ids });
    });
  }

  /** Shows a byte of the image's file in its own tab. */
  showInHex(offset: number): void {
    const file = this.#image?.nodes.find(({ path }) => path === "file");
    if (this.#image && file) showNode(this.#image.file.token, file, offset);
  }

  select(row: number): void {
    this.store.setState({ row });
    this.#showRow();
  }

  /** What the row's item changes, if it is known; else it is asked for. */
  changeOf(item: OfferedRepair): readonly ShownChange[] | "failed" | undefined {
    return this.#rows.of(item);
  }

  /** Asks again whether and where writing is possible. */
  async checkPreflight(): Promise<void> {
    const { choice, journal, plan } = this.store.getState();
    if (plan === undefined || !this.offered) return;
    const before = this.store.getState().preflight;
    if (before.kind !== "known") this.store.setState({ preflight: { kind: "asking" } });
    const question = { ids: choice?.ids ?? [], ...(journal && { journal: journal.token }) };
    const preflight = await settled(askRepair(this.#asking, "preflight", question));
    if (plan !== this.store.getState().plan) return;
    this.store.setState({ preflight });
    if (preflight.kind !== "known") return;
    if (this.store.getState().toCopy === undefined) {
      this.store.setState({ toCopy: prefersCopy(preflight.value) });
    }
  }

  setToCopy(toCopy: boolean): void {
    this.store.setState({ toCopy });
  }

  /** Asks for the place of the copy, or of the undo journal. */
  async choosePlace(which: "copyTo" | "journal", title: string, suggestedName: string): Promise<void> {
    this.store.setState({ placeError: undefined });
    try {
      const place = await chooseSave(title, suggestedName);
      if (!place) return;
      this.store.setState({ [which]: place });
      await this.checkPreflight();
    } catch (error) {
      this.store.setState({ placeError: toPlain(error).message });
    }
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
    const { choice, copyTo, journal, write: before } = this.store.getState();
    if (!image || !choice || this.writeJob?.state.kind === "running" || wasBegun(this.facts)) return;
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

  #onOffered(): void {
    void this.#listItems();
    this.choose("default");
    // What the journal needs is known by the choice.
    void this.#choosing.then(() => this.checkPreflight());
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
    if (written.journalFile) this.undo = new JournalSession(written.journalFile.token);
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

  #change(ask: (ids: readonly string[]) => Promise<RepairChoice>): void {
    const { plan } = this.store.getState();
    this.store.setState({ choosing: true, choiceError: undefined });
    const run = async () => {
      const answer = await settled(ask(this.store.getState().choice?.ids ?? []));
      if (plan !== this.store.getState().plan) return;
      if (answer.kind === "known") this.#takeChoice(answer.value);
      else if (answer.kind === "failed") this.store.setState({ choiceError: answer.error });
    };
    const mine = this.#choosing.then(run);
    this.#choosing = mine;
    void mine.then(() => {
      if (this.#choosing === mine) this.store.setState({ choosing: false });
    });
  }

  #takeChoice(choice: RepairChoice): void {
    const isOther = choice.digest !== this.store.getState().choice?.digest;
    this.#chosen = new Set(choice.ids);
    this.store.setState({ choice });
    if (!isOther) return;
    this.#rows.forget();
    this.#showRow();
    void this.#askStrips(choice);
  }

  async #askStrips(choice: RepairChoice): Promise<void> {
    const strips = await settled(askRepair(this.#asking, "map", { ids: choice.ids, cells: stripCells }));
    if (this.store.getState().choice === choice) this.store.setState({ strips });
  }

  /** Asks for the whole change of the row that is looked at. */
  #showRow(): void {
    const { row, choice, plan } = this.store.getState();
    const item = this.pages.at(row);
    if (!choice || !item) return;
    this.store.setState({ changes: { kind: "asking" } });
    const question = { ids: this.#idsWith(item), id: item.id };
    void settled(askRepair(this.#asking, "changes", question)).then((changes) => {
      const now = this.store.getState();
      if (now.row === row && now.choice === choice && now.plan === plan) this.store.setState({ changes });
    });
  }

  /**
   * What is chosen, and this item with it; what it needs comes along by itself. What an item that copies nothing writes
   * does not depend on others: a choice of 100,000 is not gone through for each row.
   */
  #idsWith({ id, grows }: OfferedRepair): readonly string[] {
    if (grows === 0) return [id];
    const ids = this.store.getState().choice?.ids ?? [];
    return this.#chosen.has(id) ? ids : [...ids, id];
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
        if (this.store.getState().changes.kind === "none") this.#showRow();
      },
    );
    return pages;
  }
}

const sessions = new Map<string, RepairSession>();

/** The session of a tab; made when first asked for, ended with the tab. */
export function repairSessionOf(tabId: string): RepairSession {
  const known = sessions.get(tabId);
  if (known) return known;
  const session = new RepairSession();
  sessions.set(tabId, session);
  return session;
}

useView.subscribe(({ tabs }) => {
  for (const [id, session] of sessions) {
    if (tabs.some((tab) => tab.id === id)) continue;
    sessions.delete(id);
    session.dispose();
  }
});
