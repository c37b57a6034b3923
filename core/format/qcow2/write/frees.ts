// Clusters that are given up: their counts go down when the tables that no longer point to them are durable, and when no
// read is under way that may still look at them. Until then they belong to nobody, and after a crash they are leaked.
import { BlockError } from "../../../base/errors.ts";
import type { BlockNode } from "../../../block/node.ts";
import type { Corruption } from "./corruption.ts";
import type { FreeReason } from "./metadata.ts";
import type { Refcounts } from "./refcounts.ts";

/** Ranges that wait, from which on they are not left to wait. */
const manyRanges = 32_768;

interface Waiting {
  readonly first: number;
  count: number;
  readonly times: number;
  readonly reason: FreeReason;
  /** Reads that began up to this one may see them. */
  readonly since: number;
}

export interface FreesParts {
  readonly file: BlockNode;
  readonly refcounts: Refcounts;
  readonly corruption: Corruption;
  readonly clusterSize: number;
  readonly discards: Readonly<Record<FreeReason, boolean>>;
  /** Nothing that is known of these bytes counts any more. */
  forget(offset: number, length: number): void;
}

export class Frees {
  readonly #parts: FreesParts;
  #waiting: Waiting[] = [];
  #clusters = 0;
  #lastRead = 0;
  /** The reads under way by their numbers, ascending. */
  readonly #reads = new Map<number, Promise<unknown>>();

  constructor(parts: FreesParts) {
    this.#parts = parts;
  }

  async reading<T>(body: () => Promise<T>): Promise<T> {
    const own = ++this.#lastRead;
    const result = body();
    this.#reads.set(own, result);
    try {
      return await result;
    } finally {
      this.#reads.delete(own);
    }
  }

  /** Resolves when no read is under way any more that is now. */
  async readsEnded(): Promise<void> {
    await Promise.allSettled(this.#reads.values());
  }

  /** Clusters that the next `apply` gives up, as far as nobody else uses them. */
  get ready(): number {
    return this.#reads.size === 0 ? this.#clusters : 0;
  }

  get isMany(): boolean {
    return this.#waiting.length > manyRanges;
  }

  /** `times` off the counts of `count` clusters from `first` on. */
  later(first: number, count: number, times: number, reason: FreeReason): void {
    this.#clusters += count;
    const last = this.#waiting.at(-1);
    const isNext = last && last.first + last.count === first && last.times === times;
    if (isNext && last.reason === reason && last.since === this.#lastRead) last.count += count;
    else this.#waiting.push({ first, count, times, reason, since: this.#lastRead });
  }

  /** How much is still to come off the count of a cluster. */
  pendingOf(cluster: number): number {
    let sum = 0;
    for (const { first, count, times } of this.#waiting) {
      if (cluster >= first && cluster < first + count) sum += times;
    }
    return sum;
  }

  /** The tables are durable: counts go down. Answers whether any did. Throws EIO; what is left waits on. */
  async apply(): Promise<boolean> {
    const [oldestRead = Number.POSITIVE_INFINITY] = this.#reads.keys();
    const ready = this.#waiting.filter(({ since }) => since < oldestRead);
    if (ready.length === 0) return false;
    if (this.#parts.file.raise) await this.#parts.file.raise("cluster_free");
    this.#wait(this.#waiting.filter(({ since }) => since >= oldestRead));
    for (let at = 0; at < ready.length; at++) {
      try {
        await this.#free(ready[at] as Waiting);
      } catch (error) {
        this.#wait([...ready.slice(at), ...this.#waiting]);
        throw error;
      }
    }
    return true;
  }

  #wait(waiting: Waiting[]): void {
    this.#waiting = waiting;
    this.#clusters = waiting.reduce((sum, { count }) => sum + count, 0);
  }

  async #free({ first, count, times, reason }: Waiting): Promise<void> {
    const { refcounts, corruption, clusterSize, forget } = this.#parts;
    const freed: number[] = [];
    try {
      await refcounts.add(first, count, -times, (cluster) => {
        forget(cluster * clusterSize, clusterSize);
        freed.push(cluster);
      });
    } catch (error) {
      // Counts that are too low already: the clusters are given up anyway.
      if (!(error instanceof BlockError) || error.code !== "EINVAL") throw error;
      corruption.note(error.message);
    }
    if (this.#parts.discards[reason]) await this.#discard(freed);
  }

  /** The space goes back to the file system before anybody can use it again. That it can't is no error. */
  async #discard(clusters: readonly number[]): Promise<void> {
    const { file, clusterSize } = this.#parts;
    for (let at = 0; at < clusters.length; ) {
      const first = clusters[at] as number;
      let count = 1;
      while (clusters[at + count] === first + count) count++;
      at += count;
      const there = Math.min(count * clusterSize, file.size - first * clusterSize);
      if (there <= 0) continue;
      try {
        await file.discard(first * clusterSize, there);
      } catch (error) {
        if (!(error instanceof BlockError)) throw error;
      }
    }
  }
}
