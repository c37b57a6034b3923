// Makes a metadata-only bundle of an open image, and the job that does so for the app. The image is only read.
import * as fs from "node:fs";
import { BlockError } from "../base/errors.ts";
import { childOf } from "../block/extents.ts";
import { type BundlePlan, type NamedPart, planBundle } from "../bundle/plan.ts";
import { writeBundle } from "../bundle/write.ts";
import { type Graph, openGraph } from "../graph.ts";
import type { JobContext } from "../jobs/contract.ts";
import type { BundleParams, BundleResult, WrittenBundle } from "./bundleRun.ts";

const progressEveryMs = 100;

export interface BundleJob {
  readonly signal: AbortSignal;
  /** Bytes of the file while its tables are looked through, then bytes of tables written. */
  progress(done: number, total: number, isWriting: boolean): void;
  /** Told before anything is written: names of other files that will be in the bundle, or blanked in it. */
  names?(names: readonly NamedPart[]): void;
}

/**
 * Throws ENOTSUP (an image without tables), EFBIG (too many clusters), EINVAL (`to` is there, or belongs to the image; no
 * such node), ENOSPC, EACCES, EIO, ECANCELED; then no file is left behind.
 */
export async function bundleImage(
  graph: Graph,
  { node = "", to, redactNames, replace }: Omit<BundleParams, "spec">,
  job: BundleJob,
): Promise<WrittenBundle> {
  const image = graph.nodeAt(node);
  if (image === undefined) throw new BlockError("EINVAL", `the image has no node "${node}"`);
  const file = childOf(image, "file") ?? image;
  refuseOwnFile(graph, to);
  const plan = await planBundle(image, file, {
    signal: job.signal,
    progress: (done, total) => job.progress(done, total, false),
  });
  job.names?.(plan.names);
  const request = { plan, format: image.driver, file, to, redactNames, replace };
  const length = await writeBundle(request, {
    signal: job.signal,
    progress: (done, total) => job.progress(done, total, true),
  });
  return written(plan, length);
}

function written({ total, omitted, omittedTables }: BundlePlan, length: number): WrittenBundle {
  return { length, tableBytes: total, omitted, omittedTables };
}

/** Also where it is there by another name. */
function refuseOwnFile({ nodes }: Graph, to: string): void {
  const there = fs.statSync(to, { bigint: true, throwIfNoEntry: false });
  if (there === undefined) return;
  for (const { info } of nodes) {
    const own = info.path && fs.statSync(info.path, { bigint: true, throwIfNoEntry: false });
    if (!own || own.ino !== there.ino || own.dev !== there.dev) continue;
    throw new BlockError("EINVAL", `'${to}' belongs to the image itself`, {
      path: to,
      hint: "Choose another name for the bundle.",
    });
  }
}

/** Throws what opening and bundling throw; being cancelled is a result. */
export async function bundleJob(params: BundleParams, job: JobContext<"bundle">): Promise<BundleResult> {
  const options = { readOnly: true, forceShare: true, toInspect: true, backing: "none" } as const;
  const graph = await openGraph(params.spec, options);
  let toldAt = Number.NEGATIVE_INFINITY;
  try {
    const result = await bundleImage(graph, params, {
      signal: job.signal,
      progress: (done, total, isWriting) => {
        const now = performance.now();
        if (now - toldAt < progressEveryMs && done < total) return;
        toldAt = now;
        const bytes = isWriting ? done : 0;
        const phase = isWriting ? "Writing the bundle" : "Reading the tables";
        job.progress({ done, total, bytesRead: done, phase, totals: { bytes } });
      },
    });
    return { cancelled: false, written: result };
  } catch (error) {
    if (job.signal.aborted && error instanceof BlockError && error.code === "ECANCELED") {
      return { cancelled: true, written: undefined };
    }
    throw error;
  } finally {
    await graph.close();
  }
}
