// The sentences of the vote map: what was found so far, and what is known at the end.
import type { VoteRun } from "../../../core/ops/voteRun.ts";
import { bytes, count, percent } from "../../widgets/format.ts";
import type { Copy } from "./copies.ts";
import type { VoteScan } from "./scan.ts";

export const copyName = (copies: readonly Copy[], child: number): string =>
  copies[child]?.name ?? `child ${child}`;

/** "children.1 outvoted", "children.0 unreadable, children.2 outvoted", "no majority". */
export function verdictText({ winner, losers, unreadable }: VoteRun, copies: readonly Copy[]): string {
  const names = (numbers: readonly number[]) => numbers.map((child) => copyName(copies, child)).join(", ");
  const parts: string[] = [];
  if (winner.length === 0) parts.push("No majority");
  else if (losers.length > 0) parts.push(`${names(losers)} outvoted`);
  if (unreadable.length > 0) parts.push(`${names(unreadable.map(({ child }) => child))} unreadable`);
  return parts.join("; ");
}

/** "children.0, children.2 | children.1": who says the same. */
export function groupsText({ groups, tied }: VoteRun, copies: readonly Copy[]): string {
  const text = [...groups]
    .sort((a, b) => b.length - a.length)
    .map((group) => group.map((child) => copyName(copies, child)).join(" = "))
    .join("  ≠  ");
  return tied && groups.length > 1 ? `${text} (tied)` : text;
}

/** The line over the list. */
export function headerText(scan: VoteScan, current: number | undefined): string {
  const { totals, total, scannedTo } = scan;
  const at = current === undefined ? "" : `${current + 1} of `;
  const parts = [`${at}${count(totals.runs, "range")}, ${bytes(totals.bytes)} of ${bytes(total)}`];
  if (totals.undecidedBytes > 0) parts.push(`${bytes(totals.undecidedBytes)} without a majority`);
  if (scan.kind !== "ended" || scan.cancelled) parts.push(`${percent(scannedTo, total)} % scanned`);
  return parts.join("; ");
}

/** What the list says while it has no rows. */
export function emptyText(scan: VoteScan, copies: number): string {
  switch (scan.kind) {
    case "waiting":
      return "";
    case "scanning":
      return "No disagreement found yet.";
    case "failed":
      return "The scan stopped before it found a disagreement.";
    case "ended":
      return scan.cancelled
        ? `No disagreement in the first ${bytes(scan.scannedTo)}. The scan was cancelled; the rest was not counted.`
        : `All ${copies} copies say the same in ${bytes(scan.total)} (all sectors counted)`;
  }
}

/** For assistive technology: every ten percent, and the end. */
export function newsText(scan: VoteScan): string {
  const { totals, scannedTo, total } = scan;
  switch (scan.kind) {
    case "waiting":
      return "";
    case "scanning": {
      const tens = Math.floor(percent(scannedTo, total) / 10) * 10;
      return tens === 0 ? "Counting votes" : `${tens} percent counted`;
    }
    case "failed":
      return `Counting votes failed: ${scan.error.message}`;
    case "ended":
      if (scan.cancelled) return `Cancelled at ${percent(scannedTo, total)} percent`;
      return totals.runs === 0
        ? "All copies say the same"
        : `The copies differ in ${count(totals.runs, "range")}`;
  }
}
