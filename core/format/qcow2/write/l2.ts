// L2 tables as a writer needs them: the table of a guest range as the image's own, entries read and changed in memory.
// What breaks a rule of the format ends the session (corruption.ts). Specification: qcow2, "Cluster mapping".
import { hex, hexIndex } from "../../../base/bytes.ts";
import { BlockError } from "../../../base/errors.ts";
import type { BlockNode } from "../../../block/node.ts";
import {
  type CompressedPlace,
  compressedPlace,
  type EntryKind,
  entryKind,
  hasOffset,
  isCompressed,
  isCopied,
  kindOf,
  offsetOf,
} from "../entry.ts";
import { faultOf } from "../entryFault.ts";
import { level } from "../tables.ts";
import type { FreeReason, Metadata } from "./metadata.ts";

/** An L2 entry: its halves, and those of the bitmap of an extended one, which are 0 for others. */
export interface L2Entry {
  readonly high: number;
  readonly low: number;
  readonly zeroes: number;
  readonly allocated: number;
}

export const emptyEntry: L2Entry = { high: 0, low: 0, zeroes: 0, allocated: 0 };
const copiedBit = 0x80000000 | 0;

/** An entry that points to a cluster of the image's own. */
export function ownEntry(offset: number, zeroes: number, allocated: number): L2Entry {
  const high = Math.floor(offset / 0x100000000) | copiedBit;
  return { high, low: (offset % 0x100000000) | 0, zeroes, allocated };
}

export function sameEntry(a: L2Entry, b: L2Entry): boolean {
  return a.high === b.high && a.low === b.low && a.zeroes === b.zeroes && a.allocated === b.allocated;
}

/** Where the entries of a guest range are. */
export interface L2Place {
  readonly table: number;
  /** Of the first. */
  readonly index: number;
}

export class L2Tables {
  readonly #metadata: Metadata;
  readonly #file: BlockNode;

  constructor(metadata: Metadata, file: BlockNode) {
    this.#metadata = metadata;
    this.#file = file;
  }

  /** Bytes that one table speaks of. */
  get span(): number {
    const { l2Entries, clusterSize } = this.#metadata.geometry;
    return l2Entries * clusterSize;
  }

  /** The table of a guest offset if it is there and the image's own; looked at only. */
  async ownTable(offset: number): Promise<L2Place | undefined> {
    const { table, isOwn } = await this.#l1Entry(Math.floor(offset / this.span));
    return table !== 0 && isOwn ? { table, index: this.#indexOf(offset) } : undefined;
  }

  async hasTable(offset: number): Promise<boolean> {
    return (await this.#l1Entry(Math.floor(offset / this.span))).table !== 0;
  }

  /** The same, made where it is missing and copied where it is shared. Within `exclusively`. */
  async table(offset: number): Promise<L2Place> {
    const l1Index = Math.floor(offset / this.span);
    if (l1Index >= this.#metadata.geometry.l1.entries) {
      throw new BlockError("EFBIG", "The L1 table does not reach so far", { offset, length: this.span });
    }
    const { table, isOwn } = await this.#l1Entry(l1Index);
    const own = table !== 0 && isOwn ? table : await this.#newTable(l1Index, table);
    return { table: own, index: this.#indexOf(offset) };
  }

  /** Takes the table of a guest offset out of the L1 table; its entries are empty already. Within `exclusively`. */
  async dropTable(l1Index: number): Promise<void> {
    const { table } = await this.#l1Entry(l1Index);
    if (table === 0) return;
    const { clusterSize } = this.#metadata.geometry;
    await this.#metadata.overlaps.load();
    await this.#setL1(l1Index, 0);
    this.#metadata.overlaps.removeL2(table);
    await this.#metadata.changeRefcounts(table, clusterSize, -1);
  }

  /** `count` entries, at most to the end of the table. Each keeps the rules. */
  async entries({ table, index }: L2Place, count: number): Promise<L2Entry[]> {
    const words = this.#words;
    const list: L2Entry[] = [];
    while (list.length < count) {
      const at = (index + list.length) * words;
      await this.#metadata.tables.page(table, at, "l2_load", (page) => {
        const end = Math.min(page.first + page.count, (index + count) * words);
        for (let word = at; word < end; word += words) {
          const half = (word - page.first) * 2;
          const [high = 0, low = 0] = [page.halves[half], page.halves[half + 1]];
          const zeroes = words === 2 ? (page.halves[half + 2] ?? 0) : 0;
          const allocated = words === 2 ? (page.halves[half + 3] ?? 0) : 0;
          list.push({ high, low, zeroes, allocated });
        }
      });
    }
    return list;
  }

  /** Throws EIO, and marks the image as corrupt, when an entry breaks a rule. `guest` is where the first one's cluster lies. */
  async check({ table, index }: L2Place, entries: readonly L2Entry[], guest: number): Promise<void> {
    const { clusterSize } = this.#metadata.geometry;
    for (const [i, entry] of entries.entries()) {
      const why = this.#faultOf(entry, table, index + i, guest + i * clusterSize);
      if (why !== undefined) throw await this.#corrupt(why, guest + i * clusterSize);
    }
  }

  /** Puts entries in the place of others. Within `exclusively`. */
  async put({ table, index }: L2Place, entries: readonly L2Entry[]): Promise<void> {
    const words = this.#words;
    for (let done = 0; done < entries.length; ) {
      const at = (index + done) * words;
      const of = { level: level.l2, event: "l2_load" };
      await this.#metadata.tables.edit(table, at, of, ({ halves, first, count }) => {
        const end = Math.min(first + count, (index + entries.length) * words);
        for (let word = at; word < end; word += words, done++) {
          const { high, low, zeroes, allocated } = entries[done] as L2Entry;
          const half = (word - first) * 2;
          halves[half] = high;
          halves[half + 1] = low;
          if (words === 1) continue;
          halves[half + 2] = zeroes;
          halves[half + 3] = allocated;
        }
        return end - at;
      });
    }
  }

  /**
   * Gives up the clusters that an entry pointed to. Within `exclusively`. Throws EIO, and marks the image as corrupt, where
   * they are the image's own tables: those would be given away, and back to the file system.
   */
  async free(entry: L2Entry, reason: FreeReason): Promise<void> {
    const { clusterBits, clusterSize, hasDataFile } = this.#metadata.geometry;
    if (isCompressed(entry.high)) {
      await this.#giveUp(compressedPlace(entry.high, entry.low, clusterBits), reason);
    } else if (hasOffset(entry.high, entry.low) && !hasDataFile) {
      await this.#giveUp({ offset: offsetOf(entry.high, entry.low), length: clusterSize }, reason);
    }
  }

  async #giveUp({ offset, length }: CompressedPlace, reason: FreeReason): Promise<void> {
    await this.#metadata.overlaps.check(offset, length);
    await this.#metadata.changeRefcounts(offset, length, -1, reason);
  }

  /** What an entry of one cluster says, subclusters aside: of extended ones no entry is a zero cluster. */
  kind({ high, low }: L2Entry): EntryKind {
    const { hasDataFile } = this.#metadata.geometry;
    return kindOf(high, this.#words === 2 ? low & ~1 : low, hasDataFile);
  }

  /** Has a cluster in the file that nobody shares. */
  isOwn(entry: L2Entry): boolean {
    const kind = this.kind(entry);
    return (kind === entryKind.data || kind === entryKind.zeroAllocated) && isCopied(entry.high);
  }

  get #words(): 1 | 2 {
    return this.#metadata.geometry.l2EntryLength === 16 ? 2 : 1;
  }

  #indexOf(offset: number): number {
    const { clusterSize, l2Entries } = this.#metadata.geometry;
    return Math.floor(offset / clusterSize) % l2Entries;
  }

  async #l1Entry(l1Index: number): Promise<{ readonly table: number; readonly isOwn: boolean }> {
    const { l1, clusterSize } = this.#metadata.geometry;
    if (l1Index >= l1.entries) return { table: 0, isOwn: false };
    const [high = 0, low = 0] = await this.#metadata.tables.page(
      l1.offset,
      l1Index,
      undefined,
      ({ halves, first }) => [halves[(l1Index - first) * 2], halves[(l1Index - first) * 2 + 1]],
    );
    const table = offsetOf(high, low);
    if (table % clusterSize === 0) return { table, isOwn: isCopied(high) };
    const words = `L2 table offset ${hex(table)} unaligned (L1 index: ${hexIndex(l1Index)})`;
    throw await this.#corrupt(words, l1Index * this.span);
  }

  async #setL1(l1Index: number, table: number): Promise<void> {
    const { l1 } = this.#metadata.geometry;
    await this.#metadata.tables.edit(l1.offset, l1Index, { level: level.l1 }, ({ halves, first }) => {
      const high = Math.floor(table / 0x100000000);
      halves[(l1Index - first) * 2] = table === 0 ? 0 : high | copiedBit;
      halves[(l1Index - first) * 2 + 1] = (table % 0x100000000) | 0;
      return 1;
    });
  }

  /** An empty table, or a copy of `old`. */
  async #newTable(l1Index: number, old: number): Promise<number> {
    const { tables, overlaps } = this.#metadata;
    const { clusterSize } = this.#metadata.geometry;
    const offset = await this.#metadata.allocate(1);
    if (offset === 0) {
      throw await this.#corrupt("Preventing invalid allocation of L2 table at offset 0", l1Index * this.span);
    }
    await overlaps.expectFree(offset, clusterSize);
    try {
      const content = old === 0 ? undefined : await this.#wholeTable(old);
      if (this.#file.raise) await this.#file.raise("l2_alloc_write");
      tables.fresh(offset, level.l2);
      if (content !== undefined) await this.#putWords(offset, content);
      await this.#setL1(l1Index, offset);
    } catch (error) {
      await this.#metadata.release(offset, clusterSize);
      throw error;
    }
    overlaps.addL2(offset);
    if (old !== 0) {
      overlaps.removeL2(old);
      await this.#metadata.changeRefcounts(old, clusterSize, -1);
    }
    return offset;
  }

  async #wholeTable(table: number): Promise<Int32Array> {
    const { clusterSize } = this.#metadata.geometry;
    if (this.#file.raise) await this.#file.raise("l2_alloc_cow_read");
    const content = new Int32Array(clusterSize / 4);
    for (let at = 0; at < clusterSize / 8; ) {
      at += await this.#metadata.tables.page(table, at, "l2_load", ({ halves, first, count }) => {
        content.set(halves, first * 2);
        return count;
      });
    }
    return content;
  }

  async #putWords(table: number, content: Int32Array): Promise<void> {
    for (let at = 0; at < content.length / 2; ) {
      await this.#metadata.tables.edit(table, at, { level: level.l2 }, ({ halves, first, count }) => {
        halves.set(content.subarray(first * 2, (first + count) * 2));
        at = first + count;
        return count;
      });
    }
  }

  /** Of an entry as a whole: an extended one as its subclusters are, taken together. */
  #faultOf(entry: L2Entry, table: number, index: number, guest: number): string | undefined {
    const kind = this.kind(entry);
    const isPlaced = kind === entryKind.data || kind === entryKind.zeroAllocated;
    const isBad = (entry.zeroes & entry.allocated) !== 0 || (!isPlaced && entry.allocated !== 0);
    const whole = isBad && kind !== entryKind.compressed ? entryKind.invalid : kind;
    return faultOf(this.#metadata.geometry, whole, entry, { table, index, guest })?.words;
  }

  #corrupt(words: string, guest: number): Promise<BlockError> {
    const { clusterSize } = this.#metadata.geometry;
    return this.#metadata.corruption.fatal(words, { offset: guest, length: clusterSize });
  }
}
