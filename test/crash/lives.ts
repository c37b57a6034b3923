// Runs whole lives of an image and judges what crashes leave: every answered request is a place to cut, plain and
// with the last write torn, and at each some samples of what reorderings between two flushes leave.
import { type Random, randomFrom } from "../build/random.ts";
import { type CrashState, cutMoments, prefixState, reorderedState, tornState } from "./crashStates.ts";
import type { Chooser, Start } from "./format.ts";
import { judge, judgeWritten, type Verdict } from "./judge.ts";
import { describePart } from "./report.ts";
import { type Part, runPart } from "./workload.ts";

export interface Effort {
  /** Cuts judged in each part of a life; all when left out. */
  readonly cuts?: number;
  /** Samples of reorderings at each cut. */
  readonly reorderings: number;
}

export interface Tally {
  states: number;
  corrupt: number;
  leaking: number;
  requests: number;
}

/** Hears of every state that passed, for a second opinion. */
export type Witness = (part: Part, state: CrashState, verdict: Verdict) => Promise<void>;

/**
 * One life of one to three parts; it ends early with an image that only a repair can go on from and the driver has none.
 * Throws an Error with the seed, the cut and what happened until then.
 */
export async function runLife(
  choose: Chooser,
  seed: number,
  effort: Effort,
  tally: Tally,
  witness?: Witness,
): Promise<void> {
  const random = randomFrom(seed);
  const { setting, start } = choose(random);
  let next: Start | undefined = start;
  for (let parts = random.pick([1, 1, 2, 3]); parts > 0 && next !== undefined; parts--) {
    let part: Part;
    try {
      part = await runPart(setting, next, random);
    } catch (error) {
      throw new Error(`BLKSCOPE_SEED=${seed}: the workload failed: ${messageOf(error)}`, { cause: error });
    }
    tally.requests += part.record.requests.length;
    next = await judgePart(part, seed, effort, random, tally, witness);
  }
}

/** Judges one part; gives one of the states, from which life goes on if it can. */
export async function judgePart(
  part: Part,
  seed: number,
  effort: Effort,
  random: Random,
  tally: Tally,
  witness?: Witness,
): Promise<Start | undefined> {
  const all = cutMoments(part.record);
  const moments = effort.cuts === undefined ? all : sample(all, effort.cuts, random);
  // Before the last flush of the close: where the bit for repairs is cleared is judged in every life.
  const closing = all.at(-2);
  if (closing !== undefined && !moments.includes(closing)) moments.push(closing);
  const goesOn = random.below(moments.length);
  let next: Start | undefined;
  for (const [index, moment] of moments.entries()) {
    const states = [prefixState(part.record, moment), tornState(part.record, moment, random)];
    for (let left = effort.reorderings; left > 0; left--) {
      states.push(reorderedState(part.record, moment, random));
    }
    for (const state of states) {
      const verdict = await judgeState(part, state, seed, random);
      tally.states++;
      if (verdict.corruptions > 0) tally.corrupt++;
      if (verdict.leaks > 0) tally.leaking++;
      await witness?.(part, state, verdict);
      const { content, snapshots, bitmaps, repaired } = verdict;
      if (index === goesOn && repaired !== undefined) {
        const damaged = verdict.corruptions > 0;
        next = { bytes: state.bytes.slice(), content, damaged, snapshots, bitmaps };
      }
    }
  }
  return next;
}

async function judgeState(part: Part, state: CrashState, seed: number, random: Random): Promise<Verdict> {
  try {
    const verdict = await judge(part, state);
    const policy = random.pick(["report", "repair", undefined, undefined] as const);
    if (policy !== undefined) await judgeWritten(part, state, policy, verdict);
    return verdict;
  } catch (error) {
    const where = `BLKSCOPE_SEED=${seed}, crash at ${state.moment} (${state.how})`;
    const happened = describePart(part, state.moment);
    throw new Error(`${where}:\n${messageOf(error)}\n${happened}`, { cause: error });
  }
}

function sample(from: readonly number[], count: number, random: Random): number[] {
  const left = [...from];
  const chosen: number[] = [];
  while (chosen.length < count && left.length > 0) {
    chosen.push(...left.splice(random.below(left.length), 1));
  }
  return chosen.sort((a, b) => a - b);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
