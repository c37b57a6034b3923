import { describe, expect, it } from "vitest";
import { type ChainExtent, chainExtentAt } from "../../../core/block/extents.ts";
import type { BlockNode } from "../../../core/block/node.ts";
import { failureOf, filled, firstDifference, openForTest, readRange } from "../../build/open.ts";
import { buildQed, type QedSpec } from "../../build/qed.ts";
import { type Random, seeded } from "../../build/random.ts";

const C = 4096;

type Clusters = readonly (readonly [number, Uint8Array | "zero"])[];

function qedSpec(size: number, clusters: Clusters, more: Partial<QedSpec> = {}) {
  const { bytes } = buildQed({ size, clusterSize: C, tableSize: 1, clusters: new Map(clusters), ...more });
  return { driver: "qed", file: { driver: "memory", bytes } };
}

function data(...indexes: readonly number[]): Clusters {
  return indexes.map((index) => [index, filled(C, index + 1)] as const);
}

async function walk(node: BlockNode): Promise<ChainExtent[]> {
  const found: ChainExtent[] = [];
  for (let at = 0; at < node.size; ) {
    const extent = await chainExtentAt(node, at, node.size - at);
    expect(extent.offset).toBe(at);
    found.push(extent);
    at += extent.length;
  }
  return found;
}

async function summary(spec: object) {
  const { root } = await openForTest(spec as Parameters<typeof openForTest>[0]);
  return (await walk(root)).map(({ offset, length, state, depth }) => [offset / C, length / C, state, depth]);
}

describe("extents over a chain of images", () => {
  it("come from the layer that answers", async () => {
    const base = qedSpec(8 * C, [...data(0, 1, 2), [5, "zero"]]);
    const middle = { ...qedSpec(8 * C, [...data(1), [2, "zero"]]), backing: base };
    const top = { ...qedSpec(8 * C, data(6)), backing: middle };
    expect(await summary(top)).toEqual([
      [0, 1, "data", 2],
      [1, 1, "data", 1],
      [2, 1, "zero", 1],
      [3, 2, "unallocated", 2],
      [5, 1, "zero", 2],
      [6, 1, "data", 0],
      [7, 1, "unallocated", 2],
    ]);
  });

  it("are data where the container of a format is an overlay whose backing file has them", async () => {
    const overlay = { ...qedSpec(4 * C, data(1)), backing: qedSpec(4 * C, data(0)) };
    // Cluster 0 is in the container's backing file, cluster 1 in the container, the others nowhere.
    expect(await summary({ driver: "raw", file: overlay })).toEqual([
      [0, 1, "data", 0],
      [1, 1, "data", 0],
      [2, 2, "zero", 0],
    ]);
    // A QED image in the backing file of an overlay that holds nothing: its data cluster is no hole.
    const { bytes } = buildQed({
      size: 2 * C,
      clusterSize: C,
      tableSize: 1,
      clusters: new Map(data(0)),
    });
    const backing = { driver: "raw", file: { driver: "memory", bytes } };
    const file = { ...qedSpec(Math.ceil(bytes.length / 512) * 512, []), backing };
    expect(await summary({ driver: "qed", file })).toEqual([
      [0, 1, "data", 0],
      [1, 1, "unallocated", 0],
    ]);
  });

  it("are zero, and allocated, where a shorter backing file has ended", async () => {
    const base = { driver: "raw", file: { driver: "memory", bytes: filled(3 * C - 512, 1) } };
    const top = { ...qedSpec(8 * C, data(6)), backing: base };
    const { root } = await openForTest(top);
    expect(
      (await walk(root)).map(({ offset, length, state, depth }) => [offset, length, state, depth]),
    ).toEqual([
      [0, 3 * C - 512, "data", 1],
      [3 * C - 512, 3 * C + 512, "zero", 1],
      [6 * C, C, "data", 0],
      [7 * C, C, "zero", 1],
    ]);
    expect(await readRange(root, 3 * C - 514, 4)).toEqual(Uint8Array.of(1, 1, 0, 0));
  });

  it("end with the image when its backing file is longer", async () => {
    const base = { driver: "raw", file: { driver: "memory", bytes: filled(20 * C, 1) } };
    expect(await summary({ ...qedSpec(2 * C, []), backing: base })).toEqual([[0, 2, "data", 1]]);
  });

  it("say where the bytes lie in the file of the layer that answers", async () => {
    // The backing image: header 0x0, L1 0x1000, L2 0x2000, its cluster 3 at 0x3000.
    const { root } = await openForTest({ ...qedSpec(8 * C, []), backing: qedSpec(8 * C, data(3)) });
    expect(await chainExtentAt(root, 3 * C + 5, 100)).toEqual({
      offset: 3 * C + 5,
      length: 100,
      state: "data",
      stored: "data",
      depth: 1,
      compressed: false,
      hostOffset: 0x3005,
    });
  });

  it("fail where the tables of a layer are broken, and only there", async () => {
    const base = qedSpec(8 * C, data(1), { l2: [[0, 2, 0x999000n]] });
    const { root } = await openForTest({ ...qedSpec(8 * C, data(2)), backing: base });
    expect((await chainExtentAt(root, 2 * C, C)).depth).toBe(0);
    const broken = await openForTest({ ...qedSpec(8 * C, []), backing: base });
    expect(await failureOf(chainExtentAt(broken.root, 2 * C, C))).toMatchObject({
      code: "ECORRUPT",
      context: { node: "backing" },
    });
    expect((await chainExtentAt(broken.root, 3 * C, C)).state).toBe("unallocated");
  });
});

describe("random chains", () => {
  it("agree with a plain model of layers in every byte and extent", async () => {
    await seeded(async (random) => {
      for (let round = 0; round < 40; round++) await checkChain(random);
    });
  });
});

interface Layer {
  readonly size: number;
  readonly clusters: Map<number, Uint8Array | "zero">;
}

async function checkChain(random: Random): Promise<void> {
  const layers: Layer[] = [];
  for (let n = 1 + random.below(3); n > 0; n--) {
    const count = 1 + random.below(30);
    const clusters = new Map<number, Uint8Array | "zero">();
    for (let k = random.below(count + 1); k > 0; k--) {
      clusters.set(random.below(count), random.below(3) === 0 ? "zero" : filled(C, 1 + random.below(255)));
    }
    layers.push({ size: count * C - 512 * random.below(8), clusters });
  }
  let spec: object | undefined;
  for (const { size, clusters } of layers.toReversed()) {
    spec = { ...qedSpec(size, [...clusters]), ...(spec && { backing: spec }) };
  }
  const { root } = await openForTest(spec as Parameters<typeof openForTest>[0]);
  for (let n = 0; n < 20; n++) {
    const offset = random.below(root.size);
    const length = 1 + random.below(root.size - offset);
    const bytes = Uint8Array.from({ length }, (_, at) => modelAt(layers, offset + at).byte);
    expect(firstDifference(await readRange(root, offset, length), bytes)).toBeUndefined();
    const extent = await chainExtentAt(root, offset, length);
    // All borders lie on multiples of 512, so one byte of each sector stands for it.
    for (let at = offset; at < offset + extent.length; at += 512 - (at % 512)) {
      const { state, depth } = modelAt(layers, at);
      expect([extent.state, extent.depth]).toEqual([state, depth]);
    }
  }
}

function modelAt(layers: readonly Layer[], offset: number) {
  for (const [depth, { size, clusters }] of layers.entries()) {
    if (offset >= size) return { byte: 0, state: "zero", depth };
    const content = clusters.get(Math.floor(offset / C));
    if (content === "zero") return { byte: 0, state: "zero", depth };
    if (content) return { byte: content[offset % C] ?? 0, state: "data", depth };
  }
  return { byte: 0, state: "unallocated", depth: layers.length - 1 };
}
