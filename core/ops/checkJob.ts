// The job behind lists of problems: opens its graph and checks the tables of a node. Being cancelled is a result.
import { BlockError } from "../base/errors.ts";
import { openGraph } from "../graph.ts";
import type { JobContext } from "../jobs/contract.ts";
import type { CheckParams, CheckSummary } from "./checkRun.ts";

const progressEveryMs = 100;

/** Throws what opening and checking throw; EINVAL where there is no such node. */
export async function checkJob(params: CheckParams, job: JobContext<"check">): Promise<CheckSummary> {
  const startedAt = performance.now();
  const options = { readOnly: true, forceShare: true, toInspect: true, backing: "none" } as const;
  const graph = await openGraph(params.spec, options);
  const ended = (result: CheckSummary["result"], supported: boolean, cancelled: boolean): CheckSummary => ({
    result,
    supported,
    cancelled,
    elapsedMs: performance.now() - startedAt,
  });
  try {
    const node = graph.nodeAt(params.node ?? "");
    if (node === undefined) throw new BlockError("EINVAL", `the image has no node "${params.node}"`);
    if (node.check === undefined) return ended(undefined, false, false);
    if (job.signal.aborted) return ended(undefined, true, true);
    let findings = 0;
    let toldAt = Number.NEGATIVE_INFINITY;
    const result = await node.check({
      signal: job.signal,
      finding: (finding) => {
        findings += 1;
        job.item(finding);
      },
      progress: (done, total) => {
        const now = performance.now();
        if (now - toldAt < progressEveryMs) return;
        toldAt = now;
        job.progress({ done, total, bytesRead: 0, totals: { findings } });
      },
    });
    return ended(result, true, false);
  } catch (error) {
    if (job.signal.aborted && error instanceof BlockError && error.code === "ECANCELED") {
      return ended(undefined, true, true);
    }
    throw error;
  } finally {
    await graph.close();
  }
}
