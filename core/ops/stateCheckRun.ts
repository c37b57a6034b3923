// The check of states of a log by a format's own check, in a thread: what the job is given and asked. Plain data.
import type { ImageSpec } from "../block/driver.ts";
import type { StateOutcome } from "./stateJudge.ts";

export interface StateCheckParams {
  /** A format that has a check. */
  readonly format: string;
  /** The log and the disk before its first entry, as protocol nodes. */
  readonly log: ImageSpec;
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

export type StateCheckAsks = {
  readonly check: { readonly question: StateQuestion; readonly answer: StateOutcome };
};

export interface StateCheckResult {
  readonly cancelled: boolean;
}
