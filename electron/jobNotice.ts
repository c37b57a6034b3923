// The words of the notification for a task that ended while the person was elsewhere.
import type { CheckSummary } from "../core/ops/checkRun.ts";
import type { LogBisectResult } from "../core/ops/logBisectRun.ts";
import type { CompareSummary } from "../core/ops/mismatch.ts";
import type { RepairPlanResult, RepairWritten } from "../core/ops/repairRun.ts";
import type { VoteMapSummary } from "../core/ops/voteRun.ts";
import type { JobEnd } from "./ipc/contract.ts";

/** Shorter jobs end without a notification, milliseconds. */
export const noticeAfterMs = 30_000;

/** undefined when there is nothing to tell: the person stopped it. */
export function noticeOf(title: string, end: JobEnd): { title: string; body: string } | undefined {
  if (!end.ok) {
    if (end.error.code === "ECANCELED") return undefined;
    return { title: "Task stopped", body: `${title}: ${end.error.message}` };
  }
  if (end.summary.cancelled) return undefined;
  switch (end.name) {
    case "compare":
      return { title: "Comparison finished", body: `${title}: ${outcome(end.summary)}` };
    case "votes":
      return { title: "Votes counted", body: `${title}: ${votes(end.summary)}` };
    case "check":
      return { title: "Check finished", body: `${title}: ${problems(end.summary)}` };
    case "map":
      return { title: "Map finished", body: title };
    case "logBisect":
      return { title: "Bisect finished", body: `${title}: ${firstFailing(end.summary)}` };
    case "logIndex":
      return { title: "Write log read", body: title };
    case "bundle":
      return { title: "Bundle saved", body: title };
    case "repairPlan":
      return { title: "Repair plan ready", body: `${title}: ${offered(end.summary)}` };
    case "repairWrite":
      return { title: repairTitle(end.summary), body: `${title}: ${written(end.summary)}` };
    case "repairRescue":
      return { title: "Leaked clusters saved", body: title };
    case "repairFinish":
      return { title: "Undo journal carried out", body: title };
  }
}

const count = new Intl.NumberFormat("en-US");

/** Of a scan that went on with an earlier one only what it found itself is known here. */
function outcome({ from, sectors, identical, unreadableRanges }: CompareSummary): string {
  const unread = unreadableRanges === 0 ? "" : `; ${plural(unreadableRanges, "range")} could not be read`;
  if (from > 0) {
    const found = sectors > 0 ? plural(sectors, "mismatched sector") : "no mismatch";
    return `the rest of the scan found ${found}${unread}`;
  }
  if (sectors > 0) return `the images differ in ${plural(sectors, "sector")}${unread}`;
  if (identical) return "the images are identical";
  return unread === "" ? "same content, stored differently" : `no mismatch found${unread}`;
}

function votes({ from, runs, undecidedBytes }: VoteMapSummary): string {
  const undecided = undecidedBytes === 0 ? "" : "; some have no majority";
  if (from > 0) {
    const found = runs > 0 ? `${plural(runs, "range")} in which the copies differ` : "no disagreement";
    return `the rest of the count found ${found}${undecided}`;
  }
  if (runs === 0) return "all copies say the same";
  return `the copies differ in ${plural(runs, "range")}${undecided}`;
}

function problems({ result }: CheckSummary): string {
  if (result === undefined) return "this image format has no tables to check";
  const { corruptions, leaks, checkErrors } = result;
  if (corruptions + leaks + checkErrors === 0) return "no problems found";
  const unread = checkErrors === 0 ? "" : `; ${plural(checkErrors, "table")} could not be read`;
  return `${plural(corruptions, "problem")}, ${plural(leaks, "leaked cluster")}${unread}`;
}

function firstFailing({ firstBad, totals }: LogBisectResult): string {
  const looked = plural(totals.good + totals.bad + totals.skipped, "state");
  if (firstBad === undefined) return `none of ${looked} looked at fails`;
  const where = firstBad.entries === 0 ? "before the first entry" : `after entry ${firstBad.entries - 1}`;
  return `the disk ${where} is the first of ${looked} that fails`;
}

function offered({ offered: found }: RepairPlanResult): string {
  const { items = 0, unmended = [] } = found ?? {};
  if (items + unmended.length === 0) return "there is nothing to mend";
  const left = unmended.length === 0 ? "" : `; ${plural(unmended.length, "item")} can't be`;
  if (items === 0) return `${plural(unmended.length, "item")} can't be mended`;
  return `${plural(items, "item")} can be mended${left}`;
}

function repairTitle({ error }: RepairWritten): string {
  return error === undefined ? "Repair finished" : "Repair stopped";
}

function written({ changes, error, after }: RepairWritten): string {
  if (error !== undefined) return error.message;
  const items = after === undefined ? 0 : after.itemsLeft + after.unmended.length;
  const left = items === 0 ? "" : `; ${plural(items, "item")} left`;
  return `${plural(changes.done, "change")} written${left}`;
}

function plural(n: number, noun: string): string {
  return `${count.format(n)} ${noun}${n === 1 ? "" : "s"}`;
}
