// Refcounts of another width (qcow2, "Host cluster management"): new refcount blocks and a new refcount table are laid down
// beside the old ones, and one write to the header switches to them. A crash before it leaks them, one after it leaks the
// old ones. All within `exclusively`.
import { hex, hexIndex } from "../../../base/bytes.ts";
import { BlockError } from "../../../base/errors.ts";
import type { BlockNode } from "../../../block/node.ts";
import { readPadded } from "../header.ts";
import { limits } from "../layout.ts";
import { blockEntries, refcountBlocks } from "../refcounts.ts";
import { bigEndianWords } from "../tables.ts";
import { countAt, mostCount, putCount } from "./countPage.ts";
import type { Metadata } from "./metadata.ts";
import { bigEndianBytes } from "./refcountTable.ts";

/** Clusters in a row. */
interface Piece {
  readonly offset: number;
  readonly clusters: number;
}

type Visit = (count: number, cluster: number) => void | Promise<void>;

export class RefcountWidth {
  readonly #metadata: Metadata;
  readonly #file: BlockNode;
  readonly #order: number;
  /** Clusters that a new block speaks of. */
  readonly #perBlock: number;
  /** Everything that is allocated for the new structures. */
  readonly #taken: Piece[] = [];
  /** Where new blocks lie, by their index in the table. */
  readonly #blocks = new Map<number, number>();
  #table: Piece | undefined;

  /** Counts of 2^order bits. */
  constructor(metadata: Metadata, file: BlockNode, order: number) {
    this.#metadata = metadata;
    this.#file = file;
    this.#order = order;
    this.#perBlock = blockEntries({ ...metadata.geometry, refcountOrder: order });
  }

  /** Throws EINVAL (a count does not fit), EFBIG (the table), ECORRUPT, EIO, ENOSPC; the image is as before then. */
  async change(progress: (part: number) => void): Promise<void> {
    try {
      const table = await this.#makeRoom();
      await this.#writeBlocks(progress);
      await this.#writeTable(table);
      await this.#file.flush();
    } catch (error) {
      await this.#giveBack();
      throw error;
    }
    await this.#switch();
  }

  /** Until the new structures have a place for the counts of all clusters, their own too. */
  async #makeRoom(): Promise<Piece> {
    const { clusterSize } = this.#metadata.geometry;
    for (;;) {
      // What is counted below is read from the file.
      await this.#metadata.commitAll();
      await this.#metadata.settle();
      const needed = await this.#neededBlocks();
      const missing = [...needed].filter((index) => !this.#blocks.has(index)).sort((a, b) => a - b);
      const entries = Math.max(...needed) + 1;
      const clusters = Math.ceil((entries * 8) / clusterSize);
      if (clusters * clusterSize > limits.refcountTable) throw tableTooLarge(2 ** this.#order);
      const table = this.#table;
      if (missing.length === 0 && table !== undefined && table.clusters >= clusters) return table;
      await this.#take(missing, clusters);
    }
  }

  /** In one piece, as far as there is something to be placed. */
  async #take(missing: readonly number[], tableClusters: number): Promise<void> {
    const { clusterSize } = this.#metadata.geometry;
    const needsTable = this.#table === undefined || this.#table.clusters < tableClusters;
    const clusters = missing.length + (needsTable ? tableClusters : 0);
    const offset = await this.#metadata.allocate(clusters);
    this.#taken.push({ offset, clusters });
    await this.#metadata.overlaps.expectFree(offset, clusters * clusterSize);
    for (const [i, index] of missing.entries()) this.#blocks.set(index, offset + i * clusterSize);
    if (needsTable) {
      // One that is too short stays in #taken, and is given up with the old structures.
      this.#table = { offset: offset + missing.length * clusterSize, clusters: tableClusters };
    }
  }

  /** Indices of new blocks that have a count above 0. */
  async #neededBlocks(): Promise<Set<number>> {
    const needed = new Set<number>();
    const most = mostCount(this.#order);
    const { clusterSize } = this.#metadata.geometry;
    await this.#eachCount((count, cluster) => {
      if (count > most) throw tooHigh(count, cluster * clusterSize, 2 ** this.#order);
      needed.add(Math.floor(cluster / this.#perBlock));
    });
    return needed;
  }

  async #writeBlocks(progress: (part: number) => void): Promise<void> {
    const { clusterSize } = this.#metadata.geometry;
    let block = new Int32Array(clusterSize / 4);
    let current: number | undefined;
    let written = 0;
    const write = async () => {
      const offset = current === undefined ? undefined : this.#blocks.get(current);
      if (offset === undefined) return;
      await this.#file.write(offset, bigEndianBytes(block));
      progress(++written / this.#blocks.size);
    };
    await this.#eachCount(async (count, cluster) => {
      const index = Math.floor(cluster / this.#perBlock);
      if (index !== current) {
        await write();
        block = new Int32Array(clusterSize / 4);
        current = index;
      }
      putCount(block, cluster % this.#perBlock, this.#order, count);
    });
    await write();
  }

  async #writeTable({ offset, clusters }: Piece): Promise<void> {
    const { clusterSize } = this.#metadata.geometry;
    const words = new Int32Array((clusters * clusterSize) / 4);
    for (const [index, block] of this.#blocks) {
      words[index * 2] = Math.floor(block / 0x100000000);
      words[index * 2 + 1] = (block % 0x100000000) | 0;
    }
    await this.#file.write(offset, bigEndianBytes(words));
  }

  async #switch(): Promise<void> {
    const metadata = this.#metadata;
    const { refcountTable: old, clusterSize } = metadata.geometry;
    const table = this.#table as Piece;
    const oldBlocks: number[] = [];
    for await (const { offset } of refcountBlocks(this.#file, metadata.geometry)) {
      if (offset !== undefined) oldBlocks.push(offset);
    }
    const refcountTable = { offset: table.offset, clusters: table.clusters };
    await metadata.header.rewrite({ refcountOrder: this.#order, change: { refcountTable } });
    metadata.refcountsMoved();
    await metadata.changeRefcounts(old.offset, old.clusters * clusterSize, -1);
    for (const offset of oldBlocks) await metadata.changeRefcounts(offset, clusterSize, -1);
    for (const { offset } of this.#unused(table)) await metadata.changeRefcounts(offset, clusterSize, -1);
    await metadata.commitAll();
  }

  /** Clusters of tables that turned out to be too short. */
  #unused(table: Piece): Piece[] {
    const { clusterSize } = this.#metadata.geometry;
    const used = new Set(this.#blocks.values());
    for (let i = 0; i < table.clusters; i++) used.add(table.offset + i * clusterSize);
    return this.#taken.flatMap(({ offset, clusters }) =>
      Array.from({ length: clusters }, (_, i) => ({ offset: offset + i * clusterSize, clusters: 1 })).filter(
        (one) => !used.has(one.offset),
      ),
    );
  }

  /** What can't be given back leaks; the error before it is the one to be told. */
  async #giveBack(): Promise<void> {
    const { corruption, geometry } = this.#metadata;
    if (corruption.isFatal) return;
    try {
      for (const { offset, clusters } of this.#taken) {
        await this.#metadata.release(offset, clusters * geometry.clusterSize);
      }
    } catch (error) {
      if (!(error instanceof BlockError)) throw error;
    }
  }

  /** Counts above 0 in the order of the file. */
  async #eachCount(visit: Visit): Promise<void> {
    const { geometry, corruption } = this.#metadata;
    const { clusterSize, refcountOrder } = geometry;
    const perBlock = blockEntries(geometry);
    for await (const { index, offset } of refcountBlocks(this.#file, geometry)) {
      if (offset === undefined) {
        const words = `Refblock offset unaligned (reftable index: ${hexIndex(index)})`;
        throw await corruption.fatal(words, { offset: geometry.refcountTable.offset + index * 8, length: 8 });
      }
      const bytes = new Uint8Array(clusterSize);
      await readPadded(this.#file, offset, bytes);
      const halves = bigEndianWords(bytes);
      for (let i = 0; i < perBlock; i++) {
        const count = countAt(halves, i, refcountOrder);
        if (count === 0) continue;
        const turn = visit(count, index * perBlock + i);
        if (turn !== undefined) await turn;
      }
    }
  }
}

function tooHigh(count: number, offset: number, bits: number): BlockError {
  const message = `Cannot decrease refcount entry width to ${bits} bits: Cluster at offset ${hex(offset)} has a refcount of ${count}`;
  return new BlockError("EINVAL", message, {
    offset,
    hint: "Snapshots and compressed clusters share clusters: delete snapshots, or choose wider refcounts.",
    peer: { message },
  });
}

function tableTooLarge(bits: number): BlockError {
  const message = `With counts of ${bits} bits the refcount table would be larger than there may be`;
  return new BlockError("EFBIG", message, {
    hint: "Convert the image into one with larger clusters.",
    peer: { message: "File too large" },
  });
}
