// Whether what an earlier repair wrote into a qcow2 image took something out of use: entries that point elsewhere now, but
// at a copy, and snapshots that are gone. Refcounts and COPIED flags give nothing up.
import { big64be, u32be } from "../../base/bytes.ts";
import type { GaveUp } from "../../block/offered.ts";
import type { PlanParts } from "./planParts.ts";

const copiedBit = 1n << 63n;
const offsetMask = 0x00fffffffffffe00n;
const zeroFlag = 1n;
/** In the header: nb_snapshots. */
const snapshotCountAt = 60;

/** By what the image is now: its refcount structures are where they were when they were written to. */
export function gaveUpIn({ counts }: PlanParts): GaveUp {
  // Where not everything can be counted all is in doubt anyway.
  if (counts === undefined) return () => false;
  const { image, stored } = counts.counted;
  const { clusterSize, refcountTable } = image.header;
  const blocks = new Set<number>();
  for (let index = 0; index < stored.entries; index++) blocks.add(stored.block(index)?.offset ?? 0);
  const tableEnd = refcountTable.offset + refcountTable.clusters * clusterSize;
  return ({ offset, oldBytes, newBytes }, sizes) => {
    if (offset < clusterSize) return offset === snapshotCountAt && u32be(newBytes, 0) < u32be(oldBytes, 0);
    const isOfTable = offset >= refcountTable.offset && offset < tableEnd;
    if (isOfTable || blocks.has(offset - (offset % clusterSize))) return false;
    for (let at = 0; at + 8 <= oldBytes.length; at += 8) {
      if (isGivenUp(big64be(oldBytes, at), big64be(newBytes, at), sizes)) return true;
    }
    return false;
  };
}

/** Whether a word of a table says after the repair that something else is read than before, or can be. */
function isGivenUp(old: bigint, now: bigint, { cutSize, newSize }: Parameters<GaveUp>[1]): boolean {
  if (((old ^ now) & ~copiedBit) === 0n) return false;
  const [from, to] = [old & offsetMask, now & offsetMask];
  if (to !== 0n && (to === from || (to >= cutSize && to < newSize))) return false;
  // What had no place could lose none. What a place behind the end was to be is not known, whatever is read there.
  const hadNone = from === 0n && (old & zeroFlag) !== 0n;
  return !(hadNone && to === 0n);
}
