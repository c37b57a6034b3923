// Starts jobs in threads of their own and follows them: for the app's main process.
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { BlockError, fromPlain } from "../base/errors.ts";
import { setDeadline } from "../base/wait.ts";
import { giveLentTables } from "../writelog/lentTables.ts";
import {
  type Answer,
  type Asks,
  type FromWorker,
  type JobName,
  type JobProgress,
  type Jobs,
  type Port,
  type Question,
  type ToWorker,
  writingJobs,
} from "./contract.ts";
import { portOfWorker } from "./port.ts";
import type { JobHandlers } from "./run.ts";
import { workerUrl } from "./workerUrl.ts";

/** What a thread is told that it is, as its `workerData`. */
export type ThreadRole = "blkscope:job" | "blkscope:compare-helper" | "blkscope:session";

export interface RunningJob<N extends JobName> {
  /**
   * Asks the job to stop; its result then says `cancelled`. If it does not stop within 2 s (a read hangs), its
   * thread is ended and `done` rejects with ECANCELED; items that have arrived stay valid. A job that writes to an image
   * is waited for.
   */
  cancel(): void;
  /** Rejects with what the job answers with, or with ECANCELED when it has ended. */
  ask<K extends keyof Asks<N> & string>(name: K, question: Question<N, K>): Promise<Answer<N, K>>;
  /** Ends the thread at once; `done` rejects with ECANCELED. */
  terminate(): void;
  /** Rejects with the job's BlockError, or with EIO when its thread died. */
  readonly done: Promise<Jobs[N]["result"]>;
}

const cancelTimeoutMs = 2000;

/** Starts the job; `port` stands for its thread (tests give one end of a channel). */
export function startJob<N extends JobName>(
  name: N,
  params: Jobs[N]["params"],
  handlers: JobHandlers<N>,
  port: Port = startThread("blkscope:job"),
): RunningJob<N> {
  let timer: NodeJS.Timeout | undefined;
  const { promise, resolve, reject } = withResolvers<Jobs[N]["result"]>();
  const questions = new Questions(port);
  let open = true;
  const end = (settle: () => void) => {
    if (!open) return;
    open = false;
    clearTimeout(timer);
    settle();
    questions.end();
    port.close();
  };
  port.listen(
    (data) => {
      const message = data as FromWorker;
      if (!open) return;
      switch (message.kind) {
        case "progress":
          handlers.progress(message.progress as JobProgress<Jobs[N]["totals"]>);
          break;
        case "items":
          handlers.items(message.items as readonly Jobs[N]["item"][]);
          break;
        case "answer":
          questions.take(message);
          break;
        case "end":
          end(() => resolve(message.result as Jobs[N]["result"]));
          break;
        case "fail":
          end(() => reject(fromPlain(message.error)));
          break;
      }
    },
    (reason) => end(() => reject(threadDied(`the ${name} job`, reason))),
  );
  port.post({ kind: "start", name, params } satisfies ToWorker);
  const terminate = (message: string) => end(() => reject(new BlockError("ECANCELED", message)));
  return {
    cancel: () => {
      if (!open || timer !== undefined) return;
      port.post({ kind: "cancel" } satisfies ToWorker);
      if (writingJobs.has(name)) return;
      const late = () =>
        terminate("the job did not stop within 2 seconds and was ended; what it had found is kept");
      timer = setDeadline(late, cancelTimeoutMs);
    },
    ask: (question, about) => questions.ask(question, about) as Promise<never>,
    terminate: () => terminate("the job was ended"),
    done: promise,
  };
}

/** Questions under way to a job. */
class Questions {
  readonly #port: Port;
  readonly #pending = new Map<number, ReturnType<typeof withResolvers<unknown>>>();
  #nextId = 1;
  #isOver = false;

  constructor(port: Port) {
    this.#port = port;
  }

  ask(name: string, question: unknown): Promise<unknown> {
    if (this.#isOver) return Promise.reject(jobIsOver());
    const id = this.#nextId++;
    const pending = withResolvers<unknown>();
    this.#pending.set(id, pending);
    this.#port.post({ kind: "ask", id, name, question } satisfies ToWorker);
    return pending.promise;
  }

  take({ id, answer }: Extract<FromWorker, { kind: "answer" }>): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (answer.ok) pending?.resolve(answer.value);
    else pending?.reject(fromPlain(answer.error));
  }

  end(): void {
    this.#isOver = true;
    for (const { reject } of this.#pending.values()) reject(jobIsOver());
    this.#pending.clear();
  }
}

function jobIsOver(): BlockError {
  return new BlockError("ECANCELED", "the job has ended");
}

/** Starts the second thread of a comparison; undefined on a machine with one core, where it would only cost. */
export const startHelperThread: (() => Port) | undefined =
  availableParallelism() > 1 ? () => startThread("blkscope:compare-helper") : undefined;

/** Starts a thread of ours. That its code cannot be loaded is told by the line being closed. */
export function startThread(role: ThreadRole): Port {
  giveLentTables();
  const url = workerUrl(role === "blkscope:session" ? "sessionWorker" : "jobWorker");
  return portOfWorker(new Worker(url, { workerData: role, name: role, stderr: false }));
}

/** The error for calls that wait for a thread that is gone. */
export function threadDied(what: string, reason: Error | undefined): BlockError {
  const why = reason === undefined ? "it exited" : reason.message;
  return new BlockError(
    "EIO",
    `the thread of ${what} ended unexpectedly: ${why}`,
    { hint: "Try again; if it happens again with the same image, please report it." },
    reason === undefined ? undefined : { cause: reason },
  );
}

export function withResolvers<T>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (error: unknown) => void;
} {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
