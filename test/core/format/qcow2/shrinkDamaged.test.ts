// Disks that shrink in images whose refcounts are too low: the file is cut by what they say, so they are not believed where
// it is plain that they are wrong. Nothing that is in use is cut off.
import { describe, expect, it } from "vitest";
import { filled, openBytes, readRange } from "../../../build/open.ts";
import { openOnFile } from "../../../build/openOnFile.ts";
import { buildQcow2 } from "../../../build/qcow2.ts";
import { RecordedFile } from "../../../build/recordedFile.ts";

const C = 512;
const K = 1024;
const size = 64 * K;
const stored = 20 * K;
/** Clusters in front of those that are allocated: the header, the refcount table and its first block. */
const table = C;

/** 20 KiB of data in the beginning of the disk; counts of 16 bits, 256 in a block, all in the block of `block`. */
async function written() {
  const file = new RecordedFile(buildQcow2({ size, clusterBits: 9, refcountOrder: 4 }).bytes);
  const node = await openOnFile(file);
  await node.write(0, filled(stored, 1));
  await node.close();
  const bytes = file.content;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return { bytes, view, block: Number(view.getBigUint64(table)) };
}

/** Byte 79 of the header holds the dirty bit (0) and the corrupt bit (1). */
async function expectWhole(file: RecordedFile, length: number, bits: number): Promise<void> {
  expect(file.size).toBe(length);
  expect(file.content[79]).toBe(bits);
  const node = await openBytes(file.content, "qcow2");
  expect(Buffer.compare(await readRange(node, 0, stored), filled(stored, 1))).toBe(0);
}

describe("a disk that shrinks in an image with wrong refcounts", () => {
  it("stays as it is where a session before was not closed, also when nothing is stored behind the new end", async () => {
    const { bytes, view, block } = await written();
    // Lazy refcounts that did not get to disk: all but those of the first ten clusters.
    bytes.fill(0, block + 10 * 2, block + C);
    bytes[79] = 1;
    const file = new RecordedFile(bytes);
    const node = await openOnFile(file);
    await expect(node.resize(32 * K)).rejects.toMatchObject({ code: "ECORRUPT" });
    await node.close();
    await expectWhole(file, bytes.length, 1);
    expect(new DataView(file.content.buffer).getBigUint64(24)).toBe(view.getBigUint64(24));
  });

  it("keeps its file where the refcount block was wiped", async () => {
    const { bytes, block } = await written();
    bytes.fill(0, block, block + C);
    const file = new RecordedFile(bytes);
    const node = await openOnFile(file);
    await expect(node.resize(32 * K)).rejects.toMatchObject({
      code: "EIO",
      context: { peer: { message: "Failed to discard unused refblocks: Invalid argument" } },
    });
    await node.close();
    await expectWhole(file, bytes.length, 2);
    expect(new DataView(file.content.buffer).getBigUint64(table)).toBe(BigInt(block));
  });

  it("keeps its file where the refcount table was wiped", async () => {
    const { bytes } = await written();
    bytes.fill(0, table, table + C);
    const file = new RecordedFile(bytes);
    const node = await openOnFile(file);
    await expect(node.resize(32 * K)).rejects.toMatchObject({
      code: "EIO",
      context: { peer: { message: "Failed to find the last cluster: Input/output error" } },
    });
    await node.close();
    await expectWhole(file, bytes.length, 2);
  });

  it("keeps its file where tables lie behind the last cluster that counts", async () => {
    const { bytes, block } = await written();
    // The counts of the header, the refcount table and the block itself are left.
    bytes.fill(0, block + 3 * 2, block + C);
    const file = new RecordedFile(bytes);
    const node = await openOnFile(file);
    await expect(node.resize(32 * K)).rejects.toMatchObject({ code: "EIO" });
    await node.close();
    await expectWhole(file, bytes.length, 2);
  });
});
