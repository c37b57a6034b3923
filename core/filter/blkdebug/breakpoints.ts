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

  /** Stops the caller at the step if a breakpoint is armed there; each stops one request only. */
  async reach(event: string): Promise<void> {
    const hit = this.#armed.find((one) => one.event === event);
    if (hit === undefined) return;
    this.#armed = this.#armed.filter((one) => one !== hit);
    this.#say({ kind: "breakpoint", node: this.#node, tag: hit.tag, state: "suspended" });
    await new Promise<void>((resume) => {
      this.#suspended.push({ tag: hit.tag, resume });
      const woken = this.#waiters.filter(({ tag }) => tag === hit.tag);
      this.#waiters = this.#waiters.filter(({ tag }) => tag !== hit.tag);
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
