// An open QED image. Unallocated clusters read from the backing file as far as it reaches, else as zeroes.
import { BlockError } from "../../base/errors.ts";
import type { OpenContext } from "../../block/driver.ts";
import type { CheckJob, CheckResult, Finding, RepairPlan } from "../../block/finding.ts";
import type {
  BackingName,
  BlockNode,
  Child,
  Extent,
  NodeInfo,
  ResizeOptions,
  WriteFlags,
  ZeroFlags,
} from "../../block/node.ts";
import { Allocator } from "./allocator.ts";
import { infoOf, type StoredName } from "./backing.ts";
import { checkQed } from "./check.ts";
import { backingChange } from "./create.ts";
import { type HeaderFile, readHeader } from "./header.ts";
import { maxImageSize, tableEntries } from "./layout.ts";
import { QedMap } from "./map.ts";
import { planQedRepair } from "./plan.ts";
import { QedStructure } from "./structure.ts";
import { Tables } from "./tables.ts";

const sectorSize = 512;

export class QedNode implements BlockNode {
  readonly driver = "qed";
  readonly readsInPlace = true;
  readonly readOnly: boolean;
  readonly name: string;
  readonly children: readonly Child[];
  readonly structure: QedStructure;
  readonly #context: OpenContext;
  readonly #file: BlockNode;
  readonly #backing: BlockNode | undefined;
  readonly #header: HeaderFile;
  readonly #tables: Tables;
  readonly #map: QedMap;
  readonly #allocator: Allocator;
  #backingName: StoredName | undefined;
  #resizing: Promise<void> = Promise.resolve();

  constructor(
    header: HeaderFile,
    name: StoredName | undefined,
    children: readonly Child[],
    context: OpenContext,
  ) {
    const [file, backing] = children;
    if (!file) throw new Error("a QED node has a file");
    this.name = context.name;
    this.readOnly = context.readOnly;
    this.children = children;
    this.#context = context;
    this.#file = file.node;
    this.#backing = backing?.node;
    this.#header = header;
    this.structure = new QedStructure(file.node, () => header.header);
    this.#backingName = name;
    this.#tables = new Tables(file.node, tableEntries(header.header) * 8, header.header.l1Offset);
    this.#map = new QedMap(header.header, this.#tables, file.node.size);
    this.#allocator = new Allocator({
      file: file.node,
      header,
      map: this.#map,
      tables: this.#tables,
      readBacking: (offset, target) => this.#readBacking(offset, target),
      hasBacking: backing !== undefined,
    });
  }

  get size(): number {
    return this.#header.header.imageSize;
  }

  get info(): NodeInfo {
    return infoOf(this.#header.header, this.#backingName, this.#file, this.#context);
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    for (let done = 0; done < target.length; ) {
      const run = await this.#map.map(offset + done, target.length - done);
      const part = target.subarray(done, done + run.length);
      if (run.hostOffset !== undefined) {
        if (this.#file.raise) await this.#file.raise("read_aio");
        await this.#file.read(run.hostOffset, part);
      } else if (run.state === "unallocated") await this.#readBacking(offset + done, part);
      else part.fill(0);
      done += run.length;
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

  async write(offset: number, source: Uint8Array, flags?: WriteFlags): Promise<void> {
    this.#checkEnd(offset + source.length);
    await this.#allocator.write(offset, source.length, source);
    if (flags?.fua) await this.flush();
  }

  /**
   * Whole clusters without data become zero clusters; data are overwritten where they are. Of clusters that are
   * covered in part the bytes are written. The last cluster of the image counts as whole when its end is reached.
   */
  async writeZeroes(offset: number, length: number, flags?: ZeroFlags): Promise<void> {
    const end = offset + length;
    this.#checkEnd(end);
    const { clusterSize } = this.#header.header;
    const first = Math.min(end, Math.ceil(offset / clusterSize) * clusterSize);
    const last = end === this.size ? end : Math.max(first, Math.floor(end / clusterSize) * clusterSize);
    if (flags?.noFallback && (first > offset || last < end)) {
      throw new BlockError("ENOTSUP", `QED zeroes whole clusters of ${clusterSize} bytes only`, {
        offset,
        length,
      });
    }
    await this.#zeroPart(offset, first);
    await this.#zeroWhole(first, last, flags);
    await this.#zeroPart(last, end);
    if (flags?.fua) await this.flush();
  }

  /** A part of one cluster. */
  async #zeroPart(offset: number, end: number): Promise<void> {
    if (end <= offset) return;
    const { state } = await this.#map.map(offset, end - offset);
    if (state !== "zero") await this.#allocator.write(offset, end - offset, undefined);
  }

  async #zeroWhole(offset: number, end: number, flags: ZeroFlags | undefined): Promise<void> {
    for (let at = offset; at < end; ) {
      const run = await this.#map.map(at, end - at);
      if (run.hostOffset !== undefined)
        await this.#file.writeZeroes(run.hostOffset, run.length, withoutFua(flags));
      else if (run.state === "unallocated") await this.#allocator.zeroClusters(at, run.length);
      at += run.length;
    }
  }

  /** A hint that QED has no use for: there is no way to give a cluster back. */
  async discard(): Promise<void> {}

  async flush(): Promise<void> {
    if (this.#file.raise) {
      await this.#file.raise("flush_to_os");
      await this.#file.raise("flush_to_disk");
    }
    await this.#file.flush();
  }

  /** Only longer. What a longer backing file has in the new range does not show. */
  async resize(size: number, options?: ResizeOptions): Promise<void> {
    const preallocation = options?.preallocation ?? "off";
    if (preallocation !== "off") {
      throw new BlockError("ENOTSUP", `Unsupported preallocation mode '${preallocation}'`);
    }
    if (size % sectorSize !== 0 || size > maxImageSize(this.#header.header)) {
      throw new BlockError("EINVAL", "Invalid image size specified", { offset: size });
    }
    // One after the other: the old size is what the one before made of it.
    const resized = this.#resizing.then(() => this.#grow(size));
    this.#resizing = resized.catch(() => undefined);
    await resized;
  }

  async #grow(size: number): Promise<void> {
    const old = this.size;
    if (size < old) throw new BlockError("ENOTSUP", "Shrinking images is currently not supported");
    if (size === old) return;
    await this.#zeroNew(old, size);
    // Before the new size can be on disk: else a crash shows what lies behind the old end.
    await this.#file.flush();
    await this.#allocator.exclusively(() => this.#header.change({ imageSize: size }));
  }

  /** What lies behind the old end must not show: bytes of its last cluster, old entries, and the backing file. */
  async #zeroNew(from: number, to: number): Promise<void> {
    const { clusterSize } = this.#header.header;
    for (let at = from; at < to; ) {
      const inCluster = at % clusterSize;
      const end = inCluster === 0 ? to : Math.min(to, at - inCluster + clusterSize);
      const run = await this.#map.map(at, end - at);
      const behind = Math.ceil(((this.#backing?.size ?? 0) - at) / clusterSize) * clusterSize;
      if (run.hostOffset !== undefined) await this.#file.writeZeroes(run.hostOffset, run.length);
      else if (run.state === "unallocated" && behind > 0) {
        if (inCluster > 0) await this.#allocator.write(at, run.length, undefined);
        else await this.#allocator.zeroClusters(at, Math.min(run.length, behind));
      }
      at += run.length;
    }
  }

  async setBacking(backing: BackingName | undefined): Promise<void> {
    const { changes, behind, stored } = backingChange(this.#header.header, backing);
    await this.#allocator.exclusively(() => this.#header.change(changes, behind));
    this.#backingName = stored;
  }

  check(job: CheckJob): Promise<CheckResult> {
    return checkQed(this.#file, this.#header.header, this.#file.size, job);
  }

  async planRepair(findings: readonly Finding[], result: CheckResult): Promise<RepairPlan> {
    return planQedRepair(this.#header.header, findings, result, this.#backing !== undefined);
  }

  async reload(): Promise<void> {
    await this.#allocator.exclusively(async () => {
      this.#tables.clear();
      this.#header.replace(await readHeader(this.#file));
      this.#map.fileEnd =
        Math.floor(this.#file.size / this.#header.header.clusterSize) * this.#header.header.clusterSize;
    });
  }

  async extentAt(offset: number, length: number): Promise<Extent> {
    return { offset, compressed: false, ...(await this.#map.map(offset, length)) };
  }

  describeAt(offset: number): Promise<string> {
    return this.#map.describe(offset);
  }

  async close(): Promise<void> {
    if (!this.readOnly) await this.#allocator.settle();
  }

  #checkEnd(end: number): void {
    if (end <= this.size) return;
    throw new BlockError("EINVAL", `The request ends at ${end}, past the end of the image at ${this.size}`);
  }
}

/** Durability is the flush behind the whole request. */
function withoutFua(flags: ZeroFlags | undefined): ZeroFlags | undefined {
  return flags && { ...flags, fua: false };
}
