// The job behind the map view: opens its graph, scans, tells the summary, and then keeps kinds and levels in its thread,
// answering questions for tiles and places until it is cancelled. Being cancelled is a result.
import { BlockError } from "../base/errors.ts";
import { openGraph } from "../graph.ts";
import type { JobContext } from "../jobs/contract.ts";
import { mapClusters } from "./clusterMap.ts";
import type { MapParams, MapResult } from "./mapRun.ts";

const progressEveryMs = 100;

/** Throws what opening throws; EINVAL where there is no such node, EFBIG. */
export async function mapJob(params: MapParams, job: JobContext<"map">): Promise<MapResult> {
  const graph = await openGraph(params.spec, {
    readOnly: true,
    forceShare: true,
    backing: params.backing ?? "none",
  });
  try {
    const node = graph.nodeAt(params.node ?? "");
    if (node === undefined) throw new BlockError("EINVAL", `the image has no node "${params.node}"`);
    let toldAt = Number.NEGATIVE_INFINITY;
    const map = await mapClusters(node, {
      signal: job.signal,
      progress: (done, total, bytesRead) => {
        const now = performance.now();
        if (now - toldAt < progressEveryMs) return;
        toldAt = now;
        job.progress({ done, total, bytesRead, totals: { bytesRead } });
      },
    });
    job.answer?.({
      tile: (request) => map.tile(request, job.signal),
      place: async ({ offset, limit }) => map.place(offset, limit, job.signal),
      guestPlace: ({ offset }) => map.guestPlace(offset),
      next: (question) => map.next(question, job.signal),
    });
    const { fileSize, bytesRead } = map.summary;
    job.item({ summary: map.summary });
    // What was found is sent before the progress that follows it, and at once.
    job.progress({ done: fileSize, total: fileSize, bytesRead, totals: { bytesRead } });
    // Without a line for questions nobody can ask any.
    if (job.answer !== undefined) await untilAborted(job.signal);
    return { cancelled: false, summary: map.summary };
  } catch (error) {
    if (job.signal.aborted && error instanceof BlockError && error.code === "ECANCELED") {
      return { cancelled: true, summary: undefined };
    }
    throw error;
  } finally {
    await graph.close();
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
