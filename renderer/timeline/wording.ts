// What the plot says: to assistive technology on one line, and in its legend.
import { decimal } from "../widgets/format.ts";
import type { BisectPoint, TimelinePlotProps } from "./contract.ts";

/** What the live region says of the current entry: what the panel knows of it, its note and its test. */
export function spokenText({
  entry,
  spoken,
  bisect,
  notes,
  source,
}: Pick<TimelinePlotProps, "entry" | "spoken" | "bisect" | "notes" | "source">): string {
  if (source.entries === 0) return "";
  const parts = [spoken ?? `Entry ${decimal(entry)} of ${decimal(source.entries)}`];
  const outcome = bisect?.find((point) => point.entry === entry)?.outcome;
  if (outcome !== undefined) parts.push(`the check of the state behind it ${outcomeText(outcome)}`);
  if (notes?.includes(entry)) parts.push("has a note");
  return parts.join(", ");
}

export function outcomeText(outcome: BisectPoint["outcome"]): string {
  if (outcome === "pass") return "passed";
  return outcome === "fail" ? "failed" : "is undecided";
}

export const keysHint =
  "Arrow keys step through entries, with Shift by 100. W and S zoom, A and D move, brackets go to the previous and next flush or mark, Enter opens.";
