// An image whose file was cut off says where its used clusters end: at opening, from its refcounts alone.
import { describe, expect, it, onTestFinished } from "vitest";
import type { ImageSpec } from "../../../../core/block/driver.ts";
import type { NodeInfo } from "../../../../core/block/node.ts";
import { openGraph } from "../../../../core/graph.ts";
import { buildQcow2, type Qcow2Spec } from "../../../build/qcow2.ts";

async function infoOf(bytes: Uint8Array, toInspect = true): Promise<NodeInfo> {
  const spec = { driver: "qcow2", file: { driver: "memory", bytes } };
  const graph = await openGraph(spec as ImageSpec, { readOnly: true, toInspect, warn: () => undefined });
  onTestFinished(() => graph.close());
  return graph.root.info;
}

const data = (clusterSize: number, count: number) =>
  new Map(Array.from({ length: count }, (_, index) => [index, new Uint8Array(clusterSize).fill(index + 1)]));

describe("the end of the clusters that are in use", () => {
  // Clusters of 64 KiB: header, refcount table, its block, L1, L2, then four of data: 9 in all, 0x90000 bytes.
  const C = 0x10000;
  const spec: Qcow2Spec = { size: 16 * C, clusters: data(C, 4) };

  it("is not told of a file that has all of them, also when the last is not whole", async () => {
    const { bytes } = buildQcow2(spec);
    expect(bytes.length).toBe(0x90000);
    expect(await infoOf(bytes)).not.toHaveProperty("usedEnd");
    expect(await infoOf(bytes.slice(0, 0x8f000))).not.toHaveProperty("usedEnd");
    expect(await infoOf(bytes.slice(0, 0x80200))).not.toHaveProperty("usedEnd");
  });

  it("is told of a file that ends before the last of them begins", async () => {
    const { bytes } = buildQcow2(spec);
    expect(await infoOf(bytes.slice(0, 0x80000))).toMatchObject({ usedEnd: 0x90000 });
    expect(await infoOf(bytes.slice(0, 0x40200))).toMatchObject({ usedEnd: 0x90000 });
    // Free clusters at the end are not missed.
    const free = buildQcow2({ ...spec, refcounts: new Map([[8, 0n]]) }).bytes;
    expect(await infoOf(free.slice(0, 0x80000))).not.toHaveProperty("usedEnd");
  });

  it.each([0, 1, 2, 3, 4, 5, 6])("is found among counts of 2^%i bits", async (refcountOrder) => {
    const { bytes } = buildQcow2({ ...spec, refcountOrder });
    expect(await infoOf(bytes.slice(0, 0x70000))).toMatchObject({ usedEnd: 0x90000 });
  });

  it("is that of a refcount block behind the end, where that is the last that is known", async () => {
    // Entry 1 of the refcount table, in cluster 1, names a block at 0x200000.
    const { bytes } = buildQcow2({ ...spec, u64: [[C + 8, 0x200000n]] });
    expect(await infoOf(bytes)).toMatchObject({ usedEnd: 0x210000 });
  });

  it("is not looked for in an image that is only read, and damage to the refcounts opens", async () => {
    const { bytes } = buildQcow2(spec);
    expect(await infoOf(bytes.slice(0, 0x70000), false)).not.toHaveProperty("usedEnd");
    // The block's entry with bit 9 set breaks a rule: nothing is known.
    const damaged = buildQcow2({ ...spec, u64: [[C, 0x20200n]] }).bytes;
    expect(await infoOf(damaged.slice(0, 0x70000))).not.toHaveProperty("usedEnd");
    // Counts of clusters beyond what a number can tell exactly: the last entry of a table of one cluster.
    const far = buildQcow2({ ...spec, u64: [[C + C - 8, 0x7fff_ffff_ffff_0000n]] }).bytes;
    expect(await infoOf(far)).not.toHaveProperty("usedEnd");
  });
});
