// Threads that compress clusters with the zstd library, for a Node without zstd of its own. Each does what it is sent in
// its order; which one is sent a cluster depends on who has least to do.
import { Worker } from "node:worker_threads";
import { BlockError } from "../../base/errors.ts";
import type { Compressor } from "./compressor.ts";
import { noZstd, zstdModule } from "./zstd.ts";

/** Batches sent to a thread and not answered: enough lie ready for it while a busy machine lets us wait. */
const mostSent = 8;
/**
 * One less than the stock programs: as WebAssembly the library takes half as long again, and streams are 1.5 % longer.
 */
const level = 2;
/** Bytes of a batch, but at least one cluster: a message costs as much as compressing some KiB. */
const batchBytes = 512 * 1024;

interface Task {
  readonly cluster: Uint8Array;
  resolve(stream: Uint8Array | undefined): void;
  reject(error: unknown): void;
}

interface Thread {
  readonly worker: Worker;
  /** Batches sent and not answered, in their order. */
  readonly sent: (readonly Task[])[];
}

/**
 * What a thread is sent, clusters, and what it answers, streams: one behind the other, in the same memory. A length of 0
 * is that of a cluster that does not get shorter.
 */
interface Batch {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly lengths: readonly number[];
}

/** A text says why there are no streams. */
type Answer = Batch | string;

/**
 * A thread's program. As text, since this is all it needs: it starts at once, from sources and in every bundle.
 */
const program = `
const { parentPort, workerData } = require("node:worker_threads");
async function load() {
  const library = await require(workerData.library)();
  await library.ready;
  return library;
}
function roomOf(library, length) {
  const room = library._malloc(length);
  if (room === 0) throw new Error("no memory for clusters");
  return room;
}
function compressorOf(library) {
  let [length, source, stream, most] = [0, 0, 0, 0];
  return (bytes, at, end, place) => {
    if (end - at > length) {
      for (const room of [source, stream]) if (room !== 0) library._free(room);
      length = end - at;
      most = library._compressBound(length);
      [source, stream] = [roomOf(library, length), roomOf(library, most)];
    }
    library.HEAPU8.set(bytes.subarray(at, end), source);
    const size = library._compress(stream, most, source, end - at, workerData.level);
    if (size < 0) throw new Error("the library can't compress");
    if (size >= end - at) return 0;
    bytes.set(library.HEAPU8.subarray(stream, stream + size), place);
    return size;
  };
}
function answer(compress, { bytes, lengths }) {
  let [at, end] = [0, 0];
  const streams = lengths.map((length) => {
    const size = compress(bytes, at, (at += length), end);
    end += size;
    return size;
  });
  parentPort.postMessage({ bytes, lengths: streams }, [bytes.buffer]);
}
load().then((library) => {
  const compress = compressorOf(library);
  parentPort.on("message", (batch) => {
    try {
      answer(compress, batch);
    } catch (error) {
      parentPort.postMessage(String(error));
    }
  });
}, (error) => parentPort.postMessage(String(error)));
`;

export class CompressThreads implements Compressor {
  readonly #most: number;
  readonly #threads: Thread[] = [];
  readonly #waiting: Task[] = [];
  /** Memory of batches that were answered: to use new one each time costs more than the rest of it. */
  readonly #idle: Uint8Array<ArrayBuffer>[] = [];
  #failure: BlockError | undefined;

  /** `most` threads, started as they are needed. */
  constructor(most: number) {
    this.#most = most;
  }

  compress(cluster: Uint8Array): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      // Those that are asked for together are sent together.
      if (this.#waiting.push({ cluster, resolve, reject }) === 1) queueMicrotask(() => this.#send());
    });
  }

  async close(): Promise<void> {
    this.#fail(new BlockError("ECANCELED", "The image is closed"));
    this.#idle.length = 0;
    await Promise.all(this.#threads.splice(0).map(({ worker }) => worker.terminate()));
  }

  #send(): void {
    while (this.#waiting.length > 0) {
      if (this.#failure !== undefined) {
        this.#fail(this.#failure);
        return;
      }
      const thread = this.#free();
      if (thread === undefined) return;
      const tasks = this.#waiting.splice(0, this.#batchLength());
      const batch = this.#batchOf(tasks);
      thread.sent.push(tasks);
      // A thread with nothing to do keeps no program from its end.
      thread.worker.ref();
      thread.worker.postMessage(batch, [batch.bytes.buffer]);
    }
  }

  #batchOf(tasks: readonly Task[]): Batch {
    const lengths = tasks.map(({ cluster }) => cluster.length);
    const total = lengths.reduce((sum, length) => sum + length, 0);
    const idle = this.#idle.pop();
    const bytes = idle && idle.length >= total ? idle : new Uint8Array(Math.max(total, batchBytes));
    let at = 0;
    for (const { cluster } of tasks) {
      bytes.set(cluster, at);
      at += cluster.length;
    }
    return { bytes, lengths };
  }

  /** Clusters of the next batch: as many as fit, but every thread gets its share. */
  #batchLength(): number {
    const share = Math.ceil(this.#waiting.length / this.#most);
    return Math.max(1, Math.min(share, Math.floor(batchBytes / (this.#waiting[0]?.cluster.length ?? 1))));
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
      const workerData = { library: zstdModule(), level };
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
    const tasks = thread.sent.shift() ?? [];
    if (thread.sent.length === 0) thread.worker.unref();
    const total = answer.lengths.reduce((sum, length) => sum + length, 0);
    const streams = Buffer.from(answer.bytes.subarray(0, total));
    let at = 0;
    for (const [i, { resolve }] of tasks.entries()) {
      const length = answer.lengths[i] ?? 0;
      resolve(length > 0 ? streams.subarray(at, at + length) : undefined);
      at += length;
    }
    this.#idle.push(answer.bytes);
    this.#send();
  }

  /** Without one of its threads nothing is compressed any more: what was sent is not known to be done by another. */
  #fail(error: BlockError): void {
    this.#failure ??= error;
    const sent = this.#threads.flatMap((thread) => thread.sent.splice(0).flat());
    const open = [...sent, ...this.#waiting.splice(0)];
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
