// What files take on disk: holes punched by zeroes and discards, space set aside by resizing, disks that are full.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { BlockNode, ZeroFlags } from "../../../core/block/node.ts";
import { failureOf, filled, firstDifference, openForTest, readAll } from "../../build/open.ts";
import { tempDir, tempFile } from "../../build/temp.ts";

const MiB = 1 << 20;
const writable = { readOnly: false };
const linux = process.platform === "linux";

function open(filename: string): Promise<BlockNode> {
  return openForTest({ driver: "file", filename }, writable).then(({ root }) => root);
}

/** Bytes the file takes on disk once it is written back. */
async function taken(node: BlockNode, filename: string): Promise<number> {
  await node.flush();
  return fs.statSync(filename).blocks * 512;
}

describe.skipIf(!linux)("space given back", () => {
  it.each<[string, (node: BlockNode) => Promise<void>]>([
    ["zeroes that may be unmapped", (node) => node.writeZeroes(MiB, 2 * MiB, { mayUnmap: true })],
    [
      "zeroes that may be unmapped and not be written",
      (node) => node.writeZeroes(MiB, 2 * MiB, { mayUnmap: true, noFallback: true }),
    ],
    ["a discard", (node) => node.discard(MiB, 2 * MiB)],
  ])("by %s is a hole that reads as zeroes, and what is around it stays", async (_, request) => {
    const filename = tempFile("a.raw", filled(4 * MiB, 7));
    const node = await open(filename);
    expect(await taken(node, filename)).toBe(4 * MiB);
    await request(node);
    expect(await taken(node, filename)).toBe(2 * MiB);
    expect(await node.extentAt(MiB, 3 * MiB)).toMatchObject({ state: "zero", length: 2 * MiB });
    const expected = filled(4 * MiB, 7).fill(0, MiB, 3 * MiB);
    expect(firstDifference(await readAll(node), expected)).toBeUndefined();
    expect(firstDifference(fs.readFileSync(filename), expected)).toBeUndefined();
  });

  it("is none where zeroes must stay in place, and they read as zeroes all the same", async () => {
    const filename = tempFile("a.raw", filled(4 * MiB, 7));
    const node = await open(filename);
    await node.writeZeroes(MiB, 2 * MiB, { noFallback: true });
    expect(await taken(node, filename)).toBe(4 * MiB);
    const expected = filled(4 * MiB, 7).fill(0, MiB, 3 * MiB);
    expect(firstDifference(fs.readFileSync(filename), expected)).toBeUndefined();
  });

  it("at odd places has whole blocks only, and every byte is zero", async () => {
    const filename = tempFile("a.raw", filled(MiB, 7));
    const node = await open(filename);
    await node.writeZeroes(1000, 100_001, { mayUnmap: true });
    await node.discard(500_000, 3);
    const expected = filled(MiB, 7).fill(0, 1000, 101_001).fill(0, 500_000, 500_003);
    expect(firstDifference(fs.readFileSync(filename), expected)).toBeUndefined();
    // 101,001 bytes end in the 25th block of 4 KiB and begin in the first: 23 blocks lie inside.
    expect(await taken(node, filename)).toBeLessThanOrEqual(MiB - 23 * 4096);
  });

  it.each<[string, ZeroFlags]>([
    ["sparse", { mayUnmap: true }],
    ["in place", {}],
  ])("behind the end makes the file longer: %s", async (kind, flags) => {
    const filename = tempFile("a.raw", filled(1000, 7));
    const node = await open(filename);
    await node.writeZeroes(500, 2 * MiB, flags);
    expect(node.size).toBe(500 + 2 * MiB);
    const expected = new Uint8Array(500 + 2 * MiB).fill(7, 0, 500);
    expect(firstDifference(fs.readFileSync(filename), expected)).toBeUndefined();
    const space = await taken(node, filename);
    if (kind === "sparse") expect(space).toBe(4096);
    else expect(space).toBeGreaterThan(2 * MiB);
  });

  it("by a discard behind the end is none, and the file keeps its size", async () => {
    const filename = tempFile("a.raw", filled(1000, 7));
    const node = await open(filename);
    await node.discard(500, 4096);
    expect(fs.readFileSync(filename)).toEqual(Buffer.from(filled(1000, 7).fill(0, 500)));
  });
});

describe("resizing", () => {
  it("grows sparse, but for the first block of an empty file", async () => {
    const filename = tempFile("a.raw", new Uint8Array(0));
    const node = await open(filename);
    await node.resize(8 * MiB);
    expect(fs.statSync(filename).size).toBe(8 * MiB);
    expect(await taken(node, filename)).toBe(4096);
    await node.resize(16 * MiB);
    expect(await taken(node, filename)).toBe(4096);
  });

  it.skipIf(!linux).each(["falloc", "full"] as const)("sets space aside: %s", async (preallocation) => {
    const filename = tempFile("a.raw", filled(4096, 7));
    const node = await open(filename);
    await node.resize(2 * MiB + 512, { preallocation });
    expect(node.size).toBe(2 * MiB + 512);
    expect(fs.statSync(filename).size).toBe(2 * MiB + 512);
    expect(await taken(node, filename)).toBeGreaterThanOrEqual(2 * MiB + 512);
    expect(
      firstDifference(await readAll(node), new Uint8Array(2 * MiB + 512).fill(7, 0, 4096)),
    ).toBeUndefined();
  });

  it("to the same size with preallocation changes nothing", async () => {
    const filename = tempFile("a.raw", filled(4096, 7));
    const node = await open(filename);
    await node.resize(4096, { preallocation: "full" });
    expect(fs.readFileSync(filename)).toEqual(Buffer.from(filled(4096, 7)));
  });

  it("refuses metadata, and preallocation of a file that shrinks", async () => {
    const filename = tempFile("a.raw", filled(4096, 7));
    const node = await open(filename);
    expect(await failureOf(node.resize(8192, { preallocation: "metadata" }))).toMatchObject({
      code: "ENOTSUP",
      message: "Unsupported preallocation mode: metadata",
    });
    expect(await failureOf(node.resize(512, { preallocation: "falloc" }))).toMatchObject({
      code: "EINVAL",
      message: "Cannot use preallocation for shrinking files",
    });
    expect(node.size).toBe(4096);
    expect(fs.statSync(filename).size).toBe(4096);
  });
});

describe("cache modes", () => {
  it("without flushes write all the same", async () => {
    const filename = tempFile("a.raw", new Uint8Array(0));
    const graph = await openForTest({ driver: "file", filename }, { ...writable, cache: { noFlush: true } });
    await graph.root.write(0, filled(100, 3), { fua: true });
    await graph.root.flush();
    await graph.close();
    expect(fs.readFileSync(filename)).toEqual(Buffer.from(filled(100, 3)));
  });

  it("with direct access count in whole sectors: the last one is padded with zeroes", async () => {
    const filename = tempFile("a.raw", filled(700, 7));
    const direct = { cache: { direct: true } };
    const { root } = await openForTest({ driver: "file", filename }, { ...writable, ...direct });
    expect(root.size).toBe(1024);
    expect(await readAll(root)).toEqual(new Uint8Array(1024).fill(7, 0, 700));
    expect(await root.extentAt(512, 512)).toMatchObject({ state: "data", length: 512 });
    expect(await root.extentAt(800, 224)).toMatchObject({ state: "data", length: 224 });
    expect(fs.statSync(filename).size).toBe(700);
    await root.write(690, filled(20, 8));
    const expected = new Uint8Array(1024).fill(7, 0, 690).fill(8, 690, 710);
    expect(fs.readFileSync(filename)).toEqual(Buffer.from(expected));
  });

  it("ask for direct access where native asynchronous requests are named", async () => {
    const spec = { driver: "file", filename: tempFile("a.raw", filled(512, 1)), aio: "native" };
    expect(await failureOf(openForTest(spec))).toMatchObject({
      code: "EINVAL",
      message: "aio=native was specified, but it requires cache.direct=on, which was not specified.",
    });
    const { root } = await openForTest(spec, { cache: { direct: true } });
    expect(await readAll(root)).toEqual(filled(512, 1));
    await openForTest({ ...spec, aio: "io_uring" });
    expect((await failureOf(openForTest({ ...spec, aio: "fibers" }))).code).toBe("EINVAL");
  });
});

describe("a disk that is full", () => {
  /** A file system of 1 MiB, or undefined where none can be mounted. */
  function smallDisk(): string | undefined {
    const folder = tempDir();
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]);
    if (mounted.status !== 0) {
      console.warn("SKIPPED: no small file system can be mounted here (it needs root)");
      return undefined;
    }
    // Before the folder is removed: what is registered last runs first.
    onTestFinished(() => void spawnSync("umount", ["--lazy", folder]));
    return folder;
  }

  it.skipIf(!linux)(
    "says so of writes, zeroes and preallocation, and knows the file's size",
    async (context) => {
      const folder = smallDisk();
      if (folder === undefined) return context.skip();
      const filename = tempFile("a.raw", filled(4096, 7), folder);
      const node = await open(filename);
      const full = { code: "ENOSPC", context: { path: filename, hint: expect.stringContaining("space") } };
      const inPeersWords = async (preallocation: "falloc" | "full") => {
        const error = await failureOf(node.resize(4 * MiB, { preallocation }));
        expect(error).toMatchObject(full);
        return error.context.peer?.message;
      };
      // As qemu-img 7.2 says after the file's name.
      expect(await inPeersWords("falloc")).toBe("Could not preallocate new data: No space left on device");
      expect(node.size).toBe(4096);
      expect(await inPeersWords("full")).toBe(
        "Could not write zeros for preallocation: No space left on device",
      );
      expect(node.size).toBe(4096);
      expect(fs.statSync(filename).size).toBe(4096);
      expect(await failureOf(node.writeZeroes(4096, 4 * MiB))).toMatchObject(full);
      expect(node.size).toBe(fs.statSync(filename).size);
      expect(await failureOf(node.write(4096, filled(4 * MiB, 9)))).toMatchObject(full);
      expect(node.size).toBe(fs.statSync(filename).size);
      // What fitted is there; the rest was never promised.
      expect(firstDifference(await readAll(node), fs.readFileSync(filename))).toBeUndefined();
      await node.resize(4096);
      await node.write(0, filled(4096, 8));
      expect(fs.readFileSync(filename)).toEqual(Buffer.from(filled(4096, 8)));
    },
  );

  it.skipIf(!fs.existsSync("/dev/full"))("says so of a device that is always full", async () => {
    const { root } = await openForTest({ driver: "host_device", filename: "/dev/full" }, writable);
    expect((await failureOf(root.write(0, filled(512, 1)))).code).toBe("ENOSPC");
    expect(root.size).toBe(0);
  });
});

describe.skipIf(!linux)("a file system that does not set zeroes in place", () => {
  it("gets them by other means: tmpfs", async (context) => {
    if (!fs.existsSync("/dev/shm")) return context.skip();
    const folder = fs.mkdtempSync(path.join("/dev/shm", "blkscope-"));
    onTestFinished(() => fs.rmSync(folder, { recursive: true }));
    const filename = tempFile("a.raw", filled(MiB, 7), folder);
    const node = await open(filename);
    await node.writeZeroes(4096, 8192, { noFallback: true });
    expect(fs.statSync(filename).blocks * 512).toBe(MiB);
    await node.writeZeroes(65536, 65536, { mayUnmap: true });
    expect(fs.statSync(filename).blocks * 512).toBe(MiB - 65536);
    const expected = filled(MiB, 7).fill(0, 4096, 12288).fill(0, 65536, 131072);
    expect(firstDifference(fs.readFileSync(filename), expected)).toBeUndefined();
  });
});
