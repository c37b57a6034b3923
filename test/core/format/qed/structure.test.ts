// The map of QED files against a slow count that takes every entry by itself, from the specification alone.
import * as fs from "node:fs";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { ClusterMarks } from "../../../../core/block/clusterMarks.ts";
import { type ClusterKind, clusterKinds } from "../../../../core/block/structure.ts";
import { type ClusterMap, mapClusters } from "../../../../core/ops/clusterMap.ts";
import { failureOf, openBytes, openForTest, openPath } from "../../../build/open.ts";
import { buildQed, type QedSpec } from "../../../build/qed.ts";
import { type Random, seeded } from "../../../build/random.ts";
import { tempFile } from "../../../build/temp.ts";

const quiet = () => ({ signal: new AbortController().signal, progress: () => undefined });

interface Slow {
  readonly kinds: string[];
  readonly counts: number[];
  readonly by: string[][];
  badEntries: number;
  extra: number;
  zero: number;
  allocated: number;
}

/**
 * Kinds and references from the bytes of a file: tables in the order of the L1 table, one that overlaps anything in
 * use is not looked into.
 */
function slowMap(bytes: Uint8Array): Slow {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const u64 = (at: number) => view.getBigUint64(at, true);
  const [cluster, tableSize, headerSize] = [4, 8, 12].map((at) => view.getUint32(at, true)) as [
    number,
    number,
    number,
  ];
  const entries = (tableSize * cluster) / 8;
  const whole = Math.floor(bytes.length / cluster);
  const total = Math.ceil(bytes.length / cluster);
  const slow: Slow = {
    kinds: new Array<string>(total).fill(""),
    counts: new Array<number>(total).fill(0),
    by: Array.from({ length: total }, () => []),
    badEntries: 0,
    extra: 0,
    zero: 0,
    allocated: 0,
  };
  const badAt = new Set<number>();
  const fits = (value: bigint, clusters: number) => {
    const last = value + BigInt((clusters - 1) * cluster);
    const inside = value >= BigInt(headerSize * cluster) && last < BigInt(whole * cluster);
    return value % BigInt(cluster) === 0n && inside;
  };
  const use = (value: bigint, clusters: number, kind: string, by: string) => {
    let again = 0;
    for (let i = 0; i < clusters; i++) {
      const index = Number(value) / cluster + i;
      if (slow.counts[index] !== 0) again++;
      slow.counts[index] = (slow.counts[index] ?? 0) + 1;
      slow.by[index]?.push(by);
      slow.kinds[index] = slow.counts[index] === 1 ? kind : "overlap";
    }
    slow.extra += again;
    return again;
  };
  const l1 = u64(40);
  use(l1, tableSize, "l1-table", "header, l1_table_offset");
  for (let i = 0; i < entries; i++) {
    const at = Number(l1) + i * 8;
    const table = u64(at);
    if (table === 0n) continue;
    if (!fits(table, tableSize)) {
      slow.badEntries++;
      badAt.add(Math.floor(at / cluster));
      continue;
    }
    if (use(table, tableSize, "l2-table", `L1[${i}]`) > 0) continue;
    for (let j = 0; j < entries; j++) {
      const place = Number(table) + j * 8;
      const value = u64(place);
      if (value === 1n) slow.zero++;
      if (value < 2n) continue;
      slow.allocated++;
      if (fits(value, 1)) use(value, 1, "data", `L1[${i}] -> L2[${j}]`);
      else {
        slow.badEntries++;
        badAt.add(Math.floor(place / cluster));
      }
    }
  }
  for (let index = 0; index < total; index++) {
    if (index >= whole) slow.kinds[index] = "free";
    else if (index < headerSize) slow.kinds[index] = "header";
    else if (slow.counts[index] === 0) slow.kinds[index] = "leaked";
    else if (badAt.has(index) && slow.kinds[index] !== "overlap") slow.kinds[index] = "bad-entry";
  }
  return slow;
}

function randomSpec(random: Random): QedSpec {
  const clusterSize = 4096;
  const tableSize = random.pick([1, 2]);
  const entries = (clusterSize * tableSize) / 8;
  const headerSize = 1 + random.below(2);
  const clusters = new Map<number, Uint8Array | "zero">();
  for (let i = 0; i < 10 + random.below(60); i++) {
    const at = random.below(3) * entries + random.below(random.pick([20, entries]));
    clusters.set(at, random.below(6) === 0 ? "zero" : random.bytes(16));
  }
  const file = 4096 * (headerSize + tableSize * 5 + clusters.size);
  const value = () =>
    random.pick([
      BigInt(random.below(file / 4096 + 3) * 4096),
      BigInt(random.below(file / 4096) * 4096),
      BigInt(random.below(file)),
      0xffffffffffffffffn,
      0x100000000n,
      BigInt(random.below(2 ** 31)) << 33n,
      1n,
      0n,
    ]);
  const times = random.below(12);
  const table = () => Math.floor(random.pick([...clusters.keys()]) / entries);
  return {
    size: entries * clusterSize * 4,
    clusterSize,
    tableSize,
    headerSize,
    clusters,
    tail: random.below(3) * 4096 + random.pick([0, 512, 1]),
    l2: Array.from({ length: times }, () => [table(), random.below(entries), value()] as const),
    l1: Array.from({ length: random.below(3) }, () => [random.below(8), value()] as const),
  };
}

async function mapOf(bytes: Uint8Array): Promise<ClusterMap> {
  return mapClusters(await openBytes(bytes), quiet());
}

async function kindsOf(map: ClusterMap): Promise<(string | undefined)[]> {
  const tile = await map.tile({ level: 0, first: 0, count: map.summary.clusters });
  return Array.from(tile, (kind) => clusterKinds[kind]);
}

interface SlowGuest {
  readonly kind: ClusterKind;
  /** The entry on which the way ends, and its place in the file. */
  readonly by: string;
  readonly entry: number;
  readonly fileOffset?: number;
}

/** Of the guest's clusters, each from its two entries alone; `kinds` are those of the file. */
function slowGuest(bytes: Uint8Array, kinds: readonly string[]): SlowGuest[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const u64 = (at: number) => view.getBigUint64(at, true);
  const [cluster = 0, tableSize = 0, headerSize = 0] = [4, 8, 12].map((at) => view.getUint32(at, true));
  const entries = (tableSize * cluster) / 8;
  const end = Math.floor(bytes.length / cluster);
  const fits = (value: bigint, clusters: number) =>
    value % BigInt(cluster) === 0n &&
    value >= BigInt(headerSize * cluster) &&
    value <= BigInt((end - clusters) * cluster);
  return Array.from({ length: Math.ceil(Number(u64(48)) / cluster) }, (_, index) => {
    const l1Index = Math.floor(index / entries);
    const l1Entry = Number(u64(40)) + l1Index * 8;
    const table = u64(l1Entry);
    const inL1 = { by: `L1[${l1Index}]`, entry: l1Entry };
    if (table === 0n) return { kind: "hole", ...inL1 };
    if (!fits(table, tableSize)) return { kind: "bad-entry", ...inL1 };
    const entry = Number(table) + (index % entries) * 8;
    const value = u64(entry);
    const inL2 = { by: `L1[${l1Index}] -> L2[${index % entries}]`, entry };
    if (value < 2n) return { kind: value === 0n ? "hole" : "zero", ...inL2 };
    if (!fits(value, 1)) return { kind: "bad-entry", ...inL2 };
    // Stored, in a cluster that nobody else has and by an entry in a cluster that nobody else has.
    const isOwn =
      kinds[Number(value) / cluster] === "data" && kinds[Math.floor(entry / cluster)] !== "overlap";
    return { kind: isOwn ? "data" : "overlap", fileOffset: Number(value), ...inL2 };
  });
}

/** Numbers of the guest clusters that an L2 table speaks of; the first one where there is none. */
function stored(places: readonly SlowGuest[]): number[] {
  const found = [...places.keys()].filter((index) => places[index]?.by.includes("L2"));
  return found.length === 0 ? [0] : found;
}

describe("the map of a QED file", () => {
  it("has the kinds, counts and references of a slow count, and the totals of the check, damaged or not", async () => {
    await seeded(async (random) => {
      for (let round = 0; round < 60; round++) {
        const { bytes } = buildQed(randomSpec(random));
        const slow = slowMap(bytes);
        const node = await openBytes(bytes);
        const map = await mapClusters(node, quiet());
        expect(await kindsOf(map), `round ${round}`).toEqual(slow.kinds);
        const count = map.summary.guestCells?.count ?? 0;
        const guestTile = await map.tile({ order: "guest", level: 0, first: 0, count });
        const guestKinds = Array.from(guestTile, (kind) => clusterKinds[kind]);
        const slowPlaces = slowGuest(bytes, slow.kinds);
        expect(guestKinds, `round ${round}, guest`).toEqual(slowPlaces.map(({ kind }) => kind));
        for (let look = 0; look < 40; look++) {
          const cluster = look < 20 ? random.below(count) : random.pick(stored(slowPlaces));
          const inCluster = random.below(4096);
          const slowly = slowPlaces[cluster] as SlowGuest;
          const { kind, entry, fileOffset } = await map.guestPlace(cluster * 4096 + inCluster);
          const at = fileOffset === undefined ? {} : { fileOffset: fileOffset - inCluster };
          expect({ kind, by: entry.by, entry: entry.offset, ...at }).toEqual(slowly);
          const { guest } = entry;
          const reach = guest && [guest.offset, guest.offset + guest.length];
          expect(reach?.[0]).toBeLessThanOrEqual(cluster * 4096);
          expect(reach?.[1]).toBeGreaterThanOrEqual(cluster * 4096 + 4096);
        }
        for (const [cluster, by] of slow.by.entries()) {
          const { counted, references } = await map.place(cluster * 4096);
          expect([counted, references.total], `round ${round}, cluster ${cluster}`).toEqual([
            by.length,
            by.length,
          ]);
          expect(references.list.map((reference) => reference.by).sort()).toEqual([...by].sort());
        }
        const { badEntries, extraReferences, guest, kinds } = map.summary;
        expect([badEntries, extraReferences]).toEqual([slow.badEntries, slow.extra]);
        expect([guest?.allocated, guest?.zero]).toEqual([slow.allocated, slow.zero]);
        const check = await node.check?.({});
        expect(check).toMatchObject({
          corruptions: badEntries + extraReferences,
          leaks: kinds.leaked.clusters,
          allocatedClusters: guest?.allocated,
          totalClusters: guest?.total,
        });
        const bytesOfAll = Object.values(kinds).reduce((sum, kind) => sum + kind.bytes, 0);
        expect(bytesOfAll).toBe(bytes.length);
      }
    });
  });

  it("has the worst of its guest clusters in a cell of several", async () => {
    await seeded(async (random) => {
      for (let round = 0; round < 20; round++) {
        const { bytes } = buildQed(randomSpec(random));
        const { structure } = await openBytes(bytes);
        const marks = new ClusterMarks(Math.ceil(bytes.length / 4096));
        const scanned = await structure?.scan(marks, quiet());
        const single = slowGuest(bytes, slowMap(bytes).kinds).map(({ kind }) => clusterKinds.indexOf(kind));
        for (const clusters of [2, 8, 1024]) {
          const cells = new Uint8Array(Math.ceil(single.length / clusters));
          await scanned?.guestKinds(cells, clusters, quiet().signal);
          const worst = Array.from(cells, (_, at) =>
            Math.max(...single.slice(at * clusters, (at + 1) * clusters)),
          );
          expect([...cells], `round ${round}, ${clusters} a cell`).toEqual(worst);
        }
      }
    });
  });

  it("names every entry of every table, and where each points", async () => {
    const data = new Map<number, Uint8Array | "zero">([
      [0, Uint8Array.of(1)],
      [1, "zero"],
      [600, Uint8Array.of(2)],
    ]);
    const built = buildQed({
      size: 16 * 1024 * 1024,
      clusterSize: 4096,
      tableSize: 1,
      clusters: data,
      l2: [[1, 5, 0x123n]],
    });
    const map = await mapOf(built.bytes);
    const at = async (offset: number) => (await map.place(offset)).structure;
    const [first = 0, second = 0] = [0, 1].map((index) => built.l2Offsets.get(index));
    // 512 entries a table: the L2 table of L1[1] maps guest clusters from 512 on.
    const l1Entry = {
      name: "entry 1",
      offset: built.l1Offset + 8,
      length: 8,
      value: `0x${second.toString(16)}`,
    };
    expect(await at(built.l1Offset + 13)).toEqual({
      name: "L1 table",
      kind: "l1-table",
      offset: 4096,
      length: 4096,
      field: {
        ...l1Entry,
        meaning: "-> L2 table 1 at cluster 0x4",
        target: { offset: second, length: 4096 },
        guest: { offset: 512 * 4096, length: 512 * 4096 },
      },
    });
    expect(await at(built.l1Offset + 16)).toMatchObject({ field: { meaning: "no L2 table: unallocated" } });
    const dataAt = built.dataOffsets.get(600) ?? 0;
    expect(await at(second + 88 * 8 + 7)).toMatchObject({
      name: "L2 table 1",
      kind: "l2-table",
      field: {
        name: "entry 88",
        value: `0x${dataAt.toString(16)}`,
        meaning: "-> cluster 0x5",
        target: { offset: dataAt, length: 4096 },
        guest: { offset: 600 * 4096, length: 4096 },
      },
    });
    expect(await at(first + 8)).toMatchObject({ field: { value: "0x1", meaning: "zero cluster" } });
    expect(await at(first + 16)).toMatchObject({ field: { value: "0x0", meaning: "unallocated" } });
    expect(await at(second + 40)).toMatchObject({
      field: { value: "0x123", meaning: "invalid: it is not aligned to the cluster size (0x1000)" },
    });
    expect(await at(dataAt)).toBeUndefined();
  });

  it("lists what a cluster points to: entries that are not empty, and the header's fields", async () => {
    const data = new Map<number, Uint8Array | "zero">([
      [0, Uint8Array.of(1)],
      [1, "zero"],
      [2, Uint8Array.of(1)],
    ]);
    const spec = { size: 16 * 1024 * 1024, clusterSize: 4096, tableSize: 2, clusters: data };
    const built = buildQed({ ...spec, l2: [[0, 600, 5n]] });
    const map = await mapOf(built.bytes);
    const table = built.l2Offsets.get(0) ?? 0;
    const pointers = async (offset: number, limit?: number) => (await map.place(offset, limit)).pointers;
    expect((await pointers(0)).list.map(({ name, target }) => [name, target?.offset])).toEqual([
      ["l1_table_offset", 4096],
    ]);
    expect(await pointers(4096)).toMatchObject({
      total: 1,
      list: [{ name: "entry 0", target: { offset: table } }],
    });
    // Entries 0 to 511 are in the first cluster of the table; the zero cluster points nowhere.
    expect((await pointers(table)).list.map(({ name, target }) => [name, target?.offset])).toEqual([
      ["entry 0", built.dataOffsets.get(0)],
      ["entry 2", built.dataOffsets.get(2)],
    ]);
    expect(await pointers(table, 1)).toMatchObject({ total: 2, list: [{ name: "entry 0" }] });
    // 600 = 512 + 88: in the second cluster, and invalid.
    const second = await pointers(table + 4096);
    expect(second).toMatchObject({ total: 1, list: [{ name: "entry 600", offset: table + 4800 }] });
    expect(second.list[0]?.target).toBeUndefined();
    expect(await pointers(built.dataOffsets.get(0) ?? 0)).toEqual({ list: [], total: 0 });
  });

  it("names the fields of the header and what they say", async () => {
    const backing = { name: "base.raw", raw: true };
    const { bytes } = buildQed({ size: 1024 * 1024, clusterSize: 4096, tableSize: 2, backing, features: 2n });
    const spec = { driver: "qed", file: { driver: "memory", bytes } };
    const node = (await openForTest(spec, { backing: "none" })).root;
    const field = async (offset: number) => (await node.structure?.describe(offset))?.field;
    expect(await field(5)).toMatchObject({ name: "cluster_size", value: "4096", meaning: "4 KiB" });
    expect(await field(8)).toMatchObject({ name: "table_size", value: "2", meaning: "2 clusters, 8 KiB" });
    expect(await field(12)).toMatchObject({ name: "header_size", meaning: "1 cluster, 4 KiB" });
    expect(await field(23)).toMatchObject({
      name: "features",
      offset: 16,
      value: "0x7",
      meaning: "backing file, need check (not closed properly), backing file is raw",
    });
    expect(await field(40)).toMatchObject({ value: "0x1000", target: { offset: 4096, length: 8192 } });
    expect(await field(48)).toMatchObject({ value: "1048576", meaning: "1 MiB, the guest's disk" });
    expect(await field(60)).toMatchObject({ value: "8", meaning: "the name has 8 bytes" });
    expect(await field(66)).toMatchObject({ name: "backing file name", value: '"base.raw"', length: 8 });
    expect(await field(100)).toBeUndefined();
  });
});

describe("the map of a hostile QED file", () => {
  it("ends when tables refer to themselves and to the L1 table", async () => {
    const clusters = new Map([[0, Uint8Array.of(1)]]);
    const built = buildQed({ size: 1024 * 1024, clusterSize: 4096, tableSize: 1, clusters });
    const view = new DataView(built.bytes.buffer);
    for (let index = 0; index < 512; index++) {
      view.setBigUint64(4096 + index * 8, BigInt(index % 2 === 0 ? 4096 : 8192), true);
      view.setBigUint64(8192 + index * 8, 8192n, true);
    }
    const slow = slowMap(built.bytes);
    const map = await mapOf(built.bytes);
    expect(await kindsOf(map)).toEqual(slow.kinds);
    expect(map.summary.extraReferences).toBe(slow.extra);
    // L1[1] alone is read: 256 entries of the L1 table name the table, and 512 of its own.
    const { counted, references } = await map.place(8192, 10);
    expect([counted, references.total, references.list.length]).toEqual([255, 256 + 512, 10]);
  });

  it("counts a table full of ones as nothing but bad entries", async () => {
    const clusters = new Map([[0, Uint8Array.of(1)]]);
    const built = buildQed({ size: 1024 * 1024, clusterSize: 4096, tableSize: 1, clusters });
    built.bytes.fill(0xff, 8192, 12288);
    const map = await mapOf(built.bytes);
    expect(await kindsOf(map)).toEqual(["header", "l1-table", "bad-entry", "leaked"]);
    expect(map.summary).toMatchObject({ badEntries: 512, guest: { allocated: 512 } });
  });

  it("of 64 TiB declared in a file of five clusters has five cells", async () => {
    const { bytes } = buildQed({ size: 64n * 1024n ** 4n });
    const map = await mapOf(bytes);
    expect(map.summary).toMatchObject({ clusters: 5, guest: { total: 2 ** 30, allocated: 0 } });
    // Of the guest's disk a cell has 8 clusters: 2 ** 27 cells are the most.
    expect(map.summary.guestCells).toEqual({
      count: 2 ** 27,
      clusters: 8,
      cellSize: 8 * 65536,
      size: 2 ** 46,
      levels: 15,
    });
    expect([...(await map.tile({ order: "guest", level: 14, first: 0, count: 2 }))]).toEqual([
      clusterKinds.indexOf("hole"),
    ]);
    expect(await map.next({ from: 5, kinds: ["data"], order: "guest" })).toBeUndefined();
    expect(await kindsOf(map)).toEqual(["header", "l1-table", "l1-table", "l1-table", "l1-table"]);
  });

  it("whose header has no clusters still shows one", async () => {
    const built = buildQed({ size: 1024 * 1024, clusterSize: 4096, tableSize: 1 });
    const view = new DataView(built.bytes.buffer);
    view.setUint32(12, 0, true);
    expect(await kindsOf(await mapOf(built.bytes))).toEqual(["header", "l1-table"]);
    view.setBigUint64(40, 0n, true);
    // The L1 table on the header: whatever it says, both lie there.
    expect((await kindsOf(await mapOf(built.bytes)))[0]).toBe("overlap");
  });
});

describe("being cancelled", () => {
  it("is told of before anything is read; one table named by every L1 entry is read once", async () => {
    // 512 entries of the L1 table all name one table: each is a reference, and only the first is read.
    const clusters = new Map([[0, Uint8Array.of(1)]]);
    const { bytes, l2Offsets } = buildQed({ size: 1024 * 1024, clusterSize: 4096, tableSize: 1, clusters });
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < 512; i++) view.setBigUint64(4096 + i * 8, BigInt(l2Offsets.get(0) ?? 0), true);
    const map = await mapOf(bytes);
    expect(map.summary).toMatchObject({ skippedTables: 511, extraReferences: 511 });
    const stop = new AbortController();
    stop.abort();
    const node = await openBytes(bytes);
    const job = { signal: stop.signal, progress: () => undefined };
    expect(await failureOf(mapClusters(node, job))).toMatchObject({ code: "ECANCELED" });
  });

  it("stops a pass that is under way at its next turn", async () => {
    // Every table of 1 MiB is read in a hole of the file; the first progress asks to stop.
    const clusters = new Map([[0, Uint8Array.of(1)]]);
    const { bytes } = buildQed({ size: 1024 * 1024, clusterSize: 65536, tableSize: 16, clusters });
    const tables = 200;
    const name = tempFile("long.qed", bytes);
    fs.truncateSync(name, bytes.length + tables * 1024 * 1024);
    const entries = Buffer.alloc(tables * 8);
    for (let i = 0; i < tables; i++) {
      entries.writeBigUInt64LE(BigInt(Math.ceil(bytes.length / 65536) * 65536 + i * 1024 * 1024), i * 8);
    }
    const fd = fs.openSync(name, "r+");
    fs.writeSync(fd, entries, 0, (tables - 1) * 8, 65536 + 8);
    fs.closeSync(fd);
    const stop = new AbortController();
    let told = 0;
    const progress = () => {
      told++;
      stop.abort();
    };
    const node = await openPath(name);
    // Every look at the clock takes longer than a turn.
    let now = 0;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => (now += 30));
    onTestFinished(() => clock.mockRestore());
    const outcome = mapClusters(node, { signal: stop.signal, progress });
    expect(await failureOf(outcome)).toMatchObject({ code: "ECANCELED" });
    expect(told).toBe(1);
  });
});
