import * as fs from "node:fs";
import { describe, expect, it } from "vitest";
import { chainExtentAt } from "../../../../core/block/extents.ts";
import type { BlockNode, ExtentState } from "../../../../core/block/node.ts";
import {
  failureOf,
  filled,
  firstDifference,
  openBytes,
  openPath,
  readAll,
  readRange,
} from "../../../build/open.ts";
import { buildQed, type QedSpec } from "../../../build/qed.ts";
import { seeded } from "../../../build/random.ts";
import { tempFile } from "../../../build/temp.ts";

const K = 1024;

/** 4 KiB clusters and one cluster a table: 512 entries, an L2 table spans 2 MiB. */
const small = { clusterSize: 4096, tableSize: 1 };
const l2Span = 2 * K * K;

async function extents(node: BlockNode): Promise<[number, number, ExtentState, number | undefined][]> {
  const found: [number, number, ExtentState, number | undefined][] = [];
  for (let at = 0; at < node.size; ) {
    const { length, state, hostOffset } = await node.extentAt(at, node.size - at);
    found.push([at, length, state, hostOffset]);
    at += length;
  }
  return found;
}

describe("the map of an image", () => {
  // The file: header 0x0, L1 0x1000, L2[0] 0x2000, clusters 0, 1 and 5 at 0x3000, 0x4000, 0x5000,
  // then L2[2] 0x6000 and its only cluster at 0x7000.
  const spec: QedSpec = {
    ...small,
    size: 3 * l2Span,
    clusters: new Map<number, Uint8Array | "zero">([
      [0, filled(4096, 1)],
      [1, filled(4096, 2)],
      [2, "zero"],
      [3, "zero"],
      [5, filled(4096, 3)],
      [1024, filled(4096, 4)],
    ]),
  };

  it("joins neighbours of one kind into runs", async () => {
    const node = await openBytes(buildQed(spec).bytes);
    expect(await extents(node)).toEqual([
      [0, 8192, "data", 0x3000],
      [8192, 8192, "zero", undefined],
      [16384, 4096, "unallocated", undefined],
      [20480, 4096, "data", 0x5000],
      [24576, l2Span - 24576, "unallocated", undefined],
      // L1[1] is 0: the whole of its 2 MiB at once.
      [l2Span, l2Span, "unallocated", undefined],
      [2 * l2Span, 4096, "data", 0x7000],
      [2 * l2Span + 4096, l2Span - 4096, "unallocated", undefined],
    ]);
  });

  it("splits a run whose clusters do not follow each other in the file", async () => {
    const { bytes } = buildQed({ ...spec, l2: [[0, 1, 0x7000n]] });
    const node = await openBytes(bytes);
    expect((await extents(node)).slice(0, 2)).toEqual([
      [0, 4096, "data", 0x3000],
      [4096, 4096, "data", 0x7000],
    ]);
  });

  it("answers from the middle of a cluster and not beyond the length asked", async () => {
    const node = await openBytes(buildQed(spec).bytes);
    expect(await node.extentAt(100, 50)).toMatchObject({ offset: 100, length: 50, hostOffset: 0x3064 });
    expect(await node.extentAt(8000, 8000)).toMatchObject({
      length: 192,
      state: "data",
      hostOffset: 0x3000 + 8000,
    });
  });

  it("tells the way through the tables", async () => {
    const node = await openBytes(buildQed(spec).bytes);
    expect(await node.describeAt?.(5 * 4096 + 17)).toBe("L1[0] -> L2 at 0x2000, L2[5] -> 0x5000");
    expect(await node.describeAt?.(3 * 4096)).toBe("L1[0] -> L2 at 0x2000, L2[3] = 1: zero cluster");
    expect(await node.describeAt?.(4 * 4096)).toBe("L1[0] -> L2 at 0x2000, L2[4] = 0: unallocated");
    expect(await node.describeAt?.(l2Span)).toBe("L1[1] = 0: unallocated");
    expect(await node.describeAt?.(2 * l2Span)).toBe("L1[2] -> L2 at 0x6000, L2[0] -> 0x7000");
  });

  it("reads data, zero clusters and holes as what they are, across all borders", async () => {
    const node = await openBytes(buildQed(spec).bytes);
    const expected = new Uint8Array(3 * l2Span);
    expected
      .fill(1, 0, 4096)
      .fill(2, 4096, 8192)
      .fill(3, 20480, 24576)
      .fill(4, 2 * l2Span, 2 * l2Span + 4096);
    expect(firstDifference(await readAll(node), expected)).toBeUndefined();
    expect(await readRange(node, 4090, 12)).toEqual(expected.subarray(4090, 4102));
    expect(await readRange(node, 2 * l2Span - 5, 10)).toEqual(
      expected.subarray(2 * l2Span - 5, 2 * l2Span + 5),
    );
  });

  it("reads an image that ends inside a cluster", async () => {
    const node = await openBytes(
      buildQed({ ...small, size: 512, clusters: new Map([[0, filled(4096, 7)]]) }).bytes,
    );
    expect(await readAll(node)).toEqual(filled(512, 7));
    expect(await extents(node)).toEqual([[0, 512, "data", 0x3000]]);
  });

  it("ignores bytes behind the last whole cluster, and refuses a cluster there", async () => {
    const { bytes } = buildQed({ ...spec, tail: 4095, l2: [[0, 0, 0x8000n]] });
    const node = await openBytes(bytes);
    expect((await failureOf(readRange(node, 0, 1))).message).toContain(
      "points past the end of the file (0x8000)",
    );
    expect(await readRange(node, 4096, 4096)).toEqual(filled(4096, 2));
  });
});

describe("an entry that breaks a rule", () => {
  const clusters = new Map([0, 1, 2, 600].map((index) => [index, filled(4096, index + 1)] as const));
  // header 0x0, L1 0x1000, L2[0] 0x2000, clusters 0x3000-0x5fff, L2[1] 0x6000, cluster 0x7000: 0x8000 bytes.
  const spec: QedSpec = { ...small, size: 2 * l2Span, clusters };

  it.each<[string, bigint, string]>([
    ["past the end", 0x8000n, "L1[0] -> L2[1] is 0x8000: it points past the end of the file (0x8000)"],
    ["far past the end", 0xfffffffffffff000n, "is 0xfffffffffffff000: it points past the end"],
    ["not aligned", 0x3200n, "is 0x3200: it is not aligned to the cluster size (0x1000)"],
    ["reserved bits", 0x4002n, "is 0x4002: it is not aligned"],
    ["2, which only looks like a zero cluster", 2n, "is 0x2: it is not aligned"],
  ])("takes away one cluster: L2, %s", async (_name, value, message) => {
    const node = await openBytes(buildQed({ ...spec, l2: [[0, 1, value]] }).bytes);
    const error = await failureOf(readRange(node, 4000, 5000));
    expect(error).toMatchObject({ code: "ECORRUPT", context: { node: "top", offset: 4096, length: 4096 } });
    expect(error.message).toContain(message);
    expect((await failureOf(node.extentAt(4096, 1))).code).toBe("ECORRUPT");
    expect((await failureOf(node.describeAt?.(4096) ?? Promise.resolve())).code).toBe("ECORRUPT");
    // The neighbours are whole, and the extent before stops in front of it.
    expect(await node.extentAt(0, 65536)).toMatchObject({ length: 4096, state: "data" });
    expect(await readRange(node, 0, 4096)).toEqual(filled(4096, 1));
    expect(await readRange(node, 8192, 4096)).toEqual(filled(4096, 3));
    expect(await readRange(node, 600 * 4096, 4096)).toEqual(filled(4096, 601 % 256));
  });

  it("takes away one cluster: L2, into the header", async () => {
    const two = buildQed({ ...spec, headerSize: 2, l2: [[0, 1, 0x1000n]] });
    const error = await failureOf(readRange(await openBytes(two.bytes), 4096, 1));
    expect(error.message).toContain("is 0x1000: it points into the header (below 0x2000)");
  });

  it.each<[string, bigint, string]>([
    ["1, which is no special value there", 1n, "L1[0] is 0x1: it is not aligned"],
    ["past the end", 0x8000n, "L1[0] is 0x8000: it points past the end of the file (0x8000)"],
    ["far past the end", 2n ** 63n, "L1[0] is 0x8000000000000000: it points past the end"],
    ["not aligned", 0x2001n, "L1[0] is 0x2001: it is not aligned"],
  ])("takes away the range of one table: L1, %s", async (_name, value, message) => {
    const node = await openBytes(buildQed({ ...spec, l1: [[0, value]] }).bytes);
    const error = await failureOf(readRange(node, 4096, 10));
    expect(error).toMatchObject({ code: "ECORRUPT", context: { offset: 0, length: l2Span } });
    expect(error.message).toContain(message);
    expect(await readRange(node, 600 * 4096, 4096)).toEqual(filled(4096, 601 % 256));
  });

  it("takes away a table of which the last cluster is missing", async () => {
    // Two clusters a table: header 0x0, L1 0x1000-0x2fff, L2 0x3000-0x4fff, cluster 0x5000-0x5fff.
    const { bytes } = buildQed({
      clusterSize: 4096,
      tableSize: 2,
      size: l2Span,
      clusters: new Map([[0, filled(1, 1)]]),
      l1: [[0, 0x5000n]],
    });
    expect((await failureOf(readRange(await openBytes(bytes), 0, 1))).message).toContain(
      "past the end of the file (0x6000)",
    );
  });

  it("ends a run before it, also when the run would flow into it", async () => {
    // Cluster 3 would follow at 0x6000, which is there; then the file ends at 0x8000 and 0x8000 is not.
    const values: [number, number, bigint][] = [
      [0, 3, 0x6000n],
      [0, 4, 0x7000n],
      [0, 5, 0x8000n],
    ];
    const node = await openBytes(buildQed({ ...spec, l2: values }).bytes);
    expect(await node.extentAt(0, l2Span)).toMatchObject({ length: 5 * 4096, hostOffset: 0x3000 });
    expect((await failureOf(node.extentAt(5 * 4096, 4096))).code).toBe("ECORRUPT");
  });
});

describe("a file that shrinks under an open image", () => {
  it("gives errors where it was cut, whether data or tables, and reads the rest", async () => {
    const clusters = new Map([0, 1].map((index) => [index, filled(4096, index + 1)] as const));
    const { bytes } = buildQed({ ...small, size: l2Span, clusters });
    const filename = tempFile("a.qed", bytes);
    const node = await openPath(filename);
    const fresh = await openPath(filename);
    expect(await readRange(node, 0, 8192)).toHaveLength(8192);
    fs.truncateSync(filename, 0x4000);
    expect(await readRange(node, 0, 4096)).toEqual(filled(4096, 1));
    expect((await failureOf(readRange(node, 4096, 1))).code).toBe("EIO");
    // The L2 table at 0x2000 is lost for an image that has not read it yet.
    fs.truncateSync(filename, 0x2000);
    expect(await failureOf(readRange(fresh, 0, 1))).toMatchObject({ code: "EIO", context: { node: "file" } });
  });
});

describe("large images", () => {
  it("are walked by L1 entry where nothing is allocated", async () => {
    // Default tables: 32768 entries of 64 KiB, 2 GiB a table; 16 TiB have 8192 of them.
    const { bytes } = buildQed({ size: 2 ** 44 });
    const node = await openBytes(bytes);
    expect((await extents(node)).length).toBeLessThanOrEqual(4);
  });

  it("have their tables read in pieces: an L1 table of 1 GiB costs next to nothing", async () => {
    // 64 MiB clusters, 16 a table: header 64 MiB, L1 of 1 GiB, as a sparse file.
    const { bytes } = buildQed({ size: 2 ** 30, clusterSize: 4096, tableSize: 1 });
    const view = new DataView(bytes.buffer);
    view.setUint32(4, 2 ** 26, true);
    view.setUint32(8, 16, true);
    view.setBigUint64(40, 2n ** 26n, true);
    view.setBigUint64(48, 2n ** 53n - 512n, true);
    const filename = tempFile("huge.qed", bytes.subarray(0, 64));
    fs.truncateSync(filename, 17 * 2 ** 26);
    const before = process.memoryUsage().arrayBuffers;
    const node = await openPath(filename);
    expect(await readRange(node, 2 ** 53 - 1024, 512)).toEqual(new Uint8Array(512));
    expect(await extents(node)).toEqual([[0, 2 ** 53 - 512, "unallocated", undefined]]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * K * K);
  });
});

describe("a hole of the file inside a data cluster", () => {
  it("is known to be zero over the chain", async () => {
    const clusters = new Map([[0, filled(1, 1)]]);
    const { bytes, dataOffsets } = buildQed({ size: 65536, clusters });
    const at = dataOffsets.get(0) ?? 0;
    const filename = tempFile("a.qed", bytes.subarray(0, at + 1));
    // The file system block with the first byte is data, the rest of the 64 KiB cluster is a hole.
    fs.truncateSync(filename, at + 65536);
    const node = await openPath(filename);
    const first = await chainExtentAt(node, 0, 65536);
    expect(first).toMatchObject({ state: "data", hostOffset: at });
    expect(await chainExtentAt(node, first.length, 65536 - first.length)).toEqual({
      offset: first.length,
      length: 65536 - first.length,
      state: "zero",
      stored: "data",
      depth: 0,
      compressed: false,
      hostOffset: at + first.length,
    });
  });
});

describe("random images", () => {
  it("agree with a plain array of bytes in every read and extent", async () => {
    await seeded(async (random) => {
      for (let round = 0; round < 20; round++) {
        const clusterSize = random.pick([4096, 8192]);
        const tableSize = random.pick([1, 2, 4]);
        const count = 1 + random.below(1200);
        const size = count * clusterSize - 512 * random.below(clusterSize / 512);
        const clusters = new Map<number, Uint8Array | "zero">();
        const model = new Uint8Array(count * clusterSize);
        const states = new Array<ExtentState>(count).fill("unallocated");
        for (let n = random.below(60); n > 0; n--) {
          const start = random.below(count);
          const state = random.pick<ExtentState>(["data", "data", "zero"]);
          for (let index = start; index < Math.min(count, start + 1 + random.below(8)); index++) {
            const bytes = filled(clusterSize, 1 + random.below(255));
            clusters.set(index, state === "data" ? bytes : "zero");
            model.fill(
              state === "data" ? (bytes[0] ?? 0) : 0,
              index * clusterSize,
              (index + 1) * clusterSize,
            );
            states[index] = state;
          }
        }
        const built = buildQed({ clusterSize, tableSize, size, clusters });
        const node = await openBytes(built.bytes);
        for (let n = 0; n < 60; n++) {
          const offset = random.below(size);
          const length = 1 + random.below(Math.min(size - offset, 300_000));
          const got = await readRange(node, offset, length);
          expect(firstDifference(got, model.subarray(offset, offset + length))).toBeUndefined();
          const extent = await node.extentAt(offset, length);
          const last = Math.floor((offset + extent.length - 1) / clusterSize);
          for (let index = Math.floor(offset / clusterSize); index <= last; index++) {
            expect(states[index]).toBe(extent.state);
            const inFile = built.dataOffsets.get(index);
            const expected =
              extent.hostOffset === undefined
                ? undefined
                : extent.hostOffset -
                  (offset % clusterSize) +
                  (index - Math.floor(offset / clusterSize)) * clusterSize;
            expect(inFile).toBe(expected);
          }
        }
      }
    });
  });
});
