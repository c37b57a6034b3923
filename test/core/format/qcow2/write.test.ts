// Writing to qcow2 images beyond what the stock tools can judge: corruption that is noticed, bits in the header, requests
// side by side, steps that fail, and the contract that everything which changes an image builds on.
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { BlockError } from "../../../../core/base/errors.ts";
import type { DirtyPolicy, ImageSpec } from "../../../../core/block/driver.ts";
import type { BlockNode } from "../../../../core/block/node.ts";
import { readImage } from "../../../../core/format/qcow2/header.ts";
import { countAt, putCount } from "../../../../core/format/qcow2/write/countPage.ts";
import { metadataOptions } from "../../../../core/format/qcow2/write/options.ts";
import { WriteSession } from "../../../../core/format/qcow2/write/session.ts";
import { openGraph } from "../../../../core/graph.ts";
import { failureOf, filled, openBytes, readAll, readRange } from "../../../build/open.ts";
import { buildQcow2, type Qcow2Spec, snapshotEntry } from "../../../build/qcow2.ts";
import { type Random, seeded } from "../../../build/random.ts";
import { RecordedFile } from "../../../build/recordedFile.ts";

const C = 65536;

interface Opened {
  readonly node: BlockNode;
  /** What the file holds now. */
  file(): Promise<Uint8Array>;
  readonly warnings: string[];
}

async function open(
  bytes: Uint8Array,
  options: Record<string, unknown> = {},
  dirty: DirtyPolicy = "report",
): Promise<Opened> {
  const warnings: string[] = [];
  const spec = { driver: "qcow2", file: { driver: "memory", bytes }, ...options };
  const warn = (message: string) => warnings.push(message);
  const graph = await openGraph(spec as ImageSpec, { readOnly: false, dirty, warn });
  onTestFinished(() => graph.close().catch(() => undefined));
  const file = graph.nodeAt("file");
  if (file === undefined) throw new Error("the image has a file");
  return { node: graph.root, warnings, file: () => readAll(file) };
}

const incompatibleOf = async ({ file }: Opened) => Buffer.from(await file()).readBigUInt64BE(72);

describe("corruption that a write would spread", () => {
  it("ends the session when the refcounts would give a table away", async () => {
    // Cluster 3 is the L1 table.
    const opened = await open(buildQcow2({ size: C, refcounts: new Map([[3, 0n]]) }).bytes);
    const error = await failureOf(opened.node.write(0, filled(C, 1)));
    expect(error).toMatchObject({ code: "EIO", message: expect.stringContaining("active L1 table") });
    expect(opened.warnings).toEqual([
      "qcow2: Marking image as corrupt: Preventing invalid write on metadata (overlaps with active L1 table); further corruption events will be suppressed",
    ]);
    expect(await incompatibleOf(opened)).toBe(2n);
    for (const request of [opened.node.read(0, new Uint8Array(1)), opened.node.write(0, filled(1, 1))]) {
      expect((await failureOf(request)).context.peer?.message).toBe("No medium found");
    }
    await opened.node.close();
    expect(await failureOf(open(await opened.file()))).toMatchObject({ code: "EACCES" });
  });

  const onItsTable = () =>
    // The L2 table is cluster 4, and its first entry points to it.
    buildQcow2({ size: C, clusters: new Map([[0, (1n << 63n) | BigInt(4 * C)]]) }).bytes;

  it("is looked for before data are written, unless told not to", async () => {
    const { node, warnings } = await open(onItsTable());
    await failureOf(node.write(100, filled(8, 0xff)));
    expect(warnings[0]).toContain("(overlaps with active L2 table)");
    const trusting = await open(onItsTable(), {
      "overlap-check": { template: "cached", "active-l2": "off" },
    });
    await trusting.node.write(100, filled(8, 0xff));
    expect((await trusting.file()).subarray(4 * C + 100, 4 * C + 108)).toEqual(filled(8, 0xff));
    const careless = await open(onItsTable(), { "overlap-check": "none" });
    await careless.node.write(100, filled(8, 0xff));
  });

  it("stops writes where it is to be looked for in tables of a snapshot that can't be found", async () => {
    // L1 tables begin with a cluster: the one that this entry of the snapshot table names does not.
    const entry = snapshotEntry({ id: "1", name: "one", l1Offset: 3 * C + 512, l1Entries: 1, diskSize: C });
    const { bytes, extraOffsets } = buildQcow2({ size: C, extra: [[entry, 1]] });
    const image = Buffer.from(bytes);
    image.writeUInt32BE(1, 60);
    image.writeBigUInt64BE(BigInt(extraOffsets[0] ?? 0), 64);
    const strict = await open(image, { "overlap-check": { template: "cached", "inactive-l2": "on" } });
    const error = await failureOf(strict.node.write(0, filled(8, 1)));
    expect(error.message).toContain("Snapshot L1 table offset invalid");
    await (await open(image)).node.write(0, filled(8, 1));
  });

  it.each<[string, Partial<Qcow2Spec>, string]>([
    [
      "an L2 table",
      { u64: [[3 * C, (1n << 63n) | BigInt(4 * C + 512)]] },
      "L2 table offset 0x40200 unaligned (L1 index: 0)",
    ],
    [
      "a cluster",
      { clusters: new Map([[0, (1n << 63n) | BigInt(5 * C + 512)]]) },
      "Cluster allocation offset 0x50200 unaligned (L2 offset: 0x40000, L2 index: 0)",
    ],
    [
      "a refcount block",
      { u64: [[C, BigInt(2 * C + 512)]] },
      "Refblock offset 0x20200 unaligned (reftable index: 0)",
    ],
  ])("is %s that is not aligned", async (_, spec, words) => {
    const opened = await open(buildQcow2({ size: C, ...spec }).bytes);
    await failureOf(opened.node.write(0, filled(512, 1)));
    expect(opened.warnings[0]).toContain(`Marking image as corrupt: ${words};`);
    expect(await incompatibleOf(opened)).toBe(2n);
  });
});

describe("bits of the header", () => {
  it("that are not known and clear themselves are cleared when the image is opened for writing", async () => {
    const { bytes } = buildQcow2({ size: C, autoclear: 0b1000n });
    const autoclearOf = async (opened: Opened) => Buffer.from(await opened.file()).readBigUInt64BE(88);
    expect(await autoclearOf(await open(bytes, {}, "untouched"))).toBe(0b1000n);
    expect(await autoclearOf(await open(bytes))).toBe(0n);
  });

  it("say that refcounts are late, from the first write to the end of the session", async () => {
    const { bytes } = buildQcow2({ size: C });
    const opened = await open(bytes, { "lazy-refcounts": true });
    expect(await incompatibleOf(opened)).toBe(0n);
    await opened.node.write(0, filled(512, 1));
    await opened.node.flush();
    expect(await incompatibleOf(opened)).toBe(1n);
    expect(opened.node.info.dirty).toBe(true);
    const crashed = await opened.file();
    await opened.node.close();
    expect(await incompatibleOf(opened)).toBe(0n);
    // Refcounts are stale after a crash: nothing new may be allocated by them.
    const again = await open(crashed, {}, "skip");
    const error = await failureOf(
      again.node.write(0, filled(C, 1)).then(() => again.node.write(C, filled(1, 1))),
    );
    expect(error.code).toMatch(/ECORRUPT|EINVAL/);
  });

  it("and what is not known in the header survive a new backing file's name", async () => {
    const unknown = [0x12345678, Uint8Array.of(1, 2, 3)] as const;
    const { bytes } = buildQcow2({ size: C, extensions: [unknown], backing: "old.raw", clusterBits: 16 });
    const { node, file } = await open(bytes, { backing: null });
    await node.setBacking?.({ filename: "a longer name.qcow2", format: "qcow2" });
    const after = await openBytes(await file(), "qcow2").catch((error: unknown) => error);
    expect(after).toBeInstanceOf(BlockError);
    const found = await readImage(await openBytes(await file(), "raw"));
    expect(found.backing?.text).toBe("a longer name.qcow2");
    expect(found.extensions.backingFormat).toBe("qcow2");
    expect(found.extensions.list.find(({ type }) => type === unknown[0])?.data).toEqual(unknown[1]);
    await node.setBacking?.(undefined);
    expect((await readImage(await openBytes(await file(), "raw"))).backing).toBeUndefined();
    const name = "x".repeat(1024);
    expect(await failureOf(node.setBacking?.({ filename: name }) ?? Promise.resolve())).toMatchObject({
      code: "ECORRUPT",
    });
  });
});

describe("requests side by side", () => {
  it("in the same clusters lose nothing", () =>
    seeded(async (random) => {
      for (let round = 0; round < 6; round++) {
        const { bytes } = buildQcow2({
          size: 64 * 1024,
          clusterBits: round % 2 === 0 ? 12 : 14,
          extended: round % 2 === 1,
        });
        const { node } = await open(bytes);
        const model = new Uint8Array(64 * 1024);
        for (let batch = 0; batch < 10; batch++) {
          await Promise.all(
            sectorsOf(random, model.length).map((range) => request(random, node, range, model)),
          );
        }
        expect(Buffer.compare(await readAll(node), model)).toBe(0);
        await node.flush();
        expect(await node.check?.({})).toMatchObject({ corruptions: 0, leaks: 0 });
      }
    }));

  it("reads never see what a cluster holds after it was given up", async () => {
    const { bytes } = buildQcow2({ size: 8 * 4096, clusterBits: 12 });
    const file = new RecordedFile(bytes);
    const session = await sessionOn(file);
    const { metadata } = session;
    const offset = await metadata.exclusively(() => metadata.allocate(1));
    let finish = () => {};
    const reading = metadata.reading(
      () =>
        new Promise<void>((resolve) => {
          finish = resolve;
        }),
    );
    await metadata.exclusively(() => metadata.changeRefcounts(offset, 4096, -1));
    await metadata.flush();
    expect(await metadata.exclusively(() => metadata.allocate(1))).not.toBe(offset);
    finish();
    await reading;
    await metadata.flush();
    expect(await metadata.exclusively(() => metadata.allocate(1))).toBe(offset);
  });
});

/** Ranges of whole sectors that do not overlap. */
function sectorsOf(random: Random, size: number): { offset: number; length: number }[] {
  const ranges: { offset: number; length: number }[] = [];
  for (let at = 0; at < size; ) {
    const length = Math.min(size - at, 512 * (1 + random.below(20)));
    ranges.push({ offset: at, length });
    at += length + 512 * random.below(4);
  }
  return ranges;
}

async function request(
  random: Random,
  node: BlockNode,
  { offset, length }: { offset: number; length: number },
  model: Uint8Array,
): Promise<void> {
  const kind = random.below(6);
  if (kind === 0) {
    model.fill(0, offset, offset + length);
    await node.writeZeroes(offset, length, { mayUnmap: random.below(2) === 0 });
  } else if (kind === 1) await node.flush();
  else {
    const value = 1 + random.below(255);
    model.fill(value, offset, offset + length);
    await node.write(offset, filled(length, value));
  }
}

describe("a step that fails", () => {
  const events = [
    "l1_update",
    "l2_update",
    "l2_alloc_write",
    "write_aio",
    "cow_write",
    "cluster_alloc",
    "cluster_free",
    "refblock_load",
    "refblock_alloc",
    "refblock_alloc_hookup",
    "refblock_alloc_write",
    "refblock_alloc_write_blocks",
    "refblock_alloc_write_table",
    "refblock_alloc_switch_table",
    "refblock_update_part",
    "reftable_grow",
    "reftable_load",
    "reftable_update",
    "l1_grow_alloc_table",
    "l1_grow_write_table",
    "l1_grow_activate_table",
  ];

  it.each(events)("%s fails its request, and leaves the image as it should be", async (event) => {
    // 64 entries a refcount block and 64 blocks a table: 2 MiB of file fill the table.
    const { bytes } = buildQcow2({ size: 64 * 1024, clusterBits: 9, refcountOrder: 6 });
    const rule = { event, once: true, immediately: true };
    const image = { driver: "memory", bytes };
    const warn = vi.fn();
    const file = { driver: "blkdebug", "inject-error": [rule], image };
    const graph = await openGraph({ driver: "qcow2", file } as ImageSpec, { readOnly: false, warn });
    onTestFinished(() => graph.close().catch(() => undefined));
    let failures = 0;
    const attempt = async (body: () => Promise<void>) => {
      try {
        await body();
      } catch {
        failures++;
        // Once: the second attempt is what a person would do.
        await body();
      }
    };
    const { root } = graph;
    await attempt(() => root.write(100, filled(60_000, 5)));
    await attempt(() => root.flush());
    await attempt(() => root.resize(4 * 1024 * 1024));
    for (let at = 64 * 1024; at < 2_500_000; at += 100_000)
      await attempt(() => root.write(at, filled(100_000, 6)));
    await attempt(() => root.writeZeroes(512, 5120, { mayUnmap: true }));
    await attempt(() => root.flush());
    await attempt(() => root.write(1000, filled(3000, 7)));
    await attempt(() => root.flush());
    expect(failures).toBe(1);
    expect(warn).not.toHaveBeenCalled();
    const expected = new Uint8Array(64 * 1024);
    expected.fill(5, 100, 60_100).fill(0, 512, 5632).fill(7, 1000, 4000);
    expect(Buffer.compare(await readRange(root, 0, 64 * 1024), expected)).toBe(0);
    expect(await readRange(root, 2_000_000, 100)).toEqual(filled(100, 6));
    await root.close();
    const again = await openBytes(await readAll(graph.nodeAt("file") as BlockNode), "qcow2");
    expect(await again.check?.({})).toMatchObject({ corruptions: 0, checkErrors: 0 });
  });
});

describe("a step of giving up or compressing clusters that fails", () => {
  const steps: readonly (readonly [event: string, step: (root: BlockNode) => Promise<void> | undefined])[] = [
    ["write_compressed", (root) => root.writeCompressed?.(8192, filled(4096, 3))],
    ["l2_update_compressed", (root) => root.writeCompressed?.(8192, filled(4096, 3))],
    ["l1_shrink_write_table", (root) => root.resize(4096)],
    ["l1_shrink_free_l2_clusters", (root) => root.resize(4096)],
    ["empty_image_prepare", (root) => root.makeEmpty?.()],
  ];

  it.each(steps)("%s fails its request, which can be made again", async (event, step) => {
    const { bytes } = buildQcow2({ size: 64 * 1024, clusterBits: 9 });
    const rule = { event, once: true, immediately: true };
    const file = { driver: "blkdebug", "inject-error": [rule], image: { driver: "memory", bytes } };
    const graph = await openGraph({ driver: "qcow2", file } as ImageSpec, { readOnly: false });
    onTestFinished(() => graph.close().catch(() => undefined));
    const { root } = graph;
    await root.write(0, filled(4096, 5));
    await root.write(48 * 1024, filled(4096, 6));
    await root.flush();
    expect(await failureOf(step(root) ?? Promise.resolve())).toMatchObject({ code: "EIO" });
    await step(root);
    const isEmpty = event === "empty_image_prepare";
    expect(await readRange(root, 0, 4096)).toEqual(filled(4096, isEmpty ? 0 : 5));
    if (event.endsWith("compressed")) expect(await readRange(root, 8192, 4096)).toEqual(filled(4096, 3));
    await root.close();
    const again = await openBytes(await readAll(graph.nodeAt("file") as BlockNode), "qcow2");
    expect(await again.check?.({})).toMatchObject({ corruptions: 0, checkErrors: 0 });
    expect(again.size).toBe(event.startsWith("l1_shrink") ? 4096 : 64 * 1024);
  });
});

async function sessionOn(file: RecordedFile): Promise<WriteSession> {
  const image = await readImage(file);
  const facts = { snapshots: [], snapshotFaults: [], bitmaps: [], encryption: undefined };
  const options = metadataOptions({});
  const none = { dataFile: undefined, backing: undefined };
  return WriteSession.open({
    file,
    image,
    facts,
    options,
    isUntouched: false,
    warn: () => undefined,
    ...none,
  });
}

describe("the contract", () => {
  it("packs compressed clusters, and counts each cluster that they touch", async () => {
    const file = new RecordedFile(buildQcow2({ size: C, clusterBits: 12 }).bytes);
    const { metadata } = await sessionOn(file);
    await metadata.exclusively(async () => {
      // The header, refcount table and block, and L1 table are clusters 0 to 3.
      expect(await metadata.allocateBytes(3000)).toBe(4 * 4096);
      // 1096 bytes are left: the stream goes on in the next cluster, which is the next one of the file.
      expect(await metadata.allocateBytes(2000)).toBe(4 * 4096 + 3000);
      expect(await metadata.refcountOf(4 * 4096)).toBe(2);
      expect(await metadata.refcountOf(5 * 4096)).toBe(1);
      await metadata.changeRefcounts(4 * 4096, 3000, -1);
      expect(await metadata.refcountOf(4 * 4096)).toBe(1);
    });
  });

  it("refuses counts that their width can't hold, and changes nothing then", async () => {
    const file = new RecordedFile(buildQcow2({ size: C, clusterBits: 12, refcountOrder: 1 }).bytes);
    const { metadata } = await sessionOn(file);
    await metadata.exclusively(async () => {
      const offset = await metadata.allocate(2);
      await metadata.changeRefcounts(offset + 4096, 4096, 2);
      const error = await failureOf(metadata.changeRefcounts(offset, 8192, 1));
      // Two bits hold up to 3.
      expect(error).toMatchObject({ code: "EINVAL", message: expect.stringContaining("2 bits can't be 4") });
      expect(await metadata.refcountOf(offset)).toBe(1);
      expect(await metadata.refcountOf(offset + 4096)).toBe(3);
    });
  });

  it.each([
    // The bytes of counts 1, 0, 1, 1 ... by the specification: below 8 bits the first is the lowest bits of its byte.
    [0, [1, 0, 1, 1], 0b1101, 1],
    [1, [1, 0, 3, 2], 0b10_11_00_01, 1],
    [2, [0xa, 0x5], 0x5a, 1],
    [3, [0x12], 0x12, 1],
    [4, [0x1234], 0x1234, 2],
    [5, [0x12345678], 0x12345678, 4],
    [6, [0x1_2345_6789], 0x1_2345_6789, 8],
  ])("keeps counts of 2^%i bits as the specification has them", (order, counts, value, width) => {
    const page = new Int32Array(2);
    for (const [i, count] of counts.entries()) putCount(page, i, order, count);
    expect(counts.map((_, i) => countAt(page, i, order))).toEqual(counts);
    const bytes = Buffer.alloc(8);
    bytes.writeInt32BE(page[0] ?? 0, 0);
    bytes.writeInt32BE(page[1] ?? 0, 4);
    const stored = width === 8 ? Number(bytes.readBigUInt64BE()) : bytes.readUIntBE(0, width);
    expect(stored).toBe(value);
  });
});
