// Whether an image's file ends before the clusters that it counts as used, as one does whose copy was cut off: what lies
// past its end reads as zeros, without an error. Found from the refcounts alone, in a few reads. Specification: qcow2,
// "Reference count table" and "Reference count block".
import type { BlockNode } from "../../block/node.ts";
import { readPadded } from "./header.ts";
import type { Qcow2Header } from "./layout.ts";
import { blockEntries, refcountBlocks, refcountIn } from "./refcounts.ts";

/** Blocks that speak of free clusters only may be the last ones; further back none is looked at. */
const mostBlocks = 4;

/**
 * Where the last cluster that has a refcount ends, bytes of the file, if the file ends before that cluster begins; else
 * undefined, as where the refcounts do not tell. Throws EIO.
 */
export async function usedPastEnd(file: BlockNode, header: Qcow2Header): Promise<number | undefined> {
  const { clusterSize } = header;
  const last: { readonly index: number; readonly offset: number }[] = [];
  let lost = 0;
  for await (const { index, offset } of refcountBlocks(file, header)) {
    if (offset === undefined || offset === 0) continue;
    // What this block says is lost with it.
    if (offset >= file.size) lost = Math.max(lost, offset + clusterSize);
    else last.unshift({ index, offset });
    last.length = Math.min(last.length, mostBlocks);
  }
  const end = Math.max(lost, await endOf(last, file, header));
  return end - clusterSize >= file.size && Number.isSafeInteger(end) ? end : undefined;
}

/** Where the last cluster with a refcount in these blocks ends, the last block first; 0 where there is none. */
async function endOf(
  blocks: readonly { readonly index: number; readonly offset: number }[],
  file: BlockNode,
  header: Qcow2Header,
): Promise<number> {
  const entries = blockEntries(header);
  const block = new Uint8Array(header.clusterSize);
  for (const { index, offset } of blocks) {
    await readPadded(file, offset, block);
    const byte = block.findLastIndex((value) => value !== 0);
    if (byte < 0) continue;
    // Of counts that share a byte, the last that is not 0.
    let entry = Math.floor((byte * 8 + 7) / 2 ** header.refcountOrder);
    while (refcountIn(block, entry, header.refcountOrder) === 0) entry--;
    return (index * entries + entry + 1) * header.clusterSize;
  }
  return 0;
}
