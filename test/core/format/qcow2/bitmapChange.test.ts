// Bitmaps beyond what the stock tools can judge: ranges and sizes counted by hand, a bitmap that is read while it records,
// and refusals that change nothing.
import { describe, expect, it, onTestFinished } from "vitest";
import type { ImageSpec } from "../../../../core/block/driver.ts";
import type { Bitmaps, BlockNode } from "../../../../core/block/node.ts";
import { bitmapTableEntries } from "../../../../core/format/qcow2/bitmapBits.ts";
import { type Graph, openGraph } from "../../../../core/graph.ts";
import { failureOf, filled, readAll } from "../../../build/open.ts";
import { buildQcow2 } from "../../../build/qcow2.ts";

const C = 65536;

async function open(bytes: Uint8Array): Promise<{ graph: Graph; node: BlockNode; bitmaps: Bitmaps }> {
  const spec = { driver: "qcow2", file: { driver: "memory", bytes } };
  const graph = await openGraph(spec as ImageSpec, { readOnly: false, warn: () => undefined });
  onTestFinished(() => graph.close().catch(() => undefined));
  return { graph, node: graph.root, bitmaps: graph.root.bitmaps as Bitmaps };
}

async function fileOf(graph: Graph): Promise<Uint8Array> {
  const file = graph.nodeAt("file");
  if (file === undefined) throw new Error("there is no file");
  return readAll(file);
}

async function ranges(bitmaps: Bitmaps, name: string): Promise<number[][]> {
  const list: number[][] = [];
  for await (const { offset, length } of (await bitmaps.read(name)).ranges()) list.push([offset, length]);
  return list;
}

describe("a bitmap", () => {
  it("has as many table entries as its bits need clusters", () => {
    // 1 GiB / 512 = 2097152 bits = 262144 bytes = 4 clusters of 64 KiB; one granule more needs a fifth.
    expect(bitmapTableEntries(2 ** 30, 512, C)).toBe(4);
    expect(bitmapTableEntries(2 ** 30 + 512, 512, C)).toBe(5);
    expect(bitmapTableEntries(512, 65536, C)).toBe(1);
    expect(bitmapTableEntries(0, 65536, C)).toBe(0);
  });

  it("says whole granules of what was written, up to the end of the disk, while the image is open", async () => {
    const { node, bitmaps } = await open(buildQcow2({ size: 10 * C + 512 }).bytes);
    await bitmaps.add("b", 4096);
    await node.write(5000, filled(100, 1));
    await node.write(8191, filled(2, 1));
    await node.write(10 * C, filled(512, 1));
    // Granules 1 and 2 (4096 to 12287), and the one that begins at 655360, of which 512 bytes are there.
    expect(await ranges(bitmaps, "b")).toEqual([
      [4096, 8192],
      [10 * C, 512],
    ]);
    await bitmaps.disable("b");
    await node.write(0, filled(512, 1));
    expect(await ranges(bitmaps, "b")).toHaveLength(2);
  });

  it("is not given up for a write to an image whose refcounts have to be repaired first", async () => {
    const { bytes } = buildQcow2({ size: 10 * C, clusters: new Map([[0, filled(C, 1)]]) });
    const first = await open(bytes);
    await first.bitmaps.add("b", 4096);
    // The dirty bit (incompatible_features, bit 0), and a refcount of 0 for the data in cluster 5.
    const damaged = await fileOf(first.graph);
    damaged[79] = 1;
    damaged.fill(0, 2 * C + 5 * 2, 2 * C + 6 * 2);
    const { graph, node } = await open(damaged);
    expect((await failureOf(node.write(0, filled(512, 2)))).code).toBe("ECORRUPT");
    const spec = { driver: "qcow2", file: { driver: "memory", bytes: await fileOf(graph) } };
    const again = await openGraph(spec as ImageSpec);
    expect(await again.root.bitmaps?.list()).toMatchObject([
      { name: "b", isEnabled: true, isInconsistent: false },
    ]);
  });

  it("forgets what a smaller disk no longer has", async () => {
    const { node, bitmaps } = await open(buildQcow2({ size: 10 * C }).bytes);
    await bitmaps.add("b", 4096);
    await node.write(0, filled(10 * C, 1));
    await node.resize(6000 - (6000 % 512));
    await node.resize(10 * C);
    // The granule in which the disk ended keeps its bit: 5632 bytes reach into the second.
    expect(await ranges(bitmaps, "b")).toEqual([[0, 8192]]);
    expect(await node.check?.({})).toMatchObject({ corruptions: 0, leaks: 0 });
  });

  it("that is refused leaves the file as it is", async () => {
    const { graph, node, bitmaps } = await open(buildQcow2({ size: 10 * C }).bytes);
    const before = await readAll(graph.nodeAt("file") as BlockNode);
    expect(await failureOf(bitmaps.add("", undefined))).toMatchObject({ code: "EINVAL" });
    expect(await failureOf(bitmaps.add("b", 1000))).toMatchObject({ code: "EINVAL" });
    expect(await failureOf(bitmaps.remove("b"))).toMatchObject({ code: "ENOENT" });
    for (const options of [{ compat: "0.10", lazy_refcounts: true }, { refcount_bits: 3 }, { size: 1000 }]) {
      expect(await failureOf(node.amend?.({ options }) as Promise<void>)).toMatchObject({ code: "EINVAL" });
    }
    expect(await readAll(graph.nodeAt("file") as BlockNode)).toEqual(before);
  });

  it("can't be that of an empty disk: a table without entries is none that a program opens", async () => {
    const empty = await open(buildQcow2({ size: 0 }).bytes);
    expect(await failureOf(empty.bitmaps.add("b", undefined))).toMatchObject({ code: "EINVAL" });
    const { node, bitmaps } = await open(buildQcow2({ size: C }).bytes);
    await bitmaps.add("b", undefined);
    expect(await failureOf(node.resize(0))).toMatchObject({ code: "EINVAL" });
    expect(node.size).toBe(C);
    await bitmaps.remove("b");
    await node.resize(0);
    expect(node.size).toBe(0);
  });
});
