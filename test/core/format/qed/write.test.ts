// Writing to QED images, held against a plain array of bytes and against the specification's own examples.
import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, it } from "vitest";
import { BlockError } from "../../../../core/base/errors.ts";
import type { BlockNode } from "../../../../core/block/node.ts";
import { creation } from "../../../../core/format/qed/create.ts";
import { HeaderFile, readHeader } from "../../../../core/format/qed/header.ts";
import { type Graph, openGraph } from "../../../../core/graph.ts";
import { newQed } from "../../../build/newQed.ts";
import { failureOf, filled, openForTest, readAll } from "../../../build/open.ts";
import { type Random, seeded } from "../../../build/random.ts";
import { tempDir } from "../../../build/temp.ts";

const kib = 1024;

async function withImage<T>(
  name: string,
  use: (node: BlockNode, graph: Graph) => Promise<T>,
  readOnly = false,
): Promise<T> {
  const graph = await openGraph({ driver: "qed", file: { driver: "file", filename: name } }, { readOnly });
  try {
    return await use(graph.root, graph);
  } finally {
    await graph.close();
  }
}

/** Entries of the L2 table that the first L1 entry points to, and where it is. Default geometry. */
function firstTable(name: string): { at: number; entries: bigint[] } {
  const bytes = fs.readFileSync(name);
  const at = Number(bytes.readBigUInt64LE(Number(bytes.readBigUInt64LE(40))));
  return {
    at,
    entries: Array.from({ length: 8 }, (_, i) => bytes.readBigUInt64LE(at + i * 8)),
  };
}

const isMarked = (name: string) => (fs.readFileSync(name)[16] ?? 0) % 4 >= 2;

describe("writing to a QED image", () => {
  it("puts data and tables where the specification's examples have them", async () => {
    const name = await newQed({ size: 1024 * kib });
    await withImage(name, async (node) => {
      await node.write(0, filled(128 * kib, 1));
      await node.writeZeroes(128 * kib, 64 * kib);
      await node.writeZeroes(200 * kib, 4 * kib);
    });
    const { at, entries } = firstTable(name);
    expect(at).toBe(0x70000);
    // 200 KiB is in cluster 3; the L2 table takes 0x70000 to 0xaffff.
    expect(entries.slice(0, 5)).toEqual([0x50000n, 0x60000n, 1n, 0xb0000n, 0n]);
  });

  it("marks the image while tables change, durably and first, and clears the mark when it is closed", async () => {
    const name = await newQed({ size: 1024 * kib });
    await withImage(name, async (node) => {
      await node.flush();
      expect([isMarked(name), node.info.dirty]).toEqual([false, false]);
      await node.write(0, filled(512, 1));
      expect([isMarked(name), node.info.dirty]).toEqual([true, true]);
    });
    expect(isMarked(name)).toBe(false);
    await withImage(name, (node) =>
      node.write(0, filled(512, 2)).then(() => expect(isMarked(name)).toBe(false)),
    );
  });

  it("sets the mark again when clearing it failed midway", async () => {
    const name = await newQed({ size: 1024 * kib });
    const graph = await openGraph({ driver: "file", filename: name }, { readOnly: false });
    const file = graph.root;
    let flushes = 0;
    const failing: BlockNode = {
      ...{ name: file.name, driver: file.driver, readOnly: false, children: [], info: file.info },
      size: file.size,
      read: (offset, target) => file.read(offset, target),
      write: (offset, source) => file.write(offset, source),
      flush: async () => {
        // 1: the mark is set. 2: all before clearing it. 3: the header without it.
        if (++flushes === 3) throw new BlockError("EIO", "the disk is tired");
      },
      writeZeroes: (offset, length) => file.writeZeroes(offset, length),
      discard: (offset, length) => file.discard(offset, length),
      resize: (size) => file.resize(size),
      extentAt: (offset, length) => file.extentAt(offset, length),
      close: () => file.close(),
    };
    const header = new HeaderFile(await readHeader(failing), failing, true);
    await header.beforeTables();
    expect(isMarked(name)).toBe(true);
    expect((await failureOf(header.settle())).code).toBe("EIO");
    expect(isMarked(name)).toBe(false);
    await header.beforeTables();
    expect(isMarked(name)).toBe(true);
    await header.settle();
    expect([isMarked(name), header.isDirty]).toEqual([false, false]);
    await graph.close();
  });

  it("is not laid down where the file keeps its bytes, as devices do", async () => {
    const { root } = await openForTest({ driver: "memory", bytes: filled(2 ** 20, 7) }, { readOnly: false });
    root.resize = async () => undefined;
    const error = await failureOf(creation.create(root, { size: 1024 * kib, options: {} }));
    expect(error.code).toBe("ENOTSUP");
    expect(await readAll(root)).toEqual(filled(2 ** 20, 7));
  });

  it("leaves a mark that was set before, and one after a write of tables failed", async () => {
    const name = await newQed({ size: 1024 * kib });
    const fd = fs.openSync(name, "r+");
    fs.writeSync(fd, Uint8Array.of(2), 0, 1, 16);
    fs.closeSync(fd);
    const graph = await openGraph(
      { driver: "qed", file: { driver: "file", filename: name } },
      { readOnly: false, dirty: "skip" },
    );
    await graph.root.write(0, filled(512, 1));
    await graph.close();
    expect(isMarked(name)).toBe(true);

    const failing = await newQed({ size: 1024 * kib });
    await withImage(failing, (node) => node.write(0, filled(512, 1)));
    const image = { driver: "file", filename: failing };
    const file = { driver: "blkdebug", image, "inject-error": [{ event: "l2_update", iotype: "write" }] };
    const broken = await openGraph({ driver: "qed", file }, { readOnly: false });
    expect((await failureOf(broken.root.write(65536, filled(512, 1)))).code).toBe("EIO");
    await broken.close().catch(() => undefined);
    expect(isMarked(failing)).toBe(true);
  });

  it("changes nothing of the header but its 64 bytes, and clears autoclear bits it does not know", async () => {
    const name = await newQed({ size: 1024 * kib });
    const fd = fs.openSync(name, "r+");
    fs.writeSync(fd, Uint8Array.of(0x80), 0, 1, 32);
    fs.writeSync(fd, filled(100, 0x5a), 0, 100, 64);
    fs.closeSync(fd);
    await withImage(name, async () => {}, true);
    expect(fs.readFileSync(name)[32]).toBe(0x80);
    await withImage(name, (node) => node.write(0, filled(512, 1)));
    expect(fs.readFileSync(name)[32]).toBe(0);
    expect(fs.readFileSync(name).subarray(64, 164)).toEqual(Buffer.from(filled(100, 0x5a)));
  });

  it("grows, and what is behind the old end reads as zeroes whatever the backing file has there", async () => {
    const folder = tempDir();
    fs.writeFileSync(path.join(folder, "base.raw"), filled(400 * kib, 7));
    const name = await newQed({ size: 100 * kib, backing: { filename: "base.raw", format: "raw" }, folder });
    await withImage(name, async (node) => {
      await node.resize(512 * kib);
      const bytes = await readAll(node);
      expect(bytes.indexOf(0)).toBe(100 * kib);
      expect(bytes.subarray(100 * kib).every((byte) => byte === 0)).toBe(true);
    });
    await withImage(name, async (node) => expect(node.size).toBe(512 * kib), true);
  });

  it.each([
    [1024 * kib - 512, {}, "Shrinking images is currently not supported"],
    [2048 * kib, { preallocation: "full" as const }, "Unsupported preallocation mode 'full'"],
    [1024 * kib + 100, {}, "Invalid image size specified"],
    [2 ** 50, {}, "Invalid image size specified"],
  ])("does not take a size of %i with %j", async (size, options, message) => {
    const name = await newQed({ size: 1024 * kib });
    await withImage(name, async (node) => {
      expect((await failureOf(node.resize(size, options))).message).toContain(message);
      expect(node.size).toBe(1024 * kib);
    });
  });

  it("grows by one request after the other", async () => {
    const name = await newQed({ size: 1024 * kib });
    await withImage(name, async (node) => {
      const both = await Promise.allSettled([node.resize(4096 * kib), node.resize(2048 * kib)]);
      expect(both.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
      expect(node.size).toBe(4096 * kib);
    });
  });

  it("stores another backing file's name, or none, and refuses one that does not fit", async () => {
    const name = await newQed({ size: 64 * kib, options: { cluster_size: 4096 } });
    await withImage(name, async (node) => {
      await node.setBacking?.({ filename: "other.raw", format: "raw" });
      expect(node.info.backing).toMatchObject({ filename: "other.raw", format: "raw" });
      const error = await failureOf(
        node.setBacking?.({ filename: "x".repeat(4096 - 63) }) ?? Promise.resolve(),
      );
      expect(error.code).toBe("ENOSPC");
    });
    const bytes = fs.readFileSync(name);
    // Bits 1 (backing file) and 4 (its format is raw), name of 9 bytes at 64.
    expect([bytes[16], bytes.readUInt32LE(56), bytes.readUInt32LE(60)]).toEqual([5, 64, 9]);
    expect(bytes.subarray(64, 73).toString()).toBe("other.raw");
    const graph = await openGraph(
      { driver: "qed", file: { driver: "file", filename: name }, backing: null },
      { readOnly: false },
    );
    await graph.root.setBacking?.(undefined);
    expect(graph.root.info.backing).toBeUndefined();
    await graph.close();
    expect([fs.readFileSync(name)[16], fs.readFileSync(name).readUInt32LE(60)]).toEqual([0, 0]);
  });

  it("does not let requests past its end pass", async () => {
    const name = await newQed({ size: 64 * kib });
    await withImage(name, async (node) => {
      expect((await failureOf(node.write(64 * kib - 1, filled(2, 1)))).code).toBe("EINVAL");
      expect((await failureOf(node.writeZeroes(0, 64 * kib + 1))).code).toBe("EINVAL");
      expect((await failureOf(node.writeZeroes(1, 100, { noFallback: true }))).code).toBe("ENOTSUP");
    });
  });
});

interface Geometry {
  readonly cluster: number;
  readonly table: number;
  readonly size: number;
  /** Bytes of the backing file; 0 for none. */
  readonly backing: number;
}

const geometries: Geometry[] = [
  { cluster: 4096, table: 1, size: 300 * kib, backing: 0 },
  { cluster: 4096, table: 1, size: 3 * 1024 * kib, backing: 200 * kib + 100 },
  { cluster: 8192, table: 2, size: 500 * kib + 512, backing: 900 * kib },
  { cluster: 65536, table: 4, size: 2 * 1024 * kib + 1024, backing: 1024 * kib },
];

describe("a QED image under random requests", () => {
  it.each(geometries)("is what an array of bytes is, with %j", async (geometry) => {
    await seeded(async (random) => {
      const folder = tempDir();
      const base = random.bytes(geometry.backing);
      fs.writeFileSync(path.join(folder, "base.raw"), base);
      const name = await newQed({
        size: geometry.size,
        options: { cluster_size: geometry.cluster, table_size: geometry.table },
        ...(geometry.backing > 0 && { backing: { filename: "base.raw", format: "raw" } }),
        folder,
      });
      let model = new Uint8Array(geometry.size);
      model.set(base.subarray(0, geometry.size));
      for (let session = 0; session < 4; session++) {
        await withImage(name, async (node) => {
          for (let i = 0; i < 40; i++) model = await step(node, model, random, geometry);
          expect(Buffer.compare(await readAll(node), model)).toBe(0);
        });
        await withImage(
          name,
          async (node) => expect(Buffer.compare(await readAll(node), model)).toBe(0),
          true,
        );
      }
    });
  });

  it("gives some order to overlapping writes that are under way at once, byte by byte", async () => {
    await seeded(async (random) => {
      const name = await newQed({ size: 256 * kib, options: { cluster_size: 4096, table_size: 1 } });
      await withImage(name, async (node) => {
        const writers: { offset: number; length: number; value: number }[] = [];
        for (let i = 0; i < 200; i++) {
          writers.push({
            offset: random.below(250 * kib),
            length: 1 + random.below(6 * kib),
            value: 1 + (i % 250),
          });
        }
        await Promise.all(
          writers.map(({ offset, length, value }) => node.write(offset, filled(length, value))),
        );
        const bytes = await readAll(node);
        for (let at = 0; at < bytes.length; at++) {
          const possible = writers.filter(({ offset, length }) => at >= offset && at < offset + length);
          const wanted = possible.length === 0 ? [0] : possible.map(({ value }) => value);
          if (!wanted.includes(bytes[at] ?? -1)) expect.fail(`byte ${at} is ${bytes[at]}`);
        }
      });
    });
  });
});

async function step(
  node: BlockNode,
  model: Uint8Array<ArrayBuffer>,
  random: Random,
  { cluster }: Geometry,
): Promise<Uint8Array<ArrayBuffer>> {
  const isAligned = random.below(3) === 0;
  const unit = isAligned ? cluster : 1;
  const offset = Math.floor(random.below(node.size) / unit) * unit;
  const length = Math.min(node.size - offset, Math.ceil((1 + random.below(3 * cluster)) / unit) * unit);
  switch (random.below(8)) {
    case 0:
    case 1:
      await node.writeZeroes(offset, length);
      model.fill(0, offset, offset + length);
      return model;
    case 2:
      await node.discard(offset, length);
      return model;
    case 3: {
      if (random.below(8) > 0) return model;
      const longer = new Uint8Array(model.length + 512 * (1 + random.below(300)));
      longer.set(model);
      await node.resize(longer.length);
      return longer;
    }
    default: {
      const bytes = random.bytes(length);
      await node.write(offset, bytes, random.below(10) === 0 ? { fua: true } : undefined);
      model.set(bytes, offset);
      return model;
    }
  }
}
