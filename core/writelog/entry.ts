// One entry's header: read, and judged before it is believed (write-log reference, 4). Nothing in a log guards it against
// damage, so all a reader has are the limits within which headers make sense. Runs once for each of millions of entries:
// one object is filled again and again.
import { big64le, hex, join64, u32le } from "../base/bytes.ts";
import type { BlockNode } from "../block/node.ts";
import { entryFlags, entryLength, knownFlags } from "./layout.ts";
import { has, type LogIndex } from "./logIndex.ts";

/** Bytes of a header that are looked at: its fields and the first ones of the padding behind them. */
export const headerLength = 40;

/** Undefined flags below this are taken for those of a later version; higher ones for damage. */
const highestFlags = 0xff;
/** The longest request of a writer (QEMU's); data of more bytes that run past the log's end are damage, not a torn log. */
const longestRequest = 2 ** 31;

/**
 * ok: it can be an entry; torn: it can be one, but the log ends within it; bad: it can't be one.
 */
export type HeaderVerdict = "ok" | "torn" | "bad";

export class HeaderReader {
  readonly #sectorSize: number;
  /** On the disk, bytes. */
  offset = 0;
  length = 0;
  flags = 0;
  /** Bytes of a mark's text. */
  textLength = 0;
  /** Bytes of data behind the header's sector. */
  payload = 0;
  /** Every field is 0: a write of nothing, or blank space. */
  isZero = false;
  /** Why it is not ok: "its data would end at 0x5000, the log ends at 0x4000". */
  fault = "";

  constructor(sectorSize: number) {
    this.#sectorSize = sectorSize;
  }

  /**
   * Reads the header at `at` of `bytes`, which is byte `header` of a log of `logSize` bytes. What lies behind the log's
   * end is not in `bytes`. Its fields are valid when it is ok.
   */
  read(bytes: Uint8Array, at: number, header: number, logSize: number): HeaderVerdict {
    if (header + entryLength > logSize) return this.#is("torn", "the log ends within its header");
    const sector = join64(u32le(bytes, at), u32le(bytes, at + 4));
    const count = join64(u32le(bytes, at + 8), u32le(bytes, at + 12));
    const dataLength = join64(u32le(bytes, at + 24), u32le(bytes, at + 28));
    this.flags = u32le(bytes, at + 16);
    if (u32le(bytes, at + 20) !== 0 || this.flags > highestFlags) {
      return this.#is(
        "bad",
        `its flags are ${hex(big64le(bytes, at + 16))}; ${hex(knownFlags)} are all there are`,
      );
    }
    this.offset = (sector ?? Number.NaN) * this.#sectorSize;
    this.length = (count ?? Number.NaN) * this.#sectorSize;
    if (!(this.offset + this.length <= Number.MAX_SAFE_INTEGER)) {
      const range = `${count === 1 ? "1 sector" : `${big64le(bytes, at + 8)} sectors`} at sector ${big64le(bytes, at)}`;
      return this.#is("bad", `it is about ${range}, more than a disk has`);
    }
    this.payload = has(this.flags, entryFlags.discard) ? 0 : this.length;
    this.isZero = sector === 0 && count === 0 && this.flags === 0 && dataLength === 0;
    const private_ = dataLength ?? Number.POSITIVE_INFINITY;
    return this.#judgeText(bytes, at, private_) ?? this.#judgeEnd(header, logSize);
  }

  /** The bytes of its own that an entry states, and those behind the fields. */
  #judgeText(bytes: Uint8Array, at: number, dataLength: number): HeaderVerdict | undefined {
    const room = this.#sectorSize - entryLength;
    if (has(this.flags, entryFlags.mark)) {
      this.textLength = dataLength;
      if (dataLength <= room) return undefined;
      return this.#is("bad", `it is a mark of ${dataLength} bytes; a sector has room for ${room}`);
    }
    this.textLength = 0;
    // Data written by a processor's stores state their exact length, too.
    if (dataLength > this.payload) {
      return this.#is("bad", `it states ${dataLength} bytes of its own and has ${this.payload}`);
    }
    for (let i = entryLength; i < Math.min(headerLength, this.#sectorSize); i++) {
      // Past the end of the buffer is past the end of the log.
      if ((bytes[at + i] ?? 0) !== 0) return this.#is("bad", "the rest of its sector is not zero");
    }
    return undefined;
  }

  #judgeEnd(header: number, logSize: number): HeaderVerdict {
    if (header + entryLength + this.textLength > logSize) {
      return this.#is("torn", "the log ends within its text");
    }
    if (this.payload === 0) return "ok";
    const end = header + this.#sectorSize + this.payload;
    if (end <= logSize) return "ok";
    const fault = `its ${this.payload} bytes of data would end at ${hex(end)}; the log ends at ${hex(logSize)}`;
    return this.#is(this.payload > longestRequest ? "bad" : "torn", fault);
  }

  #is(verdict: HeaderVerdict, fault: string): HeaderVerdict {
    this.fault = fault;
    return verdict;
  }

  /** Byte of the log at which the next header is. */
  next(header: number): number {
    return header + this.#sectorSize + this.payload;
  }

  /** Whether a strict reader takes it, one that has no superblock's word for it: nothing undefined or unusual in it. */
  get isUsual(): boolean {
    if (this.flags > knownFlags) return false;
    if (has(this.flags, entryFlags.mark)) return this.length === 0 && this.textLength > 0;
    if (has(this.flags, entryFlags.discard)) return this.length > 0;
    return true;
  }
}

/** Byte of the log at which the header behind that of `entry` is. */
export function nextHeader(index: LogIndex, entry: number): number {
  const isDiscard = has(index.flagsOf(entry), entryFlags.discard);
  return index.headerOf(entry) + index.sectorSize + (isDiscard ? 0 : index.lengthOf(entry));
}

/** The text of a mark, up to a zero byte; bytes that are no UTF-8 become replacement characters. */
export async function readMark(log: BlockNode, index: LogIndex, entry: number): Promise<string> {
  const bytes = await readMarkBytes(log, index, entry);
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

/** The text's bytes as they are: what two marks are to be compared by. */
export async function readMarkBytes(log: BlockNode, index: LogIndex, entry: number): Promise<Uint8Array> {
  if (index.kindOf(entry) !== "mark") return new Uint8Array(0);
  const bytes = new Uint8Array(index.payloadLength(entry));
  await log.read(index.payloadOf(entry), bytes);
  const end = bytes.indexOf(0);
  return end === -1 ? bytes : bytes.subarray(0, end);
}
