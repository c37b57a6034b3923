// What a count of votes over the copies of one disk finds, as plain data for threads and views.
import type { ImageSpec } from "../block/driver.ts";

/** A range in which not all copies say the same. */
export interface VoteRun {
  readonly offset: number;
  readonly length: number;
  /** Children that say what the majority says, ascending; empty where no group reaches the threshold. */
  readonly winner: readonly number[];
  /** Children that were read and say otherwise, ascending. Without a majority: all that were read. */
  readonly losers: readonly number[];
  /** Children that could not be read, ascending, with the reason for the first byte. */
  readonly unreadable: readonly UnreadableChild[];
  /** Children that say the same, in quorum's order: of groups of equal size the first wins. */
  readonly groups: readonly (readonly number[])[];
  /** Two groups of the largest size: a winner there is owed to quorum's rule for ties, not to a majority. */
  readonly tied: boolean;
}

export interface UnreadableChild {
  readonly child: number;
  readonly message: string;
}

/** A job that maps the votes of a quorum. */
export interface VoteMapParams {
  readonly spec: ImageSpec;
  /** Path of the quorum in the graph; "" is the root. */
  readonly node: string;
  /** Guest byte to begin at, a multiple of 512: resumes a cancelled scan. Default 0. */
  readonly from?: number;
  /** Runs found before `from`, so that the limit holds for the whole. */
  readonly runsBefore?: number;
}

export type VoteMapItem = VoteRun;

export interface VoteMapTotals {
  /** Ranges found, kept or not, and the bytes in them. */
  readonly runs: number;
  readonly bytes: number;
  /** Bytes without a majority. */
  readonly undecidedBytes: number;
  /** By child: bytes in which it was outvoted, and that could not be read from it. */
  readonly outvoted: readonly number[];
  readonly unreadable: readonly number[];
  /** Runs behind the limit: counted, and not given. */
  readonly notListed: number;
}

export interface VoteMapSummary extends VoteMapTotals {
  readonly size: number;
  /** Guest offset at which this count began: what an earlier part of it found is not in the totals. */
  readonly from: number;
  readonly scannedTo: number;
  readonly cancelled: boolean;
  readonly elapsedMs: number;
}
