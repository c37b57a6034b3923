// The job that checks states of a log until it is cancelled, one thread of several. Each keeps the log's tables.
import type { JobContext } from "../jobs/contract.ts";
import type { StateCheckParams, StateCheckResult } from "./stateCheckRun.ts";
import { judgeByCheck } from "./stateJudge.ts";

export async function stateCheckJob(
  params: StateCheckParams,
  job: JobContext<"stateCheck">,
): Promise<StateCheckResult> {
  job.answer?.({ check: (question) => judgeByCheck(params, question, job.signal) });
  if (!job.signal.aborted) {
    await new Promise((resolve) => job.signal.addEventListener("abort", resolve, { once: true }));
  }
  return { cancelled: true };
}
