// The image of a session, as a guest sees its disk: whole sectors long, requests past the end refused, and with a
// snapshot all changes kept in a file of our own.

import { BlockError } from "../../base/errors.ts";
import type { CacheMode, NodeOptions } from "../../block/driver.ts";
import type { BlockNode, Extent, ResizeOptions, VmState, WriteFlags, ZeroFlags } from "../../block/node.ts";
import { type Graph, openGraph } from "../../graph.ts";
import { tellEvent } from "../events.ts";
import { filtered } from "../nodeFacts.ts";
import { printWarning } from "../output.ts";
import { inPlaceOfPeer } from "../persona.ts";
import { warnOfRepair } from "../repairWarning.ts";

const sector = 512;

export interface ImageRequest {
  readonly spec: NodeOptions;
  readonly readOnly: boolean;
  /** Changes go to a temporary file; the image stays as it is. */
  readonly snapshot: boolean;
  /** What is read from a backing file is stored in the image. */
  readonly copyOnRead: boolean;
  readonly cache: CacheMode;
  /** Discards, and write-zeroes that may deallocate, reach the image. */
  readonly discard: boolean;
  readonly forceShare: boolean;
}

export class IoImage {
  readonly request: ImageRequest;
  #graph: Graph;

  private constructor(request: ImageRequest, graph: Graph) {
    this.request = request;
    this.#graph = graph;
  }

  /** Throws BlockError. */
  static async open(request: ImageRequest): Promise<IoImage> {
    if (request.snapshot) {
      const { openSnapshot } = await import("./snapshot.ts");
      return new IoImage(request, await openSnapshot(request));
    }
    return new IoImage(request, await openPlain(request));
  }

  /** The image itself, below the filter that copies. */
  get format(): BlockNode {
    const { node, request } = this;
    return (request.copyOnRead ? node.children[0]?.node : undefined) ?? node;
  }

  get node(): BlockNode {
    return this.#graph.root;
  }

  get readOnly(): boolean {
    return this.request.readOnly || this.node.readOnly;
  }

  /** Bytes, up to the end of the last sector. */
  get length(): number {
    return Math.ceil(this.node.size / sector) * sector;
  }

  /** Throws EIO past the end. What the last sector lacks in the file reads as zeroes. */
  async read(offset: number, target: Uint8Array): Promise<void> {
    this.#checkRange(offset, target.length);
    const there = Math.max(0, Math.min(target.length, this.node.size - offset));
    if (there > 0) await this.node.read(offset, target.subarray(0, there));
    target.fill(0, there);
  }

  async readVector(offset: number, targets: readonly Uint8Array[]): Promise<void> {
    const total = targets.reduce((sum, { length }) => sum + length, 0);
    this.#checkRange(offset, total);
    const whole = offset + total <= this.node.size;
    if (this.node.readVector && whole && total > 0) return this.node.readVector(offset, targets);
    let at = offset;
    for (const target of targets) {
      await this.read(at, target);
      at += target.length;
    }
  }

  async write(offset: number, source: Uint8Array, flags: WriteFlags = {}): Promise<void> {
    this.#checkRange(offset, source.length);
    await this.node.write(offset, source, flags);
  }

  /** Throws ENOTSUP where the format has no compressed clusters. */
  async writeCompressed(offset: number, source: Uint8Array): Promise<void> {
    this.#checkRange(offset, source.length);
    if (this.node.writeCompressed !== undefined) return this.node.writeCompressed(offset, source);
    throw new BlockError("ENOTSUP", "The format has no compressed clusters");
  }

  /** Of the format, below filters. Throws ENOTSUP where it has no room for one. */
  get vmState(): VmState {
    for (let node: BlockNode | undefined = this.node; node !== undefined; node = filtered(node)) {
      if (node.vmState !== undefined) return node.vmState;
    }
    throw new BlockError("ENOTSUP", "The format has no VM state");
  }

  async writeZeroes(offset: number, length: number, flags: ZeroFlags = {}): Promise<void> {
    this.#checkRange(offset, length);
    await this.node.writeZeroes(offset, length, flags);
  }

  async discard(offset: number, length: number): Promise<void> {
    this.#checkRange(offset, length);
    const there = Math.min(length, this.node.size - offset);
    if (there > 0) await this.node.discard(offset, there);
  }

  async flush(): Promise<void> {
    if (!this.readOnly) await this.node.flush();
  }

  async resize(size: number, options: ResizeOptions): Promise<void> {
    await this.node.resize(size, options);
  }

  /**
   * Whether the top layer has the bytes at `offset`, and how many of the `length` after it are alike; 0 of them past
   * the end.
   */
  async allocatedAt(offset: number, length: number): Promise<{ allocated: boolean; length: number }> {
    const there = Math.min(length, this.length - offset);
    if (there <= 0) return { allocated: false, length: 0 };
    const { size } = this.node;
    if (offset >= size) return { allocated: true, length: there };
    const extent = await this.#ownExtent(offset, Math.min(there, size - offset));
    // The rest of a last sector is like the part of it that is in the file.
    const atEnd = offset + extent.length === size;
    return { allocated: extent.state !== "unallocated", length: atEnd ? there : extent.length };
  }

  /** What the image below filters has itself: filters speak for its backing files as well. */
  async #ownExtent(offset: number, length: number): Promise<Extent> {
    let node = this.node;
    for (let below = filtered(node); below !== undefined; below = filtered(node)) {
      // A filter may fail it.
      await node.extentAt(offset, length);
      node = below;
    }
    return node.extentAt(offset, Math.min(length, Math.max(1, node.size - offset)));
  }

  /** The same image, open in another way. When that fails this one is open again, and the error is thrown. */
  async reopened(request: ImageRequest): Promise<IoImage> {
    // The temporary file has no name any more, so that only who may write through it changes.
    if (request.snapshot) return new IoImage(request, this.#graph);
    // Closed first: two open files of ours would exclude each other by their locks.
    await this.#graph.close();
    try {
      return await IoImage.open(request);
    } catch (error) {
      this.#graph = await openPlain(this.request);
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#graph.close();
  }

  #checkRange(offset: number, length: number): void {
    if (offset + length <= this.length) return;
    const message = `${length} bytes at offset ${offset} end past the image's ${this.length} bytes`;
    throw new BlockError("EIO", message, { offset, length });
  }
}

/** Throws EACCES for an image that its own options keep from being written, and that was to be. */
async function openPlain(request: ImageRequest): Promise<Graph> {
  const graph = await openGraph(topSpec(request, request.spec), graphOptions(request));
  await warnOfRepair(request.spec);
  if (request.readOnly || !graph.root.readOnly) return graph;
  await graph.close();
  throw new BlockError("EACCES", "Block node is read-only", { hint: "Open it for reading only (-r)." });
}

/** `spec` under the filter that copies what is read, if that is asked for. */
export function topSpec({ copyOnRead }: ImageRequest, spec: NodeOptions): NodeOptions {
  return copyOnRead ? { driver: "copy-on-read", file: spec } : spec;
}

export function graphOptions({ readOnly, cache, discard, forceShare }: ImageRequest) {
  return {
    backing: "open",
    readOnly,
    cache,
    discard: discard ? "unmap" : "ignore",
    forceShare,
    dirty: inPlaceOfPeer ? "repair" : "report",
    warn: printWarning,
    event: tellEvent,
  } as const;
}
