// How the jobs of a repair open an image: its file alone, in the format that the person sees, without backing files and
// without what opening a dirty image for writing would do.
import { BlockError } from "../base/errors.ts";
import { childOf } from "../block/extents.ts";
import type { BlockNode } from "../block/node.ts";
import { type Graph, openGraph } from "../graph.ts";
import { canRepair } from "../repair/offer.ts";
import { namingUsers } from "./repairInUse.ts";
import type { RepairPlanParams } from "./repairRun.ts";

export interface OpenForRepair {
  readonly root: BlockNode;
  /** The node of the image's file. */
  readonly file: BlockNode;
  close(): Promise<void>;
}

/**
 * look: no locks are taken. copy: others may read, nobody may write. write: nobody else may use it. Throws what opening
 * throws (EBUSY: in use, EACCES), ENOTSUP where the format can't be mended.
 */
export async function openForRepair(
  { filename, format }: Pick<RepairPlanParams, "filename" | "format">,
  use: "look" | "copy" | "write",
): Promise<OpenForRepair> {
  const graph = await namingUsers(filename, () =>
    openGraph(
      { driver: format, file: { driver: "file", filename } },
      { readOnly: use !== "write", forceShare: use === "look", backing: "none", dirty: "untouched" },
    ),
  );
  try {
    const { root } = graph;
    const file = childOf(root, "file");
    if (!file || !canRepair(root)) {
      throw new BlockError("ENOTSUP", "This image format does not support repairs", {
        hint: "qcow2 and QED images can be mended; a raw image has no tables that could break.",
      });
    }
    if (use === "copy") await namingUsers(filename, async () => file.excludeWriters?.());
    return { root, file, close: () => graph.close() };
  } catch (error) {
    await closeQuietly(graph);
    throw error;
  }
}

/** An error that is on its way is told rather than one of closing. */
async function closeQuietly(graph: Graph): Promise<void> {
  await graph.close().catch(() => undefined);
}
