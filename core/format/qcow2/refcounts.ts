// The refcounts that an image stores: how often each cluster of its file is said to be in use. Specification: qcow2,
// "Reference count table" and "Reference count block".
import type { BlockNode } from "../../block/node.ts";
import { hasOffset } from "./entry.ts";
import { readPadded } from "./header.ts";
import type { Qcow2Header } from "./layout.ts";
import { bigEndianWords } from "./tables.ts";

/** Clusters that one refcount block speaks of. */
export function blockEntries({ clusterSize, refcountOrder }: Qcow2Header): number {
  return (clusterSize * 8) / 2 ** refcountOrder;
}

/** The refcount of entry `index` of a block. 64-bit ones above 2^53 are not exact. */
export function refcountIn(block: Uint8Array, index: number, order: number): number {
  if (order < 3) {
    const bits = 2 ** order;
    const perByte = 8 / bits;
    const byte = block[Math.floor(index / perByte)] ?? 0;
    return (byte >>> ((index % perByte) * bits)) & (2 ** bits - 1);
  }
  const bytes = 2 ** (order - 3);
  let value = 0;
  for (let i = 0; i < bytes; i++) value = value * 0x100 + (block[index * bytes + i] ?? 0);
  return value;
}

/** What an entry of the refcount table points to; undefined for one that breaks a rule. 0: no block, all counts 0. */
export function blockOffset(high: number, low: number, clusterSize: number): number | undefined {
  if ((low & 0x1ff) !== 0) return undefined;
  const offset = (high >>> 0) * 0x100000000 + (low >>> 0);
  return offset % clusterSize === 0 && offset <= Number.MAX_SAFE_INTEGER ? offset : undefined;
}

export interface TableBlock {
  /** In the refcount table. */
  readonly index: number;
  /** undefined where the entry breaks a rule. */
  readonly offset: number | undefined;
}

/** Entries of the refcount table that are not 0. Throws EIO. */
export async function* refcountBlocks(file: BlockNode, header: Qcow2Header): AsyncGenerator<TableBlock> {
  const { offset, clusters } = header.refcountTable;
  const pieceBytes = Math.min(1024 * 1024, clusters * header.clusterSize);
  const entries = (clusters * header.clusterSize) / 8;
  for (let first = 0; first < entries; first += pieceBytes / 8) {
    const piece = new Uint8Array(Math.min(pieceBytes, (entries - first) * 8));
    await readPadded(file, offset + first * 8, piece);
    const halves = bigEndianWords(piece);
    for (let at = 0; at < halves.length; at += 2) {
      const [high = 0, low = 0] = [halves[at], halves[at + 1]];
      if (high === 0 && low === 0) continue;
      yield { index: first + at / 2, offset: blockOffset(high, low, header.clusterSize) };
    }
  }
}

/** The stored refcount of one cluster of the file, 0 where no block speaks of it; undefined where a rule is broken. */
export async function storedRefcount(
  file: BlockNode,
  header: Qcow2Header,
  cluster: number,
): Promise<number | undefined> {
  const perBlock = blockEntries(header);
  const index = Math.floor(cluster / perBlock);
  if (index >= (header.refcountTable.clusters * header.clusterSize) / 8) return 0;
  const entry = new Uint8Array(8);
  await readPadded(file, header.refcountTable.offset + index * 8, entry);
  const [high = 0, low = 0] = bigEndianWords(entry);
  if (!hasOffset(high, low) && high === 0 && low === 0) return 0;
  const block = blockOffset(high, low, header.clusterSize);
  if (block === undefined) return undefined;
  const at = Math.floor(((cluster % perBlock) * 2 ** header.refcountOrder) / 8);
  const bytes = new Uint8Array(Math.max(1, 2 ** header.refcountOrder / 8));
  await readPadded(file, block + at, bytes);
  const perByte = Math.max(1, 8 / 2 ** header.refcountOrder);
  return refcountIn(bytes, cluster % perByte, header.refcountOrder);
}

/** Whether more clusters are counted than the file system has given the file: their metadata were laid down before. */
export async function isPreallocated(file: BlockNode, header: Qcow2Header): Promise<boolean> {
  const { actualSize } = file.info;
  if (actualSize === undefined) return true;
  const there = Math.floor(actualSize / header.clusterSize);
  const wanted = Math.max(Math.floor((there * 10) / 9), there + 2);
  const clusters = Math.ceil(file.size / header.clusterSize);
  // Nothing to count in a file without holes.
  if (clusters < wanted) return false;
  const perBlock = blockEntries(header);
  const block = new Uint8Array(header.clusterSize);
  let counted = 0;
  for await (const { index, offset } of refcountBlocks(file, header)) {
    if (index * perBlock >= clusters) break;
    if (offset === undefined) continue;
    await readPadded(file, offset, block);
    const end = Math.min(perBlock, clusters - index * perBlock);
    for (let i = 0; i < end; i++) if (refcountIn(block, i, header.refcountOrder) !== 0) counted++;
    if (counted >= wanted) return true;
  }
  return false;
}
