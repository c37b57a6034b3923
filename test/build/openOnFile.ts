// A qcow2 image opened for writing on a file of the test's own, which may fail or remember what is written to it.
import { onTestFinished } from "vitest";
import { guard } from "../../core/block/guard.ts";
import type { BlockNode } from "../../core/block/node.ts";
import { qcow2 } from "../../core/format/qcow2/qcow2.ts";
import { openContext } from "./openContext.ts";

export async function openOnFile(file: BlockNode, options: object = {}): Promise<BlockNode> {
  const node = guard(
    await qcow2.open(
      { ...options, driver: "qcow2", file: {} },
      openContext(() => file),
    ),
  );
  onTestFinished(() => node.close().catch(() => undefined));
  return node;
}
