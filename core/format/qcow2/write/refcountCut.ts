// Refcount blocks that count nothing but themselves and each other are given up once a disk has become smaller, and so is the end of the
// refcount table that names none: else a block in the part of the file that is free would keep the file as long as it was
// (qcow2, "Host cluster management"). The table on disk no longer names a block before its cluster is free: a crash leaves
// the block where it was, or leaked. All within `exclusively`.
import { hex } from "../../../base/bytes.ts";
import { BlockError } from "../../../base/errors.ts";
import { isZero } from "../../../base/zero.ts";
import type { BlockNode } from "../../../block/node.ts";
import { readPadded } from "../header.ts";
import type { Qcow2Header } from "../layout.ts";
import { blockEntries, refcountBlocks } from "../refcounts.ts";
import { bigEndianWords } from "../tables.ts";
import { countAt } from "./countPage.ts";
import type { Metadata } from "./metadata.ts";
import { pointTo } from "./refcountTable.ts";

interface EmptyBlock {
  /** In the refcount table. */
  readonly index: number;
  readonly offset: number;
  /** A block that stays counts its cluster; else that is free with the block that does. */
  readonly isCounted: boolean;
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

/** In the place of a block's cluster: the table names none, or what can't be one. */
const none = -1;
const broken = -2;

/** Blocks that count nothing but blocks of the same kind, themselves included. */
async function emptyBlocks({ geometry }: Metadata, file: BlockNode): Promise<Found> {
  const { clusterSize, refcountTable } = geometry;
  const perBlock = blockEntries(geometry);
  const clusters = new Float64Array((refcountTable.clusters * clusterSize) / 8).fill(none);
  for await (const { index, offset } of refcountBlocks(file, geometry)) {
    clusters[index] = offset === undefined ? broken : offset / clusterSize;
  }
  const stays = await stayingBlocks(file, geometry, clusters);
  const empty: EmptyBlock[] = [];
  for (const [index, cluster] of clusters.entries()) {
    if (cluster === none || stays[index] === 1) continue;
    const isCounted = stays[Math.floor(cluster / perBlock)] === 1;
    empty.push({ index, offset: cluster * clusterSize, isCounted });
  }
  return { empty, entries: stays.lastIndexOf(1) + 1 };
}

/** For each entry of the table 1 if its block has to stay. `clusters`: where the blocks are. */
async function stayingBlocks(
  file: BlockNode,
  header: Qcow2Header,
  clusters: Float64Array,
): Promise<Uint8Array> {
  const perBlock = blockEntries(header);
  const stays = new Uint8Array(clusters.length);
  const sorted = clusters.filter((cluster) => cluster >= 0).sort();
  const twice = new Set(sorted.filter((cluster, at) => sorted[at + 1] === cluster));
  const page = new Uint8Array(header.clusterSize);
  for (const [index, cluster] of clusters.entries()) {
    if (cluster === none) continue;
    // One that breaks a rule is left for the check to find.
    let isEmpty = cluster !== broken && !twice.has(cluster);
    if (isEmpty) {
      await readPadded(file, cluster * header.clusterSize, page);
      isEmpty = isZero(page) || countsOnly(sorted, page, index * perBlock, header);
    }
    // The block that counts one that stays has to stay too, and so on.
    for (let next = index; !isEmpty && clusters[next] !== none && stays[next] === 0; ) {
      stays[next] = 1;
      const place = clusters[next] as number;
      if (place < 0) break;
      next = Math.floor(place / perBlock);
    }
  }
  return stays;
}

/** Whether a block's counts are 0, or 1 for one of the `clusters`, which ascend: a higher one has another user too. */
function countsOnly(
  clusters: Float64Array,
  block: Uint8Array<ArrayBuffer>,
  first: number,
  header: Qcow2Header,
): boolean {
  const words = bigEndianWords(block);
  for (let entry = 0; entry < blockEntries(header); entry++) {
    const count = countAt(words, entry, header.refcountOrder);
    if (count > 1 || (count === 1 && !includes(clusters, first + entry))) return false;
  }
  return true;
}

function includes(ascending: Float64Array, value: number): boolean {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((ascending[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return ascending[low] === value;
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
  for (const { offset, isCounted } of blocks) {
    if (isCounted) await metadata.changeRefcounts(offset, clusterSize, -1);
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
