// A disk that grows or shrinks: the L1 table, the clusters behind the new end, and the size in the header, which comes last,
// so that a crash leaves the old disk or the new one (qcow2, "Header", "size" and "l1_size").
import { BlockError } from "../../../base/errors.ts";
import type { BlockNode, Preallocation } from "../../../block/node.ts";
import { autoclear, limits } from "../layout.ts";
import { usable } from "./bitmapWriter.ts";
import type { Eraser } from "./eraser.ts";
import { l1Copy } from "./l1Copy.ts";
import type { L2Tables } from "./l2.ts";
import type { Metadata } from "./metadata.ts";
import { cutRefcounts } from "./refcountCut.ts";
import type { GuestView, Writer } from "./writer.ts";

const sector = 512;
const pieceWords = 8192;

export interface ResizerParts {
  readonly metadata: Metadata;
  readonly l2: L2Tables;
  readonly writer: Writer;
  readonly eraser: Eraser;
  readonly guest: GuestView;
  readonly file: BlockNode;
  readonly dataFile: BlockNode | undefined;
  /** Of the backing file; 0 without one. */
  backingSize(): number;
}

export class Resizer {
  readonly #parts: ResizerParts;

  constructor(parts: ResizerParts) {
    this.#parts = parts;
  }

  /** What `expectPossible` has nothing against. Throws EFBIG, EIO, ENOSPC. */
  async resize(size: number, preallocation: Preallocation): Promise<void> {
    const { metadata, guest } = this.#parts;
    const old = guest.size();
    if (size < old) await this.#shrink(size, old);
    if (size > old) await this.#grow(size, old, preallocation);
    await this.#resizeData(size);
    await metadata.exclusively(async () => {
      await metadata.commit();
      await metadata.header.change({ size });
    });
    if (size < old) await this.#cutTail();
  }

  /** Gives up everything that the image holds of its disk: a backing file shows through. Throws EIO, ECORRUPT. */
  async makeEmpty(): Promise<void> {
    const { guest, file } = this.#parts;
    if (file.raise) await file.raise("empty_image_prepare");
    await this.#shrink(0, guest.size());
    await this.#cutTail();
  }

  /** `version`: that the image will have then. Throws EINVAL (no whole sectors), ENOTSUP, EBUSY (bitmaps). */
  expectPossible(
    size: number,
    preallocation: Preallocation,
    version: 2 | 3 = this.#parts.metadata.geometry.version,
  ): void {
    const { metadata, guest } = this.#parts;
    const refuse = (code: "EINVAL" | "ENOTSUP", message: string, hint?: string) => {
      throw new BlockError(code, message, { ...(hint !== undefined && { hint }), peer: { message } });
    };
    if (size % sector !== 0) refuse("EINVAL", `The new size must be a multiple of ${sector}`);
    if (version === 2 && metadata.facts.snapshots.length > 0) {
      const hint = "Upgrade it first (blkscope amend -o compat=1.1), or delete its snapshots.";
      refuse("ENOTSUP", "Can't resize a v2 image which has snapshots", hint);
    }
    // Each is as long as the disk.
    for (const { name } of metadata.facts.bitmaps) usable(metadata.facts.bitmaps, name);
    if (size === 0 && metadata.facts.bitmaps.length > 0) {
      refuse("EINVAL", "An empty disk can't have bitmaps", "Remove them first: blkscope bitmap --remove.");
    }
    if (size < guest.size() && preallocation !== "off") {
      refuse("EINVAL", "Preallocation can't be used for shrinking an image");
    }
  }

  async #grow(size: number, old: number, preallocation: Preallocation): Promise<void> {
    const { metadata, writer, l2, file, dataFile } = this.#parts;
    const { clusterSize } = metadata.geometry;
    await metadata.exclusively(() => this.growL1(Math.ceil(size / l2.span)));
    await this.#zeroNew(old, size, preallocation !== "off");
    if (preallocation === "off") return;
    // Where the old end's cluster has nothing to show it is still without a place.
    const first = Math.floor(old / clusterSize) * clusterSize;
    const last = Math.ceil(size / clusterSize) * clusterSize;
    const mode = preallocation === "metadata" ? "off" : preallocation;
    if (dataFile !== undefined && dataFile.size < size) await dataFile.resize(size, { preallocation: mode });
    try {
      await writer.preallocate(first, Math.max(0, last - first), async (end) => {
        if (end > file.size) await file.resize(end, { preallocation: mode });
        metadata.wrote();
      });
    } catch (error) {
      await this.#giveBack(Math.ceil(old / clusterSize) * clusterSize, last).catch(() => undefined);
      throw error;
    }
  }

  /** What was set aside behind the old end, when there is no room for all of it. */
  async #giveBack(from: number, to: number): Promise<void> {
    if (to > from) await this.#parts.eraser.drop(from, to - from);
    await this.#cutTail();
  }

  /**
   * What lies behind the old end must not show: bytes of its last cluster, old entries, and the backing file.
   * `allocates`: that cluster is the image's own afterwards, or all of it reads as zeroes.
   */
  async #zeroNew(from: number, to: number, allocates: boolean): Promise<void> {
    const { metadata, guest, eraser, writer } = this.#parts;
    const { clusterSize } = metadata.geometry;
    const clustersEnd = (offset: number) => Math.ceil(offset / clusterSize) * clusterSize;
    const next = clustersEnd(from);
    const part = Math.min(to, next) - from;
    const start = allocates ? from - (from % clusterSize) : from;
    const isHidden = part === 0 || (await guest.readsAsZero(start, from + part - start));
    if (!isHidden) await writer.write(from, part, undefined);
    if (to <= next) return;
    const covered = Math.max(next, clustersEnd(Math.min(to, this.#parts.backingSize())));
    if (covered > next) await eraser.coverBacking(next, covered - next);
    const end = clustersEnd(to);
    if (end > covered && !(await guest.readsAsZero(covered, end - covered))) {
      await eraser.drop(covered, end - covered);
    }
  }

  /**
   * A longer table at another place; the old one is given up when the header names the new one. Within `exclusively`.
   * Throws EFBIG, ENOSPC, EIO.
   */
  async growL1(entries: number): Promise<void> {
    const { metadata, file } = this.#parts;
    const { l1, clusterSize } = metadata.geometry;
    if (entries <= l1.entries) return;
    const length = Math.ceil((entries * 8) / clusterSize) * clusterSize;
    if (entries * 8 > limits.l1Table) {
      throw new BlockError("EFBIG", "The disk would need a larger L1 table than there may be", {
        hint: "With larger clusters the disk can be larger.",
        peer: { message: "Failed to grow the L1 table: File too large" },
      });
    }
    if (file.raise) await file.raise("l1_grow_alloc_table");
    const offset = await metadata.allocate(length / clusterSize);
    try {
      await metadata.overlaps.expectFree(offset, length);
      const bytes = await l1Copy(metadata.tables, l1, length, { isShared: false });
      if (file.raise) await file.raise("l1_grow_write_table");
      await file.write(offset, bytes);
      metadata.wrote();
      // The copy is of the table in memory: what it points to has to be on disk as well.
      await metadata.commit();
      if (file.raise) await file.raise("l1_grow_activate_table");
    } catch (error) {
      await metadata.release(offset, length);
      throw error;
    }
    // When this fails, nobody knows which table the header names: both stay.
    await metadata.header.change({ l1: { offset, entries } });
    metadata.tables.forget(l1.offset, Math.ceil((l1.entries * 8) / clusterSize) * clusterSize);
    await metadata.changeRefcounts(l1.offset, l1.entries * 8, -1);
  }

  async #shrink(size: number, old: number): Promise<void> {
    const { metadata, eraser, l2, file } = this.#parts;
    const { clusterSize } = metadata.geometry;
    // Also where nothing is stored behind the new end: the file is cut by the refcounts.
    await metadata.exclusively(() => metadata.beforeTables());
    const first = Math.ceil(size / clusterSize) * clusterSize;
    const end = Math.ceil(old / clusterSize) * clusterSize;
    if (end > first) await eraser.drop(first, end - first);
    if (file.raise) await file.raise("l1_shrink_write_table");
    const lastTable = Math.ceil(old / l2.span);
    for (let index = Math.ceil(size / l2.span); index < lastTable; ) {
      const until = Math.min(lastTable, index + pieceWords);
      await metadata.exclusively(async () => {
        for (; index < until; index++) await l2.dropTable(index);
        await metadata.commitIfMany();
      });
    }
    if (file.raise) await file.raise("l1_shrink_free_l2_clusters");
  }

  /** A data file that is a raw image is as long as the disk; others are at least. */
  async #resizeData(size: number): Promise<void> {
    const { dataFile, metadata } = this.#parts;
    if (dataFile === undefined || dataFile.size === size) return;
    const isRaw = (metadata.geometry.autoclear & autoclear.rawDataFile) !== 0n;
    if (dataFile.size < size || isRaw) await dataFile.resize(size);
  }

  /** Free clusters at the end of the file are given back, and what counted them. Throws EIO where tables are among them. */
  async #cutTail(): Promise<void> {
    const { metadata, file } = this.#parts;
    await metadata.exclusively(async () => {
      // Reads that still look at what was given up come first.
      await cutRefcounts(metadata, file);
      const end = await metadata.endOfUse(file.size);
      if (end >= file.size) return;
      if (end === 0) throw await noReferences(metadata);
      await metadata.overlaps.check(end, file.size - end);
      await file.resize(end);
    });
  }
}

async function noReferences({ corruption }: Metadata): Promise<BlockError> {
  const words = "There are no references in the refcount table.";
  const { code, message, context } = await corruption.fatal(words, undefined);
  const peer = { message: "Failed to find the last cluster: Input/output error" };
  return new BlockError(code, message, { ...context, peer });
}
