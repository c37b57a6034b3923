// Without the C library's calls (another system, koffi missing) everything works, only slower or without locks.
import * as fs from "node:fs";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { OpenOptions } from "../../../core/graph.ts";
import { filled, firstDifference } from "../../build/open.ts";
import { tempFile } from "../../build/temp.ts";

/** openGraph as it is on a system that is not known here. */
async function elsewhere() {
  const platform = Object.getOwnPropertyDescriptor(process, "platform");
  if (platform === undefined) throw new Error("the platform cannot be changed");
  vi.resetModules();
  Object.defineProperty(process, "platform", { ...platform, value: "sunos" });
  onTestFinished(() => {
    Object.defineProperty(process, "platform", platform);
    vi.resetModules();
  });
  const { openGraph } = await import("../../../core/graph.ts");
  const { libc } = await import("../../../core/protocol/libc.ts");
  expect(libc()).toBeUndefined();
  return async (spec: object, options?: OpenOptions) => {
    const graph = await openGraph({ ...spec }, options);
    onTestFinished(() => graph.close());
    return graph.root;
  };
}

describe("without calls of the C library", () => {
  it("zeroes are written, space is set aside by writing it, and everything is data", async () => {
    const open = await elsewhere();
    const filename = tempFile("a.raw", filled(8192, 7));
    const node = await open({ driver: "file", filename }, { readOnly: false });
    await node.writeZeroes(512, 4096, { mayUnmap: true });
    await node.discard(0, 512);
    await node.writeZeroes(8192, 1000);
    await node.resize(1 << 20, { preallocation: "falloc" });
    const expected = new Uint8Array(1 << 20).fill(7, 0, 512).fill(7, 4608, 8192);
    expect(firstDifference(fs.readFileSync(filename), expected)).toBeUndefined();
    expect(fs.statSync(filename).blocks * 512).toBe(1 << 20);
    expect(await node.extentAt(0, 1 << 20)).toMatchObject({ state: "data", length: 1 << 20 });
    await expect(node.writeZeroes(0, 512, { noFallback: true })).rejects.toMatchObject({ code: "ENOTSUP" });
  });

  it("files are opened without locks, unless locks are asked for", async () => {
    const open = await elsewhere();
    const spec = { driver: "file", filename: tempFile("a.raw", filled(512, 7)) };
    await open(spec, { readOnly: false });
    await open(spec, { readOnly: false });
    await expect(open({ ...spec, locking: "on" })).rejects.toMatchObject({
      code: "ENOTSUP",
      context: { hint: expect.stringContaining("locking at auto") },
    });
  });
});
