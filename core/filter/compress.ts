// compress: what is written reaches the image below as compressed clusters. Parts of clusters are completed with what the
// disk holds there; clusters where something is stored already are written as they are, as formats can't compress over
// them. Whole clusters of zeroes, and discards, are the image's own matter.
import * as z from "zod";
import { BlockError } from "../base/errors.ts";
import { Aligned } from "../block/aligned.ts";
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
import { filteredExtent } from "./children.ts";

export const compress = defineDriver({
  kind: "filter",
  options: z.strictObject({ driver: z.literal("compress"), file: child }),
  open: async (options, context) =>
    new CompressNode(await context.openChild("file", "data", options.file), context),
});

class CompressNode implements BlockNode {
  readonly driver = "compress";
  readonly name: string;
  readonly readOnly: boolean;
  readonly children: readonly Child[];
  readonly info: NodeInfo = {};
  readonly #image: BlockNode;
  readonly #aligned: Aligned;

  /** Throws ENOTSUP for an image that has no compressed clusters. */
  constructor(image: BlockNode, context: OpenContext) {
    const { clusterSize } = image.info;
    const writeCompressed = image.writeCompressed?.bind(image);
    if (writeCompressed === undefined || clusterSize === undefined) {
      throw new BlockError("ENOTSUP", `Compression is not supported for underlying format: ${image.driver}`, {
        node: context.name,
        hint: "Put it on a format with compressed clusters, such as qcow2, with no other filter between them.",
      });
    }
    this.name = context.name;
    this.readOnly = context.readOnly;
    this.children = [{ name: "file", role: "data", node: image }];
    this.#image = image;
    const below = {
      get size() {
        return image.size;
      },
      read: (offset: number, target: Uint8Array) => image.read(offset, target),
      write: (offset: number, source: Uint8Array) => writeCompressed(offset, source, { overwrite: true }),
      writeZeroes: (offset: number, length: number, flags?: ZeroFlags) =>
        image.writeZeroes(offset, length, flags),
    };
    this.#aligned = new Aligned(below, clusterSize);
  }

  get size(): number {
    return this.#image.size;
  }

  read(offset: number, target: Uint8Array): Promise<void> {
    return this.#image.read(offset, target);
  }

  async write(offset: number, source: Uint8Array, flags?: WriteFlags): Promise<void> {
    await this.#aligned.write(offset, source);
    if (flags?.fua) await this.#image.flush();
  }

  async writeZeroes(offset: number, length: number, flags?: ZeroFlags): Promise<void> {
    await this.#aligned.writeZeroes(offset, length, flags);
    if (flags?.fua) await this.#image.flush();
  }

  discard(offset: number, length: number): Promise<void> {
    return this.#image.discard(offset, length);
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

  async close(): Promise<void> {}
}
