// A qcow2 image opened for writing on a file of the test's own, which may fail or remember what is written to it.
import { onTestFinished } from "vitest";
import type { OpenContext } from "../../core/block/driver.ts";
import { guard } from "../../core/block/guard.ts";
import type { BlockNode } from "../../core/block/node.ts";
import { qcow2 } from "../../core/format/qcow2/qcow2.ts";

export async function openOnFile(file: BlockNode, options: object = {}): Promise<BlockNode> {
  const context: OpenContext = {
    name: "top",
    readOnly: false,
    baseDir: "/",
    backing: "none",
    dirty: "report",
    sharing: { forceShare: false },
    cache: { writethrough: false, direct: false, noFlush: false },
    warn: () => undefined,
    event: () => undefined,
    fileOpened: () => undefined,
    openChild: async () => file,
  };
  const node = guard(await qcow2.open({ ...options, driver: "qcow2", file: {} }, context));
  onTestFinished(() => node.close().catch(() => undefined));
  return node;
}
