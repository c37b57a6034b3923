// Everything that changes a qcow2 image goes through this: guest writes, snapshots, bitmaps, compressed clusters, amend.
//
// Changes of refcounts and table entries are made in memory and reach the disk together, in an order in which a crash
// leaves leaked clusters at most:
//
//   refcount blocks -> refcount table -> flush (guest data too) -> L2 tables -> flush -> L1 table -> flush
//   and only then the refcounts that were given up go down, in memory: the clusters can be used again.
//
// How to change an image:
//   await metadata.exclusively(async () => {
//     const offset = await metadata.allocate(1);        // counted, in memory
//     ... write to offset, whatever it is ...
//     await metadata.tables.edit(...)                   // entries that point to it, in memory
//     await metadata.changeRefcounts(old, length, -1);  // what they pointed to before: counts once that is durable
//     await metadata.commit();                          // durable; or leave it to the next flush
//   });
//   Between them nothing else changes tables. Writes of guest data go on meanwhile; who can't have that, as snapshots,
//   takes `guest` for the whole disk first: metadata.guest.run(0, Number.MAX_SAFE_INTEGER, "exclusive", ...).
//   Structures that nothing points to yet may be written to the file directly, `overlaps.check` first; then commit, then
//   `header.change(...)`, which is durable when it returns; then changeRefcounts(..., -1) for what it replaced.
import { BlockError } from "../../../base/errors.ts";
import type { BlockNode } from "../../../block/node.ts";
import { RangeLock } from "../../../block/rangeLock.ts";
import { type TableCache, tableCache } from "../cacheOptions.ts";
import type { Qcow2Image } from "../header.ts";
import type { Qcow2Facts } from "../info.ts";
import { compatible, incompatible, type Qcow2Header } from "../layout.ts";
import { type Level, level, Tables } from "../tables.ts";
import { Corruption } from "./corruption.ts";
import { Frees } from "./frees.ts";
import type { HeaderFile } from "./headerFile.ts";
import { type Area, Overlaps } from "./overlaps.ts";
import { Refcounts } from "./refcounts.ts";

/** Bytes of changed tables in memory from which on they are written without being asked to. */
const mostDirtyBytes = 8 * 1024 * 1024;
/** Bytes of clusters given up for whose sake all is made durable, rather than that the file grows. */
const muchGivenUp = 8 * 1024 * 1024;

const steps: Readonly<Record<Level, { readonly event: string; readonly area: Area }>> = {
  [level.refcountBlock]: { event: "refblock_update_part", area: "refcount-block" },
  [level.refcountTable]: { event: "reftable_update", area: "refcount-table" },
  [level.l2]: { event: "l2_update", area: "active-l2" },
  [level.l1]: { event: "l1_update", area: "active-l1" },
};

export interface MetadataOptions {
  /** Undefined: as large as it is without being told. */
  readonly tables?: TableCache;
  /** Undefined: as the image says. */
  readonly lazyRefcounts: boolean | undefined;
  readonly overlaps: ReadonlySet<Area>;
  /** Whether clusters that are given up are given back to the file system too, by why they are. */
  readonly discards: Readonly<Record<FreeReason, boolean>>;
}

/** request: the guest discarded or zeroed them; snapshot: one was deleted; other: they were replaced. */
export type FreeReason = "request" | "snapshot" | "other";

export interface MetadataParts {
  readonly file: BlockNode;
  /** Where guest data lie, when that is not the file. */
  readonly dataFile: BlockNode | undefined;
  readonly header: HeaderFile;
  readonly facts: Qcow2Facts;
  readonly options: MetadataOptions;
  warn(message: string): void;
}

export class Metadata {
  /** Guest ranges, whole clusters: shared for writes in place, exclusive for what changes where data lie. */
  readonly guest = new RangeLock();
  readonly header: HeaderFile;
  readonly tables: Tables;
  readonly overlaps: Overlaps;
  readonly corruption: Corruption;
  readonly #file: BlockNode;
  readonly #dataFile: BlockNode | undefined;
  readonly #refcounts: Refcounts;
  readonly #frees: Frees;
  readonly #options: MetadataOptions;
  #facts: Qcow2Facts;
  #queue: Promise<unknown> = Promise.resolve();
  /** The file was written to since it was last flushed. */
  #isUnflushed = false;
  /** This session set the dirty bit. */
  #isOwnDirty = false;
  /** Where the next compressed cluster may begin; undefined when it needs a new cluster. */
  #packAt: number | undefined;
  #freed = 0;

  constructor({ file, dataFile, header, facts, options, warn }: MetadataParts) {
    this.#file = file;
    this.#dataFile = dataFile;
    this.header = header;
    this.#facts = facts;
    const { clusterSize } = header.header;
    this.tables = new Tables(file, clusterSize, options.tables ?? tableCache({}, clusterSize));
    this.corruption = new Corruption(header, warn);
    const current = () => ({ image: header.image, facts: this.#facts });
    this.overlaps = new Overlaps(
      {
        file,
        get image() {
          return current().image;
        },
        get facts() {
          return current().facts;
        },
      },
      this.corruption,
      options.overlaps,
    );
    this.#refcounts = new Refcounts({
      file,
      header,
      tables: this.tables,
      overlaps: this.overlaps,
      corruption: this.corruption,
      settleBlocks: () => this.#settleBlocks(),
    });
    this.#options = options;
    this.#frees = new Frees({
      file,
      refcounts: this.#refcounts,
      corruption: this.corruption,
      clusterSize: header.header.clusterSize,
      discards: options.discards,
      forget: (offset, length) => this.#forget(offset, length),
    });
  }

  /** As it is now. */
  get image(): Qcow2Image {
    return this.header.image;
  }
  get geometry(): Qcow2Header {
    return this.header.header;
  }
  /** Snapshots and bitmaps. Who changes them says so. */
  get facts(): Qcow2Facts {
    return this.#facts;
  }
  set facts(facts: Qcow2Facts) {
    this.#facts = facts;
    this.overlaps.reload();
  }

  /** Another number when clusters were given up since: what is known of them by their place is not true any more. */
  get freed(): number {
    return this.#freed;
  }

  /** One after the other. Not from within itself: it would wait for its own end. Throws EIO for a corrupt image. */
  exclusively<T>(body: () => Promise<T>): Promise<T> {
    const next = this.#queue.then(() => {
      this.corruption.expectUsable();
      return body();
    });
    this.#queue = next.catch(() => undefined);
    return next;
  }

  /** A read: clusters that are given up meanwhile are not used for anything else before it ends. */
  reading<T>(body: () => Promise<T>): Promise<T> {
    return this.#frees.reading(body);
  }

  /** Everything that was written so far is durable when it returns. Throws EIO, ENOSPC. */
  flush(): Promise<void> {
    return this.exclusively(() => {
      this.#isUnflushed = true;
      return this.commit();
    });
  }

  // All below is called within `exclusively`.

  /** Contiguous clusters, each with a refcount of 1. Throws EFBIG, ECORRUPT, EIO. */
  async allocate(clusters: number): Promise<number> {
    await this.beforeTables();
    if (this.#file.raise) await this.#file.raise("cluster_alloc");
    for (;;) {
      const first = await this.#refcounts.find(clusters);
      if (await this.#refcounts.take(first, clusters)) return this.#allocated(first, clusters);
    }
  }

  /** The first free clusters, up to `most` in a row: at least 1. Holes that are given up are used before the file grows. */
  async allocateUpTo(most: number): Promise<{ readonly offset: number; readonly clusters: number }> {
    await this.beforeTables();
    if (this.#file.raise) await this.#file.raise("cluster_alloc");
    await this.#countBeforeGrowing();
    for (;;) {
      const first = await this.#refcounts.find(1);
      const clusters = await this.#refcounts.freeFrom(first, most);
      if (!(await this.#refcounts.take(first, clusters))) continue;
      return { offset: await this.#allocated(first, clusters), clusters };
    }
  }

  /** The file does not grow while much that was given up only waits for tables to be durable. Throws EIO, ENOSPC. */
  async #countBeforeGrowing(): Promise<void> {
    if (this.#frees.ready * this.#clusterSize < muchGivenUp) return;
    const next = (await this.#refcounts.find(1)) * this.#clusterSize;
    if (next >= this.#file.size) await this.commit();
  }

  /** As many of `clusters` from `hostOffset` on as are free, counted 1 each: 0 when the first is not. */
  async allocateAt(hostOffset: number, clusters: number): Promise<number> {
    await this.beforeTables();
    const first = hostOffset / this.#clusterSize;
    for (;;) {
      const free = await this.#refcounts.freeFrom(first, clusters);
      if (free === 0) return 0;
      if (!(await this.#refcounts.take(first, free))) continue;
      await this.#allocated(first, free);
      return free;
    }
  }

  /**
   * Room for `length` bytes, at most a cluster, of a compressed cluster: behind those before it where they fit, and each
   * cluster that they touch counts once more. Throws EFBIG also where no entry could name the place.
   */
  async allocateBytes(length: number): Promise<number> {
    await this.beforeTables();
    if (this.#file.raise) await this.#file.raise("cluster_alloc_bytes");
    const size = this.#clusterSize;
    let at = this.#packAt;
    // At its highest count, or given up meanwhile, the cluster takes no more.
    if (at !== undefined && !(await this.#canPackAt(at))) at = undefined;
    if (at === undefined || size - (at % size) < length) {
      const last = at;
      const next = await this.allocate(1);
      // Counted below, where it is touched: until then nobody else may take it.
      if (last !== undefined && Math.ceil(last / size) * size === next) {
        await this.#refcounts.add(Math.floor(last / size), 1, 1);
      } else at = next;
    } else await this.#refcounts.add(Math.floor(at / size), 1, 1);
    const offset = at ?? 0;
    const limit = 2 ** (62 - (this.geometry.clusterBits - 8));
    if (offset + length > limit) {
      await this.release(offset, length);
      throw new BlockError("EFBIG", "The file is too large for further compressed clusters", {
        offset,
        length,
      });
    }
    this.#packAt = (offset + length) % size === 0 ? undefined : offset + length;
    return offset;
  }

  /**
   * Adds `delta` to the count of every cluster that the range touches. What goes down does so only when the tables, as
   * they are in memory now, are durable: then clusters whose count is 0 can be used again. Throws EINVAL when a count
   * would become too high: nothing is changed then.
   */
  async changeRefcounts(
    hostOffset: number,
    length: number,
    delta: number,
    reason: FreeReason = "other",
  ): Promise<void> {
    if (length === 0 || delta === 0) return;
    await this.beforeTables();
    const first = Math.floor(hostOffset / this.#clusterSize);
    const count = Math.floor((hostOffset + length - 1) / this.#clusterSize) - first + 1;
    if (delta > 0) await this.#refcounts.add(first, count, delta);
    else this.#frees.later(first, count, -delta, reason);
  }

  /** Gives allocated clusters up at once: nothing ever pointed to them. Also those that the range touches in part. */
  async release(hostOffset: number, length: number): Promise<void> {
    if (this.#file.raise) await this.#file.raise("cluster_free");
    const first = Math.floor(hostOffset / this.#clusterSize);
    const count = Math.floor((hostOffset + length - 1) / this.#clusterSize) - first + 1;
    await this.#refcounts.add(first, count, -1, (cluster) =>
      this.#forget(cluster * this.#clusterSize, this.#clusterSize),
    );
  }

  /** Of a byte's cluster, as it is going to be when what was given up so far has been counted. Throws ECORRUPT, EIO. */
  async refcountOf(hostOffset: number): Promise<number> {
    const cluster = Math.floor(hostOffset / this.#clusterSize);
    return (await this.#refcounts.get(cluster)) - this.#frees.pendingOf(cluster);
  }

  /** Where the last cluster before `hostOffset` that is in use ends; 0 where none is. After `commitAll`. Throws ECORRUPT, EIO. */
  async endOfUse(hostOffset: number): Promise<number> {
    return (await this.#refcounts.usedUpTo(Math.ceil(hostOffset / this.#clusterSize))) * this.#clusterSize;
  }

  /**
   * `refcountOf` for every cluster that the range touches, by the cluster's offset. Slow while much that was given up
   * waits to be counted. Throws ECORRUPT, EIO, what `look` throws.
   */
  async eachRefcount(
    hostOffset: number,
    length: number,
    look: (count: number, hostOffset: number) => void,
  ): Promise<void> {
    const first = Math.floor(hostOffset / this.#clusterSize);
    const count = Math.floor((hostOffset + length - 1) / this.#clusterSize) - first + 1;
    await this.#refcounts.each(first, count, (now, cluster) =>
      look(now - this.#frees.pendingOf(cluster), cluster * this.#clusterSize),
    );
  }

  /** `commit`, and all that was given up is counted: waits for reads that may still look at it. Throws EIO, ENOSPC. */
  async commitAll(): Promise<void> {
    await this.commit();
    await this.#frees.readsEnded();
    await this.commit();
  }

  /** The first of free clusters in a row from a place on; they stay free. */
  async findFree(clusters: number, hostOffset: number): Promise<number> {
    const from = Math.ceil(hostOffset / this.#clusterSize);
    return (await this.#refcounts.find(clusters, from)) * this.#clusterSize;
  }

  /**
   * Before anything is changed: with lazy refcounts the dirty bit has to be durable. Throws ECORRUPT while an earlier
   * session's is set: clusters that are in use may count 0 then, and would be given away again.
   */
  async beforeTables(): Promise<void> {
    this.corruption.expectUsable();
    if (this.isDirty && !this.#isOwnDirty) {
      throw new BlockError(
        "ECORRUPT",
        "The image was not closed properly and its refcounts are not repaired",
        {
          hint: "Nothing new is written to it until then. Repair it with blkscope check -r all.",
        },
      );
    }
    if (!this.#lazy || this.isDirty) return;
    await this.header.change({ incompatible: this.geometry.incompatible | incompatible.dirty });
    this.#isOwnDirty = true;
  }

  /** Whether what failed can be taken back: not while nobody knows what the header on disk names. */
  get canUndo(): boolean {
    return !this.corruption.isFatal && !this.header.isUnsure;
  }

  get isDirty(): boolean {
    return (this.geometry.incompatible & incompatible.dirty) !== 0n;
  }

  /** Something was changed or written that is not durable; clusters that are still to be given up aside. */
  get hasUnwritten(): boolean {
    return this.#isUnflushed || this.tables.dirtyBytes > 0 || this.header.isUnsure;
  }

  /** Of what is not durable, refcounts alone are still in memory. */
  get hasOnlyCountsUnwritten(): boolean {
    const { tables } = this;
    return tables.dirtyBytes > 0 && !tables.isDirty(level.l2) && !tables.isDirty(level.l1);
  }

  /** The file was written to past this: guest data, for instance. They are durable with the next `commit`. */
  wrote(): void {
    this.#isUnflushed = true;
  }

  /** After changes, so that memory stays bounded. Throws EIO. */
  async commitIfMany(): Promise<void> {
    if (this.tables.dirtyBytes > mostDirtyBytes || this.#frees.isMany) await this.commit();
  }

  /** Makes everything durable, guest data too. Throws EIO, ENOSPC: what is not written stays to be written. */
  async commit(): Promise<void> {
    const keepsCounts = this.#lazy && this.isDirty && this.tables.dirtyBytes <= mostDirtyBytes;
    await this.#commitTables(!keepsCounts);
    if (await this.#frees.apply()) await this.#commitIfFull();
  }

  /** `commit`, and refcounts are on disk too, however lazy they are: for who looks at the file itself. Throws EIO, ENOSPC. */
  async commitCounts(): Promise<void> {
    await this.#commitTables(true);
    await this.#frees.apply();
    await this.#commitTables(true);
  }

  /** `commit`, and the dirty bit that this session set is cleared. For the end of a session. */
  async settle(): Promise<void> {
    await this.commitCounts();
    if (!this.#isOwnDirty || !this.isDirty) return;
    await this.header.change({ incompatible: this.geometry.incompatible & ~incompatible.dirty });
    this.#isOwnDirty = false;
  }

  /** Forgets what is known of the file: it was changed below. Throws what opening throws. */
  async reload(facts: (image: Qcow2Image) => Promise<Qcow2Facts>): Promise<void> {
    await this.commit();
    await this.#commitTables(true);
    this.tables.clear();
    this.#packAt = undefined;
    await this.header.reload();
    this.facts = await facts(this.image);
    this.#refcounts.restart();
  }

  /** The refcounts lie in other blocks now, and may have another width. Everything is on disk. */
  refcountsMoved(): void {
    this.tables.clear();
    this.#refcounts.restart();
    this.overlaps.reload();
  }

  get #lazy(): boolean {
    const { version, compatible: bits } = this.geometry;
    return version === 3 && (this.#options.lazyRefcounts ?? (bits & compatible.lazyRefcounts) !== 0n);
  }

  get #clusterSize(): number {
    return this.header.header.clusterSize;
  }

  async #allocated(first: number, clusters: number): Promise<number> {
    const offset = first * this.#clusterSize;
    this.#forget(offset, clusters * this.#clusterSize);
    return offset;
  }

  async #canPackAt(at: number): Promise<boolean> {
    const count = await this.#refcounts.get(Math.floor(at / this.#clusterSize));
    return count > 0 && count < this.#refcounts.most;
  }

  /** Counts that went down need not be durable before anything else, but must not pile up in memory. */
  async #commitIfFull(): Promise<void> {
    if (this.tables.dirtyBytes > mostDirtyBytes) await this.#commitTables(true);
  }

  async #commitTables(withCounts: boolean): Promise<void> {
    // What is durable below tables that the header may not name would be lost.
    await this.header.settle();
    if (withCounts) await this.#settleBlocks();
    if (withCounts) await this.#write(level.refcountTable);
    const hasTables = this.tables.isDirty(level.l2) || this.tables.isDirty(level.l1);
    if (hasTables) await this.#barrier();
    await this.#write(level.l2);
    if (this.tables.isDirty(level.l1)) await this.#barrier();
    await this.#write(level.l1);
    await this.#barrier();
  }

  /** Blocks that the refcount table does not name yet are durable before it does. */
  async #settleBlocks(): Promise<void> {
    await this.#write(level.refcountBlock);
    if (this.tables.isDirty(level.refcountTable)) await this.#barrier();
  }

  async #write(of: Level): Promise<void> {
    if (!this.tables.isDirty(of)) return;
    const { event, area } = steps[of];
    this.#isUnflushed = true;
    await this.tables.writeBack(of, event, (offset, length) => this.overlaps.check(offset, length, area));
  }

  async #barrier(): Promise<void> {
    if (!this.#isUnflushed) return;
    // What is written while this flush runs is not part of it.
    this.#isUnflushed = false;
    try {
      await this.#dataFile?.flush();
      await this.#file.flush();
    } catch (error) {
      this.#isUnflushed = true;
      throw error;
    }
  }

  #forget(offset: number, length: number): void {
    this.#freed++;
    this.tables.forget(offset, length);
    if (this.#packAt === undefined) return;
    if (this.#packAt >= offset && this.#packAt < offset + length) this.#packAt = undefined;
  }
}
