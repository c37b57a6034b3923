// Kinds of clusters, references and names for bytes, on images built by the specification.
import { describe, expect, it } from "vitest";
import { ClusterMarks } from "../../../../core/block/clusterMarks.ts";
import type { BlockNode } from "../../../../core/block/node.ts";
import { type ClusterKind, clusterKinds } from "../../../../core/block/structure.ts";
import { planBundle } from "../../../../core/bundle/plan.ts";
import { readImage } from "../../../../core/format/qcow2/header.ts";
import { Qcow2Structure } from "../../../../core/format/qcow2/structure.ts";
import { type ClusterMap, mapClusters } from "../../../../core/ops/clusterMap.ts";
import { MemoryNode } from "../../../../core/protocol/memory.ts";
import { failureOf, filled, openBytes, openForTest } from "../../../build/open.ts";
import { type BuiltQcow2, buildQcow2, type Qcow2Spec, snapshotEntry } from "../../../build/qcow2.ts";

const C = 4096;
const K = { clusterBits: 12 } as const;
const quiet = () => ({ signal: new AbortController().signal, progress: () => undefined });

interface Mapped {
  readonly built: BuiltQcow2;
  readonly node: BlockNode;
  readonly map: ClusterMap;
  readonly kinds: readonly ClusterKind[];
}

async function mapped(spec: Qcow2Spec): Promise<Mapped> {
  const built = buildQcow2(spec);
  const node = await openBytes(built.bytes);
  const map = await mapClusters(node, quiet());
  const kinds: ClusterKind[] = [];
  for (let at = 0; at < built.bytes.length; at += C) kinds.push((await map.place(at)).kind);
  return { built, node, map, kinds };
}

const metadata = ["header", "refcount-table", "refcount-block", "l1-table", "l2-table"] as const;

/** An image with one data cluster whose snapshot has an L1 table of its own, of the same L2 table. */
function withSnapshot(l2Refcount: number, dataRefcount: number): Qcow2Spec {
  const l1 = new Uint8Array(C);
  new DataView(l1.buffer).setBigUint64(0, BigInt(4 * C));
  // Clusters: 4 L2, 5 data, 6 the snapshot's L1, 7 the table.
  const entry = snapshotEntry({ id: "1", name: "one", l1Offset: 6 * C, l1Entries: 1, diskSize: 4 * C });
  return {
    ...K,
    size: 4 * C,
    clusters: new Map([[2, filled(C, 1)]]),
    extra: [
      [l1, 1],
      [entry, 1],
    ],
    refcounts: new Map([
      [4, BigInt(l2Refcount)],
      [5, BigInt(dataRefcount)],
    ]),
    u32: [[60, 1]],
    u64: [[64, BigInt(7 * C)]],
  };
}

describe("the clusters of a qcow2 file", () => {
  it("are header, tables, data, zeroes with storage, leaked and free", async () => {
    const { kinds, map } = await mapped({
      ...K,
      size: 5 * C,
      clusters: new Map<number, Uint8Array | "zero" | bigint>([
        [0, filled(C, 1)],
        [1, "zero"],
        [2, BigInt(6 * C) | 1n],
      ]),
      extra: [
        [new Uint8Array(1), 1],
        [new Uint8Array(1), 1],
        [new Uint8Array(1), 0],
      ],
    });
    expect(kinds).toEqual([...metadata, "data", "zero", "leaked", "free"]);
    expect(map.summary.guest).toEqual({ total: 5, allocated: 1, zero: 2 });
    expect(map.summary).toMatchObject({ badEntries: 0, extraReferences: 0, unreadableTables: 0 });
  });

  it("are told where the stored count of what is in use is wrong", async () => {
    // 0 header, 1 refcount table, 2 its block, 3 L1, 4 L2, 5 to 7 data: each is used once.
    const clusters = new Map([0, 1, 2].map((index) => [index, filled(C, 1)] as const));
    const wrong = [
      [0, 0n],
      [3, 2n],
      [4, 0n],
      [5, 0n],
      [7, 3n],
    ] as const;
    const { kinds, map } = await mapped({ ...K, size: 3 * C, clusters, refcounts: new Map(wrong) });
    expect(kinds).toEqual([
      ...["refcount-low", "refcount-table", "refcount-block", "refcount-high"],
      ...["refcount-low", "refcount-low", "data", "refcount-high"],
    ]);
    const { kinds: totals } = map.summary;
    expect([totals["refcount-low"].clusters, totals["refcount-high"].clusters]).toEqual([3, 2]);
    // The worst of them stands for all, and what they hold is told besides.
    expect([...(await map.tile({ level: 2, first: 0, count: 1 }))]).toEqual([
      clusterKinds.indexOf("refcount-low"),
    ]);
    const table = await map.place(4 * C);
    expect([table.counted, table.stored, table.structure?.kind]).toEqual([1, 0, "l2-table"]);
    const guest = await Promise.all([0, 1, 2].map((index) => map.guestPlace(index * C)));
    expect(guest.map(({ kind }) => kind)).toEqual(["refcount-low", "data", "refcount-high"]);
    const tile = await map.tile({ level: 0, first: 0, count: 3, order: "guest" });
    expect([...tile].map((kind) => clusterKinds[kind])).toEqual(["refcount-low", "data", "refcount-high"]);
  });

  it("with a wrong count go into a metadata-only bundle by what they hold", async () => {
    const clusters = new Map([[0, filled(C, 1)]]);
    // Header, L1 table, L2 table and data are said to be free.
    const refcounts = new Map([0, 3, 4, 5].map((cluster) => [cluster, 0n] as const));
    const { bytes } = buildQcow2({ ...K, size: C, clusters, refcounts });
    const file = await openForTest({ driver: "memory", bytes });
    const plan = await planBundle(await openBytes(bytes), file.root, quiet());
    expect(plan).toMatchObject({ ranges: [{ offset: 0, length: 5 * C }], omittedTables: 0 });
  });

  it.each([0, 1, 2, 3, 4, 5, 6])("tell leaked from free with refcounts of 2^%d bits", async (order) => {
    const extra = Array.from({ length: 20 }, (_, i) => [new Uint8Array(1), i % 3 === 0 ? 1 : 0] as const);
    const { kinds, node } = await mapped({ ...K, size: C, refcountOrder: order, extra });
    expect(kinds.slice(4)).toEqual(extra.map(([, count]) => (count === 1 ? "leaked" : "free")));
    expect(await node.structure?.storedReferences?.(4)).toEqual({ count: 1 });
    expect(await node.structure?.storedReferences?.(5)).toEqual({ count: 0 });
  });

  it("are shared with snapshots as often as their refcounts say", async () => {
    const { kinds, map } = await mapped(withSnapshot(2, 2));
    expect(kinds).toEqual([...metadata, "snapshot", "l1-table", "snapshot-table"]);
    const { references, counted, stored } = await map.place(5 * C);
    expect([counted, stored]).toEqual([2, 2]);
    expect(references).toEqual({
      list: [
        { by: "L1[0] -> L2[2]", offset: 4 * C + 16, length: 8, guest: { offset: 2 * C, length: C } },
        {
          by: "snapshot 1, L1[0] -> L2[2]",
          offset: 4 * C + 16,
          length: 8,
          guest: { offset: 2 * C, length: C },
        },
      ],
      total: 2,
    });
    expect((await map.place(4 * C)).references.list.map(({ by }) => by)).toEqual([
      "L1[0]",
      "snapshot 1, L1[0]",
    ]);
    expect((await map.place(6 * C)).references.list.map(({ by }) => by)).toEqual(["snapshot table, entry 0"]);
    expect((await map.place(7 * C)).references.list.map(({ by }) => by)).toEqual([
      "header, snapshots_offset",
    ]);
  });

  it("overlap where more refer to them than their refcounts say", async () => {
    const { kinds, map } = await mapped(withSnapshot(2, 1));
    expect(kinds[5]).toBe("overlap");
    expect(map.summary.extraReferences).toBe(1);
  });

  it("overlap where data lie on tables", async () => {
    const clusters = new Map([
      [0, BigInt(3 * C)],
      [1, BigInt(2 * C)],
    ]);
    const { kinds, map } = await mapped({ ...K, size: 4 * C, clusters });
    expect(kinds).toEqual(["header", "refcount-table", "overlap", "overlap", "l2-table"]);
    expect((await map.place(3 * C)).references.list.map(({ by }) => by)).toEqual([
      "header, l1_table_offset",
      "L1[0] -> L2[0]",
    ]);
  });

  it("are tables with bad entries where these point nowhere, and nothing but the entry is bad", async () => {
    const clusters = new Map<number, Uint8Array | bigint>([
      [0, BigInt(1000 * C)],
      [1, BigInt(5 * C + 512)],
      [2, filled(C, 1)],
    ]);
    const { kinds, map, node } = await mapped({ ...K, size: 4 * C, clusters });
    expect(kinds.slice(3)).toEqual(["l1-table", "bad-entry", "data"]);
    expect(map.summary.badEntries).toBe(2);
    expect((await node.structure?.guestEntry(10))?.kind).toBe("bad-entry");
    expect(await node.structure?.guestEntry(2 * C + 7)).toMatchObject({
      kind: "data",
      fileOffset: 5 * C + 7,
    });
    expect((await node.structure?.guestEntry(3 * C))?.kind).toBe("hole");
    const tile = await map.tile({ level: 0, first: 0, count: 4, order: "guest" });
    expect([...tile].map((number) => clusterKinds[number])).toEqual([
      "bad-entry",
      "bad-entry",
      "data",
      "hole",
    ]);
  });

  it("tell that the header is wrong where it names a table past the end, as the check does", async () => {
    const spec = { ...K, size: 4 * C, clusters: new Map([[2, filled(C, 1)]]) };
    const { node, map, kinds } = await mapped({ ...spec, u64: [[40, BigInt(64 * C)]] });
    expect(kinds[0]).toBe("bad-entry");
    expect(map.summary.badEntries).toBe(1);
    expect(await map.place(0)).toMatchObject({ counted: 0, references: { total: 0 } });
    // The L1 table, the L2 table and the data that it led to belong to nobody now.
    const result = await node.check?.({});
    expect(result).toMatchObject({ corruptions: 1, leaks: 3 });
    const whole = await mapped(spec);
    expect(whole.kinds[0]).toBe("header");
    // A table whose last bytes the file does not have is read as far as it goes.
    const cut = await openBytes(whole.built.bytes.subarray(0, -1));
    expect((await mapClusters(cut, quiet())).summary.badEntries).toBe(0);
  });

  it("are compressed data for every cluster that a stream touches", async () => {
    // 58 bits of offset, then sectors: 512 bytes before a border and 1024 behind it.
    const stream = (1n << 62n) | (2n << 58n) | BigInt(6 * C - 512);
    const { kinds, map } = await mapped({
      ...K,
      size: 4 * C,
      clusters: new Map([[1, stream]]),
      extra: [
        [new Uint8Array(1), 1],
        [new Uint8Array(1), 1],
      ],
    });
    expect(kinds.slice(5)).toEqual(["compressed", "compressed"]);
    for (const at of [5 * C, 6 * C]) {
      expect((await map.place(at)).references.list.map(({ by }) => by)).toEqual(["L1[0] -> L2[1]"]);
    }
  });

  it("end in no loop where tables lead to themselves", async () => {
    const { kinds, map } = await mapped({
      ...K,
      size: 4 * C,
      clusters: new Map([[0, BigInt(4 * C)]]),
      // The L1 table's first entry leads to the L1 table.
      u64: [[3 * C, BigInt(3 * C)]],
    });
    expect(kinds[3]).toBe("overlap");
    expect(map.summary.skippedTables).toBe(1);
  });

  it("are given up when that is asked for", async () => {
    const file = new SlowFile("file", true, buildQcow2({ ...K, size: C }).bytes);
    const facts = { snapshots: [], snapshotFaults: [], bitmaps: [], encryption: undefined };
    const structure = new Qcow2Structure({ file, image: await readImage(file), facts, shown: undefined });
    const controller = new AbortController();
    controller.abort();
    const scan = structure.scan(new ClusterMarks(4), { ...quiet(), signal: controller.signal });
    expect(await failureOf(scan)).toMatchObject({ code: "ECANCELED" });
  });

  it("take at most 4 bytes of memory each", () => {
    const marks = new ClusterMarks(1024);
    marks.refer(3, 4, 2, () => true);
    // A kind, an owner's bit, further references; two bits of the pass beside them.
    expect(marks.kinds.byteLength + 1024 / 8 + 1024 + 2 * (1024 / 8)).toBeLessThanOrEqual(4 * 1024);
    expect(marks.references(3)).toBe(2);
  });
});

describe("the bytes of a qcow2 file", () => {
  const extension = Uint8Array.of(1, 2, 3);
  const spec: Qcow2Spec = {
    ...withSnapshot(2, 2),
    extensions: [[0x1234, extension]],
    incompatible: 1n,
    compatible: 1n,
    backing: "base.raw",
  };

  async function fieldAt(at: number): Promise<readonly (string | undefined)[]> {
    const node = await openBytesAlone(spec);
    const found = await node.structure?.describe(at);
    return [found?.name, found?.field?.name, found?.field?.value, found?.field?.meaning];
  }

  it.each([
    [0, "header", "magic", "0x514649fb", "QFI\\xfb"],
    [7, "header", "version", "3", "compatibility level 1.1"],
    [20, "header", "cluster_bits", "12", "4 KiB"],
    [24, "header", "size", String(4 * C), "16 KiB, the guest's disk"],
    [41, "header", "l1_table_offset", "0x3000", "-> L1 table at cluster 0x3"],
    [60, "header", "nb_snapshots", "1", "1 snapshot"],
    [79, "header", "incompatible_features", "0x1", "dirty"],
    [80, "header", "compatible_features", "0x1", "lazy refcounts"],
    [96, "header", "refcount_order", "4", "16 bits"],
    [112, "header", "extension type", "0x1234", "unknown extension 0x1234"],
    [121, "header", "unknown extension 0x1234", "01 02 03", "unknown extension 0x1234"],
    [136, "header", "backing file name", '"base.raw"', "the backing file"],
    [200, "header", undefined, undefined, undefined],
    [C, "refcount table", "entry 0", "0x2000", "-> refcount block at cluster 0x2, for clusters 0x0 to 0x7FF"],
    [2 * C + 10, "refcount block 0", "entry 5", "2", "cluster 0x5 is in use 2 times"],
    [3 * C, "L1 table", "entry 0", "0x8000000000004000", "-> L2 table 0 at cluster 0x4, COPIED"],
    [4 * C + 17, "L2 table 0", "entry 2", "0x8000000000005000", "-> cluster 0x5, COPIED"],
    [5 * C, undefined, undefined, undefined, undefined],
    [6 * C, "snapshot 1, L1 table", "entry 0", "0x4000", "-> L2 table 0 at cluster 0x4"],
    [7 * C, "snapshot table", "entry 0, l1_table_offset", "0x6000", "-> L1 table at cluster 0x6"],
    [7 * C + 57, "snapshot table", "entry 0, name", '"one"', "name"],
  ])("at %d are %s, %s", async (at, ...expected) => {
    expect(await fieldAt(at)).toEqual(expected);
  });

  it("point where their fields say", async () => {
    const node = await openBytesAlone(spec);
    const inHeader = await node.structure?.pointers(0, 100);
    expect(inHeader?.list.map(({ name, target }) => [name, target?.offset])).toEqual([
      ["backing_file_offset", 136],
      ["l1_table_offset", 3 * C],
      ["refcount_table_offset", C],
      ["snapshots_offset", 7 * C],
    ]);
    const inL2 = await node.structure?.pointers(4 * C, 100);
    expect(inL2).toMatchObject({
      total: 1,
      list: [{ name: "entry 2", target: { offset: 5 * C, length: C } }],
    });
    expect(await node.structure?.pointers(5 * C, 100)).toEqual({ list: [], total: 0 });
  });

  it("of the header's area that mean something are listed for bundles", async () => {
    const node = await openBytesAlone(spec);
    expect(await node.structure?.headerParts()).toEqual([
      { name: "header", offset: 0, length: 112 },
      { name: "unknown extension 0x1234", offset: 112, length: 16 },
      { name: "backing file name", offset: 136, length: 8, text: "base.raw" },
    ]);
  });

  it("outside of the file are refused", async () => {
    const node = await openBytesAlone(spec);
    expect(await failureOf(node.structure?.describe(100 * C) ?? Promise.resolve())).toMatchObject({
      code: "EINVAL",
    });
  });
});

/** Each of its reads takes longer than a pass works without looking up. */
class SlowFile extends MemoryNode {
  override async read(offset: number, target: Uint8Array): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 25));
    await super.read(offset, target);
  }
}

/** Without its backing file. */
async function openBytesAlone(spec: Qcow2Spec): Promise<BlockNode> {
  const file = { driver: "memory", bytes: buildQcow2(spec).bytes };
  return (await openForTest({ file }, { backing: "none" })).root;
}
