// A node for tests: bytes in memory, extents as given, and ranges that fail to be read.
import { BlockError } from "../../../core/base/errors.ts";
import type { BlockNode, Child, Extent, ExtentState, NodeInfo } from "../../../core/block/node.ts";

export interface TestNodeOptions {
  /** Ascending ranges that are not data; their bytes must be zero. */
  readonly holes?: readonly {
    readonly offset: number;
    readonly length: number;
    readonly state?: ExtentState;
  }[];
  readonly bad?: readonly { readonly offset: number; readonly length: number }[];
  /** Ranges whose allocation cannot be told. */
  readonly lost?: readonly { readonly offset: number; readonly length: number }[];
  /** Called at each read. */
  readonly onRead?: (offset: number, length: number) => void;
  readonly clusterSize?: number;
}

export class TestNode implements BlockNode {
  readonly name = "test";
  readonly driver = "test";
  readonly readOnly = true;
  readonly children: readonly Child[] = [];
  readonly info: NodeInfo;
  bytesRead = 0;
  reads = 0;
  readonly #bytes: Uint8Array;
  readonly #options: TestNodeOptions;

  constructor(bytes: Uint8Array, options: TestNodeOptions = {}) {
    this.#bytes = bytes;
    this.#options = options;
    this.info = options.clusterSize === undefined ? {} : { clusterSize: options.clusterSize };
  }

  get size(): number {
    return this.#bytes.length;
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    if (offset < 0 || offset + target.length > this.size) throw new BlockError("EINVAL", "outside the node");
    this.reads++;
    this.#options.onRead?.(offset, target.length);
    for (const bad of this.#options.bad ?? []) {
      if (offset < bad.offset + bad.length && bad.offset < offset + target.length) {
        target.fill(0xee);
        throw new BlockError("EIO", `bad sector at ${bad.offset}`, { offset, length: target.length });
      }
    }
    this.bytesRead += target.length;
    target.set(this.#bytes.subarray(offset, offset + target.length));
  }

  async extentAt(offset: number, length: number): Promise<Extent> {
    const extent = (end: number, state: ExtentState): Extent => ({
      offset,
      length: Math.min(length, end - offset),
      state,
      compressed: false,
      hostOffset: state === "data" ? offset : undefined,
    });
    for (const lost of this.#options.lost ?? []) {
      if (offset >= lost.offset && offset < lost.offset + lost.length) {
        throw new BlockError("ECORRUPT", `no table for ${offset}`);
      }
    }
    let end = this.size;
    for (const lost of this.#options.lost ?? []) if (lost.offset > offset) end = Math.min(end, lost.offset);
    for (const hole of this.#options.holes ?? []) {
      if (offset >= hole.offset + hole.length) continue;
      if (offset < hole.offset) return extent(Math.min(end, hole.offset), "data");
      return extent(Math.min(end, hole.offset + hole.length), hole.state ?? "unallocated");
    }
    return extent(end, "data");
  }

  async write(): Promise<void> {
    throw new BlockError("EROFS", "read-only");
  }
  async writeZeroes(): Promise<void> {
    throw new BlockError("EROFS", "read-only");
  }
  async discard(): Promise<void> {
    throw new BlockError("EROFS", "read-only");
  }
  async resize(): Promise<void> {
    throw new BlockError("EROFS", "read-only");
  }
  async flush(): Promise<void> {}
  async close(): Promise<void> {}
}

/** A seeded generator of numbers in [0, 1): tests print nothing and repeat exactly. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    let x = state;
    x = Math.imul(x ^ (x >>> 16), 0x45d9f3b);
    x = Math.imul(x ^ (x >>> 16), 0x45d9f3b);
    return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32;
  };
}

export function randomBytes(length: number, seed: number): Uint8Array {
  const random = seededRandom(seed);
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = Math.floor(random() * 256);
  return bytes;
}
