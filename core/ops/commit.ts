// Writes what an image and those between have over a base into that base. The image itself is left as it is, so a stop
// at any time loses nothing: commit again, and the base holds what the image shows.
import { BlockError } from "../base/errors.ts";
import { Pace } from "../base/pace.ts";
import { chainExtentAt } from "../block/extents.ts";
import type { BlockNode } from "../block/node.ts";
import { sizeInSectors } from "./map.ts";
import { RateLimit } from "./rateLimit.ts";

export interface CommitRequest {
  /** The image, with its backing chain. */
  readonly image: BlockNode;
  /** How many layers lie above the base: 1 for the image's own backing file. */
  readonly depth: number;
  /** The base, open for writing on its own. */
  readonly base: BlockNode;
  /** Bytes a second at most; undefined: as fast as can be. */
  readonly rate: number | undefined;
  readonly signal: AbortSignal;
  /** 0 to 1. */
  progress?(part: number): void;
}

/** Bytes copied at once. */
const blockSize = 1024 * 1024;
/** Zeroes are written in requests of at most this much, so that a cancel is heard in between. */
const longestZero = 1024 * 1024 * 1024;

/** Grows the base if it is smaller, copies, and flushes. Throws ECANCELED, EIO, ENOSPC and what the nodes throw. */
export async function commit(request: CommitRequest): Promise<void> {
  const { image, depth, base, signal, progress } = request;
  if (sizeInSectors(base) < image.size) await base.resize(image.size);
  const rate = request.rate === undefined ? undefined : new RateLimit(request.rate, signal);
  let offset = 0;
  const pace = new Pace(signal, () => progress?.(offset / Math.max(1, image.size)));
  while (offset < image.size) {
    if (pace.due) await pace.turn();
    if (signal.aborted) throw cancelled();
    // The base is not asked: as a layer of the image it was opened before it changed, and knows nothing of what is new.
    const extent = await chainExtentAt(image, offset, Math.min(longestZero, image.size - offset), depth);
    const mine = extent.state !== "unallocated";
    if (mine && extent.state === "zero") await base.writeZeroes(offset, extent.length);
    const length = mine && extent.state === "data" ? Math.min(extent.length, blockSize) : extent.length;
    if (mine && extent.state === "data") {
      await rate?.take(length);
      const bytes = Buffer.allocUnsafe(length);
      await image.read(offset, bytes);
      await base.write(offset, bytes);
    }
    offset += length;
  }
  await base.flush();
  progress?.(1);
}

function cancelled(): BlockError {
  return new BlockError(
    "ECANCELED",
    "Interrupted; the image is unchanged, its backing file has part of the data",
    {
      hint: "Commit again to finish; until then use the image, not its backing file.",
    },
  );
}
