// A disk in memory that grows by writes past its end. Serves tests and images built by code.
import * as z from "zod";
import { BlockError } from "../base/errors.ts";
import { defineDriver } from "../block/driver.ts";
import type { BlockNode, Child, Extent, NodeInfo } from "../block/node.ts";
import { size } from "../block/options.ts";

/** Longest disk, bytes: what one typed array surely holds. */
const longest = 1024 * 1024 * 1024;

export const memory = defineDriver({
  kind: "protocol",
  options: z.strictObject({
    driver: z.literal("memory"),
    bytes: z.instanceof(Uint8Array).optional(),
    size: size.optional(),
  }),
  open: async ({ bytes, size }, context) =>
    new MemoryNode(context.name, context.readOnly, bytes ?? allocate(size ?? 0)),
});

export class MemoryNode implements BlockNode {
  readonly driver = "memory";
  readonly children: readonly Child[] = [];
  readonly info: NodeInfo = {};
  readonly name: string;
  readonly readOnly: boolean;
  #bytes: Uint8Array;

  /** `bytes` is used as it is, not copied, until the node grows. */
  constructor(name: string, readOnly: boolean, bytes: Uint8Array) {
    this.name = name;
    this.readOnly = readOnly;
    this.#bytes = bytes;
  }

  get size(): number {
    return this.#bytes.length;
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    target.set(this.#bytes.subarray(offset, offset + target.length));
  }

  async write(offset: number, source: Uint8Array): Promise<void> {
    this.#grow(offset + source.length);
    this.#bytes.set(source, offset);
  }

  async writeZeroes(offset: number, length: number): Promise<void> {
    this.#grow(offset + length);
    this.#bytes.fill(0, offset, offset + length);
  }

  async discard(): Promise<void> {}
  async flush(): Promise<void> {}
  async close(): Promise<void> {}

  async resize(size: number): Promise<void> {
    const bytes = allocate(size);
    bytes.set(this.#bytes.subarray(0, size));
    this.#bytes = bytes;
  }

  async extentAt(offset: number, length: number): Promise<Extent> {
    return { offset, length, state: "data", compressed: false, hostOffset: undefined };
  }

  #grow(size: number): void {
    if (size <= this.#bytes.length) return;
    const bytes = allocate(size);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
  }
}

function allocate(size: number): Uint8Array {
  if (size <= longest) return new Uint8Array(size);
  throw new BlockError("EFBIG", `A disk in memory has at most ${longest} bytes, not ${size}`);
}
