import * as fs from "node:fs";
import { describe, expect, it } from "vitest";
import { chainExtentAt } from "../../../core/block/extents.ts";
import { failureOf, openBytes, openForTest, openPath, readAll, readRange } from "../../build/open.ts";
import { randomFrom } from "../../build/random.ts";
import { tempFile } from "../../build/temp.ts";

const bytes = randomFrom(3).bytes(5_000);

function windowed(options: Record<string, unknown>) {
  return openForTest({ driver: "raw", file: { driver: "memory", bytes }, ...options });
}

describe("a raw image", () => {
  it("is its file, also when its size is no multiple of 512", async () => {
    const node = await openBytes(bytes);
    expect([node.driver, node.size]).toEqual(["raw", 5_000]);
    expect(await readAll(node)).toEqual(bytes);
  });

  it("may be empty", async () => {
    const node = await openBytes(new Uint8Array(0));
    expect([node.driver, node.size]).toEqual(["raw", 0]);
    await node.read(0, new Uint8Array(0));
  });

  it("has all its extents in the file, at the same place", async () => {
    const node = await openBytes(bytes);
    expect(await node.extentAt(700, 1_000)).toEqual({
      offset: 700,
      length: 1_000,
      state: "data",
      compressed: false,
      hostOffset: 700,
    });
  });
});

describe("a window of a file", () => {
  it("begins at its offset and has its size", async () => {
    const { root } = await windowed({ offset: 100, size: 1024 });
    expect(root.size).toBe(1024);
    expect(await readAll(root)).toEqual(bytes.subarray(100, 1124));
    expect((await root.extentAt(24, 10)).hostOffset).toBe(124);
    expect((await failureOf(readRange(root, 1020, 5))).code).toBe("EINVAL");
  });

  it("reaches to the end of the file when no size is given", async () => {
    const { root } = await windowed({ offset: 4_990 });
    expect(await readAll(root)).toEqual(bytes.subarray(4_990));
    expect((await windowed({ offset: 5_000 })).root.size).toBe(0);
  });

  it("takes sizes as text with suffixes", async () => {
    const { root } = await windowed({ offset: "1k", size: "2k" });
    expect(await readAll(root)).toEqual(bytes.subarray(1024, 3072));
  });

  it.each([
    [{ offset: 5_001 }, "Offset (5001) cannot be greater than size of the containing file (5000)"],
    [
      { offset: 4_096, size: 1_024 },
      "The sum of offset (4096) and size (1024) has to be smaller or equal to the actual size of the containing file (5000)",
    ],
    [{ size: 1_000 }, "Specified size (1000) is not multiple of 512"],
    [{ offset: -1 }, "Invalid option 'offset' of 'raw': '-1' is not a size"],
    [{ offset: "12q" }, "Invalid option 'offset' of 'raw': '12q' is not a size"],
    [{ offset: true }, "Invalid option 'offset' of 'raw': must be a size in bytes"],
    [{ size: 2 ** 53 }, "Invalid option 'size' of 'raw': '9007199254740992' is not a size"],
  ])("refuses %j", async (options, message) => {
    expect(await failureOf(windowed(options))).toMatchObject({ code: "EINVAL", message });
  });
});

describe("writing a raw image", () => {
  const writable = { readOnly: false };

  it("writes into its window and never behind it", async () => {
    const file = { driver: "memory", bytes: bytes.slice() };
    const graph = await openForTest({ driver: "raw", file, offset: 512, size: 512 }, writable);
    const { root } = graph;
    await root.write(10, Uint8Array.of(1, 2));
    await root.writeZeroes(500, 12);
    await root.discard(0, 4);
    await root.flush();
    expect((await failureOf(root.write(511, Uint8Array.of(1, 2)))).code).toBe("EINVAL");
    expect((await failureOf(root.resize(1024))).code).toBe("ENOTSUP");
    const expected = bytes.slice();
    expected.set([1, 2], 522);
    expected.fill(0, 1012, 1024);
    const whole = graph.nodeAt("file");
    expect(whole && (await readAll(whole))).toEqual(expected);
  });

  it("resizes the file when the whole of it is the image", async () => {
    const filename = tempFile("a.raw", bytes);
    const node = await openPath(filename, writable);
    await node.resize(6_000);
    expect([node.size, fs.statSync(filename).size]).toEqual([6_000, 6_000]);
  });
});

describe("raw over a file with holes", () => {
  it("never counts a sector as zero of which its window has a part only in a hole", async () => {
    // Blocks of 4096 bytes: 4 in a hole, 4 of data, 4 in a hole. The window's sector 31 begins at byte 31 x 512 + 100 =
    // 15972 of the file and has 412 bytes of the hole and 100 of data.
    const filename = tempFile("a.raw", new Uint8Array(0));
    fs.truncateSync(filename, 49_152);
    const fd = fs.openSync(filename, "r+");
    fs.writeSync(fd, new Uint8Array(16_384).fill(1), 0, 16_384, 16_384);
    fs.closeSync(fd);
    const { root } = await openForTest({ driver: "raw", file: { driver: "file", filename }, offset: 100 });
    expect(await root.extentAt(0, root.size)).toMatchObject({ state: "zero", length: 31 * 512 });
    expect(await root.extentAt(31 * 512, 33_000)).toMatchObject({ state: "data", length: 512 });
    expect(await root.extentAt(32 * 512, 32_000)).toMatchObject({ state: "data", length: 16_284 });
    expect(await root.extentAt(32_668, 16_384)).toMatchObject({ state: "zero", length: 16_384 });
  });

  it("knows over its chain that a hole is zero, and that it is there", async () => {
    const filename = tempFile("a.raw", new Uint8Array(65536).fill(1));
    fs.truncateSync(filename, 1 << 20);
    const node = await openPath(filename);
    expect(await node.extentAt(0, 1 << 19)).toMatchObject({ state: "data", length: 65536 });
    expect(await node.extentAt(65536, 1 << 19)).toMatchObject({ state: "zero", hostOffset: 65536 });
    expect(await chainExtentAt(node, 65536, 1 << 19)).toEqual({
      offset: 65536,
      length: 1 << 19,
      state: "zero",
      stored: "zero",
      depth: 0,
      compressed: false,
      hostOffset: 65536,
    });
  });
});
