// Which clusters of a new file are in use, and where its refcount structures lie. Nothing is shared in a new image, so
// a cluster is used once or not at all; the places are those that the peer's allocator would choose (qcow2
// specification, "Refcount table"; reference notes, "Refcounts" and "Growing").
import { BlockError } from "../../base/errors.ts";
import { limits } from "./layout.ts";

/** Clusters [start, end). */
export interface ClusterRun {
  readonly start: number;
  readonly end: number;
}

export interface SpaceOptions {
  readonly clusterSize: number;
  readonly refcountOrder: number;
}

/** Bytes of an entry of the refcount table. */
const entryLength = 8;

export class NewFileSpace {
  readonly #perBlock: number;
  readonly #perTableCluster: number;
  readonly #clusterSize: number;
  /** Ascending, apart from one another. */
  #used: { start: number; end: number }[] = [];
  /** Cluster of each refcount block by its index; undefined: there is none yet. */
  readonly #blocks: (number | undefined)[] = [2];
  #table: ClusterRun = { start: 1, end: 2 };
  /** Where the search for free clusters begins. */
  #next = 3;

  /** The header in cluster 0, the refcount table in 1, its first block in 2. */
  constructor({ clusterSize, refcountOrder }: SpaceOptions) {
    this.#clusterSize = clusterSize;
    this.#perBlock = (clusterSize * 8) / 2 ** refcountOrder;
    this.#perTableCluster = clusterSize / entryLength;
    this.#use(0, 3);
  }

  get table(): ClusterRun {
    return this.#table;
  }

  /** Index and cluster of every refcount block. */
  get blocks(): readonly (readonly [index: number, cluster: number])[] {
    return this.#blocks.flatMap((cluster, index) =>
      cluster === undefined ? [] : [[index, cluster] as const],
    );
  }

  get used(): readonly ClusterRun[] {
    return this.#used;
  }

  /** The cluster behind the last one in use. */
  get end(): number {
    return this.#used.at(-1)?.end ?? 0;
  }

  /** The first of `count` clusters in a row, in use from now on. Throws EFBIG. */
  allocate(count: number): number {
    for (;;) {
      const start = this.#find(count);
      if (this.#take(start, count)) return start;
    }
  }

  /** Takes what is free of `count` clusters from `start` on; how many that are. Throws EFBIG. */
  allocateAt(start: number, count: number): number {
    for (;;) {
      const free = this.#freeAt(start, count);
      if (this.#take(start, free)) return free;
    }
  }

  /**
   * Sets up refcount blocks and a new table behind everything in use, which then cover `clusters` more as well; the
   * cluster behind them. Throws EFBIG.
   */
  cover(clusters: number): number {
    return this.#renew(this.end, clusters, true);
  }

  #find(count: number): number {
    let at = this.#next;
    for (let index = this.#firstEndingAfter(at); index < this.#used.length; index++) {
      const run = this.#used[index];
      if (run === undefined || run.start - at >= count) break;
      at = run.end;
    }
    this.#checkEnd(at + count);
    this.#next = at + count;
    return at;
  }

  /** Uses the clusters, unless a refcount block had to be made for them: it may lie where they were to be. */
  #take(start: number, count: number): boolean {
    if (count === 0) return true;
    const last = Math.floor((start + count - 1) / this.#perBlock);
    for (let index = Math.floor(start / this.#perBlock); index <= last; index++) {
      if (this.#blocks[index] !== undefined) continue;
      this.#makeBlock(Math.max(start, index * this.#perBlock), index);
      this.#next = Math.min(this.#next, start);
      return false;
    }
    this.#use(start, start + count);
    return true;
  }

  /** A refcount block for `cluster`, which it counts itself or which another one counts. */
  #makeBlock(cluster: number, index: number): void {
    const place = this.#find(1);
    if (Math.floor(place / this.#perBlock) === index) this.#use(place, place + 1);
    else if (!this.#take(place, 1)) return;
    if (index < this.#tableEntries) {
      this.#blocks[index] = place;
      return;
    }
    const blocksUsed = Math.ceil(Math.max(cluster + 1, place) / this.#perBlock);
    this.#blocks[index] = place;
    this.#renew(blocksUsed * this.#perBlock, 0, false);
  }

  get #tableEntries(): number {
    return (this.#table.end - this.#table.start) * this.#perTableCluster;
  }

  /** New blocks and then a new table from `start` on, behind which nothing is in use. */
  #renew(start: number, clusters: number, isExact: boolean): number {
    const sizes = { perBlock: this.#perBlock, perTableCluster: this.#perTableCluster };
    const { blocks } = refcountClusters(start + clusters, sizes, isExact ? "exact" : "generous");
    const entries = isExact ? blocks : blocks + Math.ceil(blocks / 2);
    const tableClusters = Math.ceil(entries / this.#perTableCluster);
    if (tableClusters * this.#clusterSize > limits.refcountTable) throw tooLarge();
    let at = start;
    for (let index = Math.floor(start / this.#perBlock); index < blocks; index++) {
      if (this.#blocks[index] === undefined) this.#blocks[index] = at++;
    }
    const table = { start: at, end: at + tableClusters };
    this.#checkEnd(table.end);
    this.#use(start, table.end);
    const old = this.#table;
    this.#table = table;
    this.#free(old.start, old.end);
    return table.end;
  }

  #use(start: number, end: number): void {
    const at = this.#firstEndingAfter(start);
    const before = this.#used[at - 1];
    const after = this.#used[at];
    const joinsBefore = before?.end === start;
    if (joinsBefore && after?.start === end) {
      before.end = after.end;
      this.#used.splice(at, 1);
    } else if (joinsBefore) before.end = end;
    else if (after?.start === end) after.start = start;
    else this.#used.splice(at, 0, { start, end });
  }

  /** A range inside one run. */
  #free(start: number, end: number): void {
    const at = this.#firstEndingAfter(start);
    const run = this.#used[at];
    if (run === undefined) return;
    const parts = [
      { start: run.start, end: start },
      { start: end, end: run.end },
    ];
    this.#used.splice(at, 1, ...parts.filter((part) => part.start < part.end));
    this.#next = Math.min(this.#next, start);
  }

  #freeAt(start: number, count: number): number {
    const run = this.#used[this.#firstEndingAfter(start)];
    return run === undefined ? count : Math.max(0, Math.min(count, run.start - start));
  }

  /** Index of the first run that ends behind `cluster`; nearly always one of the last. */
  #firstEndingAfter(cluster: number): number {
    let low = 0;
    let high = this.#used.length;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((this.#used[middle]?.end ?? 0) > cluster) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #checkEnd(end: number): void {
    // The bits of an entry that hold an offset.
    if (end > 2 ** 53 / this.#clusterSize) throw tooLarge();
  }
}

/**
 * Clusters of refcount blocks and of their table that `clusters` others need: they count themselves as well.
 * generous: with room for half as large a table again.
 */
export function refcountClusters(
  clusters: number,
  { perBlock, perTableCluster }: { readonly perBlock: number; readonly perTableCluster: number },
  margin: "exact" | "generous",
): { readonly blocks: number; readonly table: number } {
  const settled = (others: number) => {
    for (let blocks = 0, table = 0; ; ) {
      const before = blocks + table;
      blocks = Math.ceil((others + blocks + table) / perBlock);
      table = Math.ceil(blocks / perTableCluster);
      if (blocks + table === before) return { blocks, table };
    }
  };
  const exact = settled(clusters);
  return margin === "exact" ? exact : settled(clusters + Math.ceil(exact.table / 2));
}

/** Sizes that no cluster size makes possible. */
export function uncountable(): BlockError {
  return new BlockError("EFBIG", "Disks of 8 PiB and more can't be handled here", {
    hint: "Offsets are counted up to 2^53 - 1 bytes: give a smaller size.",
  });
}

export function tooLarge(): BlockError {
  return new BlockError("EFBIG", "The image size is too large for the format qcow2", {
    hint: "Give a larger cluster_size.",
  });
}
