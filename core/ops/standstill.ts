// A job that a person has stand still, to go on with later from where it was: the job asks at its turns whether it may.

export class Standstill {
  readonly #signal: AbortSignal;
  readonly #onStop: () => void;
  #isWanted = false;
  #goOn: (() => void) | undefined;

  /** `onStop` runs when the job has come to a stop. A job that is cancelled goes on, to end. */
  constructor(signal: AbortSignal, onStop: () => void) {
    this.#signal = signal;
    this.#onStop = onStop;
    signal.addEventListener("abort", () => this.#goOn?.(), { once: true });
  }

  set(wanted: boolean): undefined {
    this.#isWanted = wanted;
    if (!wanted) this.#goOn?.();
    return undefined;
  }

  /** At once, unless it is to stand still: then when it may go on. */
  async wait(): Promise<void> {
    if (!this.#isWanted || this.#signal.aborted) return;
    this.#onStop();
    await new Promise<void>((resolve) => {
      this.#goOn = resolve;
    });
    this.#goOn = undefined;
  }
}
