// What the process that is to be killed writes: batch n of a seed is the same for it and for the test that judges it.
import { randomFrom } from "../build/random.ts";

export interface PlannedWrite {
  readonly kind: "write" | "zeroes";
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Guest size of the image, bytes. */
export const diskBytes = 8 * 1024 * 1024;

/** 1 to 6 requests, in flight together, that do not overlap; a flush comes after them. */
export function batchOf(seed: number, number: number): PlannedWrite[] {
  const random = randomFrom(seed * 100_003 + number);
  const count = 1 + random.below(6);
  const share = diskBytes / count;
  const writes: PlannedWrite[] = [];
  for (let index = 0; index < count; index++) {
    const unit = random.pick([1, 512, 4096, 65536]);
    const length = Math.min(unit * (1 + random.below(8)), 100_000);
    const from = Math.ceil(index * share);
    const offset = from + Math.floor(random.below(Math.floor(share) - length) / unit) * unit;
    const kind = random.below(5) === 0 ? ("zeroes" as const) : ("write" as const);
    const value = 1 + ((number * 7 + index * 31) % 250);
    const bytes = new Uint8Array(length).fill(kind === "zeroes" ? 0 : value);
    writes.push({ kind, offset, bytes });
  }
  return writes;
}
