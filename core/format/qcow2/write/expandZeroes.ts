// Zero clusters made into clusters that version 2 can say: unallocated ones where no backing file shows through, else
// clusters full of zero bytes. In the disk as it is and in all snapshots (qcow2, "L2 table entry", bit 0).
import { hex, hexIndex } from "../../../base/bytes.ts";
import { BlockError } from "../../../base/errors.ts";
import type { BlockNode } from "../../../block/node.ts";
import { entryKind, isCompressed, offsetOf } from "../entry.ts";
import type { TablePlace } from "../layout.ts";
import { snapshotL1 } from "../snapshots.ts";
import { emptyEntry, type L2Entry, type L2Tables, ownEntry, sameEntry } from "./l2.ts";
import type { Metadata } from "./metadata.ts";

const longestZeroes = 1024 * 1024;

export interface ExpandParts {
  readonly metadata: Metadata;
  readonly l2: L2Tables;
  readonly file: BlockNode;
  readonly hasBacking: boolean;
}

interface Root {
  readonly l1: TablePlace;
  readonly isActive: boolean;
}

interface L2Table {
  readonly offset: number;
  /** How many L1 tables point to it. */
  readonly count: number;
  readonly isActive: boolean;
}

export class ZeroExpansion {
  readonly #parts: ExpandParts;

  constructor(parts: ExpandParts) {
    this.#parts = parts;
  }

  /** Whether any cluster is compressed. Throws ECORRUPT, EIO. */
  async hasCompressed(): Promise<boolean> {
    for await (const { table } of this.#tables()) {
      const entries = await this.#entries(table);
      if (entries.some(({ high }) => isCompressed(high))) return true;
    }
    return false;
  }

  /** Within `exclusively`. Entries are changed in memory; a crash leaves leaked clusters. Throws EIO, ENOSPC, ECORRUPT. */
  async run(progress: (part: number) => void): Promise<void> {
    for await (const { table, part } of this.#tables()) {
      await this.#expand(table);
      await this.#parts.metadata.commitIfMany();
      progress(part);
    }
  }

  /** Each once, however many L1 tables point to it. */
  async *#tables(): AsyncGenerator<{ readonly table: L2Table; readonly part: number }> {
    const { metadata } = this.#parts;
    const { clusterSize, l1 } = metadata.geometry;
    const snapshots = metadata.facts.snapshots.map((one) => snapshotL1(one, clusterSize));
    const roots: Root[] = [{ l1, isActive: true }, ...snapshots.map((of) => ({ l1: of, isActive: false }))];
    const all = roots.reduce((sum, root) => sum + root.l1.entries, 0);
    const seen = new Set<number>();
    let done = 0;
    for (const { l1: table, isActive } of roots) {
      for (let index = 0; index < table.entries; index++, done++) {
        const offset = await this.#l2At(table, index);
        if (offset === 0 || seen.has(offset)) continue;
        seen.add(offset);
        const count = await metadata.refcountOf(offset);
        yield { table: { offset, count, isActive }, part: (done + 1) / all };
      }
    }
  }

  async #l2At(l1: TablePlace, index: number): Promise<number> {
    const { metadata } = this.#parts;
    const offset = await metadata.tables.page(l1.offset, index, undefined, ({ halves, first }) =>
      offsetOf(halves[(index - first) * 2] ?? 0, halves[(index - first) * 2 + 1] ?? 0),
    );
    if (offset % metadata.geometry.clusterSize === 0) return offset;
    const words = `L2 table offset ${hex(offset)} unaligned (L1 index: ${hexIndex(index)})`;
    throw await metadata.corruption.fatal(words, { offset: l1.offset + index * 8, length: 8 });
  }

  async #entries({ offset }: L2Table): Promise<L2Entry[]> {
    const { l2, metadata } = this.#parts;
    const place = { table: offset, index: 0 };
    const entries = await l2.entries(place, metadata.geometry.l2Entries);
    await l2.check(place, entries, 0);
    return entries;
  }

  async #expand(table: L2Table): Promise<void> {
    const { l2 } = this.#parts;
    const old = await this.#entries(table);
    const entries = [...old];
    for (const [index, entry] of old.entries()) {
      const kind = l2.kind(entry);
      if (kind === entryKind.zeroPlain) entries[index] = await this.#expandPlain(table);
      else if (kind === entryKind.zeroAllocated) entries[index] = await this.#expandAllocated(entry, table);
    }
    for (let at = 0; at < old.length; ) {
      let end = at;
      while (end < old.length && !sameEntry(old[end] as L2Entry, entries[end] as L2Entry)) end++;
      if (end > at) await l2.put({ table: table.offset, index: at }, entries.slice(at, end));
      at = end + 1;
    }
  }

  async #expandPlain(table: L2Table): Promise<L2Entry> {
    return this.#parts.hasBacking ? this.#newZeroes(table) : emptyEntry;
  }

  /** In its place, unless others have data there. */
  async #expandAllocated(entry: L2Entry, table: L2Table): Promise<L2Entry> {
    const { metadata } = this.#parts;
    const { clusterSize } = metadata.geometry;
    const offset = offsetOf(entry.high, entry.low);
    if ((await metadata.refcountOf(offset)) !== table.count) {
      const fresh = await this.#newZeroes(table);
      await metadata.changeRefcounts(offset, clusterSize, -table.count);
      return fresh;
    }
    await this.#writeZeroes(offset);
    return this.#entryOf(offset, table);
  }

  async #newZeroes(table: L2Table): Promise<L2Entry> {
    const { metadata } = this.#parts;
    const { clusterSize } = metadata.geometry;
    const offset = await metadata.allocate(1);
    try {
      await this.#writeZeroes(offset);
      await metadata.changeRefcounts(offset, clusterSize, table.count - 1);
    } catch (error) {
      if (error instanceof BlockError && !metadata.corruption.isFatal) {
        await metadata.release(offset, clusterSize);
      }
      throw error;
    }
    return this.#entryOf(offset, table);
  }

  async #writeZeroes(offset: number): Promise<void> {
    const { metadata, file } = this.#parts;
    const { clusterSize } = metadata.geometry;
    await metadata.overlaps.expectFree(offset, clusterSize);
    const zeroes = new Uint8Array(Math.min(clusterSize, longestZeroes));
    for (let done = 0; done < clusterSize; done += zeroes.length) await file.write(offset + done, zeroes);
    metadata.wrote();
  }

  /** COPIED in the disk's own tables only. */
  #entryOf(offset: number, { count, isActive }: L2Table): L2Entry {
    const own = ownEntry(offset, 0, 0);
    return count === 1 && isActive ? own : { ...own, high: own.high & 0x7fffffff };
  }
}
