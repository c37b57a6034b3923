// The moments of a log at which a crash is tried: the disk after so many entries, at every flush, FUA write, mark, number
// of entries, or each. A state can be without writes that a power failure took (statesReorder.ts).
import { BlockError } from "../base/errors.ts";
import type { EntryList } from "./entryList.ts";
import type { LogIndex } from "./logIndex.ts";
import { type LostWrites, nothingLost } from "./lost.ts";

export type MomentKind = "flush" | "fua" | "mark" | "each" | number;

/** A sample of the states that a power failure can leave between flushes (statesReorder.ts). */
export interface ReorderSample {
  /** States wanted: there are fewer where that many do not exist. */
  readonly count: number;
  readonly seed: number;
  /** A write that did not land as a whole may have landed in part. */
  readonly torn: boolean;
}

export interface CrashState {
  /** Entries applied: the state is the disk after entry `entries - 1`. */
  readonly entries: number;
  /** Of these, what a crash took. */
  readonly lost: LostWrites;
  /** Why it is looked at. */
  readonly kind: "start" | "flush" | "fua" | "mark" | "entry" | "end" | "reorder";
}

export interface Moments {
  /** Entries [first, end): the state after `first` entries is where the search begins. */
  readonly first: number;
  readonly end: number;
  /** The state after `first` entries is one of them: it is known to be a disk, not just zeroes. */
  readonly withStart: boolean;
}

/** States in one search: each is kept with its outcome. */
export const mostStates = 1_000_000;

/**
 * Ascending by entries, each moment once; the last one is the disk after all entries of the stretch. Throws EFBIG for more
 * than `mostStates`: of a list that was cut, a search would say that nothing fails where the last state does.
 */
export function statesAt(index: LogIndex, at: MomentKind, { first, end, withStart }: Moments): CrashState[] {
  const states: CrashState[] = [];
  const add = (entries: number, kind: CrashState["kind"]) => {
    if (states.at(-1)?.entries === entries) return;
    if (states.length >= mostStates) throw tooMany(first, end);
    states.push({ entries, lost: nothingLost, kind });
  };
  if (withStart) add(first, "start");
  for (const entry of entriesAt(index, at, first, end)) {
    add(entry + 1, typeof at === "number" || at === "each" ? "entry" : at);
  }
  if (end > first) add(end, "end");
  return states;
}

function tooMany(first: number, end: number): BlockError {
  // With room for the states at both ends.
  const step = Math.ceil((end - first) / (mostStates - 2));
  return new BlockError(
    "EFBIG",
    `The entries ${first} to ${end - 1} have more than ${mostStates} of these moments, the most of a search`,
    { hint: `Look at every ${step} entries and refine, or at a part of the log.` },
  );
}

function* entriesAt(index: LogIndex, at: MomentKind, first: number, end: number): Generator<number> {
  if (at === "each" || typeof at === "number") {
    const step = at === "each" ? 1 : at;
    for (let entry = first + step - 1; entry < end; entry += step) yield entry;
    return;
  }
  const lists: Readonly<Record<typeof at, EntryList>> = {
    flush: index.flushes,
    fua: index.fuas,
    mark: index.marks,
  };
  const list = lists[at];
  for (let i = list.positionOf(first); i < list.length; i++) {
    const entry = list.at(i) ?? end;
    if (entry >= end) return;
    yield entry;
  }
}
