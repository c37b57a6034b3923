// A QED image with one of everything that a repair mends, small enough to be mended some hundred times in a test.
import { buildQed } from "./qed.ts";

/** Bytes. */
export const brokenCluster = 4096;

/**
 * A cluster with two users, a table with two users, entries past the end in three tables, an entry that is not aligned,
 * a tail of a part of a cluster that is not zero, and the dirty bit. Tables of two clusters: the peer opens no smaller.
 */
export function brokenQed(): Uint8Array {
  const fill = (value: number) => new Uint8Array(brokenCluster).fill(value);
  const entries = (2 * brokenCluster) / 8;
  const clusters = new Map([
    [0, fill(1)],
    [1, fill(2)],
    [entries + 5, fill(3)],
    [2 * entries, fill(4)],
  ]);
  const base = {
    size: 8 * entries * brokenCluster,
    clusterSize: brokenCluster,
    tableSize: 2,
    clusters,
    features: 2n,
    tail: 700,
  };
  const built = buildQed(base);
  const first = BigInt(built.dataOffsets.get(0) ?? 0);
  const table = BigInt(built.l2Offsets.get(0) ?? 0);
  const { bytes } = buildQed({
    ...base,
    l1: [
      [4, table],
      [6, 0x7000_0000n],
    ],
    l2: [
      [0, 7, 0x123n],
      [0, 9, 0x7000_1000n],
      [1, 3, 0x7000_2000n],
      [1, 90, first],
      [2, 4, 0x7000_3000n],
      [2, 5, 0x7000_4000n],
    ],
  });
  return bytes.fill(9, bytes.length - 700);
}
