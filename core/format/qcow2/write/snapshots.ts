// Snapshots made, applied and deleted (qcow2 specification, "Snapshots"). Each is one write to the header: everything
// that it will point to is durable before, and what it no longer points to is given up after. A crash at any time leaves
// the state before or after it; clusters that count more than they should are leaked, and COPIED may not fit such a
// count, which the repair of leaks mends as well.
import { BlockError } from "../../../base/errors.ts";
import { strerror } from "../../../base/strerror.ts";
import type { BlockNode } from "../../../block/node.ts";
import { limits, type Qcow2Header, type TablePlace } from "../layout.ts";
import { type Qcow2Snapshot, snapshotL1, snapshotNamed } from "../snapshots.ts";
import { l1Copy } from "./l1Copy.ts";
import type { Metadata } from "./metadata.ts";
import { isComplete, keptEntry, newEntry, nextId, snapshotTable } from "./snapshotTable.ts";
import { Trees } from "./trees.ts";

const sector = 512;

/** Takes what is to be done when a later step fails. */
type Undo = (step: () => Promise<void>) => void;

export class SnapshotWriter {
  readonly #metadata: Metadata;
  readonly #file: BlockNode;
  readonly #trees: Trees;

  constructor(metadata: Metadata, file: BlockNode) {
    this.#metadata = metadata;
    this.#file = file;
    this.#trees = new Trees(metadata, file);
  }

  /**
   * The disk as it is now. Throws ENOTSUP (external data file), EFBIG (too many), EINVAL (the name; refcounts that have no
   * room for it), ECORRUPT, EIO, ENOSPC.
   */
  create(name: string): Promise<void> {
    return this.#alone(async () => {
      const { facts, geometry } = this.#metadata;
      const { l1, size } = geometry;
      if (facts.snapshots.length >= limits.snapshots) throw tooMany();
      await this.#orUndo(async (undo) => {
        const offset = await this.#copyShared(l1, l1.entries, undo);
        await this.#trees.clearL1(l1);
        const id = nextId(facts.snapshots);
        const made = { id, name, date: Date.now(), diskSize: size, l1: { offset, entries: l1.entries } };
        await this.#switchTable(facts.snapshots, [newEntry(made)], undo);
      });
      await this.#metadata.commit();
    });
  }

  /**
   * The disk as it was then, of the length that it had then. By id first, then by name. Throws ENOENT, EBUSY (bitmaps),
   * ENOTSUP, EINVAL, EFBIG, ECORRUPT, EIO, ENOSPC.
   */
  apply(idOrName: string): Promise<void> {
    return this.#alone(async () => {
      const { facts, geometry, overlaps, header } = this.#metadata;
      if (facts.bitmaps.length > 0) throw hasBitmaps();
      const snapshot = snapshotNamed(facts.snapshots, idOrName);
      const source = snapshotL1(snapshot, geometry.clusterSize);
      const entries = entriesFor(snapshot, source, geometry);
      await this.#orUndo(async (undo) => {
        const offset = await this.#copyShared(source, entries, undo);
        await this.#metadata.commit();
        await header.change({ l1: { offset, entries }, size: snapshot.diskSize });
      });
      overlaps.reload();
      await this.#giveUp(geometry.l1);
    });
  }

  /** By id first, then by name. Throws ENOENT, EFBIG, ECORRUPT, EIO, ENOSPC. */
  delete(idOrName: string): Promise<void> {
    return this.#alone(async () => {
      const { facts, geometry } = this.#metadata;
      const snapshot = snapshotNamed(facts.snapshots, idOrName);
      const l1 = snapshotL1(snapshot, geometry.clusterSize);
      const kept = facts.snapshots.filter((one) => one !== snapshot);
      const unlisted = await tried(() => this.#orUndo((undo) => this.#switchTable(kept, [], undo)));
      if (unlisted !== undefined) throw notDeleted(unlisted);
      const leaked = await tried(() => this.#giveUp(l1));
      if (leaked !== undefined) throw notFreed(leaked);
    });
  }

  /** Entries get all that version 3 wants of them. Throws EFBIG, EIO, ENOSPC. */
  async completeEntries(): Promise<void> {
    const { snapshots } = this.#metadata.facts;
    if (snapshots.every(isComplete)) return;
    await this.#alone(async () => {
      await this.#orUndo((undo) => this.#switchTable(snapshots, [], undo));
      await this.#metadata.commit();
    });
  }

  /** No other request changes the image meanwhile, and nothing waits to be written. */
  async #alone(body: () => Promise<void>): Promise<void> {
    const { guest, geometry } = this.#metadata;
    if (geometry.hasDataFile) throw hasDataFile();
    await guest.run(0, Number.MAX_SAFE_INTEGER, "exclusive", () =>
      this.#metadata.exclusively(async () => {
        await this.#metadata.beforeTables();
        await this.#metadata.commit();
        await body();
      }),
    );
  }

  /**
   * An L1 table that nothing names any more, and what it points to. Each step is taken even when one before it failed:
   * the image is as it should be already, but for what leaks.
   */
  async #giveUp(l1: TablePlace): Promise<void> {
    const metadata = this.#metadata;
    const steps = [
      () => this.#trees.drop(l1),
      () => metadata.changeRefcounts(l1.offset, l1.entries * 8, -1, "snapshot"),
      () => metadata.commitAll(),
      () => this.#trees.setCopied(),
      () => metadata.commit(),
    ];
    let failed: BlockError | undefined;
    for (const step of steps) {
      const error = await tried(step);
      if (error !== undefined && metadata.corruption.isFatal) throw error;
      failed ??= error;
    }
    if (failed !== undefined) throw failed;
  }

  /**
   * Up to the switch of the header. When that or anything before it fails, the old header stays or is put back, and what
   * was done is undone, last things first; what can't be undone leaks.
   */
  async #orUndo(body: (undo: Undo) => Promise<void>): Promise<void> {
    const steps: (() => Promise<void>)[] = [];
    try {
      await body((step) => steps.push(step));
    } catch (error) {
      await tried(() => this.#metadata.header.settle());
      for (const step of steps.reverse()) if (this.#metadata.canUndo) await tried(step);
      throw error;
    }
  }

  /** A copy of an L1 table, with zeroes behind it up to `entries`, that shares all that the table points to. */
  async #copyShared(l1: TablePlace, entries: number, undo: Undo): Promise<number> {
    const length = this.#wholeClusters(entries * 8);
    // First: what is in use but counts 0 would be given away.
    await this.#trees.share(l1);
    undo(() => this.#trees.unshare(l1));
    const offset = await this.#allocate(length, undo);
    const bytes = await l1Copy(this.#metadata.tables, l1, length, { isShared: true });
    await this.#writeNew(offset, bytes);
    return offset;
  }

  /** A new table with the entries of `kept` and others becomes the image's; all that waits to be written comes before. */
  async #switchTable(
    kept: readonly Qcow2Snapshot[],
    others: readonly Uint8Array[],
    undo: Undo,
  ): Promise<void> {
    const metadata = this.#metadata;
    const { facts, geometry } = metadata;
    const entries: Uint8Array[] = [];
    for (const snapshot of kept) entries.push(await keptEntry(this.#file, snapshot));
    const table = snapshotTable([...entries, ...others], geometry.size);
    const bytes = new Uint8Array(this.#wholeClusters(table.bytes.length));
    bytes.set(table.bytes);
    const offset = await this.#allocate(bytes.length, undo);
    await this.#writeNew(offset, bytes);
    await metadata.commit();
    const snapshots = table.at(offset);
    const old = geometry.snapshots.offset;
    await metadata.header.change({ snapshots: { offset, count: snapshots.length } });
    metadata.facts = { ...facts, snapshots };
    const last = facts.snapshots.at(-1);
    if (last !== undefined) await metadata.changeRefcounts(old, last.offset + last.length - old, -1);
  }

  /** New clusters; 0 where none are needed. */
  async #allocate(length: number, undo: Undo): Promise<number> {
    if (length === 0) return 0;
    const offset = await this.#metadata.allocate(length / this.#metadata.geometry.clusterSize);
    undo(() => this.#metadata.release(offset, length));
    await this.#metadata.overlaps.expectFree(offset, length);
    return offset;
  }

  async #writeNew(offset: number, bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    await this.#file.write(offset, bytes);
    this.#metadata.wrote();
  }

  #wholeClusters(length: number): number {
    const { clusterSize } = this.#metadata.geometry;
    return Math.ceil(length / clusterSize) * clusterSize;
  }
}

/** The error with which it failed. */
async function tried(step: () => Promise<void>): Promise<BlockError | undefined> {
  try {
    await step();
    return undefined;
  } catch (error) {
    if (error instanceof BlockError) return error;
    throw error;
  }
}

/** Of the L1 table that the snapshot's disk needs. Throws ENOTSUP, EINVAL, EFBIG where the disk can't be as long. */
function entriesFor({ diskSize }: Qcow2Snapshot, l1: TablePlace, header: Qcow2Header): number {
  const { version, size, l2Entries, clusterSize } = header;
  const refuse = (code: "EINVAL" | "ENOTSUP" | "EFBIG", message: string, peer: string, hint?: string) =>
    new BlockError(code, message, { peer: { message: peer }, ...(hint !== undefined && { hint }) });
  const was = `The snapshot's disk has ${diskSize} bytes`;
  if (version === 2 && diskSize !== size) {
    const hint = "Upgrade the image first: blkscope amend -o compat=1.1.";
    const message = `${was}, and an image of version 2 that has snapshots can't be resized`;
    throw refuse("ENOTSUP", message, "Can't resize a v2 image which has snapshots", hint);
  }
  if (diskSize % sector !== 0) {
    throw refuse(
      "EINVAL",
      `${was}, which is no multiple of ${sector}`,
      "The new size must be a multiple of 512",
    );
  }
  const entries = Math.max(l1.entries, Math.ceil(diskSize / (l2Entries * clusterSize)));
  if (entries * 8 <= limits.l1Table) return entries;
  throw refuse(
    "EFBIG",
    `${was}, which needs a larger L1 table than there may be`,
    "Failed to grow the L1 table",
  );
}

function hasDataFile(): BlockError {
  return new BlockError("ENOTSUP", "An image with an external data file can't have snapshots", {
    hint: "Its data lie where a guest writes them. Use an overlay instead: blkscope create -b.",
    peer: { message: "Operation not supported" },
  });
}

function hasBitmaps(): BlockError {
  return new BlockError(
    "EBUSY",
    "An image with bitmaps can't go back to a snapshot: they would record nothing of it",
    {
      hint: "Remove its bitmaps first: blkscope bitmap --remove.",
      peer: { message: "Device has active dirty bitmaps" },
    },
  );
}

function notDeleted(error: BlockError): BlockError {
  const peer = { message: `Failed to remove snapshot from snapshot list: ${strerror(error)}` };
  const message = `The list of snapshots could not be written: ${error.message}`;
  return new BlockError(error.code, message, { ...error.context, peer }, { cause: error });
}

function notFreed(error: BlockError): BlockError {
  const hint = "Clusters that nothing uses are left in the file: blkscope check -r leaks gives them back.";
  const peer = { message: `Failed to free the cluster and L1 table: ${strerror(error)}` };
  const message = `The snapshot is deleted, but not all of its clusters could be given up: ${error.message}`;
  return new BlockError(error.code, message, { ...error.context, hint, peer }, { cause: error });
}

function tooMany(): BlockError {
  return new BlockError("EFBIG", `An image has at most ${limits.snapshots} snapshots`, {
    hint: "Delete those that are not needed any more: blkscope snapshot -d.",
    peer: { message: "File too large" },
  });
}
