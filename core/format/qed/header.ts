// The header of an open image, and the need-check bit in it: set and durable before the first change of tables, and
// cleared only when everything this session changed is durable. Whoever opens the image after a crash finds it set and
// checks the tables (QED specification, "Consistency checking").
import { asBlockError, BlockError } from "../../base/errors.ts";
import type { BlockNode } from "../../block/node.ts";
import { encodeHeader, featureBits, headerLength, parseHeader, type QedHeader } from "./layout.ts";

/** Reads and validates the header. Throws what `parseHeader` throws, EIO. */
export async function readHeader(file: BlockNode): Promise<QedHeader> {
  const head = new Uint8Array(Math.min(headerLength, file.size));
  try {
    await file.read(0, head);
  } catch (thrown) {
    const { code, message, context } = asBlockError(thrown);
    const peer = { message: "Failed to read QED header" };
    throw new BlockError(
      code,
      `Could not read the QED header: ${message}`,
      { ...context, peer },
      { cause: thrown },
    );
  }
  return parseHeader(head, file.size);
}

export class HeaderFile {
  #header: QedHeader;
  readonly #file: BlockNode;
  /** This session set the bit; one that was set before is for a check to clear. */
  #isOwn = false;
  /** Set by a session before that was cut off, and no check has cleared it: entries may point past the end. */
  #isForeign: boolean;
  readonly #refusesForeign: boolean;
  /** A change of the tables failed: nobody knows what is on disk, so the bit stays. */
  #hasFailed = false;
  /** A change of the header failed: which one is on disk, nobody knows. */
  #isUnsure = false;

  /** `refusesForeign`: no new clusters while the bit of an earlier session is set. */
  constructor(header: QedHeader, file: BlockNode, refusesForeign: boolean) {
    this.#header = header;
    this.#file = file;
    this.#isForeign = this.isDirty;
    this.#refusesForeign = refusesForeign;
  }

  get header(): QedHeader {
    return this.#header;
  }

  get isDirty(): boolean {
    return (this.#header.features & featureBits.needCheck) !== 0n;
  }

  /** Only the 64 bytes that are known are written: what follows them stays as it is. */
  async change(changes: Partial<QedHeader>, behind: Uint8Array = new Uint8Array(0)): Promise<void> {
    const header = { ...this.#header, ...changes };
    const bytes = new Uint8Array(encodeHeader(header).length + behind.length);
    bytes.set(encodeHeader(header));
    bytes.set(behind, bytes.length - behind.length);
    this.#isUnsure = true;
    await this.#file.write(0, bytes);
    await this.#file.flush();
    this.#isUnsure = false;
    this.#header = header;
  }

  /**
   * Before tables change. Also with a backing file: data reach the disk before tables point to them there, but a table
   * may still be torn, or point past the end of a file whose growth was lost. Throws ECORRUPT while that may be so of an
   * earlier session: a new cluster past the end would belong to two guest ranges then, which no repair mends.
   */
  async beforeTables(): Promise<void> {
    if (this.#isForeign && this.#refusesForeign) {
      throw new BlockError("ECORRUPT", "The image was not closed properly and its tables are not repaired", {
        hint: "Nothing new is written to it until then. Repair it with blkscope check -r all.",
      });
    }
    if (this.isDirty && !this.#isUnsure) return;
    const wasOwn = this.#isOwn || !this.isDirty;
    await this.change({ features: this.#header.features | featureBits.needCheck });
    this.#isOwn = wasOwn;
  }

  /** A change of the tables failed midway. */
  failed(): void {
    this.#hasFailed = true;
  }

  /** Everything was written: makes it durable, then clears the bit if this session set it and nothing went wrong. */
  async settle(): Promise<void> {
    await this.#file.flush();
    if (!this.#isOwn || this.#hasFailed || !this.isDirty) return;
    await this.clear();
  }

  /** After a check that found nothing wrong. */
  async clear(): Promise<void> {
    await this.change({ features: this.#header.features & ~featureBits.needCheck });
    this.#isOwn = false;
  }

  /** The header was changed below. */
  replace(header: QedHeader): void {
    const wasOwn = this.#isOwn;
    this.#header = header;
    this.#isUnsure = false;
    this.#isForeign = this.isDirty && !wasOwn;
    this.#isOwn = false;
  }
}
