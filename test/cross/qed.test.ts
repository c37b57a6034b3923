// QED images made by qemu-img and qemu-io, read here byte for byte; the expected bytes and extents come from
// qemu-img convert and qemu-img map on the same image. And the other way around: qemu-img reads what buildQed made.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, it } from "vitest";
import { chainExtentAt } from "../../core/block/extents.ts";
import type { BlockNode } from "../../core/block/node.ts";
import { filled, firstDifference, openPath, readAll } from "../build/open.ts";
import { lacksPeer, qemuIo, run } from "../build/peers.ts";
import { buildQed } from "../build/qed.ts";
import { type Random, seeded } from "../build/random.ts";
import { tempDir, tempFile } from "../build/temp.ts";

const K = 1024;
const M = K * K;
const G = K * M;
const T = K * G;

describe.skipIf(lacksPeer("qemu-img", "qemu-io"))("QED images of qemu-img and qemu-io", () => {
  const shapes = [4 * K, 64 * K, M].flatMap((cluster) =>
    [2, 4, 16].map((table) => [cluster, table] as const),
  );

  it.each(shapes)(
    "with clusters of %d bytes and tables of %d clusters read back byte for byte",
    async (cluster, table) => {
      await seeded(async (random) => {
        const folder = tempDir();
        const size = 48 * M + 3 * 512;
        const image = create(path.join(folder, "a.qed"), size, cluster, table);
        qemuIo(image, "qed", ...randomWrites(random, size, cluster));
        const node = await openPath(image);
        expect(node.info).toMatchObject({ clusterSize: cluster, specific: { "table-size": table } });
        await expectSameBytes(node, image);
        await expectSameMap(node, image);
      }, cluster + table);
    },
  );

  it.each([
    [64 * K, 2, 5 * G],
    [32 * K, 16, 20 * G],
    [64 * K, 4, 64 * T],
    [M, 16, 9 * T],
  ])(
    "with clusters of %d bytes and tables of %d agree at the borders of tables (size %d)",
    async (cluster, table, size) => {
      const span = ((cluster * table) / 8) * cluster;
      const image = create(path.join(tempDir(), "a.qed"), size, cluster, table);
      const borders = [span, 2 * span].flatMap((border) => [
        `write -P 17 ${border - 3 * cluster} ${4 * cluster}`,
        `write -z ${border + cluster} ${cluster}`,
        `write -P 18 ${border + 3 * cluster + 1} 511`,
      ]);
      qemuIo(image, "qed", ...borders, `write -P 19 ${size - 512} 512`);
      const node = await openPath(image);
      // The peer counts the bytes of a run in 32 bits: over larger tables its map aborts.
      if (span < 2 ** 32) await expectSameMap(node, image);
      for (const border of [span, 2 * span]) {
        const bytes = new Uint8Array(8 * cluster);
        await node.read(border - 4 * cluster, bytes);
        const expected = new Uint8Array(8 * cluster);
        expected.fill(17, cluster, 5 * cluster).fill(18, 7 * cluster + 1, 7 * cluster + 512);
        expect(firstDifference(bytes, expected)).toBeUndefined();
      }
      const last = new Uint8Array(512);
      await node.read(size - 512, last);
      expect(last).toEqual(filled(512, 19));
    },
  );

  it("in chains of raw and QED images of different sizes read as their top does", async () => {
    await seeded(async (random) => {
      for (let round = 0; round < 4; round++) {
        const folder = tempDir();
        const base = path.join(folder, "base.raw");
        fs.writeFileSync(base, random.bytes(M + 512 * random.below(2000)));
        let below: readonly [string, string] = ["base.raw", "raw"];
        let image = base;
        for (const name of ["middle.qed", "top.qed"]) {
          const cluster = random.pick([4 * K, 16 * K, 64 * K]);
          const size = M + 512 * random.below(4000);
          image = create(path.join(folder, name), size, cluster, random.pick([2, 4]), below);
          qemuIo(image, "qed", ...randomWrites(random, size, cluster));
          below = [name, "qed"];
        }
        const node = await openPath(image);
        expect(node.children[1]?.node.driver).toBe("qed");
        await expectSameBytes(node, image);
        await expectSameMap(node, image);
      }
    });
  });

  it("left dirty by a writer that died show the bit and read as they are", async () => {
    const image = create(path.join(tempDir(), "a.qed"), M, 64 * K, 4);
    const commands = ["-c", "write -P 5 100000 70000", "-c", "sigraise 9"];
    spawnSync("qemu-io", ["-f", "qed", ...commands, image], { stdio: "ignore" });
    const before = fs.readFileSync(image);
    const node = await openPath(image);
    expect(node.info.dirty).toBe(true);
    await expectSameBytes(node, image);
    expect(Buffer.compare(before, fs.readFileSync(image))).toBe(0);
  });

  it("show their backing file as qemu-img info does", async () => {
    const folder = tempDir();
    fs.writeFileSync(path.join(folder, "base.raw"), filled(M, 1));
    const image = create(path.join(folder, "a.qed"), M, 64 * K, 4, ["base.raw", "raw"]);
    const info = JSON.parse(run("qemu-img", "info", "--output=json", image)) as Record<string, unknown>;
    const node = await openPath(image);
    expect({
      "backing-filename": node.info.backing?.filename,
      "full-backing-filename": node.info.backing?.fullFilename,
      "backing-filename-format": node.info.backing?.format,
      "cluster-size": node.info.clusterSize,
      "virtual-size": node.size,
    }).toEqual({
      "backing-filename": info["backing-filename"],
      "full-backing-filename": info["full-backing-filename"],
      "backing-filename-format": info["backing-filename-format"],
      "cluster-size": info["cluster-size"],
      "virtual-size": info["virtual-size"],
    });
  });
});

describe.skipIf(lacksPeer("qemu-img", "qemu-io"))("images built by the tests themselves", () => {
  it("are sound QED for qemu-img and read the same there", async () => {
    await seeded(async (random) => {
      const clusters = new Map<number, Uint8Array | "zero">();
      for (let n = 0; n < 200; n++) {
        clusters.set(random.below(3000), n % 4 === 0 ? "zero" : random.bytes(4 * K));
      }
      const { bytes } = buildQed({ size: 3000 * 4 * K, clusterSize: 4 * K, tableSize: 2, clusters });
      const image = tempFile("a.qed", bytes);
      expect(run("qemu-img", "check", "-f", "qed", image)).toContain("No errors were found");
      await expectSameBytes(await openPath(image), image);
    });
  });
});

describe.skipIf(lacksPeer("qemu-img", "qemu-io"))("a QED image whose data lie in holes of its file", () => {
  it("is stored as data for the peer and for us, and known here to be zero", async () => {
    const image = create(path.join(tempDir(), "a.qed"), M, 64 * K, 4);
    qemuIo(image, "qed", "write -P 0 0 256k");
    const sparse = `${image}.sparse`;
    run("cp", "--sparse=always", image, sparse);
    const node = await openPath(sparse);
    await expectSameMap(node, sparse);
    expect(await chainExtentAt(node, 0, M)).toMatchObject({ length: 256 * K, state: "zero", stored: "data" });
  });
});

describe.skipIf(lacksPeer("qemu-img", "qemu-io"))("sparse raw images", () => {
  it("have the extents that qemu-img map finds", async () => {
    const image = path.join(tempDir(), "a.raw");
    fs.writeFileSync(image, "");
    fs.truncateSync(image, 3 * G + 1000);
    qemuIo(image, "raw", "write -P 1 0 64k", "write -P 2 1G 1M", "write -P 3 2G 4k");
    await expectSameMap(await openPath(image), image, "raw");
  });
});

function create(
  image: string,
  size: number,
  cluster: number,
  table: number,
  backing?: readonly [name: string, format: string],
): string {
  const below = backing === undefined ? [] : ["-b", backing[0], "-F", backing[1]];
  const options = `cluster_size=${cluster},table_size=${table}`;
  run("qemu-img", "create", "-q", "-f", "qed", ...below, "-o", options, image, String(size));
  return image;
}

/** Writes of odd ranges, whole clusters, zero clusters and zeroes over data, all over the image. */
function randomWrites(random: Random, size: number, cluster: number): string[] {
  return Array.from({ length: 40 }, () => {
    const room = Math.max(1, Math.floor(size / cluster) - 4);
    const start = random.below(room) * cluster;
    const whole = (1 + random.below(3)) * cluster;
    switch (random.below(3)) {
      case 0:
        return `write -z ${start} ${whole}`;
      case 1:
        return `write -P ${1 + random.below(255)} ${start} ${whole}`;
      default:
        return `write -P ${1 + random.below(255)} ${start + random.below(cluster)} ${1 + random.below(cluster)}`;
    }
  });
}

async function expectSameBytes(node: BlockNode, image: string): Promise<void> {
  const raw = `${image}.raw`;
  run("qemu-img", "convert", "-f", "qed", "-O", "raw", image, raw);
  expect(node.size).toBe(fs.statSync(raw).size);
  expect(firstDifference(await readAll(node), fs.readFileSync(raw))).toBeUndefined();
}

interface MapEntry {
  readonly start: number;
  readonly length: number;
  readonly depth: number;
  readonly present: boolean;
  readonly data: boolean;
  readonly offset?: number;
}

/** What both can say of a range; how deep a layer of zeroes lies the peer counts differently. */
interface Part {
  readonly start: number;
  length: number;
  readonly data: boolean;
  readonly present: boolean;
  readonly depth: number | undefined;
  readonly offset: number | undefined;
}

async function expectSameMap(node: BlockNode, image: string, format = "qed"): Promise<void> {
  const listed = JSON.parse(run("qemu-img", "map", "-f", format, "--output=json", image)) as MapEntry[];
  const layered = node.info.backing !== undefined;
  const expected = listed.map(({ start, length, depth, present, data, offset }) => ({
    start,
    // The peer rounds sizes up to whole sectors.
    length: Math.min(length, node.size - start),
    data,
    // Behind the end of a backing file map says absent and compare allocated; we say what compare says.
    present: layered ? data : present,
    depth: data ? depth : undefined,
    offset: data ? offset : undefined,
  }));
  const found: Part[] = [];
  for (let at = 0; at < node.size; ) {
    const { length, stored, depth, hostOffset } = await chainExtentAt(node, at, node.size - at);
    const data = stored === "data";
    const present = layered ? data : stored !== "unallocated";
    found.push({
      start: at,
      length,
      data,
      present,
      depth: data ? depth : undefined,
      offset: data ? hostOffset : undefined,
    });
    at += length;
  }
  expect(joined(found)).toEqual(joined(expected));
}

function joined(parts: readonly Part[]): Part[] {
  const result: Part[] = [];
  for (const part of parts) {
    const last = result.at(-1);
    const follows =
      last?.data === part.data &&
      last.present === part.present &&
      last.depth === part.depth &&
      (last.offset === undefined ? part.offset === undefined : last.offset + last.length === part.offset);
    if (last && follows) last.length += part.length;
    else result.push({ ...part });
  }
  return result;
}
