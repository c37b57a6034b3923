// An open file or device. Reads and writes are positional and blocking (readSync into the caller's buffer): graphs
// live in worker threads or in the command line, where blocking costs nothing and saves the round trip through the
// thread pool. No mmap: a file that shrinks must give an error for a range, not a signal.
import * as fs from "node:fs";
import { setImmediate } from "node:timers/promises";
import { asBlockError, BlockError } from "../base/errors.ts";
import { strerror } from "../base/strerror.ts";
import type { OpenContext } from "../block/driver.ts";
import type {
  BlockNode,
  Child,
  Extent,
  NodeInfo,
  ResizeOptions,
  WriteFlags,
  ZeroFlags,
} from "../block/node.ts";
import { punch, setAside, zeroInPlace } from "./allocate.ts";
import type { FileDriver } from "./fileKind.ts";
import { HoleFinder } from "./holes.ts";
import { type FileLocks, steadyReadingClaim } from "./locks.ts";
import { systemError } from "./systemError.ts";

const sector = 512;
const zeroBlock = new Uint8Array(1024 * 1024);
/** Zero blocks written before other work of the thread has its turn: signals, messages. */
const zeroBlocksAtOnce = 64;
/** One readSync takes at most this much: Linux cuts longer ones, and a length must fit 31 bits. */
const maxTransfer = 1024 * 1024 * 1024;
/** Written to the beginning of a file that grows from nothing, as the peer does: direct I/O can be tried on it. */
const firstBlock = 4096;

/** What the peer says, before the reason, of a resize that failed. */
const failedResize = {
  off: "Could not resize file",
  falloc: "Could not preallocate new data",
  full: "Could not write zeros for preallocation",
} as const;

export interface OpenedFile {
  readonly fd: number;
  readonly path: string;
  readonly driver: FileDriver;
  /** Bytes. */
  readonly size: number;
  /** A block or character device: it has no holes and keeps its size. */
  readonly device: boolean;
  readonly locks: FileLocks;
  /** To be called when it is closed. */
  closed(): void;
  readonly context: Pick<OpenContext, "name" | "readOnly" | "cache">;
}

export class FileNode implements BlockNode {
  readonly driver: FileDriver;
  readonly name: string;
  readonly readOnly: boolean;
  readonly children: readonly Child[] = [];
  readonly descriptor: number | undefined;
  readonly #fd: number;
  readonly #path: string;
  readonly #holes: HoleFinder;
  readonly #device: boolean;
  readonly #locks: FileLocks;
  readonly #whenClosed: () => void;
  readonly #noFlush: boolean;
  /** Whole sectors only, as where the page cache is bypassed: a file that ends within one counts to its end. */
  readonly #direct: boolean;
  #size: number;
  #unflushed = false;
  #flushError: unknown;
  #closed = false;

  constructor(opened: OpenedFile) {
    this.#fd = opened.fd;
    this.#path = opened.path;
    this.#size = opened.size;
    this.#device = opened.device;
    this.#locks = opened.locks;
    this.#whenClosed = opened.closed;
    this.#holes = new HoleFinder(opened.fd);
    this.#noFlush = opened.context.cache.noFlush;
    this.#direct = opened.context.cache.direct && !opened.device;
    this.descriptor = this.#direct ? undefined : opened.fd;
    this.driver = opened.driver;
    this.name = opened.context.name;
    this.readOnly = opened.context.readOnly;
  }

  get size(): number {
    return this.#direct ? wholeSectors(this.#size) : this.#size;
  }

  get info(): NodeInfo {
    const stat = this.#device || this.#closed ? undefined : fs.fstatSync(this.#fd);
    // st_blocks counts 512-byte units on every system that has it.
    return { path: this.#path, ...(stat?.blocks !== undefined && { actualSize: stat.blocks * 512 }) };
  }

  /** A writer has excluded others since it was opened. */
  async excludeWriters(): Promise<void> {
    if (this.readOnly) this.#locks.take(steadyReadingClaim);
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    this.readNow(offset, target);
  }

  readNow(offset: number, target: Uint8Array): void {
    let done = 0;
    while (done < target.length) {
      const wanted = Math.min(target.length - done, maxTransfer);
      const got = this.#get(target, done, wanted, offset + done);
      if (got === 0 && this.#direct && offset + done >= this.#size) {
        target.fill(0, done);
        return;
      }
      if (got === 0) throw this.#ended(offset, target.length, offset + done);
      done += got;
    }
  }

  /** One call of the system; asked for millions of times, so without a closure. */
  #get(target: Uint8Array, at: number, length: number, offset: number): number {
    try {
      return fs.readSync(this.#fd, target, at, length, offset);
    } catch (thrown) {
      throw this.#failed("read", offset, length, thrown);
    }
  }

  async write(offset: number, source: Uint8Array, flags?: WriteFlags): Promise<void> {
    this.#put(offset, source);
    if (this.#direct && this.#size < this.size)
      this.#put(this.#size, zeroBlock.subarray(0, this.size - this.#size));
    if (flags?.fua) await this.flush();
  }

  async writeZeroes(offset: number, length: number, flags?: ZeroFlags): Promise<void> {
    const zeroed = this.#attempt("zero", offset, length, () =>
      this.#changed(() => this.#zero(offset, length, flags?.mayUnmap ?? false)),
    );
    if (!zeroed) {
      if (flags?.noFallback)
        throw this.#unsupported("Zeroes can't be written here without writing every byte");
      await this.#putZeroes(offset, offset + length);
    }
    if (flags?.fua) await this.flush();
  }

  /** A hint: nothing changes where no holes can be punched. */
  async discard(offset: number, length: number): Promise<void> {
    this.#attempt("discard", offset, length, () => this.#changed(() => punch(this.#fd, offset, length)));
  }

  async flush(): Promise<void> {
    if (this.#noFlush || this.readOnly) return;
    // What the system lost it reports once; it never becomes durable by asking again.
    if (this.#flushError !== undefined) throw this.#flushError;
    try {
      fs.fdatasyncSync(this.#fd);
    } catch (thrown) {
      // A character device has nothing to be flushed.
      if (this.#device && (thrown as NodeJS.ErrnoException).code === "EINVAL") return;
      this.#flushError = systemError(`Could not flush '${this.#path}'`, thrown, {
        node: this.name,
        path: this.#path,
      });
      throw this.#flushError;
    }
    this.#unflushed = false;
  }

  async resize(size: number, { preallocation = "off" }: ResizeOptions = {}): Promise<void> {
    if (this.#device) return this.#resizeDevice(size, preallocation !== "off");
    if (preallocation === "metadata") throw this.#unsupported("Unsupported preallocation mode: metadata");
    const old = fs.fstatSync(this.#fd).size;
    if (preallocation !== "off" && size < old) {
      throw new BlockError("EINVAL", "Cannot use preallocation for shrinking files", { path: this.#path });
    }
    const peer = failedResize[preallocation];
    try {
      if (preallocation === "off" || size === old) this.#truncate(size);
      else if (preallocation === "full" || !this.#setAside(old, size)) await this.#putZeroes(old, size);
    } catch (thrown) {
      this.#undoGrowth(old);
      const { code, message, context } = asBlockError(thrown);
      const words = { message: `${peer}: ${strerror({ code, context })}` };
      throw new BlockError(code, message, { ...context, peer: words }, { cause: thrown });
    }
  }

  async extentAt(offset: number, length: number): Promise<Extent> {
    const { state, length: found } =
      this.#device || offset >= this.#size
        ? { state: "data" as const, length }
        : this.#holes.at(offset, length, this.#size);
    // The sector in which the file ends is of one piece.
    const whole = this.#direct ? Math.min(length, wholeSectors(offset + found) - offset) : found;
    return { offset, length: whole, state, compressed: false, hostOffset: undefined };
  }

  async close(): Promise<void> {
    // The descriptor's number may be another file's from here on, even if flushing fails.
    this.#closed = true;
    try {
      if (this.#unflushed) await this.flush();
    } finally {
      this.#whenClosed();
      fs.closeSync(this.#fd);
    }
  }

  #put(offset: number, source: Uint8Array): void {
    let done = 0;
    while (done < source.length) {
      const wanted = Math.min(source.length - done, maxTransfer);
      const put = this.#attempt("write", offset + done, wanted, () =>
        this.#changed(() => fs.writeSync(this.#fd, source, done, wanted, offset + done)),
      );
      if (put === 0) throw this.#full(offset + done, wanted);
      done += put;
      // After each part: when the next one fails, what was written is known.
      if (!this.#device) this.#size = Math.max(this.#size, offset + done);
    }
  }

  async #putZeroes(start: number, end: number): Promise<void> {
    for (let at = start, blocks = 1; at < end; at += zeroBlock.length, blocks++) {
      this.#put(at, zeroBlock.subarray(0, Math.min(zeroBlock.length, end - at)));
      if (blocks % zeroBlocksAtOnce === 0) await setImmediate();
    }
  }

  /** False when only zero bytes will do. */
  #zero(offset: number, length: number, mayUnmap: boolean): boolean {
    const done =
      (mayUnmap && this.#punchAndGrow(offset, length)) || zeroInPlace(this.#fd, offset, length, this.#device);
    if (done && !this.#device) this.#size = Math.max(this.#size, offset + length);
    return done;
  }

  #punchAndGrow(offset: number, length: number): boolean {
    if (this.#device) return punch(this.#fd, offset, length);
    const size = fs.fstatSync(this.#fd).size;
    const inside = Math.min(offset + length, size) - offset;
    if (inside > 0 && !punch(this.#fd, offset, inside)) return false;
    if (offset + length > size) fs.ftruncateSync(this.#fd, offset + length);
    return true;
  }

  #truncate(size: number): void {
    try {
      this.#changed(() => fs.ftruncateSync(this.#fd, size));
    } catch (thrown) {
      const message = `Could not give '${this.#path}' a length of ${size} bytes`;
      throw systemError(message, thrown, { node: this.name, path: this.#path, offset: size });
    }
    const grewFromNothing = this.#size === 0;
    this.#size = size;
    if (grewFromNothing && size > 0) this.#put(0, zeroBlock.subarray(0, Math.min(firstBlock, size)));
  }

  #setAside(old: number, size: number): boolean {
    const done = this.#attempt("set aside", old, size - old, () =>
      this.#changed(() => setAside(this.#fd, old, size - old)),
    );
    if (done) this.#size = size;
    return done;
  }

  /** Gives back what a growth that failed has got so far. */
  #undoGrowth(old: number): void {
    try {
      fs.ftruncateSync(this.#fd, old);
    } catch {
      // The first failure is the one to report.
    }
    this.#size = fs.fstatSync(this.#fd).size;
  }

  #resizeDevice(size: number, preallocated: boolean): void {
    if (preallocated) throw this.#unsupported("Space can't be preallocated on a device");
    // Smaller is done by using less of it.
    if (size <= this.#size) return;
    throw new BlockError("EINVAL", "Cannot grow device files", { path: this.#path });
  }

  /** Around every change of the file: what was known of its holes is no more, and it is to be flushed. */
  #changed<T>(change: () => T): T {
    this.#unflushed = true;
    try {
      return change();
    } finally {
      this.#holes.forget();
    }
  }

  #attempt<T>(what: string, offset: number, length: number, request: () => T): T {
    try {
      return request();
    } catch (thrown) {
      throw this.#failed(what, offset, length, thrown);
    }
  }

  #failed(what: string, offset: number, length: number, thrown: unknown): BlockError {
    const message = `Could not ${what} ${length} bytes at offset ${offset} of '${this.#path}'`;
    return systemError(message, thrown, { node: this.name, path: this.#path, offset, length });
  }

  #unsupported(message: string): BlockError {
    return new BlockError("ENOTSUP", message, { node: this.name, path: this.#path });
  }

  #full(offset: number, length: number): BlockError {
    const message = `Could not write ${length} bytes at offset ${offset} of '${this.#path}': the system took none`;
    return new BlockError("EIO", message, { node: this.name, path: this.#path, offset, length });
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

function wholeSectors(size: number): number {
  return Math.ceil(size / sector) * sector;
}
