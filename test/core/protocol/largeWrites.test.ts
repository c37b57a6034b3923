// Large writes of files are done by other threads: what is asked for meanwhile must not see, nor make, half of them.
import * as fs from "node:fs";
import { describe, expect, it } from "vitest";
import type { BlockNode } from "../../../core/block/node.ts";
import { openGraph } from "../../../core/graph.ts";
import { failureOf, filled, firstDifference, openForTest } from "../../build/open.ts";
import { seeded } from "../../build/random.ts";
import { tempFile } from "../../build/temp.ts";

const MiB = 1024 * 1024;

async function open(filename: string): Promise<BlockNode> {
  const { root } = await openForTest({ driver: "file", filename }, { readOnly: false });
  return root;
}

describe("a large write of a file", () => {
  it("lets its caller go on before it is done", async () => {
    const filename = tempFile("a.raw", new Uint8Array(0));
    const node = await open(filename);
    let done = false;
    const writing = node.write(0, filled(MiB, 1)).then(() => {
      done = true;
    });
    // Promises alone can't bring the news of another thread: that takes a turn of the event loop.
    for (let tick = 0; tick < 100; tick++) await Promise.resolve();
    expect(done).toBe(false);
    await writing;
    expect(node.size).toBe(MiB);
    expect(firstDifference(fs.readFileSync(filename), filled(MiB, 1))).toBeUndefined();
  });

  it.each(["writeZeroes", "discard"] as const)("is done before %s changes its range", async (change) => {
    const filename = tempFile("a.raw", new Uint8Array(0));
    const node = await open(filename);
    const expected = filled(16 * MiB, 1).fill(0, 8 * MiB, 9 * MiB);
    await Promise.all([node.write(0, filled(16 * MiB, 1)), node[change](8 * MiB, MiB, { mayUnmap: true })]);
    expect(firstDifference(fs.readFileSync(filename), expected)).toBeUndefined();
    expect(node.size).toBe(16 * MiB);
  });

  it("is done before the file is cut", async () => {
    const filename = tempFile("a.raw", new Uint8Array(0));
    const node = await open(filename);
    await Promise.all([node.write(0, filled(16 * MiB, 1)), node.resize(4096)]);
    expect(node.size).toBe(4096);
    expect(fs.readFileSync(filename)).toEqual(Buffer.alloc(4096, 1));
  });

  it("is done before the file is closed", async () => {
    const filename = tempFile("a.raw", new Uint8Array(0));
    const graph = await openGraph({ driver: "file", filename }, { readOnly: false });
    const writing = graph.root.write(0, filled(16 * MiB, 1));
    await Promise.all([graph.close(), writing]);
    expect(firstDifference(fs.readFileSync(filename), filled(16 * MiB, 1))).toBeUndefined();
  });

  it("makes what was a hole data", async () => {
    const filename = tempFile("a.raw", new Uint8Array(0));
    fs.truncateSync(filename, MiB);
    const node = await open(filename);
    expect(await node.extentAt(0, MiB)).toMatchObject({ state: "zero" });
    await node.write(0, filled(MiB, 1));
    // Further on, where the answer before would have done.
    expect(await node.extentAt(65_536, MiB - 65_536)).toMatchObject({ state: "data", length: MiB - 65_536 });
  });

  it.skipIf(!fs.existsSync("/dev/full"))("says when there is no room for it", async () => {
    const spec = { driver: "host_device", filename: "/dev/full" };
    const { root } = await openForTest(spec, { readOnly: false });
    const error = await failureOf(root.write(4096, filled(MiB, 1)));
    expect(error).toMatchObject({ code: "ENOSPC", context: { offset: 4096, length: MiB } });
    // The next one is told by itself, and a failed one keeps nobody waiting.
    expect((await failureOf(root.write(0, filled(MiB, 1)))).code).toBe("ENOSPC");
  });

  it("leaves the bytes that a model has, whatever is asked for at once", async () => {
    await seeded(async (random) => {
      const filename = tempFile("a.raw", new Uint8Array(0));
      const node = await open(filename);
      const slot = 192 * 1024;
      const model = new Uint8Array(slot * 24);
      let end = 0;
      for (let round = 0; round < 30; round++) {
        const first = random.below(16);
        // One request for each of some slots that adjoin, all under way together: large, small, zeroes.
        const requests = Array.from({ length: 1 + random.below(8) }, (_, i) => {
          const offset = (first + i) * slot;
          const length = random.pick([slot, 128 * 1024, 128 * 1024 - 1, 4096, 1 + random.below(slot)]);
          const value = random.below(3) === 0 ? 0 : 1 + random.below(255);
          model.fill(value, offset, offset + length);
          end = Math.max(end, offset + length);
          return value === 0
            ? node.writeZeroes(offset, length, { mayUnmap: random.below(2) === 0 })
            : node.write(offset, filled(length, value));
        });
        await Promise.all(requests);
        expect(node.size).toBe(end);
      }
      expect(firstDifference(fs.readFileSync(filename), model.subarray(0, end))).toBeUndefined();
    });
  });
});
