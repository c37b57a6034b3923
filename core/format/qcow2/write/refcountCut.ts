// Refcount blocks that count nothing but themselves are given up once a disk has become smaller, and so is the end of the
// refcount table that names none: else a block in the part of the file that is free would keep the file as long as it was
// (qcow2, "Host cluster management"). The table on disk no longer names a block before its cluster is free: a crash leaves
// the block where it was, or leaked. All within `exclusively`.
import { hex } from "../../../base/bytes.ts";
import { BlockError } from "../../../base/errors.ts";
import { isZero } from "../../../base/zero.ts";
import type { BlockNode } from "../../../block/node.ts";
import { readPadded } from "../header.ts";
import { blockEntries, refcountBlocks } from "../refcounts.ts";
import { bigEndianWords } from "../tables.ts";
import { countAt, putCount } from "./countPage.ts";
import type { Metadata } from "./metadata.ts";
import { pointTo } from "./refcountTable.ts";

interface EmptyBlock {
  /** In the refcount table. */
  readonly index: number;
  readonly offset: number;
  /** It counts its own cluster, which is free with it. */
  readonly countsItself: boolean;
}

interface Found {
  readonly empty: readonly EmptyBlock[];
  /** Entries of the table up to the last that stays. */
  readonly entries: number;
}

/** Throws EIO, ENOSPC, ECORRUPT; the refcounts are as before then, or the blocks are given up and leaked. */
export async function cutRefcounts(metadata: Metadata, file: BlockNode): Promise<void> {
  // What is looked at below is read from the file.
  await metadata.commitAll();
  await metadata.commitCounts();
  const { empty, entries } = await emptyBlocks(metadata, file);
  if (empty.length > 0) await giveUp(metadata, empty);
  await cutTable(metadata, entries);
  await metadata.commitAll();
}

async function emptyBlocks({ geometry }: Metadata, file: BlockNode): Promise<Found> {
  const { clusterSize, refcountOrder } = geometry;
  const perBlock = blockEntries(geometry);
  const empty: EmptyBlock[] = [];
  let entries = 0;
  for await (const { index, offset } of refcountBlocks(file, geometry)) {
    // One that breaks a rule stays for the check to find.
    if (offset !== undefined) {
      const bytes = new Uint8Array(clusterSize);
      await readPadded(file, offset, bytes);
      const cluster = offset / clusterSize;
      const countsItself = Math.floor(cluster / perBlock) === index;
      if (countsItself) leaveOut(bytes, cluster % perBlock, refcountOrder);
      if (isZero(bytes)) {
        empty.push({ index, offset, countsItself });
        continue;
      }
    }
    entries = index + 1;
  }
  return { empty, entries };
}

/** A count of 1 becomes 0. A higher one stays: somebody else uses the cluster too. */
function leaveOut(block: Uint8Array<ArrayBuffer>, index: number, order: number): void {
  const halves = bigEndianWords(block);
  if (countAt(halves, index, order) === 1) putCount(halves, index, order, 0);
}

async function giveUp(metadata: Metadata, blocks: readonly EmptyBlock[]): Promise<void> {
  const { tables, geometry, overlaps } = metadata;
  const { clusterSize, refcountTable } = geometry;
  for (const { index, offset } of blocks) {
    // An entry that points to another table would give that away.
    await overlaps.check(offset, clusterSize, "refcount-block");
    // One that is not in use itself was wiped: what it spoke of is in use all the same.
    if ((await metadata.refcountOf(offset)) === 0) throw await wiped(metadata, index, offset);
  }
  await metadata.beforeTables();
  try {
    for (const { index } of blocks) await pointTo(tables, refcountTable, index, 0);
    await metadata.commitCounts();
  } catch (error) {
    await nameAgain(metadata, blocks);
    throw error;
  }
  metadata.refcountsMoved();
  for (const { offset, countsItself } of blocks) {
    if (!countsItself) await metadata.changeRefcounts(offset, clusterSize, -1);
  }
}

async function wiped({ corruption, geometry }: Metadata, index: number, offset: number): Promise<BlockError> {
  const at = `refblock offset ${hex(offset)}, reftable index ${index}`;
  const words = `Invalid refcount: ${at}, block offset ${hex(offset)}, refcount 0`;
  const place = { offset, length: geometry.clusterSize };
  const { code, message, context } = await corruption.fatal(words, place);
  const peer = { message: "Failed to discard unused refblocks: Invalid argument" };
  return new BlockError(code, message, { ...context, peer });
}

/** Which table is on disk, nobody knows: the blocks are as they were, and what the next commit writes names them. */
async function nameAgain({ tables, geometry, corruption }: Metadata, blocks: readonly EmptyBlock[]) {
  const { refcountTable } = geometry;
  for (const { index, offset } of blocks) {
    try {
      await pointTo(tables, refcountTable, index, offset);
    } catch (error) {
      if (!(error instanceof BlockError)) throw error;
      // Clusters would be given away that the table on disk may still take for blocks.
      const words = `The refcount table can't be read back (index: ${hex(index)})`;
      throw await corruption.fatal(words, { offset: refcountTable.offset + index * 8, length: 8 });
    }
  }
}

/** The header that names the shorter table is durable before the clusters behind it are given up. */
async function cutTable(metadata: Metadata, entries: number): Promise<void> {
  const { refcountTable, clusterSize } = metadata.geometry;
  const clusters = Math.max(1, Math.ceil((entries * 8) / clusterSize));
  if (clusters >= refcountTable.clusters) return;
  const { offset } = refcountTable;
  await metadata.header.change({ refcountTable: { offset, clusters } });
  const length = (refcountTable.clusters - clusters) * clusterSize;
  await metadata.changeRefcounts(offset + clusters * clusterSize, length, -1);
}
