// Follows a log that is being written: reads on every second, and stays at its end while the scrub line is there.
import { toPlain } from "../../../core/base/errors.ts";
import { useView } from "../../store/view.ts";
import type { TimelineSession } from "./session.ts";

const followMs = 1000;

export class Follower {
  readonly #session: TimelineSession;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(session: TimelineSession) {
    this.#session = session;
  }

  /** Ends it, and nothing is read any more. */
  halt(): void {
    clearTimeout(this.#timer);
    this.#session.store.setState({ following: false });
  }

  /** Reads on every second, and stays at the last entry while the scrub line is there. */
  start(): void {
    if (this.#session.store.getState().shown === undefined) return;
    this.#session.store.setState({ following: true });
    void this.#goOn();
  }

  stop(): void {
    clearTimeout(this.#timer);
    if (!this.#session.store.getState().following) return;
    this.#session.store.setState({ following: false });
    // What the log's end is when nobody writes it any more.
    void this.#session.readOn(false).catch((error: unknown) => this.#session.say(error));
  }

  async #goOn(): Promise<void> {
    if (!this.#session.store.getState().following) return;
    try {
      await this.#session.readOn(true);
    } catch (error) {
      this.#session.store.setState({ following: false });
      if (toPlain(error).code === "EINVAL") {
        useView.getState().say("The log was begun anew: it is read again from its beginning");
        return this.#session.rescan();
      }
      return this.#session.say(error);
    }
    if (this.#session.store.getState().following) {
      this.#timer = setTimeout(() => void this.#goOn(), followMs);
    }
  }
}
