// A check of an image's tables as a job, as plain data for threads and views.
import type { ImageSpec } from "../block/driver.ts";
import type { CheckResult, Finding } from "../block/finding.ts";

export interface CheckParams {
  readonly spec: ImageSpec;
  /** Path of the node in the graph; "" is the root. */
  readonly node?: string;
}

/** In the order in which they are found. */
export type CheckItem = Finding;

export interface CheckTotals {
  /** Findings kept so far. */
  readonly findings: number;
}

export interface CheckSummary {
  /** Undefined when it was cancelled, or the format has no check. */
  readonly result: CheckResult | undefined;
  /** Whether the format can be checked at all. */
  readonly supported: boolean;
  readonly cancelled: boolean;
  readonly elapsedMs: number;
}
