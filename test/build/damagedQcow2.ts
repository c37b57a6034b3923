// Random qcow2 images with a few wrong entries, counts, and sometimes an end that is cut off. Clusters of 4096 bytes.
import { buildQcow2 } from "./qcow2.ts";
import type { Random } from "./random.ts";

const C = 4096;
const perTable = C / 8;
const copied = 1n << 63n;

/** An image of four tables, each followed by its data, and some entries or counts that are wrong. */
export function damagedQcow2(random: Random): Uint8Array {
  const data = Array.from({ length: 80 }, () => random.below(4 * perTable));
  const { bytes, l1Offset, l2Offsets } = buildQcow2({
    clusterBits: 12,
    refcountOrder: random.pick([0, 3, 4, 5, 6]),
    size: 4 * perTable * C,
    clusters: new Map(data.map((index) => [index, new Uint8Array(C).fill(1)] as const)),
  });
  const view = new DataView(bytes.buffer);
  const place = () => BigInt(random.below(bytes.length / C + 2) * C);
  const entries = [
    () => place() | copied,
    () => place(),
    () => place() + 512n,
    () => place() | 2n,
    () => (1n << 40n) | copied,
    () => (1n << 62n) | (place() + 100n),
    () => (3n << 62n) | place(),
    () => 1n,
    () => 0n,
  ];
  for (let i = random.below(12); i > 0; i--) {
    const [, table = 0] = random.pick([...l2Offsets]);
    view.setBigUint64(table + random.below(perTable) * 8, random.pick(entries)());
  }
  for (let i = random.below(3); i > 0; i--)
    view.setBigUint64(l1Offset + random.below(4) * 8, random.pick(entries)() & ~(1n << 62n));
  for (let i = random.below(4); i > 0; i--) bytes[2 * C + random.below(200)] = random.below(4);
  return bytes.subarray(0, bytes.length - 512 * random.pick([0, 0, 0, 1, 9]));
}
