// Compares an item's two sides where both lie in files (filePieces.ts), by the system's reads alone: for the thread that
// compares and for the one that helps it.
import { readSync } from "node:fs";
import type { Pace } from "../base/pace.ts";
import { pieceNumbers } from "./filePieces.ts";

/** Bytes compared at a time: both blocks stay in a core's cache, and a system call is worth its price. */
export const blockBytes = 512 * 1024;

/**
 * Compares the next bytes of both sides, as many as a buffer holds and one piece has, and moves `position`: the place of the
 * piece in the list, and how much of it is done. False when they differ or a file ends before. Throws what `read` throws.
 * Its text is also in the program of a thread: it uses nothing but its arguments.
 */
export function isNextEqual(
  read: typeof readSync,
  pieces: Float64Array,
  position: [at: number, done: number],
  a: Buffer,
  b: Buffer,
  numbers: number,
): boolean {
  const at = position[0];
  const done = position[1];
  const whole = pieces[at + 4] as number;
  const length = Math.min(a.length, whole - done);
  for (let side = 0; side < 2; side++) {
    const fd = pieces[at + side * 2] as number;
    const from = (pieces[at + side * 2 + 1] as number) + done;
    const bytes = side === 0 ? a : b;
    // No file: that side is zero.
    if (fd < 0) bytes.fill(0, 0, length);
    for (let got = 0; fd >= 0 && got < length; ) {
      const more = read(fd, bytes, got, length - got, from + got);
      if (more === 0) return false;
      got += more;
    }
  }
  position[0] = done + length < whole ? at : at + numbers;
  position[1] = done + length < whole ? done + length : 0;
  return a.compare(b, 0, length, 0, length) === 0;
}

/** False too when the pace is stopped or something can't be read: the item is scanned then, which tells what is. */
export async function areEqual(pieces: Float64Array, a: Buffer, b: Buffer, pace: Pace): Promise<boolean> {
  const position: [number, number] = [0, 0];
  try {
    while (position[0] < pieces.length) {
      if (!isNextEqual(readSync, pieces, position, a, b, pieceNumbers)) return false;
      if (pace.due) await pace.turn();
      if (pace.stopped) return false;
    }
  } catch {
    return false;
  }
  return true;
}
