// Threads whose program is a text that needs nothing but Node: they start at once, from sources and in every bundle. All of
// a kind get an order, do it together, and answer; who asks has its own turns meanwhile.
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Sharing } from "./sharing.ts";
import { soonerOf } from "./wait.ts";

/** Below, what threads cost is as much as they save. Each has some 12 MiB of memory of its own. */
export const usualSharing: Sharing = {
  threads: Math.min(4, availableParallelism()),
  leastBytes: 512 * 1024 * 1024,
};

/**
 * What threads did can't be used: something has to be told in the order of a list, two of them met, or one failed. One goes
 * over all of it from the start.
 */
export class OneThreadAgain extends Error {}

/** Milliseconds between two looks at how far the threads are. */
const lookMs = 20;

export interface Program {
  /** CommonJS. It answers each message of its `parentPort` with one. */
  readonly text: string;
  readonly name: string;
}

export class ProgramThread<Order, Answer> {
  readonly #worker: Worker;
  #ended: Error | undefined;
  #waiting: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;

  /** `data` becomes its `workerData`. Throws what starting a thread throws. */
  constructor(program: Program, data: unknown) {
    this.#worker = new Worker(program.text, { eval: true, workerData: data, name: program.name });
    this.#worker.on("message", (answer: Answer) => this.#waiting?.resolve(answer));
    this.#worker.on("error", (error) => this.#end(error));
    this.#worker.on("exit", () => this.#end(new Error("it exited")));
  }

  /** One after the other. Throws OneThreadAgain when the thread has ended. */
  ask(order: Order): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      if (this.#ended) this.#end(this.#ended);
      else this.#worker.postMessage(order);
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #end(cause: Error): void {
    this.#ended ??= cause;
    this.#waiting?.reject(new OneThreadAgain("a thread has ended", { cause: this.#ended }));
  }
}

/** What threads say of the items of a list, to be asked for in its order. */
export class ListAnswers {
  readonly #offsets: readonly number[];
  readonly #answers: Uint32Array;
  readonly #words: number;
  #next = 0;

  /** `words`: of `answers` for each of the items, which are known by their offsets in the file. */
  constructor(offsets: readonly number[], answers: Uint32Array, words: number) {
    this.#offsets = offsets;
    this.#answers = answers;
    this.#words = words;
  }

  /** Of the next item. Throws OneThreadAgain where that is another one: the list was made of what has changed since. */
  nextWords(offset: number): Uint32Array {
    if (this.#offsets[this.#next] !== offset) throw changed();
    return this.words(this.#next++);
  }

  words(index: number): Uint32Array {
    return this.#answers.subarray(index * this.#words, (index + 1) * this.#words);
  }

  /** Throws OneThreadAgain when not all of the list was asked for. */
  finish(): void {
    if (this.#next !== this.#offsets.length) throw changed();
  }
}

const changed = () => new OneThreadAgain("the L1 table was changed");

/** Asks all threads, and calls `look` every now and then, in which a cancel may arrive. Throws what it throws. */
export async function askAll<Order, Answer>(
  threads: readonly ProgramThread<Order, Answer>[],
  order: (index: number) => Order,
  look: () => Promise<void>,
): Promise<readonly Answer[]> {
  const all = Promise.all(threads.map((thread, index) => thread.ask(order(index))));
  let answers: readonly Answer[] | undefined;
  const answered = all.then((given) => {
    answers = given;
  });
  // When the pass is cancelled nobody waits for them any more.
  answered.catch(() => undefined);
  while (answers === undefined) {
    await soonerOf(answered, lookMs);
    await look();
  }
  return answers;
}
