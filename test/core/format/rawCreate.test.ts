import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, it } from "vitest";
import type { CreateRequest } from "../../../core/block/driver.ts";
import { rawCreation } from "../../../core/format/rawCreate.ts";
import { createFile } from "../../../core/protocol/fileCreate.ts";
import { failureOf, openForTest } from "../../build/open.ts";
import { tempDir } from "../../build/temp.ts";

async function* nothing(): AsyncGenerator<{ offset: number; length: number }> {}

function request(size: number, options: CreateRequest["options"] = {}): CreateRequest {
  return { size, options };
}

async function refusal(asked: CreateRequest) {
  return failureOf((async () => rawCreation.check(asked))());
}

describe("a new raw image", () => {
  it.each([
    [0, 0],
    [1, 512],
    [512, 512],
    [1000, 1024],
    [2 ** 40 + 1, 2 ** 40 + 512],
  ])("of %i bytes has %i, whole sectors, and needs as much", async (size, expected) => {
    const filename = path.join(tempDir(), "new.raw");
    createFile(filename);
    const graph = await openForTest({ driver: "file", filename }, { readOnly: false });
    rawCreation.check(request(size));
    await rawCreation.create(graph.root, request(size));
    await graph.close();
    expect(fs.statSync(filename).size).toBe(expected);
    const needed = await rawCreation.measure?.(request(size), nothing());
    expect(needed).toEqual({ required: expected, fullyAllocated: expected });
  });

  it.skipIf(process.platform !== "linux").each(["falloc", "full"])(
    "takes all its space with %s",
    async (mode) => {
      const filename = path.join(tempDir(), "new.raw");
      createFile(filename);
      const graph = await openForTest({ driver: "file", filename }, { readOnly: false });
      await rawCreation.create(graph.root, request(1 << 20, { preallocation: mode }));
      await graph.close();
      const { size, blocks } = fs.statSync(filename);
      expect([size, blocks * 512]).toEqual([1 << 20, 1 << 20]);
    },
  );

  it("has no metadata to preallocate, and knows its modes", async () => {
    expect(await refusal(request(512, { preallocation: "metadata" }))).toMatchObject({
      code: "ENOTSUP",
      message: "Unsupported preallocation mode: metadata",
    });
    expect(await refusal(request(512, { preallocation: "bogus" }))).toMatchObject({
      code: "EINVAL",
      message: "invalid parameter value: bogus",
      context: { hint: expect.stringContaining("off, falloc, full") },
    });
    expect((await refusal(request(Number.MAX_SAFE_INTEGER))).code).toBe("EFBIG");
  });
});
