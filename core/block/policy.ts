// What a node's generic options make of the writes and discards that reach it, before its driver sees them.
import { isZero } from "../base/zero.ts";
import type { BlockNode, WriteFlags, ZeroFlags } from "./node.ts";

export interface WritePolicy {
  /** ignore: discards succeed and do nothing, and zeroes are written without giving up space. */
  readonly discard: "ignore" | "unmap";
  /** Writes of nothing but zero bytes become write-zeroes requests; unmap: which may give up space. */
  readonly detectZeroes: "off" | "on" | "unmap";
  /** Every write is durable when it returns. */
  readonly writethrough: boolean;
}

export const passAll: WritePolicy = { discard: "unmap", detectZeroes: "off", writethrough: false };

export function writeAs(
  policy: WritePolicy,
  node: BlockNode,
  offset: number,
  source: Uint8Array,
  flags: WriteFlags | undefined,
): Promise<void> {
  const own = policy.writethrough ? { ...flags, fua: true } : flags;
  if (policy.detectZeroes === "off" || !isZero(source)) return node.write(offset, source, own);
  const zero = zeroFlagsAs(policy, { ...own, mayUnmap: policy.detectZeroes === "unmap" });
  return node.writeZeroes(offset, source.length, zero);
}

export function zeroFlagsAs(policy: WritePolicy, flags: ZeroFlags | undefined): ZeroFlags | undefined {
  if (policy.discard === "unmap" && !policy.writethrough) return flags;
  return {
    ...flags,
    ...(policy.discard === "ignore" && { mayUnmap: false }),
    ...(policy.writethrough && { fua: true }),
  };
}

export async function discardAs(
  policy: WritePolicy,
  node: BlockNode,
  offset: number,
  length: number,
): Promise<void> {
  if (policy.discard === "unmap") await node.discard(offset, length);
}
