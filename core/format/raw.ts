// The raw format: bytes as they are, optionally a window of the file (`offset`, `size`).
import * as z from "zod";
import { BlockError } from "../base/errors.ts";
import { defineDriver, type OpenContext } from "../block/driver.ts";
import { chainExtentAt } from "../block/extents.ts";
import type {
  BlockNode,
  Child,
  Extent,
  NodeInfo,
  ResizeOptions,
  WriteFlags,
  ZeroFlags,
} from "../block/node.ts";
import { child, size } from "../block/options.ts";
import { rawCreation } from "./rawCreate.ts";

const sector = 512;

export const raw = defineDriver({
  kind: "format",
  options: z.strictObject({
    driver: z.literal("raw"),
    file: child,
    offset: size.describe("Where the disk begins in the file.").optional(),
    size: size.describe("Length of the disk; without it, to the end of the file.").optional(),
  }),
  // Anything can be raw, so every other format comes first.
  probe: () => 1,
  creation: rawCreation,
  reopening: { options: ["offset", "size"] },
  open: async (options, context) => {
    const file = await context.openChild("file", "file", options.file);
    return openRaw(file, options.offset ?? 0, options.size, context);
  },
});

function openRaw(file: BlockNode, offset: number, length: number | undefined, context: OpenContext): RawNode {
  const refuse = (message: string) => {
    throw new BlockError("EINVAL", message, { node: context.name });
  };
  if (offset > file.size) {
    refuse(`Offset (${offset}) cannot be greater than size of the containing file (${file.size})`);
  }
  // Whole sectors, so that no layer that rounds up to them reaches past the window.
  if (length !== undefined && length % 512 !== 0) refuse(`Specified size (${length}) is not multiple of 512`);
  if (length !== undefined && length > file.size - offset) {
    const room = `the containing file (${file.size})`;
    refuse(
      `The sum of offset (${offset}) and size (${length}) has to be smaller or equal to the actual size of ${room}`,
    );
  }
  return new RawNode(file, offset, length, context);
}

class RawNode implements BlockNode {
  readonly driver = "raw";
  readonly readsInPlace = true;
  readonly name: string;
  readonly readOnly: boolean;
  readonly children: readonly Child[];
  readonly info: NodeInfo = { byteOrder: "little" };
  readonly #file: BlockNode;
  readonly #offset: number;
  readonly #length: number | undefined;
  readonly #guessFormat: OpenContext["guessFormat"];

  constructor(file: BlockNode, offset: number, length: number | undefined, context: OpenContext) {
    this.#file = file;
    this.#offset = offset;
    this.#length = length;
    this.#guessFormat = context.guessFormat;
    this.name = context.name;
    this.readOnly = context.readOnly;
    this.children = [{ name: "file", role: "file", node: file }];
  }

  get size(): number {
    return this.#length ?? Math.max(0, this.#file.size - this.#offset);
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    if (this.#file.raise) await this.#file.raise("read_aio");
    await this.#file.read(this.#offset + offset, target);
  }

  async write(offset: number, source: Uint8Array, flags?: WriteFlags): Promise<void> {
    this.#checkEnd(offset + source.length);
    const at = this.#offset + offset;
    if (at < sector && this.#guessFormat) await this.#checkHead(at, source, this.#guessFormat);
    const { raise } = this.#file;
    if (!raise) return this.#file.write(at, source, flags);
    await raise("write_aio");
    await this.#file.write(at, source, { ...flags, fua: false });
    // In steps of its own, so that rules can tell them apart.
    if (flags?.fua) await this.flush();
  }

  async writeZeroes(offset: number, length: number, flags?: ZeroFlags): Promise<void> {
    this.#checkEnd(offset + length);
    if (!this.#file.raise) return this.#file.writeZeroes(this.#offset + offset, length, flags);
    await this.#file.writeZeroes(this.#offset + offset, length, { ...flags, fua: false });
    if (flags?.fua) await this.flush();
  }

  async discard(offset: number, length: number): Promise<void> {
    this.#checkEnd(offset + length);
    await this.#file.discard(this.#offset + offset, length);
  }

  async flush(): Promise<void> {
    const { raise } = this.#file;
    if (raise) await raise("flush_to_os");
    if (raise) await raise("flush_to_disk");
    await this.#file.flush();
  }

  async resize(size: number, options?: ResizeOptions): Promise<void> {
    if (this.#length !== undefined) throw new BlockError("ENOTSUP", "Cannot resize fixed-size raw disks");
    await this.#file.resize(this.#offset + size, options);
  }

  /** What the file says: raw has no tables, so a hole of the file is one of the image. */
  async extentAt(offset: number, length: number): Promise<Extent> {
    const hostOffset = this.#offset + offset;
    const own = await this.#file.extentAt(hostOffset, length);
    // What the top layer of a container lacks, its backing file may hold.
    const there = own.state === "unallocated" ? await chainExtentAt(this.#file, hostOffset, own.length) : own;
    const state = there.state === "data" ? "data" : "zero";
    const { compressed } = there;
    // A window need not begin with a sector of the file: a sector may be a hole in part, and for those who count in
    // sectors it is data.
    const end = offset + there.length;
    const cut = state === "zero" && there.length < length && end < this.size ? end % sector : 0;
    if (cut < there.length) return { offset, length: there.length - cut, state, compressed, hostOffset };
    const rest = Math.min(length, sector - (offset % sector));
    return { offset, length: rest, state: "data", compressed: false, hostOffset };
  }

  async close(): Promise<void> {}

  /** A file that ends within a sector grows to its end when that part is written. */
  #checkEnd(end: number): void {
    const last = this.#length ?? Math.ceil(this.size / sector) * sector;
    if (end <= last) return;
    throw new BlockError("EINVAL", `The request ends at ${end}, past the end of the image at ${this.size}`);
  }

  /**
   * `at` is the byte in the file. A guest that writes the header of another format would, at the next guess, be believed: its disk would name any
   * file of the host as its backing file.
   */
  async #checkHead(
    at: number,
    source: Uint8Array,
    guess: NonNullable<OpenContext["guessFormat"]>,
  ): Promise<void> {
    const head = new Uint8Array(sector);
    await this.#file.read(0, head.subarray(0, Math.min(sector, this.#file.size)));
    head.set(source.subarray(0, sector - at), at);
    const format = guess(head);
    if (format === this.driver) return;
    const message = `This write would make the raw image look like one of the format ${format}`;
    throw new BlockError("EPERM", message, {
      length: source.length,
      hint: "Its format was guessed. Give the format, raw, to write anything anywhere.",
    });
  }
}
