// How far a comparison is: one union from the job's state and what earlier, cancelled parts of the scan found.
import type { PlainError } from "../../../core/base/errors.ts";
import type { JobProgress } from "../../../core/jobs/contract.ts";
import type { CompareSummary, CompareTotals } from "../../../core/ops/mismatch.ts";
import type { Job } from "../../store/jobs.ts";
import { type Rate, timeLeftMs } from "../../store/rate.ts";

export const noTotals: CompareTotals = {
  runs: 0,
  rows: 0,
  sectors: 0,
  bytes: 0,
  unreadableRanges: 0,
  unreadableBytes: 0,
};

interface Known {
  readonly totals: CompareTotals;
  /** Bytes for which results are final, from the start of the image. */
  readonly scannedTo: number;
  /** Bytes to compare: the longer image. */
  readonly total: number;
}
export type Scan = Known &
  (
    | { readonly kind: "waiting" }
    | {
        readonly kind: "scanning";
        readonly cancelling: boolean;
        /** Bytes read per second, and time left; undefined while too early to say. */
        readonly rate: number | undefined;
        readonly leftMs: number | undefined;
        /** All is scanned; what is still being done, and how far that is. */
        readonly phase: { readonly name: string; readonly done: number } | undefined;
      }
    | {
        readonly kind: "ended";
        /** Everything was scanned and could be read. */
        readonly complete: boolean;
        readonly cancelled: boolean;
        readonly identical: boolean;
        readonly first: number | undefined;
        readonly mergedAfter: number | undefined;
        readonly elapsedMs: number;
      }
    | { readonly kind: "failed"; readonly error: PlainError }
  );

/** What earlier parts of the same scan left: a resumed scan adds to it. */
export interface Before {
  readonly totals: CompareTotals;
  readonly first: number | undefined;
  /** The resumed scan's first run continued the last one: one run fewer in all. */
  readonly joined: boolean;
}
export const nothingBefore: Before = { totals: noTotals, first: undefined, joined: false };

export type Progress = JobProgress<CompareTotals>;

/** `total` is used until the job states its own; `last` is the last progress heard, for a scan that failed. */
export function scanOf(
  job: Job<"compare"> | undefined,
  before: Before,
  total: number,
  last?: Progress,
): Scan {
  if (!job) return { kind: "waiting", totals: before.totals, scannedTo: 0, total };
  const { state, from } = job;
  switch (state.kind) {
    case "running": {
      const { progress, rate, cancelling } = state;
      return {
        kind: "scanning",
        ...known(progress, before, total, from),
        cancelling,
        rate: rate?.readPerSecond,
        leftMs: left(rate, progress?.total ?? total),
        phase: progress?.phase === undefined ? undefined : { name: progress.phase, done: progress.done },
      };
    }
    case "failed":
      return { kind: "failed", error: state.error, ...known(last, before, total, from) };
    default:
      return ended(state.summary, before, total);
  }
}

function known(progress: Progress | undefined, before: Before, total: number, from: number): Known {
  if (!progress) return { totals: before.totals, scannedTo: from, total };
  // A later phase counts anew from 0; the scan itself is over then.
  const scannedTo = progress.phase === undefined ? progress.done : progress.total;
  return { totals: sum(before, progress.totals), scannedTo, total: progress.total };
}

function ended(summary: CompareSummary, before: Before, total: number): Scan {
  const totals = sum(before, summary);
  return {
    kind: "ended",
    totals,
    scannedTo: summary.scannedTo,
    total,
    complete: summary.complete && totals.unreadableRanges === 0,
    cancelled: summary.cancelled,
    identical: summary.identical && totals.runs === 0 && totals.unreadableRanges === 0,
    first: before.first ?? summary.first,
    mergedAfter: summary.mergedAfter,
    elapsedMs: summary.elapsedMs,
  };
}

/** Everything was scanned: no mismatch is still to be found, though some ranges may have been unreadable. */
export function isScanned(scan: Scan): boolean {
  if (scan.kind === "ended") return !scan.cancelled;
  return scan.kind === "scanning" && scan.phase !== undefined;
}

function left(rate: Rate | undefined, total: number): number | undefined {
  return rate && timeLeftMs(rate, total);
}

function sum({ totals, joined }: Before, now: CompareTotals): CompareTotals {
  const one = joined ? 1 : 0;
  return {
    runs: totals.runs + now.runs - one,
    rows: totals.rows + now.rows - one,
    sectors: totals.sectors + now.sectors,
    bytes: totals.bytes + now.bytes,
    unreadableRanges: totals.unreadableRanges + now.unreadableRanges,
    unreadableBytes: totals.unreadableBytes + now.unreadableBytes,
  };
}
