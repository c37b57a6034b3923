// `blkscope log list`: the entries of a log, as a table or as JSON lines.
import { hex } from "../base/bytes.ts";
import { readMark } from "../writelog/entry.ts";
import { entryFlags } from "../writelog/layout.ts";
import { has, type LogIndex } from "../writelog/logIndex.ts";
import { CliError } from "./command.ts";
import { exitOf, type LogReadRequest, type ReadLog, warnOfEnd, withLog } from "./logFile.ts";
import { jsonText, printable, stdout } from "./output.ts";

export interface ListRequest extends LogReadRequest {
  readonly from: number;
  /** May be infinite. */
  readonly count: number;
}

const flagNames = Object.entries(entryFlags).map(([name, flag]) => [name.toUpperCase(), flag] as const);
/** Lines after which a key press is looked for. */
const linesAtOnce = 2000;

/** The exit code. Throws CliError. */
export function printList(request: ListRequest): Promise<number> {
  return withLog(request, async (log) => {
    const { index } = log;
    if (request.from > 0 && request.from >= index.count) {
      throw new CliError(`The log has no entry ${request.from}; it has ${index.count}`, 1);
    }
    const to = Math.min(index.count, request.from + request.count);
    await printEntries(log, between(request.from, to), request.json);
    // Not for a part of the log: its end was not asked for.
    const isWhole = to === index.count;
    if (isWhole) warnOfEnd(index, request);
    return isWhole ? exitOf(index) : 0;
  });
}

function* between(from: number, to: number): Generator<number> {
  for (let entry = from; entry < to; entry++) yield entry;
}

/** A table with its head, or a line of JSON for each. Throws CliError when it is interrupted. */
export async function printEntries(log: ReadLog, entries: Iterable<number>, json: boolean): Promise<void> {
  const { index, node } = log;
  if (!json) stdout.line(row("Entry", "Kind", "Offset", "Length", "In the log", "Flags"));
  let lines = 0;
  for (const entry of entries) {
    const text = index.kindOf(entry) === "mark" ? await readMark(node, index, entry) : undefined;
    stdout.line(json ? jsonText(jsonOf(index, entry, text)) : humanLine(index, entry, text));
    if (lines++ % linesAtOnce === 0) await turn(log);
  }
}

async function turn({ signal }: ReadLog): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  if (signal.aborted) throw new CliError("Interrupted", 130);
}

/** FLUSH, FUA ... */
export function flagsOf(index: LogIndex, entry: number): string[] {
  const flags = index.flagsOf(entry);
  return flagNames.filter(([, flag]) => has(flags, flag)).map(([name]) => name);
}

function jsonOf(index: LogIndex, entry: number, text: string | undefined): object {
  const isData = index.kindOf(entry) === "write";
  return {
    entry,
    kind: index.kindOf(entry),
    flags: flagsOf(index, entry),
    offset: index.offsetOf(entry),
    length: index.lengthOf(entry),
    header: index.headerOf(entry),
    ...(isData && { data: index.payloadOf(entry) }),
    ...(text !== undefined && { text }),
    counted: entry < index.counted,
    recovered: index.isRecovered(entry),
  };
}

function humanLine(index: LogIndex, entry: number, text: string | undefined): string {
  const kind = index.kindOf(entry);
  // A mark, a flush: nowhere on the disk.
  const isSomewhere = kind !== "mark" && kind !== "flush";
  const notes = flagsOf(index, entry);
  if (text !== undefined) notes.push(`"${printable(text)}"`);
  if (index.isRecovered(entry)) notes.push("(recovered)");
  else if (entry >= index.counted) notes.push("(not counted)");
  const place = isSomewhere ? [hex(index.offsetOf(entry)), String(index.lengthOf(entry))] : ["-", "-"];
  return row(
    String(entry),
    kind,
    place[0] ?? "",
    place[1] ?? "",
    hex(index.headerOf(entry)),
    notes.join(" "),
  );
}

function row(
  entry: string,
  kind: string,
  offset: string,
  length: string,
  header: string,
  notes: string,
): string {
  const places = [offset.padStart(14), length.padStart(11), header.padStart(14)];
  return `${entry.padStart(9)}  ${kind.padEnd(7)} ${places.join(" ")}  ${notes}`.trimEnd();
}
