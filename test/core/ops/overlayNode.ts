// An overlay for tests: clusters kept in a map over a backing node, and a log of what was asked of it.
import { BlockError } from "../../../core/base/errors.ts";
import type { BackingName, BlockNode, Child, Extent, NodeInfo } from "../../../core/block/node.ts";
import { readPadded } from "../../../core/ops/contents.ts";

export class OverlayNode implements BlockNode {
  readonly name = "overlay";
  readonly driver = "test";
  readonly readOnly = false;
  readonly info: NodeInfo;
  readonly log: string[] = [];
  size: number;
  /** Fails the nth write from now on. */
  failWrite = Number.POSITIVE_INFINITY;
  readonly #cluster: number;
  readonly #clusters = new Map<number, Uint8Array>();
  #backing: BlockNode | undefined;

  constructor(size: number, cluster: number, backing: BlockNode | undefined) {
    this.size = size;
    this.#cluster = cluster;
    this.info = { clusterSize: cluster };
    this.#backing = backing;
  }

  get children(): readonly Child[] {
    return this.#backing === undefined ? [] : [{ name: "backing", role: "backing", node: this.#backing }];
  }

  /** What a later opening with another backing file would read from. */
  use(backing: BlockNode | undefined): void {
    this.#backing = backing;
  }

  get allocated(): readonly number[] {
    return [...this.#clusters.keys()].sort((a, b) => a - b);
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    for (let done = 0; done < target.length; ) {
      const index = Math.floor((offset + done) / this.#cluster);
      const within = offset + done - index * this.#cluster;
      const part = target.subarray(done, Math.min(target.length, done + this.#cluster - within));
      const own = this.#clusters.get(index);
      if (own === undefined) await readPadded(this.#backing, offset + done, part);
      else part.set(own.subarray(within, within + part.length));
      done += part.length;
    }
  }

  async write(offset: number, source: Uint8Array): Promise<void> {
    this.log.push(`write ${offset}+${source.length}`);
    if (--this.failWrite <= 0) throw new BlockError("EIO", "no more writes");
    for (let done = 0; done < source.length; ) {
      const index = Math.floor((offset + done) / this.#cluster);
      const within = offset + done - index * this.#cluster;
      const part = source.subarray(done, Math.min(source.length, done + this.#cluster - within));
      const cluster = this.#clusters.get(index) ?? (await this.#copied(index));
      cluster.set(part, within);
      this.#clusters.set(index, cluster);
      done += part.length;
    }
  }

  async #copied(index: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(this.#cluster);
    await readPadded(this.#backing, index * this.#cluster, bytes);
    return bytes;
  }

  async writeZeroes(offset: number, length: number): Promise<void> {
    await this.write(offset, new Uint8Array(length));
  }

  async discard(): Promise<void> {}

  async flush(): Promise<void> {
    this.log.push("flush");
  }

  /** What is new reads as zeroes, even where the backing file is longer. */
  async resize(size: number): Promise<void> {
    const from = this.size;
    this.size = size;
    if (size > from) await this.writeZeroes(from, size - from);
  }

  async extentAt(offset: number, length: number): Promise<Extent> {
    const index = Math.floor(offset / this.#cluster);
    const own = this.#clusters.has(index);
    const end = Math.min(offset + length, (index + 1) * this.#cluster);
    return {
      offset,
      length: end - offset,
      state: own ? "data" : "unallocated",
      compressed: false,
      hostOffset: undefined,
    };
  }

  readonly setBacking = async (backing: BackingName | undefined): Promise<void> => {
    this.log.push(`backing ${backing?.filename ?? "none"}`);
  };

  async close(): Promise<void> {}
}
