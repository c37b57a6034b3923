// Appends entries to a log. An entry and its payload get their place in one step, before anything is written, so that
// requests in flight never run into each other; the superblock counts only entries that are whole on disk, one
// after the other from the first (filters reference, 3.3; write-log reference, 2).
import { BlockError } from "../base/errors.ts";
import type { BlockNode } from "../block/node.ts";
import type { LogEnd } from "./append.ts";
import { encodeEntry, encodeSuperblock, entryFlags, longestMark } from "./layout.ts";

export interface LogWriterOptions {
  readonly end: LogEnd;
  /** Entries after which the superblock is written without a flush. */
  readonly superInterval: number;
}

/** What follows an entry: bytes, that many bytes of zeroes, or nothing. */
type Payload = Uint8Array | number;

export class LogWriter {
  readonly sectorSize: number;
  readonly #log: BlockNode;
  readonly #interval: number;
  /** The next free sector of the log, and the entries that have a place. */
  #position: number;
  #reserved: number;
  /** Entries that are whole on disk, one after the other from the first; those behind a gap wait. */
  #complete: number;
  readonly #ahead = new Set<number>();
  /** What the superblock on disk says. */
  #written: number;
  #started = false;
  #superblock: Promise<void> = Promise.resolve();
  #broken: BlockError | undefined;

  constructor(log: BlockNode, { end, superInterval }: LogWriterOptions) {
    this.#log = log;
    this.#interval = superInterval;
    this.sectorSize = end.sectorSize;
    this.#position = end.position;
    this.#reserved = end.entries;
    this.#complete = end.entries;
    this.#written = end.entries;
  }

  /** A write of `bytes` at `offset`, both whole sectors, the last one filled up with zeroes. */
  write(offset: number, bytes: Uint8Array, fua: boolean): Promise<void> {
    return this.#append(offset, bytes.length, fua ? entryFlags.fua : 0, bytes);
  }

  writeZeroes(offset: number, length: number, fua: boolean): Promise<void> {
    return this.#append(offset, length, fua ? entryFlags.fua : 0, length);
  }

  discard(offset: number, length: number): Promise<void> {
    return this.#append(offset, length, entryFlags.discard, 0);
  }

  /** The flush entry; the superblock and the log itself are durable when it resolves. */
  async flush(): Promise<void> {
    await this.#append(0, 0, entryFlags.flush, 0);
    await this.sync();
  }

  /** Throws EINVAL for a text that does not fit into a sector. */
  async mark(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    const most = longestMark(this.sectorSize);
    if (bytes.length === 0) throw new BlockError("EINVAL", "A mark needs a text");
    if (bytes.length > most) {
      throw new BlockError(
        "EINVAL",
        `The mark has ${bytes.length} bytes; one sector of the log takes ${most}`,
      );
    }
    await this.#append(0, 0, entryFlags.mark, 0, bytes);
    await this.sync();
  }

  /** Brings the superblock up to date and makes the log durable. One at a time. */
  sync(): Promise<void> {
    const next = this.#superblock.then(() => this.#writeSuperblock());
    this.#superblock = next.catch(() => undefined);
    return next;
  }

  /** Whether the superblock on disk lacks entries. */
  get isBehind(): boolean {
    return this.#written !== this.#complete;
  }

  async #append(
    offset: number,
    length: number,
    flags: number,
    payload: Payload,
    text?: Uint8Array,
  ): Promise<void> {
    if (this.#broken) throw this.#broken;
    await this.#start();
    const size = this.sectorSize;
    const [sector, sectorCount] = [offset / size, Math.ceil(length / size)];
    const payloadBytes = typeof payload === "number" ? payload : payload.length;
    const place = this.#position;
    const index = this.#reserved;
    this.#position += 1 + Math.ceil(payloadBytes / size);
    this.#reserved++;
    try {
      await this.#log.write(place * size, encodeEntry(size, { sector, sectorCount, flags }, text));
      await this.#writePayload((place + 1) * size, payload);
    } catch (error) {
      this.#failed(index, place);
      throw error;
    }
    this.#completed(index);
    if (this.#complete % this.#interval === 0) await this.sync();
  }

  /** An old superblock would claim the entries of an earlier session until the first flush. */
  async #start(): Promise<void> {
    if (this.#started) return;
    this.#started = true;
    if (this.#reserved === 0) await this.#log.write(0, encodeSuperblock(this.sectorSize, 0));
  }

  async #writePayload(at: number, payload: Payload): Promise<void> {
    if (typeof payload === "number") {
      if (payload > 0) await this.#log.writeZeroes(at, payload, { mayUnmap: true });
      return;
    }
    await this.#log.write(at, payload);
    const rest = payload.length % this.sectorSize;
    if (rest > 0) await this.#log.write(at + payload.length, new Uint8Array(this.sectorSize - rest));
  }

  #completed(index: number): void {
    this.#ahead.add(index);
    while (this.#ahead.delete(this.#complete)) this.#complete++;
  }

  /** Gives the place back if it was the last. Otherwise what follows could not be found: the log ends here. */
  #failed(index: number, place: number): void {
    if (index === this.#reserved - 1) {
      this.#reserved = index;
      this.#position = place;
      return;
    }
    this.#broken = new BlockError("EIO", `The log ends at entry ${index}, which could not be written`, {
      hint: "Entries behind it can't be found. Free some space and begin a new log.",
    });
  }

  async #writeSuperblock(): Promise<void> {
    const entries = this.#complete;
    // The entries it counts come first.
    await this.#log.flush();
    await this.#log.write(0, encodeSuperblock(this.sectorSize, entries), { fua: true });
    this.#written = entries;
  }
}
