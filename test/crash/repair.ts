// Checks an image and applies its own repair, as `check -r all` does: every item, flushed; the dirty bit last.

import type { CheckResult, Finding, RepairPlan, RepairWrite } from "../../core/block/finding.ts";
import type { BlockNode } from "../../core/block/node.ts";

export interface Checked {
  readonly result: CheckResult;
  readonly findings: readonly Finding[];
}

export async function checkNode(node: BlockNode): Promise<Checked> {
  const findings: Finding[] = [];
  if (node.check === undefined) throw new Error(`${node.driver} has no check`);
  const result = await node.check({ finding: (finding) => findings.push(finding) });
  return { result, findings };
}

/** Plans the repair of what was found and applies it to the node's file. */
export async function repairNode(node: BlockNode, findings: readonly Finding[]): Promise<RepairPlan> {
  if (node.planRepair === undefined) throw new Error(`${node.driver} has no repair`);
  const file = node.children.find(({ name }) => name === "file")?.node;
  if (file === undefined) throw new Error(`${node.name} has no file`);
  const plan = await node.planRepair(findings);
  for (const { write } of plan.items) await apply(file, write);
  await file.flush();
  if (plan.dirtyBit) await apply(file, plan.dirtyBit);
  await file.flush();
  await node.reload?.();
  return plan;
}

async function apply(file: BlockNode, { offset, oldBytes, newBytes }: RepairWrite): Promise<void> {
  const there = new Uint8Array(oldBytes.length);
  await file.read(offset, there);
  if (Buffer.compare(there, oldBytes) !== 0)
    throw new Error(`the plan is wrong about the bytes at ${offset}`);
  await file.write(offset, newBytes);
}
