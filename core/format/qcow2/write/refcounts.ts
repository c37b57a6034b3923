// The refcounts of a writable image: looking them up, changing them, finding free clusters, and the blocks and the table
// that hold them, which grow (qcow2, "Host cluster management"). All in memory: metadata.ts says when it reaches the disk.
// A new block lies in the range it speaks of and counts itself, so that no block has to be there before it; for a run that is
// longer than such a range they lie in front of the run.
import { hex, hexIndex } from "../../../base/bytes.ts";
import { BlockError } from "../../../base/errors.ts";
import type { BlockNode } from "../../../block/node.ts";
import { limits } from "../layout.ts";
import { blockEntries, blockOffset } from "../refcounts.ts";
import { level, type Tables } from "../tables.ts";
import type { Corruption } from "./corruption.ts";
import { countAt, mostCount, putCount } from "./countPage.ts";
import type { HeaderFile } from "./headerFile.ts";
import type { Overlaps } from "./overlaps.ts";
import { bigEndianBytes, pointTo, tableWords } from "./refcountTable.ts";

/** Host offsets have 56 bits, and are safe integers here. */
const maxOffset = Number.MAX_SAFE_INTEGER;
/** Clusters in use that may lie behind the file's end: many more are a table's that goes round in a circle. */
const mostBehindEnd = 2 ** 24;

export interface RefcountParts {
  readonly file: BlockNode;
  readonly header: HeaderFile;
  readonly tables: Tables;
  readonly overlaps: Overlaps;
  readonly corruption: Corruption;
  /** Makes changes of refcount blocks durable. */
  settleBlocks(): Promise<void>;
}

export class Refcounts {
  readonly #parts: RefcountParts;
  #perBlock: number;
  #order: number;
  readonly #clusterSize: number;
  /** Where the next search begins: no cluster before it is free. */
  #free = 0;

  constructor(parts: RefcountParts) {
    const { header } = parts.header;
    this.#parts = parts;
    this.#perBlock = blockEntries(header);
    this.#order = header.refcountOrder;
    this.#clusterSize = header.clusterSize;
  }

  get most(): number {
    return mostCount(this.#order);
  }

  /** The file was changed below, or the counts lie elsewhere and may have another width. */
  restart(): void {
    const { header } = this.#parts.header;
    this.#perBlock = blockEntries(header);
    this.#order = header.refcountOrder;
    this.#free = 0;
  }

  /** Of a cluster of the file; 0 where no block speaks of it. Throws ECORRUPT, EIO. */
  async get(cluster: number): Promise<number> {
    const block = await this.#blockOf(Math.floor(cluster / this.#perBlock));
    if (block === 0) return 0;
    const index = cluster % this.#perBlock;
    return this.#parts.tables.page(block, this.#wordOf(index), undefined, ({ halves, first }) =>
      countAt(halves, index - this.#entriesIn(first), this.#order),
    );
  }

  /**
   * Adds `delta` to `count` clusters, whose blocks are made where they are missing; `freed` hears of those whose count
   * becomes 0. Throws EINVAL when a count would become higher than it can be or less than 0: nothing is changed then.
   */
  async add(cluster: number, count: number, delta: number, freed?: (cluster: number) => void): Promise<void> {
    await this.each(cluster, count, (now, at) => this.#expect(now, delta, at));
    await this.#ensureBlocks(cluster, count);
    await this.#change(cluster, count, (now, at) => {
      if (now + delta === 0) {
        this.#free = Math.min(this.#free, at);
        freed?.(at);
      }
      return now + delta;
    });
  }

  /** The first of `count` free clusters in a row. Looks from `from` on, or from where free ones may be. Throws EFBIG, ECORRUPT. */
  async find(count: number, from = this.#free): Promise<number> {
    let run = 0;
    let at = from;
    let firstFree: number | undefined;
    const mostAt = Math.ceil(this.#parts.file.size / this.#clusterSize) + mostBehindEnd;
    while (run < count) {
      if (run === 0 && at > mostAt) throw tooMany(at * this.#clusterSize);
      const block = await this.#blockOf(Math.floor(at / this.#perBlock));
      const end = (Math.floor(at / this.#perBlock) + 1) * this.#perBlock;
      if ((at + count) * this.#clusterSize > maxOffset) throw tooBig();
      if (block === 0) {
        const taken = Math.min(count - run, end - at);
        firstFree ??= at;
        run += taken;
        at += taken;
        continue;
      }
      const index = at % this.#perBlock;
      await this.#parts.tables.page(block, this.#wordOf(index), undefined, (page) => {
        const start = this.#entriesIn(page.first);
        const last = start + this.#entriesIn(page.count);
        for (let i = index; i < last && run < count; i++, at++) {
          const isFree = countAt(page.halves, i - start, this.#order) === 0;
          run = isFree ? run + 1 : 0;
          if (isFree) firstFree ??= at;
        }
      });
    }
    if (from === this.#free) this.#free = firstFree ?? from;
    return at - run;
  }

  /** How many of `count` clusters from `cluster` on are free before one that is not. */
  async freeFrom(cluster: number, count: number): Promise<number> {
    let free = 0;
    for (let goesOn = true; goesOn && free < count; ) {
      const at = cluster + free;
      const index = at % this.#perBlock;
      const block = await this.#blockOf(Math.floor(at / this.#perBlock));
      if (block === 0) {
        free += Math.min(count - free, this.#perBlock - index);
        continue;
      }
      goesOn = await this.#parts.tables.page(block, this.#wordOf(index), undefined, (page) => {
        const start = this.#entriesIn(page.first);
        const last = Math.min(start + this.#entriesIn(page.count), index + count - free);
        for (let i = index; i < last; i++, free++) {
          if (countAt(page.halves, i - start, this.#order) !== 0) return false;
        }
        return true;
      });
    }
    return free;
  }

  /** Of the first `clusters`, how many there are up to the last one in use. Throws ECORRUPT, EIO. */
  async usedUpTo(clusters: number): Promise<number> {
    const { refcountTable } = this.#parts.header.header;
    let end = Math.min(clusters, ((refcountTable.clusters * this.#clusterSize) / 8) * this.#perBlock);
    for (let isUsed = false; end > 0 && !isUsed; ) {
      const first = end - 1 - ((end - 1) % this.#perBlock);
      const block = await this.#blockOf(first / this.#perBlock);
      if (block === 0) {
        end = first;
        continue;
      }
      isUsed = await this.#parts.tables.page(block, this.#wordOf(end - 1 - first), undefined, (page) => {
        const start = first + this.#entriesIn(page.first);
        for (; end > start; end--) {
          if (countAt(page.halves, end - 1 - start, this.#order) !== 0) return true;
        }
        return false;
      });
    }
    return end;
  }

  /**
   * Takes free clusters: their count becomes 1. Answers whether they still were free when the blocks for them were there:
   * a new block may have taken one of them.
   */
  async take(cluster: number, count: number): Promise<boolean> {
    if ((cluster + count) * this.#clusterSize > maxOffset) throw tooBig();
    const isLong = count >= this.#perBlock;
    if (isLong ? await this.#blocksInFront(cluster, count) : await this.#ensureBlocks(cluster, count))
      return false;
    await this.#change(cluster, count, () => 1);
    if (cluster <= this.#free) this.#free = cluster + count;
    return true;
  }

  /** Looks at counts, each in its turn. Throws ECORRUPT, EIO, what `look` throws. */
  async each(cluster: number, count: number, look: (now: number, at: number) => void): Promise<void> {
    for (let done = 0; done < count; ) {
      const at = cluster + done;
      const block = await this.#blockOf(Math.floor(at / this.#perBlock));
      const index = at % this.#perBlock;
      if (block === 0) {
        look(0, at);
        done++;
        continue;
      }
      await this.#parts.tables.page(block, this.#wordOf(index), undefined, (page) => {
        const start = this.#entriesIn(page.first);
        const last = Math.min(start + this.#entriesIn(page.count), index + count - done);
        for (let i = index; i < last; i++, done++)
          look(countAt(page.halves, i - start, this.#order), cluster + done);
      });
    }
  }

  /** Of clusters whose blocks are there. */
  async #change(cluster: number, count: number, body: (now: number, at: number) => number): Promise<void> {
    const { tables, file } = this.#parts;
    for (let done = 0; done < count; ) {
      const at = cluster + done;
      const block = await this.#blockOf(Math.floor(at / this.#perBlock));
      const index = at % this.#perBlock;
      // The step is the block's change, whether or not it has to be read for that, and not a look at its counts.
      if (file.raise) await file.raise("refblock_load");
      await tables.edit(block, this.#wordOf(index), { level: level.refcountBlock }, (page) => {
        const start = this.#entriesIn(page.first);
        const last = Math.min(start + this.#entriesIn(page.count), index + count - done);
        for (let i = index; i < last; i++, done++) {
          const now = countAt(page.halves, i - start, this.#order);
          putCount(page.halves, i - start, this.#order, body(now, cluster + done));
        }
        return this.#wordOf(last - 1) - this.#wordOf(index) + 1;
      });
    }
  }

  #expect(now: number, delta: number, cluster: number): void {
    const most = mostCount(this.#order);
    // Higher ones are not known exactly: what is written would be another count.
    if (now <= most && now + delta >= 0 && now + delta <= most) return;
    const place = { offset: cluster * this.#clusterSize, length: this.#clusterSize };
    if (delta > 0) {
      const width = 2 ** this.#order;
      throw new BlockError(
        "EINVAL",
        `The refcount of the cluster at ${hex(place.offset)} is ${now}, and counts of ${width} bits can't be ${now + delta}`,
        {
          ...place,
          hint: "An image with wider refcounts has room for it: blkscope amend -o refcount_bits=64.",
          peer: { message: "Invalid argument" },
        },
      );
    }
    throw new BlockError(
      "EINVAL",
      `The refcount of the cluster at ${hex(place.offset)} is ${now}, so it can't be given up`,
      {
        ...place,
        hint: "The image's refcounts are wrong: see blkscope check.",
        peer: { message: "Invalid argument" },
      },
    );
  }

  /** Of the block `index`, 0 when there is none. Throws ECORRUPT, EIO. */
  async #blockOf(index: number): Promise<number> {
    const { offset: table, clusters } = this.#parts.header.header.refcountTable;
    if (index >= (clusters * this.#clusterSize) / 8) return 0;
    const [high = 0, low = 0] = await this.#parts.tables.page(
      table,
      index,
      "reftable_load",
      ({ halves, first }) => [halves[(index - first) * 2], halves[(index - first) * 2 + 1]],
    );
    const offset = blockOffset(high, low, this.#clusterSize);
    if (offset !== undefined) return offset;
    const found = hex((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0));
    const words = `Refblock offset ${found} unaligned (reftable index: ${hexIndex(index)})`;
    throw await this.#parts.corruption.fatal(words, { offset: table + index * 8, length: 8 });
  }

  /** Answers whether any was missing. */
  async #ensureBlocks(cluster: number, count: number): Promise<boolean> {
    const { file } = this.#parts;
    let wasMissing = false;
    const last = Math.floor((cluster + count - 1) / this.#perBlock);
    for (let index = Math.floor(cluster / this.#perBlock); index <= last; index++) {
      if (file.raise) await file.raise("refblock_alloc");
      if ((await this.#blockOf(index)) !== 0) continue;
      wasMissing = true;
      await this.#addBlock(index, Math.max(cluster, index * this.#perBlock));
    }
    return wasMissing;
  }

  /**
   * The blocks that free clusters need, on the first of them: each in the range it speaks of would leave no run as long as
   * such a range. Answers whether any was missing.
   */
  async #blocksInFront(cluster: number, count: number): Promise<boolean> {
    const { file } = this.#parts;
    const { refcountTable } = this.#parts.header.header;
    const last = Math.floor((cluster + count - 1) / this.#perBlock);
    await this.#growTable(last);
    // The new table may lie among the clusters.
    if (this.#parts.header.header.refcountTable.offset !== refcountTable.offset) return true;
    let made = 0;
    for (let index = Math.floor(cluster / this.#perBlock); index <= last; index++) {
      if (file.raise) await file.raise("refblock_alloc");
      if ((await this.#blockOf(index)) !== 0) continue;
      await this.#addBlock(index, cluster + made);
      made++;
    }
    return made > 0;
  }

  /**
   * Puts block `index` on a free cluster: one that it speaks of, all of which are free where it was missing, or one whose
   * own block is there.
   */
  async #addBlock(index: number, cluster: number): Promise<void> {
    const { tables, overlaps, corruption, file } = this.#parts;
    await this.#growTable(index);
    // The new table's blocks may have been this one.
    if ((await this.#blockOf(index)) !== 0) return;
    const offset = cluster * this.#clusterSize;
    if (offset === 0) {
      const words = "Preventing invalid allocation of refcount block at offset 0";
      throw await corruption.fatal(words, undefined);
    }
    await overlaps.expectFree(offset, this.#clusterSize);
    if (file.raise) await file.raise("refblock_alloc_write");
    if (file.raise) await file.raise("refblock_alloc_hookup");
    await pointTo(tables, this.#parts.header.header.refcountTable, index, offset);
    tables.fresh(offset, level.refcountBlock);
    overlaps.addBlock(offset);
    await this.#change(cluster, 1, () => 1);
  }

  /**
   * Makes room in the table for block `index`: a new table, with the blocks that count it, lies behind all clusters that
   * the old table can speak of. It is durable before the header names it; then the old one is given up.
   */
  async #growTable(index: number): Promise<void> {
    const { header, tables, file, overlaps, settleBlocks } = this.#parts;
    const old = header.header.refcountTable;
    const entries = (old.clusters * this.#clusterSize) / 8;
    if (index < entries) return;
    if (file.raise) await file.raise("reftable_grow");
    const { clusters, blocks } = this.#newTableSize(entries, index);
    const start = entries * this.#perBlock;
    if ((start + blocks + clusters) * this.#clusterSize > maxOffset) throw tooBig();
    const blocksAt = start * this.#clusterSize;
    const tableAt = blocksAt + blocks * this.#clusterSize;
    await overlaps.expectFree(blocksAt, (blocks + clusters) * this.#clusterSize);
    // What the old table names in memory only is on disk before the new one names it.
    await settleBlocks();
    const words = await tableWords(tables, old, this.#clusterSize, clusters);
    const counts = new Int32Array((blocks * this.#clusterSize) / 4);
    for (let i = 0; i < blocks; i++) {
      const block = blocksAt + i * this.#clusterSize;
      words[(entries + i) * 2] = Math.floor(block / 0x100000000);
      words[(entries + i) * 2 + 1] = (block % 0x100000000) | 0;
    }
    for (let i = 0; i < blocks + clusters; i++) putCount(counts, i, this.#order, 1);
    if (file.raise) await file.raise("refblock_alloc_write_blocks");
    await file.write(blocksAt, bigEndianBytes(counts));
    if (file.raise) await file.raise("refblock_alloc_write_table");
    await file.write(tableAt, bigEndianBytes(words));
    await file.flush();
    if (file.raise) await file.raise("refblock_alloc_switch_table");
    await header.change({ refcountTable: { offset: tableAt, clusters } });
    tables.forget(blocksAt, (blocks + clusters) * this.#clusterSize);
    tables.forget(old.offset, old.clusters * this.#clusterSize);
    for (let i = 0; i < blocks; i++) overlaps.addBlock(blocksAt + i * this.#clusterSize);
    // The header that no longer names it is durable.
    await this.add(old.offset / this.#clusterSize, old.clusters, -1);
  }

  /** Half as many entries again at least, and blocks that count the new table and themselves. */
  #newTableSize(entries: number, index: number): { clusters: number; blocks: number } {
    let blocks = 1;
    for (;;) {
      const wanted = Math.max(Math.ceil(entries * 1.5), index + 1, entries + blocks);
      const clusters = Math.ceil((wanted * 8) / this.#clusterSize);
      if (clusters * this.#clusterSize > limits.refcountTable) throw tooBig();
      const needed = Math.ceil((clusters + blocks) / this.#perBlock);
      if (needed <= blocks) return { clusters, blocks };
      blocks = needed;
    }
  }

  /** Words of 8 bytes: which holds an entry of a block, and how many entries so many words hold. */
  #wordOf(index: number): number {
    return Math.floor((index * 2 ** this.#order) / 64);
  }
  #entriesIn(words: number): number {
    return (words * 64) / 2 ** this.#order;
  }
}

function tooMany(offset: number): BlockError {
  const message = "The refcounts say that all clusters far behind the end of the file are in use";
  return new BlockError("ECORRUPT", message, { offset, length: 1, hint: "See blkscope check." });
}

function tooBig(): BlockError {
  return new BlockError(
    "EFBIG",
    "The image's file has no room for more clusters: its refcount table is full",
    {
      hint: "An image with larger clusters can grow further: convert it with a larger cluster size.",
      peer: { message: "File too large" },
    },
  );
}
