// Holds work back so that it moves at most so many bytes a second, evenly.
import { setTimeout } from "node:timers/promises";

/** What may be done at once after a pause, milliseconds of work. */
const burstMs = 100;
/** Longest sleep before the signal is looked at again. */
const longestSleepMs = 50;

export class RateLimit {
  readonly #bytesPerMs: number;
  readonly #signal: AbortSignal;
  /** When what was taken so far is paid for. */
  #paidAt = performance.now();

  constructor(bytesPerSecond: number, signal: AbortSignal) {
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#signal = signal;
  }

  /** Waits until `bytes` may be moved; at once when the signal is aborted. */
  async take(bytes: number): Promise<void> {
    this.#paidAt = Math.max(this.#paidAt, performance.now() - burstMs) + bytes / this.#bytesPerMs;
    while (!this.#signal.aborted) {
      const wait = this.#paidAt - performance.now();
      if (wait <= 0) return;
      await setTimeout(Math.min(wait, longestSleepMs));
    }
  }
}
