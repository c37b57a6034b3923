// What the plot is given of a log: its bins from the job that holds it, its walls, and its next flush or mark.
import type { LogSummary } from "../../../core/ops/logIndexRun.ts";
import { entryFlags } from "../../../core/writelog/layout.ts";
import { call } from "../../api.ts";
import type { TimelineSource, Wall } from "../../timeline/contract.ts";
import { isWall } from "./problems.ts";
import type { TimelineSession } from "./session.ts";

/** Of the log as it is now and the filter in force: another one is made when either changes. */
export function plotSource(session: TimelineSession, summary: LogSummary, filter: string): TimelineSource {
  return {
    entries: summary.entries,
    diskSize: Math.max(summary.diskEnd, session.baseSize),
    sectorSize: summary.sectorSize,
    walls: wallsOf(summary),
    bins: async (request) => call("log:bins", { ...request, job: session.asked, filter }),
    used: async () => call("log:used", { job: session.asked }),
    nextEvent: async (from, backwards) =>
      call("log:next", {
        job: session.asked,
        from: Math.max(-1, backwards ? from - 1 : from + 1),
        kinds: ["mark"],
        flags: entryFlags.flush,
        backwards,
      }),
  };
}

/** Where entries are missing, and where the log ends before its end. */
export function wallsOf({ recovered, end, entries }: LogSummary): readonly Wall[] {
  const walls: Wall[] = recovered.map(({ first, skipped }) => ({
    entry: first,
    reason: `${skipped} damaged bytes of the log were skipped here; entries may be missing.`,
  }));
  if (isWall(end.kind)) walls.push({ entry: entries, reason: end.message });
  return walls;
}
