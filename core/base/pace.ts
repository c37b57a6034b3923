// Keeps a long loop polite: it gives the event loop a turn often enough that a cancel message is seen in time.
// Reads block the thread and an awaited promise gives no turn, so loops must ask for one themselves.

/** Longest time a loop keeps the thread, milliseconds; cancel must be obeyed within 200. */
const turnEveryMs = 12;

export class Pace {
  readonly #signal: AbortSignal;
  readonly #onTurn: (() => void) | undefined;
  #last = performance.now();

  /** `onTurn` runs at each turn: the place for progress. */
  constructor(signal: AbortSignal, onTurn?: () => void) {
    this.#signal = signal;
    this.#onTurn = onTurn;
  }

  get stopped(): boolean {
    return this.#signal.aborted;
  }

  /** True when a turn is due; cheap enough to ask for every block. */
  get due(): boolean {
    return performance.now() - this.#last >= turnEveryMs;
  }

  /** Lets pending messages in, by `rest` if something else is to be done meanwhile. */
  async turn(rest?: () => Promise<void>): Promise<void> {
    this.#onTurn?.();
    await (rest === undefined ? new Promise<void>((resolve) => setImmediate(resolve)) : rest());
    this.#last = performance.now();
  }
}
