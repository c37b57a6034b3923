// Compressed clusters that we write to qcow2 images, judged by the stock programs: through the node, and by the commands in
// place of theirs.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openGraph } from "../../core/graph.ts";
import { failureOf, firstDifference, openPath, readAll, readRange } from "../build/open.ts";
import { lacksPeer, run } from "../build/peers.ts";
import { type Random, seeded } from "../build/random.ts";
import { tempDir } from "../build/temp.ts";
import { Cli, describeWithQemu } from "../core/cli/support.ts";
import { IoTwins } from "./ioTwins.ts";
import { Twins } from "./twins.ts";

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

const kinds: readonly (readonly [options: string, clusterSize: number])[] = [
  ["compression_type=zlib", 64 * kibibyte],
  ["compression_type=zstd", 64 * kibibyte],
  ["compat=0.10,cluster_size=4k", 4 * kibibyte],
  ["cluster_size=512,compression_type=zstd", 512],
  ["cluster_size=512,refcount_bits=1", 512],
  ["cluster_size=4k,refcount_bits=2,compression_type=zstd", 4 * kibibyte],
  ["cluster_size=2M", 2 * mebibyte],
  ["cluster_size=16k,extended_l2=on,lazy_refcounts=on", 16 * kibibyte],
];

/** Text, random bytes, or half of each: what compresses well, not at all, and a little. */
function contentOf(random: Random, length: number): Uint8Array {
  const text = Buffer.alloc(length, `line ${random.below(1000)} of some text\n`);
  const kind = random.below(3);
  if (kind > 0) text.set(random.bytes(kind === 1 ? length : Math.ceil(length / 2)));
  return text;
}

function expectSound(name: string, model: Uint8Array): void {
  const raw = `${name}.model`;
  fs.writeFileSync(raw, model);
  expect(run("qemu-img", "check", name)).toContain("No errors were found");
  run("qemu-img", "compare", "-f", "raw", "-F", "qcow2", raw, name);
}

describe.skipIf(lacksPeer("qemu-img", "qemu-io"))("compressed writes", () => {
  it.each(kinds)(
    "leave an image that is sound and holds what was written: %s",
    async (options, clusterSize) => {
      await seeded(async (random) => {
        const name = path.join(tempDir(), "disk.qcow2");
        const clusters = Math.max(6, Math.min(200, (4 * mebibyte) / clusterSize));
        // The last cluster is cut off by the end of the disk, unless it is a single sector.
        const size = clusters * clusterSize - (clusterSize > 512 ? 512 : 0);
        run("qemu-img", "create", "-q", "-f", "qcow2", "-o", options, name, String(size));
        const model = new Uint8Array(size);
        const graph = await openGraph(
          { driver: "qcow2", file: { driver: "file", filename: name } },
          { readOnly: false },
        );
        const node = graph.root;
        const isAllocated = new Set<number>();
        try {
          for (let i = 0; i < 60; i++) {
            const first = random.below(clusters);
            const count = Math.min(clusters - first, 1 + random.below(random.pick([1, 3, 40])));
            const range = Array.from({ length: count }, (_, at) => first + at);
            const offset = first * clusterSize;
            const length = Math.min(size - offset, count * clusterSize);
            const action = random.below(8);
            if (action < 5) {
              // Where nothing is, as compressed clusters; several requests at a time.
              const free = range.filter((cluster) => !isAllocated.has(cluster));
              await Promise.all(
                free.map((cluster) => {
                  const at = cluster * clusterSize;
                  const bytes = contentOf(random, Math.min(clusterSize, size - at));
                  isAllocated.add(cluster);
                  model.set(bytes, at);
                  return node.writeCompressed?.(at, bytes);
                }),
              );
            } else if (action === 5) {
              const bytes = contentOf(random, length);
              for (const cluster of range) isAllocated.add(cluster);
              model.set(bytes, offset);
              await node.write(offset, bytes);
            } else if (action === 6) {
              for (const cluster of range) isAllocated.delete(cluster);
              model.fill(0, offset, offset + length);
              await node.discard(offset, length);
            } else await node.flush();
            if (i % 20 === 0) expect(firstDifference(await readAll(node), model)).toBeUndefined();
          }
          expect(firstDifference(await readAll(node), model)).toBeUndefined();
        } finally {
          await graph.close();
        }
        expectSound(name, model);
      });
    },
  );

  it("are stored one behind the other in the order they were asked for", async () => {
    const name = path.join(tempDir(), "disk.qcow2");
    run("qemu-img", "create", "-q", "-f", "qcow2", name, "4M");
    const cluster = 64 * kibibyte;
    const graph = await openGraph(
      { driver: "qcow2", file: { driver: "file", filename: name } },
      { readOnly: false },
    );
    const order = [5, 3, 60, 0, 17];
    try {
      // The first ones take longest to compress.
      const contents = order.map((_, i) => Buffer.alloc(cluster, i === 0 ? "abcdefg" : String(i)));
      contents[0]?.set(new Uint8Array(30_000).map((_, i) => (i * i) % 251));
      await Promise.all(
        order.map((at, i) => graph.root.writeCompressed?.(at * cluster, contents[i] as Buffer)),
      );
    } finally {
      await graph.close();
    }
    const file = fs.readFileSync(name);
    const l2 = Number(file.readBigUInt64BE(Number(file.readBigUInt64BE(40))) & 0x00fffffffffffe00n);
    // Clusters of 64 KiB: bits 0 to 53 are the offset.
    const places = order.map((at) => Number(file.readBigUInt64BE(l2 + at * 8) & ((1n << 54n) - 1n)));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    // All in one cluster of the file: five streams need less than 64 KiB.
    expect(new Set(places.map((place) => Math.floor(place / cluster))).size).toBe(1);
  });

  it("do not overwrite what is allocated, as the stock program does not", async () => {
    const name = path.join(tempDir(), "disk.qcow2");
    run("qemu-img", "create", "-q", "-f", "qcow2", name, "1M");
    const cluster = 64 * kibibyte;
    const graph = await openGraph(
      { driver: "qcow2", file: { driver: "file", filename: name } },
      { readOnly: false },
    );
    const { root } = graph;
    const text = (word: string) => Buffer.alloc(cluster, word);
    try {
      await root.writeCompressed?.(0, text("first"));
      await root.write(cluster, text("second"));
      await root.writeZeroes(2 * cluster, cluster);
      for (const at of [0, cluster]) {
        const error = await failureOf(root.writeCompressed?.(at, text("other")) ?? Promise.resolve());
        expect(error).toMatchObject({ code: "EIO", context: { offset: at, length: cluster } });
      }
      await root.writeCompressed?.(2 * cluster, text("third"));
      expect(firstDifference(await readRange(root, 0, cluster), text("first"))).toBeUndefined();
    } finally {
      await graph.close();
    }
    const model = Buffer.concat([text("first"), text("second"), text("third"), Buffer.alloc(13 * cluster)]);
    expectSound(name, model);
  });

  it("are refused where they are no whole clusters, and write nothing then", async () => {
    const name = path.join(tempDir(), "disk.qcow2");
    run("qemu-img", "create", "-q", "-f", "qcow2", name, "200k");
    const before = fs.readFileSync(name);
    const graph = await openGraph(
      { driver: "qcow2", file: { driver: "file", filename: name } },
      { readOnly: false },
    );
    try {
      for (const [offset, length] of [
        [0, 512],
        [512, 65_536],
        [65_536, 65_536 + 512],
        [196_608, 4096],
      ] as const) {
        const error = await failureOf(
          graph.root.writeCompressed?.(offset, new Uint8Array(length)) ?? Promise.resolve(),
        );
        expect(error.code).toBe("EINVAL");
      }
      expect(Buffer.compare(fs.readFileSync(name), before)).toBe(0);
      // 200 KiB end 8 KiB behind three clusters.
      await graph.root.writeCompressed?.(196_608, Buffer.alloc(8192, "end"));
    } finally {
      await graph.close();
    }
    expectSound(name, Buffer.concat([Buffer.alloc(196_608), Buffer.alloc(8192, "end")]));
  });

  it("that fail leave the image sound, without what failed", async () => {
    const name = path.join(tempDir(), "disk.qcow2");
    run("qemu-img", "create", "-q", "-f", "qcow2", name, "1M");
    const cluster = 64 * kibibyte;
    const debug = {
      driver: "blkdebug",
      image: { driver: "file", filename: name },
      "inject-error": [{ event: "write_compressed", state: 2, once: true, errno: 5 }],
      "set-state": [{ event: "write_compressed", state: 1, new_state: 2 }],
    };
    const graph = await openGraph({ driver: "qcow2", file: debug }, { readOnly: false });
    const { root } = graph;
    try {
      await root.writeCompressed?.(0, Buffer.alloc(cluster, "one"));
      const error = await failureOf(
        root.writeCompressed?.(cluster, Buffer.alloc(cluster, "two")) ?? Promise.resolve(),
      );
      expect(error.code).toBe("EIO");
      await root.writeCompressed?.(2 * cluster, Buffer.alloc(cluster, "three"));
    } finally {
      await graph.close();
    }
    const model = Buffer.concat([
      Buffer.alloc(cluster, "one"),
      Buffer.alloc(cluster),
      Buffer.alloc(cluster, "three"),
      Buffer.alloc(13 * cluster),
    ]);
    expectSound(name, model);
  });

  it("of a conversion are about as small as the stock program's, and the same each time", async () => {
    await seeded(async (random) => {
      const folder = tempDir();
      const raw = path.join(folder, "disk.raw");
      // What programs are made of compresses as guests' disks do.
      const program = fs.readFileSync(process.execPath).subarray(0, 16 * mebibyte);
      fs.writeFileSync(
        raw,
        Buffer.concat([
          program,
          random.bytes(mebibyte),
          Buffer.alloc(3 * mebibyte),
          program.subarray(0, 1000 * 512),
        ]),
      );
      for (const codec of ["zlib", "zstd"]) {
        const [peer, ...own] = ["peer", "a", "b"].map((name) => path.join(folder, `${codec}-${name}.qcow2`));
        const options = ["-c", "-O", "qcow2", "-o", `compression_type=${codec}`, raw];
        run("qemu-img", "convert", ...options, peer as string);
        for (const name of own) run(process.execPath, cli.script, "convert", ...options, name);
        const sizes = [peer, ...own].map((name) => fs.statSync(name as string).size);
        // A level less, and another implementation: a few hundredths.
        expect((sizes[1] as number) / (sizes[0] as number)).toBeLessThan(1.05);
        expect(Buffer.compare(fs.readFileSync(own[0] as string), fs.readFileSync(own[1] as string))).toBe(0);
        expectSound(own[0] as string, fs.readFileSync(raw));
        await openPath(own[0] as string);
      }
    });
  });
});

let cli: Cli;
let folder: string;
beforeAll(async () => {
  cli = await Cli.build();
  folder = cli.path("compress-source");
  fs.mkdirSync(folder, { recursive: true });
  const peer = (program: string, ...args: string[]) => {
    const { status, stderr } = spawnSync(program, args, { cwd: folder, encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
  };
  if (lacksPeer("qemu-img", "qemu-io")) return;
  peer("qemu-img", "create", "-q", "-f", "raw", "a.raw", "1000448");
  peer("qemu-io", "-f", "raw", "-c", "write -P 1 512 100k", "-c", "write -P 2 300k 123k", "a.raw");
  peer("qemu-img", "create", "-q", "-f", "qcow2", "-o", "compression_type=zstd", "z.qcow2", "1M");
  peer("qemu-img", "create", "-q", "-f", "qcow2", "c.qcow2", "1M");
  peer("qemu-img", "create", "-q", "-f", "qcow2", "-o", "data_file=outside.raw", "d.qcow2", "1M");
  peer("qemu-img", "create", "-q", "-f", "qcow2", "-o", "preallocation=metadata", "p.qcow2", "1M");
  peer("qemu-img", "create", "-q", "-f", "qcow2", "odd.qcow2", "1025k");
});
afterAll(() => cli.remove());

describeWithQemu("convert -c", () => {
  it.each([
    [["convert", "-c", "-O", "qcow2", "a.raw", "o.qcow2"]],
    [["convert", "-c", "-W", "-O", "qcow2", "a.raw", "o.qcow2"]],
    [["convert", "-c", "-S", "0", "-O", "qcow2", "a.raw", "o.qcow2"]],
    [["convert", "-c", "-S", "128k", "-m", "1", "-O", "qcow2", "a.raw", "o.qcow2"]],
    [["convert", "-c", "-O", "qcow2", "-o", "compression_type=zstd,cluster_size=512", "a.raw", "o.qcow2"]],
    [["convert", "-c", "-O", "qcow2", "-o", "cluster_size=2M", "a.raw", "o.qcow2"]],
    [["convert", "-c", "-O", "qcow2", "a.raw", "a.raw", "o.qcow2"]],
    [["convert", "-c", "-n", "-O", "qcow2", "a.raw", "z.qcow2"]],
    [["convert", "-c", "-n", "-O", "raw", "a.raw", "a.raw"]],
    [["convert", "-c", "-O", "qcow2", "-o", "preallocation=metadata", "a.raw", "o.qcow2"]],
    [["convert", "-c", "-O", "qcow2", "-o", "data_file=x.raw", "a.raw", "o.qcow2"]],
    [["convert", "-c", "-n", "-O", "qcow2", "a.raw", "d.qcow2"]],
    [["convert", "-c", "-n", "-O", "qcow2", "a.raw", "p.qcow2"]],
    [["convert", "-c", "-O", "raw", "a.raw", "o.raw"]],
    [["convert", "-c", "-O", "qed", "a.raw", "o.qed"]],
  ])("says and makes what the stock program does: %j", (args) => {
    const twins = new Twins(cli, folder);
    const [own, peer] = [twins.run("own", args), twins.run("peer", args)];
    expect({ ...own, changed: [] }).toEqual({ ...peer, changed: [] });
    if (own.code !== 0) return;
    const [target = ""] = args.slice(-1);
    const images = (["own", "peer"] as const).map((who) => path.join(twins.folder(who), target));
    run("qemu-img", "compare", ...images);
    expect(run("qemu-img", "check", images[0] as string)).toContain("No errors were found");
    // A part of a cluster that reads as zeroes already may be left as it is.
    if (args.includes("-n")) return;
    const maps = images.map((image) => run("qemu-img", "map", "--output=json", image));
    expect(maps[0]).toBe(maps[1]);
  });
});

describeWithQemu("write -c of io", () => {
  it.each([
    ["c.qcow2", "write -c -P 1 0 64k", "write -c -P 2 0 64k", "read -P 1 0 64k"],
    ["z.qcow2", "write -c -P 1 64k 256k", "read -P 1 64k 256k", "write -P 3 128k 1k", "read -P 3 128k 1k"],
    ["c.qcow2", "write -c -P 1 0 32k", "write -c -P 1 32k 64k", "write -c 0 100"],
    ["c.qcow2", "write -c -z 0 64k", "write -c -z -n 0 64k", "write -c -f 0 64k"],
    ["odd.qcow2", "write -c -P 5 1M 512", "write -c -P 5 1M 1k", "read -P 5 1M 1k"],
    ["p.qcow2", "write -c -P 5 0 64k"],
    ["d.qcow2", "write -c -P 5 0 64k"],
    ["c.qcow2", "write -c -P 5 1M 64k"],
    ["-r c.qcow2", "write -c -P 5 0 64k"],
  ])("says what the stock program does: %s %s", (image, ...commands) => {
    const { own, peer } = new IoTwins(cli, folder).both(image, ...commands);
    expect(own).toEqual(peer);
  });

  it("fails for formats that can't compress, as the stock program does", () => {
    const { own, peer } = new IoTwins(cli, folder).both("-f raw a.raw", "write -c -P 5 0 64k");
    expect(own).toEqual(peer);
  });
});
