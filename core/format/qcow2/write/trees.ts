// The tree under an L1 table as a whole: all L2 tables and the clusters they point to, counted once more when a snapshot
// comes to share them, once less when it no longer does, with COPIED set for exactly those of the active tables whose
// count is 1. Specification: qcow2, "Snapshots" and "Cluster mapping". All within `exclusively`.
import { hex, hexIndex } from "../../../base/bytes.ts";
import { BlockError } from "../../../base/errors.ts";
import type { BlockNode } from "../../../block/node.ts";
import { compressedPlace, isCompressed, isCopied, offsetOf } from "../entry.ts";
import { limits, type TablePlace } from "../layout.ts";
import { level } from "../tables.ts";
import type { Metadata } from "./metadata.ts";

const copiedBit = 0x80000000 | 0;
/** Of an L1 table, looked at together: a sector. */
const pieceEntries = 64;

interface L2Table {
  readonly l1Index: number;
  readonly offset: number;
  readonly isCopied: boolean;
}

/** Bytes of the file that entries point to: of plain clusters as many as lie in a row. */
interface Reference {
  readonly offset: number;
  length: number;
}

/** What one L2 table points to. */
interface References {
  readonly list: readonly Reference[];
  readonly hasCopied: boolean;
}

/** Plain clusters in a row, in the file and in the table, whose entries are not COPIED. */
interface Run {
  readonly offset: number;
  readonly index: number;
  count: number;
}

export class Trees {
  readonly #metadata: Metadata;
  readonly #file: BlockNode;

  constructor(metadata: Metadata, file: BlockNode) {
    this.#metadata = metadata;
    this.#file = file;
  }

  /**
   * Counts everything once more; no entry of its L2 tables is COPIED then. The L1 table stays as it is. When it fails,
   * counts are as they were before. Throws EINVAL (a count would be too high), ECORRUPT (something counts 0), EIO.
   */
  async share(l1: TablePlace): Promise<void> {
    const { clusterSize } = this.#metadata.geometry;
    let done = 0;
    try {
      for await (const table of this.#l2Tables(l1)) {
        const { list, hasCopied } = await this.#references(table);
        for (const { offset, length } of [...list, { offset: table.offset, length: clusterSize }]) {
          await this.#expectCounted(offset, length);
          await this.#metadata.changeRefcounts(offset, length, 1);
          done++;
        }
        if (hasCopied) await this.#clearCopied(table.offset);
        await this.#metadata.commitIfMany();
      }
    } catch (error) {
      if (this.#metadata.canUndo) {
        await this.unshare(l1, done).catch((second: unknown) => {
          if (!(second instanceof BlockError)) throw second;
        });
      }
      throw error;
    }
  }

  /** Takes `share` back, or its first `most` steps, and sets COPIED again. Throws EIO: the rest leaks. */
  async unshare(l1: TablePlace, most = Number.POSITIVE_INFINITY): Promise<void> {
    await this.#uncount(l1, most);
    await this.setCopied();
  }

  async #uncount(l1: TablePlace, most: number): Promise<void> {
    const { clusterSize } = this.#metadata.geometry;
    let left = most;
    for await (const table of this.#l2Tables(l1)) {
      const { list } = await this.#references(table);
      for (const { offset, length } of [...list, { offset: table.offset, length: clusterSize }]) {
        if (left-- <= 0) return;
        await this.#metadata.release(offset, length);
      }
    }
  }

  /**
   * Counts everything once less, as soon as that nothing points to it any more is durable. What can't be read is left:
   * the rest is given up all the same, and the first error is thrown at the end.
   */
  async drop(l1: TablePlace): Promise<void> {
    const { clusterSize } = this.#metadata.geometry;
    let failed: BlockError | undefined;
    const reached = this.#l2Tables(l1, (error) => {
      failed ??= error;
    });
    for await (const table of reached) {
      try {
        const { list } = await this.#references(table);
        for (const { offset, length } of list) {
          await this.#metadata.changeRefcounts(offset, length, -1, "snapshot");
        }
        await this.#metadata.changeRefcounts(table.offset, clusterSize, -1, "snapshot");
        await this.#metadata.commitIfMany();
      } catch (error) {
        if (!(error instanceof BlockError) || this.#metadata.corruption.isFatal) throw error;
        failed ??= error;
      }
    }
    if (failed !== undefined) throw failed;
  }

  /** No entry of an L1 table is COPIED then. */
  async clearL1(l1: TablePlace): Promise<void> {
    for (let at = 0; at < l1.entries; ) {
      await this.#metadata.tables.edit(l1.offset, at, { level: level.l1 }, ({ halves, first, count }) => {
        const end = Math.min(l1.entries, first + count);
        for (let i = at; i < end; i++) halves[(i - first) * 2] = (halves[(i - first) * 2] ?? 0) & ~copiedBit;
        const changed = end - at;
        at = end;
        return changed;
      });
    }
  }

  /** COPIED for what only the active tables point to, and once. Entries that have it already keep it. Throws EIO. */
  async setCopied(): Promise<void> {
    const { l1 } = this.#metadata.geometry;
    for await (const table of this.#l2Tables(l1)) {
      if ((await this.#metadata.refcountOf(table.offset)) !== 1) continue;
      if (!table.isCopied) await this.#setL1Copied(table.l1Index);
      for (const run of await this.#uncopiedRuns(table)) await this.#setRunCopied(table.offset, run);
      await this.#metadata.commitIfMany();
    }
  }

  /** L2 tables one after the other. `skip` is told why a part of the L1 table is left out; without it, it is thrown. */
  async *#l2Tables(l1: TablePlace, skip?: (error: BlockError) => void): AsyncGenerator<L2Table> {
    const { clusterSize } = this.#metadata.geometry;
    const { offset, entries } = l1;
    // Each has a cluster of its own: more would be a hostile image's.
    let left = Math.ceil(this.#file.size / clusterSize) + 1;
    for (let at = 0; at < entries; ) {
      const from = at;
      at = Math.min(entries, from + pieceEntries);
      let found: L2Table[];
      try {
        found = await this.#l1Piece(offset, from, at);
      } catch (error) {
        if (skip === undefined || !(error instanceof BlockError)) throw error;
        skip(error);
        continue;
      }
      for (const table of found) {
        if (left-- <= 0) throw tooManyTables(l1);
        yield await this.#expectAligned(table);
      }
    }
  }

  /** Within one page of the cache: a piece is a sector, and no page is shorter. */
  #l1Piece(offset: number, from: number, end: number): Promise<L2Table[]> {
    return this.#metadata.tables.page(offset, from, undefined, ({ halves, first }) => {
      const found: L2Table[] = [];
      for (let i = from; i < end; i++) {
        const [high = 0, low = 0] = [halves[(i - first) * 2], halves[(i - first) * 2 + 1]];
        const table = offsetOf(high, low);
        if (table !== 0) found.push({ l1Index: i, offset: table, isCopied: isCopied(high) });
      }
      return found;
    });
  }

  async #expectAligned(table: L2Table): Promise<L2Table> {
    const { clusterSize } = this.#metadata.geometry;
    if (table.offset % clusterSize === 0) return table;
    const words = `L2 table offset ${hex(table.offset)} unaligned (L1 index: ${hexIndex(table.l1Index)})`;
    throw await this.#metadata.corruption.fatal(words, { offset: table.offset, length: clusterSize });
  }

  /** Throws EIO, and marks the image as corrupt, when an entry breaks a rule. */
  async #references(table: L2Table): Promise<References> {
    const { clusterSize, clusterBits } = this.#metadata.geometry;
    const list: Reference[] = [];
    let hasCopied = false;
    let last: Reference | undefined;
    await this.#eachEntry(table, (high, low) => {
      hasCopied ||= isCopied(high);
      const offset = offsetOf(high, low);
      if (isCompressed(high)) {
        list.push(compressedPlace(high, low, clusterBits));
        last = undefined;
      } else if (last !== undefined && last.offset + last.length === offset) last.length += clusterSize;
      else {
        last = { offset, length: clusterSize };
        list.push(last);
      }
    });
    return { list, hasCopied };
  }

  async #uncopiedRuns(table: L2Table): Promise<Run[]> {
    const { clusterSize } = this.#metadata.geometry;
    const runs: Run[] = [];
    let last: Run | undefined;
    await this.#eachEntry(table, (high, low, index) => {
      if (isCompressed(high) || isCopied(high)) return;
      const offset = offsetOf(high, low);
      const isNext = last && last.index + last.count === index;
      if (last && isNext && last.offset + last.count * clusterSize === offset) last.count++;
      else {
        last = { offset, index, count: 1 };
        runs.push(last);
      }
    });
    return runs;
  }

  /** Entries that point somewhere. Whether subclusters of one contradict each other is not looked at. */
  async #eachEntry(
    { offset: table }: L2Table,
    visit: (high: number, low: number, index: number) => void,
  ): Promise<void> {
    const { l2Entries, clusterSize } = this.#metadata.geometry;
    const words = this.#words;
    for (let index = 0; index < l2Entries; ) {
      const unaligned = await this.#metadata.tables.page(table, index * words, "l2_load", (page) => {
        const end = (page.first + page.count) / words;
        for (; index < end; index++) {
          const half = (index * words - page.first) * 2;
          const [high = 0, low = 0] = [page.halves[half], page.halves[half + 1]];
          if (!isCompressed(high)) {
            const offset = offsetOf(high, low);
            if (offset === 0) continue;
            if (offset % clusterSize !== 0) return offset;
          }
          visit(high, low, index);
        }
        return undefined;
      });
      if (unaligned !== undefined) throw await this.#unaligned(unaligned, table, index);
    }
  }

  #unaligned(offset: number, table: number, index: number): Promise<BlockError> {
    const where = `(L2 offset: ${hex(table)}, L2 index: ${hexIndex(index)})`;
    const words = `Cluster allocation offset ${hex(offset)} unaligned ${where}`;
    const { clusterSize } = this.#metadata.geometry;
    return this.#metadata.corruption.fatal(words, { offset: table, length: clusterSize });
  }

  /** To share what counts as free would let others write over it. */
  async #expectCounted(offset: number, length: number): Promise<void> {
    const { refcountOrder, clusterSize } = this.#metadata.geometry;
    const reach = (limits.refcountTable / 8) * ((clusterSize * 8) / 2 ** refcountOrder) * clusterSize;
    if (offset + length > reach) throw uncounted("EFBIG", offset, clusterSize);
    await this.#metadata.eachRefcount(offset, length, (count, cluster) => {
      if (count <= 0) throw uncounted("ECORRUPT", cluster, clusterSize);
    });
  }

  async #clearCopied(table: number): Promise<void> {
    const { l2Entries } = this.#metadata.geometry;
    const words = this.#words;
    for (let at = 0; at < l2Entries * words; ) {
      const of = { level: level.l2, event: "l2_load" };
      await this.#metadata.tables.edit(table, at, of, ({ halves, first, count }) => {
        at = first + count;
        let hasChanged = false;
        for (let word = 0; word < count; word += words) {
          if (!isCopied(halves[word * 2] ?? 0)) continue;
          halves[word * 2] = (halves[word * 2] ?? 0) & ~copiedBit;
          hasChanged = true;
        }
        return hasChanged ? count : 0;
      });
    }
  }

  async #setL1Copied(l1Index: number): Promise<void> {
    const { l1 } = this.#metadata.geometry;
    await this.#metadata.tables.edit(l1.offset, l1Index, { level: level.l1 }, ({ halves, first }) => {
      halves[(l1Index - first) * 2] = (halves[(l1Index - first) * 2] ?? 0) | copiedBit;
      return 1;
    });
  }

  async #setRunCopied(table: number, { offset, index, count }: Run): Promise<void> {
    const { clusterSize } = this.#metadata.geometry;
    const own: number[] = [];
    await this.#metadata.eachRefcount(offset, count * clusterSize, (now, cluster) => {
      if (now === 1) own.push(index + (cluster - offset) / clusterSize);
    });
    const words = this.#words;
    for (let at = 0; at < own.length; ) {
      const word = (own[at] as number) * words;
      const of = { level: level.l2, event: "l2_load" };
      await this.#metadata.tables.edit(table, word, of, (page) => {
        const end = page.first + page.count;
        let next = word;
        for (; at < own.length && next < end; next = (own[++at] ?? 0) * words) {
          const half = (next - page.first) * 2;
          page.halves[half] = (page.halves[half] ?? 0) | copiedBit;
        }
        return (own[at - 1] as number) * words + 1 - word;
      });
    }
  }

  get #words(): 1 | 2 {
    return this.#metadata.geometry.l2EntryLength === 16 ? 2 : 1;
  }
}

/** The system's number of "try again", which the peer answers. */
const tryAgain = 11;

function uncounted(code: "ECORRUPT" | "EFBIG", offset: number, length: number): BlockError {
  const why = code === "EFBIG" ? "no refcount table could speak of it" : "its refcount is 0";
  return new BlockError(code, `The cluster at ${hex(offset)} is in use, but ${why}`, {
    offset,
    length,
    ...(code === "ECORRUPT" && { errno: tryAgain }),
    hint: "Repair the image first: blkscope check -r all.",
  });
}

function tooManyTables({ offset, entries }: TablePlace): BlockError {
  const message = "The L1 table points to more L2 tables than the file has clusters";
  return new BlockError("ECORRUPT", message, {
    offset,
    length: entries * 8,
    hint: "See blkscope check.",
    peer: { message: "Input/output error" },
  });
}
