// A search for the first state that fails, as plain data: what was looked at, as points of the plot, as stops of F8, and in
// words.
import type { PlainError } from "../../../core/base/errors.ts";
import type { LogBisectItem, LogBisectResult, PlainState } from "../../../core/ops/logBisectRun.ts";
import type { Verdict } from "../../../core/writelog/bisect.ts";
import type { BisectPoint } from "../../timeline/contract.ts";
import { count, decimal } from "../../widgets/format.ts";
import type { BisectWish } from "./bisectForm.ts";
import type { LogProblem } from "./problems.ts";

export interface BisectState {
  /** The renderer's id of its job. */
  readonly job: number;
  readonly wish: BisectWish;
  /** As it is shown: the command, or "the check of qed images". */
  readonly judge: string;
  /** States that were looked at, ascending. */
  readonly looked: readonly LogBisectItem[];
  readonly result: LogBisectResult | undefined;
  readonly error: PlainError | undefined;
  /** Position of the state that was gone to last, in `looked`. */
  readonly at: number;
}

/** Ascending by entries; what comes later at the same moment stays behind. */
export function withItems(
  looked: readonly LogBisectItem[],
  items: readonly LogBisectItem[],
): readonly LogBisectItem[] {
  return [...looked, ...items].sort((a, b) => a.entries - b.entries);
}

/** The entry to stand on for a state: the last one that was applied, or the first where none was. */
export const entryOf = ({ entries }: Pick<PlainState, "entries">): number => Math.max(0, entries - 1);

const outcomes = { good: "pass", bad: "fail", skip: "unknown" } as const;
const weight: Readonly<Record<BisectPoint["outcome"], number>> = { pass: 0, unknown: 1, fail: 2 };

/** One for each entry: the worst of its states. That of no entries has no place on the axis. */
export function pointsOf(looked: readonly LogBisectItem[]): readonly BisectPoint[] {
  const points: BisectPoint[] = [];
  for (const { entries, verdict } of looked) {
    if (entries === 0) continue;
    const point: BisectPoint = { entry: entries - 1, outcome: outcomes[verdict] };
    const last = points.at(-1);
    if (last?.entry !== point.entry) points.push(point);
    else if (weight[point.outcome] > weight[last.outcome]) points[points.length - 1] = point;
  }
  return points;
}

export function failingStops(looked: readonly LogBisectItem[]): readonly LogProblem[] {
  const stops: LogProblem[] = [];
  for (const item of looked) {
    const entry = entryOf(item);
    if (item.verdict !== "bad" || stops.at(-1)?.entry === entry) continue;
    stops.push({ entry, text: `The disk ${momentText(item)} fails the check: ${item.text}` });
  }
  return stops;
}

export const verdictText: Readonly<Record<Verdict, string>> = {
  good: "passes",
  bad: "fails",
  skip: "skipped",
};

/** "after entry 40", "before entry 0", "after entry 40, without 3 writes". */
export function momentText({ entries, lost }: Pick<PlainState, "entries" | "lost">): string {
  const place = entries === 0 ? "before entry 0" : `after entry ${decimal(entries - 1)}`;
  return lost === "" ? place : `${place} without ${lostText(lost)}`;
}

const longestLost = 40;

/** "entries 5,7-9". */
function lostText(lost: string): string {
  const shown = lost.length > longestLost ? `${lost.slice(0, longestLost - 1)}…` : lost;
  return /^[0-9]+$/.test(lost) ? `entry ${shown}` : `entries ${shown}`;
}

/** "7 states looked at: 4 pass, 3 fail, 1 could not be judged". */
export function totalsText({
  good,
  bad,
  skipped,
}: Pick<LogBisectResult["totals"], "good" | "bad" | "skipped">): string {
  const parts = [`${decimal(good)} pass`, `${decimal(bad)} fail`];
  if (skipped > 0) parts.push(`${decimal(skipped)} could not be judged`);
  return `${count(good + bad + skipped, "state")} looked at: ${parts.join(", ")}`;
}

const momentNames = { flush: "at flushes", fua: "at FUA writes", mark: "at marks", each: "at every entry" };

/** "at flushes, entries 0 to 411, by halves". */
export function scopeText({ at, range, search, all }: BisectWish): string {
  const where =
    typeof at === "string"
      ? momentNames[at]
      : typeof at === "number"
        ? `every ${count(at, "entry", "entries")}`
        : `reordered writes, seed ${decimal(at.seed)}`;
  const entries = range === undefined ? "" : `, entries ${decimal(range.first)} to ${decimal(range.end - 1)}`;
  const how = search === "binary" ? "by halves" : all ? "all in turn" : "in turn";
  return `${where}${entries}, ${how}`;
}

/** What came of it, in one sentence. */
export function verdictSentence({ cancelled, firstBad, totals, edges }: LogBisectResult): string {
  const looked = totals.good + totals.bad + totals.skipped;
  if (firstBad !== undefined) {
    const soFar = cancelled
      ? "So far the first state that fails is that"
      : "The first state that fails is that";
    return `${soFar} ${momentText(firstBad)}.`;
  }
  if (cancelled)
    return looked === 0 ? "Cancelled before a state was looked at." : "None of them fails so far.";
  if (totals.good === 0) return `None of the ${count(looked, "state")} looked at could be judged.`;
  if (edges === "last-good") return "The last state passes: there is nothing to halve.";
  if (edges === "skipped")
    return "The first or the last state could not be judged: there is nothing to halve.";
  return looked === totals.states
    ? `None of the ${count(looked, "state")} fails.`
    : `None of the ${count(looked, "state")} looked at fails; there are ${decimal(totals.states)}.`;
}

/** What else one should know, and do, sentence by sentence. */
export function adviceOf(
  { cancelled, firstBad, lastGood, totals, edges, undecided, stretches, output }: LogBisectResult,
  { wish }: Pick<BisectState, "wish">,
  failing: LogBisectItem | undefined,
): readonly string[] {
  const advice: string[] = [];
  if (cancelled) advice.push("The search was cancelled: these results are partial.");
  if (firstBad !== undefined && lastGood === undefined) {
    advice.push(
      "No state before it passes. Begin later, or say what the disk was before the log: it shows as zeroes now, unless a base was chosen.",
    );
  }
  if (undecided > 0) {
    advice.push(
      `${count(undecided, "state")} before it could not be judged: any of them may be the first that fails.`,
    );
  }
  if (edges === "good-bad" && firstBad !== undefined) {
    advice.push("Searched by halves, which takes for granted that what fails once fails from then on.");
  }
  if (edges === "last-good" || edges === "skipped") {
    advice.push("Looking at all states in turn finds one that fails in between.");
  }
  if (stretches > 1 && wish.all) {
    advice.push(`It fails in ${decimal(stretches)} stretches, and passes again between them.`);
  }
  if (totals.good + totals.bad === 0 && totals.skipped > 0) {
    advice.push("A command says with exit code 125 that it can't judge a state.");
  }
  if (failing?.exit === 127 || failing?.exit === 126) {
    advice.push(
      `Exit code ${failing.exit} is what a shell says when it can't run a program: look at what the command printed${output === "" ? "." : ", below."}`,
    );
  }
  return advice;
}
