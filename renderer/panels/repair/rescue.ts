// Saving what lies in leaked clusters to a file of its own. It goes on while its page is left, and shows there again;
// how it ends is said where that page does not show.
import type { StoreApi } from "zustand/vanilla";
import type { RepairRescued } from "../../../core/ops/repairRun.ts";
import type { OpenedImage } from "../../../electron/ipc/contract.ts";
import { cancelJob, forgetJob, type JobState, jobOf, startJob, whenEnded } from "../../store/jobs.ts";
import { useView } from "../../store/view.ts";
import { bytes } from "../../widgets/format.ts";
import { chooseSave } from "./engine.ts";
import type { RepairState } from "./state.ts";

export type RescueState = JobState<"repairRescue">;

export class Rescue {
  readonly #store: StoreApi<RepairState>;
  #isShown = false;
  /** Its tab is gone. */
  #isClosed = false;

  constructor(store: StoreApi<RepairState>) {
    this.#store = store;
  }

  get state(): RescueState | undefined {
    return jobOf("repairRescue", this.#store.getState().rescue?.job)?.state;
  }

  /** A page shows it, until the answer is called. */
  show(): () => void {
    this.#isShown = true;
    return () => {
      this.#isShown = false;
    };
  }

  /** Asks for the place of the new file, and saves. One at a time. */
  async start({ image, file }: OpenedImage): Promise<void> {
    const title = "Save what lies in leaked clusters";
    const place = await chooseSave(title, `${file.name} leaked clusters`).catch(() => undefined);
    if (place === undefined || this.state?.kind === "running") return;
    this.forgetEnded();
    const request = { image, to: place.token };
    const job = startJob("repairRescue", request, `Leaked clusters of ${file.name}`);
    this.#store.setState({ rescue: { job, from: file.name, to: place.name } });
    whenEnded("repairRescue", job, (state) => this.#onEnd(state));
  }

  cancel(): void {
    const { rescue } = this.#store.getState();
    if (rescue) cancelJob(rescue.job);
  }

  /** One that runs is kept: what it saves is worth having whatever becomes of the plan. */
  forgetEnded(): void {
    const { rescue } = this.#store.getState();
    if (rescue === undefined || this.state?.kind === "running") return;
    forgetJob(rescue.job);
    this.#store.setState({ rescue: undefined });
  }

  dispose(): void {
    this.#isClosed = true;
    this.forgetEnded();
  }

  #onEnd(state: RescueState): void {
    const { rescue } = this.#store.getState();
    if (rescue && !this.#isShown) {
      useView.getState().say(`Leaked clusters of ${rescue.from}: ${rescueText(state, rescue.to)}`);
    }
    if (this.#isClosed) this.forgetEnded();
  }
}

/** How it ended; `name` is the new file's. */
export function rescueText(state: RescueState, name: string): string {
  switch (state.kind) {
    case "running":
      return "";
    case "failed":
      return `not saved: ${state.error.message}`;
    case "cancelled":
      return "cancelled, no file was made";
    case "done":
      return savedText(name, state.summary.rescued);
  }
}

/** What is in the new file, and what was left out. */
function savedText(name: string, rescued: RepairRescued["rescued"]): string {
  if (rescued === undefined) return "";
  const { written, zero, unreadable } = rescued;
  const left = [
    ...(zero > 0 ? [`${bytes(zero)} of zeros left out`] : []),
    ...(unreadable > 0 ? [`${bytes(unreadable)} could not be read`] : []),
  ];
  return [`${bytes(written)} saved to ${name}, with its index in ${name}.json`, ...left].join("; ");
}
