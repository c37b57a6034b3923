// `create -f qcow2` and `measure -O qcow2` in the place of qemu-img beside the stock program: output, exit codes, and the
// files made, byte for byte.

import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { draftCreation, requestOf } from "../../core/cli/createOptions.ts";
import { splitOptionLists } from "../../core/cli/optionList.ts";
import { createImage } from "../../core/ops/create.ts";
import { run } from "../build/peers.ts";
import { Twins, words } from "../build/twins.ts";
import { Cli, describeWithQemu } from "../core/cli/support.ts";

let cli: Cli;
let twins: Twins;
beforeAll(async () => {
  cli = await Cli.build();
  twins = new Twins(cli);
  twins.prepare("qemu-img", "create", "-q", "-f", "raw", "base", "2M");
});
afterAll(() => cli.remove());
beforeEach(() => {
  for (const folder of [twins.peerFolder, twins.ownFolder]) {
    for (const name of ["new", "outside"]) fs.rmSync(path.join(folder, name), { force: true });
  }
});

/** The image made by the peer in its folder, and here in ours without a process for each. */
async function makeBoth(options: string, size: number, backing?: string): Promise<void> {
  const back = backing === undefined ? [] : ["-b", backing, "-F", "raw"];
  const set = options === "" ? [] : ["-o", options];
  const args = ["create", "-q", "-f", "qcow2", "-u", ...back, ...set, "new", String(size)];
  execFileSync("qemu-img", args, { cwd: twins.peerFolder });
  const draft = draftCreation(path.join(twins.ownFolder, "new"), "qcow2", {
    given: set.length === 0 ? [] : splitOptionLists([options]),
    backingFile: backing,
    backingFormat: backing && "raw",
  });
  await createImage(path.join(twins.ownFolder, "new"), "qcow2", requestOf(draft, size));
}

const widths = [1, 2, 4, 8, 32, 64];

const [kib, mib, gib] = [2 ** 10, 2 ** 20, 2 ** 30];

describeWithQemu("a new qcow2 image", () => {
  it.each<[options: string, size: number, backing?: string]>([
    ["", 64 * mib],
    ["", 0],
    ["", 1000],
    ["", 2 ** 40],
    ["compat=0.10", gib],
    ["compat=v2,cluster_size=512", 40 * mib],
    ["compat=1.1", gib],
    ["compat=v3,compat=v2", mib],
    ...[512, 1024, 4096, 8192, 2097152].map((size) => [`cluster_size=${size}`, 3 * gib] as [string, number]),
    ...widths.map((bits) => [`refcount_bits=${bits},cluster_size=4k`, gib] as [string, number]),
    ...widths.map((bits) => [`refcount_bits=${bits},cluster_size=512`, 2 * gib] as [string, number]),
    ["lazy_refcounts=on", mib],
    ["extended_l2=on", gib],
    ["extended_l2=on,cluster_size=16k", gib],
    ["compression_type=zstd", mib],
    ["encryption=off", mib],
    ["nocow=on,extent_size_hint=1M", mib],
    ["", gib, "base"],
    ["compat=v2", gib, "base"],
    ["cluster_size=512", mib, "nowhere"],
    ["data_file=outside", 2 * mib, "base"],
    ["data_file=outside", 150 * kib],
    ["data_file=outside,data_file_raw=on", 150 * kib],
    ["data_file=outside,data_file_raw=on,cluster_size=4k,extended_l2=off", 5 * mib],
    ["data_file=outside,extended_l2=on,preallocation=metadata", 150 * kib],
    ["data_file=outside,preallocation=falloc", 128 * kib],
    ["preallocation=off", mib],
    ["preallocation=metadata", 0],
    ["preallocation=metadata", 150 * kib],
    ["preallocation=metadata", 600 * mib],
    ["preallocation=metadata,cluster_size=4k", 150 * mib],
    ["preallocation=metadata,cluster_size=2M", 700 * mib],
    ["preallocation=metadata,extended_l2=on", 150 * kib],
    ["preallocation=metadata,extended_l2=on", 1000],
    ["preallocation=metadata,extended_l2=on,cluster_size=16k", 20 * mib, "base"],
    ["preallocation=metadata,compat=v2", 30 * mib],
    ...widths.map(
      (bits) => [`preallocation=metadata,refcount_bits=${bits},cluster_size=1k`, 9 * mib] as [string, number],
    ),
    ["preallocation=full", 150 * kib],
    ["preallocation=falloc", 5 * mib],
    ["preallocation=falloc,cluster_size=512", 3 * mib],
    ["preallocation=falloc,cluster_size=512,refcount_bits=64", 3 * mib],
    ["preallocation=full,extended_l2=on", 3 * mib, "base"],
    ["preallocation=falloc,cluster_size=4k", 100 * mib],
  ])("is the same, byte for byte: -o '%s' of %i bytes", async (options, size, backing) => {
    await makeBoth(options, size, backing);
    twins.sameBytes("new");
    twins.sameBytes("outside");
    const [own, peer] = [twins.ownFolder, twins.peerFolder].map(
      (folder) => fs.statSync(`${folder}/new`).blocks,
    );
    // Nor does it take more of the disk, but for blocks that only one of the two wrote zeroes to.
    expect(own).toBeLessThanOrEqual((peer ?? 0) + 16);
  });

  it.each([
    ["preallocation=metadata,cluster_size=2M", 9000 * mib],
    ["preallocation=metadata,cluster_size=2M,extended_l2=on", 5000 * mib],
  ] as const)("begins the same where requests of 2 GiB end: -o %s", async (options, size) => {
    await makeBoth(options, size);
    // Its first five clusters hold every table; what follows is data that nobody wrote.
    const [own, peer] = [twins.ownFolder, twins.peerFolder].map((folder) => {
      const bytes = Buffer.alloc(10 * mib);
      const fd = fs.openSync(path.join(folder, "new"), "r");
      fs.readSync(fd, bytes, 0, bytes.length, 0);
      fs.closeSync(fd);
      return { bytes, size: fs.statSync(path.join(folder, "new")).size };
    });
    expect(own?.size).toBe(peer?.size);
    expect(own?.bytes.equals(peer?.bytes ?? Buffer.alloc(0))).toBe(true);
  });

  it.each([
    ["preallocation=full", 0],
    ["cluster_size=512", 100 * gib],
    ["cluster_size=512,refcount_bits=64", 5 * gib],
    ["cluster_size=512,preallocation=metadata", 30 * mib],
    ["cluster_size=512,preallocation=metadata,refcount_bits=64", 20 * mib],
    ["cluster_size=512,preallocation=falloc,refcount_bits=64", 40 * mib],
    ["cluster_size=1k,preallocation=metadata,refcount_bits=32", 70 * mib],
  ] as const)(
    "has its refcount table where the peer's moved to: -o %s of %i bytes",
    async (options, size) => {
      await makeBoth(options, size);
      const image = path.join(twins.ownFolder, "new");
      expect(run("qemu-img", "check", image)).toContain("No errors were found");
      const [own, peer] = [image, path.join(twins.peerFolder, "new")].map((file) => fs.readFileSync(file));
      // The peer leaves the bytes of a table that it gave up; nothing refers to them.
      for (const bytes of [own, peer]) blankFree(bytes ?? Buffer.alloc(0));
      expect(own?.length).toBe(peer?.length);
      expect(own?.equals(peer ?? Buffer.alloc(0))).toBe(true);
    },
  );

  it.each([
    "new 64M",
    "-o size=5G new",
    "-q new 1T",
    "-b base -F raw new",
    "-b base -F raw new 1G",
    "-u -b nowhere -F qcow2 -o cluster_size=512 new 1M",
    "-o backing_file=base,backing_fmt=raw,compat=v2,lazy_refcounts=off new",
    "-o data_file=outside,data_file_raw=on,nocow=on,preallocation=metadata,compression_type=zstd new 1M",
  ])("is announced alike: %s", (line) => {
    expect(twins.same(["create", "-f", "qcow2", ...words(line)]).code).toBe(0);
    twins.sameBytes("new");
  });
});

/** Zeroes where the file's own refcounts, of up to 64 bits, say that nothing is in use. */
function blankFree(bytes: Buffer): void {
  const clusterSize = 2 ** bytes.readUInt32BE(20);
  const table = Number(bytes.readBigUInt64BE(48));
  const width = 2 ** bytes.readUInt32BE(96) / 8;
  const perBlock = clusterSize / width;
  for (let cluster = 0; cluster * clusterSize < bytes.length; cluster++) {
    const block = Number(bytes.readBigUInt64BE(table + Math.floor(cluster / perBlock) * 8));
    const entry = block + ((cluster % perBlock) + 1) * width - 1;
    if (block === 0 || bytes[entry] === 0) bytes.fill(0, cluster * clusterSize, (cluster + 1) * clusterSize);
  }
}

const wrongOptions = [
  "compat=2",
  "compat=",
  "compat=v2",
  "cluster_size=3k",
  "cluster_size=0",
  "cluster_size=4M",
  "extended_l2=on,cluster_size=8k",
  "extended_l2=on",
  "refcount_bits=3",
  "refcount_bits=8",
  "lazy_refcounts=on",
  "compression_type=lz4",
  "compression_type=zstd",
  "preallocation=bar",
  "preallocation=metadata",
  "data_file_raw=on",
  "encrypt.format=foo",
  "encryption=on",
  "encrypt.key-secret=sec0",
] as const;
const pairs = wrongOptions.flatMap((a, i) => wrongOptions.slice(i + 1).map((b) => `${a},${b}`));

describeWithQemu("options that no qcow2 image can have", () => {
  it.each([
    ...pairs.filter((_, index) => index % 16 === 0),
    "encrypt.format=luks",
    "encrypt.format=aes,encrypt.key-secret=sec0",
    "encryption=on,encrypt.format=luks",
    "encrypt.iter-time=abc",
    "encrypt.cipher-alg=aes-256",
    "refcount_bits=abc",
    "lazy_refcounts=maybe",
    "data_file=",
    "data_file=/nonexistent/outside",
    "data_file=outside,compat=v2",
    "compat=v2,extended_l2=on,cluster_size=8k",
  ])("are refused alike: %s", (options) => {
    twins.same(["create", "-f", "qcow2", "-o", options, "new", "1M"]);
  });

  it.each([
    "new",
    "-F raw new 1M",
    "-b '' -F raw new 1M",
    "-b base new",
    "-b base -F raw -o preallocation=metadata,data_file_raw=on new",
    "-b base -F raw -o preallocation=metadata new",
    "-b base -F raw -o data_file=outside,data_file_raw=on new",
    "-o cluster_size=512 new 129G",
    "new 3000T",
    `-u -b ${"x".repeat(1030)} -F raw new 1M`,
    `-u -b ${"x".repeat(600)} -F raw -o cluster_size=512 new 1M`,
  ])("is refused alike on the command line: %s", (line) => {
    expect(twins.same(["create", "-f", "qcow2", ...words(line)]).code).toBe(1);
  });

  it.each(["create -f qcow2 -o help", "create -f qcow2 -o help new"])("is listed alike: %s", (line) => {
    expect(twins.same(words(line)).code).toBe(0);
  });
});

describeWithQemu("files beside a new qcow2 image", () => {
  it("never empties the image or a backing file in place of a data file", () => {
    fs.writeFileSync(cli.path("precious"), Buffer.alloc(4096, 7));
    const backed = ["create", "-f", "qcow2", "-b", "precious", "-F", "raw", "-o"];
    expect(cli.run([...backed, "data_file=precious", "new"]).code).toBe(1);
    expect(cli.run([...backed, "data_file=./precious", "-u", "new", "1M"]).code).toBe(1);
    const own = cli.run(["create", "-f", "qcow2", "-o", "data_file=./precious", "precious", "1M"]);
    expect(own).toMatchObject({ code: 1, stderr: expect.stringContaining("is the image itself") });
    expect(fs.readFileSync(cli.path("precious"))).toEqual(Buffer.alloc(4096, 7));
  });

  it("makes neither file when one can't be made", () => {
    const args = ["create", "-f", "qcow2", "-o", "data_file=nowhere/outside", "new.qcow2", "1M"];
    expect(cli.run(args)).toMatchObject({ code: 1, stderr: expect.stringContaining("image's folder") });
    expect(fs.existsSync(cli.path("new.qcow2"))).toBe(false);
  });

  it("makes the data file in the image's folder, where it is looked for", () => {
    fs.mkdirSync(cli.path("below"), { recursive: true });
    expect(
      cli.run(["create", "-f", "qcow2", "-o", "data_file=d.raw", "below/new.qcow2", "1M"]),
    ).toMatchObject({ code: 0 });
    expect(fs.statSync(cli.path("below/d.raw")).size).toBe(1 << 20);
    expect(cli.run(["map", "below/new.qcow2"])).toMatchObject({ code: 0, stderr: "" });
  });
});

describeWithQemu("convert -O qcow2", () => {
  it.each([
    "compat=v2",
    "cluster_size=512,refcount_bits=1",
    "extended_l2=on,preallocation=metadata",
    "preallocation=full",
    "data_file=outside,data_file_raw=on",
  ])("makes its target with these options, with the same contents and length: %s", (options) => {
    const source = ["-c", "write -P 5 1M 300k", "-c", "write -P 6 9000k 70k", "-c", "write -P 7 19M 1M"];
    twins.prepare("qemu-img", "create", "-q", "-f", "raw", "source", "20M");
    twins.prepare("qemu-io", "-f", "raw", ...source, "source");
    expect(twins.same(["convert", "-f", "raw", "-O", "qcow2", "-o", options, "source", "new"]).code).toBe(0);
    const image = path.join(twins.ownFolder, "new");
    const size = (folder: string) => fs.statSync(path.join(folder, "new")).size;
    expect(size(twins.ownFolder)).toBe(size(twins.peerFolder));
    const run = (...args: string[]) =>
      execFileSync("qemu-img", args, { cwd: twins.ownFolder, encoding: "utf8" });
    expect(run("check", image)).toContain("No errors were found");
    expect(run("compare", "-f", "raw", "-F", "qcow2", "source", image)).toContain("identical");
  });

  it("leaves no data file behind where it fails", () => {
    const line = "convert -c -f raw -O qcow2 -o data_file=outside base new";
    twins.prepare("qemu-io", "-f", "raw", "-c", "write -P 5 0 1M", "base");
    expect(twins.same(words(line)).code).toBe(1);
    expect(fs.readdirSync(twins.ownFolder).filter((name) => /^(new|outside)/.test(name))).toEqual([]);
  });
});

describeWithQemu("measure -O qcow2", () => {
  const sets = [
    "cluster_size=512",
    "cluster_size=4k,refcount_bits=64",
    "cluster_size=2M,refcount_bits=1",
    "extended_l2=on",
    "extended_l2=on,cluster_size=16k",
    "preallocation=full",
    "preallocation=metadata",
    "compat=0.10",
    "backing_file=base",
    "compat=2",
    "cluster_size=3k",
    "refcount_bits=3",
    "compat=0.10,refcount_bits=8",
    "preallocation=bar",
    "extended_l2=on,cluster_size=8k",
    "foo=1",
  ];

  it.each(["", ...sets])("of a size is the same: -o '%s'", (options) => {
    const set = options === "" ? [] : ["-o", options];
    twins.same(["measure", "-O", "qcow2", ...set, "--size", "17T"]);
    twins.same(["measure", "-O", "qcow2", "--output=json", ...set, "--size", "100000000"]);
  });

  it.each(["0", "1", "1000", "1G"])("of a size is the same: %s", (size) => {
    twins.same(["measure", "-O", "qcow2", "-o", "cluster_size=4k", "--size", size]);
  });

  describe("of an image", () => {
    beforeAll(() => {
      twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", "-b", "base", "-F", "raw", "m.qcow2", "20M");
      const writes = [
        "write 1M 70k",
        "write 4097 1k",
        "write -z 8M 1M",
        "write 9000k 3k",
        "write -c 15M 64k",
      ];
      twins.prepare("qemu-io", ...writes.flatMap((line) => ["-c", line]), "m.qcow2");
      twins.prepare("qemu-img", "snapshot", "-c", "snap", "m.qcow2");
      twins.prepare("qemu-io", "-c", "write 12M 1M", "m.qcow2");
      twins.prepare("qemu-img", "bitmap", "--add", "-g", "512", "m.qcow2", "fine");
      twins.prepare("qemu-img", "bitmap", "--add", "m.qcow2", "coarse");
      twins.prepare(
        "qemu-img",
        "create",
        "-q",
        "-f",
        "qcow2",
        "-o",
        "preallocation=metadata",
        "p.qcow2",
        "9M",
      );
      twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", "-o", "compat=0.10", "v2.qcow2", "9M");
      twins.prepare("qemu-img", "convert", "-O", "raw", "m.qcow2", "m.raw");
      // Without ranges set aside but never written: what the system says of them changes as they are read.
      for (const folder of [twins.peerFolder, twins.ownFolder]) {
        const image = path.join(folder, "m.qcow2");
        fs.writeFileSync(image, fs.readFileSync(image));
      }
    });

    it.each(["", "cluster_size=1k", "preallocation=falloc", "compat=0.10", "backing_file=base"])(
      "is the same: -o %s",
      (options) => {
        const set = options === "" ? [] : ["-o", options];
        for (const image of ["m.qcow2", "p.qcow2", "v2.qcow2", "m.raw"]) {
          twins.same(["measure", "-O", "qcow2", ...set, image]);
        }
        twins.same(["measure", "-O", "qcow2", "--output=json", ...set, "m.qcow2"]);
        twins.same(["measure", "-O", "qcow2", ...set, "-l", "snap", "m.qcow2"]);
      },
    );
  });
});
