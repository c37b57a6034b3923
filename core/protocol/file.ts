// Regular files and block devices. Reads are positional and blocking (readSync into the caller's buffer):
// graphs live in worker threads or in the command line, where blocking costs nothing and saves the round trip
// through the thread pool. No mmap: a file that shrinks must give an error for a range, not a signal.
import * as fs from "node:fs";
import * as path from "node:path";
import * as z from "zod";
import { BlockError } from "../base/errors.ts";
import { defineDriver, type OpenContext } from "../block/driver.ts";
import type { BlockNode, Child, Extent, NodeInfo } from "../block/node.ts";
import { deviceSize } from "./deviceSize.ts";
import { HoleFinder } from "./holes.ts";
import { systemError } from "./systemError.ts";

const zeroBlock = new Uint8Array(1024 * 1024);
/** One readSync takes at most this much: Linux cuts longer ones, and a length must fit 31 bits. */
const maxTransfer = 1024 * 1024 * 1024;

export const file = defineDriver({
  kind: "protocol",
  options: z.strictObject({
    driver: z.literal("file"),
    filename: z.string("must be the name of a file").min(1, "the name is empty"),
  }),
  open: async ({ filename }, context) => openFile(filename, context),
});

function openFile(filename: string, context: OpenContext): BlockNode {
  if (filename.includes("\0")) {
    throw new BlockError("EINVAL", "The file name contains a NUL byte, which no file can have", {
      node: context.name,
    });
  }
  const full = path.resolve(context.baseDir, filename);
  const where = { node: context.name, path: full };
  const refused = `Could not open '${filename}'`;
  let fd: number | undefined;
  try {
    // Before opening, because opening a FIFO waits for its other end; after it, because the name may have moved on.
    refuseOddKinds(fs.statSync(full), refused, where);
    const access = context.readOnly ? fs.constants.O_RDONLY : fs.constants.O_RDWR;
    fd = fs.openSync(full, access | (fs.constants.O_NONBLOCK ?? 0));
    const stat = fs.fstatSync(fd, { bigint: true });
    refuseOddKinds(stat, refused, where);
    context.fileOpened(`${stat.dev}:${stat.ino}`, filename);
    return new FileNode(fd, full, sizeOf(fd, stat, refused, where), stat.isBlockDevice(), context);
  } catch (thrown) {
    if (fd !== undefined) fs.closeSync(fd);
    throw thrown instanceof BlockError ? thrown : systemError(refused, thrown, where);
  }
}

type Kind = Pick<fs.StatsBase<unknown>, "isFile" | "isBlockDevice" | "isDirectory" | "isFIFO" | "isSocket">;

function refuseOddKinds(stat: Kind, refused: string, where: { node: string; path: string }): void {
  if (stat.isFile() || stat.isBlockDevice()) return;
  const kind = stat.isDirectory()
    ? "it is a directory"
    : stat.isFIFO()
      ? "it is a FIFO"
      : stat.isSocket()
        ? "it is a socket"
        : "it is a character device";
  throw new BlockError("EINVAL", `${refused}: ${kind}`, {
    ...where,
    hint: stat.isDirectory() ? "Choose a file in it." : "Choose a regular file or a block device.",
  });
}

function sizeOf(fd: number, stat: fs.BigIntStats, refused: string, where: object): number {
  const size = stat.isBlockDevice() ? deviceSize(fd) : Number(stat.size);
  if (!Number.isSafeInteger(size)) {
    throw new BlockError("EFBIG", `${refused}: it is larger than 2^53 - 1 bytes`, where);
  }
  return size;
}

class FileNode implements BlockNode {
  readonly driver = "file";
  readonly name: string;
  readonly readOnly: boolean;
  readonly children: readonly Child[] = [];
  readonly #fd: number;
  readonly #path: string;
  readonly #holes: HoleFinder;
  readonly #device: boolean;
  #size: number;
  #closed = false;

  constructor(fd: number, full: string, size: number, device: boolean, context: OpenContext) {
    this.#fd = fd;
    this.#path = full;
    this.#size = size;
    this.#device = device;
    this.#holes = new HoleFinder(fd);
    this.name = context.name;
    this.readOnly = context.readOnly;
  }

  get size(): number {
    return this.#size;
  }

  get info(): NodeInfo {
    const stat = this.#device || this.#closed ? undefined : fs.fstatSync(this.#fd);
    // st_blocks counts 512-byte units on every system that has it.
    return { path: this.#path, ...(stat?.blocks !== undefined && { actualSize: stat.blocks * 512 }) };
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    let done = 0;
    while (done < target.length) {
      const wanted = Math.min(target.length - done, maxTransfer);
      const got = this.#attempt("read", offset + done, wanted, () =>
        fs.readSync(this.#fd, target, done, wanted, offset + done),
      );
      if (got === 0) throw this.#ended(offset, target.length, offset + done);
      done += got;
    }
  }

  async write(offset: number, source: Uint8Array, flags?: { fua?: boolean }): Promise<void> {
    let done = 0;
    while (done < source.length) {
      const wanted = Math.min(source.length - done, maxTransfer);
      done += this.#attempt("write", offset + done, wanted, () =>
        fs.writeSync(this.#fd, source, done, wanted, offset + done),
      );
    }
    this.#size = Math.max(this.#size, offset + source.length);
    this.#holes.forget();
    if (flags?.fua) await this.flush();
  }

  async writeZeroes(offset: number, length: number, flags?: { fua?: boolean }): Promise<void> {
    for (let done = 0; done < length; done += zeroBlock.length) {
      await this.write(offset + done, zeroBlock.subarray(0, Math.min(zeroBlock.length, length - done)));
    }
    if (flags?.fua) await this.flush();
  }

  /** A hint, and for a plain file none that can be given without punching holes: nothing changes. */
  async discard(): Promise<void> {}

  async flush(): Promise<void> {
    this.#attempt("flush", 0, 0, () => fs.fsyncSync(this.#fd));
  }

  async resize(size: number): Promise<void> {
    if (this.#device)
      throw new BlockError("ENOTSUP", "A block device can't be resized", { path: this.#path });
    this.#attempt("resize", size, 0, () => fs.ftruncateSync(this.#fd, size));
    this.#size = size;
    this.#holes.forget();
  }

  async extentAt(offset: number, length: number): Promise<Extent> {
    const found = this.#device
      ? { state: "data" as const, length }
      : this.#holes.at(offset, length, this.#size);
    return { offset, ...found, compressed: false, hostOffset: undefined };
  }

  async close(): Promise<void> {
    // The descriptor's number may be another file's from here on, even if flushing fails.
    this.#closed = true;
    try {
      if (!this.readOnly) await this.flush();
    } finally {
      fs.closeSync(this.#fd);
    }
  }

  #attempt<T>(what: string, offset: number, length: number, request: () => T): T {
    try {
      return request();
    } catch (thrown) {
      const message = `Could not ${what} ${length} bytes at offset ${offset} of '${this.#path}'`;
      throw systemError(message, thrown, { node: this.name, path: this.#path, offset, length });
    }
  }

  /** Nothing could be read at `at`, of `length` bytes asked for from `offset` on. */
  #ended(offset: number, length: number, at: number): BlockError {
    // The file may have ended well before: a range behind its new end is not where it ends.
    const end = this.#device ? at : Math.min(at, fs.fstatSync(this.#fd).size);
    const message = `'${this.#path}' ends at ${end} now, not at ${this.#size}: it shrank while it was open`;
    const hint = "Open the image again.";
    return new BlockError("EIO", message, { node: this.name, path: this.#path, offset, length, hint });
  }
}
