// Small QED images with what a repair mends: one with some of everything, and any number that chance broke.
import { buildQed } from "./qed.ts";
import type { Random } from "./random.ts";

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

/** 4 L2 tables, some data, and up to 6 entries put over with what breaks a rule or has another user. */
export function corruptedQed(random: Random, tableSize = random.pick([1, 2])): Uint8Array {
  const entries = brokenCluster / 8;
  const clusters = new Map<number, Uint8Array | "zero">();
  for (let table = 0; table < 4; table++) {
    for (let i = 0; i < 6; i++) {
      const index = table * entries * tableSize + random.below(10);
      clusters.set(
        index,
        random.below(5) === 0 ? "zero" : new Uint8Array(brokenCluster).fill(1 + random.below(255)),
      );
    }
  }
  const size = 4 * entries * tableSize * brokenCluster;
  const dirty = random.below(2) === 0 ? 2n : 0n;
  const tail = random.pick([0, 0, 100, 3 * brokenCluster, 5 * brokenCluster + 7]);
  const built = buildQed({ size, clusterSize: brokenCluster, tableSize, clusters, features: dirty, tail });
  const view = new DataView(built.bytes.buffer);
  const fileClusters = Math.floor(built.bytes.length / brokenCluster);
  for (let left = random.below(7); left > 0; left--) {
    const isL1 = random.below(3) === 0;
    const table = isL1 ? built.l1Offset : random.pick([...built.l2Offsets.values()]);
    const bad = random.pick([
      () => BigInt(random.below(fileClusters) * brokenCluster),
      () => BigInt((1 + random.below(fileClusters - 1)) * brokenCluster),
      () => BigInt(fileClusters * brokenCluster * 2),
      () => BigInt(random.below(fileClusters) * brokenCluster + 513),
      () => random.pick([...built.l2Offsets.values()].map(BigInt)),
      () => 0xffff_ffff_ffff_f000n,
    ]);
    view.setBigUint64(table + (isL1 ? random.below(6) : random.below(12)) * 8, bad(), true);
  }
  return built.bytes;
}
