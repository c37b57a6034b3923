// Looks for entries behind damage. A log has nothing to find its headers by, so sectors are tried one after the other until
// several entries in a row make sense. Data that happen to hold a log - the image of one, an older log in the same file -
// look just the same: what is found is likely, never sure, and the index says of it that it was recovered.
import { isPowerOfTwo } from "../base/bytes.ts";
import { BlockError } from "../base/errors.ts";
import { isZero } from "../base/zero.ts";
import type { BlockNode } from "../block/node.ts";
import { HeaderReader, nextHeader, wordsOf } from "./entry.ts";
import { entryFlags, entryLength, knownFlags, maxSectorSize, minSectorSize } from "./layout.ts";
import { has, type IndexEndKind, type LogIndex, type RecoveredRun } from "./logIndex.ts";
import { type IndexJob, walkHeaders } from "./walk.ts";

export interface RecoverJob extends IndexJob {
  /** The disk's size, bytes: no entry may lie past it. Default: a size no disk has. */
  readonly diskSize?: number;
  /** For a log whose superblock is lost. Default: those that writers use are tried. */
  readonly sectorSize?: number;
}

/** Entries in a row that make a chain; fewer do where the last one ends exactly at the log's end. */
const chainLength = 4;
const chainLengthAtEnd = 2;
/** Writes of nothing are the same bytes as blank space: a few in a row are passed over, and do not count. */
const mostEmpty = 8;
/** 1 PiB. */
const largestDisk = 2 ** 50;
const pieceLength = 1024 * 1024;
/** Around a bad sector, smaller pieces are not tried. */
const smallestPiece = 4096;
const turnMs = 15;
/** Of the kernel and QEMU's default first. */
const usualSectorSizes = [512, 4096, 1024, 2048, 8192, 16_384, 32_768, 65_536];

/**
 * Adds the next entries behind the wall at which the index ends, and moves its end to the next wall. Undefined, and no
 * change: there are none, nothing is missing, or the log is being written. It can be called again. Throws ECANCELED, and
 * EINVAL for a sector size that can't be, and leaves the index as it was then; what can't be read is passed over.
 */
export async function recoverPast(
  log: BlockNode,
  index: LogIndex,
  job: RecoverJob = {},
): Promise<RecoveredRun | undefined> {
  const { end, count, superblock, sectorSize } = index;
  if (!canRecover(end.kind)) return undefined;
  try {
    return end.kind === "foreign" ? await recoverWhole(log, index, job) : await recoverNext(log, index, job);
  } catch (thrown) {
    // Entries that were taken before a stop must not pass for ones that are no doubt there.
    index.restart(count, superblock, sectorSize);
    index.endAt(end);
    throw thrown;
  }
}

async function recoverNext(
  log: BlockNode,
  index: LogIndex,
  job: RecoverJob,
): Promise<RecoveredRun | undefined> {
  const past = index.count === 0 ? index.sectorSize : nextHeader(index, index.count - 1);
  const at = await new Scan(log, index.sectorSize, job).firstChain(index.end.offset + index.sectorSize);
  return at === undefined ? undefined : take(log, index, at, at - past, job);
}

/** Whether there may be entries behind such an end. */
export function canRecover(kind: IndexEndKind): boolean {
  return kind !== "complete" && kind !== "limit" && kind !== "growing" && kind !== "gap";
}

/** Finds all there is behind damage. Throws as `recoverPast`. */
export async function recoverAll(log: BlockNode, index: LogIndex, job: RecoverJob = {}): Promise<void> {
  while (await recoverPast(log, index, job));
}

/**
 * What is to be said of the disk after the entries [first, end): those that were found behind damage, and that what was
 * lost there is missing in it.
 */
export function gapTexts({ recovered }: LogIndex, first: number, end: number): string[] {
  return recovered
    .filter((run) => run.first < end && run.first + run.count > first)
    .map((run) => {
      const likely = `Entries from ${run.first} on are likely, not sure`;
      if (run.skipped === 0) return `${likely}: no superblock says that there is a log`;
      const lost = `what was written in the ${run.skipped} bytes that could not be read is missing on the disk`;
      return `${likely}: they were found behind damage, and ${lost}`;
    });
}

/** The superblock is lost or was never written. Entries are where a log's first is, or anywhere behind. */
async function recoverWhole(
  log: BlockNode,
  index: LogIndex,
  job: RecoverJob,
): Promise<RecoveredRun | undefined> {
  const given = job.sectorSize;
  if (given !== undefined && !isPowerOfTwo(given, minSectorSize, maxSectorSize)) {
    throw new BlockError("EINVAL", `The sector size of a log can't be ${given}`);
  }
  const sizes = given === undefined ? usualSectorSizes : [given];
  const scans = sizes.map((sectorSize) => ({ sectorSize, scan: new Scan(log, sectorSize, job) }));
  for (const { sectorSize, scan } of scans) {
    if (await scan.isChain(sectorSize)) return begin(log, index, sectorSize, sectorSize, job);
  }
  for (const { sectorSize, scan } of scans.slice(0, 2)) {
    const at = await scan.firstChain(sectorSize);
    if (at !== undefined) return begin(log, index, at, sectorSize, job);
  }
  return undefined;
}

function begin(log: BlockNode, index: LogIndex, at: number, sectorSize: number, job: RecoverJob) {
  index.restart(0, index.superblock, sectorSize);
  return take(log, index, at, at - sectorSize, job);
}

async function take(
  log: BlockNode,
  index: LogIndex,
  at: number,
  skipped: number,
  job: RecoverJob,
): Promise<RecoveredRun> {
  const first = index.count;
  await walkHeaders(log, index, at, 0, { ...job, growing: false });
  const run = index.markRecovered(first, at, skipped);
  // As many as are counted make no log whole that has a gap: the last ones were there before it.
  if (index.end.kind === "complete" && skipped > 0) {
    index.endAt({ ...index.end, kind: "gap", message: gapEndText(index) });
  }
  return run;
}

function gapEndText({ superblock, lostAtLeast: lost }: LogIndex): string {
  const stated = superblock.entries ?? 0;
  if (lost === 0) return `Behind the ${stated} entries that the superblock counts some were lost to damage`;
  const were = lost === 1 ? "was" : "were";
  return `The superblock counts ${stated} entries, of which ${lost} at least ${were} lost to damage: those from ${stated - lost} on are not among them`;
}

class Scan {
  readonly #log: BlockNode;
  readonly #size: number;
  readonly #sectorSize: number;
  readonly #diskSize: number;
  readonly #job: RecoverJob;
  readonly #header: HeaderReader;
  #turnedAt = performance.now();

  constructor(log: BlockNode, sectorSize: number, job: RecoverJob) {
    this.#log = log;
    this.#size = log.size;
    this.#sectorSize = sectorSize;
    this.#diskSize = job.diskSize ?? largestDisk;
    this.#job = job;
    this.#header = new HeaderReader(sectorSize);
  }

  /** Byte of the log, from `from` on and on a sector's boundary, at which a chain begins. */
  async firstChain(from: number): Promise<number | undefined> {
    const piece = new Uint8Array(Math.max(pieceLength, this.#sectorSize));
    for (let start = from; start + entryLength <= this.#size; start += piece.length) {
      const found = await this.#inPiece(start, piece.subarray(0, Math.min(piece.length, this.#size - start)));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async #inPiece(start: number, bytes: Uint8Array): Promise<number | undefined> {
    await this.#turn(start);
    if (!(await this.#canRead(start, bytes))) return this.#inHalves(start, bytes);
    if (isZero(bytes)) return undefined;
    const words = wordsOf(bytes);
    for (let at = 0; at + entryLength <= bytes.length; at += this.#sectorSize) {
      // Most sectors are told by a glance at the flags.
      if ((bytes[at + 16] ?? 0) > knownFlags || bytes[at + 17] !== 0 || bytes[at + 23] !== 0) continue;
      if (this.#canBegin(bytes, words, at, start + at) && (await this.isChain(start + at))) return start + at;
    }
    return undefined;
  }

  /** Around a bad sector. */
  async #inHalves(start: number, bytes: Uint8Array): Promise<number | undefined> {
    const half = Math.ceil(bytes.length / 2 / this.#sectorSize) * this.#sectorSize;
    if (bytes.length <= smallestPiece || half >= bytes.length) return undefined;
    const found = await this.#inPiece(start, bytes.subarray(0, half));
    return found ?? this.#inPiece(start + half, bytes.subarray(half));
  }

  /** Whether several entries lie one behind the other from there on. */
  async isChain(from: number): Promise<boolean> {
    let [found, empty] = [0, 0];
    for (let at = from; ; at = this.#header.next(at)) {
      if (found >= chainLength) return true;
      if (at >= this.#size) return at === this.#size && found >= chainLengthAtEnd;
      const bytes = new Uint8Array(Math.min(this.#sectorSize, this.#size - at));
      if (!(await this.#canRead(at, bytes)) || !this.#canBe(bytes, wordsOf(bytes), 0, at)) return false;
      if (this.#isEmpty) empty++;
      else [found, empty] = [found + 1, 0];
      if (empty > 0 && (found === 0 || empty > mostEmpty)) return false;
    }
  }

  get #isEmpty(): boolean {
    return this.#header.flags === 0 && this.#header.length === 0;
  }

  #canBegin(bytes: Uint8Array, words: Uint32Array, at: number, header: number): boolean {
    return this.#canBe(bytes, words, at, header) && !this.#isEmpty;
  }

  /** As the strict reader, and the whole sector is as a writer leaves it. */
  #canBe(bytes: Uint8Array, words: Uint32Array, at: number, header: number): boolean {
    const found = this.#header;
    if (found.read(words, at / 4, header, this.#size) !== "ok" || !found.isUsual) return false;
    if (found.offset + found.length > this.#diskSize) return false;
    const isBare = has(found.flags, entryFlags.flush) && found.length === 0;
    if (isBare && found.offset !== 0) return false;
    const rest = at + entryLength + found.textLength;
    return isZero(bytes, rest, Math.min(at + this.#sectorSize, bytes.length));
  }

  async #canRead(at: number, bytes: Uint8Array): Promise<boolean> {
    try {
      await this.#log.read(at, bytes);
      return true;
    } catch {
      // A bad sector: entries may lie behind it.
      return false;
    }
  }

  async #turn(at: number): Promise<void> {
    if (performance.now() - this.#turnedAt >= turnMs) {
      this.#job.progress?.(at, this.#size);
      await new Promise((resolve) => setImmediate(resolve));
      this.#turnedAt = performance.now();
    }
    if (this.#job.signal?.aborted) throw new BlockError("ECANCELED", "Looking for entries was stopped");
  }
}
