// The check of large images in threads, on small images for which they are asked for: whatever is found without them is
// found with them, in the same words and the same order. Clusters of 4096 bytes; an L2 table has 512 entries.
import { describe, expect, it } from "vitest";
import type { BlockNode } from "../../../../core/block/node.ts";
import { countInThreads } from "../../../../core/format/qcow2/checkThreads.ts";
import { readImage } from "../../../../core/format/qcow2/header.ts";
import { brokenQcow2 } from "../../../build/brokenQcow2.ts";
import { changed } from "../../../build/changed.ts";
import { alone, checkShared, two } from "../../../build/checkShared.ts";
import { damagedQcow2 } from "../../../build/damagedQcow2.ts";
import { openForTest } from "../../../build/open.ts";
import { buildQcow2, type Qcow2Spec, snapshotEntry } from "../../../build/qcow2.ts";
import { seeded } from "../../../build/random.ts";
import { tempFile } from "../../../build/temp.ts";

const C = 4096;
const perTable = C / 8;
const copied = 1n << 63n;
async function fileOf(bytes: Uint8Array): Promise<BlockNode> {
  const graph = await openForTest({ driver: "file", filename: tempFile("image.qcow2", bytes) });
  return graph.root;
}

/** A file, and the offsets from which the check itself reads. */
async function watchedFile(bytes: Uint8Array): Promise<{ file: BlockNode; reads: number[] }> {
  const node = await fileOf(bytes);
  const reads: number[] = [];
  const file = changed(node, {
    read: (offset, target) => {
      reads.push(offset);
      return node.read(offset, target);
    },
  });
  return { file, reads };
}

/** `tables` L2 tables whose entries are `entry` of their index on the disk. */
function tablesOf(
  tables: number,
  entry: (index: number) => bigint,
  more: Partial<Qcow2Spec> = {},
): Uint8Array {
  const clusters = Array.from({ length: tables * perTable }, (_, index) => [index, entry(index)] as const);
  return buildQcow2({ clusterBits: 12, size: tables * perTable * C, clusters: new Map(clusters), ...more })
    .bytes;
}

describe("the check in threads", () => {
  it("finds in damaged images what it finds without them, in the same order", async () => {
    await seeded(async (random) => {
      let findings = 0;
      for (let round = 0; round < 12; round++) {
        const file = await fileOf(damagedQcow2(random));
        const without = await checkShared(file, alone);
        expect(await checkShared(file, two), `round ${round}`).toEqual(without);
        findings += without.findings.length;
      }
      expect(findings).toBeGreaterThan(12);
    });
  });

  it.each(brokenQcow2())("finds the same: $name", async ({ bytes }) => {
    const file = await fileOf(bytes);
    expect(await checkShared(file, two)).toEqual(await checkShared(file, alone));
  });

  it("leaves tables in order to the threads, and looks itself at those that are not", async () => {
    // Guest cluster 0 in cluster 5 of the file, behind its table in 4; 512 is compressed in 7, and its table is in 6.
    const { bytes, l2Offsets } = buildQcow2({
      clusterBits: 12,
      size: 2 * perTable * C,
      clusters: new Map<number, Uint8Array | bigint>([
        [0, new Uint8Array(C)],
        [perTable, (1n << 62n) | BigInt(7 * C)],
      ]),
      extra: [[new Uint8Array(C), 1]],
    });
    const { file, reads } = await watchedFile(bytes);
    const { result } = await checkShared(file, two);
    expect([...l2Offsets.values()]).toEqual([4 * C, 6 * C]);
    expect(reads).not.toContain(4 * C);
    expect(reads).toContain(6 * C);
    expect(result).toMatchObject({ allocatedClusters: 2, compressedClusters: 1, corruptions: 0, leaks: 0 });
  });

  it("leaves it to the threads as well to count for snapshots, and to compare flags", async () => {
    // Table and data in clusters 4 and 5, which a snapshot shares: its L1 table in 6, the snapshot table in 7.
    const l1Copy = new Uint8Array(C);
    new DataView(l1Copy.buffer).setBigUint64(0, BigInt(4 * C));
    const entry = snapshotEntry({
      id: "1",
      name: "s",
      l1Offset: 6 * C,
      l1Entries: 1,
      diskSize: perTable * C,
    });
    const table = new Uint8Array(C);
    table.set(entry);
    const { bytes } = buildQcow2({
      clusterBits: 12,
      size: perTable * C,
      clusters: new Map([[0, new Uint8Array(C)]]),
      extra: [l1Copy, table].map((content) => [content, 1] as const),
      refcounts: new Map([4, 5].map((cluster) => [cluster, 2n] as const)),
      u32: [[60, 1]],
      u64: [
        [64, BigInt(7 * C)],
        [3 * C, BigInt(4 * C)],
        [4 * C, BigInt(5 * C)],
      ],
    });
    const { file, reads } = await watchedFile(bytes);
    const { result, findings } = await checkShared(file, two);
    expect(findings).toEqual([]);
    expect(result).toMatchObject({ allocatedClusters: 1, fragmentedClusters: 0, imageEndOffset: 8 * C });
    expect(reads).toContain(6 * C);
    expect(reads).not.toContain(4 * C);
  });

  it("starts again without threads where one has undone what another counted", async () => {
    const { bytes, l2Offsets } = buildQcow2({
      clusterBits: 12,
      size: perTable * C,
      clusters: new Map([[0, new Uint8Array(C)]]),
    });
    const file = await fileOf(bytes);
    const { header } = await readImage(file);
    const seen: unknown[] = [];
    await countInThreads(file, header, {}, two, async ({ counts, threads }) => {
      seen.push({ isShared: threads !== undefined, header: counts.counts[0], data: counts.counts[5] });
      counts.add(0, 1);
      await threads?.count([...l2Offsets.values()], 1, () => {
        counts.counts[5] = 0;
      });
    });
    expect(seen).toEqual([
      { isShared: true, header: 0, data: 0 },
      { isShared: false, header: 0, data: 0 },
    ]);
  });

  it("takes no memory for clusters that a file says it has and no table refers to", async () => {
    const { bytes, l2Offsets } = buildQcow2({
      ...{ clusterBits: 12, size: 4 * perTable * C },
      clusters: new Map([0, 1, 2, 3].map((table) => [table * perTable, new Uint8Array(C)])),
    });
    // 1 TiB, as a file may be that is a hole but for its beginning: 2^28 clusters, whose counts have 512 MiB.
    const file = changed(await fileOf(bytes), { size: 2 ** 40 });
    const { header } = await readImage(file);
    const before = process.memoryUsage.rss();
    await countInThreads(file, header, {}, two, async ({ counts, threads }) => {
      expect(counts.counts.byteLength).toBeGreaterThan(2 ** 29);
      expect(await threads?.count([...l2Offsets.values()], 1)).toBeDefined();
      expect(process.memoryUsage.rss() - before).toBeLessThan(2 ** 27);
    });
  });

  it("counts clusters that all tables refer to", async () => {
    // 100 * 512 references to four clusters behind the tables; refcounts have 32 bits.
    const tables = 100;
    const first = 4 + tables;
    const bytes = tablesOf(tables, (index) => BigInt((first + (index % 4)) * C), {
      refcountOrder: 5,
      extra: Array.from({ length: 4 }, () => [new Uint8Array(C), (tables * perTable) / 4] as const),
    });
    const file = await fileOf(bytes);
    for (let round = 0; round < 2; round++) {
      const { result, findings } = await checkShared(file, { threads: 4, leastBytes: 1 });
      expect(result).toMatchObject({ corruptions: 0, leaks: 0, allocatedClusters: tables * perTable });
      expect(findings).toEqual([]);
    }
  });

  it("tells in the order of the tables which reference is one too many", async () => {
    // 512 entries for one cluster, whose refcount of 8 bits ends at 255: first in a table with a fault before it.
    const [tables, first] = [3, 7];
    const compressed = (1n << 62n) | BigInt(first * C);
    for (const entry of [copied | BigInt(first * C), compressed]) {
      const bytes = tablesOf(tables, (index) => (index === 0 ? 2n : entry), {
        refcountOrder: 3,
        extra: [[new Uint8Array(C), 255]],
      });
      const file = await fileOf(bytes);
      const without = await checkShared(file, alone);
      expect(without.findings[0]?.code).toBe("l2-reserved-bits");
      expect(without.findings.filter(({ code }) => code === "refcount-overflow")).not.toEqual([]);
      expect(await checkShared(file, two)).toEqual(without);
    }
  });

  it("reads itself what a thread can't read", async () => {
    const file = await fileOf(tablesOf(3, () => 1n));
    // Of no open file.
    const unread = changed(file, { descriptor: 2 ** 30 });
    expect(await checkShared(unread, two)).toEqual(await checkShared(file, alone));
  });

  it("goes on alone when a thread dies", async () => {
    const file = await fileOf(tablesOf(3, (index) => (index === 5 ? 2n : 0n)));
    const broken = changed(file, { descriptor: -1 });
    const found = await checkShared(broken, two);
    expect(found).toEqual(await checkShared(file, alone));
    expect(found.findings.map(({ code }) => code)).toEqual(["l2-reserved-bits"]);
  });

  it("stops when it is cancelled while threads count", async () => {
    const file = await fileOf(tablesOf(3, () => 1n));
    const cancel = new AbortController();
    const slow = changed(file, {
      // Asked for when the threads are started.
      get descriptor() {
        cancel.abort();
        // Longer than the check goes on without a turn in which a cancel arrives.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
        return file.descriptor;
      },
    });
    await expect(checkShared(slow, two, { signal: cancel.signal })).rejects.toMatchObject({
      code: "ECANCELED",
    });
  });
});
