// Applies a repair plan to the file of an image: what is to be changed has to be as the plan says, every change is
// written, flushed and read back, and the dirty bit comes last, when all that is true (used by `check -r`, by opening
// with repair, and by the repair wizard).
import { hex } from "../base/bytes.ts";
import { BlockError } from "../base/errors.ts";
import { compactFinding } from "./compact.ts";
import type { CheckResult, Finding, PeerLines, RepairExtent, RepairPlan, RepairWrite } from "./finding.ts";
import type { BlockNode } from "./node.ts";

export interface RepairJob {
  readonly signal?: AbortSignal;
  /** Another part of the work begins: what it does, in words. The progress that follows is of this part. */
  phase?(name: string): void;
  progress?(done: number, total: number): void;
}

export interface CheckAndRepairJob extends RepairJob {
  /** Hears what the peer prints while it finds and mends. */
  peer?(lines: PeerLines): void;
}

/**
 * `file` is the image's file, open for writing. Throws EINVAL when the image changed since the plan was made (nothing
 * is written then), EIO, ENOSPC, ECANCELED (changes made until then are whole and harmless: each mends one finding).
 */
export async function applyPlan(file: BlockNode, plan: RepairPlan, job: RepairJob = {}): Promise<void> {
  const writes = plan.items.map(({ write }) => write);
  for (const write of plan.dirtyBit ? [...writes, plan.dirtyBit] : writes)
    await expectBytes(file, write, "oldBytes");
  const appended = plan.appended ?? [];
  for (const { offset, newBytes } of appended) await file.write(offset, newBytes);
  if (appended.length > 0) await file.flush();
  for (const write of appended) await expectBytes(file, { ...write, oldBytes: write.newBytes }, "newBytes");
  await writeAll(file, writes, job);
  if (plan.dirtyBit) await writeAll(file, [plan.dirtyBit], {});
}

async function writeAll(file: BlockNode, writes: readonly RepairWrite[], job: RepairJob): Promise<void> {
  if (writes.length === 0) return;
  for (const [index, { offset, newBytes }] of writes.entries()) {
    if (job.signal?.aborted) throw new BlockError("ECANCELED", "The repair was cancelled");
    await file.write(offset, newBytes);
    if (index % 1000 === 0) {
      job.progress?.(index, writes.length);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  await file.flush();
  for (const write of writes) await expectBytes(file, write, "newBytes");
  job.progress?.(writes.length, writes.length);
}

async function expectBytes(
  file: BlockNode,
  write: RepairWrite,
  which: "oldBytes" | "newBytes",
): Promise<void> {
  const found = new Uint8Array(write[which].length);
  await file.read(write.offset, found);
  if (Buffer.compare(found, write[which]) === 0) return;
  const context = { offset: write.offset, length: found.length };
  if (which === "newBytes") {
    throw new BlockError("EIO", `What was written at ${hex(write.offset)} reads back differently`, context);
  }
  throw new BlockError("EINVAL", `The image has changed at ${hex(write.offset)} since it was checked`, {
    ...context,
    hint: "Close what else uses the image and check it again. Nothing was changed.",
  });
}

export interface RepairOutcome {
  /** Of the last check made before the last repair, as the peer counts: what was there before. */
  readonly fixed: number;
  readonly leaksFixed: number;
  /** Of a check after the last repair. */
  readonly result: CheckResult;
  readonly findings: readonly Finding[];
}

/**
 * Checks and repairs until nothing is left that can be repaired. More than one round is needed only above 100,000
 * findings, which is how many a check keeps; a plan that says what it fixes has all in one. The image is open for writing and nothing else uses it.
 */
export async function checkAndRepair(
  node: BlockNode,
  file: BlockNode,
  job: CheckAndRepairJob = {},
  extent: RepairExtent = "all",
): Promise<RepairOutcome> {
  if (!node.check || !node.planRepair)
    throw new BlockError("ENOTSUP", "This image format does not support checks");
  let fixed = 0;
  for (;;) {
    const { result, findings } = await gather(node, job);
    const plan = await node.planRepair(findings, result, extent, job.peer && ((lines) => job.peer?.(lines)));
    if (plan.items.length === 0 && plan.dirtyBit === undefined) {
      return { fixed, leaksFixed: 0, result, findings };
    }
    await applyPlan(file, plan, job);
    await node.reload?.();
    if (plan.fixes && plan.items.length > 0) {
      const { corruptions, leaks } = plan.fixes;
      return { fixed: corruptions, leaksFixed: leaks, ...(await gather(node, job)) };
    }
    fixed += plan.items.length;
    if (plan.items.length === 0) return { fixed, leaksFixed: 0, result, findings };
  }
}

/** A check with its findings as a list. */
export async function gather(
  node: BlockNode,
  job: RepairJob,
): Promise<{ readonly result: CheckResult; readonly findings: readonly Finding[] }> {
  if (!node.check) throw new BlockError("ENOTSUP", "This image format does not support checks");
  const findings: Finding[] = [];
  const result = await node.check({
    ...(job.signal && { signal: job.signal }),
    progress: (done, total) => job.progress?.(done, total),
    finding: (finding) => {
      findings.push(compactFinding(finding));
    },
  });
  return { result, findings };
}
