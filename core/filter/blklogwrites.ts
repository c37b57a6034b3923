// blklogwrites: every write goes to the file and into a log in the dm-log-writes format, from which any moment can be
// had again (filters reference, 3). Requests reach it in whole sectors of the log, as smaller ones are widened above.
import * as z from "zod";
import { isPowerOfTwo } from "../base/bytes.ts";
import { asBlockError, BlockError, toPlain } from "../base/errors.ts";
import { Aligned, type AlignedTarget } from "../block/aligned.ts";
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
import { child, integer, onOff, size } from "../block/options.ts";
import { RangeLock } from "../block/rangeLock.ts";
import { defaultSectorSize, findLogEnd } from "../writelog/append.ts";
import { maxSectorSize, minSectorSize } from "../writelog/layout.ts";
import { LogWriter } from "../writelog/writer.ts";
import { filteredExtent, protocolLevel } from "./children.ts";

const defaultInterval = 4096;

export const blklogwrites = defineDriver({
  kind: "filter",
  options: z.strictObject({
    driver: z.literal("blklogwrites"),
    file: child,
    log: child,
    "log-sector-size": size.optional(),
    "log-append": onOff.default(false),
    "log-super-update-interval": integer.default(defaultInterval),
    /** How a write that must be durable at once is logged: with its flag, or as the peer does by a flush behind it. */
    fua: z.enum(["flag", "flush"]).default("flush"),
  }),
  open: async (options, context) => {
    const sectorSize = options["log-sector-size"];
    const superInterval = options["log-super-update-interval"];
    const isAppending = options["log-append"];
    if (isAppending && sectorSize !== undefined) {
      throw invalid("log-append and log-sector-size are mutually exclusive");
    }
    if (sectorSize !== undefined && !isPowerOfTwo(sectorSize, minSectorSize, maxSectorSize)) {
      throw invalid(`Invalid log sector size ${sectorSize}`);
    }
    if (superInterval < 1) throw invalid(`Invalid log superblock update interval ${superInterval}`);
    const file = await context.openChild("file", "data", protocolLevel(options.file));
    const log = await context.openChild("log", "log", protocolLevel(options.log));
    const fresh = { sectorSize: sectorSize ?? defaultSectorSize, entries: 0, position: 1 };
    const end = isAppending ? await findLogEnd(log) : fresh;
    const writer = new LogWriter(log, { end, superInterval });
    return new LoggedNode(file, log, writer, options.fua === "flag", context);
  },
});

function invalid(message: string): BlockError {
  return new BlockError("EINVAL", message);
}

class LoggedNode implements BlockNode {
  readonly driver = "blklogwrites";
  readonly name: string;
  readonly readOnly: boolean;
  readonly children: readonly Child[];
  readonly info: NodeInfo = {};
  readonly raise: BlockNode["raise"];
  readonly #file: BlockNode;
  readonly #writer: LogWriter;
  readonly #fuaAsFlag: boolean;
  readonly #context: OpenContext;
  readonly #aligned: Aligned;
  /** Overlapping writes reach file and log in one order. */
  readonly #order = new RangeLock();
  /** Something was written since the last flush: one without is not worth an entry. */
  #isDirty = false;

  constructor(file: BlockNode, log: BlockNode, writer: LogWriter, fuaAsFlag: boolean, context: OpenContext) {
    this.name = context.name;
    this.readOnly = context.readOnly;
    this.children = [
      { name: "file", role: "data", node: file },
      { name: "log", role: "log", node: log },
    ];
    this.raise = file.raise?.bind(file);
    this.#file = file;
    this.#writer = writer;
    this.#fuaAsFlag = fuaAsFlag;
    this.#context = context;
    this.#aligned = new Aligned(this.#below(), writer.sectorSize);
  }

  get size(): number {
    return this.#file.size;
  }

  read(offset: number, target: Uint8Array): Promise<void> {
    return this.#aligned.read(offset, target);
  }

  async write(offset: number, source: Uint8Array, flags?: WriteFlags): Promise<void> {
    await this.#aligned.write(offset, source, this.#inEntry(flags));
    if (flags?.fua && !this.#fuaAsFlag) await this.flush();
  }

  async writeZeroes(offset: number, length: number, flags?: ZeroFlags): Promise<void> {
    await this.#aligned.writeZeroes(offset, length, this.#inEntry(flags));
    if (flags?.fua && !this.#fuaAsFlag) await this.flush();
  }

  /** A hint: sectors that it covers only in part are left alone. */
  async discard(offset: number, length: number): Promise<void> {
    const unit = this.#writer.sectorSize;
    const start = Math.ceil(offset / unit) * unit;
    const end = Math.floor((offset + length) / unit) * unit;
    if (end <= start) return;
    await this.#logged(
      "discard",
      start,
      end - start,
      () => this.#file.discard(start, end - start),
      () => this.#writer.discard(start, end - start),
    );
  }

  async flush(): Promise<void> {
    const isWorthAnEntry = this.#isDirty;
    this.#isDirty = false;
    await this.#file.flush();
    if (isWorthAnEntry) await this.#log("flush", 0, 0, () => this.#writer.flush());
  }

  /** Not a write: logs know no length of the disk. */
  resize(size: number, options?: ResizeOptions): Promise<void> {
    return this.#file.resize(size, options);
  }

  async mark(text: string): Promise<void> {
    if (this.readOnly) throw new BlockError("EROFS", `${this.name} is open read-only: nothing is logged`);
    await this.#log("mark", 0, 0, () => this.#writer.mark(text));
  }

  extentAt(offset: number, length: number): Promise<Extent> {
    return filteredExtent(this.#file, offset, length);
  }

  async close(): Promise<void> {
    if (this.readOnly) return;
    await this.#order.settled();
    await this.flush();
    if (this.#writer.isBehind) await this.#log("close", 0, 0, () => this.#writer.sync());
  }

  /** FUA is in the write's own entry or, as with the peer, a flush behind it. */
  #inEntry<F extends WriteFlags>(flags: F | undefined): F | undefined {
    return flags && { ...flags, fua: (flags.fua ?? false) && this.#fuaAsFlag };
  }

  #below(): AlignedTarget {
    const file = this.#file;
    return {
      get size() {
        return file.size;
      },
      read: (offset, target) => file.read(offset, target),
      write: (offset, source, flags) =>
        this.#logged(
          "write",
          offset,
          source.length,
          () => file.write(offset, source, flags),
          () => this.#writer.write(offset, source, flags?.fua ?? false),
        ),
      writeZeroes: (offset, length, flags) =>
        this.#logged(
          "write-zeroes",
          offset,
          length,
          () => file.writeZeroes(offset, length, flags),
          () => this.#writer.writeZeroes(offset, length, flags?.fua ?? false),
        ),
    };
  }

  /** On the file first; logged whatever came of it, as part of it may have reached the disk. */
  async #logged(
    op: string,
    offset: number,
    length: number,
    write: () => Promise<void>,
    log: () => Promise<void>,
  ): Promise<void> {
    this.#isDirty = true;
    await this.#order.run(offset, length, "exclusive", async () => {
      const failed = await write().then(
        () => undefined,
        (error: unknown) => asBlockError(error),
      );
      await this.#log(op, offset, length, log);
      if (failed) throw failed;
    });
  }

  /** A request that could not be logged fails, and an event says that the log is not whole. */
  async #log(op: string, offset: number, length: number, log: () => Promise<void>): Promise<void> {
    try {
      await log();
    } catch (thrown) {
      const error = asBlockError(thrown);
      this.#context.event({ kind: "log-error", node: this.name, op, offset, length, error: toPlain(error) });
      throw new BlockError(error.code, `Could not log the request: ${error.message}`, error.context, {
        cause: thrown,
      });
    }
  }
}
