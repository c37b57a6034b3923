// Metadata-only bundles of QED images: what they hold, what they never hold, and that they answer as the image does.
import * as fs from "node:fs";
import * as path from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { BlockNode } from "../../../core/block/node.ts";
import { imageSpecForPath, openGraph } from "../../../core/graph.ts";
import { Session } from "../../../core/jobs/session.ts";
import { bundleImage, bundleJob } from "../../../core/ops/bundle.ts";
import type { WrittenBundle } from "../../../core/ops/bundleRun.ts";
import { mapClusters } from "../../../core/ops/clusterMap.ts";
import { corruptedQed } from "../../build/brokenQed.ts";
import { failureOf, openForTest, openPath, readRange } from "../../build/open.ts";
import { buildQed, type QedSpec } from "../../build/qed.ts";
import { seeded } from "../../build/random.ts";
import { tempDir, tempFile } from "../../build/temp.ts";

const quiet = () => ({ signal: new AbortController().signal, progress: () => undefined });
/** Bytes 8 to 11 are where the header's length is, 96. */
const headerLength = 96;

interface Made extends WrittenBundle {
  readonly name: string;
}

async function bundled(image: string, how: { redactNames?: boolean; to?: string } = {}): Promise<Made> {
  const to = how.to ?? path.join(tempDir(), "image.bundle");
  const graph = await openForTest(imageSpecForPath(image), { backing: "none" });
  const written = await bundleImage(
    graph,
    { to, redactNames: how.redactNames ?? false, replace: false },
    quiet(),
  );
  return { ...written, name: to };
}

/** Everything in the bundle as a person with gunzip sees it: the tables, and what is behind them as it is. */
function contentOf(name: string): Buffer {
  const bytes = fs.readFileSync(name);
  const index = Number(bytes.readBigUInt64LE(16));
  const pieces = index === headerLength ? Buffer.alloc(0) : gunzipSync(bytes.subarray(headerLength, index));
  return Buffer.concat([pieces, bytes.subarray(index)]);
}

async function answersOf(node: BlockNode) {
  const map = await mapClusters(node, quiet());
  const { elapsedMs: _time, bytesRead: _bytes, identity: _file, ...summary } = map.summary;
  const places = [];
  for (let cluster = 0; cluster < summary.clusters; cluster++) {
    places.push(await map.place(cluster * summary.clusterSize, 50));
  }
  const findings: unknown[] = [];
  const result = await node.check?.({
    ...quiet(),
    finding: (finding) => findings.push(finding),
  });
  return { summary, places, findings, result };
}

/** Data cluster `index` is full of this. */
const secret = (index: number) => Buffer.alloc(4096, `secret of cluster ${index}; `);

/** Two L2 tables, three data clusters, one zero cluster; tables of one cluster. */
const small: QedSpec = {
  size: 4 * 512 * 4096,
  clusterSize: 4096,
  tableSize: 1,
  clusters: new Map<number, Uint8Array | "zero">([
    [0, secret(0)],
    [1, secret(1)],
    [2, "zero"],
    [513, secret(513)],
  ]),
};

describe("a metadata-only bundle", () => {
  it("holds the header and the tables, and answers what the image does", async () => {
    const built = buildQed(small);
    const image = tempFile("image.qed", built.bytes);
    const { name, tableBytes, omittedTables } = await bundled(image);
    // The header's cluster, the L1 table and two L2 tables.
    expect({ tableBytes, omittedTables }).toEqual({ tableBytes: 4 * 4096, omittedTables: 0 });
    expect(contentOf(name).includes("secret")).toBe(false);
    const node = await openPath(name);
    expect(node).toMatchObject({ driver: "qed", size: small.size, readOnly: true });
    expect(await answersOf(node)).toEqual(await answersOf(await openPath(image)));
  });

  it("gives an error for guest data, with their place, and zeroes only where the tables say so", async () => {
    const built = buildQed(small);
    const { name } = await bundled(tempFile("image.qed", built.bytes));
    const graph = await openForTest(imageSpecForPath(name));
    const { root } = graph;
    expect(await failureOf(readRange(root, 4096, 512))).toMatchObject({
      code: "EIO",
      message: "Guest data is not in a metadata-only bundle",
      context: { node: "file", offset: built.dataOffsets.get(1), length: 512 },
    });
    // A zero cluster, and one that is not allocated in an image without a backing file.
    expect(await readRange(root, 2 * 4096, 8192)).toEqual(new Uint8Array(8192));
    const file = graph.nodeAt("file");
    const end = (built.l2Offsets.get(0) ?? 0) + 4096;
    expect(file).toMatchObject({ driver: "bundle", size: built.bytes.length });
    // From the table into the data behind it: the first byte that is missing is named.
    expect(await failureOf(readRange(file as BlockNode, end - 10, 20))).toMatchObject({
      context: { offset: end, length: 10 },
    });
    expect(await root.extentAt(0, 4096)).toMatchObject({
      state: "data",
      hostOffset: built.dataOffsets.get(0),
    });
  });

  it("is not written to, and lets go of the file when that is tried", async () => {
    const { name } = await bundled(tempFile("image.qed", buildQed(small).bytes));
    const failure = await failureOf(openGraph(imageSpecForPath(name), { readOnly: false }));
    expect(failure).toMatchObject({ code: "EROFS", message: "A metadata-only bundle can't be written to" });
    fs.rmSync(name);
  });

  it("does not read as zeroes what the image leaves to its backing file, and never looks for that", async () => {
    const image = tempFile("image.qed", buildQed({ ...small, backing: { name: "/etc/hostname" } }).bytes);
    const { name } = await bundled(image);
    for (const backing of ["open", "beside"] as const) {
      const node = await openPath(name, { backing });
      expect(await failureOf(readRange(node, 100 * 4096, 512))).toMatchObject({
        code: "EIO",
        message: "The backing file is not in a metadata-only bundle",
      });
      expect(node.info.backing?.filename).toBe("/etc/hostname");
    }
  });

  it("blanks names on request, keeping their length", async () => {
    const backing = { name: "/home/someone/secret.qed" };
    const image = tempFile("image.qed", buildQed({ ...small, backing }).bytes);
    const told: string[] = [];
    const to = path.join(tempDir(), "b");
    const graph = await openForTest(imageSpecForPath(image), { backing: "none" });
    await bundleImage(
      graph,
      { to, redactNames: true, replace: false },
      {
        ...quiet(),
        names: (names) => told.push(...names.map(({ text }) => text), String(fs.existsSync(to))),
      },
    );
    // Told before there is a file.
    expect(told).toEqual([backing.name, "false"]);
    expect(contentOf(to).includes("someone")).toBe(false);
    expect((await openPath(to)).info.backing?.filename).toBe("*".repeat(backing.name.length));
    const open = await bundled(image);
    expect(contentOf(open.name).includes(backing.name)).toBe(true);
  });

  it("leaves out what nobody knows the meaning of behind the header", async () => {
    const bytes = buildQed(small).bytes;
    bytes.set(Buffer.from("stale bytes of another file"), 2000);
    const { name, omitted } = await bundled(tempFile("image.qed", bytes));
    // The sector that holds byte 2000: 1536 to 2048.
    expect(omitted).toEqual([
      { name: "unused part of the header", offset: 1536, length: 512, why: "it is not zero" },
    ]);
    expect(contentOf(name).includes("stale")).toBe(false);
    const { findings } = await answersOf(await openPath(name));
    expect(findings).toEqual([]);
  });

  it("leaves out a table that guest data were written over, and says so", async () => {
    const built = buildQed(small);
    const table = built.l2Offsets.get(1) ?? 0;
    built.bytes.set(secret(7).subarray(0, 512), table + 512);
    const { name, omitted, omittedTables } = await bundled(tempFile("image.qed", built.bytes));
    expect(contentOf(name).includes("secret")).toBe(false);
    // 64 entries of guest data and the one of guest cluster 513.
    const why = "64 of its 65 entries point nowhere: they may be guest data";
    expect({ omitted, omittedTables }).toEqual({
      omitted: [{ name: "L2 table 1", offset: table, length: 4096, why }],
      omittedTables: 1,
    });
    const file = (await openForTest(imageSpecForPath(name))).nodeAt("file") as BlockNode;
    expect(await failureOf(readRange(file, table, 8))).toMatchObject({
      code: "EIO",
      message: `This part of L2 table 1 is not in the bundle: ${why}`,
    });
  });

  it("leaves out an L2 table that is a cluster of guest data as well", async () => {
    const built = buildQed(small);
    const data = built.dataOffsets.get(1) ?? 0;
    const { bytes } = buildQed({ ...small, l1: [[2, BigInt(data)]] });
    const { name, omitted } = await bundled(tempFile("image.qed", bytes));
    expect(contentOf(name).includes("secret")).toBe(false);
    expect(omitted).toMatchObject([{ name: "L2 table 2", offset: data, length: 4096 }]);
  });

  it("keeps a table that two L1 entries share, with a bad entry in it", async () => {
    const built = buildQed(small);
    const table = built.l2Offsets.get(0) ?? 0;
    const spec: QedSpec = { ...small, l1: [[3, BigInt(table)]], l2: [[0, 9, 0x123n]] };
    const image = tempFile("image.qed", buildQed(spec).bytes);
    const { name, omittedTables } = await bundled(image);
    expect(omittedTables).toBe(0);
    expect(await answersOf(await openPath(name))).toEqual(await answersOf(await openPath(image)));
  });

  it("answers as corrupt images do and has none of their data, whatever chance broke", async () => {
    await seeded(async (random) => {
      let same = 0;
      for (let round = 0; round < 60; round++) {
        const bytes = corruptedQed(random);
        // Data clusters are one byte throughout there: no table has eight times the same byte but 0 and 255.
        const image = tempFile("image.qed", bytes);
        const { name, omittedTables } = await bundled(image);
        const content = contentOf(name);
        for (let value = 1; value < 255; value++) {
          if (content.includes(Buffer.alloc(16, value))) throw new Error(`round ${round}: data of ${value}`);
        }
        const node = await openPath(name);
        if (omittedTables > 0) {
          // Still opened and checked; what is not there can't be read.
          const checked = node.check?.({ ...quiet(), finding: () => undefined });
          await checked?.catch((error) => expect(error).toMatchObject({ code: "EIO" }));
          continue;
        }
        expect(await answersOf(node), `round ${round}`).toEqual(await answersOf(await openPath(image)));
        same++;
      }
      // Most have all their tables: else this would compare little.
      expect(same).toBeGreaterThan(30);
    });
  });

  it("is opened by the app's session, and jobs open it by the same file", async () => {
    const built = buildQed({ ...small, backing: { name: "base.qed" } });
    const { name } = await bundled(tempFile("image.qed", built.bytes));
    const session = new Session();
    const opened = await session.calls.open({ spec: imageSpecForPath(name) });
    expect(opened).toMatchObject({ format: "qed", size: small.size, fileSize: built.bytes.length });
    expect(opened.nodes.map(({ path: at, driver }) => [at, driver])).toEqual([
      ["", "qed"],
      ["file", "bundle"],
      ["file/file", "file"],
      ["backing", "absent"],
    ]);
    const page = await session.calls.read({ image: opened.image, node: "", offset: 0, length: 4096 });
    expect(page.bad).toMatchObject([{ offset: 0, length: 4096 }]);
    await session.close();
    // With the format that was found, as jobs of the app do.
    const node = await openPath(name, { format: "qed" });
    expect((await mapClusters(node, quiet())).summary.kinds.data.clusters).toBe(3);
    // And as bytes.
    expect((await openPath(name, { format: "raw" })).size).toBe(fs.statSync(name).size);
  });

  it("can be made of a bundle", async () => {
    const image = tempFile("image.qed", buildQed({ ...small, backing: { name: "base.qed" } }).bytes);
    const first = await bundled(image);
    const second = await bundled(first.name, { redactNames: true });
    expect((await openPath(second.name)).info.backing?.filename).toBe("********");
    expect(second.omitted).toEqual([]);
  });
});

describe("making a bundle", () => {
  it("overwrites no file, and above all not the image", async () => {
    const folder = tempDir();
    const { bytes } = buildQed(small);
    const image = tempFile("image.qed", bytes, folder);
    const other = tempFile("other", Buffer.from("kept"), folder);
    expect(await failureOf(bundled(image, { to: other }))).toMatchObject({ code: "EINVAL" });
    expect(fs.readFileSync(other, "utf8")).toBe("kept");
    const link = path.join(folder, "link");
    fs.linkSync(image, link);
    const spec = imageSpecForPath(image);
    const job = { ...quiet(), item: () => undefined };
    for (const to of [image, link]) {
      const failure = await failureOf(bundleJob({ spec, to, redactNames: false, replace: true }, job));
      expect(failure.message).toBe(`'${to}' belongs to the image itself`);
    }
    expect(Buffer.compare(fs.readFileSync(image), bytes)).toBe(0);
    await bundleJob({ spec, to: other, redactNames: false, replace: true }, job);
    expect((await openPath(other)).driver).toBe("qed");
    expect(fs.readdirSync(folder).sort()).toEqual(["image.qed", "link", "other"]);
  });

  it("leaves nothing behind when it is cancelled", async () => {
    const folder = tempDir();
    const image = tempFile("image.qed", buildQed(small).bytes, folder);
    const stop = new AbortController();
    const ended = await bundleJob(
      { spec: imageSpecForPath(image), to: path.join(folder, "b"), redactNames: false, replace: false },
      {
        signal: stop.signal,
        item: () => undefined,
        progress: ({ phase }) => phase === "Writing the bundle" || stop.abort(),
      },
    );
    expect(ended).toEqual({ cancelled: true, written: undefined });
    expect(fs.readdirSync(folder)).toEqual(["image.qed"]);
  });

  it("says that raw images have no tables", async () => {
    const failure = await failureOf(bundled(tempFile("disk.raw", new Uint8Array(4096))));
    expect(failure).toMatchObject({ code: "ENOTSUP", message: "Images of the format raw have no tables" });
  });
});
