// A window that is to be closed while jobs run that can't be ended on the spot. While a repair writes the person is asked
// first, and it is stopped between two changes: its undo journal stays beside the image, and the next opening offers to
// finish it or to take it back. Programs that a job runs are ended without a question.
import type { JobBoard } from "./jobs.ts";

export interface ClosingDialog {
  /** Whether to stop what writes; `titles` name it. */
  askToStop(titles: readonly string[]): Promise<boolean>;
  close(): void;
}

type GuardedJobs = Pick<JobBoard, "writing" | "stopWriting" | "isTidying" | "stopTidying">;

export class CloseGuard {
  readonly #jobs: GuardedJobs;
  readonly #dialog: ClosingDialog;
  #isAsking = false;

  constructor(jobs: GuardedJobs, dialog: ClosingDialog) {
    this.#jobs = jobs;
    this.#dialog = dialog;
  }

  /** Whether the window may close at once; else the person is asked, and it may be closed then. */
  mayClose(): boolean {
    if (this.#jobs.writing.length === 0 && !this.#jobs.isTidying) return true;
    if (!this.#isAsking) void this.#ask();
    return false;
  }

  async #ask(): Promise<void> {
    this.#isAsking = true;
    try {
      const { writing } = this.#jobs;
      if (writing.length > 0 && !(await this.#dialog.askToStop(writing))) return;
      await Promise.all([this.#jobs.stopWriting(), this.#jobs.stopTidying()]);
      this.#dialog.close();
    } finally {
      this.#isAsking = false;
    }
  }
}
