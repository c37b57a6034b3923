// Bytes of an image at any offset, as a guest of a larger image above it sees them: past its end, and without an image
// at all, there are zeroes.
import { type ChainExtent, chainExtentAt } from "../block/extents.ts";
import type { BlockNode } from "../block/node.ts";

export async function readPadded(
  node: BlockNode | undefined,
  offset: number,
  target: Uint8Array,
): Promise<void> {
  const there = node === undefined ? 0 : Math.max(0, Math.min(target.length, node.size - offset));
  if (node !== undefined && there > 0) await node.read(offset, target.subarray(0, there));
  target.fill(0, there);
}

export type PaddedExtent = Pick<ChainExtent, "length" | "state" | "depth">;

/** What the chain says of the range; `unallocated` past its end. */
export async function paddedExtentAt(
  node: BlockNode | undefined,
  offset: number,
  length: number,
): Promise<PaddedExtent> {
  if (node === undefined || offset >= node.size) return { length, state: "unallocated", depth: 0 };
  return chainExtentAt(node, offset, Math.min(length, node.size - offset));
}

/** All bytes are 0. */
export function isZero(bytes: Uint8Array): boolean {
  // Compared with itself, moved by one: the system's own fast comparison.
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return bytes.length === 0 || (bytes[0] === 0 && buffer.subarray(1).equals(buffer.subarray(0, -1)));
}

/** Data must be read to know; anything else is zeroes. */
export function readsAsZero({ state }: PaddedExtent): boolean {
  return state !== "data";
}
