// New qcow2 images without qemu-img: bytes from the specification, and what the driver itself reads back.
import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, it } from "vitest";
import type { CreateRequest } from "../../../../core/block/driver.ts";
import { creation } from "../../../../core/format/qcow2/create.ts";
import { NewFileSpace, refcountClusters } from "../../../../core/format/qcow2/createSpace.ts";
import { createImage } from "../../../../core/ops/create.ts";
import { failureOf, openForTest } from "../../../build/open.ts";
import { tempDir } from "../../../build/temp.ts";

type Options = CreateRequest["options"];

async function* nothing(): AsyncGenerator<{ offset: number; length: number }> {}

async function* ranges(...list: readonly (readonly [offset: number, length: number])[]) {
  for (const [offset, length] of list) yield { offset, length };
}

async function made(size: number, options: Options, backing?: CreateRequest["backing"]): Promise<Buffer> {
  const file = path.join(tempDir(), "new.qcow2");
  await createImage(file, "qcow2", { size, options, ...(backing && { backing }) });
  return fs.readFileSync(file);
}

async function refusal(size: number, options: Options, backing?: CreateRequest["backing"]) {
  return failureOf((async () => creation.check({ size, options, ...(backing && { backing }) }))());
}

describe("a new qcow2 image", () => {
  it("is a header, a refcount table, a refcount block and an L1 table", async () => {
    // 40 MiB in clusters of 4 KiB: an L2 table covers 512 * 4 KiB = 2 MiB, so the L1 table has 20 entries.
    const bytes = await made(40 << 20, { cluster_size: 4096 });
    const expected = Buffer.alloc(3 * 4096 + 20 * 8);
    expected.set([0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3]);
    expected.writeUInt32BE(12, 20);
    expected.writeBigUInt64BE(BigInt(40 << 20), 24);
    expected.writeUInt32BE(20, 36);
    expected.writeBigUInt64BE(3n * 4096n, 40);
    expected.writeBigUInt64BE(4096n, 48);
    expected.writeUInt32BE(1, 56);
    expected.writeUInt32BE(4, 96);
    expected.writeUInt32BE(112, 100);
    expected.writeBigUInt64BE(2n * 4096n, 4096);
    // Header, refcount table, refcount block, L1 table: one reference each.
    for (let cluster = 0; cluster < 4; cluster++) expected.writeUInt16BE(1, 2 * 4096 + cluster * 2);
    expect(bytes).toEqual(expected);
  });

  it("of version 2 has 72 bytes of header, then the backing file's format and name", async () => {
    const backing = { filename: "base.raw", format: "raw" };
    const bytes = await made(1 << 20, { compat: "0.10" }, backing);
    expect(bytes.readUInt32BE(4)).toBe(2);
    // The extension has 8 bytes and "raw" padded to 8; the list's end has 8.
    expect(bytes.subarray(72, 92)).toEqual(
      Buffer.from("\xe2\x79\x2a\xca\0\0\0\x03raw\0\0\0\0\0\0\0\0\0", "latin1"),
    );
    expect(Number(bytes.readBigUInt64BE(8))).toBe(72 + 16 + 8);
    expect(bytes.readUInt32BE(16)).toBe(8);
    expect(bytes.toString("latin1", 96, 104)).toBe("base.raw");
  });

  it("sets the bits of its features, each in its field", async () => {
    const bytes = await made(1 << 20, {
      compression_type: "zstd",
      extended_l2: true,
      lazy_refcounts: true,
      data_file: "outside.raw",
      data_file_raw: true,
    });
    // External data file 4, compression type 8, extended L2 16; lazy refcounts 1; raw external data 2.
    expect([72, 80, 88].map((at) => bytes.readBigUInt64BE(at))).toEqual([28n, 1n, 2n]);
    expect(bytes[104]).toBe(1);
    expect(bytes.toString("latin1", 112, 112 + 8 + 11)).toBe("DATA\0\0\0\x0boutside.raw");
  });

  it.each([
    [1, 0b1111, 0],
    [2, 0b01010101, 0],
    [4, 0x11, 0x11],
    [8, 1, 1],
    [32, 0, 0],
    [64, 0, 0],
  ])("counts its first four clusters with %i bits each", async (bits, first, second) => {
    const bytes = await made(1 << 20, { refcount_bits: bits });
    const block = bytes.subarray(2 * 65536, 3 * 65536);
    expect([block[0], block[1]]).toEqual([first, second]);
    // Wider counts are big-endian: the last byte of each is 1.
    if (bits >= 8) {
      const width = bits / 8;
      const ones = [1, 2, 3, 4].map((entry) => block[entry * width - 1]);
      expect([...ones, block[5 * width - 1]]).toEqual([1, 1, 1, 1, 0]);
    }
  });

  it.each(["metadata", "falloc", "full"])(
    "maps every cluster with preallocation=%s",
    async (preallocation) => {
      const file = path.join(tempDir(), "new.qcow2");
      await createImage(file, "qcow2", { size: 1000 * 512, options: { preallocation, cluster_size: 512 } });
      const graph = await openForTest({ driver: "qcow2", file: { driver: "file", filename: file } });
      const hosts = new Set<number>();
      for (let offset = 0; offset < graph.root.size; offset += 512) {
        const { hostOffset = -1, state } = await graph.root.extentAt(offset, 512);
        expect(state).toBe("data");
        hosts.add(hostOffset);
      }
      expect([hosts.size, hosts.has(-1)]).toEqual([1000, false]);
      const bytes = Buffer.alloc(graph.root.size);
      await graph.root.read(0, bytes);
      expect(bytes.every((byte) => byte === 0)).toBe(true);
      const found = await graph.root.check?.({});
      expect(found).toMatchObject({ corruptions: 0, leaks: 0, checkErrors: 0, allocatedClusters: 1000 });
      await graph.close();
    },
  );

  it("is not left behind half made", async () => {
    const folder = tempDir();
    const request = { size: 1 << 20, options: { data_file: "missing/outside.raw" } };
    const failure = await failureOf(createImage(path.join(folder, "new.qcow2"), "qcow2", request));
    expect(failure).toMatchObject({ code: "ENOENT", context: { hint: expect.stringContaining("folder") } });
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  it("is refused as its own data file, under any name", async () => {
    const file = path.join(tempDir(), "new.qcow2");
    fs.writeFileSync(file, "precious");
    fs.symlinkSync("new.qcow2", `${file}.link`);
    for (const data_file of ["new.qcow2", "new.qcow2.link", file]) {
      const failure = await failureOf(createImage(file, "qcow2", { size: 512, options: { data_file } }));
      expect(failure).toMatchObject({ code: "EINVAL" });
    }
    expect(fs.readFileSync(file, "utf8")).toBe("precious");
  });
});

describe("what a qcow2 image can't be", () => {
  const backing = { filename: "base", format: "raw" };

  it.each<[Options, string]>([
    [{ compat: "v4" }, "There is no compatibility level 'v4'"],
    [{ compat: "toString" }, "There is no compatibility level 'toString'"],
    [{ cluster_size: 3072 }, "Cluster size must be a power of two between 512 and 2048k"],
    [{ refcount_bits: 128 }, "Refcount width must be a power of two and may not exceed 64 bits"],
    [{ compression_type: "lz4" }, "There is no compression type 'lz4'"],
    [{ data_file_raw: true }, "data-file-raw requires data-file"],
    [{ backing_fmt: "raw" }, "Backing format cannot be used without backing file"],
    [{ "encrypt.format": "luks" }, "Encrypted qcow2 images can't be made here"],
    [{ encryption: true }, "Encrypted qcow2 images can't be made here"],
  ])("%j", async (options, message) => {
    expect(await refusal(1 << 20, options)).toMatchObject({ message });
  });

  it("has limits: an L1 table of 32 MiB, names that fit into the first cluster", async () => {
    // With clusters of 512 bytes an L1 entry covers 64 * 512 = 32 KiB, and there can be 4 Mi of them: 128 GiB.
    const small = { cluster_size: 512 };
    await expect((async () => creation.check({ size: 2 ** 37, options: small }))()).resolves.toBeUndefined();
    expect(await refusal(2 ** 37 + 1, small)).toMatchObject({ code: "EFBIG" });
    // No larger cluster helps where offsets themselves can't be counted.
    expect(await refusal(2 ** 55, { cluster_size: 262_144 })).toMatchObject({
      code: "EFBIG",
      message: expect.stringContaining("8 PiB"),
    });
    // Header 112, format 16, end 8: 376 bytes are left of 512.
    const named = (length: number) => ({ ...backing, filename: "x".repeat(length) });
    await expect(
      (async () => creation.check({ size: 0, options: small, backing: named(376) }))(),
    ).resolves.toBeUndefined();
    expect(await refusal(0, small, named(377))).toMatchObject({ code: "ENOSPC" });
    expect(await refusal(0, {}, named(1024))).toMatchObject({ code: "EINVAL" });
  });

  it("has no preallocation over a backing file, which it would hide, but with subclusters", async () => {
    const options = { preallocation: "metadata" };
    expect(await refusal(1 << 20, options, backing)).toMatchObject({ code: "EINVAL" });
    await expect(
      (async () => creation.check({ size: 1 << 20, options: { ...options, extended_l2: true }, backing }))(),
    ).resolves.toBeUndefined();
  });
});

describe("the space of a new file", () => {
  it("is laid out so that every cluster in use is covered by a refcount block", () => {
    // Counts of 64 bits in clusters of 512 bytes: 64 to a block, and 64 blocks to a cluster of the table.
    const space = new NewFileSpace({ clusterSize: 512, refcountOrder: 6 });
    for (let i = 0; i < 400; i++) space.allocate(1 + (i % 7) * 11);
    const covered = new Set(space.blocks.map(([index]) => index));
    for (const { start, end } of space.used) {
      for (let cluster = start; cluster < end; cluster++)
        expect(covered.has(Math.floor(cluster / 64))).toBe(true);
    }
    const isUsed = (at: number) => space.used.some(({ start, end }) => at >= start && at < end);
    expect(space.blocks.every(([, cluster]) => isUsed(cluster))).toBe(true);
    expect(isUsed(space.table.start) && isUsed(space.table.end - 1)).toBe(true);
    // More than the 64 blocks that the first table names: it has moved, and its place is free or in other use.
    expect(space.blocks.length).toBeGreaterThan(64);
    expect(space.table.start).toBeGreaterThan(1);
  });

  it("counts refcount structures that count themselves", () => {
    // 30 clusters and 2 blocks and 1 table fit 16 to a block only with a third block: 30 + 3 + 1 = 34 > 32.
    expect(refcountClusters(30, { perBlock: 16, perTableCluster: 64 }, "exact")).toEqual({
      blocks: 3,
      table: 1,
    });
    expect(refcountClusters(29, { perBlock: 16, perTableCluster: 64 }, "exact")).toEqual({
      blocks: 2,
      table: 1,
    });
  });
});

describe("the measure of a qcow2 image", () => {
  it("is that of header, tables and refcounts, and of the clusters that hold data", async () => {
    const request = { size: 10 << 20, options: {} };
    // Ranges of one cluster count once: clusters 0, 1 and 5 of 64 KiB.
    const data = ranges([0, 512], [1024, 512], [65000, 1000], [5 * 65536, 65536]);
    // Header, refcount table, refcount block, L1 table, L2 table, and 160 clusters of data.
    expect(await creation.measure?.(request, data)).toEqual({
      required: (5 + 3) * 65536,
      fullyAllocated: (5 + 160) * 65536,
    });
  });

  it("adds bitmaps: their clusters, tables and directory", async () => {
    const request = { size: 1 << 30, options: {} };
    // 1 GiB in bits of 512 bytes: 2 Mi bits, 256 KiB, 4 clusters; a table cluster; a directory cluster.
    const bitmaps = [{ name: "b", granularity: 512 }];
    expect(await creation.measure?.(request, nothing(), { bitmaps })).toMatchObject({ bitmaps: 6 * 65536 });
    const old = { ...request, options: { compat: "0.10" } };
    expect(await creation.measure?.(old, nothing(), { bitmaps })).not.toHaveProperty("bitmaps");
  });
});
