import { afterEach, describe, expect, it, vi } from "vitest";
import { BlockError } from "../../../core/base/errors.ts";
import { guard } from "../../../core/block/guard.ts";
import type { BlockNode, Extent } from "../../../core/block/node.ts";
import { MemoryNode } from "../../../core/protocol/memory.ts";
import { failureOf, readAll } from "../../build/open.ts";

function node(overrides: Partial<BlockNode> = {}, readOnly = false): BlockNode {
  return guard(Object.assign(new MemoryNode("disk", readOnly, new Uint8Array(1024).fill(7)), overrides));
}

describe("the gate in front of every node", () => {
  it.each([
    ["past the end", 1020, 8],
    ["wholly outside", 1025, 1],
    ["before the start", -1, 4],
    ["at half a byte", 0.5, 4],
    ["at no number", Number.NaN, 4],
    ["beyond 2^53", 2 ** 53, 1],
  ])("refuses to read %s", async (_name, offset, length) => {
    const error = await failureOf(node().read(offset, new Uint8Array(length)));
    expect(error).toMatchObject({ code: "EINVAL", context: { node: "disk", offset, length } });
    expect(error.message).toContain("1024 bytes");
  });

  it("refuses block status outside the node and of nothing", async () => {
    expect((await failureOf(node().extentAt(1000, 25))).code).toBe("EINVAL");
    expect((await failureOf(node().extentAt(0, 0))).code).toBe("EINVAL");
    expect((await failureOf(node().extentAt(0, 1.5))).code).toBe("EINVAL");
  });

  it("lets requests of no length pass without troubling the driver", async () => {
    const read = vi.fn();
    const write = vi.fn();
    const quiet = node({ read, write, writeZeroes: write, discard: write });
    await quiet.read(1024, new Uint8Array(0));
    await quiet.write(1024, new Uint8Array(0));
    await quiet.writeZeroes(0, 0);
    await quiet.discard(0, 0);
    expect(read).not.toHaveBeenCalled();
    expect(write).not.toHaveBeenCalled();
  });

  it("writes nothing to a read-only node", async () => {
    const disk = node({}, true);
    const tries = [
      disk.write(0, new Uint8Array(4)),
      disk.writeZeroes(0, 4),
      disk.discard(0, 4),
      disk.resize(5),
    ];
    for (const attempt of tries) expect((await failureOf(attempt)).code).toBe("EROFS");
    expect(await readAll(disk)).toEqual(new Uint8Array(1024).fill(7));
  });

  it("refuses impossible sizes and ranges of writes", async () => {
    expect((await failureOf(node().resize(-1))).code).toBe("EINVAL");
    expect((await failureOf(node().resize(2 ** 53))).code).toBe("EINVAL");
    expect((await failureOf(node().write(2 ** 53 - 2, new Uint8Array(4)))).code).toBe("EINVAL");
    expect((await failureOf(node().writeZeroes(0, -1))).code).toBe("EINVAL");
  });

  it("closes the driver once and refuses everything afterwards", async () => {
    const close = vi.fn(async () => {});
    const disk = node({ close });
    await disk.close();
    await disk.close();
    expect(close).toHaveBeenCalledTimes(1);
    const error = await failureOf(disk.read(0, new Uint8Array(1)));
    expect(error.message).toContain("disk is closed");
    expect((await failureOf(disk.flush())).message).toContain("closed");
  });

  it("turns whatever a driver throws into a BlockError with node and range", async () => {
    const disk = node({
      read: async () => {
        throw new TypeError("x is not a function");
      },
    });
    const error = await failureOf(disk.read(512, new Uint8Array(4)));
    expect(error).toMatchObject({
      code: "EIO",
      message: "x is not a function",
      context: { node: "disk", offset: 512, length: 4 },
    });
    expect(error.cause).toBeInstanceOf(TypeError);
  });

  it("keeps what a deeper node has said of itself", async () => {
    const deep = new BlockError("EIO", "bad sector", {
      node: "leaf",
      offset: 9,
      length: 1,
      hint: "Replace it.",
    });
    const error = await failureOf(node({ read: () => Promise.reject(deep) }).read(0, new Uint8Array(4)));
    expect(error).toMatchObject({
      code: "EIO",
      context: { node: "leaf", offset: 9, length: 1, hint: "Replace it." },
    });
  });

  it.each([
    ["starts elsewhere", 1, 4],
    ["is empty", 0, 0],
    ["is longer than asked", 0, 9],
    ["ends at half a byte", 0, 1.5],
    ["has no length", 0, Number.NaN],
  ])("stops a driver whose extent %s", async (_name, offset, length) => {
    const extent: Extent = { offset, length, state: "data", compressed: false, hostOffset: undefined };
    const error = await failureOf(node({ extentAt: async () => extent }).extentAt(0, 8));
    expect(error.code).toBe("EIO");
    expect(error.message).toContain("block status");
  });

  it("passes descriptions through, in range only, and has none where the driver has none", async () => {
    const disk = node({ describeAt: async (offset: number) => `byte ${offset}` });
    expect(await disk.describeAt?.(3)).toBe("byte 3");
    expect((await failureOf(disk.describeAt?.(1025) ?? Promise.resolve())).code).toBe("EINVAL");
    expect(node().describeAt).toBeUndefined();
  });
});

describe("BLKSCOPE_TRACE", () => {
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
    vi.resetModules();
  });

  async function tracedBy(setting: string): Promise<string[]> {
    vi.resetModules();
    vi.stubEnv("BLKSCOPE_TRACE", setting);
    const lines: string[] = [];
    vi.spyOn(process.stderr, "write").mockImplementation((line) => lines.push(String(line)) > 0);
    const { guard: fresh } = await import("../../../core/block/guard.ts");
    const disk = fresh(new MemoryNode("disk", true, new Uint8Array(1024)));
    await disk.read(512, new Uint8Array(16));
    await disk.extentAt(0, 1024);
    return lines;
  }

  it("prints the requests of every node, or of the one named", async () => {
    const expected = ["disk (memory): read 512+16\n", "disk (memory): block status 0+1024\n"];
    expect(await tracedBy("*")).toEqual(expected);
    expect(await tracedBy("disk")).toEqual(expected);
    expect(await tracedBy("other")).toEqual([]);
  });
});
