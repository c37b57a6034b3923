// null-co and null-aio: a disk that holds nothing. Reads give zeroes, writes vanish. For tests of what lies above,
// and as a target that costs nothing.
import { setTimeout } from "node:timers/promises";
import * as z from "zod";
import { BlockError } from "../base/errors.ts";
import { defineDriver, type OpenContext } from "../block/driver.ts";
import type { BlockNode, Child, Extent, NodeInfo } from "../block/node.ts";
import { onOff, size } from "../block/options.ts";

const defaultSize = 1024 ** 3;

const options = {
  size: size.optional(),
  "latency-ns": z.coerce.number("latency-ns is invalid").int().min(0, "latency-ns is invalid").optional(),
  // The peer leaves the buffer as it is unless this is on; here reads always give zeroes, which suits both.
  "read-zeroes": onOff.optional(),
};

export const nullCo = defineDriver({
  kind: "protocol",
  options: z.strictObject({ driver: z.literal("null-co"), ...options }),
  open: async (given, context) => new NullNode(given, context),
});

export const nullAio = defineDriver({
  kind: "protocol",
  options: z.strictObject({ driver: z.literal("null-aio"), ...options }),
  open: async (given, context) => new NullNode(given, context),
});

interface NullOptions {
  readonly driver: "null-co" | "null-aio";
  readonly size?: number | undefined;
  readonly "latency-ns"?: number | undefined;
  readonly "read-zeroes"?: boolean | undefined;
}

class NullNode implements BlockNode {
  readonly driver: "null-co" | "null-aio";
  readonly name: string;
  readonly readOnly: boolean;
  readonly size: number;
  readonly children: readonly Child[] = [];
  readonly info: NodeInfo = { actualSize: 0 };
  /** Milliseconds each request takes. */
  readonly #latency: number;
  /** Whether reading zeroes is promised: block status says so only then. */
  readonly #zeroes: boolean;

  constructor(given: NullOptions, context: OpenContext) {
    this.driver = given.driver;
    this.name = context.name;
    this.readOnly = context.readOnly;
    this.size = given.size ?? defaultSize;
    this.#latency = (given["latency-ns"] ?? 0) / 1e6;
    this.#zeroes = given["read-zeroes"] ?? false;
  }

  async read(_offset: number, target: Uint8Array): Promise<void> {
    await this.#wait();
    target.fill(0);
  }

  async write(offset: number, source: Uint8Array): Promise<void> {
    await this.writeZeroes(offset, source.length);
  }

  async writeZeroes(offset: number, length: number): Promise<void> {
    if (offset + length > this.size) {
      const message = `The request ends at ${offset + length}, past the end of the disk at ${this.size}`;
      throw new BlockError("EINVAL", message, { offset, length });
    }
    await this.#wait();
  }

  async discard(): Promise<void> {}

  async flush(): Promise<void> {
    await this.#wait();
  }

  async resize(): Promise<void> {
    throw new BlockError("ENOTSUP", "Image format driver does not support resize");
  }

  async extentAt(offset: number, length: number): Promise<Extent> {
    const state = this.#zeroes ? "zero" : "unallocated";
    return { offset, length, state, compressed: false, hostOffset: this.#zeroes ? offset : undefined };
  }

  async close(): Promise<void> {}

  async #wait(): Promise<void> {
    if (this.#latency > 0) await setTimeout(Math.min(this.#latency, longestTimeout));
  }
}

/** What a timer can hold, milliseconds. */
const longestTimeout = 2 ** 31 - 1;
