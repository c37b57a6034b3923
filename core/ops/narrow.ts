// Reading a range of which parts may be unreadable: fills what can be read and says which sectors cannot.
// The number of tries is bounded by the length, so that a dead disk or a truncated file does not stall a scan.
import { asBlockError } from "../base/errors.ts";
import { sectorSize } from "./mismatch.ts";

/** A range that failed, in bytes relative to the start of the read. */
export interface BadRange {
  readonly offset: number;
  readonly length: number;
  readonly message: string;
}

type Read = (offset: number, target: Uint8Array) => Promise<void>;

/** Size of a first try when the whole failed: the physical sector of most disks, bytes. */
const pieceSize = 4096;

/**
 * Fills `target` from `offset`; unreadable bytes are set to 0 and listed, ascending and disjoint.
 * When the whole fails it is tried by 4 KiB pieces, and the first and last piece of a failing stretch by
 * sectors; the pieces between are taken as unreadable whole. Pieces and sectors lie on multiples of their size.
 */
export async function readNarrowing(
  read: Read,
  offset: number,
  target: Uint8Array,
): Promise<readonly BadRange[]> {
  try {
    await read(offset, target);
    return [];
  } catch {
    const stretches = await tryGrid(read, offset, target, 0, target.length, pieceSize);
    const bad: BadRange[] = [];
    for (const stretch of stretches) bad.push(...(await narrowEdges(read, offset, target, stretch)));
    return join(bad);
  }
}

/** Tries [from, to) of the target by grid steps; the failing ones, joined where they touch, zero-filled. */
async function tryGrid(
  read: Read,
  offset: number,
  target: Uint8Array,
  from: number,
  to: number,
  grid: number,
): Promise<readonly BadRange[]> {
  const bad: BadRange[] = [];
  for (let at = from; at < to; ) {
    const next = Math.min(to, at + grid - ((offset + at) % grid));
    const part = target.subarray(at, next);
    try {
      await read(offset + at, part);
    } catch (error) {
      part.fill(0);
      bad.push({ offset: at, length: next - at, message: asBlockError(error).message });
    }
    at = next;
  }
  return join(bad);
}

async function narrowEdges(
  read: Read,
  offset: number,
  target: Uint8Array,
  stretch: BadRange,
): Promise<readonly BadRange[]> {
  const end = stretch.offset + stretch.length;
  const firstEnd = Math.min(end, stretch.offset + pieceSize - ((offset + stretch.offset) % pieceSize));
  const lastStart = Math.max(firstEnd, end - (((offset + end - 1) % pieceSize) + 1));
  const bad = [...(await tryGrid(read, offset, target, stretch.offset, firstEnd, sectorSize))];
  if (lastStart > firstEnd) {
    bad.push({ offset: firstEnd, length: lastStart - firstEnd, message: stretch.message });
  }
  if (end > lastStart) bad.push(...(await tryGrid(read, offset, target, lastStart, end, sectorSize)));
  return bad;
}

/** Touching ranges as one, with the first one's reason. */
function join(ranges: readonly BadRange[]): readonly BadRange[] {
  const joined: BadRange[] = [];
  for (const range of ranges) {
    const last = joined.at(-1);
    if (last !== undefined && last.offset + last.length === range.offset) {
      joined[joined.length - 1] = { ...last, length: last.length + range.length };
    } else {
      joined.push(range);
    }
  }
  return joined;
}
