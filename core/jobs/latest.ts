// Questions of which nobody waits for any but the latest.

export class Latest {
  readonly #signal: AbortSignal;
  #now = new AbortController();

  /** `signal` ends them all. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** The signal of a new question; that of the one before is aborted. */
  next(): AbortSignal {
    this.#now.abort();
    this.#now = new AbortController();
    return AbortSignal.any([this.#signal, this.#now.signal]);
  }
}
