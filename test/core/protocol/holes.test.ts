import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { chainExtentAt } from "../../../core/block/extents.ts";
import type { BlockNode, ExtentState } from "../../../core/block/node.ts";
import { failureOf, openForTest, openPath, readRange } from "../../build/open.ts";
import { tempDir } from "../../build/temp.ts";

const MiB = 1 << 20;
const TiB = 2 ** 40;

/** Makes a file of `size` bytes with 64 KiB of data at each offset. */
function sparseFile(size: number, ...offsets: readonly number[]): string {
  const filename = path.join(tempDir(), "sparse.raw");
  const fd = fs.openSync(filename, "w");
  onTestFinished(() => fs.closeSync(fd));
  fs.ftruncateSync(fd, size);
  for (const offset of offsets) fs.writeSync(fd, new Uint8Array(65536).fill(1), 0, 65536, offset);
  fs.fsyncSync(fd);
  return filename;
}

async function walk(node: BlockNode): Promise<[number, number, ExtentState][]> {
  const found: [number, number, ExtentState][] = [];
  for (let at = 0; at < node.size; ) {
    const { length, state } = await node.extentAt(at, node.size - at);
    found.push([at, length, state]);
    at += length;
  }
  return found;
}

describe("holes of a file", () => {
  it("are told from data, from any offset and in any order", async () => {
    const { root } = await openForTest({ driver: "file", filename: sparseFile(8 * MiB, MiB, 4 * MiB) });
    expect(await walk(root)).toEqual([
      [0, MiB, "zero"],
      [MiB, 65536, "data"],
      [MiB + 65536, 3 * MiB - 65536, "zero"],
      [4 * MiB, 65536, "data"],
      [4 * MiB + 65536, 4 * MiB - 65536, "zero"],
    ]);
    expect(await root.extentAt(MiB + 10, 20)).toMatchObject({ offset: MiB + 10, length: 20, state: "data" });
    expect(await root.extentAt(MiB - 10, 20)).toMatchObject({ offset: MiB - 10, length: 10, state: "zero" });
  });

  it("cost one step each in an image of 1 TiB", async () => {
    const filename = sparseFile(TiB, 5 * MiB, TiB / 2, TiB - 65536);
    const node = await openPath(filename);
    const found: string[] = [];
    for (let at = 0; at < node.size; ) {
      const extent = await chainExtentAt(node, at, node.size - at);
      found.push(extent.state);
      at += extent.length;
    }
    expect(found).toEqual(["zero", "data", "zero", "data", "zero", "data"]);
  });

  it("are not what a file has lost by shrinking", async () => {
    const filename = sparseFile(8 * MiB, MiB);
    const { root } = await openForTest({ driver: "file", filename });
    fs.truncateSync(filename, 2 * MiB);
    expect(await walk(root)).toEqual([
      [0, MiB, "zero"],
      [MiB, 65536, "data"],
      [MiB + 65536, MiB - 65536, "zero"],
      [2 * MiB, 6 * MiB, "data"],
    ]);
    expect((await failureOf(readRange(root, 3 * MiB, 512))).code).toBe("EIO");
  });
});
