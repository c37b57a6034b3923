// Damaged qcow2 images: whatever is done to headers, extensions, tables, refcounts, snapshots and bitmaps, an image opens or
// is refused with a BlockError, and every question about it ends.
import * as zlib from "node:zlib";
import { describe, expect, it } from "vitest";
import { BlockError } from "../../../../core/base/errors.ts";
import { chainExtentAt } from "../../../../core/block/extents.ts";
import { type Graph, openGraph } from "../../../../core/graph.ts";
import { mapClusters } from "../../../../core/ops/clusterMap.ts";
import { filled } from "../../../build/open.ts";
import { buildQcow2, snapshotEntry } from "../../../build/qcow2.ts";
import { type Random, seeded } from "../../../build/random.ts";

/** Values that break rules at their edges. */
const edges = [
  0n,
  1n,
  2n,
  7n,
  511n,
  512n,
  4096n,
  8192n,
  65535n,
  65536n,
  2n ** 24n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 53n,
  2n ** 56n - 512n,
  2n ** 62n,
  2n ** 63n,
  2n ** 64n - 1n,
];

function image(random: Random): Uint8Array {
  const clusterBits = random.pick([9, 10, 12, 14]);
  const C = 2 ** clusterBits;
  const extended = clusterBits === 14 && random.below(2) === 0;
  const version = extended || random.below(3) > 0 ? 3 : 2;
  const clusters = new Map<number, Uint8Array | "zero" | bigint>();
  const guest = Math.floor((C / 8) * 1.5);
  for (let n = 0; n < 8; n++) {
    const what = random.below(version === 3 ? 3 : 2);
    const offset = BigInt(4 * C + random.below(8 * C));
    const compressed = (1n << 62n) | (BigInt(random.below(4)) << BigInt(62 - (clusterBits - 8))) | offset;
    clusters.set(random.below(guest), what === 2 ? "zero" : what === 1 ? filled(C, n + 1) : compressed);
  }
  const entries = Buffer.concat([
    snapshotEntry({ id: "1", name: "one", l1Offset: 3 * C, l1Entries: 1, diskSize: 4 * C }),
    snapshotEntry({ id: "2", name: "two", l1Offset: 4 * C, l1Entries: random.below(100), extraLength: 24 }),
  ]);
  const directory = new Uint8Array(32);
  const view = new DataView(directory.buffer);
  view.setUint32(8, 1);
  directory.set([1, 16, 0, 2], 16);
  directory.set([0x62, 0x30], 24);
  const bitmaps = new Uint8Array(24);
  const extension = new DataView(bitmaps.buffer);
  extension.setUint32(0, 1);
  extension.setBigUint64(8, 32n);
  const spec = {
    size: guest * C,
    clusterBits,
    extended,
    version,
    clusters,
    refcountOrder: random.below(7),
    autoclear: 1n,
    extra: [
      [entries.subarray(0, C), 1],
      [directory, 1],
      [zlib.deflateRawSync(filled(C, 3)), 1],
    ] as [Uint8Array, number][],
    extensions: [[0x23852875, bitmaps] as const],
    backing: random.below(2) === 0 ? "gone.raw" : undefined,
  } as const;
  const { backing, ...rest } = spec;
  const built = buildQcow2(backing === undefined ? rest : { ...rest, backing });
  const [table = 0, list = 0] = built.extraOffsets;
  view.setBigUint64(0, BigInt(table));
  const bytes = new DataView(built.bytes.buffer);
  built.bytes.set(directory, list);
  bytes.setUint32(60, 2);
  bytes.setBigUint64(64, BigInt(table));
  // The directory's offset in the extension, which begins at 112.
  if (version === 3) bytes.setBigUint64(112 + 8 + 16, BigInt(list));
  return built.bytes;
}

/** Changes one to five fields, entries or bytes; now and then cuts the file. */
function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let n = 1 + random.below(5); n > 0; n--) {
    const value = random.pick(edges) ^ (BigInt(random.below(3)) * BigInt(random.pick([0, 1, 512, 4096])));
    const cut = BigInt.asUintN(64, value);
    switch (random.below(5)) {
      case 0:
        view.setUint32(4 * random.below(30), Number(cut & 0xffffffffn));
        break;
      case 1:
        view.setBigUint64(8 * random.below(20), cut);
        break;
      case 2:
        view.setBigUint64(8 * random.below(bytes.length / 8), cut);
        break;
      case 3:
        view.setUint8(random.below(bytes.length), random.below(256));
        break;
      default:
        // An entry that leads to a table: loops and overlaps.
        view.setBigUint64(8 * random.below(bytes.length / 8), BigInt(512 * random.below(bytes.length / 512)));
    }
  }
  return random.below(6) === 0 ? bytes.subarray(0, random.below(bytes.length)) : bytes;
}

/** Throws unless `work` ends well or with a BlockError that is none of ours to be ashamed of. */
async function ends<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof BlockError && error.cause === undefined) return undefined;
    if (error instanceof BlockError && error.cause instanceof BlockError) return undefined;
    throw error;
  }
}

async function useAll({ root }: Graph, random: Random): Promise<void> {
  const size = Math.min(root.size, 2 ** 20);
  for (let offset = 0, n = 0; offset < size && n < 300; n++) {
    const extent = await ends(() => chainExtentAt(root, offset, size - offset));
    const length = Math.min(extent?.length ?? 512, size - offset);
    await ends(() => root.read(offset, new Uint8Array(Math.min(length, 65536))));
    await ends(async () => root.describeAt?.(offset));
    offset += length;
  }
  await ends(async () => {
    const map = await mapClusters(root, { signal: new AbortController().signal, progress: () => undefined });
    const { fileSize, guestCells } = map.summary;
    for (let n = 0; n < 6; n++) await ends(() => map.place(random.below(fileSize), 50));
    if (guestCells !== undefined && guestCells.count < 2 ** 20) {
      await ends(() => map.tile({ level: 0, first: 0, count: 16, order: "guest" }));
    }
  });
  for (let n = 0; n < 4 && root.size > 0; n++) {
    const at = random.below(Math.min(root.size, Number.MAX_SAFE_INTEGER));
    await ends(async () => root.structure?.guestEntry(at));
  }
  await ends(async () => root.structure?.headerParts());
}

describe("damaged qcow2 images", () => {
  it("open or are refused, and every question about them ends", async () => {
    await seeded(async (random) => {
      let opened = 0;
      const rounds = 400;
      for (let round = 0; round < rounds; round++) {
        const bytes = mutate(image(random), random);
        const snapshot = random.below(4) === 0 ? { driver: "qcow2", snapshot: "1" } : { driver: "qcow2" };
        const spec = { ...snapshot, file: { driver: "memory", bytes } };
        const graph = await ends(() => openGraph(spec, { backing: "none" }));
        if (graph === undefined) continue;
        opened++;
        await useAll(graph, random);
        await graph.close();
      }
      // Neither all refused nor all harmless: both ways are tried.
      expect(opened).toBeGreaterThan(rounds / 10);
      expect(opened).toBeLessThan(rounds);
    });
  });
});
