// Looks for the first state of a log at which a check fails: in turn, or by halves. Knows neither states nor checks, only
// places in a list: what is looked at is asked for, several places together.
import { BlockError } from "../base/errors.ts";

/** skip: the check could not judge it; a search goes around it. */
export type Verdict = "good" | "bad" | "skip";

export interface SearchOptions {
  /** Places in the list. */
  readonly count: number;
  /** Checks at the same time, 1 or more. */
  readonly jobs: number;
  /** Judges one place; asked once for each. */
  judge(place: number): Promise<Verdict>;
}

export interface LinearResult {
  /** The first place that is bad; undefined where all that were judged are good. */
  readonly firstBad: number | undefined;
  /** Of the places before it, the last one that is good. */
  readonly lastGood: number | undefined;
}

export interface BinaryResult extends LinearResult {
  /** Why there is nothing to bisect: the edges are not good and bad, or could not be judged. */
  readonly edges: "good-bad" | "first-bad" | "last-good" | "skipped";
  /** Places between lastGood and firstBad that could not be judged: the change may be at any of them. */
  readonly skipped: readonly number[];
}

/**
 * In turn. Ends at the first bad place, with all places before it judged; with `all` every place is judged. Throws what
 * `judge` throws, when everything under way has ended.
 */
export async function searchLinear(
  { count, jobs, judge }: SearchOptions,
  all: boolean,
): Promise<LinearResult> {
  let next = 0;
  let firstBad: number | undefined;
  const verdicts = new Map<number, Verdict>();
  await together(jobs, async () => {
    if (next >= count || (!all && firstBad !== undefined)) return false;
    const place = next++;
    const verdict = await judge(place);
    verdicts.set(place, verdict);
    if (verdict === "bad") firstBad = Math.min(firstBad ?? place, place);
    return true;
  });
  return { firstBad, lastGood: lastGoodBefore(verdicts, firstBad ?? count) };
}

function lastGoodBefore(verdicts: ReadonlyMap<number, Verdict>, end: number): number | undefined {
  for (let place = end - 1; place >= 0; place--) if (verdicts.get(place) === "good") return place;
  return undefined;
}

/**
 * By halves (by thirds where two are judged together), on the assumption that what is bad once stays bad: the first place
 * has to be good and the last one bad, which is looked at before. Throws as searchLinear.
 */
export async function searchBinary(options: SearchOptions): Promise<BinaryResult> {
  const { count, jobs, judge } = options;
  const verdicts = new Map<number, Verdict>();
  const judgeAll = async (places: readonly number[]) => {
    const left = [...new Set(places)].filter((place) => !verdicts.has(place));
    await together(jobs, async () => {
      const place = left.shift();
      if (place === undefined) return false;
      verdicts.set(place, await judge(place));
      return true;
    });
  };
  await judgeAll([0, count - 1]);
  const [first, last] = [verdicts.get(0), verdicts.get(count - 1)];
  if (first !== "good" || last !== "bad") {
    const edges = first === "bad" ? "first-bad" : last === "good" ? "last-good" : "skipped";
    const firstBad = first === "bad" ? 0 : undefined;
    return { edges, firstBad, lastGood: lastGoodBefore(verdicts, firstBad ?? count), skipped: [] };
  }
  let [good, bad] = [0, count - 1];
  for (;;) {
    const open = unjudged(verdicts, good, bad);
    if (open.length === 0) break;
    await judgeAll(parts(open, jobs));
    // The first bad one counts, and the last good one before it.
    for (let place = good + 1; place < bad; place++) if (verdicts.get(place) === "bad") bad = place;
    for (let place = bad - 1; place > good; place--) if (verdicts.get(place) === "good") good = place;
  }
  const skipped = Array.from({ length: bad - good - 1 }, (_, i) => good + 1 + i);
  return { edges: "good-bad", firstBad: bad, lastGood: good, skipped };
}

function unjudged(verdicts: ReadonlyMap<number, Verdict>, good: number, bad: number): number[] {
  const open: number[] = [];
  for (let place = good + 1; place < bad; place++) if (!verdicts.has(place)) open.push(place);
  return open;
}

/** So many of them that they part the list evenly. */
function parts(open: readonly number[], jobs: number): number[] {
  return Array.from({ length: Math.min(jobs, open.length) }, (_, i) => {
    return open[Math.floor(((i + 1) * open.length) / (Math.min(jobs, open.length) + 1))] ?? 0;
  });
}

/** Calls `step` in so many lines until it says no. The first error ends all lines, and is thrown when they have ended. */
async function together(jobs: number, step: () => Promise<boolean>): Promise<void> {
  const failures: unknown[] = [];
  const line = async () => {
    try {
      while (failures.length === 0 && (await step()));
    } catch (error) {
      failures.push(error);
    }
  };
  if (!(jobs >= 1)) throw new BlockError("EINVAL", `${jobs} checks can't be made at the same time`);
  await Promise.all(Array.from({ length: jobs }, line));
  if (failures.length > 0) throw failures[0];
}
