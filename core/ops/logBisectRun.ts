// The search of a log for the first state that fails, as plain data for threads and views: what the job is given, what it
// tells while it goes on, and what it found.
import type { ImageSpec } from "../block/driver.ts";
import type { BinaryResult, Verdict } from "../writelog/bisect.ts";
import type { CrashState, MomentKind, ReorderSample } from "../writelog/states.ts";
import type { StateCommand } from "./commandWords.ts";

export type StateJudgeSpec =
  /** By the check of a format that has one. */
  | { readonly kind: "check"; readonly format: string }
  | { readonly kind: "command"; readonly command: StateCommand };

export interface LogBisectParams {
  /** The log, a file or device, and the disk before its first entry. */
  readonly log: ImageSpec;
  readonly base: ImageSpec | undefined;
  /** Bytes of the disk; undefined: as far as the log writes, or the base's. */
  readonly size: number | undefined;
  /** Entries [first, end); undefined: all that the superblock counts. The state after `first` of them is looked at too. */
  readonly range: { readonly first: number; readonly end: number } | undefined;
  readonly at: MomentKind | ReorderSample;
  readonly search: "linear" | "binary";
  /** Of a linear search: go on behind the first state that fails. */
  readonly all: boolean;
  /** Look at every entry behind the last good state. */
  readonly refine: boolean;
  readonly judge: StateJudgeSpec;
  /** Checks at the same time; undefined: as many as there are cores. */
  readonly jobs?: number;
}

/** A state, its lost writes as `parseLost` reads them; may be empty. */
export interface PlainState {
  readonly entries: number;
  readonly kind: CrashState["kind"];
  readonly lost: string;
}

/** A state that was looked at. */
export interface LogBisectItem extends PlainState {
  readonly verdict: Verdict;
  /** "exit 8", "consistent, 3 leaks". */
  readonly text: string;
  readonly exit: number | undefined;
  readonly ms: number;
  /** Looked at behind the last good state, entry by entry. */
  readonly refined: boolean;
}

export interface LogBisectTotals {
  /** States in the list, and of these (and of those of `refined`) looked at so far. */
  readonly states: number;
  readonly good: number;
  readonly bad: number;
  readonly skipped: number;
}

/** An entry with which something became durable, or that names a place. */
export interface LogEvent {
  readonly entry: number;
  readonly kind: "flush" | "fua" | "mark";
  /** Of a mark. */
  readonly text: string | undefined;
}

/** Events that are told of those between two states. */
export const mostEvents = 20;

export interface LogBisectResult {
  /** Ended before it knew: the states below are those that were looked at until then. */
  readonly cancelled: boolean;
  readonly totals: LogBisectTotals;
  /** Of a search by halves: why there was nothing to halve. */
  readonly edges: BinaryResult["edges"] | undefined;
  /** States right before the first that fails which could not be judged: any of them may be the first. */
  readonly undecided: number;
  /** Stretches that fail, good again between them; where all were looked at. */
  readonly stretches: number;
  readonly firstBad: PlainState | undefined;
  readonly lastGood: PlainState | undefined;
  /** What the check said of the first state that fails. */
  readonly output: string;
  /** Flushes, FUA writes and marks among the entries behind the last good state up to the first that fails. */
  readonly between: { readonly total: number; readonly events: readonly LogEvent[] } | undefined;
  /** The same search on the command line; undefined where it has no words for the base. */
  readonly command: string | undefined;
}
