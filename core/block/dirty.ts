// An image whose dirty bit is set is opened for writing: its tables are checked first, and what to do about what is
// found is the caller's policy. The bit is cleared only when the check ends with no corruption and no error.
import { asBlockError, BlockError } from "../base/errors.ts";
import type { DirtyPolicy, OpenContext } from "./driver.ts";
import type { CheckResult } from "./finding.ts";
import type { BlockNode } from "./node.ts";
import { applyPlan, checkAndRepair } from "./repair.ts";

/** What is reported is warned of as one line, and said as events finding by finding. Throws EIO when it can't be checked. */
export async function meetDirtyImage(
  node: BlockNode,
  file: BlockNode,
  policy: DirtyPolicy,
  { warn, event }: Pick<OpenContext, "warn" | "event">,
): Promise<void> {
  if (policy === "skip" || policy === "untouched" || !node.check || !node.planRepair) return;
  try {
    if (policy === "repair") {
      await checkAndRepair(node, file, { peer: (peer) => event({ kind: "repair", node: node.name, peer }) });
    } else warn(await checkOnly(node, node.check, file, event));
  } catch (thrown) {
    const { code, message, context } = asBlockError(thrown);
    const words = `The image was not closed properly, and checking it failed: ${message}`;
    const peer = { message: "Image corrupted" };
    throw new BlockError(code, words, { ...context, peer }, { cause: thrown });
  }
}

/** Changes nothing but the bit of an image in which all is well. Answers what to tell the person. */
async function checkOnly(
  node: BlockNode,
  check: NonNullable<BlockNode["check"]>,
  file: BlockNode,
  event: OpenContext["event"],
): Promise<string> {
  const result = await check({
    finding: (finding) => event({ kind: "finding", node: node.name, finding }),
  });
  const start = "The image was not closed properly";
  if (result.corruptions > 0 || result.checkErrors > 0) {
    return `${start}: ${found(result)}. Nothing was repaired; see blkscope check`;
  }
  const plan = await node.planRepair?.([], result);
  if (plan) await applyPlan(file, plan);
  await node.reload?.();
  return `${start}; its tables are consistent${result.leaks > 0 ? `, ${found(result)}` : ""}`;
}

function found({ corruptions, checkErrors, leaks }: CheckResult): string {
  const parts = [
    [corruptions, "corruption"],
    [checkErrors, "error"],
    [leaks, "leaked cluster"],
  ] as const;
  return parts
    .filter(([count]) => count > 0)
    .map(([count, name]) => `${count} ${name}${count === 1 ? "" : "s"}`)
    .join(", ");
}
