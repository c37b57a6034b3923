// The search for the first state of a log that fails, for the command line and for views: which states are looked at, what
// became of them, and the entries behind the last good state one by one.
import { type BinaryResult, type LinearResult, searchBinary, searchLinear } from "../writelog/bisect.ts";
import type { LogIndex } from "../writelog/logIndex.ts";
import { type CrashState, type MomentKind, type ReorderSample, statesAt } from "../writelog/states.ts";
import { reorderedStates } from "../writelog/statesReorder.ts";
import type { StateOutcome } from "./stateCheckRun.ts";

/** States and, by their places, what became of those that were looked at. */
export interface Looked {
  readonly states: readonly CrashState[];
  readonly outcomes: Map<number, StateOutcome>;
}

export interface StatesRequest {
  readonly at: MomentKind | ReorderSample;
  /** Entries [first, end). */
  readonly first: number;
  readonly end: number;
  /** The state after `first` entries is one of them: it is known to be a disk, not just zeroes. */
  readonly withStart: boolean;
}

/** Throws EFBIG: there are more than a search looks at. */
export function statesOfRequest(
  index: LogIndex,
  { at, first, end, withStart }: StatesRequest,
): readonly CrashState[] {
  if (typeof at === "object") return reorderedStates(index, [first, end], at);
  return statesAt(index, at, { first, end, withStart });
}

export interface SearchRequest {
  readonly search: "linear" | "binary";
  /** Go on behind the first state that fails. */
  readonly all: boolean;
  /** Checks at the same time. */
  readonly jobs: number;
}

/**
 * Looks at states; outcomes are in `looked` as they come, and `told` hears of each. Throws what `judge` throws, when
 * everything under way has ended.
 */
export async function searchStates(
  { search, all, jobs }: SearchRequest,
  { states, outcomes }: Looked,
  judge: (state: CrashState) => Promise<StateOutcome>,
  told: (state: CrashState, outcome: StateOutcome) => void,
): Promise<LinearResult | BinaryResult> {
  const options = {
    count: states.length,
    jobs,
    judge: async (place: number) => {
      const state = states[place];
      if (state === undefined) return "skip" as const;
      const outcome = await judge(state);
      outcomes.set(place, outcome);
      told(state, outcome);
      return outcome.verdict;
    },
  };
  return search === "binary" ? searchBinary(options) : searchLinear(options, all);
}

/** Every entry behind the last good state up to the one that fails; undefined where there is none between. */
export function statesBetween({ states }: Looked, { firstBad, lastGood }: LinearResult): Looked | undefined {
  const [good, bad] = [states[lastGood ?? -1], states[firstBad ?? -1]];
  if (good === undefined || bad === undefined || bad.entries - good.entries < 2) return undefined;
  const inside: CrashState[] = [];
  for (let entries = good.entries + 1; entries < bad.entries; entries++) {
    inside.push({ entries, lost: good.lost, kind: "entry" });
  }
  return { states: inside, outcomes: new Map() };
}
