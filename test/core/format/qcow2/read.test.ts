// Reading qcow2 images built by the specification: entries of every kind, right ones and wrong ones.
import * as zlib from "node:zlib";
import { describe, expect, it } from "vitest";
import type { BlockNode } from "../../../../core/block/node.ts";
import { failureOf, filled, openBytes, openForTest, readAll, readRange } from "../../../build/open.ts";
import { buildQcow2, type Qcow2Spec, snapshotEntry } from "../../../build/qcow2.ts";

const C = 4096;
const K = { clusterBits: 12 } as const;
const open = (spec: Qcow2Spec): Promise<BlockNode> => openBytes(buildQcow2(spec).bytes);
const compressedBit = 1n << 62n;

/** x = 62 - (12 - 8) = 58: sectors beyond the first in bits 58 to 61. */
const compressedEntry = (offset: number, sectors: number) =>
  compressedBit | (BigInt(sectors) << 58n) | BigInt(offset);

/** The image's clusters 0 to 4 are header, refcount table, block, L1 and L2; the first extra one is 5. */
const firstExtra = 5 * C;

describe("reading a qcow2 image", () => {
  it("reads data, zero clusters with and without storage, and what is not there", async () => {
    const spec: Qcow2Spec = {
      ...K,
      size: 6 * C,
      clusters: new Map<number, Uint8Array | "zero" | bigint>([
        [0, filled(C, 1)],
        [1, "zero"],
        [2, BigInt(6 * C) | 1n],
        [4, filled(C, 2)],
      ]),
    };
    const node = await open(spec);
    const expected = new Uint8Array(6 * C);
    expected.fill(1, 0, C);
    expected.fill(2, 4 * C, 5 * C);
    expect(await readAll(node)).toEqual(expected);
    // Data lie at 5 and 6: the zero cluster keeps the place of cluster 4's data, which shows in nothing.
    const states = [];
    for (let at = 0; at < 6; at++) {
      const { state, hostOffset } = await node.extentAt(at * C, C);
      states.push([state, hostOffset]);
    }
    expect(states).toEqual([
      ["data", 5 * C],
      ["zero", undefined],
      ["zero", 6 * C],
      ["unallocated", undefined],
      ["data", 6 * C],
      ["unallocated", undefined],
    ]);
  });

  it("reads compressed clusters from anywhere in a host cluster, and what follows a stream does not count", async () => {
    const bytes = Uint8Array.from({ length: C }, (_, i) => (i >> 5) * 7);
    const stream = zlib.deflateRawSync(bytes, { windowBits: 12, memLevel: 9 });
    const at = 700;
    const host = new Uint8Array(C).fill(0xa5);
    host.set(stream, at);
    const sectors =
      Math.floor((firstExtra + at + stream.length - 1) / 512) - Math.floor((firstExtra + at) / 512);
    const node = await open({
      ...K,
      size: 2 * C,
      clusters: new Map([[1, compressedEntry(firstExtra + at, sectors)]]),
      extra: [[host, 1]],
    });
    expect(await readRange(node, C, C)).toEqual(bytes);
    expect(await readRange(node, C + 100, 50)).toEqual(bytes.subarray(100, 150));
    expect(await node.extentAt(C, C)).toMatchObject({
      state: "data",
      compressed: true,
      hostOffset: undefined,
    });
  });

  it("takes a stream that goes on behind its cluster, or does not end, for what it gives", async () => {
    const long = zlib.deflateRawSync(filled(2 * C, 9), { windowBits: 12 });
    const whole = zlib.deflateRawSync(filled(C, 8), {
      windowBits: 12,
      finishFlush: zlib.constants.Z_SYNC_FLUSH,
    });
    const host = new Uint8Array(C);
    host.set(long, 0);
    // The file goes on right behind the missing end, with a sector that is not looked at.
    const at = 2560 - whole.length;
    host.set(whole, at);
    host.fill(0xff, 2560);
    const node = await open({
      ...K,
      size: 2 * C,
      clusters: new Map([
        [0, compressedEntry(firstExtra, 1)],
        [1, compressedEntry(firstExtra + at, 0)],
      ]),
      extra: [[host, 2]],
    });
    expect(await readAll(node)).toEqual(new Uint8Array([...filled(C, 9), ...filled(C, 8)]));
  });

  it("fails for the range of a stream that is too short or none, and for no other", async () => {
    const host = new Uint8Array(C);
    host.set(zlib.deflateRawSync(filled(C / 2, 9), { windowBits: 12 }));
    host.fill(0xff, 1024);
    const node = await open({
      ...K,
      size: 3 * C,
      clusters: new Map<number, bigint | Uint8Array>([
        [0, compressedEntry(firstExtra + C, 0)],
        [1, compressedEntry(firstExtra + C + 1024, 2)],
        [2, filled(C, 3)],
      ]),
      extra: [[host, 2]],
    });
    for (const guest of [0, C]) {
      const error = await failureOf(readRange(node, guest + 10, 10));
      expect(error).toMatchObject({ code: "EIO", context: { offset: guest, length: C } });
    }
    expect(await readRange(node, 2 * C, C)).toEqual(filled(C, 3));
  });

  it("reads subclusters as their bitmap says", async () => {
    const size = 16384;
    // Allocated: 0, 1 and 31; zero: 2; the rest from the backing file.
    const { bytes } = buildQcow2({
      clusterBits: 14,
      extended: true,
      size,
      clusters: new Map([[0, filled(size, 5)]]),
      bitmaps: new Map([[0, (1n << 34n) | 0x80000003n]]),
    });
    const backing = { driver: "raw", file: { driver: "memory", bytes: filled(size, 9) } };
    const { root } = await openForTest({ driver: "qcow2", file: { driver: "memory", bytes }, backing });
    const expected = filled(size, 9);
    expected.fill(5, 0, 1024);
    expected.fill(0, 1024, 1536);
    expected.fill(5, 31 * 512);
    expect(await readAll(root)).toEqual(expected);
    expect(await root.extentAt(0, size)).toMatchObject({ length: 1024, state: "data" });
    expect(await root.extentAt(1024, size - 1024)).toMatchObject({ length: 512, state: "zero" });
    expect(await root.extentAt(1536, size - 1536)).toMatchObject({ length: 28 * 512, state: "unallocated" });
  });

  it("reads what lies behind the end of the file as zeroes", async () => {
    const node = await open({ ...K, size: 2 * C, clusters: new Map([[0, BigInt(1000 * C)]]) });
    expect(await readAll(node)).toEqual(new Uint8Array(2 * C));
  });

  it.each<[string, Qcow2Spec, RegExp]>([
    [
      "data that are not aligned",
      { ...K, size: 2 * C, clusters: new Map([[0, BigInt(5 * C + 512)]]) },
      /not aligned/,
    ],
    [
      "a zero cluster of version 2",
      { ...K, version: 2, size: 2 * C, clusters: new Map([[0, "zero"]]) },
      /version 2/,
    ],
    [
      "a subcluster both allocated and zero",
      {
        clusterBits: 14,
        extended: true,
        size: 32768,
        clusters: new Map([[0, filled(16384, 1)]]),
        bitmaps: new Map([[0, 0x1_0000_0001n]]),
      },
      /contradicts/,
    ],
    [
      "an L2 table that is not aligned",
      { ...K, size: 2 * C, clusters: new Map([[0, filled(C, 1)]]), u64: [[3 * C, BigInt(4 * C + 512)]] },
      /L2 table/,
    ],
  ])("fails for %s", async (_, spec, words) => {
    const node = await open(spec);
    const error = await failureOf(readRange(node, 0, 512));
    expect(error).toMatchObject({ code: "ECORRUPT", context: { offset: 0 } });
    expect(error.message).toMatch(words);
    expect((await failureOf(node.extentAt(0, 512))).code).toBe("ECORRUPT");
  });

  it("takes offset 0 with COPIED for a cluster of the external data file only", async () => {
    const clusters = new Map([[0, 1n << 63n]]);
    expect(await (await open({ ...K, size: C, clusters })).extentAt(0, C)).toMatchObject({
      state: "unallocated",
    });
    const { bytes } = buildQcow2({ ...K, size: C, clusters, incompatible: 4n });
    const outside = { driver: "memory", bytes: filled(C, 6) };
    const spec = { driver: "qcow2", file: { driver: "memory", bytes }, "data-file": outside };
    const { root } = await openForTest(spec);
    expect(await readAll(root)).toEqual(filled(C, 6));
    expect(await root.extentAt(0, C)).toMatchObject({ state: "data", hostOffset: 0 });
  });

  it("shows a snapshot with a disk of another size and a shorter L1 table", async () => {
    const perTable = C / 8;
    const entry = snapshotEntry({
      id: "7",
      name: "before",
      l1Offset: 3 * C,
      l1Entries: 1,
      diskSize: (perTable + 2) * C,
    });
    const { bytes } = buildQcow2({
      ...K,
      size: C,
      clusters: new Map([[0, filled(C, 4)]]),
      extra: [[entry, 1]],
      u32: [[60, 1]],
      u64: [[64, BigInt(6 * C)]],
    });
    for (const snapshot of ["7", "before"]) {
      const { root } = await openForTest({ driver: "qcow2", snapshot, file: { driver: "memory", bytes } });
      expect(root.size).toBe((perTable + 2) * C);
      expect(await readRange(root, 0, C)).toEqual(filled(C, 4));
      expect(await readRange(root, perTable * C, 2 * C)).toEqual(new Uint8Array(2 * C));
    }
    const file = { driver: "memory", bytes };
    const missing = await failureOf(openForTest({ driver: "qcow2", snapshot: "8", file }));
    expect(missing).toMatchObject({ code: "ENOENT", context: { option: "snapshot" } });
  });

  it("refuses data of an encrypted image and shows where they are", async () => {
    const clusters = new Map([[1, filled(C, 1)]]);
    const node = await open({ ...K, size: 2 * C, clusters, u32: [[32, 1]] });
    expect(node.info).toMatchObject({ encrypted: true, specific: { encrypt: { format: "aes" } } });
    expect(await readRange(node, 0, C)).toEqual(new Uint8Array(C));
    expect(await failureOf(readRange(node, C, 1))).toMatchObject({ code: "ENOTSUP" });
    expect(await node.extentAt(0, 2 * C)).toMatchObject({ length: C, state: "unallocated" });
    expect(await node.extentAt(C, C)).toMatchObject({ state: "data" });
  });

  it("says the way to a byte", async () => {
    const node = await open({
      ...K,
      size: 3 * C,
      clusters: new Map<number, Uint8Array | "zero">([
        [0, filled(C, 1)],
        [1, "zero"],
      ]),
    });
    expect(await node.describeAt?.(10)).toBe("L1[0] -> L2 at 0x4000, L2[0] -> 0x5000");
    expect(await node.describeAt?.(C)).toBe("L1[0] -> L2 at 0x4000, L2[1]: zero cluster");
    expect(await node.describeAt?.(2 * C)).toBe("L1[0] -> L2 at 0x4000, L2[2]: unallocated");
  });
});
