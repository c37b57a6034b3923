// The tables of a new image as bytes, written one after the other. The file has its length and is zeroes (qcow2
// specification, "Cluster mapping" and "Host cluster management").
import type { BlockNode } from "../../block/node.ts";
import type { NewImage } from "./createOptions.ts";
import type { NewFileSpace } from "./createSpace.ts";
import type { DataRun, GuestLayout } from "./createTables.ts";

/** The high half of COPIED: exactly one reference. */
const copied = 0x80000000;

export async function writeGuestTables(
  file: BlockNode,
  image: NewImage,
  { l1, l2, runs }: GuestLayout,
): Promise<void> {
  const { clusterSize, l1Entries } = image;
  if (l1Entries === 0) return;
  // Written even where it is zeroes: the first write to the disk shall not fail for want of space for it.
  const table = new Uint8Array(l1Entries * 8);
  const view = viewOf(table);
  for (const [index, cluster] of l2.entries()) putEntry(view, index * 8, cluster * clusterSize, copied);
  await file.write(l1 * clusterSize, table);
  await writeL2Tables(file, image, l2, runs);
}

async function writeL2Tables(
  file: BlockNode,
  { clusterSize, isExtended }: NewImage,
  l2: readonly number[],
  runs: readonly DataRun[],
): Promise<void> {
  const entryLength = isExtended ? 16 : 8;
  const perTable = clusterSize / entryLength;
  const table = new Uint8Array(clusterSize);
  const view = viewOf(table);
  let next = 0;
  for (const [index, cluster] of l2.entries()) {
    const first = index * perTable;
    table.fill(0);
    for (; next < runs.length; next++) {
      const run = runs[next];
      if (run === undefined || run.guest >= first + perTable) break;
      const start = Math.max(first, run.guest);
      const end = Math.min(first + perTable, run.guest + run.count);
      for (let guest = start; guest < end; guest++) {
        const host = run.host + guest - run.guest;
        putEntry(view, (guest - first) * entryLength, host * clusterSize, copied);
      }
      // The next table's as well.
      if (run.guest + run.count > end) break;
    }
    await file.write(cluster * clusterSize, table);
  }
}

/** Every block and the table that names them. */
export async function writeRefcounts(file: BlockNode, image: NewImage, space: NewFileSpace): Promise<void> {
  const { clusterSize, refcountOrder } = image;
  const perBlock = (clusterSize * 8) / 2 ** refcountOrder;
  const { blocks, table, used } = space;
  const names = new Uint8Array((table.end - table.start) * clusterSize);
  const view = viewOf(names);
  const block = new Uint8Array(clusterSize);
  let at = 0;
  for (const [index, cluster] of blocks) {
    putEntry(view, index * 8, cluster * clusterSize, 0);
    const first = index * perBlock;
    block.fill(0);
    while ((used[at]?.end ?? Number.POSITIVE_INFINITY) <= first) at++;
    for (let run = at; (used[run]?.start ?? Number.POSITIVE_INFINITY) < first + perBlock; run++) {
      const { start = 0, end = 0 } = used[run] ?? {};
      putOnes(block, Math.max(0, start - first), Math.min(perBlock, end - first), refcountOrder);
    }
    await file.write(cluster * clusterSize, block);
  }
  await file.write(table.start * clusterSize, names);
}

/** Refcounts of 1 for the entries [from, to). Below 8 bits the first entry of a byte is in its lowest bits. */
function putOnes(block: Uint8Array, from: number, to: number, refcountOrder: number): void {
  if (refcountOrder >= 3) {
    const width = 2 ** (refcountOrder - 3);
    for (let at = (from + 1) * width - 1; at < to * width; at += width) block[at] = 1;
    return;
  }
  const perByte = 2 ** (3 - refcountOrder);
  for (let entry = from; entry < to; entry++) {
    const at = Math.floor(entry / perByte);
    block[at] = (block[at] ?? 0) + 2 ** ((entry % perByte) * 2 ** refcountOrder);
  }
}

function putEntry(view: DataView, at: number, offset: number, flags: number): void {
  view.setUint32(at, Math.floor(offset / 2 ** 32) + flags);
  view.setUint32(at + 4, offset % 2 ** 32);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
