// One pass over the headers of a log that lie one behind the other, into an index, up to the wall.
import { hex } from "../base/bytes.ts";
import { asBlockError, BlockError } from "../base/errors.ts";
import { isZero } from "../base/zero.ts";
import type { BlockNode } from "../block/node.ts";
import { HeaderReader, headerLength, readUsual } from "./entry.ts";
import { entryLength } from "./layout.ts";
import type { IndexEnd, IndexEndKind, LogIndex } from "./logIndex.ts";
import { HeaderWindow } from "./window.ts";

export interface IndexJob {
  readonly signal?: AbortSignal;
  /** Bytes of the log. */
  progress?(done: number, total: number): void;
  /** The log is being written: entries are taken when the superblock counts them, and it may go on where it ends. */
  readonly growing?: boolean;
  /** Entries taken at most. Default 100 million, 2.5 GB of index. */
  readonly maxEntries?: number;
}

/** Milliseconds of work between two pauses in which a cancel can arrive. */
const turnMs = 15;
/** A large read takes about 50 microseconds, a slow one of a disk 10 milliseconds. */
const readsPerClock = 8;
const defaultMaxEntries = 100_000_000;
/**
 * Adds the entries from byte `from` of the log on. `trusted`: entries of the index, those before `from` included, that the
 * superblock vouches for: they may be of any kind that can be; a strict reader takes those behind. Throws ECANCELED.
 */
export async function walkHeaders(
  log: BlockNode,
  index: LogIndex,
  from: number,
  trusted: number | undefined,
  job: IndexJob,
): Promise<void> {
  await new Walk(log, index, from, trusted, job).run();
}

class Walk {
  readonly #index: LogIndex;
  readonly #job: IndexJob;
  readonly #header: HeaderReader;
  readonly #window: HeaderWindow;
  readonly #size: number;
  readonly #trusted: number;
  /** Entries after which a log that is being written goes on later. */
  readonly #soFar: number;
  readonly #limit: number;
  #at: number;
  #turnedAt = performance.now();
  #reads = 0;
  /** Headers since the last one that was loaded. */
  #walked = 0;

  constructor(log: BlockNode, index: LogIndex, from: number, trusted: number | undefined, job: IndexJob) {
    this.#index = index;
    this.#job = job;
    this.#at = from;
    this.#size = log.size;
    this.#trusted = trusted ?? 0;
    this.#soFar = job.growing && trusted !== undefined ? trusted : Number.POSITIVE_INFINITY;
    this.#limit = job.maxEntries ?? defaultMaxEntries;
    this.#header = new HeaderReader(index.sectorSize);
    this.#window = new HeaderWindow(log);
  }

  async run(): Promise<void> {
    const end = await this.#walk();
    this.#index.endAt(end);
    this.#job.progress?.(this.#size, this.#size);
  }

  async #walk(): Promise<IndexEnd> {
    for (;;) {
      let stop: IndexEnd | Promise<void> | undefined;
      try {
        stop = this.#walkOn();
        if (stop instanceof Promise) await stop;
      } catch (thrown) {
        const why = asBlockError(thrown).message;
        return this.#wall("unreadable", `Entry ${this.#index.count} can't be read: ${why}`);
      }
      if (stop !== undefined && !(stop instanceof Promise)) return stop;
      if (stop === undefined || this.#isDue) await this.#turn();
    }
  }

  /**
   * Takes headers up to the wall, until the log has to be waited for, or until others are to have their turn: undefined.
   * A loop that waits for nothing, as it runs for each of millions of headers. Throws what reading the log throws.
   */
  #walkOn(): IndexEnd | Promise<void> | undefined {
    const window = this.#window;
    const size = this.#size;
    for (;;) {
      if (this.#index.count >= this.#soFar) return this.#atGrowth();
      if (this.#at >= size) return this.#atEnd();
      if (!window.has(this.#at, size)) {
        const loading = window.load(this.#at, size, this.#walked);
        this.#walked = 0;
        if (loading !== undefined) return loading;
        if (this.#isDue) return undefined;
      }
      if (this.#takeUsual()) continue;
      const wall = this.#take();
      if (wall !== undefined) return wall;
      this.#walked++;
    }
  }

  /** Takes usual headers, several at once where the window has them; false when the next is none that can be taken so. */
  #takeUsual(): boolean {
    const index = this.#index;
    const { words, start, size } = this.#window;
    const most = Math.min(this.#trusted, this.#limit, this.#soFar) - index.count;
    // A header alone is no quicker so.
    if (size <= headerLength || most <= 0) return false;
    const [at, end] = [(this.#at - start) / 4, Math.floor(size / 4)];
    const run = { words, at, end, header: this.#at, logSize: this.#size };
    const { rows, next } = readUsual(run, index.sectorSize, index.room(), most);
    index.filled(rows);
    this.#at = next;
    this.#walked += rows;
    return rows > 0;
  }

  /** Asked after every read: an await that is not needed costs as much as a header, and so does the clock. */
  get #isDue(): boolean {
    if (this.#job.signal?.aborted) return true;
    this.#reads++;
    return this.#reads % readsPerClock === 0 && performance.now() - this.#turnedAt >= turnMs;
  }

  async #turn(): Promise<void> {
    this.#job.progress?.(this.#at, this.#size);
    await new Promise((resolve) => setImmediate(resolve));
    this.#turnedAt = performance.now();
    if (!this.#job.signal?.aborted) return;
    this.#index.endAt(this.#wall("growing", "Reading the log was stopped here"));
    throw new BlockError("ECANCELED", "Reading the log was stopped");
  }

  /** Takes the next header, which is in the window. Returns the wall if it is one. */
  #take(): IndexEnd | undefined {
    const index = this.#index;
    const header = this.#header;
    const at = this.#at;
    const verdict = header.read(this.#window.words, (at - this.#window.start) / 4, at, this.#size);
    if (verdict !== "ok") return verdict === "torn" ? this.#atTorn() : this.#atBad(header.fault);
    if (index.count >= this.#trusted) {
      if (header.isZero) return this.#atEnd();
      if (!header.isUsual) return this.#atBad("no writer makes such an entry");
    }
    if (index.count >= this.#limit) return this.#atLimit();
    index.push(header.offset, header.length, header.flags, at, header.textLength);
    this.#at = header.next(at);
    return undefined;
  }

  /** Entries that the superblock counts and that are not there. */
  get #missing(): number | undefined {
    const stated = this.#index.superblock.entries;
    return stated === undefined ? undefined : Math.max(0, stated - this.#index.count);
  }

  #atLimit(): IndexEnd {
    return this.#wall("limit", `The log has more than ${this.#limit} entries; the others are left out`);
  }

  /** The end of the log, or blank space. */
  #atEnd(): IndexEnd {
    const { count, superblock } = this.#index;
    if (this.#missing === 0) return this.#wall("complete", this.#completeText());
    if (!superblock.magicOk) {
      return this.#wall("torn", `${entriesText(count)} found; there is no superblock that counts them`);
    }
    if (this.#job.growing) return this.#atGrowth();
    const stated = superblock.entries ?? "more than 2^53";
    const where = this.#at >= this.#size ? "the log's end" : "blank space";
    const message = `The superblock counts ${stated} entries; ${count} were found before ${where}`;
    return this.#wall("torn", message);
  }

  /** Also where the superblock counts more: it was read after the log's length. */
  #atGrowth(): IndexEnd {
    return this.#wall("growing", `${entriesText(this.#index.count)} so far: the log is being written`);
  }

  #atTorn(): IndexEnd {
    const window = this.#window;
    const rest = this.#at - window.start;
    // Fewer bytes than a header has are no entry if they are blank.
    const isShort = this.#at + entryLength > this.#size;
    if (isShort && isZero(window.bytes, rest, rest + this.#size - this.#at)) return this.#atEnd();
    if (this.#job.growing) return this.#atGrowth();
    return this.#wall("torn", `Entry ${this.#index.count} is cut off: ${this.#header.fault}`);
  }

  /** Behind what the superblock counts, bytes that are no entry are what was in the file before. */
  #atBad(fault: string): IndexEnd {
    if (this.#missing === 0) return this.#wall("complete", this.#completeText());
    return this.#wall("bad-entry", `Entry ${this.#index.count} at ${hex(this.#at)} can't be one: ${fault}`);
  }

  #completeText(): string {
    const { count, superblock, counted } = this.#index;
    const more = count - counted;
    if (more === 0) return `${entriesText(count)}, as the superblock counts`;
    return `${entriesText(count)}: ${superblock.entries} that the superblock counts, ${more} behind them`;
  }

  #wall(kind: IndexEndKind, message: string): IndexEnd {
    return { kind, entry: this.#index.count, offset: this.#at, message };
  }
}

export function entriesText(count: number): string {
  return count === 1 ? "1 entry" : `${count} entries`;
}
