// `blkscope log info`: what a log holds, for people and as JSON.
import { hex } from "../base/bytes.ts";
import { formatSize } from "../base/units.ts";
import type { BlockNode } from "../block/node.ts";
import { readMark } from "../writelog/entry.ts";
import type { LogIndex, LogTotals } from "../writelog/logIndex.ts";
import { canRecover } from "../writelog/recover.ts";
import { entriesText } from "../writelog/walk.ts";
import { exitOf, type LogReadRequest, withLog } from "./logFile.ts";
import { jsonText, printable, stdout } from "./output.ts";

const mostMarks = 1000;
/** Of people. */
const mostMarksShown = 20;

interface Mark {
  readonly entry: number;
  readonly text: string;
}

/** The exit code. Throws CliError. */
export function printInfo(request: LogReadRequest): Promise<number> {
  return withLog(request, async ({ node, index, filename }) => {
    const marks = await firstMarks(node, index, request.json ? mostMarks : mostMarksShown);
    if (request.json) stdout.line(jsonText(jsonOf(filename, node.size, index, marks), 4));
    else print(filename, node.size, index, marks);
    if (canRecover(index.end.kind) && !request.recover && !request.json) {
      stdout.line("With --recover, entries are looked for behind it.");
    }
    return exitOf(index);
  });
}

async function firstMarks(node: BlockNode, index: LogIndex, most: number): Promise<Mark[]> {
  const marks: Mark[] = [];
  for (const entry of index.marks) {
    if (marks.length === most) break;
    marks.push({ entry, text: await readMark(node, index, entry) });
  }
  return marks;
}

function jsonOf(filename: string, size: number, index: LogIndex, marks: readonly Mark[]): object {
  const { superblock, totals } = index;
  return {
    filename,
    format: "dm-log-writes",
    version: superblock.version,
    "sector-size": index.sectorSize,
    "log-size": size,
    "stated-entries": superblock.entries,
    entries: index.count,
    "counted-entries": index.counted,
    operations: {
      writes: { count: totals.writes, bytes: totals.writeBytes },
      discards: { count: totals.discards, bytes: totals.discardBytes },
      flushes: { count: totals.flushes },
      "fua-writes": { count: totals.fua },
      metadata: { count: totals.metadata },
      marks: { count: totals.marks },
      empty: { count: totals.empty },
      "unknown-flags": { count: totals.unknownFlags },
    },
    "disk-size-at-least": index.diskEnd,
    end: index.end,
    marks,
    recovered: index.recovered,
  };
}

function print(filename: string, size: number, index: LogIndex, marks: readonly Mark[]): void {
  const { superblock, end } = index;
  stdout.line(`log: ${printable(filename)}`);
  stdout.line(`format: dm-log-writes, version ${superblock.version ?? "unknown"}`);
  stdout.line(`sector size: ${index.sectorSize} bytes`);
  stdout.line(`log size: ${sizeText(size)}`);
  stdout.line(`entries: ${countsText(index)}`);
  for (const line of operationLines(index.totals)) stdout.line(`    ${line}`);
  stdout.line(`disk size: ${sizeText(index.diskEnd)} at least`);
  stdout.line(`end: ${end.kind} at ${hex(end.offset)}. ${end.message}`);
  for (const { first, count, offset, skipped } of index.recovered) {
    const where = `from entry ${first} on, at ${hex(offset)} behind ${skipped} bytes that were skipped`;
    stdout.line(`recovered: ${entriesText(count)} ${where}; likely, not sure`);
  }
  if (marks.length > 0) stdout.line("marks:");
  for (const { entry, text } of marks) stdout.line(`    entry ${entry}: ${printable(text)}`);
  const more = index.marks.length - marks.length;
  if (more > 0) stdout.line(`    and ${more} more`);
}

function countsText({ superblock, count, counted }: LogIndex): string {
  const stated = superblock.magicOk ? (superblock.entries ?? "more than 2^53") : "unknown";
  const behind = count - counted;
  const tail = behind === 0 ? "" : ` (${behind} not counted)`;
  return `${count} found${tail}, ${stated} in the superblock`;
}

function operationLines(totals: LogTotals): string[] {
  const rows: readonly (readonly [string, number, number?])[] = [
    ["writes", totals.writes, totals.writeBytes],
    ["with FUA", totals.fua],
    ["with METADATA", totals.metadata],
    ["discards", totals.discards, totals.discardBytes],
    ["flushes", totals.flushes],
    ["marks", totals.marks],
    ["writes of nothing", totals.empty],
    ["with flags that are not defined", totals.unknownFlags],
  ];
  // Zeroes of what not every writer has say nothing.
  const shown = rows.filter(([name, count]) => count > 0 || ["writes", "discards", "flushes"].includes(name));
  const [left, right] = [longest(shown.map(([name]) => name)), longest(shown.map(([, count]) => `${count}`))];
  return shown.map(([name, count, bytes]) => {
    const size = bytes === undefined ? "" : `  ${sizeText(bytes)}`;
    return `${name.padEnd(left)}  ${String(count).padStart(right)}${size}`;
  });
}

function longest(texts: readonly string[]): number {
  return Math.max(...texts.map(({ length }) => length));
}

function sizeText(bytes: number): string {
  return `${formatSize(bytes)} (${bytes} bytes)`;
}
