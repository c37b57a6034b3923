// Clusters compressed with zstd, from frames written by hand (RFC 8878), right ones and wrong ones. What real streams give
// is compared with the stock programs in test/cross/qcow2Compressed.test.ts.
import { describe, expect, it } from "vitest";
import type { BlockNode } from "../../../../core/block/node.ts";
import { decodeFrames, libraryDecoder, nodeDecoder, nodeZstd } from "../../../../core/format/qcow2/zstd.ts";
import { frameLength } from "../../../../core/format/qcow2/zstdFrame.ts";
import { failureOf, filled, openBytes, readRange } from "../../../build/open.ts";
import { buildQcow2 } from "../../../build/qcow2.ts";

const C = 4096;
const magic = [0x28, 0xb5, 0x2f, 0xfd];

const little = (value: number, bytes: number) =>
  Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** i) % 256);

/** Three bytes: last block or not, type (0 raw, 1 one byte repeated), size. */
const block = (isLast: boolean, type: number, size: number) =>
  little(size * 8 + type * 2 + Number(isLast), 3);

/** A frame of one byte repeated. Descriptor 0xa0: single segment, 4 bytes of content size. */
const repeated = (byte: number, length: number, declared = length) => [
  ...magic,
  0xa0,
  ...little(declared, 4),
  ...block(true, 1, length),
  byte,
];

/** Without content size: a window descriptor (0x00: 1 KiB, 0x20: 16 KiB), blocks of raw bytes. */
const raw = (...parts: readonly Uint8Array[]) => [
  ...magic,
  0x00,
  0x20,
  ...parts.flatMap((part, i) => [...block(i === parts.length - 1, 0, part.length), ...part]),
];

const skippable = (length: number) => [0x53, 0x2a, 0x4d, 0x18, ...little(length, 4), ...filled(length, 0xff)];

/** Guest cluster 0 is what the stream gives, cluster 1 plain data. */
async function imageOf(stream: readonly number[]): Promise<BlockNode> {
  const host = new Uint8Array(2 * C).fill(0xff);
  host.set(stream);
  const sectors = Math.ceil(stream.length / 512);
  // Clusters 0 to 4 are header, refcount table and block, L1 and L2; cluster 5 the data of guest cluster 1.
  const entry = (1n << 62n) | (BigInt(sectors - 1) << 58n) | BigInt(6 * C);
  const { bytes } = buildQcow2({
    clusterBits: 12,
    size: 2 * C,
    clusters: new Map<number, bigint | Uint8Array>([
      [0, entry],
      [1, filled(C, 0x77)],
    ]),
    extra: [
      [host.subarray(0, C), 1],
      [host.subarray(C), 1],
    ],
    incompatible: 8n,
    u32: [[100, 112]],
    u8: [[104, 1]],
  });
  return openBytes(bytes);
}

describe("a cluster compressed with zstd", () => {
  it.each([
    ["one frame", repeated(9, C), filled(C, 9)],
    ["a frame that does not say its size", raw(filled(C, 5)), filled(C, 5)],
    [
      "several frames and blocks",
      [...repeated(1, 1000), ...raw(filled(500, 2), filled(1500, 3)), ...repeated(4, C - 3000)],
      Uint8Array.from([...filled(1000, 1), ...filled(500, 2), ...filled(1500, 3), ...filled(C - 3000, 4)]),
    ],
    [
      "frames to skip and frames without content",
      [...skippable(20), ...repeated(0, 0), ...skippable(0), ...repeated(6, C)],
      filled(C, 6),
    ],
  ])("is read from %s, and what follows does not count", async (_, stream, expected) => {
    const node = await imageOf(stream);
    expect(await readRange(node, 0, C)).toEqual(expected);
    expect(await readRange(node, 100, 10)).toEqual(expected.subarray(100, 110));
  });

  it.each([
    ["no frame at all", [1, 2, 3, 4, 5]],
    ["a frame that gives less", repeated(9, C - 1)],
    ["a frame that gives more", repeated(9, C + 1)],
    ["a frame that gives 128 times as much", repeated(9, 128 * C)],
    ["frames of which the last gives more than is left", [...repeated(1, C - 10), ...repeated(2, 11)]],
    ["a frame that says another size than it has", repeated(9, C, C + 1)],
    ["a frame that says it has 4 GiB", repeated(9, C, 0xffffffff)],
    ["a frame that ends in its header", [...magic, 0xa0]],
    ["a block of a kind that there is not", [...magic, 0x00, 0x20, ...block(true, 3, 100)]],
    [
      "a block of compressed data that are none",
      [...magic, 0x00, 0x20, ...block(true, 2, 50), ...filled(50, 0xaa)],
    ],
    ["a frame to skip that has 4 GiB", [0x50, 0x2a, 0x4d, 0x18, 0xff, 0xff, 0xff, 0xff]],
    ["a frame that wants a dictionary", [...magic, 0x21, 7, 0, ...block(true, 1, C), 9]],
  ])("is an error for its own range in case of %s", async (_, stream) => {
    const node = await imageOf(stream);
    const error = await failureOf(readRange(node, 1000, 10));
    expect(error).toMatchObject({ code: "EIO", context: { offset: 0, length: C } });
    expect(error.message).toContain("zstd");
    expect(error.context.hint).toContain("rest of the image");
    expect(await readRange(node, C, C)).toEqual(filled(C, 0x77));
  });
});

describe("the end of a zstd frame", () => {
  it.each([
    ["with one block", repeated(1, 100), 13],
    // Magic 4, descriptor 1, window 1, then blocks of 3 + 10 and 3 + 20 bytes.
    ["with blocks", raw(filled(10, 1), filled(20, 2)), 42],
    // Descriptor 0x04: a checksum of 4 bytes follows the last block.
    ["with a checksum", [...magic, 0x04, 0x20, ...block(true, 0, 1), 7, 1, 2, 3, 4], 14],
    // Descriptor 0xc3: dictionary id of 4 bytes, content size of 8, and a window.
    ["with all fields", [...magic, 0xc3, 0x20, ...filled(12, 1), ...block(true, 1, 9), 7], 22],
    ["to be skipped", skippable(30), 38],
  ])("is found %s", (_, frame, expected) => {
    expect(frame.length).toBe(expected);
    expect(frameLength(Uint8Array.from([...frame, 1, 2, 3]))).toBe(expected);
    expect(frameLength(Uint8Array.from(frame))).toBe(expected);
    for (let cut = 0; cut < frame.length; cut++) {
      expect(frameLength(Uint8Array.from(frame.slice(0, cut)))).toBeUndefined();
    }
  });
});

describe("the decoders", () => {
  it("of the library gives at most what is asked for", async () => {
    const decoder = await libraryDecoder();
    const frame = Uint8Array.from(repeated(3, 1000));
    expect(await decoder.decode(frame, 1000)).toEqual(Buffer.alloc(1000, 3));
    expect(await decoder.decode(frame, 999)).toBeUndefined();
    expect(await decodeFrames(decoder, Uint8Array.from([...frame, ...frame]), 2000)).toHaveLength(2000);
  });

  it.skipIf(nodeZstd.zstdDecompress === undefined)("of Node gives at most what is asked for", async () => {
    const decoder = nodeDecoder(nodeZstd);
    const frame = Uint8Array.from(repeated(3, 1000));
    expect(await decoder?.decode(frame, 1000)).toEqual(Buffer.alloc(1000, 3));
    expect(await decoder?.decode(frame, 999)).toBeUndefined();
  });

  it("of Node is used where there is one", async () => {
    const seen: number[] = [];
    const decoder = nodeDecoder({
      zstdDecompress: (frame, { maxOutputLength }, done) => {
        seen.push(frame.length, maxOutputLength);
        done(null, Buffer.alloc(5));
      },
    });
    expect(await decoder?.decode(new Uint8Array(3), 7)).toHaveLength(5);
    expect(seen).toEqual([3, 7]);
    expect(nodeDecoder({})).toBeUndefined();
  });
});
