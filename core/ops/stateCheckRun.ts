// The check of states of a log by a format's own check, in a thread: what the job is given and asked. Plain data.
import type { ImageSpec } from "../block/driver.ts";
import type { Verdict } from "../writelog/bisect.ts";

export interface StateCheckParams {
  /** A format that has a check. */
  readonly format: string;
  /** The log and the disk before its first entry, as protocol nodes. */
  readonly log: ImageSpec;
  /** Entries behind damage in the log count too. */
  readonly recover: boolean;
  readonly base: ImageSpec | undefined;
  /** Bytes of the disk; undefined: as far as the log writes, or the base's. */
  readonly size: number | undefined;
}

export interface StateQuestion {
  /** Entries applied. */
  readonly entries: number;
  /** Of these, what a crash took, as `parseLost` reads it; may be empty. */
  readonly lost: string;
}

/** What came of judging a state. */
export interface StateOutcome {
  readonly verdict: Verdict;
  /** "exit 8", "consistent, 3 leaks". */
  readonly text: string;
  /** Of a command; undefined where a signal or the time ended it. */
  readonly exit: number | undefined;
  readonly ms: number;
  /** What a command printed, the findings of a check: for the state that fails. */
  readonly output: string;
}

export type StateCheckAsks = {
  readonly check: { readonly question: StateQuestion; readonly answer: StateOutcome };
};

export interface StateCheckResult {
  readonly cancelled: boolean;
}
