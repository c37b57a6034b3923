// Compresses clusters, several at a time, outside the thread that asks: zlib and Node's own zstd in the threads that Node
// keeps for such work, the library's zstd in threads of ours. Specification: qcow2, "Compressed Clusters Descriptor".
import { availableParallelism } from "node:os";
import * as zlib from "node:zlib";
import { CompressThreads } from "./compressThreads.ts";
import type { Qcow2Header } from "./layout.ts";
import { nodeZstd } from "./zstd.ts";

export interface Compressor {
  /**
   * A stream at least one byte shorter than the cluster; undefined where it does not get as short. The cluster's bytes must
   * stay as they are meanwhile. Throws ENOTSUP where the codec can't be loaded, EIO when its thread dies.
   */
  compress(cluster: Uint8Array): Promise<Uint8Array | undefined>;
  /** Ends its threads. What is still asked for fails. */
  close(): Promise<void>;
}

/** Clusters worked on at a time: none of the processors waits for the next one to be handed over. */
export const mostCompressed = availableParallelism() + 1;

export function compressorOf(codec: Qcow2Header["compression"]): Compressor {
  if (codec === "zlib") return new InNode(deflate);
  const { zstdCompress } = nodeZstd;
  if (zstdCompress === undefined) return new CompressThreads(Math.min(mostThreads, availableParallelism()));
  return new InNode((cluster, done) => zstdCompress(cluster, { maxOutputLength: limitOf(cluster) }, done));
}

const mostThreads = 8;

/** What a stream may have at most: a cluster that does not get shorter is stored as it is. */
function limitOf(cluster: Uint8Array): number {
  return cluster.length - 1;
}

type Job = (cluster: Uint8Array, done: (error: Error | null, bytes: Buffer) => void) => void;

/** What the peer compresses with: no header, a window of 4 KiB, the most memory. */
const deflate: Job = (cluster, done) => {
  const options = {
    windowBits: 12,
    memLevel: 9,
    chunkSize: Math.max(64, cluster.length),
    maxOutputLength: limitOf(cluster),
  };
  zlib.deflateRaw(cluster, options, done);
};

class InNode implements Compressor {
  readonly #job: Job;
  /** Those who wait, the first one first. */
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(job: Job) {
    this.#job = job;
  }

  async compress(cluster: Uint8Array): Promise<Uint8Array | undefined> {
    // Each one under way has some 300 KiB of tables.
    if (this.#running >= mostCompressed) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      return await this.#run(cluster);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  #run(cluster: Uint8Array): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      this.#job(cluster, (error, bytes) => {
        if (error === null) resolve(bytes);
        else if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") resolve(undefined);
        else reject(error);
      });
    });
  }

  async close(): Promise<void> {}
}
