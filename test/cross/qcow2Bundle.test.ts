// Metadata-only bundles of qcow2 images made by the stock programs: they hold nothing of the guest's data and no key, and
// answer as the image does.
import * as fs from "node:fs";
import * as path from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { BlockNode } from "../../core/block/node.ts";
import { imageSpecForPath } from "../../core/graph.ts";
import { bundleImage } from "../../core/ops/bundle.ts";
import { mapClusters } from "../../core/ops/clusterMap.ts";
import { failureOf, openForTest, readRange } from "../build/open.ts";
import { createLuks, lacksPeer, qemuIo, run } from "../build/peers.ts";
import { tempDir } from "../build/temp.ts";

const quiet = () => ({ signal: new AbortController().signal, progress: () => undefined });
const kibibyte = 1024;
const secret = "GuestSecret.";

/** A file of 2 MiB full of the secret: whatever of it gets into a bundle shows. */
function secretFile(folder: string): string {
  const name = path.join(folder, "secret.bin");
  fs.writeFileSync(
    name,
    secret.repeat(Math.ceil((2048 * kibibyte) / secret.length)).slice(0, 2048 * kibibyte),
  );
  return name;
}

async function bundled(image: string, redactNames = false): Promise<string> {
  const to = `${image}.bundle`;
  const graph = await openForTest(imageSpecForPath(image), { backing: "none" });
  await bundleImage(graph, { to, redactNames, replace: false }, quiet());
  return to;
}

/** What a person with gunzip sees: the pieces lie between the header of 96 bytes and the index, told at byte 16. */
function contentOf(bundle: string): Buffer {
  const bytes = fs.readFileSync(bundle);
  const index = Number(bytes.readBigUInt64LE(16));
  return Buffer.concat([gunzipSync(bytes.subarray(96, index)), bytes.subarray(index)]);
}

async function answersOf(node: BlockNode) {
  const map = await mapClusters(node, quiet());
  const { elapsedMs: _time, bytesRead: _bytes, identity: _file, ...summary } = map.summary;
  const places = [];
  for (let cluster = 0; cluster < summary.clusters; cluster++) {
    places.push(await map.place(cluster * summary.clusterSize, 50));
  }
  return { summary, places };
}

async function expectSameAnswers(image: string, bundle: string): Promise<void> {
  const own = await openForTest(imageSpecForPath(image), { backing: "none" });
  const other = await openForTest(imageSpecForPath(bundle), { backing: "none" });
  expect(await answersOf(other.root)).toEqual(await answersOf(own.root));
}

describe.skipIf(lacksPeer("qemu-img", "qemu-io"))("a bundle of a qcow2 image", () => {
  it.each([
    "compat=0.10",
    "compat=1.1,cluster_size=4k",
    "extended_l2=on",
    "refcount_bits=64,cluster_size=16k",
  ])("with snapshots, a backing file and compressed clusters has its tables only: %s", async (options) => {
    const folder = tempDir();
    const [base, image, source] = [
      path.join(folder, "base.raw"),
      path.join(folder, "disk.qcow2"),
      secretFile(folder),
    ];
    run("qemu-img", "create", "-q", "-f", "raw", base, "8M");
    run("qemu-img", "create", "-q", "-f", "qcow2", "-o", options, "-b", base, "-F", "raw", image);
    qemuIo(image, "qcow2", `write -s ${source} 0 1M`, "write -z 3M 64k", `write -c -s ${source} 5M 256k`);
    run("qemu-img", "snapshot", "-c", "before", image);
    qemuIo(image, "qcow2", `write -s ${source} 512k 1M`, "discard 5M 64k");
    if (!options.includes("0.10")) run("qemu-img", "bitmap", "--add", image, "changes");
    const bundle = await bundled(image);
    const content = contentOf(bundle);
    expect(content.includes(secret)).toBe(false);
    expect(content.includes("base.raw")).toBe(true);
    await expectSameAnswers(image, bundle);
    const { root } = await openForTest(imageSpecForPath(bundle), { backing: "none" });
    expect((await failureOf(readRange(root, 0, 512))).message).toContain("not in a metadata-only bundle");
  });

  it("can have the names of its other files blanked", async () => {
    const folder = tempDir();
    const image = path.join(folder, "disk.qcow2");
    const data = path.join(folder, "private-name.raw");
    run("qemu-img", "create", "-q", "-f", "qcow2", "-o", `data_file=${data}`, image, "4M");
    const source = secretFile(folder);
    qemuIo(image, "qcow2", `write -s ${source} 0 1M`);
    expect(contentOf(await bundled(image)).includes("private-name")).toBe(true);
    fs.rmSync(`${image}.bundle`);
    const content = contentOf(await bundled(image, true));
    expect(content.includes("private-name")).toBe(false);
    expect(content.includes(secret)).toBe(false);
  });

  it("of an encrypted image has no key slots", async () => {
    const folder = tempDir();
    const image = path.join(folder, "disk.qcow2");
    createLuks(image, "4M");
    // The header of LUKS, with what opens the data: not even its magic (4C 55 4B 53 BA BE) is there.
    const magic = Buffer.of(0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe);
    expect(fs.readFileSync(image).includes(magic)).toBe(true);
    expect(contentOf(await bundled(image)).includes(magic)).toBe(false);
  });
});
