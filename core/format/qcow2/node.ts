// An open qcow2 image, or one of its snapshots, for reading. Unallocated clusters read from the backing file as far as it
// reaches, else as zeroes; what lies behind the end of the file reads as zeroes.
import { BlockError } from "../../base/errors.ts";
import { Lru } from "../../base/lru.ts";
import type { OpenContext } from "../../block/driver.ts";
import { dataFileChild } from "../../block/extents.ts";
import type { CheckJob, CheckResult } from "../../block/finding.ts";
import type { BlockNode, Child, Extent, NodeInfo } from "../../block/node.ts";
import { checkQcow2 } from "./check.ts";
import { decompress } from "./compressed.ts";
import { type Qcow2Image, readPadded } from "./header.ts";
import { infoOf, type Qcow2Facts } from "./info.ts";
import { Qcow2Map, type Run } from "./map.ts";
import { isPreallocated } from "./refcounts.ts";
import { type Qcow2Snapshot, snapshotL1 } from "./snapshots.ts";
import { Qcow2Structure } from "./structure.ts";
import { Tables } from "./tables.ts";

/** Decompressed clusters kept for the next request. */
const cacheBytes = 8 * 1024 * 1024;
/** Compressed clusters of one request that are worked on at a time. */
const mostAtOnce = 16;

export class Qcow2Node implements BlockNode {
  readonly driver = "qcow2";
  readonly readOnly = true;
  readonly name: string;
  readonly size: number;
  readonly children: readonly Child[];
  readonly info: NodeInfo;
  readonly structure: Qcow2Structure;
  readonly #image: Qcow2Image;
  readonly #snapshots: readonly Qcow2Snapshot[];
  readonly #file: BlockNode;
  readonly #backing: BlockNode | undefined;
  /** Where guest data lie: undefined for an external data file that was not opened. */
  readonly #storage: BlockNode | undefined;
  readonly #tables: Tables;
  readonly #map: Qcow2Map;
  readonly #clusters = new Lru<number, Uint8Array>(cacheBytes, (bytes) => bytes.length);
  #isPreallocated: Promise<boolean> | undefined;

  constructor(
    image: Qcow2Image,
    facts: Qcow2Facts,
    snapshot: Qcow2Snapshot | undefined,
    children: readonly Child[],
    context: OpenContext,
  ) {
    const named = (name: string) => children.find((child) => child.name === name)?.node;
    const file = named("file");
    if (!file) throw new Error("a qcow2 node has a file");
    const { header } = image;
    this.name = context.name;
    this.children = children;
    this.size = snapshot?.diskSize ?? header.size;
    this.info = infoOf(image, facts, file, context);
    this.structure = new Qcow2Structure({ file, image, facts, shown: snapshot });
    this.#image = image;
    this.#snapshots = facts.snapshots;
    this.#file = file;
    this.#backing = named("backing");
    this.#storage = header.hasDataFile ? named(dataFileChild) : file;
    this.#tables = new Tables(file, header.clusterSize);
    const l1 = snapshot === undefined ? header.l1 : snapshotL1(snapshot, header.clusterSize);
    this.#map = new Qcow2Map({ ...header, l1, size: this.size }, this.#tables);
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    let pending: Promise<void>[] = [];
    try {
      for (let done = 0; done < target.length; ) {
        const run = await this.#map.map(offset + done, target.length - done);
        const part = target.subarray(done, done + run.length);
        if (run.compressed !== undefined)
          pending.push(this.#readCompressed(run.compressed, offset + done, part));
        else await this.#readRun(run, offset + done, part);
        if (pending.length >= mostAtOnce) await Promise.all(pending.splice(0));
        done += run.length;
      }
      await Promise.all(pending.splice(0));
    } finally {
      // Nothing writes to `target` once this has failed.
      pending = pending.map((one) => one.catch(() => undefined));
      await Promise.all(pending);
    }
  }

  async #readRun(run: Run, offset: number, target: Uint8Array): Promise<void> {
    if (run.state === "zero") target.fill(0);
    else if (run.state === "unallocated") await this.#readBacking(offset, target);
    else await this.#readData(run.hostOffset ?? 0, offset, target);
  }

  async #readData(hostOffset: number, offset: number, target: Uint8Array): Promise<void> {
    this.#refuseEncrypted(offset, target.length);
    const storage = this.#storage;
    if (storage === undefined) {
      throw new BlockError("ENOTSUP", "The image's external data file was not opened", {
        offset,
        length: target.length,
        hint: "Without it only the image's tables can be looked at.",
      });
    }
    if (storage.raise) await storage.raise("read_aio");
    await readPadded(storage, hostOffset, target);
  }

  #refuseEncrypted(offset: number, length: number): void {
    const { crypt } = this.#image.header;
    if (crypt === "none") return;
    throw new BlockError("ENOTSUP", `The image's data are encrypted (${crypt}) and can't be read here`, {
      offset,
      length,
      hint: "Its header, tables and map can be looked at without the key.",
      peer: { message: "Parameter 'encrypt.key-secret' is required for cipher" },
    });
  }

  async #readCompressed(
    place: NonNullable<Run["compressed"]>,
    offset: number,
    target: Uint8Array,
  ): Promise<void> {
    this.#refuseEncrypted(offset, target.length);
    const known = this.#clusters.get(place.offset);
    const cluster = known ?? (await this.#decompress(place, offset));
    target.set(cluster.subarray(place.inCluster, place.inCluster + target.length));
  }

  async #decompress(place: NonNullable<Run["compressed"]>, offset: number): Promise<Uint8Array> {
    const { clusterSize, compression } = this.#image.header;
    const guest = { offset: offset - place.inCluster, length: clusterSize };
    if (!Number.isSafeInteger(place.offset + place.length)) {
      throw new BlockError("ECORRUPT", "A compressed cluster lies past the end of any file", guest);
    }
    if (this.#file.raise) await this.#file.raise("read_compressed");
    const stream = new Uint8Array(place.length);
    await readPadded(this.#file, place.offset, stream);
    try {
      const bytes = await decompress(stream, compression, clusterSize);
      this.#clusters.set(place.offset, bytes);
      return bytes;
    } catch (error) {
      if (!(error instanceof BlockError)) throw error;
      throw new BlockError(error.code, error.message, { ...error.context, ...guest }, { cause: error.cause });
    }
  }

  async #readBacking(offset: number, target: Uint8Array): Promise<void> {
    const there = this.#backing ? Math.max(0, Math.min(target.length, this.#backing.size - offset)) : 0;
    if (there > 0) {
      if (this.#file.raise) await this.#file.raise("read_backing_aio");
      await this.#backing?.read(offset, target.subarray(0, there));
    }
    target.fill(0, there);
  }

  async extentAt(offset: number, length: number): Promise<Extent> {
    const run = await this.#map.map(offset, length);
    const isPlain = run.compressed === undefined && this.#image.header.crypt === "none";
    const extent = {
      offset,
      length: run.length,
      state: run.state,
      compressed: run.compressed !== undefined,
      hostOffset: isPlain ? run.hostOffset : undefined,
    };
    if (run.state !== "data" || !isPlain) return extent;
    this.#isPreallocated ??= isPreallocated(this.#file, this.#image.header);
    return { ...extent, isPreallocated: await this.#isPreallocated };
  }

  check(job: CheckJob): Promise<CheckResult> {
    return checkQcow2(this.#file, this.#image, this.#snapshots, job);
  }

  describeAt(offset: number): Promise<string> {
    return this.#map.describe(offset);
  }

  write(): Promise<void> {
    return refuseWriting();
  }
  writeZeroes(): Promise<void> {
    return refuseWriting();
  }
  discard(): Promise<void> {
    return refuseWriting();
  }
  resize(): Promise<void> {
    return refuseWriting();
  }
  async flush(): Promise<void> {}
  async close(): Promise<void> {}
}

/** Throws ENOTSUP. */
export async function refuseWriting(): Promise<never> {
  throw new BlockError("ENOTSUP", "qcow2 images are opened for reading only", {
    hint: "Open it read-only, or convert it to another format to write to it: blkscope convert -O qed.",
  });
}
