// Snapshots made, applied and deleted (qcow2 specification, "Snapshots"). Each is one write to the header: everything
// that it will point to is durable before, and what it no longer points to is given up after. A crash at any time leaves
// the state before or after it; clusters that count more than they should are leaked, and COPIED may not fit such a
// count, which the repair of leaks mends as well.
import { BlockError } from "../../../base/errors.ts";
import type { BlockNode } from "../../../block/node.ts";
import { limits, type Qcow2Header, type TablePlace } from "../layout.ts";
import { type Qcow2Snapshot, snapshotL1, snapshotNamed } from "../snapshots.ts";
import { l1Copy } from "./l1Copy.ts";
import type { Metadata } from "./metadata.ts";
import { keptEntry, newEntry, nextId, type SnapshotTable, snapshotTable } from "./snapshotTable.ts";
import { Trees } from "./trees.ts";

const sector = 512;

/** A snapshot table that is on disk, and that the header does not name yet. */
interface WrittenTable {
  readonly table: SnapshotTable;
  /** 0 for one without entries. */
  readonly offset: number;
}

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
      const { snapshots } = this.#metadata.facts;
      if (snapshots.length >= limits.snapshots) throw tooMany();
      const { l1, size } = this.#metadata.geometry;
      const copyLength = this.#wholeClusters(l1.entries * 8);
      const copyAt = await this.#allocate(copyLength);
      const entry = { id: nextId(snapshots), name, date: Date.now(), diskSize: size };
      const written = await this.#orRelease(copyAt, copyLength, async () => {
        const made = newEntry({ ...entry, l1: { offset: copyAt, entries: l1.entries } });
        await this.#trees.share(l1);
        try {
          await this.#trees.clearL1(l1);
          await this.#writeNew(
            copyAt,
            await l1Copy(this.#metadata.tables, l1, copyLength, { isShared: true }),
          );
          return await this.#writeTable(snapshots, made);
        } catch (error) {
          await this.#trees.unshare(l1);
          throw error;
        }
      });
      await this.#switchTo(written);
      await this.#metadata.commit();
    });
  }

  /**
   * The disk as it was then, of the length that it had then. By id first, then by name. Throws ENOENT, EBUSY (bitmaps),
   * ENOTSUP, EINVAL, EFBIG, ECORRUPT, EIO, ENOSPC.
   */
  apply(idOrName: string): Promise<void> {
    return this.#alone(async () => {
      const { facts, geometry, overlaps } = this.#metadata;
      if (facts.bitmaps.length > 0) throw hasBitmaps();
      const snapshot = snapshotNamed(facts.snapshots, idOrName);
      const source = snapshotL1(snapshot, geometry.clusterSize);
      const entries = entriesFor(snapshot, source, geometry);
      const length = this.#wholeClusters(entries * 8);
      const old = geometry.l1;
      const offset = await this.#allocate(length);
      await this.#orRelease(offset, length, async () => {
        await this.#trees.share(source);
        try {
          const bytes = await l1Copy(this.#metadata.tables, source, length, { isShared: true });
          await this.#writeNew(offset, bytes);
          await this.#metadata.commit();
        } catch (error) {
          await this.#trees.unshare(source);
          throw error;
        }
      });
      // When this fails, nobody knows which table the header names: both stay.
      await this.#metadata.header.change({ l1: { offset, entries }, size: snapshot.diskSize });
      overlaps.reload();
      await this.#giveUp(old);
    });
  }

  /** By id first, then by name. Throws ENOENT, EFBIG, ECORRUPT, EIO, ENOSPC. */
  delete(idOrName: string): Promise<void> {
    return this.#alone(async () => {
      const { facts, geometry } = this.#metadata;
      const snapshot = snapshotNamed(facts.snapshots, idOrName);
      const l1 = snapshotL1(snapshot, geometry.clusterSize);
      await this.#switchTo(await this.#writeTable(facts.snapshots.filter((one) => one !== snapshot)));
      await this.#giveUp(l1);
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
      try {
        await step();
      } catch (error) {
        if (!(error instanceof BlockError) || metadata.corruption.isFatal) throw error;
        failed ??= error;
      }
    }
    if (failed !== undefined) throw failed;
  }

  /** With the entries of `kept`, and one more. Not yet the image's. */
  async #writeTable(kept: readonly Qcow2Snapshot[], more?: Uint8Array): Promise<WrittenTable> {
    const entries: Uint8Array[] = [];
    for (const snapshot of kept) entries.push(await keptEntry(this.#file, snapshot));
    if (more !== undefined) entries.push(more);
    const table = snapshotTable(entries, this.#metadata.geometry.size);
    const length = this.#wholeClusters(table.bytes.length);
    if (length === 0) {
      await this.#metadata.commit();
      return { table, offset: 0 };
    }
    const offset = await this.#allocate(length);
    return this.#orRelease(offset, length, async () => {
      const bytes = new Uint8Array(length);
      bytes.set(table.bytes);
      await this.#writeNew(offset, bytes);
      await this.#metadata.commit();
      return { table, offset };
    });
  }

  /** When it fails, nobody knows which table the header names: both stay. */
  async #switchTo({ table, offset }: WrittenTable): Promise<void> {
    const metadata = this.#metadata;
    const { facts, geometry } = metadata;
    const last = facts.snapshots.at(-1);
    const old = geometry.snapshots.offset;
    const snapshots = table.at(offset);
    await metadata.header.change({ snapshots: { offset, count: snapshots.length } });
    metadata.facts = { ...facts, snapshots };
    if (last !== undefined) await metadata.changeRefcounts(old, last.offset + last.length - old, -1);
  }

  /** Bytes of new clusters; 0 where none are needed. */
  async #allocate(length: number): Promise<number> {
    if (length === 0) return 0;
    const { clusterSize } = this.#metadata.geometry;
    const offset = await this.#metadata.allocate(length / clusterSize);
    return this.#orRelease(offset, length, async () => {
      await this.#metadata.overlaps.expectFree(offset, length);
      return offset;
    });
  }

  async #orRelease<T>(offset: number, length: number, body: () => Promise<T>): Promise<T> {
    try {
      return await body();
    } catch (error) {
      if (length > 0 && !this.#metadata.corruption.isFatal) await this.#tryRelease(offset, length);
      throw error;
    }
  }

  /** What can't be given up leaks; the error before it is the one to be told. */
  async #tryRelease(offset: number, length: number): Promise<void> {
    try {
      await this.#metadata.release(offset, length);
    } catch (error) {
      if (!(error instanceof BlockError)) throw error;
    }
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

function tooMany(): BlockError {
  return new BlockError("EFBIG", `An image has at most ${limits.snapshots} snapshots`, {
    hint: "Delete those that are not needed any more: blkscope snapshot -d.",
    peer: { message: "File too large" },
  });
}
