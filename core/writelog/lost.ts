// Writes of a log that a crash took: entries that were complete for their writer but had not reached the disk, whole or
// some of their sectors. A state without them is a state that a power failure can leave (write-log reference, 8).
//
// As text, for options and commands: `5,7-9,12:0-3` is entries 5, 7, 8 and 9, and of entry 12 its sectors 0 to 3.
import { BlockError } from "../base/errors.ts";

/** Sectors [first, end) of an entry, counted from its own first one, in the log's sector size. */
export interface LostSectors {
  readonly first: number;
  readonly end: number;
}

/** By entry: the sectors that were lost, undefined for all of them. */
export type LostWrites = ReadonlyMap<number, LostSectors | undefined>;

export const nothingLost: LostWrites = new Map();

/** Entries in one such text: more than a crash state is ever composed of by hand. */
const mostLost = 1_000_000;

/** Throws EINVAL for what is no list of entries. */
export function parseLost(text: string): LostWrites {
  const lost = new Map<number, LostSectors | undefined>();
  for (const part of text.split(",")) {
    const [, a = "", b, from, to] = /^\s*([0-9]+)(?:-([0-9]+)|:([0-9]+)-([0-9]+))?\s*$/.exec(part) ?? [];
    const first = a === "" ? Number.NaN : Number(a);
    const last = b === undefined ? first : Number(b);
    const sectors = from === undefined ? undefined : { first: Number(from), end: Number(to) + 1 };
    const isRange = Number.isSafeInteger(last) && last >= first && last - first < mostLost - lost.size;
    if (!isRange || (sectors !== undefined && !(sectors.first < sectors.end))) {
      throw new BlockError(
        "EINVAL",
        `'${part}' is neither an entry (5), entries (7-9) nor sectors of one (12:0-3)`,
        {
          option: "lost",
          hint: "Lost writes are listed with commas: 5,7-9,12:0-3",
        },
      );
    }
    for (let entry = first; entry <= last; entry++) lost.set(entry, sectors);
  }
  return lost;
}

/** What `parseLost` reads, entries ascending. */
export function formatLost(lost: LostWrites): string {
  const parts: string[] = [];
  const entries = [...lost.keys()].sort((a, b) => a - b);
  for (let i = 0; i < entries.length; ) {
    const entry = entries[i++] as number;
    const sectors = lost.get(entry);
    if (sectors !== undefined) {
      parts.push(`${entry}:${sectors.first}-${sectors.end - 1}`);
      continue;
    }
    let last = entry;
    while (entries[i] === last + 1 && lost.get(last + 1) === undefined) last = entries[i++] as number;
    parts.push(last === entry ? `${entry}` : `${entry}-${last}`);
  }
  return parts.join(",");
}
