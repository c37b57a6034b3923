// copy-on-read: what is read from a backing file is written into the image above it, so that the next read finds it
// there. Whole clusters are copied; ranges the image has already, and zero clusters, are left alone.
import * as z from "zod";
import { BlockError } from "../base/errors.ts";
import { isZero } from "../base/zero.ts";
import { defineDriver, type OpenContext } from "../block/driver.ts";
import type {
  BlockNode,
  Child,
  Extent,
  NodeInfo,
  ResizeOptions,
  WriteFlags,
  ZeroFlags,
} from "../block/node.ts";
import { child } from "../block/options.ts";
import { RangeLock } from "../block/rangeLock.ts";
import { filteredExtent } from "./children.ts";

/** Bytes copied at a time at most. */
const longest = 2 * 1024 * 1024;
/** Unit of copying for an image that states no cluster size. */
const defaultUnit = 65536;

export const copyOnRead = defineDriver({
  kind: "filter",
  options: z.strictObject({ driver: z.literal("copy-on-read"), file: child }),
  open: async (options, context) => {
    if (context.readOnly) {
      throw new BlockError(
        "EROFS",
        "copy-on-read writes what it reads: the image has to be open for writing",
        {
          node: context.name,
          peer: { message: "Block node is read-only" },
        },
      );
    }
    return new CopyNode(await context.openChild("file", "data", options.file), context);
  },
});

class CopyNode implements BlockNode {
  readonly driver = "copy-on-read";
  readonly name: string;
  readonly readOnly = false;
  readonly children: readonly Child[];
  readonly info: NodeInfo = {};
  readonly #image: BlockNode;
  readonly #lock = new RangeLock();

  constructor(image: BlockNode, context: OpenContext) {
    this.name = context.name;
    this.children = [{ name: "file", role: "data", node: image }];
    this.#image = image;
  }

  get size(): number {
    return this.#image.size;
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    for (let done = 0; done < target.length; ) {
      done += await this.#readSome(offset + done, target.subarray(done));
    }
  }

  async write(offset: number, source: Uint8Array, flags?: WriteFlags): Promise<void> {
    await this.#locked(offset, source.length, () => this.#image.write(offset, source, flags));
  }

  async writeZeroes(offset: number, length: number, flags?: ZeroFlags): Promise<void> {
    await this.#locked(offset, length, () => this.#image.writeZeroes(offset, length, flags));
  }

  async discard(offset: number, length: number): Promise<void> {
    await this.#locked(offset, length, () => this.#image.discard(offset, length));
  }

  flush(): Promise<void> {
    return this.#image.flush();
  }

  resize(size: number, options?: ResizeOptions): Promise<void> {
    return this.#image.resize(size, options);
  }

  extentAt(offset: number, length: number): Promise<Extent> {
    return filteredExtent(this.#image, offset, length);
  }

  async close(): Promise<void> {
    await this.#lock.settled();
  }

  /** Reads one extent's worth, copying it where the image lacks it; answers how many bytes were read. */
  async #readSome(offset: number, target: Uint8Array): Promise<number> {
    const { state, length } = await this.#image.extentAt(offset, Math.min(target.length, longest));
    if (state !== "unallocated") {
      await this.#image.read(offset, target.subarray(0, length));
      return length;
    }
    const { start, end } = this.#clustersAround(offset, length);
    return this.#locked(start, end - start, async () => {
      const bytes = new Uint8Array(end - start);
      await this.#image.read(start, bytes);
      await this.#copy(start, bytes);
      target.set(bytes.subarray(offset - start, offset - start + length));
      return length;
    });
  }

  /** Only what is still missing: a write may have come between. */
  async #copy(start: number, bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { state, length } = await this.#image.extentAt(start + done, bytes.length - done);
      const part = bytes.subarray(done, done + length);
      if (state === "unallocated") {
        await this.#image.raise?.("cor_write");
        if (isZero(part)) await this.#image.writeZeroes(start + done, length);
        else await this.#image.write(start + done, part);
      }
      done += length;
    }
  }

  #clustersAround(offset: number, length: number): { start: number; end: number } {
    const unit = this.#image.info.clusterSize ?? defaultUnit;
    const start = Math.floor(offset / unit) * unit;
    return { start, end: Math.min(this.size, Math.ceil((offset + length) / unit) * unit) };
  }

  /** Over whole clusters, which is what a copy writes. */
  #locked<T>(offset: number, length: number, body: () => Promise<T>): Promise<T> {
    const { start, end } = this.#clustersAround(offset, length);
    return this.#lock.run(start, end - start, "exclusive", body);
  }
}
