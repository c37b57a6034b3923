// qcow2 images made by the stock programs: every byte, the map and the facts as they say them.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, it } from "vitest";
import type { BlockNode } from "../../core/block/node.ts";
import { imageSpecForPath } from "../../core/graph.ts";
import { mapClusters } from "../../core/ops/clusterMap.ts";
import { mapEntries } from "../../core/ops/map.ts";
import { firstDifference, openForTest, openPath, readAll, readRange } from "../build/open.ts";
import { lacksPeer, run } from "../build/peers.ts";
import { type Random, seeded } from "../build/random.ts";
import { tempDir } from "../build/temp.ts";

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** The guest's bytes as the stock program reads them. */
function peerBytes(name: string, ...more: readonly string[]): Uint8Array {
  const raw = `${name}.content`;
  run("qemu-img", "convert", ...more, "-O", "raw", name, raw);
  const bytes = fs.readFileSync(raw);
  fs.rmSync(raw);
  return bytes;
}

async function expectSameBytes(node: BlockNode, name: string): Promise<void> {
  const [own, peer] = [await readAll(node), peerBytes(name)];
  expect({ size: own.length, at: firstDifference(own, peer) }).toEqual({ size: peer.length, at: undefined });
}

interface PeerEntry {
  readonly start: number;
  readonly length: number;
  readonly depth: number;
  readonly present: boolean;
  readonly zero: boolean;
  readonly data: boolean;
  readonly offset?: number;
}

async function expectSameMap(node: BlockNode, name: string): Promise<void> {
  const peer = JSON.parse(run("qemu-img", "map", "--output=json", name)) as PeerEntry[];
  expect(await ownMap(node)).toEqual(peer);
}

async function ownMap(node: BlockNode): Promise<readonly PeerEntry[]> {
  const own: PeerEntry[] = [];
  for await (const entry of mapEntries(node, 0, node.size)) {
    const { start, length, depth, present, zero, data, offset } = entry;
    own.push({ start, length, depth, present, zero, data, ...(offset !== undefined && { offset }) });
  }
  return own;
}

/** The map of the file has no problems where the stock check has none, and counts as many clusters of the guest. */
async function expectSound(node: BlockNode, name: string): Promise<void> {
  const check = JSON.parse(run("qemu-img", "check", "--output=json", name)) as Record<string, number>;
  const job = { signal: new AbortController().signal, progress: () => undefined };
  const { kinds, badEntries, extraReferences, guest } = (await mapClusters(node, job)).summary;
  const problems = kinds.leaked.clusters + kinds.overlap.clusters + kinds["bad-entry"].clusters;
  expect({ problems, badEntries, extraReferences }).toEqual({
    problems: 0,
    badEntries: 0,
    extraReferences: 0,
  });
  expect(guest?.total).toBe(check["total-clusters"]);
  // The peer counts zero clusters that have a place as allocated.
  expect(guest?.allocated ?? 0).toBeLessThanOrEqual(check["allocated-clusters"] ?? 0);
  expect((guest?.allocated ?? 0) + (guest?.zero ?? 0)).toBeGreaterThanOrEqual(
    check["allocated-clusters"] ?? 0,
  );
}

/** Requests one after the other; compressed writes over what is there are refused, which is no matter here. */
function change(name: string, commands: readonly string[]): void {
  const list = commands.flatMap((command) => ["-c", command]);
  spawnSync("qemu-io", ["-f", "qcow2", "-t", "writeback", ...list, name]);
}

const codes = ["-z ", "-z -u ", "-c ", "", "", ""];

/** Requests of all kinds, at places that share clusters and tables. */
function requests(random: Random, size: number, clusterSize: number, compresses: boolean): string[] {
  const list: string[] = [];
  for (let i = 0; i < 40; i++) {
    const code = random.pick(codes);
    if (code === "-c ") {
      const cluster = random.below(Math.floor(size / clusterSize)) * clusterSize;
      if (compresses) list.push(`write -c -P ${random.below(256)} ${cluster} ${clusterSize}`);
      continue;
    }
    const length = 512 * (1 + random.below(Math.max(1, Math.min(size / 4, clusterSize * 5) / 512)));
    const at = 512 * random.below((size - length) / 512);
    if (random.below(8) === 0) list.push(`discard ${at} ${length}`);
    else list.push(`write ${code}${code === "" ? `-P ${1 + random.below(255)} ` : ""}${at} ${length}`);
  }
  return list;
}

interface Kind {
  readonly options: string;
  readonly size: number;
  readonly compresses?: boolean;
  readonly backing?: boolean;
}

const kinds: readonly Kind[] = [
  { options: "compat=1.1", size: 8 * mebibyte },
  { options: "compat=0.10", size: 8 * mebibyte },
  { options: "cluster_size=512", size: 2 * mebibyte },
  { options: "cluster_size=512,compat=0.10", size: mebibyte + 512, backing: true },
  { options: "cluster_size=2M", size: 12 * mebibyte },
  { options: "cluster_size=4k,refcount_bits=1", size: 4 * mebibyte, compresses: false },
  { options: "cluster_size=4k,refcount_bits=64,lazy_refcounts=on", size: 4 * mebibyte + 3072, backing: true },
  { options: "cluster_size=1k,refcount_bits=8", size: 3 * mebibyte, backing: true },
  { options: "extended_l2=on,cluster_size=16k", size: 4 * mebibyte, backing: true },
  { options: "extended_l2=on,cluster_size=128k", size: 16 * mebibyte },
  { options: "extended_l2=on,cluster_size=2M", size: 16 * mebibyte, backing: true },
  { options: "data_file=outside.raw", size: 4 * mebibyte, compresses: false },
  { options: "data_file=outside.raw,data_file_raw=on", size: 4 * mebibyte, compresses: false },
  { options: "data_file=out:side,extended_l2=on", size: 4 * mebibyte, compresses: false },
  { options: "preallocation=metadata", size: 8 * mebibyte },
  { options: "preallocation=falloc,cluster_size=4k", size: 2 * mebibyte },
  { options: "preallocation=full", size: 2 * mebibyte },
];

describe.skipIf(lacksPeer("qemu-img", "qemu-io"))("qcow2 images of the stock programs", () => {
  it.each(kinds)("read and map alike: $options $size", async (kind) => {
    await seeded(async (random) => {
      const folder = tempDir();
      const base = path.join(folder, "base.qcow2");
      const name = path.join(folder, "image.qcow2");
      const options = kind.options.replace(/data_file=([^,]*)/, `data_file=${folder}/$1`);
      const clusterSize = sizeIn(options);
      if (kind.backing) {
        run("qemu-img", "create", "-q", "-f", "qcow2", base, String(kind.size - mebibyte / 2));
        change(base, requests(random, kind.size - mebibyte / 2, 65536, true));
      }
      const backing = kind.backing ? ["-b", base, "-F", "qcow2"] : [];
      run("qemu-img", "create", "-q", "-f", "qcow2", "-o", options, ...backing, name, String(kind.size));
      change(name, requests(random, kind.size, clusterSize, kind.compresses ?? true));
      const node = await openPath(name);
      expect(node.driver).toBe("qcow2");
      await expectSameBytes(node, name);
      await expectSameMap(node, name);
      await expectSound(node, name);
    });
  });

  it("reads any part of an image as the whole of it", async () => {
    await seeded(async (random) => {
      const name = path.join(tempDir(), "image.qcow2");
      run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "extended_l2=on,cluster_size=16k", name, "4M");
      change(name, requests(random, 4 * mebibyte, 16384, true));
      const node = await openPath(name);
      const whole = await readAll(node);
      for (let i = 0; i < 200; i++) {
        const offset = random.below(node.size);
        const part = await readRange(node, offset, random.below(Math.min(100_000, node.size - offset)));
        expect(firstDifference(part, whole.subarray(offset, offset + part.length))).toBeUndefined();
      }
    });
  });

  it("reads every snapshot as it was, and the disk as it is", async () => {
    await seeded(async (random) => {
      const name = path.join(tempDir(), "image.qcow2");
      run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=4k", name, "4M");
      const states: Uint8Array[] = [];
      for (let i = 0; i < 4; i++) {
        change(name, requests(random, 4 * mebibyte, 4096, true));
        run("qemu-img", "snapshot", "-c", `state ${i}`, name);
        states.push(peerBytes(name));
      }
      run("qemu-img", "resize", "-q", name, "6M");
      change(name, requests(random, 6 * mebibyte, 4096, true));
      await expectSameBytes(await openPath(name), name);
      await expectSound(await openPath(name), name);
      for (const [i, state] of states.entries()) {
        for (const snapshot of [`state ${i}`, String(i + 1)]) {
          const spec = { driver: "qcow2", snapshot, ...(imageSpecForPath(name) as object) };
          const { root } = await openForTest(spec);
          expect(root.size).toBe(4 * mebibyte);
          expect(firstDifference(await readAll(root), state)).toBeUndefined();
        }
      }
      const { root } = await openForTest(imageSpecForPath(name));
      expect(root.info.snapshots?.map(({ id, name: tag }) => [id, tag])).toEqual(
        states.map((_, i) => [String(i + 1), `state ${i}`]),
      );
    });
  });

  it("reads a compressed image with streams that share host clusters", async () => {
    await seeded(async (random) => {
      const folder = tempDir();
      const raw = path.join(folder, "disk.raw");
      // Text compresses, random bytes do not, zeroes become nothing.
      const bytes = Buffer.concat(
        Array.from({ length: 40 }, (_, i) =>
          i % 3 === 0
            ? Buffer.from(random.bytes(30_000))
            : i % 3 === 1
              ? Buffer.alloc(50_000, `line ${random.below(1000)} of some text\n`)
              : Buffer.alloc(70_000),
        ),
      );
      fs.writeFileSync(raw, bytes.subarray(0, Math.floor(bytes.length / 512) * 512));
      for (const size of ["512", "4k", "64k", "2M"]) {
        const name = path.join(folder, `c${size}.qcow2`);
        run("qemu-img", "convert", "-c", "-O", "qcow2", "-o", `cluster_size=${size}`, raw, name);
        const node = await openPath(name);
        await expectSameBytes(node, name);
        await expectSameMap(node, name);
      }
    });
  });
});

/** What the stock program makes of an image whose tables are damaged: sectors that it can't read are zeroes. */
function salvagedBytes(name: string): Uint8Array {
  const raw = `${name}.content`;
  const child = spawnSync("qemu-img", ["convert", "--salvage", "-q", "-O", "raw", name, raw]);
  expect(child.status).toBe(0);
  const bytes = fs.readFileSync(raw);
  fs.rmSync(raw);
  return bytes;
}

async function ownSalvaged(node: BlockNode, unit: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(node.size);
  for (let at = 0; at < bytes.length; at += unit) {
    const part = bytes.subarray(at, at + unit);
    await node.read(at, part).catch(() => part.fill(0));
  }
  return bytes;
}

describe.skipIf(lacksPeer("qemu-img", "qemu-io"))("qcow2 images with damaged tables", () => {
  it.each([
    ["compat=1.1,cluster_size=4k", 4096],
    ["compat=0.10,cluster_size=512", 512],
    ["extended_l2=on,cluster_size=16k", 16384],
  ] as const)("read and map as the stock programs have it: %s", async (options, clusterSize) => {
    await seeded(async (random) => {
      const name = path.join(tempDir(), "image.qcow2");
      const size = 2 * mebibyte;
      run("qemu-img", "create", "-q", "-f", "qcow2", "-o", options, name, String(size));
      change(name, requests(random, size, clusterSize, true));
      const whole = fs.readFileSync(name);
      const tables = tablesOf(whole, clusterSize);
      for (let round = 0; round < 8; round++) {
        const bytes = Buffer.from(whole);
        for (let n = 0; n < 6; n++) damage(bytes, random, tables, clusterSize);
        fs.writeFileSync(name, bytes);
        const node = await openPath(name);
        const own = await ownSalvaged(node, Math.max(512, clusterSize / 32));
        const peer = salvagedBytes(name);
        expect({ round, at: firstDifference(own, peer) }).toEqual({ round, at: undefined });
        const map = spawnSync("qemu-img", ["map", "--output=json", name]);
        if (map.status === 0) await expectSameMap(node, name);
        else await expect(ownMap(node)).rejects.toMatchObject({ code: "ECORRUPT" });
      }
    });
  });
});

/** Where the L1 table and the L2 tables lie. */
function tablesOf(
  bytes: Buffer,
  clusterSize: number,
): readonly (readonly [offset: number, entries: number])[] {
  const l1: [number, number] = [Number(bytes.readBigUInt64BE(40)), bytes.readUInt32BE(36)];
  const entries = Array.from({ length: l1[1] }, (_, i) => bytes.readBigUInt64BE(l1[0] + i * 8));
  const l2 = entries.map((entry) => Number(entry & 0x00fffffffffffe00n)).filter((offset) => offset !== 0);
  return [l1, ...l2.map((offset) => [offset, clusterSize / 8] as [number, number])];
}

/** A bit of an entry that says something, a whole entry, or a byte of the file. */
function damage(
  bytes: Buffer,
  random: Random,
  tables: readonly (readonly [number, number])[],
  clusterSize: number,
): void {
  const [offset, entries] = random.pick(tables);
  const used = Array.from({ length: entries }, (_, i) => offset + i * 8).filter((at) =>
    bytes.readBigUInt64BE(at),
  );
  const at = used.length === 0 ? offset : random.pick(used);
  const kind = random.below(4);
  if (kind === 0) bytes.writeBigUInt64BE(bytes.readBigUInt64BE(at) ^ (1n << BigInt(random.below(64))), at);
  else if (kind === 1)
    bytes.writeBigUInt64BE(BigInt(random.below(bytes.length / clusterSize) * clusterSize), at);
  else if (kind === 2) bytes.writeBigUInt64BE(BigInt(random.below(2 ** 31)), at);
  else bytes.writeUInt8(random.below(256), clusterSize * 4 + random.below(bytes.length - clusterSize * 4));
}

/** The cluster size among creation options. */
function sizeIn(options: string): number {
  const [, digits = "64", unit = "k"] = /cluster_size=(\d+)([kM]?)/.exec(options) ?? [];
  return Number(digits) * { "": 1, k: kibibyte, M: mebibyte }[unit as "" | "k" | "M"];
}
