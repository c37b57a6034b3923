// One entry's header: read, and judged before it is believed (write-log reference, 4). Nothing in a log guards it against
// damage, so all a reader has are the limits within which headers make sense. Runs once for each of millions of entries:
// one object is filled again and again.
import { hex, join64 } from "../base/bytes.ts";
import type { BlockNode } from "../block/node.ts";
import { entryFlags, entryLength, knownFlags } from "./layout.ts";
import { has, type LogIndex, type RowRoom } from "./logIndex.ts";

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
   * Reads the header that begins with word `at` of `words`, 32 bits each as the log has them, which is byte `header` of a
   * log of `logSize` bytes. What lies behind the log's end is not in `words`. Its fields are valid when it is ok.
   */
  read(words: Uint32Array, at: number, header: number, logSize: number): HeaderVerdict {
    if (header + entryLength > logSize) return this.#is("torn", "the log ends within its header");
    const flags = words[at + 4] ?? 0;
    if (words[at + 5] !== 0 || flags > highestFlags) {
      const fault = `its flags are ${hex(field(words, at + 4))}; ${hex(knownFlags)} are all there are`;
      return this.#is("bad", fault);
    }
    const sector = join64(words[at] ?? 0, words[at + 1] ?? 0) ?? Number.NaN;
    const count = join64(words[at + 2] ?? 0, words[at + 3] ?? 0) ?? Number.NaN;
    const dataLength = join64(words[at + 6] ?? 0, words[at + 7] ?? 0) ?? Number.POSITIVE_INFINITY;
    const length = count * this.#sectorSize;
    this.offset = sector * this.#sectorSize;
    if (!(this.offset + length <= Number.MAX_SAFE_INTEGER)) {
      const range = `${count === 1 ? "1 sector" : `${field(words, at + 2)} sectors`} at sector ${field(words, at)}`;
      return this.#is("bad", `it is about ${range}, more than a disk has`);
    }
    this.length = length;
    this.flags = flags;
    this.payload = has(flags, entryFlags.discard) ? 0 : length;
    this.isZero = flags === 0 && sector === 0 && count === 0 && dataLength === 0;
    return this.#judgeText(words, at, dataLength) ?? this.#judgeEnd(header, logSize);
  }

  /** The bytes of its own that an entry states, and those behind the fields. */
  #judgeText(words: Uint32Array, at: number, dataLength: number): HeaderVerdict | undefined {
    if (has(this.flags, entryFlags.mark)) {
      const room = this.#sectorSize - entryLength;
      this.textLength = dataLength;
      if (dataLength <= room) return undefined;
      return this.#is("bad", `it is a mark of ${dataLength} bytes; a sector has room for ${room}`);
    }
    this.textLength = 0;
    // Data written by a processor's stores state their exact length, too.
    if (dataLength > this.payload) {
      return this.#is("bad", `it states ${dataLength} bytes of its own and has ${this.payload}`);
    }
    if (this.#sectorSize < headerLength) return undefined;
    // Past the end of the buffer is past the end of the log.
    if ((words[at + 8] ?? 0) === 0 && (words[at + 9] ?? 0) === 0) return undefined;
    return this.#is("bad", "the rest of its sector is not zero");
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

/** Sectors in which what headers have zeroes in belongs to them all. */
const leastUsualSector = 64;

/** Where usual headers lie: in the words [at, end) of the log, 32 bits each, the first of them at byte `header`. */
export interface HeaderRun {
  readonly words: Uint32Array;
  readonly at: number;
  readonly end: number;
  readonly header: number;
  readonly logSize: number;
}

/**
 * Fills rows with the headers of a run that lie one behind the other, up to the first that is not a write or a discard of
 * some bytes with nothing else to it: a HeaderReader takes those just so, and judges the others. At most `most` rows.
 * Answers how many, and where the next header is. One loop with all in it, as it runs for each of millions of entries.
 */
export function readUsual(
  { words, at, end, header, logSize }: HeaderRun,
  sectorSize: number,
  room: RowRoom,
  most: number,
): { readonly rows: number; readonly next: number } {
  const { offset, length, header: headers, flags, sums } = room;
  let { writes, writeBytes, discards, discardBytes, diskEnd } = sums;
  const lastWord = sectorSize < leastUsualSector ? -1 : end - headerLength / 4;
  const lastRow = Math.min(room.end, room.row + most);
  let row = room.row;
  let word = at;
  let place = header;
  while (row < lastRow && word <= lastWord) {
    const flag = words[word + 4] as number;
    const isDiscard = flag === entryFlags.discard;
    if (flag !== 0 && !isDiscard) break;
    // Sectors beyond 2^32 at once, undefined flags, a length of its own, and what is behind the fields.
    if (((words[word + 3] as number) | (words[word + 5] as number)) !== 0) break;
    if (((words[word + 6] as number) | (words[word + 7] as number)) !== 0) break;
    if (((words[word + 8] as number) | (words[word + 9] as number)) !== 0) break;
    const bytes = (words[word + 2] as number) * sectorSize;
    const from = ((words[word + 1] as number) * 2 ** 32 + (words[word] as number)) * sectorSize;
    const step = isDiscard ? sectorSize : sectorSize + bytes;
    if (bytes === 0 || from + bytes > Number.MAX_SAFE_INTEGER || place + step > logSize) break;
    offset[row] = from;
    length[row] = bytes;
    headers[row] = place;
    flags[row] = flag;
    if (isDiscard) {
      discards++;
      discardBytes += bytes;
    } else {
      writes++;
      writeBytes += bytes;
    }
    if (from + bytes > diskEnd) diskEnd = from + bytes;
    row++;
    word += step / 4;
    place += step;
  }
  sums.writes = writes;
  sums.writeBytes = writeBytes;
  sums.discards = discards;
  sums.discardBytes = discardBytes;
  sums.diskEnd = diskEnd;
  return { rows: row - room.row, next: place };
}

/** What a HeaderReader reads; `bytes` begin at a multiple of 4 of their buffer, as sectors do. */
export function wordsOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / 4));
}

/** A field of 64 bits, for messages. */
function field(words: Uint32Array, at: number): bigint {
  return (BigInt(words[at + 1] ?? 0) << 32n) | BigInt(words[at] ?? 0);
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
