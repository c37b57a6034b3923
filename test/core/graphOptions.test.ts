// Options that every node has, and what they make of its requests.
import * as fs from "node:fs";
import { describe, expect, it } from "vitest";
import type { NodeOptions } from "../../core/block/driver.ts";
import { openGraph } from "../../core/graph.ts";
import { failureOf, filled, openForTest, readAll } from "../build/open.ts";
import { tempFile } from "../build/temp.ts";

const writable = { readOnly: false };
const size = 64 * 1024;

function rawOver(filename: string, more: object = {}, file: object = {}): NodeOptions {
  return { driver: "raw", file: { driver: "file", filename, ...file }, ...more };
}

/** Bytes of the file that take space, in 512-byte blocks. */
function allocated(filename: string): number {
  return fs.statSync(filename).blocks;
}

describe("discard", () => {
  it("does nothing where it is ignored, and succeeds", async () => {
    const filename = tempFile("a.raw", filled(size, 1));
    const { root } = await openForTest(rawOver(filename, { discard: "ignore" }), writable);
    await root.discard(0, size);
    expect(await readAll(root)).toEqual(filled(size, 1));
  });

  it.skipIf(process.platform !== "linux")("reaches the file where it does not say otherwise", async () => {
    const filename = tempFile("a.raw", filled(size, 1));
    const { root } = await openForTest(rawOver(filename), writable);
    await root.discard(0, size);
    expect(await readAll(root)).toEqual(filled(size, 0));
  });

  it("of the top node can be what the caller says", async () => {
    const filename = tempFile("a.raw", filled(size, 1));
    const { root } = await openForTest(rawOver(filename), { ...writable, discard: "ignore" });
    await root.discard(0, size);
    expect(await readAll(root)).toEqual(filled(size, 1));
  });
});

describe.skipIf(process.platform !== "linux")("detect-zeroes", () => {
  it.each([
    ["off", {}, 128],
    ["unmap", { discard: "unmap" }, 0],
  ])("%s decides whether written zero bytes take space", async (mode, more, blocks) => {
    const filename = tempFile("a.raw", filled(size, 1));
    const { root } = await openForTest(rawOver(filename, { "detect-zeroes": mode, ...more }), writable);
    await root.write(0, filled(size, 0));
    await root.flush();
    expect(await readAll(root)).toEqual(filled(size, 0));
    expect(allocated(filename)).toBe(blocks);
    await root.write(0, filled(size, 2));
    expect(await readAll(root)).toEqual(filled(size, 2));
  });

  it("unmap needs discard", async () => {
    const spec = rawOver(tempFile("a.raw", filled(size, 1)), { "detect-zeroes": "unmap" });
    expect((await failureOf(openGraph(spec))).message).toBe(
      "setting detect-zeroes to unmap is not allowed without setting discard operation to unmap",
    );
  });
});

describe("a read-only file", () => {
  it("below a node that is to be written is refused", async () => {
    const spec = rawOver(tempFile("a.raw", filled(size, 1)), {}, { "read-only": "on" });
    expect((await failureOf(openGraph(spec, writable))).message).toBe("Block node is read-only");
  });

  it("makes the whole image read-only where that is allowed", async () => {
    const filename = tempFile("a.raw", filled(size, 1));
    const spec = rawOver(filename, { "auto-read-only": "on", "node-name": "disk" }, { "read-only": "on" });
    const { root, nodes } = await openForTest(spec, writable);
    expect([root.name, ...nodes.map((node) => node.readOnly)]).toEqual(["disk", true, true]);
  });
});

describe("a node's name", () => {
  it("stands for the node in what is defined after it", async () => {
    const filename = tempFile("a.raw", filled(size, 7));
    const file = { driver: "raw", "node-name": "base", file: { driver: "file", filename } };
    const children = [file, "base"];
    const graph = await openForTest({ driver: "quorum", "vote-threshold": 2, children });
    expect(graph.nodeAt("children.1")).toBe(graph.nodeAt("children.0"));
    expect(graph.nodes).toHaveLength(3);
    expect(await readAll(graph.root)).toEqual(filled(size, 7));
  });

  it("that nobody has is an error", async () => {
    expect((await failureOf(openGraph({ driver: "raw", file: "base" }))).message).toBe(
      "Cannot find device='base' nor node-name='base'",
    );
  });
});

describe("a guess of raw", () => {
  it("is warned of when the image is to be written", async () => {
    const said: string[] = [];
    const warn = (message: string) => void said.push(message);
    const filename = tempFile("a.img", filled(size, 1));
    await (await openGraph(filename, { warn })).close();
    await (await openGraph(filename, { readOnly: false, format: "raw", warn })).close();
    expect(said).toEqual([]);
    await (await openGraph(filename, { readOnly: false, warn })).close();
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(
      `WARNING: Image format was not specified for '${filename}' and probing guessed raw.\n`,
    );
  });
});
