// How far a count of votes is, from its job and what earlier, cancelled parts of the same count found.
import type { PlainError } from "../../../core/base/errors.ts";
import type { VoteMapTotals } from "../../../core/ops/voteRun.ts";
import type { Job } from "../../store/jobs.ts";

interface Known {
  readonly totals: VoteMapTotals;
  readonly scannedTo: number;
  readonly total: number;
}
export type VoteScan = Known &
  (
    | { readonly kind: "waiting" }
    | { readonly kind: "scanning"; readonly cancelling: boolean; readonly rate: number | undefined }
    | { readonly kind: "ended"; readonly cancelled: boolean }
    | { readonly kind: "failed"; readonly error: PlainError }
  );

export const noTotals: VoteMapTotals = {
  runs: 0,
  bytes: 0,
  undecidedBytes: 0,
  outvoted: [],
  unreadable: [],
  notListed: 0,
};

export function scanOf(job: Job<"votes"> | undefined, before: VoteMapTotals, size: number): VoteScan {
  if (job === undefined) return { kind: "waiting", totals: before, scannedTo: 0, total: size };
  const { state, from } = job;
  switch (state.kind) {
    case "running": {
      const { progress, rate, cancelling } = state;
      const totals = progress ? sum(before, progress.totals) : before;
      const scannedTo = progress?.done ?? from;
      return {
        kind: "scanning",
        totals,
        scannedTo,
        total: progress?.total ?? size,
        cancelling,
        rate: rate?.readPerSecond,
      };
    }
    case "failed":
      return { kind: "failed", error: state.error, totals: before, scannedTo: from, total: size };
    default: {
      const { summary } = state;
      const totals = sum(before, summary);
      return {
        kind: "ended",
        totals,
        scannedTo: summary.scannedTo,
        total: summary.size,
        cancelled: summary.cancelled,
      };
    }
  }
}

function sum(a: VoteMapTotals, b: VoteMapTotals): VoteMapTotals {
  const each = (left: readonly number[], right: readonly number[]) =>
    right.map((bytes, child) => bytes + (left[child] ?? 0));
  return {
    runs: a.runs + b.runs,
    bytes: a.bytes + b.bytes,
    undecidedBytes: a.undecidedBytes + b.undecidedBytes,
    outvoted: each(a.outvoted, b.outvoted),
    unreadable: each(a.unreadable, b.unreadable),
    notListed: a.notListed + b.notListed,
  };
}
