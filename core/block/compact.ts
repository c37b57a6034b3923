// Findings and offered repairs as few bytes as they can be, as there may be 200,000: a sentence put together from pieces
// holds all of them, in five times the room of its text, and an object made by spreading others may have a layout of its own.
import type { Finding, OfferedRepair, PeerLines } from "./finding.ts";

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

export function compactItem(item: OfferedRepair): OfferedRepair {
  const { id, problem, effect } = item;
  return { ...item, id: flat(id), problem: flat(problem), effect: flat(effect) };
}

export function compactFinding(found: Finding): Finding {
  const { id, kind, code, message, offset, length, repair } = found;
  const finding: Writable<Finding> = { id, kind, code, message: flat(message), offset, length, repair };
  if (found.table !== undefined) finding.table = found.table;
  if (found.entry !== undefined) finding.entry = found.entry;
  if (found.value !== undefined) finding.value = flat(found.value);
  if (found.guest !== undefined) finding.guest = found.guest;
  if (found.references !== undefined) finding.references = found.references;
  if (found.flagged !== undefined) finding.flagged = found.flagged;
  if (found.peer !== undefined) finding.peer = compactLines(found.peer);
  return finding;
}

function compactLines({ lines, mending, times, numbers }: PeerLines): PeerLines {
  const compact: Writable<PeerLines> = { lines: lines.map(flat) };
  if (mending !== undefined) compact.mending = mending.map(flat);
  if (times !== undefined) compact.times = times;
  if (numbers !== undefined) compact.numbers = numbers;
  return compact;
}

function flat(text: string): string {
  return Buffer.from(text).toString();
}
