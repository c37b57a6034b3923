// The map of large images in threads, on smaller ones for which they are asked for: whatever it says without them it says
// with them. Clusters of 4096 bytes; an L2 table has 512 entries.
import * as fs from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { guard } from "../../../core/block/guard.ts";
import type { BlockNode } from "../../../core/block/node.ts";
import { qcow2 } from "../../../core/format/qcow2/qcow2.ts";
import { qed } from "../../../core/format/qed/qed.ts";
import { type ClusterMap, type MapJob, mapClusters } from "../../../core/ops/clusterMap.ts";
import { brokenQcow2 } from "../../build/brokenQcow2.ts";
import { brokenQed, corruptedQed } from "../../build/brokenQed.ts";
import { changed } from "../../build/changed.ts";
import { alone, two } from "../../build/checkShared.ts";
import { damagedQcow2 } from "../../build/damagedQcow2.ts";
import { failureOf, openForTest } from "../../build/open.ts";
import { openContext } from "../../build/openContext.ts";
import { buildQcow2, snapshotEntry } from "../../build/qcow2.ts";
import { buildQed } from "../../build/qed.ts";
import { type Random, seeded } from "../../build/random.ts";
import { tempFile } from "../../build/temp.ts";

const C = 4096;
const perTable = C / 8;
/** Of a file with three bands of bits, nearly all holes. */
const vast = 3 * 2 ** 20;
const copied = 1n << 63n;
const compressed = 1n << 62n;

interface Image {
  readonly driver: "qcow2" | "qed";
  readonly file: BlockNode;
}

async function fileOf(bytes: Uint8Array, clusters?: number): Promise<BlockNode> {
  const filename = tempFile("image", bytes);
  if (clusters !== undefined) fs.truncateSync(filename, clusters * C);
  return (await openForTest({ driver: "file", filename })).root;
}

async function mapOf({ driver, file }: Image, job: Partial<MapJob>): Promise<ClusterMap> {
  const context = openContext(() => file, { readOnly: true, purpose: "inspect" });
  const opened =
    driver === "qcow2" ? qcow2.open({ driver, file: {} }, context) : qed.open({ driver, file: {} }, context);
  const node = guard(await opened);
  return mapClusters(node, { signal: new AbortController().signal, progress: () => undefined, ...job });
}

/** All that a map says, of some clusters also who refers to them. */
async function told(image: Image, job: Partial<MapJob>) {
  const map = await mapOf(image, job);
  const { elapsedMs: _elapsed, identity: _identity, ...summary } = map.summary;
  const cells: Buffer[] = [];
  for (let first = 0; first < summary.clusters; first += 2 ** 20) {
    cells.push(Buffer.from(await map.tile({ level: 0, first, count: 2 ** 20 })));
  }
  const all = Buffer.concat(cells);
  const known = [...all.keys()].filter((at) => all[at] !== 1 && all[at] !== all.at(-1));
  const places = [];
  for (let at = 0; at < known.length; at += Math.ceil(known.length / 60)) {
    places.push(await map.place((known[at] ?? 0) * C, 5));
  }
  const guest = await map.tile({ order: "guest", level: 0, first: 0, count: 2 ** 16 });
  return { summary, all: all.toString("latin1"), places, guest: Buffer.from(guest).toString("hex") };
}

async function expectAlike(image: Image): Promise<ClusterMap["summary"]> {
  const without = await told(image, { sharing: alone });
  const shared = await told(image, { sharing: two });
  expect(shared.summary).toEqual(without.summary);
  expect(shared.all === without.all).toBe(true);
  expect(shared.places).toEqual(without.places);
  expect(shared.guest).toBe(without.guest);
  return (await mapOf(image, { sharing: two })).summary;
}

/** The offsets from which the map itself reads. */
function watched(file: BlockNode): { file: BlockNode; reads: Set<number> } {
  const reads = new Set<number>();
  const watching = changed(file, {
    read: (offset, target) => {
      reads.add(offset);
      return file.read(offset, target);
    },
  });
  return { file: watching, reads };
}

/** Different clusters in no order, all behind the first 100. */
function placesFor(random: Random, count: number): () => number {
  const taken = new Set<number>();
  while (taken.size < count) taken.add(100 + random.below(vast - 100));
  const places = [...taken].values();
  return () => places.next().value ?? 0;
}

/** Tables of data, of zero clusters and nothing besides, and, the last three, of one other entry among data. */
function vastQcow2(random: Random): { bytes: Uint8Array; plain: number[]; others: number[] } {
  const tables = 40;
  const place = placesFor(random, tables * perTable);
  const words = Array.from({ length: tables * perTable }, (_, index) => {
    const offset = BigInt(place() * C);
    if (index === (tables - 3) * perTable + 400) return offset | copied | 1n;
    if (index === (tables - 2) * perTable + 511) return compressed | offset | 512n;
    if (index === (tables - 1) * perTable) return offset | copied | 1n;
    return random.pick([offset, offset | copied, offset | copied, 0n, 1n]);
  });
  const { bytes, l2Offsets } = buildQcow2({
    clusterBits: 12,
    size: tables * perTable * C,
    clusters: new Map(words.entries()),
  });
  const offsets = [...l2Offsets.values()];
  return { bytes, plain: offsets.slice(0, -3), others: offsets.slice(-3) };
}

function vastQed(random: Random, over: readonly (readonly [number, number, bigint])[] = []) {
  const tables = 40;
  const place = placesFor(random, tables * perTable);
  const entries = Array.from({ length: tables * perTable }, (_, index) => {
    const value = random.pick([0n, 1n, BigInt(place() * C), BigInt(place() * C)]);
    return [Math.floor(index / perTable), index % perTable, value] as const;
  });
  return buildQed({
    ...{ clusterSize: C, tableSize: 1, size: tables * perTable * C },
    clusters: new Map(Array.from({ length: tables }, (_, table) => [table * perTable, "zero"] as const)),
    l2: [...entries, ...over],
  });
}

afterEach(() => vi.restoreAllMocks());

describe("the map in threads", () => {
  it("is that of one thread for qcow2 in no order, which leaves to it only what is no simple data", async () => {
    await seeded(async (random) => {
      const { bytes, plain, others } = vastQcow2(random);
      const file = await fileOf(bytes, vast);
      const { extraReferences, guest } = await expectAlike({ driver: "qcow2", file });
      expect(extraReferences).toBe(0);
      expect(guest?.allocated).toBeGreaterThan(10_000);
      const { file: watching, reads } = watched(file);
      await mapOf({ driver: "qcow2", file: watching }, { sharing: two });
      expect(plain.filter((offset) => reads.has(offset))).toEqual([]);
      expect(others.filter((offset) => !reads.has(offset))).toEqual([]);
    });
  });

  it("is that of one thread where so many tables are no simple data that threads leave the rest", async () => {
    await seeded(async (random) => {
      const tables = 80;
      const place = placesFor(random, tables * perTable);
      const words = Array.from({ length: tables * perTable }, (_, index) => {
        const offset = BigInt(place() * C);
        return index % perTable === 300 ? compressed | offset | 512n : offset;
      });
      const { bytes, l2Offsets } = buildQcow2({
        ...{ clusterBits: 12, size: tables * perTable * C },
        clusters: new Map(words.entries()),
      });
      const { file, reads } = watched(await fileOf(bytes, vast));
      const { kinds, extraReferences } = await expectAlike({ driver: "qcow2", file });
      expect(extraReferences).toBe(0);
      // No refcount is stored of any.
      expect(kinds["refcount-low"].clusters).toBe(tables * perTable);
      expect([...l2Offsets.values()].filter((offset) => !reads.has(offset))).toEqual([]);
    });
  });

  it("is that of one thread for QED in no order, which reads no L2 table itself", async () => {
    await seeded(async (random) => {
      const { bytes, l2Offsets } = vastQed(random);
      const file = await fileOf(bytes, vast);
      const { badEntries, extraReferences } = await expectAlike({ driver: "qed", file });
      expect([badEntries, extraReferences]).toEqual([0, 0]);
      const { file: watching, reads } = watched(file);
      await mapOf({ driver: "qed", file: watching }, { sharing: two });
      expect([...l2Offsets.values()].filter((offset) => reads.has(offset))).toEqual([]);
    });
  });

  it("is that of one thread where two tables refer to one cluster, however far apart", async () => {
    await seeded(async (random) => {
      // In the same table, in the first and the last one, and a table.
      for (const second of [
        [0, 300],
        [39, 7],
      ] as const) {
        const { bytes } = vastQed(random, [
          [0, 3, BigInt(99 * C)],
          [...second, BigInt(99 * C)],
        ]);
        const summary = await expectAlike({ driver: "qed", file: await fileOf(bytes, vast) });
        expect(summary).toMatchObject({ extraReferences: 1, kinds: { overlap: { clusters: 1 } } });
      }
      const { bytes, l2Offsets } = vastQed(random, [[2, 8, BigInt(9 * C)]]);
      expect([...l2Offsets.values()]).toContain(9 * C);
      const summary = await expectAlike({ driver: "qed", file: await fileOf(bytes, vast) });
      expect(summary).toMatchObject({ extraReferences: 1, kinds: { overlap: { clusters: 1 } } });
    });
  });

  it("is that of one thread where an entry points nowhere it may, or the file ends in a table", async () => {
    await seeded(async (random) => {
      const { bytes, l2Offsets } = vastQed(random, [[5, 100, 4097n]]);
      expect(await expectAlike({ driver: "qed", file: await fileOf(bytes, vast) })).toMatchObject({
        badEntries: 1,
      });
      const last = [...l2Offsets.values()].at(-1) ?? 0;
      await expectAlike({ driver: "qed", file: await fileOf(bytes, last / C) });
      const qcow2Bytes = vastQcow2(random);
      const end = (qcow2Bytes.plain.at(-1) ?? 0) + 512;
      await expectAlike({ driver: "qcow2", file: await fileOf(qcow2Bytes.bytes.subarray(0, end)) });
    });
  });

  it("is that of one thread for damaged images", async () => {
    await seeded(async (random) => {
      let problems = 0;
      for (let round = 0; round < 10; round++) {
        const images: Image[] = [
          { driver: "qcow2", file: await fileOf(damagedQcow2(random)) },
          { driver: "qed", file: await fileOf(corruptedQed(random)) },
        ];
        for (const image of images) {
          const { badEntries, extraReferences } = await expectAlike(image);
          problems += badEntries + extraReferences;
        }
      }
      expect(problems).toBeGreaterThan(20);
    });
  });

  it.each(brokenQcow2())("is that of one thread: $name", async ({ bytes }) => {
    await expectAlike({ driver: "qcow2", file: await fileOf(bytes) });
  });

  it("is that of one thread: QED with some of every fault", async () => {
    const { badEntries } = await expectAlike({ driver: "qed", file: await fileOf(brokenQed()) });
    expect(badEntries).toBeGreaterThan(3);
  });

  it("counts in the order of the tables what is too much, as those say that threads leave alone", async () => {
    // Clusters 4 to 6 are the tables, 7 is data of the first and the last one and a stream of the second.
    const at = (cluster: number) => BigInt(cluster * C);
    const { bytes, l2Offsets } = buildQcow2({
      ...{ clusterBits: 12, size: 3 * perTable * C },
      clusters: new Map([
        [0, at(7) | copied],
        [1, compressed | at(8) | 512n],
        [perTable, compressed | at(7) | 512n],
        [2 * perTable, at(7) | copied],
      ]),
      extra: [7, 8].map(() => [new Uint8Array(C), 1] as const),
    });
    expect([...l2Offsets.values()]).toEqual([4 * C, 5 * C, 6 * C]);
    // Data, then a stream, which is one too many, and data on what is an overlap by then.
    const summary = await expectAlike({ driver: "qcow2", file: await fileOf(bytes) });
    expect(summary).toMatchObject({ extraReferences: 2, kinds: { overlap: { clusters: 1 } } });
  });

  it("tells of the zero clusters that version 2 does not have", async () => {
    const { bytes } = buildQcow2({
      ...{ clusterBits: 12, size: 2 * perTable * C, u32: [[4, 2]] },
      clusters: new Map<number, bigint | Uint8Array>([
        [3, 1n],
        [perTable, new Uint8Array(C)],
      ]),
    });
    const summary = await expectAlike({ driver: "qcow2", file: await fileOf(bytes) });
    expect(summary).toMatchObject({ badEntries: 1 });
  });

  it("is that of one thread where a snapshot shares a table", async () => {
    // Tables in clusters 4 and 6, data in 5 and 7; the snapshot's L1 table, in 8, has the first one as well.
    const l1Copy = new Uint8Array(C);
    new DataView(l1Copy.buffer).setBigUint64(0, BigInt(4 * C));
    const table = new Uint8Array(C);
    const place = { l1Offset: 8 * C, l1Entries: 2, diskSize: 2 * perTable * C };
    table.set(snapshotEntry({ id: "1", name: "s", ...place }));
    const { bytes } = buildQcow2({
      ...{ clusterBits: 12, size: 2 * perTable * C },
      clusters: new Map([0, perTable].map((index) => [index, new Uint8Array(C)] as const)),
      extra: [l1Copy, table].map((content) => [content, 1] as const),
      refcounts: new Map([4, 5].map((cluster) => [cluster, 2n] as const)),
      u32: [[60, 1]],
      u64: [
        [64, BigInt(9 * C)],
        [3 * C, BigInt(4 * C)],
        [4 * C, BigInt(5 * C)],
      ],
    });
    const { file, reads } = watched(await fileOf(bytes));
    const summary = await expectAlike({ driver: "qcow2", file });
    expect(summary.kinds).toMatchObject({ snapshot: { clusters: 1 }, data: { clusters: 1 } });
    reads.clear();
    await mapOf({ driver: "qcow2", file }, { sharing: two });
    expect([reads.has(4 * C), reads.has(6 * C)]).toEqual([true, false]);
  });

  it("is made by one thread when a thread dies, or can't read", async () => {
    await seeded(async (random) => {
      const images: Image[] = [
        { driver: "qcow2", file: await fileOf(vastQcow2(random).bytes, vast) },
        { driver: "qed", file: await fileOf(vastQed(random).bytes, vast) },
      ];
      for (const { driver, file } of images) {
        const without = await told({ driver, file }, { sharing: alone });
        // No number of a file at all, and that of none.
        for (const descriptor of [-1, 2 ** 30]) {
          const broken: Image = { driver, file: changed(file, { descriptor }) };
          expect(await told(broken, { sharing: two })).toEqual(without);
        }
      }
    });
  });

  it("stops when it is cancelled while threads work", async () => {
    await seeded(async (random) => {
      const images: Image[] = [
        { driver: "qcow2", file: await fileOf(vastQcow2(random).bytes, vast) },
        { driver: "qed", file: await fileOf(vastQed(random).bytes, vast) },
      ];
      for (const image of images) {
        const cancel = new AbortController();
        // Asked for when the threads are started.
        const file = changed(image.file, {
          get descriptor() {
            cancel.abort();
            return image.file.descriptor;
          },
        });
        // Every look at the clock takes longer than a turn: there is one as long as threads work.
        let now = 0;
        vi.spyOn(performance, "now").mockImplementation(() => (now += 200));
        const failure = await failureOf(mapOf({ ...image, file }, { sharing: two, signal: cancel.signal }));
        expect(failure.code).toBe("ECANCELED");
      }
    });
  });
});
