// Which entries of a log a replay takes: where it starts and where it ends, settled before anything is written. What is
// asked for and not there is an error here; replay-log replays everything then and says nothing (write-log reference, 6).
import { BlockError } from "../base/errors.ts";
import type { BlockNode } from "../block/node.ts";
import { readMarkBytes } from "./entry.ts";
import type { LogIndex } from "./logIndex.ts";
import { gapTexts } from "./recover.ts";
import { entriesText } from "./walk.ts";

export interface ReplaySelection {
  /** Entries left out at the beginning; not together with a mark. */
  readonly startEntry?: number | undefined;
  /** The text of a mark: the replay begins behind the first one. */
  readonly startMark?: string | undefined;
  /** The first entry that is not taken any more. */
  readonly endEntry?: number | undefined;
  /** The replay ends with the first mark of that text behind the start. */
  readonly endMark?: string | undefined;
  /** Entries of every kind, counted from the start; 1 at least. */
  readonly limit?: number | undefined;
  /** The replay ends with the first entry that has the flag, at the start or behind it. */
  readonly nextFlush?: boolean;
  readonly nextFua?: boolean;
  /** Entries that the superblock does not count are taken too. */
  readonly tail?: boolean;
}

/** Entries [first, end). */
export interface Stretch {
  readonly first: number;
  readonly end: number;
  /** An end was asked for, and it is there: whatever lies behind it does not matter. */
  readonly isBounded: boolean;
  /** What the person should know: a mark that is there more than once. */
  readonly notes: readonly string[];
}

/** Of several ends the first one counts. Throws EINVAL (numbers that can't be), ENOENT (a mark or flag is not there). */
export async function selectEntries(
  index: LogIndex,
  log: BlockNode,
  selection: ReplaySelection,
): Promise<Stretch> {
  const last = selection.tail === true ? index.count : takenUnasked(index);
  const notes: string[] = [];
  const marks = new Marks(index, log, last, notes);
  const first = await startOf(selection, last, marks);
  const ends: number[] = [];
  if (selection.endEntry !== undefined) ends.push(endEntryOf(selection.endEntry, first, last));
  if (selection.endMark !== undefined) ends.push((await marks.firstOf(selection.endMark, first, "end")) + 1);
  const limit = limitOf(selection.limit);
  // One that is not reached ends nothing: the log does.
  if (limit !== undefined && first + limit <= last) ends.push(first + limit);
  if (selection.nextFlush) ends.push(nextOf(index.flushes.atOrAfter(first), "FLUSH", first, last));
  if (selection.nextFua) ends.push(nextOf(index.fuas.atOrAfter(first), "FUA", first, last));
  const leftOut = ends.length === 0 && selection.tail !== true ? leftOutText(index) : undefined;
  if (leftOut !== undefined) notes.push(`${leftOut}; --tail takes them`);
  const end = Math.min(last, ...ends);
  notes.push(...gapTexts(index, first, end));
  return { first, end, isBounded: ends.length > 0, notes };
}

/**
 * Entries that are taken when nothing else is asked for: those that the superblock counts and, where entries behind damage
 * were looked for, those up to its number without what is surely lost: more than these can't be this log's.
 */
export function takenUnasked({ count, counted, recovered, superblock, lostAtLeast }: LogIndex): number {
  if (recovered.length === 0) return counted;
  return superblock.entries === undefined ? count : Math.min(count, superblock.entries - lostAtLeast);
}

/** Whether entries that the superblock counts are not there, or nothing says how many there should be. */
export function lacksEntries({ superblock, count, end, lostAtLeast }: LogIndex): boolean {
  // One that is being written has all that there is so far.
  if (end.kind === "growing") return false;
  const isShort = (superblock.entries ?? Number.POSITIVE_INFINITY) > count;
  return isShort || end.kind === "bad-entry" || lostAtLeast > 0;
}

/** Whether the log ends before all that was asked for. */
export function fallsShort(index: LogIndex, { isBounded }: Stretch): boolean {
  return !isBounded && lacksEntries(index);
}

/** Entries that are taken only on demand, in words: "3 entries behind the superblock's count of 9 are left out". */
export function leftOutText(index: LogIndex): string | undefined {
  const taken = takenUnasked(index);
  const leftOut = index.count - taken;
  if (leftOut === 0) return undefined;
  const verb = leftOut === 1 ? "is" : "are";
  const { superblock, lostAtLeast: lost } = index;
  if (lost > 0) {
    const counts = `the superblock counts ${superblock.entries}, of which ${lost} at least`;
    return `${entriesText(leftOut)} ${verb} left out: ${counts} ${lost === 1 ? "was" : "were"} lost`;
  }
  return `${entriesText(leftOut)} behind the superblock's count of ${taken} ${verb} left out`;
}

async function startOf(
  { startEntry, startMark }: ReplaySelection,
  last: number,
  marks: Marks,
): Promise<number> {
  if (startMark !== undefined && startEntry !== undefined) {
    throw new BlockError("EINVAL", "A start is an entry or a mark, not both", { option: "start-mark" });
  }
  if (startMark !== undefined) return (await marks.firstOf(startMark, 0, "start")) + 1;
  if (startEntry === undefined || startEntry <= last) return startEntry ?? 0;
  throw new BlockError("EINVAL", `The log has ${last} entries; ${startEntry} of them can't be left out`, {
    option: "start-entry",
  });
}

function endEntryOf(end: number, first: number, last: number): number {
  if (end >= first && end <= last) return end;
  const message = `A replay from entry ${first} on can't end before entry ${end} of ${last}`;
  throw new BlockError("EINVAL", message, { option: "end-entry" });
}

function limitOf(limit: number | undefined): number | undefined {
  if (limit === undefined || limit > 0) return limit;
  throw new BlockError("EINVAL", "A limit is 1 entry at least", {
    option: "limit",
    hint: "Without a limit all entries are taken.",
  });
}

function nextOf(found: number | undefined, flag: string, first: number, last: number): number {
  if (found !== undefined && found < last) return found + 1;
  throw new BlockError("ENOENT", `No entry from ${first} on has the flag ${flag}`, {
    hint: "Nothing was written. QEMU's logs have no FUA; blkscope log info counts what a log has.",
  });
}

/** Marks are compared by their bytes, whole. */
class Marks {
  readonly #index: LogIndex;
  readonly #log: BlockNode;
  readonly #last: number;
  readonly #notes: string[];

  constructor(index: LogIndex, log: BlockNode, last: number, notes: string[]) {
    this.#index = index;
    this.#log = log;
    this.#last = last;
    this.#notes = notes;
  }

  async firstOf(text: string, from: number, what: "start" | "end"): Promise<number> {
    const wanted = new TextEncoder().encode(text);
    const { marks } = this.#index;
    const found: number[] = [];
    for (let i = marks.positionOf(from); i < marks.length; i++) {
      const entry = marks.at(i) ?? 0;
      if (entry >= this.#last) break;
      const bytes = await readMarkBytes(this.#log, this.#index, entry);
      if (Buffer.compare(bytes, wanted) === 0) found.push(entry);
    }
    const [first] = found;
    if (first === undefined) {
      const where = from === 0 ? "" : ` from entry ${from} on`;
      throw new BlockError("ENOENT", `The log has no mark '${text}'${where}`, {
        option: `${what}-mark`,
        hint: "Nothing was written. blkscope log info lists the marks; a mark's whole text counts.",
      });
    }
    if (found.length > 1) {
      const more = `entries ${found.slice(0, 8).join(", ")}${found.length > 8 ? " ..." : ""}`;
      this.#notes.push(
        `The mark '${text}' is there ${found.length} times (${more}): entry ${first} is taken`,
      );
    }
    return first;
  }
}
