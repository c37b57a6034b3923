// A QED image with one problem of each kind: a cluster used twice, one that leaked, an entry that points nowhere.
import { writeFileSync } from "node:fs";
import { buildQed } from "../build/qed.ts";
import { pattern } from "./images.ts";

export const clusterSize = 4096;

/**
 * 40 guest clusters: entry 5 points where entry 4 points (used twice, and its own cluster leaked), entry 7
 * past the end of the file.
 */
export function brokenQed(path: string) {
  const clusters = new Map(Array.from({ length: 40 }, (_, i) => [i, pattern(clusterSize)] as const));
  const spec = { size: 16 * 1024 * 1024, clusterSize, tableSize: 2, clusters };
  const { dataOffsets } = buildQed(spec);
  const shared = dataOffsets.get(4) ?? 0;
  const built = buildQed({
    ...spec,
    l2: [
      [0, 5, BigInt(shared)],
      [0, 7, 0x4000_0000n],
    ],
  });
  writeFileSync(path, built.bytes);
  return { shared, table: built.l2Offsets.get(0) ?? 0 };
}
