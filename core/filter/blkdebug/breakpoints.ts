// Breakpoints: a request that reaches a step stops there until it is told to go on. Used by `io` to bring requests
// into an order that would else be left to chance.
import { BlockError } from "../../base/errors.ts";
import type { BreakpointEvent } from "../../block/events.ts";
import type { Breakpoints } from "../../block/node.ts";
import { debugEvents } from "../events.ts";

interface Suspended {
  readonly tag: string;
  readonly resume: () => void;
}

export class BreakpointList implements Breakpoints {
  #armed: { readonly event: string; readonly tag: string }[] = [];
  #suspended: Suspended[] = [];
  #waiters: { readonly tag: string; readonly wake: () => void }[] = [];
  readonly #node: string;
  readonly #say: (event: BreakpointEvent) => void;

  constructor(node: string, say: (event: BreakpointEvent) => void) {
    this.#node = node;
    this.#say = say;
  }

  add(event: string, tag: string): void {
    if (!debugEvents.has(event)) throw notFound(`There is no event '${event}' to break at`);
    this.#armed.push({ event, tag });
  }

  remove(tag: string): void {
    const before = this.#armed.length + this.#suspended.length;
    this.#armed = this.#armed.filter((one) => one.tag !== tag);
    const stopped = this.#suspended.filter((one) => one.tag === tag);
    if (before === this.#armed.length + this.#suspended.length - stopped.length) {
      throw notFound(`There is no breakpoint '${tag}'`);
    }
    for (const one of stopped) this.#resume(one);
  }

  resume(tag: string): void {
    const found = this.#suspended.find((one) => one.tag === tag);
    if (found === undefined) throw notFound(`No request is stopped at '${tag}'`);
    this.#resume(found);
  }

  isSuspended(tag: string): boolean {
    return this.#suspended.some((one) => one.tag === tag);
  }

  async waitFor(tag: string): Promise<void> {
    if (this.isSuspended(tag)) return;
    await new Promise<void>((wake) => this.#waiters.push({ tag, wake }));
  }

  /**
   * Stops the caller at the step for every breakpoint that is armed there, the newest first; it goes on when all of
   * them have been resumed. Each stops one request only.
   */
  async reach(event: string): Promise<void> {
    const hits = this.#armed.filter((one) => one.event === event).reverse();
    if (hits.length === 0) return;
    this.#armed = this.#armed.filter((one) => !hits.includes(one));
    await Promise.all(hits.map(({ tag }) => this.#suspend(tag)));
  }

  #suspend(tag: string): Promise<void> {
    this.#say({ kind: "breakpoint", node: this.#node, tag, state: "suspended" });
    return new Promise((resume) => {
      this.#suspended.push({ tag, resume });
      const woken = this.#waiters.filter((one) => one.tag === tag);
      this.#waiters = this.#waiters.filter((one) => one.tag !== tag);
      for (const { wake } of woken) wake();
    });
  }

  /** Lets everything go on: nothing must hang when the node is closed. */
  releaseAll(): void {
    this.#armed = [];
    for (const one of this.#suspended) this.#resume(one);
  }

  #resume(one: Suspended): void {
    this.#suspended = this.#suspended.filter((other) => other !== one);
    this.#say({ kind: "breakpoint", node: this.#node, tag: one.tag, state: "resumed" });
    one.resume();
  }
}

function notFound(message: string): BlockError {
  return new BlockError("ENOENT", message);
}
