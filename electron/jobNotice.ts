// The words of the notification for a comparison that ended while the person was elsewhere.
import type { CompareSummary } from "../core/ops/mismatch.ts";
import type { VoteMapSummary } from "../core/ops/voteRun.ts";
import type { JobEnd } from "./ipc/contract.ts";

/** Shorter jobs end without a notification, milliseconds. */
export const noticeAfterMs = 30_000;

/** undefined when there is nothing to tell: the person stopped it. */
export function noticeOf(title: string, end: JobEnd): { title: string; body: string } | undefined {
  if (!end.ok) {
    if (end.error.code === "ECANCELED") return undefined;
    return { title: "Comparison stopped", body: `${title}: ${end.error.message}` };
  }
  if (end.summary.cancelled) return undefined;
  if (end.name === "votes") {
    return { title: "Votes counted", body: `${title}: ${votes(end.summary)}` };
  }
  return { title: "Comparison finished", body: `${title}: ${outcome(end.summary)}` };
}

const count = new Intl.NumberFormat("en-US");

function outcome({ sectors, identical, unreadableRanges }: CompareSummary): string {
  const unread = unreadableRanges === 0 ? "" : `; ${plural(unreadableRanges, "range")} could not be read`;
  if (sectors > 0) return `the images differ in ${plural(sectors, "sector")}${unread}`;
  if (identical) return "the images are identical";
  return unread === "" ? "same content, stored differently" : `no mismatch found${unread}`;
}

function votes({ runs, undecidedBytes }: VoteMapSummary): string {
  if (runs === 0) return "all copies say the same";
  const undecided = undecidedBytes === 0 ? "" : "; some have no majority";
  return `the copies differ in ${plural(runs, "range")}${undecided}`;
}

function plural(n: number, noun: string): string {
  return `${count.format(n)} ${noun}${n === 1 ? "" : "s"}`;
}
