// The compressors of clusters: what they give is read back by the decompressor of images and by Node's own.
import * as zlib from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { decompress } from "../../../../core/format/qcow2/compressed.ts";
import { type Compressor, compressorOf } from "../../../../core/format/qcow2/compressor.ts";
import { CompressThreads } from "../../../../core/format/qcow2/compressThreads.ts";
import { failureOf, filled } from "../../../build/open.ts";
import { seeded } from "../../../build/random.ts";

function forTest(compressor: Compressor): Compressor {
  onTestFinished(() => compressor.close());
  return compressor;
}

const compressors: readonly (readonly [string, "zlib" | "zstd", () => Compressor])[] = [
  ["zlib", "zlib", () => compressorOf("zlib")],
  ["zstd", "zstd", () => compressorOf("zstd")],
  ["zstd in threads of ours", "zstd", () => new CompressThreads(2)],
];

describe.each(compressors)("the compressor %s", (_, codec, make) => {
  it.each([512, 4096, 65_536, 2_097_152])(
    "gives streams of clusters of %i bytes that read back",
    async (size) => {
      await seeded(async (random) => {
        const compressor = forTest(make());
        for (const [name, cluster] of [
          ["zeroes", new Uint8Array(size)],
          ["text", Buffer.alloc(size, `line ${random.below(100)}\n`)],
          ["half random", Buffer.concat([random.bytes(size / 2), filled(size / 2, 7)])],
        ] as const) {
          const stream = await compressor.compress(cluster);
          expect(stream?.length, name).toBeLessThan(size);
          const behind = Buffer.concat([stream ?? Buffer.alloc(0), filled(100, 0xff)]);
          expect(Buffer.compare(await decompress(behind, codec, size), cluster), name).toBe(0);
        }
      });
    },
  );

  it("gives no stream for what does not get shorter", async () => {
    await seeded(async (random) => {
      const compressor = forTest(make());
      expect(await compressor.compress(random.bytes(65_536))).toBeUndefined();
      expect(await compressor.compress(random.bytes(512))).toBeUndefined();
    });
  });

  it("answers each of many at a time with its own stream", async () => {
    const compressor = forTest(make());
    const clusters = Array.from({ length: 100 }, (_, i) => filled(4096 + (i % 3) * 512, i));
    const streams = await Promise.all(clusters.map((cluster) => compressor.compress(cluster)));
    for (const [i, stream] of streams.entries()) {
      const { length } = clusters[i] as Uint8Array;
      expect(await decompress(stream as Uint8Array, codec, length)).toEqual(Buffer.alloc(length, i));
    }
  });

  it("leaves the cluster's own bytes to the caller", async () => {
    const compressor = forTest(make());
    const all = filled(3 * 4096, 5);
    await compressor.compress(all.subarray(4096, 8192));
    expect(all).toEqual(filled(3 * 4096, 5));
  });
});

describe("streams of zlib", () => {
  it("need no larger window than 4 KiB, as the stock program reads them", async () => {
    await seeded(async (random) => {
      // What repeats only after 8 KiB can't be found in a window of 4 KiB: the stream has both halves.
      const half = random.bytes(8192);
      const compressor = forTest(compressorOf("zlib"));
      const stream = await compressor.compress(Buffer.concat([half, half, filled(16_384, 0)]));
      expect(stream?.length).toBeGreaterThan(16_384);
      expect(zlib.inflateRawSync(stream as Uint8Array, { windowBits: 12 })).toHaveLength(32_768);
    });
  });
});

describe("threads that compress", () => {
  it("fail what is still asked for when they are closed, and what is asked for later", async () => {
    const threads = new CompressThreads(2);
    const asked = Array.from({ length: 10 }, () => failureOf(threads.compress(new Uint8Array(2_097_152))));
    await threads.close();
    for (const error of await Promise.all(asked)) expect(error.code).toBe("ECANCELED");
    expect((await failureOf(threads.compress(new Uint8Array(512)))).code).toBe("ECANCELED");
  });
});
