// Compressed clusters of qcow2 images, both codecs, against the stock programs.
import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, it } from "vitest";
import type { BlockNode } from "../../core/block/node.ts";
import { failureOf, firstDifference, openPath, readAll, readRange } from "../build/open.ts";
import { lacksPeer, run } from "../build/peers.ts";
import { type Random, seeded } from "../build/random.ts";
import { tempDir } from "../build/temp.ts";

const kibibyte = 1024;

/** Text that compresses, random bytes that do not, and zeroes, in whole sectors. */
function mixture(random: Random, parts: number): Uint8Array {
  const bytes = Buffer.concat(
    Array.from({ length: parts }, () => {
      const length = 1000 + random.below(90_000);
      const kind = random.below(3);
      if (kind === 0) return Buffer.from(random.bytes(Math.floor(length / 3)));
      return kind === 1
        ? Buffer.alloc(length, `line ${random.below(1000)} of some text\n`)
        : Buffer.alloc(length);
    }),
  );
  return bytes.subarray(0, Math.floor(bytes.length / 512) * 512);
}

async function expectSame(node: BlockNode, bytes: Uint8Array): Promise<void> {
  const own = await readAll(node);
  expect({ size: own.length, at: firstDifference(own, bytes) }).toEqual({
    size: bytes.length,
    at: undefined,
  });
}

describe.skipIf(lacksPeer("qemu-img", "qemu-io"))("compressed images of the stock programs", () => {
  it.each(["512", "4k", "64k", "2M"])("are read with zstd and clusters of %s", async (size) => {
    await seeded(async (random) => {
      const folder = tempDir();
      const [raw, name] = [path.join(folder, "disk.raw"), path.join(folder, "disk.qcow2")];
      const bytes = mixture(random, 30);
      fs.writeFileSync(raw, bytes);
      const options = `compression_type=zstd,cluster_size=${size}`;
      run("qemu-img", "convert", "-c", "-O", "qcow2", "-o", options, raw, name);
      await expectSame(await openPath(name), bytes);
    });
  });

  it("are read around a stream that is damaged, and only what it holds is an error", async () => {
    await seeded(async (random) => {
      const folder = tempDir();
      const raw = path.join(folder, "disk.raw");
      const cluster = 64 * kibibyte;
      const clusters = 12;
      const bytes = Buffer.concat(
        Array.from({ length: clusters }, (_, i) =>
          // Half of each compresses.
          Buffer.concat([random.bytes(cluster / 2), Buffer.alloc(cluster / 2, i + 1)]),
        ),
      );
      fs.writeFileSync(raw, bytes);
      for (const codec of ["zlib", "zstd"]) {
        const name = path.join(folder, `${codec}.qcow2`);
        run("qemu-img", "convert", "-c", "-O", "qcow2", "-o", `compression_type=${codec}`, raw, name);
        const file = fs.readFileSync(name);
        const victim = random.below(clusters);
        const at = compressedAt(file, victim);
        file.fill(0xff, at, at + 100);
        fs.writeFileSync(name, file);
        const node = await openPath(name);
        for (let i = 0; i < clusters; i++) {
          const range = readRange(node, i * cluster, cluster);
          if (i === victim) {
            expect(await failureOf(range)).toMatchObject({
              code: "EIO",
              context: { offset: i * cluster, length: cluster },
            });
          } else
            expect(
              firstDifference(await range, bytes.subarray(i * cluster, (i + 1) * cluster)),
            ).toBeUndefined();
        }
      }
    });
  });
});

/** Where the stream of a cluster of 64 KiB begins, by the tables: bits 0 to 53 of its entry in the first L2 table. */
function compressedAt(file: Buffer, cluster: number): number {
  const l1 = Number(file.readBigUInt64BE(40));
  const l2 = Number(file.readBigUInt64BE(l1) & 0x00fffffffffffe00n);
  const entry = file.readBigUInt64BE(l2 + cluster * 8);
  expect(entry >> 62n).toBe(1n);
  return Number(entry & ((1n << 54n) - 1n));
}
