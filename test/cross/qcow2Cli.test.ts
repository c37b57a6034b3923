// Commands on qcow2 images beside qemu-img: what is printed, exit codes, and the images made.
import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLuks } from "../build/peers.ts";
import { Cli, childEnv, describeWithQemu } from "../core/cli/support.ts";
import { Twins } from "./twins.ts";

let cli: Cli;
let twins: Twins;
beforeAll(async () => {
  cli = await Cli.build();
  twins = new Twins(cli, makeImages(cli.path("source")));
});
afterAll(() => cli.remove());

function makeImages(folder: string): string {
  fs.mkdirSync(path.join(folder, "d"), { recursive: true });
  const peer = (program: string, ...args: string[]) =>
    execFileSync(program, args, { cwd: folder, stdio: "pipe" });
  const create = (...args: string[]) => peer("qemu-img", "create", "-q", "-f", "qcow2", ...args);
  const write = (image: string, ...commands: string[]) =>
    peer("qemu-io", "-f", "qcow2", ...commands.flatMap((command) => ["-c", command]), image);
  create("plain.qcow2", "4M");
  write("plain.qcow2", "write -P 1 0 64k", "write -P 2 1M 300k", "write -z 2M 128k", "write -c -P 3 3M 64k");
  create("-o", "compat=0.10,cluster_size=4k", "two.qcow2", "1M");
  write("two.qcow2", "write -P 5 12k 20k");
  create("-b", "plain.qcow2", "-F", "qcow2", "over.qcow2");
  write("over.qcow2", "write -P 7 64k 64k", "write -z 1M 64k");
  create("-b", "../over.qcow2", "-F", "qcow2", "d/top.qcow2", "5M");
  create("-u", "-b", "gone.qcow2", "-F", "qcow2", "dangling.qcow2", "1M");
  create("-o", "extended_l2=on,lazy_refcounts=on,refcount_bits=8", "sub.qcow2", "2M");
  write("sub.qcow2", "write -P 1 6k 10k");
  create("-o", "data_file=outside.raw,data_file_raw=on", "data.qcow2", "1M");
  write("data.qcow2", "write -P 4 0 128k");
  create("snaps.qcow2", "2M");
  write("snaps.qcow2", "write -P 1 0 128k");
  peer("qemu-img", "snapshot", "-c", "first", "snaps.qcow2");
  write("snaps.qcow2", "write -P 2 64k 128k");
  peer("qemu-img", "snapshot", "-c", "the second one", "snaps.qcow2");
  write("snaps.qcow2", "write -P 3 0 64k");
  create("bitmaps.qcow2", "2M");
  for (const [name, grain] of [
    ["b0", "64k"],
    ["another", "4k"],
  ] as const) {
    peer("qemu-img", "bitmap", "--add", "-g", grain, "bitmaps.qcow2", name);
  }
  peer("qemu-img", "bitmap", "--disable", "bitmaps.qcow2", "another");
  const secret = ["--object", "secret,id=s,data=abc"];
  createLuks(path.join(folder, "luks.qcow2"), "1M");
  create(...secret, "-o", "encrypt.format=aes,encrypt.key-secret=s", "aes.qcow2", "1M");
  peer("qemu-img", "convert", "-O", "raw", "plain.qcow2", "plain.raw");
  fs.copyFileSync(path.join(folder, "plain.raw"), path.join(folder, "different.raw"));
  fs.writeFileSync(path.join(folder, "different.raw"), "x", { flag: "r+" });
  return folder;
}

describeWithQemu("qcow2 images on the command line", () => {
  it.each([
    "info plain.qcow2",
    "info two.qcow2",
    "info over.qcow2",
    "info d/top.qcow2",
    "info dangling.qcow2",
    "info sub.qcow2",
    "info data.qcow2",
    "info snaps.qcow2",
    "info bitmaps.qcow2",
    "info luks.qcow2",
    "info aes.qcow2",
    "info --backing-chain d/top.qcow2",
    "info -f raw plain.qcow2",
    "snapshot -l snaps.qcow2",
    "snapshot -l plain.qcow2",
    "map plain.qcow2",
    "map --output=json plain.qcow2",
    "map --output=json d/top.qcow2",
    "map d/top.qcow2",
    "map --output=json sub.qcow2",
    "map --output=json data.qcow2",
    "map data.qcow2",
    "map --output=json -s 100k -l 1M over.qcow2",
    "compare plain.qcow2 plain.raw",
    "compare plain.qcow2 different.raw",
    "compare -s plain.qcow2 over.qcow2",
    "compare over.qcow2 d/top.qcow2",
    "compare plain.qcow2 plain.qcow2",
    "convert -O raw d/top.qcow2 out.raw",
    "convert -O raw sub.qcow2 out.raw",
    "convert -O raw snaps.qcow2 out.raw",
    "convert -O raw -l first snaps.qcow2 out.raw",
    "convert -O raw -l 2 snaps.qcow2 out.raw",
    "convert -O raw -l snapshot.name=first snaps.qcow2 out.raw",
    "convert -O raw -l snapshot.id=2,snapshot.name=first snaps.qcow2 out.raw",
    "convert -O raw -l nope snaps.qcow2 out.raw",
    "convert -O raw data.qcow2 out.raw",
    "dd -O raw bs=64k count=20 skip=2 if=plain.qcow2 of=out.raw",
    "measure -O raw over.qcow2",
  ])("%s", (line) => {
    twins.expectEqual(line.split(" "));
  });

  it.each(["plain", "two", "over", "sub", "data", "snaps", "bitmaps", "luks", "aes"])(
    "info --output=json %s.qcow2",
    (name) => {
      const json = (who: "own" | "peer") =>
        JSON.parse(twins.run(who, ["info", "--output=json", `${name}.qcow2`]).stdout);
      expect(json("own")).toEqual(json("peer"));
    },
  );

  it.each(["read -P 1 0 64k", "read -P 2 1M 300k", "read -P 0 2M 128k", "read -P 3 3M 64k", "map", "info"])(
    "qemu-io -r -c '%s'",
    (command) => {
      const run = (program: string, first: readonly string[], env: Record<string, string>) => {
        const args = [...first, "-r", "-c", command, "plain.qcow2"];
        const child = spawnSync(program, args, {
          cwd: cli.path("source"),
          encoding: "utf8",
          env: childEnv(env),
        });
        // How long it took is nobody's to say.
        return { code: child.status, out: child.stdout.replace(/[\d.:]+ sec .*/, ""), error: child.stderr };
      };
      expect(run(process.execPath, [cli.script], { BLKSCOPE_AS: "qemu-io" })).toEqual(run("qemu-io", [], {}));
    },
  );
});

/** Headers that no program writes: what both say of them. */
describeWithQemu("damaged qcow2 headers", () => {
  const u32 = (at: number, value: number) => (bytes: Buffer) => bytes.writeUInt32BE(value, at);
  const u64 = (at: number, value: bigint) => (bytes: Buffer) => bytes.writeBigUInt64BE(value, at);
  it.each<readonly [string, (bytes: Buffer) => void]>([
    ["version 4", u32(4, 4)],
    ["clusters of 256 bytes", u32(20, 8)],
    ["clusters of 4 MiB", u32(20, 22)],
    ["a header of 96 bytes", u32(100, 96)],
    ["a header longer than its cluster", u32(100, 65544)],
    ["a backing file name behind the first cluster", u64(8, 65537n)],
    [
      "a backing file name that is too long",
      (bytes) => [u64(8, 65000n), u32(16, 537)].map((one) => one(bytes)),
    ],
    ["an unknown incompatible feature", u64(72, 1n << 9n)],
    ["two of them", u64(72, (1n << 9n) | (1n << 40n))],
    ["a compression type without its bit", (bytes) => bytes.writeUInt8(1, 104)],
    ["the bit without a compression type", u64(72, 8n)],
    [
      "an unknown compression type",
      (bytes) => {
        u64(72, 8n)(bytes);
        bytes.writeUInt8(9, 104);
      },
    ],
    ["refcounts of 128 bits", u32(96, 7)],
    ["no refcount table", u32(56, 0)],
    ["a refcount table that is too large", u32(56, 129)],
    ["a refcount table that is not aligned", u64(48, 65537n)],
    ["a refcount table past any file", u64(48, 0xffff_ffff_ffff_0000n)],
    ["too many snapshots", u32(60, 65537)],
    ["a snapshot table that is not aligned", u64(64, 512n)],
    ["an L1 table that is too large", u32(36, 4 * 1024 * 1024 + 1)],
    ["an L1 table that is not aligned", u64(40, 1n)],
    ["an L1 table that is too small", u32(36, 0)],
    ["a disk that is too big", u64(24, 1n << 62n)],
    [
      "an extension that is too large",
      (bytes) => [u32(112, 0x1234), u32(116, 65536)].map((one) => one(bytes)),
    ],
    ["an unknown encryption method", u32(32, 3)],
    ["LUKS without its header", u32(32, 2)],
    ["a raw data file without a data file", u64(88, 2n)],
    ["a data file without a name", u64(72, 4n)],
  ])("%s", (_, damage) => {
    const name = "damaged.qcow2";
    const bytes = fs.readFileSync(path.join(cli.path("source"), "plain.qcow2"));
    damage(bytes);
    fs.writeFileSync(path.join(cli.path("source"), name), bytes);
    const own = twins.run("own", ["map", name]);
    const peer = twins.run("peer", ["map", name]);
    expect(peer.code).toBe(1);
    expect(own).toEqual(peer);
  });
});

describe("blkscope in its own words", () => {
  const run = (...args: string[]) => {
    const child = spawnSync(process.execPath, [cli.script, ...args], {
      cwd: cli.path("source"),
      encoding: "utf8",
      env: childEnv(),
    });
    return { code: child.status, out: child.stdout, error: child.stderr };
  };

  it("writes nothing to an encrypted image and says why", () => {
    const { code, out, error } = run("io", "-c", "write 0 512", "luks.qcow2");
    expect(code).toBe(1);
    expect(out + error).toContain("encrypt");
  });

  it("shows an encrypted image's map and refuses its data", () => {
    expect(run("map", "--kinds", "luks.qcow2")).toMatchObject({ code: 0, error: "" });
    expect(run("map", "--kinds", "luks.qcow2").out).toMatch(/refcount table +1 /);
  });

  it("tells the stored refcount beside the references", () => {
    const { out } = run("refs", "--guest", "0x10000", "snaps.qcow2");
    expect(out).toContain("References: 2\nStored refcount: 2\n");
    expect(out).toContain("L1[0] -> L2[1]");
    expect(out).toContain("snapshot 2, L1[0] -> L2[1]");
  });

  it.each(["plain", "snaps", "bitmaps", "data", "luks"])(
    "maps a metadata-only bundle of %s.qcow2 as the image itself",
    (name) => {
      const bundle = `${name}.bundle`;
      expect(run("bundle", `${name}.qcow2`, bundle).code).toBe(0);
      const [own, image] = [run("map", "--kinds", bundle), run("map", "--kinds", `${name}.qcow2`)];
      expect(own).toMatchObject({ code: 0, out: image.out });
    },
  );

  it("opens a snapshot by an option", () => {
    const spec = "driver=qcow2,snapshot=first,file.filename=snaps.qcow2";
    expect(run("io", "-r", "--image-opts", "-c", "read -P 1 64k 64k", spec)).toMatchObject({ code: 0 });
    const nope = run("info", "--image-opts", "driver=qcow2,snapshot=nope,file.filename=snaps.qcow2");
    expect(nope).toMatchObject({ code: 1 });
    expect(nope.error).toContain("It has 1 (first), 2 (the second one).");
  });
});
