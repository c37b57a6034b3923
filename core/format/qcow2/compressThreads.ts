// Threads that compress clusters with the zstd library, for a Node without zstd of its own. Each does what it is sent in
// its order; which one is sent a cluster depends on who has least to do.
import { Worker } from "node:worker_threads";
import { BlockError } from "../../base/errors.ts";
import type { Compressor } from "./compressor.ts";
import { noZstd, zstdLevel, zstdLibrary } from "./zstd.ts";

/** Clusters sent to a thread and not answered: one is worked on, the next one lies ready. */
const mostSent = 2;

interface Task {
  readonly cluster: Uint8Array;
  resolve(stream: Uint8Array | undefined): void;
  reject(error: unknown): void;
}

interface Thread {
  readonly worker: Worker;
  /** Sent and not answered, in their order. */
  readonly sent: Task[];
}

/** What a thread is sent is a cluster; it answers a stream, or a text that says why there is none. */
type Answer = Uint8Array | string;

/**
 * A thread's program. As text, since this is all it needs: it starts at once, from sources and in every bundle.
 */
const program = `
const { parentPort, workerData } = require("node:worker_threads");
let library;
try {
  library = require(workerData.library);
} catch (error) {
  parentPort.postMessage(String(error));
}
library?.isLoaded.then(() => parentPort.on("message", (cluster) => {
  try {
    const stream = new Uint8Array(library.compress(cluster, workerData.level));
    parentPort.postMessage(stream, [stream.buffer]);
  } catch (error) {
    parentPort.postMessage(String(error));
  }
}));
`;

export class CompressThreads implements Compressor {
  readonly #most: number;
  readonly #threads: Thread[] = [];
  readonly #waiting: Task[] = [];
  #failure: BlockError | undefined;

  /** `most` threads, started as they are needed. */
  constructor(most: number) {
    this.#most = most;
  }

  compress(cluster: Uint8Array): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ cluster, resolve, reject });
      this.#send();
    });
  }

  async close(): Promise<void> {
    this.#fail(new BlockError("ECANCELED", "The image is closed"));
    await Promise.all(this.#threads.splice(0).map(({ worker }) => worker.terminate()));
  }

  #send(): void {
    for (;;) {
      const [task] = this.#waiting;
      if (task === undefined) return;
      if (this.#failure !== undefined) {
        this.#fail(this.#failure);
        return;
      }
      const thread = this.#free();
      if (thread === undefined) return;
      this.#waiting.shift();
      thread.sent.push(task);
      // A thread with nothing to do keeps no program from its end.
      thread.worker.ref();
      const copy = new Uint8Array(task.cluster);
      thread.worker.postMessage(copy, [copy.buffer]);
    }
  }

  /** The thread that has least to do, or a new one. */
  #free(): Thread | undefined {
    const least = this.#threads.reduce<Thread | undefined>(
      (best, one) => (best === undefined || one.sent.length < best.sent.length ? one : best),
      undefined,
    );
    if (least !== undefined && least.sent.length === 0) return least;
    if (this.#threads.length < this.#most) return this.#start();
    return least !== undefined && least.sent.length < mostSent ? least : undefined;
  }

  #start(): Thread | undefined {
    let worker: Worker;
    try {
      const workerData = { library: zstdLibrary(), level: zstdLevel };
      worker = new Worker(program, { eval: true, workerData, name: "blkscope:compress" });
    } catch (thrown) {
      this.#fail(noZstd(thrown));
      return undefined;
    }
    const thread: Thread = { worker, sent: [] };
    worker.on("message", (answer: Answer) => this.#take(thread, answer));
    worker.on("error", (error) => this.#fail(threadEnded(error)));
    worker.on("exit", () => this.#fail(threadEnded(undefined)));
    this.#threads.push(thread);
    return thread;
  }

  #take(thread: Thread, answer: Answer): void {
    if (typeof answer === "string") {
      this.#fail(noZstd(new Error(answer)));
      return;
    }
    const task = thread.sent.shift();
    if (thread.sent.length === 0) thread.worker.unref();
    if (task !== undefined) task.resolve(answer.length < task.cluster.length ? answer : undefined);
    this.#send();
  }

  /** Without one of its threads nothing is compressed any more: what was sent is not known to be done by another. */
  #fail(error: BlockError): void {
    this.#failure ??= error;
    const open = [...this.#threads.flatMap(({ sent }) => sent.splice(0)), ...this.#waiting.splice(0)];
    for (const { reject } of open) reject(this.#failure);
  }
}

function threadEnded(cause: Error | undefined): BlockError {
  const why = cause === undefined ? "it exited" : cause.message;
  return new BlockError(
    "EIO",
    `The thread that compresses clusters ended unexpectedly: ${why}`,
    {},
    { cause },
  );
}
