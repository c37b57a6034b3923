// Events on their way to the page. What happens before the page listens waits for it; a page that is gone gets
// nothing, and a new one nothing of the old one's.
import type { EventName, Events } from "./ipc/contract.ts";

export type Emit = <N extends EventName>(name: N, payload: Events[N]) => void;

export class EventQueue {
  readonly #send: (name: EventName, payload: unknown) => void;
  #waiting: { readonly name: EventName; readonly payload: unknown }[] = [];
  #isOpen = false;

  constructor(send: (name: EventName, payload: unknown) => void) {
    this.#send = send;
  }

  readonly emit: Emit = (name, payload) => {
    if (this.#isOpen) this.#send(name, payload);
    else this.#waiting.push({ name, payload });
  };

  /** The page listens. */
  open(): void {
    this.#isOpen = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { name, payload } of waiting) this.#send(name, payload);
  }

  /** The page is gone; what it would have heard is of no use to the next. */
  reset(): void {
    this.#isOpen = false;
    this.#waiting = [];
  }
}
