// What both ways of comparing share: the request, the job run in this process with SIGINT as its cancel, and
// errors that name the right one of the two images.
import { BlockError } from "../base/errors.ts";
import { startHelperThread } from "../jobs/client.ts";
import type { CompareParams } from "../jobs/contract.ts";
import { type JobHandlers, runJob } from "../jobs/run.ts";
import type { CompareSummary } from "../ops/mismatch.ts";
import { interruptedExit } from "./command.ts";
import { type ArgumentOptions, type ImageArgument, imageArgument } from "./imageArgument.ts";
import { openError } from "./openError.ts";
import { warnOfRepair } from "./repairWarning.ts";

export interface CompareRequest {
  readonly a: ImageArgument;
  readonly b: ImageArgument;
  readonly strict: boolean;
  readonly forceShare: boolean;
  readonly quiet: boolean;
  readonly progress: boolean;
  readonly json: boolean;
}

/** Exit codes of `compare` for what is wrong with an image. */
export const exits = {
  identical: 0,
  different: 1,
  cannotOpen: 2,
  allocationUnknown: 3,
  unreadable: 4,
} as const;

/** Throws CliError with exit code 2. */
export function comparedImage(given: string, how: ArgumentOptions): ImageArgument {
  try {
    return imageArgument(given, how);
  } catch (error) {
    throw openError(given, error, exits.cannotOpen);
  }
}

/**
 * Runs the comparison in this thread (and its helper). SIGINT ends it early: the result then says `cancelled`.
 * Throws CliError for an image that cannot be opened.
 */
export async function runCompare(
  { a, b, strict, forceShare }: CompareRequest,
  params: Pick<CompareParams, "stopAtFirst" | "moved">,
  handlers: JobHandlers<"compare">,
  stop: AbortController,
): Promise<CompareSummary> {
  for (const { spec } of [a, b]) await warnOfRepair(spec);
  const interrupt = interruptOf(stop);
  process.on("SIGINT", interrupt);
  try {
    return await runJob(
      "compare",
      { a: a.spec, b: b.spec, strict, forceShare, backing: "open", ...params },
      handlers,
      {
        signal: stop.signal,
        startHelper: startHelperThread,
      },
    );
  } catch (error) {
    if (!(error instanceof BlockError) || error.context.side === undefined) throw error;
    throw openError((error.context.side === "a" ? a : b).given, error, exits.cannotOpen);
  } finally {
    // Once interrupted, what was found is about to be printed: a repeated signal must not cut that off.
    if (!stop.signal.aborted) process.removeListener("SIGINT", interrupt);
  }
}

/** The same key press can reach us twice, from the terminal and from the program that started us, milliseconds. */
const repeatedMs = 500;

/** The first SIGINT stops the scan, a later second one the program. */
function interruptOf(stop: AbortController): () => void {
  let at: number | undefined;
  return () => {
    if (at !== undefined && performance.now() - at > repeatedMs) process.exit(interruptedExit);
    at ??= performance.now();
    stop.abort();
  };
}
