// What is wrong with a log, in the order of its entries: the stops of F8 besides the states that fail a check (bisectState.ts).
import type { LogSummary } from "../../../core/ops/logIndexRun.ts";
import { count, decimal, hex } from "../../widgets/format.ts";

export interface LogProblem {
  /** The entry to stand on. */
  readonly entry: number;
  readonly text: string;
}

export function problemsOf({
  entries,
  counted,
  recovered,
  end,
  superblock,
}: LogSummary): readonly LogProblem[] {
  const problems: LogProblem[] = recovered.map(({ first, skipped, offset }) => ({
    entry: first,
    text: `Entries from ${decimal(first)} on were found behind ${count(skipped, "damaged byte")}, at ${hex(offset)} of the log`,
  }));
  if (superblock.entries !== undefined && counted < entries && recovered[0]?.first !== counted) {
    problems.push({
      entry: counted,
      text: `Entries from ${decimal(counted)} on are not counted by the superblock`,
    });
  }
  if (isWall(end.kind) && entries > 0) problems.push({ entry: entries - 1, text: end.message });
  return problems.sort((a, b) => a.entry - b.entry);
}

/** Whether the log ends before its end. */
export function isWall(kind: LogSummary["end"]["kind"]): boolean {
  return kind !== "complete" && kind !== "growing";
}

/** Whether there may be entries behind it. */
export function canRecover(kind: LogSummary["end"]["kind"]): boolean {
  return kind === "torn" || kind === "bad-entry" || kind === "foreign" || kind === "unreadable";
}
