// The dirty bitmaps of an image in a copy of it: which can be copied, whether the copy can take them, and the copying.
// Everything that can be known is asked before the disk itself is copied, so that hours are not lost to it.
import { asBlockError, BlockError } from "../base/errors.ts";
import type { BitmapFacts, BitmapSource, Bitmaps, BlockNode } from "../block/node.ts";
import { sizeInSectors } from "./map.ts";

/** Told of bitmaps that are left out, and why where they are not just inconsistent. */
export type SkipBitmap = (name: string, why?: string) => void;

/**
 * The bitmaps of `source` that can be copied, in its order. Throws ENOTSUP (it can have none), EBUSY (one was not stored by
 * the program that recorded in it) and ECORRUPT (one can't be read), which with `skip` are left out; EIO.
 */
export async function bitmapsToCopy(
  source: BlockNode,
  skip: SkipBitmap | undefined,
): Promise<readonly BitmapFacts[]> {
  if (source.bitmaps?.canKeep !== true) {
    throw new BlockError("ENOTSUP", "Source lacks bitmap support", {
      hint: hintOf(source),
      peer: { message: "Source lacks bitmap support" },
    });
  }
  const found: BitmapFacts[] = [];
  // The last one first, as the peer names them.
  for (const bitmap of [...(await listed(source.bitmaps, skip !== undefined))].reverse()) {
    const fault = await faultOf(source.bitmaps, bitmap);
    if (fault === undefined) found.unshift(bitmap);
    else if (skip === undefined) throw fault;
    else skip(bitmap.name, bitmap.isInconsistent ? undefined : fault.message);
  }
  return found;
}

/** `mayBeUnreadable`: then there is none to copy; opening the image warned of it. Throws ECORRUPT, EIO. */
async function listed(bitmaps: Bitmaps, mayBeUnreadable: boolean): Promise<readonly BitmapFacts[]> {
  try {
    return await bitmaps.list();
  } catch (thrown) {
    const error = unreadable(thrown);
    if (mayBeUnreadable) return [];
    throw error;
  }
}

/** Why it can't be copied; undefined where it can. Throws EIO. */
async function faultOf(
  bitmaps: Bitmaps,
  { name, isInconsistent }: BitmapFacts,
): Promise<BlockError | undefined> {
  if (isInconsistent) {
    const message = `Cannot copy inconsistent bitmap '${name}'`;
    return new BlockError("EBUSY", message, {
      hint: "Leave it out with --skip-broken-bitmaps, or remove it: blkscope bitmap --remove.",
      peer: {
        message,
        hint: "Try --skip-broken-bitmaps, or use 'qemu-img bitmap --remove' to delete it",
      },
    });
  }
  try {
    await bitmaps.read(name);
    return undefined;
  } catch (thrown) {
    return unreadable(thrown);
  }
}

/** Throws what is no fault of the bitmaps. */
function unreadable(thrown: unknown): BlockError {
  const error = asBlockError(thrown);
  if (error.code !== "ECORRUPT") throw error;
  const hint = "What it says is lost. Go on without it: --skip-broken-bitmaps.";
  return new BlockError(error.code, error.message, { ...error.context, hint }, { cause: error });
}

/** Throws ENOTSUP where `target` can't keep bitmaps. */
export function expectKeepsBitmaps(target: BlockNode): void {
  if (target.bitmaps?.canKeep === true) return;
  const message = `Format driver '${target.driver}' does not support bitmaps`;
  throw new BlockError("ENOTSUP", message, { hint: hintOf(target), peer: { message } });
}

function hintOf({ driver, bitmaps }: BlockNode): string {
  if (bitmaps === undefined) return `Images of the format ${driver} keep no bitmaps.`;
  return `Images of the format ${driver} keep bitmaps from version 3 on (compat=1.1); amend upgrades them.`;
}

/** Before the disk is copied. Throws EINVAL: `target` has a bitmap of the same name, or is of another size. */
export async function expectRoomForBitmaps(
  wanted: readonly BitmapFacts[],
  source: BlockNode,
  target: BlockNode,
): Promise<void> {
  const taken = new Set((await target.bitmaps?.list())?.map(({ name }) => name));
  for (const { name } of [...wanted].reverse()) {
    if (taken.has(name)) throw refused(`Failed to create bitmap ${name}: Bitmap already exists: ${name}`);
    const [own, other] = [sizeInSectors(target), sizeInSectors(source)];
    if (own !== other) {
      const sizes = `(destination size is ${own}, source size is ${other})`;
      const why = `Bitmaps are of different sizes ${sizes} and can't be merged`;
      throw refused(`Failed to populate bitmap ${name}: ${why}`);
    }
  }
}

function refused(message: string): BlockError {
  return new BlockError("EINVAL", message, { peer: { message } });
}

/**
 * After the disk was copied: `target` gets the bitmaps as they are in `source`, recording or not. Throws ECANCELED, EFBIG
 * (too much for one image), EIO, ENOSPC; the bitmaps before the one that failed are in the target then.
 */
export async function copyBitmaps(
  wanted: readonly BitmapFacts[],
  source: BlockNode,
  target: BlockNode,
  signal: AbortSignal,
): Promise<void> {
  for (const { name, granularity, isEnabled } of wanted) {
    if (signal.aborted) throw new BlockError("ECANCELED", "The conversion was cancelled");
    await within(`Failed to create bitmap ${name}`, async () => target.bitmaps?.add(name, granularity));
    await within(`Failed to populate bitmap ${name}`, async () => {
      const bits = await source.bitmaps?.read(name);
      if (bits !== undefined) await target.bitmaps?.merge(name, wholeSectors(bits));
      if (!isEnabled) await target.bitmaps?.disable(name);
    });
  }
}

/** Copies have whole sectors: the disk that a bitmap speaks of ends at the same one. */
function wholeSectors(bits: BitmapSource): BitmapSource {
  return { size: sizeInSectors(bits), ranges: () => bits.ranges() };
}

async function within(what: string, body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (thrown) {
    const error = asBlockError(thrown);
    const { peer } = error.context;
    throw new BlockError(
      error.code,
      `${what}: ${error.message}`,
      {
        ...error.context,
        ...(peer !== undefined && { peer: { ...peer, message: `${what}: ${peer.message}` } }),
      },
      { cause: error },
    );
  }
}
