// Reads a log of writes into an index, header by header; data are skipped. Whatever the log is, what can be read of it is
// kept, and the index says where and why it ends (write-log reference, 4): nothing but a failure of the whole file throws.
//
// Entries that the superblock counts are taken as they are, as long as they can be entries. Behind them a strict reader
// goes on: entries whose writer died before it counted them are there, but also those of an earlier, longer log.
import { isPowerOfTwo, startsWith } from "../base/bytes.ts";
import { BlockError } from "../base/errors.ts";
import { isZero } from "../base/zero.ts";
import type { BlockNode } from "../block/node.ts";
import { nextHeader } from "./entry.ts";
import {
  decodeSuperblock,
  logMagic,
  logVersion,
  maxSectorSize,
  minSectorSize,
  superblockLength,
} from "./layout.ts";
import { LogIndex, type LogSuperblock } from "./logIndex.ts";
import { holdsKnown } from "./sameLog.ts";
import { type IndexJob, walkHeaders } from "./walk.ts";

const defaultSectorSize = 512;

/** Throws ECANCELED, and what reading the superblock throws. */
export async function indexLog(log: BlockNode, job: IndexJob = {}): Promise<LogIndex> {
  const { superblock, foreign } = await readSuperblock(log);
  const sectorSize = foreign === undefined ? (superblock.sectorSize ?? 0) : defaultSectorSize;
  const end = { kind: "foreign", entry: 0, offset: 0, message: foreign ?? "" } as const;
  const index = new LogIndex(superblock, sectorSize, end);
  if (foreign === undefined) await walkLog(log, index, job);
  return index;
}

/**
 * Reads on where the superblock's count ended when the index was made: the log has grown. `log` is the log opened anew,
 * as a node knows the size its file had when it was opened. Entries that were not counted are read again, those recovered
 * forgotten; those that were counted keep their numbers. Returns the number of the first entry that is new or may have
 * changed. Throws EINVAL where the log was begun anew or is another one, as far as a sample of its entries tells, so that it
 * is to be indexed from its beginning; ECANCELED.
 */
export async function extendIndex(log: BlockNode, index: LogIndex, job: IndexJob = {}): Promise<number> {
  const { superblock, foreign } = await readSuperblock(log);
  const first = index.counted;
  const isSame = foreign === undefined && superblock.sectorSize === index.superblock.sectorSize;
  if (
    !isSame ||
    (superblock.entries ?? Number.POSITIVE_INFINITY) < first ||
    !(await holdsKnown(log, index, first))
  ) {
    throw new BlockError("EINVAL", "The log was begun anew since it was read", {
      hint: "Read it again from its beginning.",
    });
  }
  index.restart(first, superblock);
  await walkLog(log, index, job);
  return first;
}

/** Entries that the superblock counts; undefined beyond 2^53 and without a superblock. Throws what reading throws. */
export async function statedEntries(log: BlockNode): Promise<number | undefined> {
  return (await readSuperblock(log)).superblock.entries;
}

/** `foreign` says why it is no log that can be read. Throws what reading throws. */
async function readSuperblock(
  log: BlockNode,
): Promise<{ superblock: LogSuperblock; foreign: string | undefined }> {
  const head = new Uint8Array(Math.min(superblockLength, log.size));
  await log.read(0, head);
  const magicOk = startsWith(head, logMagic);
  const decoded = magicOk && head.length === superblockLength ? decodeSuperblock(head) : undefined;
  const superblock: LogSuperblock = {
    magicOk,
    version: decoded?.version,
    entries: decoded?.entries,
    sectorSize: decoded?.sectorSize,
  };
  return { superblock, foreign: whyForeign(head, superblock) };
}

function whyForeign(head: Uint8Array, { magicOk, version, sectorSize }: LogSuperblock): string | undefined {
  if (head.length === 0) return "The file is empty: no writer has written to it yet";
  if (isZero(head)) {
    return "There is no superblock yet: the log's writer ended, or has not come, to its first flush";
  }
  if (!magicOk) return "This is no log of writes: its first 8 bytes are not those of the format";
  if (head.length < superblockLength) {
    return `The log ends within its superblock: it has ${head.length} bytes of ${superblockLength}`;
  }
  if (version !== logVersion) {
    return `The log is of version ${version ?? "beyond 2^53"}; ${logVersion} is the only one known`;
  }
  if (isPowerOfTwo(sectorSize ?? 0, minSectorSize, maxSectorSize)) return undefined;
  return `The log's sector size is ${sectorSize}; it is a power of two from ${minSectorSize} to ${maxSectorSize}`;
}

/** Walks from the end of what the index has. */
async function walkLog(log: BlockNode, index: LogIndex, job: IndexJob): Promise<void> {
  const from = index.count === 0 ? index.sectorSize : nextHeader(index, index.count - 1);
  const stated = index.superblock.entries;
  // Every entry takes a sector: a count of more is no word to rely on.
  const most = Math.floor(log.size / index.sectorSize);
  const trusted = stated !== undefined && stated <= most ? stated : undefined;
  await walkHeaders(log, index, from, trusted, job);
}
