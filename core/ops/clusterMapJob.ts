// The job behind the map view: opens its graph, scans, tells the summary, and then keeps kinds and levels in its thread,
// answering questions for tiles and places until it is cancelled. While it scans it answers with what it knows by then,
// also when it is told to stand still. Being cancelled is a result.
import { BlockError } from "../base/errors.ts";
import { openGraph } from "../graph.ts";
import type { Answers, JobContext } from "../jobs/contract.ts";
import { Latest } from "../jobs/latest.ts";
import { type ClusterMap, mapClusters } from "./clusterMap.ts";
import type { GrowingMap } from "./growingMap.ts";
import type { MapParams, MapPlace, MapResult } from "./mapRun.ts";
import { Standstill } from "./standstill.ts";

const progressEveryMs = 100;
const defaultReferences = 1000;

/** Throws what opening throws; EINVAL where there is no such node, EFBIG. */
export async function mapJob(params: MapParams, job: JobContext<"map">): Promise<MapResult> {
  const graph = await openGraph(params.spec, {
    readOnly: true,
    forceShare: true,
    toInspect: true,
    backing: params.backing ?? "none",
  });
  try {
    const node = graph.nodeAt(params.node ?? "");
    if (node === undefined) throw new BlockError("EINVAL", `the image has no node "${params.node}"`);
    let growing: GrowingMap | undefined;
    let told = { at: Number.NEGATIVE_INFINITY, done: 0, total: 0, bytesRead: 0 };
    const tell = () => {
      const { done, total, bytesRead } = told;
      job.progress({ done, total, bytesRead, totals: { bytesRead, soFar: growing?.soFar } });
    };
    const standstill = new Standstill(job.signal, () => {
      growing?.catchUp();
      tell();
    });
    const map = await mapClusters(node, {
      signal: job.signal,
      progress: (done, total, bytesRead) => {
        const now = performance.now();
        const isDue = now - told.at >= progressEveryMs;
        told = { at: isDue ? now : told.at, done, total, bytesRead };
        if (isDue) tell();
      },
      rest: () => standstill.wait(),
      // Nobody can ask for it without a line for questions.
      ...(job.answer === undefined
        ? {}
        : {
            growing: (started) => {
              growing = started;
              answerSoFar(started, standstill, job);
            },
          }),
    });
    answer(map, job);
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

function answerSoFar(map: GrowingMap, standstill: Standstill, job: JobContext<"map">): void {
  job.answer?.({
    tile: async (request) => map.tile(request),
    place: ({ offset, limit = defaultReferences }) => map.place({ offset, limit, signal: job.signal }),
    guestPlace: async () => {
      throw new BlockError("EINVAL", "The guest's disk is known when the scan is over");
    },
    next: async (question) => map.next(question),
    pause: async ({ paused }) => standstill.set(paused),
  });
}

function answer(map: ClusterMap, job: JobContext<"map">): void {
  job.answer?.({
    tile: (request) => map.tile(request, job.signal),
    place: latestPlace(map, job.signal),
    guestPlace: ({ offset }) => map.guestPlace(offset),
    next: (question) => map.next(question, job.signal),
    pause: async () => undefined,
  });
}

/** Ends the search of a place for the sake of that of another; the same question asked meanwhile has its answer. */
function latestPlace(map: ClusterMap, signal: AbortSignal): Answers<"map">["place"] {
  let latest: { offset: number; limit: number; found: Promise<MapPlace> } | undefined;
  const searches = new Latest(signal);
  return ({ offset, limit = defaultReferences }) => {
    if (latest?.offset === offset && latest.limit === limit) return latest.found;
    const found = map.place(offset, limit, searches.next()).finally(() => {
      if (latest?.found === found) latest = undefined;
    });
    latest = { offset, limit, found };
    return found;
  };
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
