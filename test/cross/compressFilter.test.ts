// The filter that compresses what is written, on qcow2 images that the stock programs made and judge: what becomes of
// whole clusters, of parts of them, and of clusters where something is stored already.
import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, it } from "vitest";
import type { BlockNode } from "../../core/block/node.ts";
import { failureOf, openForTest } from "../build/open.ts";
import { lacksPeer, qemuIo, run } from "../build/peers.ts";
import { seeded } from "../build/random.ts";
import { tempDir } from "../build/temp.ts";

const kib = 1024;
const cluster = 64 * kib;

interface Range {
  readonly start: number;
  readonly length: number;
  readonly data: boolean;
  readonly offset?: number;
}

function newImage(size: number, ...options: readonly string[]): string {
  const name = path.join(tempDir(), "disk.qcow2");
  run("qemu-img", "create", "-q", "-f", "qcow2", ...options, name, String(size));
  return name;
}

/** Changes an image through the filter, and closes it. */
async function through(name: string, change: (node: BlockNode) => Promise<void>): Promise<void> {
  const file = { driver: "qcow2", file: { driver: "file", filename: name } };
  const graph = await openForTest({ driver: "compress", file }, { readOnly: false });
  await change(graph.root);
  await graph.close();
}

/** "offset+length" of what is stored compressed, and as it is, in KiB: the peer's map has no offset for the first. */
function stored(name: string): { compressed: string[]; plain: string[] } {
  const map = JSON.parse(run("qemu-img", "map", "--output=json", name)) as readonly Range[];
  const shown = (ranges: readonly Range[]) =>
    ranges.map(({ start, length }) => `${start / kib}+${length / kib}`);
  const data = map.filter((range) => range.data);
  return {
    compressed: shown(data.filter(({ offset }) => offset === undefined)),
    plain: shown(data.filter(({ offset }) => offset !== undefined)),
  };
}

const sound = "No errors were found on the image.";

describe.skipIf(lacksPeer("qemu-img", "qemu-io"))("writes through the compress filter", () => {
  it("become compressed clusters, completed with what the disk holds there", async () => {
    const name = newImage(16 * cluster);
    await through(name, async (node) => {
      await node.write(0, Buffer.alloc(3 * cluster, 1));
      await node.write(4.5 * cluster, Buffer.alloc(cluster, 2));
    });
    // 3 clusters; then the halves of clusters 4 and 5.
    expect(stored(name)).toEqual({ compressed: ["0+192", "256+128"], plain: [] });
    expect(run("qemu-img", "check", name)).toContain(sound);
    qemuIo(
      name,
      "qcow2",
      "read -P 1 0 192k",
      "read -P 0 256k 32k",
      "read -P 2 288k 64k",
      "read -P 0 352k 32k",
    );
  });

  it("take the bytes around a part of a cluster from the backing file", async () => {
    const base = newImage(4 * cluster);
    qemuIo(base, "qcow2", "write -P 9 0 256k");
    const name = newImage(4 * cluster, "-b", base, "-F", "qcow2");
    await through(name, (node) => node.write(cluster + 1, Buffer.alloc(1, 5)));
    qemuIo(name, "qcow2", "read -P 9 0 65537", "read -P 5 65537 1", "read -P 9 65538 65534");
    const [below, own] = JSON.parse(run("qemu-img", "map", "--output=json", name)) as { depth: number }[];
    expect([below?.depth, own?.depth]).toEqual([1, 0]);
  });

  it("go to what is stored already as it is, compressed or not, without a fault", async () => {
    const name = newImage(8 * cluster);
    qemuIo(name, "qcow2", `write -P 1 ${2 * cluster} ${cluster}`);
    await through(name, async (node) => {
      await node.write(0, Buffer.alloc(cluster, 2));
      // Over a compressed cluster, one that is free, one stored as it is, and three that are free.
      await node.write(0, Buffer.alloc(6 * cluster, 3));
      await node.write(10, Buffer.alloc(20, 4));
    });
    expect(stored(name)).toEqual({ compressed: ["64+64", "192+192"], plain: ["0+64", "128+64"] });
    expect(run("qemu-img", "check", name)).toContain(sound);
    qemuIo(name, "qcow2", "read -P 3 0 10", "read -P 4 10 20", "read -P 3 30 393186");
  });

  it("reach the last cluster of a disk that ends in it", async () => {
    const name = newImage(cluster + 1024);
    await through(name, (node) => node.write(cluster + 100, Buffer.alloc(924, 6)));
    expect(stored(name).compressed).toEqual(["64+1"]);
    qemuIo(name, "qcow2", "read -P 0 0 65636", "read -P 6 65636 924");
  });

  it("store what does not get smaller as it is, and zeroes as none", async () => {
    const name = newImage(8 * cluster);
    await seeded((random) =>
      through(name, async (node) => {
        await node.write(0, random.bytes(cluster));
        await node.write(4 * cluster, Buffer.alloc(3 * cluster, 1));
        // The end of cluster 4, cluster 5, the beginning of cluster 6.
        await node.writeZeroes(4.5 * cluster, 2 * cluster);
        await node.discard(0, 0);
      }),
    );
    expect(stored(name)).toEqual({ compressed: [], plain: ["0+64", "256+64", "384+64"] });
    qemuIo(name, "qcow2", "read -P 1 256k 32k", "read -P 0 288k 128k", "read -P 1 416k 32k");
  });

  it("leave what a model of the disk holds, however they lie, several at a time", async () => {
    await seeded(async (random) => {
      const size = 2 * 1024 * kib + 512;
      const name = newImage(size, "-o", "cluster_size=4k,compression_type=zstd");
      const model = Buffer.alloc(size);
      await through(name, async (node) => {
        for (let round = 0; round < 30; round++) {
          const half = size / 2;
          // One request in either half: they may share the cluster in the middle, not a byte.
          const requests = [0, half].map(async (from) => {
            const offset = from + random.below(half);
            const length = 1 + random.below(Math.min(from + half - offset, 40 * kib));
            const value = random.below(256);
            const kind = random.below(4);
            model.fill(kind === 0 ? 0 : value, offset, offset + length);
            if (kind === 0) return node.writeZeroes(offset, length);
            return node.write(offset, Buffer.alloc(length, value), { fua: kind === 1 });
          });
          await Promise.all(requests);
        }
      });
      fs.writeFileSync(`${name}.raw`, model);
      expect(run("qemu-img", "check", name)).toContain(sound);
      run("qemu-img", "compare", "-f", "raw", "-F", "qcow2", `${name}.raw`, name);
    });
  });

  it("fail where the image can have no compressed clusters", async () => {
    const name = newImage(4 * cluster, "-o", `data_file=${path.join(tempDir(), "data")}`);
    await through(name, async (node) => {
      const error = await failureOf(node.write(0, Buffer.alloc(cluster, 1)));
      expect(error).toMatchObject({
        code: "ENOTSUP",
        message: expect.stringContaining("external data file"),
      });
    });
  });
});

it.each([
  ["raw", { driver: "raw", file: { driver: "memory", bytes: new Uint8Array(cluster) } }],
  ["null-co", { driver: "null-co", size: cluster }],
])("refuses to stand on %s, which has no compressed clusters", async (format, file) => {
  const error = await failureOf(openForTest({ driver: "compress", file }, { readOnly: false }));
  expect(error.code).toBe("ENOTSUP");
  expect(error.message).toContain(`Compression is not supported for underlying format: ${format}`);
});
