// What an image holds before its first part, whatever its format: a few clusters of data and of zeroes in the zones, and
// what the backing file shows elsewhere.
import type { Random } from "../build/random.ts";
import type { Setting } from "./format.ts";
import type { GuestContent, Zone } from "./guestModel.ts";
import { patternAt } from "./openImage.ts";

/** By guest cluster index. */
export type FirstClusters = ReadonlyMap<number, Uint8Array | "zero">;
type Shape = Pick<Setting, "clusterSize" | "backingSize" | "zones">;

export function firstClusters({ clusterSize, zones }: Shape, size: number, random: Random): FirstClusters {
  const clusters = new Map<number, Uint8Array | "zero">();
  for (let left = random.pick([0, 0, 1, 3]); left > 0; left--) {
    const zone = random.pick(zones);
    const at = zone.offset + random.below(zone.length / clusterSize) * clusterSize;
    if (at + clusterSize > size) continue;
    const data = Uint8Array.from({ length: clusterSize }, (_, index) => 3 + ((at + index) % 13));
    clusters.set(at / clusterSize, random.pick([data, "zero" as const]));
  }
  return clusters;
}

/** What the guest sees of them. */
export function contentOf(
  { clusterSize, backingSize, zones }: Shape,
  size: number,
  clusters: FirstClusters,
): GuestContent {
  const content = zones.map(({ offset, length }) => {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += clusterSize) {
      const cluster = clusters.get((offset + at) / clusterSize);
      const part = bytes.subarray(at, at + clusterSize);
      if (cluster === undefined) fillFromBacking(part, offset + at, Math.min(backingSize ?? 0, size));
      else if (cluster !== "zero") part.set(cluster);
    }
    return bytes;
  });
  return { size, zones: content };
}

/** Bytes of the guest's disk as a backing file that ends at `end` shows them; zero behind it. */
export function fillFromBacking(target: Uint8Array, offset: number, end: number): void {
  for (let at = 0; at < target.length && offset + at < end; at++) target[at] = patternAt(offset + at);
}

/** Whole clusters around the end of the disk. */
export function zoneAtEnd(size: number, around: number): Zone {
  return { offset: size - (size % around), length: 2 * around };
}
