// Refcount blocks that count nothing when a disk has become smaller: they are given up, after a crash or a failure of the
// file at any step there are leaks at most, and clusters that were blocks are used for other things.
import { describe, expect, it, test } from "vitest";
import { BlockError } from "../../../../core/base/errors.ts";
import type { BlockNode } from "../../../../core/block/node.ts";
import { filled, openBytes, readRange } from "../../../build/open.ts";
import { openOnFile } from "../../../build/openOnFile.ts";
import { buildQcow2 } from "../../../build/qcow2.ts";
import { seeded } from "../../../build/random.ts";
import { failingFrom, RecordedFile } from "../../../build/recordedFile.ts";

const C = 512;
const K = 1024;
const size = 256 * K;
const small = 40 * K;

/**
 * Counts of 64 bits: a block has 64, for 32 KiB of the file. The disk is written from its beginning, so that its first
 * 40 KiB lie first in the file; `atOnce`: bytes of a write.
 */
async function written(spec: { readonly compatible?: bigint } = {}, atOnce = 16 * K) {
  const file = new RecordedFile(buildQcow2({ size, clusterBits: 9, refcountOrder: 6, ...spec }).bytes);
  const node = await openOnFile(file);
  for (let at = 0; at < size; at += atOnce) await node.write(at, filled(atOnce, 1));
  await node.flush();
  return { file, node };
}

async function checked(bytes: Uint8Array): Promise<BlockNode> {
  const node = await openBytes(bytes, "qcow2");
  expect(await node.check?.({})).toMatchObject({ corruptions: 0, checkErrors: 0 });
  return node;
}

async function expectSmallPart(node: BlockNode, value: number): Promise<void> {
  expect(Buffer.compare(await readRange(node, 0, small), filled(small, value))).toBe(0);
}

/** Entries of the refcount table that name a block: its offset is at byte 48 of the header, its clusters at 56. */
function blocksIn(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const table = Number(view.getBigUint64(48));
  let blocks = 0;
  for (let at = 0; at < view.getUint32(56) * C; at += 8) if (view.getBigUint64(table + at) !== 0n) blocks++;
  return blocks;
}

describe("a disk that shrinks", () => {
  it("leaves a file that ends with the last cluster in use", async () => {
    const { file, node } = await written();
    await node.resize(small);
    // Header, refcount table, L1 table, L2 tables for 32 KiB each, 80 clusters of data: 85, and two blocks that count them.
    expect(file.size).toBe(87 * C);
    expect(blocksIn(file.content)).toBe(2);
    await expectSmallPart(await checked(file.content), 1);
    // Where there were blocks, there are data now.
    await node.resize(size);
    await node.write(small, filled(size - small, 2));
    await node.close();
    const again = await checked(file.content);
    await expectSmallPart(again, 1);
    const rest = size - small;
    expect(Buffer.compare(await readRange(again, small, rest), filled(rest, 2))).toBe(0);
    expect(await again.check?.({})).toMatchObject({ leaks: 0 });
  });

  it("gives up blocks that lie where another one counts them", async () => {
    // Runs as long as a block's range, those of an L2 table each: what they need of blocks lies in front of them.
    const { file, node } = await written({}, size);
    await node.resize(small);
    // As above, and the cluster in front of the second run, where the block of what followed was.
    expect(file.size).toBe(88 * C);
    expect(blocksIn(file.content)).toBe(2);
    await expectSmallPart(await checked(file.content), 1);
    await node.close();
    const again = await checked(file.content);
    expect(await again.check?.({})).toMatchObject({ leaks: 0 });
  });

  it("gives up clusters of the refcount table that name no block", async () => {
    // A table of three clusters behind all others, in the place of that in cluster 1.
    const table = new Uint8Array(3 * C);
    new DataView(table.buffer).setBigUint64(0, BigInt(2 * C));
    const parts = [0, 1, 2].map((i) => [table.subarray(i * C, (i + 1) * C), 1] as const);
    const spec = { size, clusterBits: 9, refcountOrder: 6, extra: parts, refcounts: new Map([[1, 0n]]) };
    const [at = 0] = buildQcow2(spec).extraOffsets;
    const image = buildQcow2({ ...spec, u64: [[48, BigInt(at)]], u32: [[56, 3]] }).bytes;
    expect(await (await checked(image)).check?.({})).toMatchObject({ leaks: 0 });
    const file = new RecordedFile(image);
    const node = await openOnFile(file);
    await node.resize(small);
    expect(new DataView(file.content.buffer).getUint32(56)).toBe(1);
    expect(file.size).toBe(at + C);
    await node.write(0, filled(small, 1));
    await node.close();
    const again = await checked(file.content);
    expect(await again.check?.({})).toMatchObject({ leaks: 0 });
    await expectSmallPart(again, 1);
  });

  it("keeps a block whose own cluster somebody else uses too", async () => {
    const { file, node } = await written();
    await node.close();
    const bytes = file.content;
    const view = new DataView(bytes.buffer);
    // The last block, which counts itself: one reference more than there is.
    const entry = C + (blocksIn(bytes) - 1) * 8;
    const block = Number(view.getBigUint64(entry));
    view.setBigUint64(block + ((block / C) % 64) * 8, 2n);
    const changed = new RecordedFile(bytes);
    const shrunk = await openOnFile(changed);
    await shrunk.resize(small);
    await shrunk.close();
    expect(new DataView(changed.content.buffer).getBigUint64(entry)).toBe(BigInt(block));
    expect(changed.size).toBe(block + C);
  });
});

test.each([
  ["", {}],
  [" with lazy refcounts", { compatible: 1n }],
])("a crash while a disk shrinks leaks clusters at most%s", (_, spec) =>
  seeded(async (random) => {
    const { file, node } = await written(spec);
    const first = file.stepCount;
    await node.resize(small);
    await node.resize(160 * K);
    await node.write(small, filled(100 * K, 2));
    await node.flush();
    await node.resize(60 * K);
    await node.close();
    let judged = 0;
    for (let steps = first; steps <= file.stepCount; steps++) {
      for (let i = 0; i < 2; i++) {
        const bytes = file.afterCrash(steps, random);
        // Bit 0 of the incompatible features, at byte 79: the refcounts are to be made anew.
        if ((bytes[79] ?? 0) % 2 === 1) continue;
        await expectSmallPart(await checked(bytes), 1);
        judged++;
      }
    }
    expect(judged).toBeGreaterThan(1);
    expect(await (await checked(file.content)).check?.({})).toMatchObject({ leaks: 0 });
  }),
);

test("a file that fails while a disk shrinks leaves leaks at most, also when it crashes then", () =>
  seeded(async (random) => {
    let failures = 0;
    for (let step = 0; step < 40; step += 2) {
      const file = new RecordedFile(buildQcow2({ size, clusterBits: 9, refcountOrder: 6 }).bytes);
      const node = await openOnFile(file);
      // What fills the hole between them goes where blocks were, or still are.
      await node.write(0, filled(small, 1));
      await node.write(120 * K, filled(size - 120 * K, 1));
      await node.flush();
      file.fault = failingFrom(step, 1 + random.below(3));
      try {
        await node.resize(120 * K);
      } catch (error) {
        expect(error).toBeInstanceOf(BlockError);
        failures++;
      }
      file.fault = undefined;
      const first = file.stepCount;
      await node.write(small, filled(80 * K, 3));
      await node.flush();
      for (let i = 0; i < 6; i++) {
        const steps = first + random.below(file.stepCount - first + 1);
        await expectSmallPart(await checked(file.afterCrash(steps, random)), 1);
      }
      await node.resize(60 * K);
      await node.close();
      const again = await checked(file.content);
      await expectSmallPart(again, 1);
      expect(Buffer.compare(await readRange(again, small, 20 * K), filled(20 * K, 3))).toBe(0);
    }
    expect(failures).toBeGreaterThan(5);
  }));
