// Copies a range of an image block by block into another, every byte of it: zeroes are written too.
import { asBlockError, BlockError } from "../base/errors.ts";
import { Pace } from "../base/pace.ts";
import { strerror } from "../base/strerror.ts";
import type { BlockNode } from "../block/node.ts";

export interface DdRequest {
  readonly source: BlockNode;
  readonly target: BlockNode;
  /** Bytes of the source. Behind its end, up to a whole sector, it is zeroes. */
  readonly start: number;
  readonly end: number;
  /** Bytes of a request. */
  readonly blockSize: number;
  readonly signal: AbortSignal;
  /** Bytes copied so far. */
  progress?(copied: number): void;
}

/** A request that is longer is done in parts: memory is bounded, whatever the block size. */
const longest = 4 * 1024 * 1024;
/** Blocks that are smaller are read together. */
const shortest = 256 * 1024;

/** The target is written from its beginning. Throws ECANCELED, and what reading and writing throw. */
export async function copyBlocks({ source, target, start, end, ...how }: DdRequest): Promise<void> {
  const pace = new Pace(how.signal);
  const buffer = Buffer.allocUnsafe(Math.min(requestSize(how.blockSize), Math.max(0, end - start)));
  for (let at = start; at < end; ) {
    if (pace.due) await pace.turn();
    if (pace.stopped) throw new BlockError("ECANCELED", "The copy was cancelled");
    const bytes = buffer.subarray(0, Math.min(buffer.length, end - at));
    const there = Math.max(0, Math.min(bytes.length, source.size - at));
    bytes.fill(0, there);
    await worded("reading from input", at, () => source.read(at, bytes.subarray(0, there)));
    await worded("writing to output", at, () => target.write(at - start, bytes));
    at += bytes.length;
    how.progress?.(at - start);
  }
}

/** Whole blocks, as far as they fit. */
function requestSize(blockSize: number): number {
  if (blockSize >= longest) return longest;
  return Math.max(1, Math.floor(shortest / blockSize)) * blockSize;
}

async function worded(doing: string, offset: number, request: () => Promise<void>): Promise<void> {
  try {
    await request();
  } catch (thrown) {
    const error = asBlockError(thrown);
    const peer = { message: `error while ${doing} image file: ${strerror(error)}` };
    const message = `Error while ${doing} at offset ${offset}: ${error.message}`;
    throw new BlockError(error.code, message, { ...error.context, peer }, { cause: error });
  }
}
