// What makes an open image writable: guest writes, zeroes, discards and resizing over one Metadata. The node holds one of
// these when it was opened for writing.
import { asBlockError, BlockError, type BlockErrorCode } from "../../../base/errors.ts";
import { strerror } from "../../../base/strerror.ts";
import type {
  AmendRequest,
  BlockNode,
  CompressedFlags,
  ResizeOptions,
  ZeroFlags,
} from "../../../block/node.ts";
import type { Qcow2Image } from "../header.ts";
import type { Qcow2Facts } from "../info.ts";
import { autoclear, limits } from "../layout.ts";
import { Amender } from "./amend.ts";
import { BitmapWriter } from "./bitmapWriter.ts";
import { CompressedWriter } from "./compressed.ts";
import { Eraser } from "./eraser.ts";
import { HeaderFile } from "./headerFile.ts";
import { L2Tables } from "./l2.ts";
import { Metadata, type MetadataOptions } from "./metadata.ts";
import { Resizer } from "./resize.ts";
import { SnapshotWriter } from "./snapshots.ts";
import { type GuestView, Writer } from "./writer.ts";

const knownAutoclear = autoclear.bitmaps | autoclear.rawDataFile;

export interface SessionParts {
  readonly file: BlockNode;
  readonly dataFile: BlockNode | undefined;
  readonly backing: BlockNode | undefined;
  readonly image: Qcow2Image;
  readonly facts: Qcow2Facts;
  readonly options: MetadataOptions;
  /** Opening writes nothing at all. */
  readonly isUntouched: boolean;
  warn(message: string): void;
}

/** Codes of what is wrong in the image, not with its file. */
const tableFaults: ReadonlySet<BlockErrorCode> = new Set(["ECORRUPT", "EFBIG"]);

export class WriteSession {
  readonly metadata: Metadata;
  readonly l2: L2Tables;
  /** Persistent bitmaps: what is done to them, and what they record. */
  readonly bitmaps: BitmapWriter;
  readonly #parts: SessionParts;
  readonly #snapshots: SnapshotWriter;
  #writer: Writer | undefined;
  #vmState: Writer | undefined;
  #eraser: Eraser | undefined;
  #compressed: CompressedWriter | undefined;
  #resizer: Resizer | undefined;
  #amender: Amender | undefined;

  private constructor(parts: SessionParts, header: HeaderFile) {
    const { file, facts, options, warn, dataFile } = parts;
    this.#parts = parts;
    this.metadata = new Metadata({ file, dataFile, header, facts, options, warn });
    this.l2 = new L2Tables(this.metadata, file);
    this.bitmaps = new BitmapWriter(this.metadata, file);
    this.#snapshots = new SnapshotWriter(this.metadata, file);
  }

  /** Clears autoclear bits that are not known here: what they stand for is not kept up. Throws EIO. */
  static async open(parts: SessionParts): Promise<WriteSession> {
    const header = await HeaderFile.of(parts.file, parts.image);
    const bits = header.header.autoclear;
    if (!parts.isUntouched && (bits & ~knownAutoclear) !== 0n) {
      await header.change({ autoclear: bits & knownAutoclear });
    }
    return new WriteSession(parts, header);
  }

  /** The node that is written to. Before the first request. */
  attach(guest: GuestView, vmState: GuestView): void {
    const { file, dataFile, backing } = this.#parts;
    const parts = { metadata: this.metadata, l2: this.l2, guest, file, dataFile };
    const writer = new Writer({ ...parts, storage: dataFile ?? file });
    const eraser = new Eraser({ ...parts, writer, hasBacking: backing !== undefined });
    this.#compressed = new CompressedWriter({
      ...parts,
      beforeChange: (offset, length) => this.#beforeGuestChange(offset, length),
      writePlain: (offset, source) => writer.write(offset, source.length, source),
    });
    this.#writer = writer;
    this.#eraser = eraser;
    this.#vmState = new Writer({ ...parts, guest: vmState, storage: file });
    const resizer = new Resizer({ ...parts, writer, eraser, backingSize: () => backing?.size ?? 0 });
    this.#resizer = resizer;
    this.#amender = new Amender({
      ...parts,
      resizer,
      snapshots: this.#snapshots,
      hasBacking: this.metadata.image.backing !== undefined,
      resize: (size) => this.resize(size, {}),
      removeBitmaps: () => this.bitmaps.removeAll(),
    });
  }

  async write(offset: number, source: Uint8Array): Promise<void> {
    await this.#beforeGuestChange(offset, source.length);
    await this.#writer?.write(offset, source.length, source);
  }

  /** Behind the disk, where the L1 table may not reach yet: it grows by more than it must, for what comes next. */
  async writeVmState(offset: number, source: Uint8Array): Promise<void> {
    this.metadata.corruption.expectUsable();
    this.#refuseUnwritable();
    await this.metadata.exclusively(async () => {
      const wanted = Math.ceil((offset + source.length) / this.l2.span);
      const { entries } = this.metadata.geometry.l1;
      if (wanted <= entries) return;
      const spare = Math.min(Math.ceil(entries * 1.5), limits.l1Table / 8);
      await this.#resizer?.growL1(Math.max(wanted, spare));
    });
    await this.#vmState?.write(offset, source.length, source);
  }

  /** Stored in the order of the calls. */
  async writeCompressed(offset: number, source: Uint8Array, flags: CompressedFlags): Promise<void> {
    await this.#compressed?.write(offset, source, flags);
  }

  async writeZeroes(offset: number, length: number, flags: ZeroFlags): Promise<void> {
    await this.#beforeGuestChange(offset, length);
    await this.#eraser?.writeZeroes(offset, length, flags);
  }

  async discard(offset: number, length: number): Promise<void> {
    await this.#beforeGuestChange(offset, length);
    await this.#eraser?.discard(offset, length);
  }

  async resize(size: number, options: ResizeOptions): Promise<void> {
    const resizer = this.#resizer;
    if (resizer === undefined) return;
    const preallocation = options.preallocation ?? "off";
    await this.bitmaps.settle();
    resizer.expectPossible(size, preallocation);
    await this.bitmaps.resizing(size, () => resizer.resize(size, preallocation));
  }

  async makeEmpty(): Promise<void> {
    this.metadata.corruption.expectUsable();
    await this.#resizer?.makeEmpty();
  }

  async amend(request: AmendRequest): Promise<void> {
    this.metadata.corruption.expectUsable();
    await this.bitmaps.settle();
    await this.#amender?.amend(request);
  }

  async createSnapshot(name: string): Promise<void> {
    this.#refuseUnwritable();
    await this.#snapshots.create(name);
  }

  async applySnapshot(idOrName: string): Promise<void> {
    this.#refuseUnwritable();
    await this.#snapshots.apply(idOrName);
  }

  async deleteSnapshot(idOrName: string): Promise<void> {
    this.#refuseUnwritable();
    await this.#snapshots.delete(idOrName);
  }

  /** Forgets what is known of the file: it was changed below. Throws what opening throws. */
  async reload(facts: (image: Qcow2Image) => Promise<Qcow2Facts>): Promise<void> {
    await this.bitmaps.settle();
    await this.metadata.exclusively(() => this.metadata.reload(facts));
  }

  /** Everything durable, and the image closed properly. A corrupt one stays as it is. */
  async close(): Promise<void> {
    try {
      if (!this.metadata.corruption.isFatal) await this.#settleAll();
    } finally {
      await this.#compressed?.close();
    }
  }

  /** Bitmaps that can't be stored stay marked as in use. */
  async #settleAll(): Promise<void> {
    try {
      await this.bitmaps.settle();
    } finally {
      if (!this.metadata.corruption.isFatal) await this.#settle();
    }
  }

  /** Tried twice: what failed once may be over. */
  async #settle(): Promise<void> {
    const settle = () => this.metadata.exclusively(() => this.metadata.settle());
    const isLoss = this.metadata.hasUnwritten;
    const isCountsAlone = this.metadata.hasOnlyCountsUnwritten;
    const failed = (what: string, error: unknown) => {
      if (isLoss) this.#parts.warn(`Failed to flush the ${what}: ${strerror(asBlockError(error))}`);
    };
    try {
      await settle();
    } catch (first) {
      // Where L2 tables have nothing to write, the peer's flush of them fails with the file, not for what a table says.
      const isFile = !tableFaults.has(asBlockError(first).code);
      if (isFile || !isCountsAlone) failed("L2 table cache", first);
      try {
        await settle();
      } catch (error) {
        failed("refcount block cache", error);
        throw error;
      }
    }
  }

  /** Before the guest's data change: bitmaps record it. */
  async #beforeGuestChange(offset: number, length: number): Promise<void> {
    this.metadata.corruption.expectUsable();
    this.#refuseUnwritable();
    await this.bitmaps.record(offset, length);
  }

  #refuseUnwritable(): void {
    const { crypt, hasDataFile } = this.metadata.geometry;
    if (crypt !== "none") {
      throw new BlockError("ENOTSUP", `The image's data are encrypted (${crypt}) and can't be written here`, {
        hint: "Its header and tables can be looked at without the key.",
        peer: { message: "Parameter 'encrypt.key-secret' is required for cipher" },
      });
    }
    if (hasDataFile && this.#parts.dataFile === undefined) {
      throw new BlockError("ENOTSUP", "The image's external data file was not opened");
    }
  }
}
