// A window that is to be closed while a repair writes: the person is asked first, and what writes is stopped between two
// changes. Its undo journal stays beside the image, and the next opening offers to finish it or to take it back.
import type { JobBoard } from "./jobs.ts";

export interface ClosingDialog {
  /** Whether to stop what writes; `titles` name it. */
  askToStop(titles: readonly string[]): Promise<boolean>;
  close(): void;
}

export class CloseGuard {
  readonly #jobs: Pick<JobBoard, "writing" | "stopWriting">;
  readonly #dialog: ClosingDialog;
  #isAsking = false;

  constructor(jobs: Pick<JobBoard, "writing" | "stopWriting">, dialog: ClosingDialog) {
    this.#jobs = jobs;
    this.#dialog = dialog;
  }

  /** Whether the window may close at once; else the person is asked, and it may be closed then. */
  mayClose(): boolean {
    if (this.#jobs.writing.length === 0) return true;
    if (!this.#isAsking) void this.#ask();
    return false;
  }

  async #ask(): Promise<void> {
    this.#isAsking = true;
    try {
      const stop = await this.#dialog.askToStop(this.#jobs.writing);
      if (!stop) return;
      await this.#jobs.stopWriting();
      this.#dialog.close();
    } finally {
      this.#isAsking = false;
    }
  }
}
