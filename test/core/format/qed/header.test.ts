import * as fs from "node:fs";
import { describe, expect, it } from "vitest";
import { failureOf, openBytes, openForTest, readAll } from "../../../build/open.ts";
import { buildQed, type QedSpec } from "../../../build/qed.ts";
import { tempFile } from "../../../build/temp.ts";

const MiB = 1 << 20;
const small: QedSpec = { size: MiB, clusterSize: 4096, tableSize: 1 };

function open(spec: QedSpec) {
  return openBytes(buildQed(spec).bytes, "qed");
}

/** The header of the format reference's test vectors: a default image of 64 MiB. */
const vector =
  "51454400000001000400000001000000" +
  "000000000000000000000000000000000000000000000000" +
  "00000100000000000000000400000000" +
  "0000000000000000";

describe("the header", () => {
  it("is built and read as in the test vector", async () => {
    const { bytes } = buildQed({ size: 64 * MiB });
    expect(Buffer.from(bytes.subarray(0, 64)).toString("hex")).toBe(vector);
    // 64 KiB x (1 + 4), the length of a fresh default image.
    expect(bytes.length).toBe(327680);
    const node = await openBytes(bytes);
    expect([node.driver, node.size, node.info.clusterSize]).toEqual(["qed", 64 * MiB, 65536]);
  });

  it("tells what it holds, in order", async () => {
    const node = await open({
      ...small,
      size: 4096 * 3,
      tableSize: 2,
      headerSize: 3,
      compat: 1n << 40n,
      autoclear: 5n,
    });
    expect(node.info).toEqual({
      clusterSize: 4096,
      dirty: false,
      byteOrder: "little",
      specific: {
        "table-size": 2,
        "header-size": 3,
        "l1-table-offset": 3 * 4096,
        features: "0x0",
        "unknown-compat-bits": ["40"],
        "unknown-autoclear-bits": ["0", "2"],
      },
    });
  });

  it("shows the need-check bit as it is on disk, and changes nothing", async () => {
    const { bytes } = buildQed({ ...small, features: 2n });
    const before = bytes.slice();
    const node = await openBytes(bytes);
    expect(node.info.dirty).toBe(true);
    expect(node.info.specific?.features).toBe("0x2");
    await readAll(node);
    expect(bytes).toEqual(before);
  });

  it.each([
    [4096, 1],
    [4096, 16],
    [65536, 8],
    [MiB, 2],
  ])("may have clusters of %d bytes and tables of %d clusters", async (clusterSize, tableSize) => {
    const clusters = new Map([[1, Uint8Array.of(9)]]);
    const node = await open({ size: 3 * clusterSize, clusterSize, tableSize, clusters });
    const expected = new Uint8Array(3 * clusterSize);
    expected[clusterSize] = 9;
    expect(Buffer.compare(await readAll(node), expected)).toBe(0);
  });

  it("may have an image size of 0 and the largest that its tables reach", async () => {
    expect((await open({ ...small, size: 0 })).size).toBe(0);
    // 512 entries in a table of one 4 KiB cluster: 512 * 512 * 4096 = 1 GiB.
    expect((await open({ ...small, size: 2 ** 30 })).size).toBe(2 ** 30);
    const error = await failureOf(open({ ...small, size: 2 ** 30 + 512 }));
    expect(error).toMatchObject({
      code: "ECORRUPT",
      message: expect.stringContaining("at most 1073741824 bytes"),
    });
  });

  it("may have a header_size of 0 clusters when the L1 table lies elsewhere", async () => {
    // As in upstream, this is not refused: only clusters count, and none lies in the header.
    expect((await open({ ...small, u32: [[12, 0]] })).size).toBe(MiB);
  });
});

describe("a header that breaks a rule", () => {
  it.each<[string, QedSpec, string, string]>([
    [
      "a feature bit that is not known",
      { ...small, features: 8n },
      "ENOTSUP",
      "feature bits that are not known here: 3",
    ],
    ["several of them", { ...small, features: 0x8000000100000000n }, "ENOTSUP", "known here: 32, 63"],
    ["clusters of 0 bytes", { ...small, u32: [[4, 0]] }, "ECORRUPT", "cluster_size is 0;"],
    ["clusters of 2 KiB", { ...small, u32: [[4, 2048]] }, "ECORRUPT", "cluster_size is 2048;"],
    ["clusters of 128 MiB", { ...small, u32: [[4, 2 ** 27]] }, "ECORRUPT", "cluster_size is 134217728;"],
    ["clusters of 4097 bytes", { ...small, u32: [[4, 4097]] }, "ECORRUPT", "cluster_size is 4097;"],
    [
      "clusters of 4 GiB less one",
      { ...small, u32: [[4, 0xffffffff]] },
      "ECORRUPT",
      "cluster_size is 4294967295;",
    ],
    ["tables of no clusters", { ...small, u32: [[8, 0]] }, "ECORRUPT", "table_size is 0;"],
    ["tables of 3 clusters", { ...small, u32: [[8, 3]] }, "ECORRUPT", "table_size is 3;"],
    ["tables of 32 clusters", { ...small, u32: [[8, 32]] }, "ECORRUPT", "table_size is 32;"],
    ["an image size of half a sector", { ...small, size: 256 }, "ECORRUPT", "image_size is 256;"],
    [
      "an image size of 2^64 - 512",
      { ...small, size: 2n ** 64n - 512n },
      "ECORRUPT",
      "image_size is 18446744073709551104;",
    ],
    ["an L1 table at 0", { ...small, u64: [[40, 0n]] }, "ECORRUPT", "l1_table_offset is 0x0;"],
    [
      "an L1 table that is not aligned",
      { ...small, u64: [[40, 4097n]] },
      "ECORRUPT",
      "l1_table_offset is 0x1001;",
    ],
    [
      "an L1 table in the header",
      { ...small, headerSize: 2, u64: [[40, 4096n]] },
      "ECORRUPT",
      "l1_table_offset is 0x1000;",
    ],
    [
      "an L1 table behind the file",
      { ...small, u64: [[40, 8192n]] },
      "ECORRUPT",
      "l1_table_offset is 0x2000;",
    ],
    [
      "an L1 table far away",
      { ...small, u64: [[40, 2n ** 64n - 4096n]] },
      "ECORRUPT",
      "l1_table_offset is 0xfffffffffffff000;",
    ],
    [
      "an L1 table cut by the end of the file",
      { ...small, tableSize: 2, u64: [[40, 8192n]] },
      "ECORRUPT",
      "l1_table_offset is 0x2000;",
    ],
    ["a huge header in a short file", { ...small, u32: [[12, 0xffffffff]] }, "ECORRUPT", "l1_table_offset"],
    [
      "a backing file name outside the header area",
      { ...small, backing: { name: "base.raw" }, u32: [[56, 4090]] },
      "ECORRUPT",
      "The backing file name ends at 4098, outside the header area of 4096 bytes",
    ],
    [
      "a backing file name of 4 GiB",
      {
        ...small,
        backing: { name: "base.raw" },
        u32: [
          [56, 0xffffffff],
          [60, 0xffffffff],
        ],
      },
      "ECORRUPT",
      "The backing file name ends at 8589934590",
    ],
    [
      "a backing file name longer than any path",
      { ...small, headerSize: 2, backing: { name: "x".repeat(4096) } },
      "ECORRUPT",
      "The backing file name has 4096 bytes",
    ],
  ])("is refused: %s", async (_name, spec, code, message) => {
    const error = await failureOf(open(spec));
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
    expect(error.context.hint).toBeTruthy();
    expect(error.context.offset).toBeTypeOf("number");
  });

  it("is refused when its size of the header passes 4 GiB", async () => {
    // 2^20 clusters of 4096 bytes are 2^32: the first count that does not fit. The L1 table rule comes before and
    // needs the table behind the header, so the file is a sparse one of more than 4 GiB.
    const l1 = 2n ** 32n;
    const { bytes } = buildQed({ ...small, u32: [[12, 2 ** 20]], u64: [[40, l1]] });
    const filename = tempFile("a.qed", bytes);
    fs.truncateSync(filename, 2 ** 32 + 4096);
    const spec = { driver: "qed", file: { driver: "file", filename } };
    expect(await failureOf(openForTest(spec))).toMatchObject({
      code: "ECORRUPT",
      message: "header_size is 1048576 clusters; that is more than 4 GiB",
    });
  });

  it("is refused as too large when only a bigger integer could hold its size", async () => {
    // 64 MiB clusters, tables of 16: 2^27 entries, 2^27 * 2^27 * 2^26 = 2^80 bytes are allowed by QED.
    const { bytes } = buildQed({ size: 2n ** 53n, clusterSize: 4096, tableSize: 1 });
    new DataView(bytes.buffer).setUint32(4, 2 ** 26, true);
    new DataView(bytes.buffer).setUint32(8, 16, true);
    expect(await failureOf(openBytes(bytes))).toMatchObject({
      code: "EFBIG",
      message: expect.stringContaining("image_size is 9007199254740992"),
    });
  });

  it("is not taken for QED when it is cut short or has another magic", async () => {
    const { bytes } = buildQed(small);
    expect(await failureOf(openBytes(bytes.subarray(0, 63), "qed"))).toMatchObject({
      code: "EINVAL",
      message: "The file has 63 bytes; a QED header has 64",
    });
    expect((await failureOf(openBytes(new Uint8Array(0), "qed"))).code).toBe("EINVAL");
    expect((await failureOf(openBytes(new Uint8Array(65536), "qed"))).message).toContain("not in QED format");
    expect((await openBytes(bytes.subarray(0, 63))).driver).toBe("raw");
    // With a whole header the magic decides, and then the missing L1 table is an error.
    expect((await failureOf(openBytes(bytes.subarray(0, 64)))).code).toBe("ECORRUPT");
  });
});
