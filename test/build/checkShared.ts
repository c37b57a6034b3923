// The check of a qcow2 image with threads, however small it is, and without them.

import type { Sharing } from "../../core/base/sharing.ts";
import type { CheckJob, CheckResult, Finding } from "../../core/block/finding.ts";
import type { BlockNode } from "../../core/block/node.ts";
import { checkQcow2 } from "../../core/format/qcow2/check.ts";
import { readImage } from "../../core/format/qcow2/header.ts";
import { inspectSnapshots } from "../../core/format/qcow2/snapshots.ts";

export const alone: Sharing = { threads: 1, leastBytes: 1 };
export const two: Sharing = { threads: 2, leastBytes: 1 };

export interface Found {
  readonly result: CheckResult;
  readonly findings: readonly Finding[];
}

/** All that is found, in its order. `file` is the image's. */
export async function checkShared(file: BlockNode, sharing: Sharing, job: CheckJob = {}): Promise<Found> {
  const image = await readImage(file, "inspect");
  const { snapshots, faults } = await inspectSnapshots(file, image.header);
  const findings: Finding[] = [];
  const finding = (one: Finding) => {
    findings.push(one);
    job.finding?.(one);
  };
  const result = await checkQcow2(file, image, snapshots, { ...job, finding }, faults, sharing);
  return { result, findings };
}
