// Progress of a repair's jobs: one phase after the other, each told at most ten times a second.
import type { RepairJob } from "../block/repair.ts";
import type { JobProgress } from "../jobs/contract.ts";
import type { RepairTotals } from "./repairRun.ts";

const tellEveryMs = 100;

interface Told {
  readonly signal: AbortSignal;
  progress(progress: JobProgress<RepairTotals>): void;
}

/** Tells that the phase has begun, and gives what tells how far it is. */
export function phaseOf(job: Pick<Told, "progress">, phase: string): (done: number, total: number) => void {
  let toldAt = performance.now();
  job.progress({ done: 0, total: 1, bytesRead: 0, phase, totals: { count: 0 } });
  return (done, total) => {
    const now = performance.now();
    if (now - toldAt < tellEveryMs) return;
    toldAt = now;
    job.progress({ done, total, bytesRead: 0, phase, totals: { count: done } });
  };
}

/** For work that names its phases itself. */
export function phasesOf(job: Told): Required<RepairJob> {
  let tell: ReturnType<typeof phaseOf> = () => undefined;
  return {
    signal: job.signal,
    phase: (name) => {
      tell = phaseOf(job, name);
    },
    progress: (done, total) => tell(done, total),
  };
}
