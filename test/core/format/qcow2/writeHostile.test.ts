// Writing to qcow2 images whose tables are wrong on purpose, and requests at the edges of disks: nothing that was not asked
// for changes, neither what the guest reads nor the image's own tables.
import { describe, expect, it, onTestFinished } from "vitest";
import type { ImageSpec } from "../../../../core/block/driver.ts";
import type { BlockNode } from "../../../../core/block/node.ts";
import { openGraph } from "../../../../core/graph.ts";
import { failureOf, filled, firstDifference, openBytes, readAll, readRange } from "../../../build/open.ts";
import { openOnFile } from "../../../build/openOnFile.ts";
import { buildQcow2 } from "../../../build/qcow2.ts";

const C = 65536;
const copied = 1n << 63n;

interface Opened {
  readonly node: BlockNode;
  file(): Promise<Uint8Array>;
  readonly warnings: string[];
}

async function open(bytes: Uint8Array): Promise<Opened> {
  const warnings: string[] = [];
  const spec = { driver: "qcow2", file: { driver: "memory", bytes } } as ImageSpec;
  const graph = await openGraph(spec, {
    readOnly: false,
    dirty: "report",
    warn: (message) => warnings.push(message),
  });
  onTestFinished(() => graph.close().catch(() => undefined));
  const file = graph.nodeAt("file");
  if (file === undefined) throw new Error("the image has a file");
  return { node: graph.root, warnings, file: () => readAll(file) };
}

describe("zeroes at the end of a disk that ends within a subcluster", () => {
  // Subclusters of 65536 / 32 = 2048 bytes: the disk ends 1024 bytes into the fourth.
  const size = 3 * 2048 + 1024;

  it("leave the bytes before them in the subcluster as they are", async () => {
    const { node } = await open(buildQcow2({ size, extended: true }).bytes);
    await node.write(0, filled(size, 7));
    await node.writeZeroes(size - 512, 512);
    expect(firstDifference(await readRange(node, 0, size - 512), filled(size - 512, 7))).toBeUndefined();
    expect(await readRange(node, size - 512, 512)).toEqual(filled(512, 0));
  });

  it("that may be given up do so too", async () => {
    const { node } = await open(buildQcow2({ size, extended: true }).bytes);
    await node.write(0, filled(size, 7));
    await node.writeZeroes(100, size - 100, { mayUnmap: true });
    expect(await readRange(node, 0, 100)).toEqual(filled(100, 7));
    expect(firstDifference(await readRange(node, 100, size - 100), filled(size - 100, 0))).toBeUndefined();
  });
});

describe("what a guest gives up, when its entry points to the image's own tables", () => {
  const compressed = 1n << 62n;

  it.each<[string, bigint, string]>([
    ["the header, as a compressed cluster", compressed | 512n, "qcow2_header"],
    ["the refcount table", copied | BigInt(C), "refcount table"],
    ["the refcount block", copied | BigInt(2 * C), "refcount block"],
    ["the L1 table", copied | BigInt(3 * C), "active L1 table"],
    ["its own L2 table", copied | BigInt(4 * C), "active L2 table"],
  ])("is not given up: %s", async (_, entry, area) => {
    const { bytes } = buildQcow2({
      size: 2 * C,
      clusters: new Map<number, bigint | Uint8Array>([
        [0, entry],
        [1, filled(C, 9)],
      ]),
    });
    const before = bytes.slice();
    for (const request of ["discard", "writeZeroes"] as const) {
      const opened = await open(bytes.slice());
      await failureOf(
        (async () => {
          if (request === "discard") await opened.node.discard(0, C);
          else await opened.node.writeZeroes(0, C, { mayUnmap: true });
          await opened.node.flush();
          await opened.node.flush();
        })(),
      );
      expect(opened.warnings[0]).toContain(`overlaps with ${area}`);
      const after = await opened.file();
      // The corrupt bit, bit 1 of the feature bits at 72, is all that changed.
      before[79] = 2;
      expect(firstDifference(after, before)).toBeUndefined();
    }
  });
});

describe("refcounts of 64 bits that no number can hold exactly", () => {
  it("stay as they are", async () => {
    const built = buildQcow2({
      size: 2 * C,
      refcountOrder: 6,
      clusters: new Map([[0, filled(C, 5)]]),
      refcounts: new Map([[5, 2n ** 64n - 1n]]),
    });
    expect(built.dataOffsets.get(0)).toBe(5 * C);
    const { node, file } = await open(built.bytes);
    await node.discard(0, C);
    await node.flush();
    await node.close().catch(() => undefined);
    expect(Buffer.from(await file()).readBigUInt64BE(2 * C + 5 * 8)).toBe(2n ** 64n - 1n);
  });
});

describe("a bitmap directory that lies in another table", () => {
  it("is not marked there", async () => {
    // One entry of 32 bytes (qcow2, "Bitmap directory"): its table at cluster 5, 1 entry, flags "auto", granularity 64 KiB,
    // a name of 1 byte. It lies in the cluster of the L2 table, at whose end no entry of the disk is.
    const table = 6;
    const directory = Buffer.alloc(32);
    directory.writeBigUInt64BE(BigInt(table * C), 0);
    directory.writeUInt32BE(1, 8);
    directory.writeUInt32BE(2, 12);
    directory.writeUInt8(1, 16);
    directory.writeUInt8(16, 17);
    directory.writeUInt16BE(1, 18);
    directory.write("b", 24);
    const extension = Buffer.alloc(24);
    extension.writeUInt32BE(1, 0);
    extension.writeBigUInt64BE(32n, 8);
    extension.writeBigUInt64BE(BigInt(3 * C), 16);
    const built = buildQcow2({
      size: C,
      autoclear: 1n,
      clusters: new Map([[0, filled(C, 1)]]),
      extra: [[new Uint8Array(C), 1]],
      extensions: [[0x23852875, extension]],
    });
    expect(built.extraOffsets).toEqual([table * C]);
    // In the L1 table's cluster.
    built.bytes.set(directory, 3 * C);
    const opened = await open(built.bytes.slice());
    await failureOf(opened.node.write(0, filled(512, 2)));
    const l1 = (await opened.file()).subarray(3 * C, 4 * C);
    expect(firstDifference(l1, built.bytes.subarray(3 * C, 4 * C))).toBeUndefined();
  });
});

describe("an image that is closed", () => {
  it("waits for the writes that are under way", async () => {
    const { root } = await openGraph(
      {
        driver: "memory",
        bytes: buildQcow2({ size: 4 * C }).bytes,
      } as ImageSpec,
      { readOnly: false },
    );
    // Writes of a whole cluster, which are the guest's data, take until the timer runs.
    const slow = new Proxy(root, {
      get(target, key) {
        if (key === "write") {
          return async (offset: number, source: Uint8Array) => {
            if (source.length === C) await new Promise((resolve) => setTimeout(resolve, 20));
            await target.write(offset, source);
          };
        }
        const value = Reflect.get(target, key, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const node = await openOnFile(slow);
    const writing = node.write(C, filled(C, 3)).then(
      () => true,
      () => false,
    );
    await new Promise((resolve) => setTimeout(resolve, 5));
    await node.close();
    const isWritten = await writing;
    expect(isWritten).toBe(true);
    const again = await openBytes(await readAll(root), "qcow2");
    expect(firstDifference(await readRange(again, C, C), filled(C, 3))).toBeUndefined();
  });
});
