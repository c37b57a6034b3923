// Small qcow2 images, each with one kind of what a repair mends. Clusters of 4096 bytes: 0 header, 1 refcount table, 2 its
// block, 3 L1 table, 4 L2 table of guest clusters 0 to 511, 5 and 6 data of 0 and 1, 7 the next L2 table, 8 data of 512.
import { buildQcow2, type Qcow2Spec } from "./qcow2.ts";

const clusterSize = 4096;
const copied = 1n << 63n;
const at = (cluster: number) => BigInt(cluster * clusterSize);
const fill = (value: number) => new Uint8Array(clusterSize).fill(value);

const base: Qcow2Spec = {
  size: 1024 * clusterSize,
  clusterBits: 12,
  clusters: new Map([
    [0, fill(1)],
    [1, fill(2)],
    [512, fill(3)],
  ]),
};

export interface BrokenQcow2 {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** What broken entries stood for may be in clusters that nothing uses: these are not freed unless asked. */
  readonly leavesLeaks: boolean;
}

export function brokenQcow2(): readonly BrokenQcow2[] {
  const one = (name: string, more: Partial<Qcow2Spec>, leavesLeaks = false): BrokenQcow2 => ({
    ...{ name, leavesLeaks },
    bytes: buildQcow2({ ...base, ...more }).bytes,
  });
  return [
    one("leaks", { extra: [1, 1, 2].map((count, i) => [fill(0x90 + i), count] as const) }),
    one("wrong refcounts", {
      // Too high, too low, and too high where it has to be 0.
      refcounts: new Map([
        [5, 3n],
        [6, 0n],
        [9, 2n],
      ]),
      extra: [[fill(0x91), 2]],
    }),
    one("wrong COPIED flags", {
      // L2 entries of guest clusters 0 and 1, and the second L1 entry, lack it.
      u64: [
        [4 * clusterSize, at(5)],
        [4 * clusterSize + 8, at(6)],
        [3 * clusterSize + 8, at(7)],
      ],
    }),
    // The only refcount block is said to be where the first L2 table is, with a reserved bit.
    one("refcount structure to be made anew", { u64: [[clusterSize, at(4) | 1n]] }),
    one(
      "marked dirty and corrupt, and some of everything",
      {
        incompatible: 3n,
        compatible: 1n,
        refcounts: new Map([[8, 0n]]),
        extra: [[fill(0x92), 1]],
        u64: [
          // Guest cluster 2 shares the place of 0; 3 is past the end; 4 is not aligned; 512 lacks COPIED.
          [4 * clusterSize + 2 * 8, at(5) | copied],
          [4 * clusterSize + 3 * 8, (1n << 40n) | copied],
          [4 * clusterSize + 4 * 8, at(6) + 512n],
          [7 * clusterSize, at(8)],
        ],
      },
      true,
    ),
  ];
}
