import { describe, expect, it } from "vitest";
import { BlockError } from "../../../../core/base/errors.ts";
import { chainExtentAt } from "../../../../core/block/extents.ts";
import { type Graph, openGraph } from "../../../../core/graph.ts";
import { filled } from "../../../build/open.ts";
import { buildQed } from "../../../build/qed.ts";
import { type Random, seeded } from "../../../build/random.ts";

const C = 4096;

/** Values that break rules at their edges: zero, one, sizes, the sign bits, 2^53, everything set. */
const edges = [
  0n,
  1n,
  2n,
  511n,
  512n,
  4095n,
  4096n,
  8192n,
  2n ** 31n,
  2n ** 32n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];

/** Header fields as [offset, bytes]. */
const fields = [
  [4, 4],
  [8, 4],
  [12, 4],
  [16, 8],
  [24, 8],
  [32, 8],
  [40, 8],
  [48, 8],
  [56, 4],
  [60, 4],
] as const;

function image(random: Random): Uint8Array {
  const clusters = new Map<number, Uint8Array | "zero">();
  for (let n = 0; n < 6; n++) {
    clusters.set(random.below(600), random.below(2) === 0 ? "zero" : filled(C, 1 + n));
  }
  return buildQed({ size: 600 * C, clusterSize: C, tableSize: 1, clusters }).bytes;
}

/** Changes one to four fields, entries or bytes; now and then cuts the file. */
function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  const view = new DataView(bytes.buffer);
  const inTables = () => Math.floor(bytes.length / 8 - 1) * 8;
  for (let n = 1 + random.below(4); n > 0; n--) {
    const value = random.pick(edges) + BigInt(random.below(3)) * BigInt(random.pick([0, 1, 512, 4096]));
    switch (random.below(4)) {
      case 0: {
        const [at, width] = random.pick(fields);
        if (width === 4) view.setUint32(at, Number(value & 0xffffffffn), true);
        else view.setBigUint64(at, value & 0xffffffffffffffffn, true);
        break;
      }
      case 1:
        view.setBigUint64(C + 8 * random.below(512), value & 0xffffffffffffffffn, true);
        break;
      case 2:
        view.setBigUint64(
          Math.min(2 * C + 8 * random.below(512), inTables()),
          value & 0xffffffffffffffffn,
          true,
        );
        break;
      default:
        bytes[random.below(64)] = random.below(256);
    }
  }
  return random.below(5) === 0 ? bytes.slice(0, random.below(bytes.length + 1)) : bytes;
}

/** Everything that can be asked of an image: each answers or throws a BlockError. */
async function useImage({ root }: Graph, random: Random): Promise<void> {
  const offsets = [0, root.size - 512, ...Array.from({ length: 8 }, () => random.below(root.size))];
  for (const offset of offsets) {
    if (offset < 0 || offset >= root.size) continue;
    const length = Math.min(root.size - offset, 3 * C);
    await answerOf(() => root.read(offset, new Uint8Array(length)));
    await answerOf(() => root.describeAt?.(offset) ?? Promise.resolve(""));
    await answerOf(async () => {
      const extent = await chainExtentAt(root, offset, root.size - offset);
      expect(extent.length).toBeGreaterThan(0);
      expect(extent.offset + extent.length).toBeLessThanOrEqual(root.size);
      return extent;
    });
  }
}

async function answerOf<T>(question: () => Promise<T>): Promise<T | undefined> {
  try {
    return await question();
  } catch (error) {
    if (!(error instanceof BlockError)) throw error;
    // Nothing here touches a disk that could fail: an EIO would be a mistake of ours that the gate has covered.
    if (error.code === "EIO") throw error;
    return undefined;
  }
}

describe("images with random damage", () => {
  it("open or are refused, and answer or fail, each with a BlockError, in bounded memory", async () => {
    await seeded(async (random) => {
      let opened = 0;
      const before = process.memoryUsage().arrayBuffers;
      for (let round = 0; round < 3000; round++) {
        const bytes = mutate(image(random), random);
        const graph = await answerOf(() => openGraph({ driver: "qed", file: { driver: "memory", bytes } }));
        if (graph === undefined) continue;
        opened++;
        await useImage(graph, random);
        await graph.close();
      }
      // Both outcomes must be well represented, else this test shows little.
      expect(opened).toBeGreaterThan(300);
      expect(opened).toBeLessThan(2700);
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(512 * 1024 * 1024);
    });
  });
});
