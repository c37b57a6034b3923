// Extents over a whole backing chain. `extentAt` of a node speaks for one layer; here the layers are asked in
// turn, and data that lies in a hole of its container is known to be zero without being read.
import type { BlockNode, Child, Extent, ExtentState } from "./node.ts";

export interface ChainExtent {
  readonly offset: number;
  readonly length: number;
  /**
   * zero: some layer says so, its file has a hole there, or the backing file ends before; unallocated: no layer
   * has it. Both read as zero. Everything but `unallocated` is what qemu-img calls allocated in the chain.
   */
  readonly state: ExtentState;
  /**
   * The state as the answering layer counts it: `data` for a QED cluster whose bytes lie in a hole of the file, which
   * `state` knows to be zero. Strict comparison asks for this one, as qemu-img does.
   */
  readonly stored: ExtentState;
  /** The layer that answers: 0 is the top. */
  readonly depth: number;
  readonly compressed: boolean;
  /** Byte in the answering layer's file, for data and for holes of that file. */
  readonly hostOffset: number | undefined;
}

export function childOf(node: BlockNode, role: Child["role"]): BlockNode | undefined {
  return node.children.find((child) => child.role === role)?.node;
}

/** The file that `hostOffset` of a layer's extents is an offset in. */
export function storageOf(node: BlockNode): BlockNode | undefined {
  return node.children.find(({ name }) => name === dataFileChild)?.node ?? childOf(node, "file");
}

/** Name of the child that holds a format's guest data where these do not lie in `file`. */
export const dataFileChild = "data-file";

/**
 * The extent at `offset`, 1 to `length` bytes long, over the backing chain of `node`.
 * Only the first `layers` of it are asked: what they leave to those below is unallocated.
 * Throws what the layers throw (ECORRUPT for a table entry that breaks the format's rules).
 */
export async function chainExtentAt(
  node: BlockNode,
  offset: number,
  length: number,
  layers = Number.POSITIVE_INFINITY,
): Promise<ChainExtent> {
  let layer = node;
  let left = length;
  for (let depth = 0; ; depth++) {
    const extent = await layer.extentAt(offset, left);
    left = extent.length;
    if (extent.state !== "unallocated") {
      // Spelled out, here and below: a comparison of sparse images asks this thousands of times a second, and
      // spreading objects was a third of the time.
      const { length, state, compressed, hostOffset } = await withHoles(layer, extent);
      return { offset, length, state, stored: extent.state, depth, compressed, hostOffset };
    }
    const backing = childOf(layer, "backing");
    if (backing === undefined || depth + 1 >= layers) return { ...extent, stored: extent.state, depth };
    // The shorter backing file is as if it held zeroes to the end: the layer above deferred to it.
    if (offset >= backing.size) return { ...extent, state: "zero", stored: "zero", depth: depth + 1 };
    left = Math.min(left, backing.size - offset);
    layer = backing;
  }
}

/** Data of a format that lies in a hole of its file reads as zero. */
async function withHoles(layer: BlockNode, extent: Extent): Promise<Extent> {
  const file = storageOf(layer);
  if (extent.state !== "data" || extent.compressed || extent.hostOffset === undefined || !file) return extent;
  const there = Math.min(extent.length, file.size - extent.hostOffset);
  if (there <= 0) return { ...extent, state: "zero" };
  // Over the chain: the container may be an overlay, whose own layer says nothing of what its backing file holds.
  const below = await chainExtentAt(file, extent.hostOffset, there);
  const { offset, compressed, hostOffset } = extent;
  const state = below.state === "data" ? "data" : "zero";
  return { offset, length: below.length, state, compressed, hostOffset };
}
