// A qcow2 image that shrinks, beside the same image shrunk by qemu-img: of the file as much is left, refcount blocks that
// count nothing are given up, and the stock check finds nothing.
import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, it } from "vitest";
import type { BlockNode } from "../../core/block/node.ts";
import { openPath } from "../build/open.ts";
import { lacksPeer, qemuIo, run } from "../build/peers.ts";
import { type Random, seeded } from "../build/random.ts";
import { tempDir } from "../build/temp.ts";

/** The file below is closed by the graph at the end of the test only; the peer wants its locks now. */
async function shrinkWithOurs(filename: string, size: number): Promise<void> {
  const node: BlockNode = await openPath(filename, { readOnly: false });
  await node.resize(size);
  await node.close();
  for (const child of node.children) await child.node.close();
}

/** Length of the file, and entries of the refcount table that name a block. */
function shapeOf(filename: string) {
  const bytes = fs.readFileSync(filename);
  // qcow2, "Header": refcount_table_offset at byte 48, refcount_table_clusters at 56, cluster_bits at 20.
  const offset = Number(bytes.readBigUInt64BE(48));
  const end = offset + bytes.readUInt32BE(56) * 2 ** bytes.readUInt32BE(20);
  let blocks = 0;
  for (let at = offset; at < end; at += 8) if (bytes.readBigUInt64BE(at) !== 0n) blocks++;
  return { length: bytes.length, blocks };
}

/** What the guest writes and discards, in clusters. */
function historyOf(random: Random, clusters: number, cluster: number): string[] {
  return Array.from({ length: 12 }, () => {
    const first = random.below(clusters);
    const count = 1 + random.below(Math.min(clusters - first, random.pick([3, 60, 900])));
    const what = random.pick(["write -q -P 7", "write -q -P 8", "discard -q", "write -q -z"]);
    return `${what} ${first * cluster} ${count * cluster}`;
  });
}

describe.skipIf(lacksPeer("qemu-img", "qemu-io"))("a qcow2 image that shrinks", () => {
  it("leaves no longer a file and no more refcount blocks than qemu-img", () =>
    seeded(async (random) => {
      const folder = tempDir();
      const [peer, ours] = ["peer.qcow2", "ours.qcow2"].map((name) => path.join(folder, name)) as [
        string,
        string,
      ];
      let given = 0;
      for (let round = 0; round < 6; round++) {
        fs.rmSync(peer, { force: true });
        const cluster = random.pick([512, 512, 1024]);
        const clusters = 500 + random.below(3000);
        const options = `cluster_size=${cluster},refcount_bits=${random.pick([4, 8, 16, 16, 32, 64])}`;
        run("qemu-img", "create", "-q", "-f", "qcow2", "-o", options, peer, `${clusters * cluster}`);
        qemuIo(peer, "qcow2", ...historyOf(random, clusters, cluster));
        if (random.below(3) === 0) run("qemu-img", "snapshot", "-c", "one", peer);
        qemuIo(peer, "qcow2", ...historyOf(random, clusters, cluster));
        const size = 512 * (1 + random.below(random.pick([100, (clusters * cluster) / 512 - 1])));
        // qemu-img lays down an L2 table to discard what is behind the new end, where none is: here there is one.
        qemuIo(
          peer,
          "qcow2",
          `write -q -P 9 ${size - 512} 512`,
          `write -q -P 9 ${size - (size % cluster)} 512`,
        );
        fs.copyFileSync(peer, ours);
        const before = shapeOf(ours);
        run("qemu-img", "resize", "-q", "--shrink", peer, `${size}`);
        await shrinkWithOurs(ours, size);
        const left = shapeOf(ours);
        const how = `round ${round}, ${options}, ${clusters} clusters to ${size} bytes`;
        // A block that only other blocks are counted in goes with them here, and stays with qemu-img.
        const theirs = shapeOf(peer);
        expect(left.blocks, how).toBeLessThanOrEqual(theirs.blocks);
        if (left.blocks === theirs.blocks) expect(left.length, how).toBe(theirs.length);
        else expect(left.length, how).toBeLessThan(theirs.length);
        given += before.blocks - left.blocks;
        // Without leaks, too: its exit code would be 3.
        run("qemu-img", "check", "-q", "-f", "qcow2", ours);
        expect(run("qemu-img", "compare", "-f", "qcow2", "-F", "qcow2", peer, ours)).toContain("identical");
      }
      expect(given).toBeGreaterThan(0);
    }));
});
