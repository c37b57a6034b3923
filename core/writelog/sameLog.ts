// Whether a log still is the one that an index was made of. A writer that begins anew in the same file, as after a restart
// of its machine, leaves no sign of it but other headers; the last of them may well be the same, as most logs end with a flush.
// All headers are too many to look at whenever a log is read on: a sample of them is.
import type { BlockNode } from "../block/node.ts";
import { HeaderReader, headerLength, wordsOf } from "./entry.ts";
import { entryLength, knownFlags } from "./layout.ts";
import { coversDisk, type LogIndex } from "./logIndex.ts";

/** Entries at each end that are looked at, and those spread over all. */
const atEnds = 16;
const spread = 64;
/** Entries among which one about a range of the disk is looked for: a flush tells one log from another by its place alone. */
const nearby = 16;

/** Whether the first `count` entries are where they were, as far as a sample of them tells. Throws what the log throws. */
export async function holdsKnown(log: BlockNode, index: LogIndex, count: number): Promise<boolean> {
  const header = new HeaderReader(index.sectorSize);
  for (const entry of sampleOf(index, count)) {
    if (!(await holdsEntry(log, index, entry, header))) return false;
  }
  return true;
}

/** All of a short log. */
function sampleOf(index: LogIndex, count: number): ReadonlySet<number> {
  const sample = new Set<number>();
  for (let i = 0; i < Math.min(atEnds, count); i++) sample.add(i).add(count - 1 - i);
  for (let i = 0; i < spread; i++) {
    const first = Math.floor((i * count) / spread);
    const end = Math.floor(((i + 1) * count) / spread);
    if (first < end) sample.add(tellingEntry(index, first, Math.min(end, first + nearby)));
  }
  return sample;
}

/** The first of [first, end) that is about a range of the disk; `first` where none is. */
function tellingEntry(index: LogIndex, first: number, end: number): number {
  for (let entry = first; entry < end; entry++) if (coversDisk(index, entry)) return entry;
  return first;
}

/** Of a mark the index knows the length of its text, not the text. */
async function holdsEntry(
  log: BlockNode,
  index: LogIndex,
  entry: number,
  header: HeaderReader,
): Promise<boolean> {
  const at = index.headerOf(entry);
  if (at + entryLength > log.size) return false;
  const bytes = new Uint8Array(Math.min(headerLength, log.size - at));
  await log.read(at, bytes);
  return (
    header.read(wordsOf(bytes), 0, at, log.size) === "ok" &&
    header.offset === index.offsetOf(entry) &&
    header.length === index.lengthOf(entry) &&
    (header.flags & knownFlags) === index.flagsOf(entry) &&
    (index.kindOf(entry) !== "mark" || header.textLength === index.payloadLength(entry))
  );
}
