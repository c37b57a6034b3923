// Where a guest byte lies: each layer's account, from the top to the one that answers for it.
import { BlockError } from "../base/errors.ts";
import { childOf, storageOf } from "../block/extents.ts";
import type { BlockNode } from "../block/node.ts";
import type { Location } from "./sessionContract.ts";

/** The layers from the root down its backing files. Throws what a layer's tables make it throw. */
export async function locate(root: BlockNode, offset: number): Promise<readonly Location[]> {
  if (!Number.isSafeInteger(offset) || offset < 0 || offset >= root.size) {
    throw new BlockError("EINVAL", `offset ${offset} is not in the image of ${root.size} bytes`, { offset });
  }
  const layers: Location[] = [];
  let node: BlockNode | undefined = root;
  for (let depth = 0; node !== undefined && offset < node.size; depth++) {
    const extent = await node.extentAt(offset, 1);
    const { state } = extent;
    // Of an external data file the layer's own file knows nothing.
    const hostOffset = storageOf(node) === childOf(node, "file") ? extent.hostOffset : undefined;
    const path = (await node.describeAt?.(offset)) ?? "";
    const { stream } = (extent.compressed && (await node.structure?.guestEntry(offset))) || {};
    layers.push({ depth, driver: node.driver, state, hostOffset, ...(stream && { stream }), path });
    if (state !== "unallocated") break;
    node = node.children.find((child) => child.role === "backing")?.node;
  }
  return layers;
}
