// What was made of a log to show its states, kept for the next state of it that is opened: for a large log this takes
// seconds to make, and opening another moment of it then takes none. Where another thread has read the log, nothing is
// made at all. Files are known by what stat says of them.
import * as fs from "node:fs";
import { Lru } from "../base/lru.ts";
import type { BlockNode } from "../block/node.ts";
import { fileOf } from "./fileOf.ts";
import { indexLog } from "./index.ts";
import { WriteIntervals } from "./intervals.ts";
import { buildIntervals } from "./intervalsBuild.ts";
import { lendTables, lentTables } from "./lentTables.ts";
import { LogIndex } from "./logIndex.ts";
import { type OpenLog, readOn } from "./readOn.ts";
import { recoverAll } from "./recover.ts";

export interface LogTables {
  readonly index: LogIndex;
  readonly intervals: WriteIntervals;
}

/** A log that its file can be looked at anew for. */
export interface StateLog {
  /** As it was opened last. */
  readonly node: BlockNode;
  /** Puts another node in the place of `node`, which is closed. */
  reopen(): Promise<void>;
}

/** With how long the log was that they were made of, bytes. */
interface MadeTables extends LogTables {
  readonly size: number;
}

/** Kept in all, bytes: the newest even above it. */
const mostMemory = 1024 ** 3;
/** Of an index, bytes for an entry. */
const entryMemory = 25;
/** A file changed this shortly before it was read may change again without its time telling. */
const freshMs = 50;

const kept = new Lru<string, Promise<MadeTables> & { weight?: number }>(
  mostMemory,
  (tables) => tables.weight ?? 0,
);

/**
 * Index and intervals of the log, anew or as made before; `recover`: with the entries behind damage. One that ends within
 * an entry is looked at again: it may be just being written. Throws what reading it and reopening it throw.
 */
export async function tablesOf(log: StateLog, recover = false): Promise<LogTables> {
  const identity = identityOf(log.node);
  if (identity === undefined) return makeTables(log, recover);
  const key = keyOf(identity, recover);
  const lent = lentLog(key);
  if (lent !== undefined) return lent;
  const known = kept.get(key);
  if (known !== undefined) {
    const tables = await known;
    // Another state's may have been read on, behind what this one's node knows.
    if (tables.size <= log.node.size) return tables;
  }
  const made: Promise<MadeTables> & { weight?: number } = makeTables(log, recover);
  // Also while it is being made, so that two states opened at once do not make it twice.
  kept.set(key, made);
  try {
    const { index, intervals } = await made;
    kept.delete(key);
    made.weight = intervals.memory + entryMemory * index.count;
    if (identityOf(log.node) === identity) kept.set(key, made);
  } catch {
    kept.delete(key);
  }
  return made;
}

/** The same file with and without what was found behind damage. */
function keyOf(identity: string, recovered: boolean): string {
  return recovered ? `${identity}:recovered` : identity;
}

async function makeTables(log: StateLog, recover: boolean): Promise<MadeTables> {
  const index = await indexLog(log.node);
  const opened = (): OpenLog => ({ root: log.node, close: async () => undefined });
  await readOn(opened(), index, async () => {
    await log.reopen();
    return opened();
  });
  if (recover) await recoverAll(log.node, index);
  return { index, intervals: await buildIntervals(index), size: log.node.size };
}

/** What a thread of this process has made of the file and lends; no row may be added to the index. */
export function lentLog(identity: string): LogTables | undefined {
  const lent = lentTables(identity);
  if (lent === undefined) return undefined;
  const index = LogIndex.from(lent.index);
  return { index, intervals: new WriteIntervals(index, lent.entries, lent.levels) };
}

/**
 * Lends them to the other threads until what is answered is called; nothing is done without an `identity`, which is that of
 * the file when they were made.
 */
export function shareTables(identity: string | undefined, { index, intervals }: LogTables): () => void {
  if (identity === undefined) return () => undefined;
  const key = keyOf(identity, index.recovered.length > 0);
  const { entries, levels } = intervals;
  return lendTables({ key, index: index.share(), entries, levels });
}

/** The log's file as it is now; undefined for what is no ordinary file, or was changed just now. */
export function identityOf(log: BlockNode): string | undefined {
  const file = fileOf(log);
  if (file === undefined) return undefined;
  const stat = fs.statSync(file, { bigint: true, throwIfNoEntry: false });
  if (!stat?.isFile() || Date.now() - Number(stat.mtimeMs) < freshMs) return undefined;
  return [file, stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs, log.size].join(":");
}
