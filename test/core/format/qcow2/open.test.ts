// Opening qcow2 images: what the header says, what is refused and how that is said. The peer's words for damaged headers
// are compared in test/cross/qcow2Cli.test.ts.
import { describe, expect, it } from "vitest";
import { readImage } from "../../../../core/format/qcow2/header.ts";
import { openGraph } from "../../../../core/graph.ts";
import { MemoryNode } from "../../../../core/protocol/memory.ts";
import { probe } from "../../../../core/registry.ts";
import { failureOf, filled, openBytes, openForTest, readAll } from "../../../build/open.ts";
import { buildQcow2, type Qcow2Spec, snapshotEntry } from "../../../build/qcow2.ts";

const C = 65536;
const text = new TextEncoder();
const open = (spec: Qcow2Spec) => openBytes(buildQcow2(spec).bytes);

describe("probing", () => {
  it("knows both versions and later ones by their magic", () => {
    const { bytes } = buildQcow2({ size: C });
    expect(probe(bytes.subarray(0, 512))).toBe("qcow2");
    expect(probe(buildQcow2({ size: C, version: 2 }).bytes.subarray(0, 512))).toBe("qcow2");
    expect(probe(buildQcow2({ size: C, u32: [[4, 9]] }).bytes.subarray(0, 512))).toBe("qcow2");
  });

  it("leaves version 1 and other magics alone", () => {
    expect(probe(buildQcow2({ size: C, u32: [[4, 1]] }).bytes.subarray(0, 512))).toBe("raw");
    expect(probe(buildQcow2({ size: C, u8: [[3, 0xfa]] }).bytes.subarray(0, 512))).toBe("raw");
  });
});

describe("what an image says of itself", () => {
  it("has its version, widths, bits and sizes", async () => {
    const { info, size } = await open({
      size: 3 * C,
      refcountOrder: 6,
      compatible: 1n,
      incompatible: 1n,
      clusterBits: 12,
    });
    expect(size).toBe(3 * C);
    expect(info).toMatchObject({ clusterSize: 4096, dirty: true, byteOrder: "big" });
    expect(info.specific).toEqual({
      compat: "1.1",
      "compression-type": "zlib",
      "lazy-refcounts": true,
      "refcount-bits": 64,
      corrupt: false,
      "extended-l2": false,
    });
  });

  it("keeps extensions that nobody knows", async () => {
    const data = Uint8Array.of(1, 2, 3, 4, 5);
    const { bytes } = buildQcow2({
      size: C,
      extensions: [
        [0x12345678, data],
        [0xe2792aca, text.encode("raw")],
      ],
      backing: "base.raw",
    });
    const image = await readImage(new MemoryNode("file", true, bytes));
    expect(image.extensions.list.map(({ type, offset }) => [type, offset])).toEqual([
      [0x12345678, 112],
      [0xe2792aca, 128],
    ]);
    expect([...(image.extensions.list[0]?.data ?? [])]).toEqual([...data]);
    expect(image.extensions.backingFormat).toBe("raw");
    expect(image.backing).toEqual({ text: "base.raw", fault: undefined });
  });

  it("cuts the rest of a sector off the size, as the peer does", async () => {
    expect((await open({ size: 1536, u64: [[24, 1600n]] })).size).toBe(1536);
  });
});

describe("what is refused", () => {
  it("names unknown features by the image's own table, and by number", async () => {
    const entry = (kind: number, bit: number, name: string) => {
      const bytes = new Uint8Array(48);
      bytes.set([kind, bit]);
      bytes.set(text.encode(name), 2);
      return bytes;
    };
    const table = Buffer.concat([entry(1, 9, "not this one"), entry(0, 9, "time travel")]);
    const { bytes } = buildQcow2({
      size: C,
      incompatible: (1n << 9n) | (1n << 40n),
      extensions: [[0x6803f857, table]],
    });
    const error = await failureOf(openBytes(bytes));
    expect(error.code).toBe("ENOTSUP");
    expect(error.message).toContain("9 (time travel), 40");
    expect(error.context.peer?.message).toBe(
      "Unsupported qcow2 feature(s): time travel, Unknown incompatible feature: 10000000000",
    );
  });

  it("is writing to an image that is marked as corrupt, and to a snapshot", async () => {
    const { bytes } = buildQcow2({ size: C, incompatible: 2n });
    const file = { driver: "memory", bytes };
    const error = await failureOf(openGraph({ file }, { readOnly: false }));
    expect(error).toMatchObject({ code: "EACCES" });
    expect(error.context.peer?.message).toBe("qcow2: Image is corrupt; cannot be opened read/write");
    expect((await openBytes(bytes)).size).toBe(C);
    const intact = { driver: "memory", bytes: buildQcow2({ size: C }).bytes };
    const spec = { driver: "qcow2", snapshot: "one", file: intact };
    expect(await failureOf(openGraph(spec, { readOnly: false }))).toMatchObject({ code: "EROFS" });
  });

  it.each([
    ["bits of the bitmaps extension", 0x23852875, 23, /Invalid extension length/],
    ["a name of a format", 0xe2792aca, 16, /too large/],
  ])("%s of the wrong length", async (_, type, length, words) => {
    const spec = { size: C, autoclear: 1n, extensions: [[type, new Uint8Array(length)] as const] };
    const error = await failureOf(open(spec));
    expect(error).toMatchObject({ code: "ECORRUPT" });
    expect(error.message).toMatch(words);
  });

  it("is the beginning of an extension where the backing file's name cuts it off", async () => {
    // The header has 112 bytes, the name begins at 116: that leaves 4 of an extension.
    const cut = (first: number): Qcow2Spec => ({ size: C, u32: [[112, first]], u64: [[8, 116n]] });
    const error = await failureOf(open(cut(0x12345678)));
    expect(error).toMatchObject({ code: "ECORRUPT", context: { offset: 112, length: 4 } });
    expect(error.message).toContain("Header extension too large");
    expect((await open(cut(0))).size).toBe(C);
  });

  it("is a refcount table that lies nowhere, but not for who looks at the image: that reads its disk and is told", async () => {
    const { bytes } = buildQcow2({
      size: C,
      clusters: new Map([[0, new Uint8Array(C).fill(7)]]),
      u64: [[48, 0x12345n]],
    });
    const words = "Reference count table offset invalid";
    const error = await failureOf(openBytes(bytes));
    expect(error).toMatchObject({ code: "ECORRUPT", context: { offset: 48, length: 8 } });
    expect(error.message).toContain(words);
    const spec = { driver: "qcow2", file: { driver: "memory", bytes } };
    expect((await failureOf(openGraph(spec, { dirty: "skip" }))).message).toContain(words);
    const { root } = await openForTest(spec, { toInspect: true });
    const read = new Uint8Array(C);
    await root.read(0, read);
    expect(read).toEqual(new Uint8Array(C).fill(7));
    expect(root.info.specific?.["refcount-table"]).toContain(words);
  });

  it("is an end of the extensions that is said to be longer than they are", async () => {
    // The header has 112 bytes and the end 8: it may have all the rest of the cluster, no more.
    const ended = (length: number): Qcow2Spec => ({
      size: C,
      u32: [
        [112, 0],
        [116, length],
      ],
    });
    const error = await failureOf(open(ended(C - 120 + 1)));
    expect(error).toMatchObject({ code: "ECORRUPT", context: { offset: 116, length: 4 } });
    expect(error.message).toContain("Header extension too large");
    expect((await open(ended(C - 120))).size).toBe(C);
  });

  it("is an entry of the snapshot table with more extra data than any program writes", async () => {
    const entry = snapshotEntry({ id: "1", name: "one", l1Offset: 3 * C, l1Entries: 1, extraLength: 1025 });
    const at = 4 * C;
    const spec: Qcow2Spec = { size: C, extra: [[entry, 1]], u32: [[60, 1]], u64: [[64, BigInt(at)]] };
    const error = await failureOf(open(spec));
    expect(error).toMatchObject({ code: "EFBIG" });
    expect(error.message).toContain("Too much extra metadata in snapshot table entry 0");
  });

  it("is a data file for an image that has none", async () => {
    const { bytes } = buildQcow2({ size: C });
    const spec = { driver: "qcow2", file: { driver: "memory", bytes }, "data-file": { driver: "memory" } };
    expect(await failureOf(openGraph(spec))).toMatchObject({ code: "EINVAL" });
  });
});

describe("names of other files", () => {
  it("are not followed when only tables are looked at", async () => {
    const { bytes } = buildQcow2({ size: C, backing: "gone.raw" });
    const { root } = await openForTest({ file: { driver: "memory", bytes } }, { backing: "none" });
    expect(root.info.backing?.filename).toBe("gone.raw");
    expect(root.children.map(({ name }) => name)).toEqual(["file"]);
  });

  it("take a given backing file before the one named", async () => {
    const { bytes } = buildQcow2({ size: C, backing: "gone.raw" });
    const backing = { driver: "raw", file: { driver: "memory", bytes: filled(C, 7) } };
    const { root } = await openForTest({ driver: "qcow2", file: { driver: "memory", bytes }, backing });
    expect(await readAll(root)).toEqual(filled(C, 7));
  });

  it("ask before a data file outside the image's folder is opened", async () => {
    const { bytes } = buildQcow2({
      size: C,
      incompatible: 4n,
      extensions: [[0x44415441, text.encode("/etc/passwd")]],
    });
    const spec = { file: { driver: "memory", bytes } };
    const error = await failureOf(openGraph(spec, { backing: "beside" }));
    expect(error).toMatchObject({ code: "EACCES", context: { consent: "backing", path: "/etc/passwd" } });
  });

  it("are told of as such where a data file is not there", async () => {
    const extensions = [[0x44415441, text.encode("gone.raw")]] as const;
    const { bytes } = buildQcow2({ size: C, incompatible: 4n, extensions });
    const error = await failureOf(openGraph({ file: { driver: "memory", bytes } }));
    expect(error).toMatchObject({ code: "ENOENT", context: { hint: expect.stringMatching(/data-file\./) } });
  });

  it("are those of plain files, whatever colons a data file's name has", async () => {
    const { bytes } = buildQcow2({
      size: C,
      incompatible: 4n,
      extensions: [[0x44415441, text.encode("json:{}")]],
    });
    const error = await failureOf(openGraph({ file: { driver: "memory", bytes } }));
    expect(error).toMatchObject({ code: "ENOENT" });
    expect(error.context.path).toMatch(/\/json:\{\}$/);
  });
});
