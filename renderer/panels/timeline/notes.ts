// Notes on entries of a log, kept from one run of the app to the next: by the log's path and what its beginning is, so
// that another log at the same path does not come with them. Stored text is checked: a damaged entry only loses itself.
import type { LogRow } from "../../../core/ops/logIndexRun.ts";
import type { FileRef } from "../../../electron/ipc/contract.ts";

export type Notes = ReadonlyMap<number, string>;

const prefix = "blkscope-log-notes:";
export const longestNote = 500;
const mostNotes = 1000;

/** The same for a log that grows; another for one that was begun anew, as far as its first entry tells. */
export function logIdentity(
  { folder, name }: FileRef,
  sectorSize: number,
  first: LogRow | undefined,
): string {
  const beginning =
    first === undefined ? [] : [first.kind, first.flags, first.offset, first.length, first.text];
  return JSON.stringify([folder, name, sectorSize, ...beginning]);
}

export function loadNotes(identity: string): Notes {
  try {
    const stored: unknown = JSON.parse(window.localStorage.getItem(prefix + identity) ?? "[]");
    if (!Array.isArray(stored)) return new Map();
    return new Map(stored.filter(isNote).slice(0, mostNotes));
  } catch {
    return new Map();
  }
}

/** Throws what the store throws when it is full. */
export function saveNotes(identity: string, notes: Notes): void {
  if (notes.size === 0) window.localStorage.removeItem(prefix + identity);
  else window.localStorage.setItem(prefix + identity, JSON.stringify([...notes]));
}

/** With the note on an entry, or without one for an empty text; ascending. Throws RangeError above 1,000 notes. */
export function withNote(notes: Notes, entry: number, text: string): Notes {
  const next = new Map(notes);
  const short = text.trim().slice(0, longestNote);
  if (short === "") next.delete(entry);
  else next.set(entry, short);
  if (next.size > mostNotes) throw new RangeError(`A log can have ${mostNotes} notes`);
  return new Map([...next].sort(([a], [b]) => a - b));
}

function isNote(value: unknown): value is [number, string] {
  if (!Array.isArray(value) || value.length !== 2) return false;
  const [entry, text] = value;
  return Number.isSafeInteger(entry) && entry >= 0 && typeof text === "string" && text.length <= longestNote;
}
