// A log and its entries in words.

import type { LogHistoryEntry, LogRow, LogSummary } from "../../../core/ops/logIndexRun.ts";
import { entryFlags } from "../../../core/writelog/layout.ts";
import { bytes, count, decimal, hex } from "../../widgets/format.ts";
import type { FilterState } from "./state.ts";

const flagNames = {
  flush: "FLUSH",
  fua: "FUA",
  discard: "DISCARD",
  mark: "MARK",
  metadata: "METADATA",
} as const;

/** Names of the flags that the kind does not say already. */
export function flagText({ kind, flags }: Pick<LogRow, "kind" | "flags">): string {
  const said: Readonly<Record<string, string>> = { flush: "flush", discard: "discard", mark: "mark" };
  const has = (flag: number) => Math.floor(flags / flag) % 2 === 1;
  return Object.entries(entryFlags)
    .filter(([name, flag]) => has(flag) && said[kind] !== name)
    .map(([name]) => flagNames[name as keyof typeof flagNames])
    .join(" ");
}

export const kindText: Readonly<Record<LogRow["kind"], string>> = {
  write: "write",
  discard: "discard",
  flush: "flush",
  mark: "mark",
  empty: "empty write",
};

/** "2,048 + 8"; "" for an entry that is about no sectors. */
export function sectorText({ kind, offset, length }: LogRow, sectorSize: number): string {
  if (kind === "flush" || kind === "mark") return "";
  return `${decimal(offset / sectorSize)} + ${decimal(length / sectorSize)}`;
}

/** One line about an entry, for assistive technology and for the line under the plot. */
export function entryText(row: LogRow, sectorSize: number): string {
  const parts = [`Entry ${decimal(row.entry)}`, kindText[row.kind]];
  if (row.text !== undefined) parts.push(`"${row.text}"`);
  const flags = flagText(row);
  if (flags !== "") parts.push(flags);
  if (row.kind === "write" || row.kind === "discard") {
    parts.push(`sectors ${sectorText(row, sectorSize)}`, bytes(row.length));
  }
  if (row.recovered) parts.push("recovered");
  else if (!row.counted) parts.push("not counted by the superblock");
  return parts.join(", ");
}

/** "12,345 entries, 11,000 writes of 40 MiB, 412 flushes, 3 marks". */
export function totalsText({ entries, totals }: LogSummary): string {
  const parts = [
    count(entries, "entry", "entries"),
    `${count(totals.writes, "write")} of ${bytes(totals.writeBytes)}`,
  ];
  if (totals.discards > 0) parts.push(count(totals.discards, "discard"));
  parts.push(count(totals.flushes, "flush", "flushes"));
  if (totals.fua > 0) parts.push(`${decimal(totals.fua)} FUA`);
  if (totals.metadata > 0) parts.push(`${decimal(totals.metadata)} metadata`);
  if (totals.marks > 0) parts.push(count(totals.marks, "mark"));
  return parts.join(", ");
}

/** Where the superblock counts otherwise than what is there for sure; undefined where they agree. */
export function countsText({ superblock, entries, counted, recovered }: LogSummary): string | undefined {
  const stated = superblock.entries;
  if (stated === undefined || (stated === entries && recovered.length === 0)) return undefined;
  const found = recovered.reduce((sum, run) => sum + run.count, 0);
  const words = `The superblock counts ${count(stated, "entry", "entries")}; ${decimal(entries)} can be read`;
  if (found > 0) return `${words}, ${decimal(found)} of them recovered.`;
  if (entries > stated) {
    return `${words}: those from ${decimal(counted)} on were written after it was last updated, or are left over from an older log.`;
  }
  return `${words}.`;
}

/** "before flush 412 (entry 9,001)"; what made an entry durable. */
export function durableText({
  entry,
  durableWith,
  durableFlush,
}: Pick<LogHistoryEntry, "durableWith" | "durableFlush"> & { readonly entry: number }): string {
  if (durableWith === undefined) return "never flushed: it may be lost in a crash";
  if (durableWith === entry) return "durable by itself (FUA)";
  return durableFlush === undefined
    ? `with entry ${decimal(durableWith)}`
    : `with flush ${decimal(durableFlush)} (entry ${decimal(durableWith)})`;
}

/** "8 sectors at sector 2,048 (0x100000)". */
export function rangeText(offset: number, length: number, sectorSize: number): string {
  const whole = offset % sectorSize === 0 && length % sectorSize === 0;
  if (!whole) return `${bytes(length)} at ${hex(offset)}`;
  const sectors = length / sectorSize;
  const place = `${decimal(offset / sectorSize)} (${hex(offset)})`;
  return sectors === 1 ? `sector ${place}` : `${decimal(sectors)} sectors at sector ${place}`;
}

/** What the filter leaves, or what is wrong with it. */
export function filterText({ text, applied, wrong, error, total }: FilterState, entries: number): string {
  if (wrong !== undefined) {
    const place = wrong.length > 0 && text !== "" ? ` At character ${wrong.at + 1}.` : "";
    const shown = applied === "" ? "" : ` The entries shown are still those of ${applied}.`;
    return `${wrong.message}${/[.!?]$/.test(wrong.message) ? "" : "."}${place}${shown}`;
  }
  if (error !== undefined) return `Its entries can't be found: ${error.message}`;
  if (applied === "") return text.trim() === "" ? `${count(entries, "entry", "entries")}` : "";
  if (total === undefined) return "Filtering…";
  return `${decimal(total)} of ${count(entries, "entry", "entries")}`;
}

interface Version {
  readonly isCurrent: boolean;
  readonly older: number | undefined;
  readonly searched: number | undefined;
}

/** "Last written by entry 18,233, before flush 412. B has it; A has an older version, that of entry 17,001." */
export function writerText({
  last,
  a,
  b,
}: {
  readonly last: Pick<LogHistoryEntry, "entry" | "durableWith" | "durableFlush"> | undefined;
  readonly a: Version;
  readonly b: Version;
}): string {
  if (last === undefined) return "no entry wrote this sector.";
  const when =
    last.durableWith === undefined
      ? "never flushed"
      : last.durableWith === last.entry
        ? "with FUA"
        : last.durableFlush === undefined
          ? `before entry ${decimal(last.durableWith)}`
          : `before flush ${decimal(last.durableFlush)}`;
  return `last written by entry ${decimal(last.entry)}, ${when}. A ${versionText(a)}; B ${versionText(b)}.`;
}

function versionText({ isCurrent, older, searched }: Version): string {
  if (isCurrent) return "has what it wrote";
  if (searched !== undefined)
    return `has bytes that none of the newest ${decimal(searched)} entries wrote here`;
  if (older === undefined) return "has bytes that no entry wrote here";
  return older < 0
    ? "has what was there before the log"
    : `has an older version, that of entry ${decimal(older)}`;
}
