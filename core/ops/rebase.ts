// Puts an image on another backing file without a change of what a guest reads: whatever the image leaves to its backing
// file, and the new one has differently, is copied into the image first. Only when all of that is on the disk is the
// name in the header changed, so a stop at any time leaves an image that reads as before.
import { BlockError } from "../base/errors.ts";
import { Pace } from "../base/pace.ts";
import { childOf } from "../block/extents.ts";
import type { BackingName, BlockNode } from "../block/node.ts";
import { isZero, paddedExtentAt, readPadded, readsAsZero } from "./contents.ts";

export interface RebaseRequest {
  /** The image, open for writing with its present backing file. */
  readonly image: BlockNode;
  /** The new backing file, open; undefined for none. */
  readonly backing: BlockNode | undefined;
  /** As it is to be stored; undefined for none. */
  readonly name: BackingName | undefined;
  readonly signal: AbortSignal;
  /** 0 to 1. */
  progress?(part: number): void;
}

/** Bytes compared at once, a multiple of every cluster size up to it. */
const blockSize = 2 * 1024 * 1024;

/** Throws ENOTSUP (the format stores no backing file), ENOSPC (no room for the name), ECANCELED, EIO. */
export async function rebase(request: RebaseRequest): Promise<void> {
  const setBacking = backingSetter(request.image);
  await copyDifferences(request);
  await request.image.flush();
  await setBacking(request.name);
}

/** What stores another backing file's name. Throws ENOTSUP. */
export function backingSetter(image: BlockNode): NonNullable<BlockNode["setBacking"]> {
  if (image.setBacking !== undefined) return image.setBacking;
  throw new BlockError("ENOTSUP", "Operation not supported", {
    hint: `Images of the format ${image.driver} have no backing file.`,
  });
}

async function copyDifferences({ image, backing, signal, progress }: RebaseRequest): Promise<void> {
  const old = childOf(image, "backing");
  const pace = new Pace(signal, () => progress?.(offset / Math.max(1, image.size)));
  let offset = 0;
  while (offset < image.size) {
    if (pace.due) await pace.turn();
    if (signal.aborted) throw cancelled();
    const length = Math.min(blockSize - (offset % blockSize), image.size - offset);
    const own = await image.extentAt(offset, length);
    if (own.state === "unallocated") await copyRange(image, old, backing, offset, own.length);
    offset += own.length;
  }
  progress?.(1);
}

function cancelled(): BlockError {
  return new BlockError("ECANCELED", "Interrupted; the image has its old backing file and reads as before");
}

/** Of a range the image has nothing of: copies the clusters that differ. */
async function copyRange(
  image: BlockNode,
  old: BlockNode | undefined,
  backing: BlockNode | undefined,
  offset: number,
  length: number,
): Promise<void> {
  const cluster = image.info.clusterSize ?? length;
  for (let done = 0; done < length; ) {
    const before = await paddedExtentAt(old, offset + done, length - done);
    const after = await paddedExtentAt(backing, offset + done, before.length);
    if (!readsAsZero(before) || !readsAsZero(after)) {
      // Data that begin within a cluster are compared with the whole of it, and with them all that follows.
      const start = Math.max(0, done - ((offset + done) % cluster));
      return copyClusters(image, old, backing, offset + start, length - start, cluster);
    }
    done += after.length;
  }
}

async function copyClusters(
  image: BlockNode,
  old: BlockNode | undefined,
  backing: BlockNode | undefined,
  offset: number,
  length: number,
  cluster: number,
): Promise<void> {
  const before = Buffer.allocUnsafe(length);
  const after = Buffer.allocUnsafe(length);
  await readPadded(old, offset, before);
  await readPadded(backing, offset, after);
  const differs = (from: number) => {
    const to = clusterEnd(from);
    return !before.subarray(from, to).equals(after.subarray(from, to));
  };
  const clusterEnd = (from: number) => Math.min(length, roundUp(offset + from + 1, cluster) - offset);
  for (let from = 0; from < length; ) {
    let to = clusterEnd(from);
    if (differs(from)) {
      // Neighbours in one write, which keeps them together in the file.
      while (to < length && differs(to)) to = clusterEnd(to);
      const bytes = before.subarray(from, to);
      if (isZero(bytes)) await image.writeZeroes(offset + from, bytes.length);
      else await image.write(offset + from, bytes);
    }
    from = to;
  }
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}
