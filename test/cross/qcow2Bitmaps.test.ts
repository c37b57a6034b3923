// Persistent bitmaps of qcow2 images: `bitmap` in the place of qemu-img beside the stock program, and what our writer
// records in them, as qemu-nbd serves it.
import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { lacksPeer } from "../build/peers.ts";
import { Twins, words } from "../build/twins.ts";
import { Cli, childEnv, describeWithQemu } from "../core/cli/support.ts";

let cli: Cli;
let twins: Twins;
beforeAll(async () => {
  cli = await Cli.build();
  twins = new Twins(cli);
});
afterAll(() => cli.remove());

/** The peer numbers nodes that have no name. */
const withoutNodeNames = (text: string) => text.replace(/persistent in '[^']+'/, "persistent in 'NODE'");
const same = (line: string) => twins.same(words(line), withoutNodeNames);

function bitmapsOf(cwd: string, name: string): unknown {
  const info = JSON.parse(
    execFileSync("qemu-img", ["info", "--output=json", name], { cwd, encoding: "utf8" }),
  );
  return { size: info["virtual-size"], data: info["format-specific"].data };
}

function check(cwd: string, name: string): string | undefined {
  return execFileSync("qemu-img", ["check", name], { cwd, encoding: "utf8" }).split("\n")[0];
}

function sameImage(name: string): void {
  expect(bitmapsOf(twins.ownFolder, name)).toEqual(bitmapsOf(twins.peerFolder, name));
  expect(check(twins.ownFolder, name)).toBe("No errors were found on the image.");
}

const lacksNbd = lacksPeer("qemu-nbd");

/** The server has the image locked until it is gone. */
function end(pid: number): void {
  const stat = `/proc/${pid}/stat`;
  spawnSync("kill", [String(pid)]);
  for (let tries = 0; tries < 3000; tries++) {
    // One whose parent does not ask for its end stays as a name only.
    if (!fs.existsSync(stat) || fs.readFileSync(stat, "utf8").includes(") Z ")) return;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
  throw new Error(`qemu-nbd (${pid}) did not end within a minute`);
}

/** Ranges and whether they are dirty, as the stock server says: [start, length, isDirty]. */
function served(cwd: string, image: string, bitmap: string): unknown[] {
  const socket = path.join(cwd, "nbd.sock");
  const pidFile = path.join(cwd, "nbd.pid");
  const serve = ["-r", "-f", "qcow2", "-B", bitmap, "-k", socket, "--fork", "--pid-file", pidFile, image];
  execFileSync("qemu-nbd", serve, { cwd, stdio: "ignore" });
  try {
    const spec = `driver=nbd,server.type=unix,server.path=${socket},x-dirty-bitmap=qemu:dirty-bitmap:${bitmap}`;
    const map = execFileSync("qemu-img", ["map", "--output=json", "--image-opts", spec], {
      encoding: "utf8",
    });
    const list = JSON.parse(map) as { start: number; length: number; data: boolean }[];
    return list.map(({ start, length, data }) => [start, length, !data]);
  } finally {
    end(Number(fs.readFileSync(pidFile, "utf8")));
    fs.rmSync(socket, { force: true });
    fs.rmSync(pidFile, { force: true });
  }
}

function sameBits(image: string, ...bitmaps: readonly string[]): void {
  if (lacksNbd) return;
  for (const bitmap of bitmaps) {
    const [own, peer] = [twins.ownFolder, twins.peerFolder].map((cwd) => served(cwd, image, bitmap));
    expect({ bitmap, ranges: own }).toEqual({ bitmap, ranges: peer });
  }
}

/** The same commands of qemu-io by both. */
function io(image: string, ...commands: readonly string[]): void {
  const list = ["-f", "qcow2", ...commands.flatMap((command) => ["-c", command]), image];
  execFileSync("qemu-io", list, { cwd: twins.peerFolder, stdio: "ignore" });
  const env = childEnv({ BLKSCOPE_AS: "qemu-io" });
  const own = spawnSync(process.execPath, [cli.script, ...list], {
    cwd: twins.ownFolder,
    encoding: "utf8",
    env,
  });
  expect({ code: own.status, stderr: own.stderr }).toEqual({ code: 0, stderr: "" });
}

describeWithQemu("bitmap in the place of qemu-img", () => {
  it("adds, changes and removes bitmaps as the peer does", () => {
    twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", "disk", "10M");
    twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", "other", "10M");
    twins.prepare("qemu-img", "bitmap", "--add", "-g", "4k", "other", "source");
    twins.prepare("qemu-io", "-c", "write 3M 10k", "-c", "write 9M 1M", "other");
    same("bitmap --add disk b0");
    sameImage("disk");
    same("bitmap --add -g 512 disk fine");
    same("bitmap --add --disable -g 2G disk coarse");
    sameImage("disk");
    same("bitmap --disable disk b0");
    same("bitmap --enable disk coarse");
    sameImage("disk");
    same("bitmap --merge source -b other -F qcow2 disk fine");
    same("bitmap --merge fine --merge coarse disk b0");
    sameImage("disk");
    sameBits("disk", "b0", "fine", "coarse");
    same("bitmap --clear disk fine");
    sameBits("disk", "b0", "fine");
    for (const name of ["b0", "fine", "coarse"]) {
      same(`bitmap --remove disk ${name}`);
      sameImage("disk");
    }
  });

  it("refuses what the peer refuses, in its words", () => {
    twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", "disk", "10M");
    twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", "-o", "compat=0.10", "old", "10M");
    twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", "vast", "8T");
    twins.prepare("qemu-img", "bitmap", "--add", "disk", "b");
    twins.prepare("qemu-img", "bitmap", "--add", "vast", "b");
    const lines = [
      "bitmap --add disk ''",
      "bitmap --add disk b",
      "bitmap --add -g 1000 disk c",
      "bitmap --add -g 256 disk c",
      "bitmap --add -g 4G disk c",
      `bitmap --add disk ${"n".repeat(1024)}`,
      "bitmap --add old b",
      "bitmap --add -g 512 vast c",
      "bitmap --merge b -b disk -F qcow2 vast b",
      "bitmap --merge c disk b",
      "bitmap --merge b disk c",
      "bitmap --add --merge c disk d",
    ];
    for (const action of ["remove", "clear", "enable", "disable"]) lines.push(`bitmap --${action} disk c`);
    for (const line of lines) same(line);
    for (const name of ["disk", "old", "vast"]) sameImage(name);
  });

  it("refuses bitmaps that were not stored, except to remove them", () => {
    twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", "disk", "10M");
    twins.prepare("qemu-img", "bitmap", "--add", "disk", "lost");
    for (const cwd of [twins.peerFolder, twins.ownFolder]) {
      spawnSync("qemu-io", ["-c", "write 0 64k", "-c", "sigraise 9", "disk"], { cwd });
    }
    twins.prepare("qemu-img", "bitmap", "--add", "disk", "good");
    for (const action of ["clear", "enable", "disable", "add", "merge good"])
      same(`bitmap --${action} disk lost`);
    same("bitmap --merge lost disk good");
    same("resize disk 20M");
    same("amend -o size=20M disk");
    sameImage("disk");
    same("bitmap --remove disk lost");
    same("resize disk 20M");
    sameImage("disk");
  });

  it.each(["64k", "512"])("records what is written, in clusters of %s", (cluster) => {
    twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", "-o", `cluster_size=${cluster}`, "disk", "10M");
    for (const [name, grain] of [
      ["fine", "512"],
      ["usual", "64k"],
      ["off", "4k"],
    ] as const) {
      twins.prepare("qemu-img", "bitmap", "--add", "-g", grain, "disk", name);
    }
    twins.prepare("qemu-img", "bitmap", "--disable", "disk", "off");
    io("disk", "write 1000k 3k", "write -z 2M 70k", "discard 4M 1M", "read 7M 1M");
    io("disk", "write 10239k 1k", "write 0 512");
    sameImage("disk");
    sameBits("disk", "fine", "usual", "off");
    same("resize --shrink disk 5000k");
    same("resize disk 9M");
    sameImage("disk");
    sameBits("disk", "fine", "usual", "off");
  });

  it.skipIf(lacksNbd)("lists what a bitmap has noted, as the stock server says it", () => {
    twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=512", "disk", "10M");
    for (const [name, grain] of [
      ["fine", "512"],
      ["coarse", "128k"],
    ] as const) {
      twins.prepare("qemu-img", "bitmap", "--add", "-g", grain, "disk", name);
    }
    const writes = ["write 1000k 3k", "write 3M 1M", "write 10239k 1k", "write 0 512"];
    twins.prepare("qemu-io", ...writes.flatMap((write) => ["-c", write]), "disk");
    const disk = path.join(twins.ownFolder, "disk");
    const mapped = (...args: readonly string[]) => cli.run(["map", "--bitmap", ...args, disk]);
    const listed = (...args: readonly string[]) =>
      JSON.parse(mapped(...args, "--output", "json").stdout).map((range: object) => Object.values(range));
    const fine = [
      [0, 512],
      [1000 * 1024, 3 * 1024],
      [3 << 20, 1 << 20],
      [10239 * 1024, 1024],
    ];
    expect(listed("fine")).toEqual(fine);
    for (const name of ["fine", "coarse"]) {
      const dirty = (served(twins.peerFolder, "disk", name) as [number, number, boolean][]).filter(
        ([, , isDirty]) => isDirty,
      );
      expect(listed(name)).toEqual(dirty.map(([start, length]) => [start, length]));
    }
    expect(listed("fine", "-s", "1001k", "-l", "3M")).toEqual([
      [1001 * 1024, 2 * 1024],
      [3 << 20, 1001 * 1024],
    ]);
    expect(mapped("coarse").stdout.split("\n")).toEqual([
      "Offset          Length",
      "0               0x20000",
      // 1000 KiB and 3 KiB lie in the granule that begins at 896 KiB.
      "0xe0000         0x20000",
      "0x300000        0x100000",
      "0x9e0000        0x20000",
      "",
    ]);
  });

  it("lists nothing of a bitmap that is not there, or that was not stored", () => {
    twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", "disk", "1M");
    twins.prepare("qemu-img", "bitmap", "--add", "disk", "b");
    const disk = path.join(twins.ownFolder, "disk");
    const refused = (name: string, ...more: readonly string[]) => {
      const { code, stdout, stderr } = cli.run(["map", "--bitmap", name, ...more, disk]);
      expect([code, stdout]).toEqual([1, ""]);
      return stderr;
    };
    expect(cli.run(["map", "--bitmap", "b", "--output", "json", disk]).stdout).toBe("[]\n");
    expect(refused("a")).toContain("Dirty bitmap 'a' not found");
    expect(refused("b", "-f", "raw")).toContain("Images of the format raw keep no bitmaps");
    expect(refused("b", "--kinds")).toContain("--kinds and --bitmap are mutually exclusive");
    spawnSync("qemu-io", ["-c", "write 0 64k", "-c", "sigraise 9", disk]);
    expect(refused("b")).toContain("Bitmap 'b' is inconsistent and cannot be used");
  });

  // The stock program opens it without its snapshots, and writes a header that has none when it marks the bitmap.
  it("keeps by check -r all the snapshots beside a bitmap", () => {
    twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", "disk", "1M");
    twins.prepare("qemu-io", "-c", "write -P 5 0 64k", "disk");
    twins.prepare("qemu-img", "snapshot", "-c", "one", "disk");
    twins.prepare("qemu-img", "bitmap", "--add", "disk", "b");
    const disk = path.join(twins.ownFolder, "disk");
    const before = fs.readFileSync(disk);
    const { code, stdout } = cli.run(["check", "-r", "all", disk], { BLKSCOPE_AS: "qemu-img" });
    expect([code, stdout.split("\n")[0]]).toEqual([0, "No errors were found on the image."]);
    expect(Buffer.compare(fs.readFileSync(disk), before)).toBe(0);
  });

  it("leaves a bitmap in use when it ends before the image is closed, as the peer does", () => {
    twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", "disk", "1M");
    twins.prepare("qemu-img", "bitmap", "--add", "disk", "b");
    const commands = ["-f", "qcow2", "-c", "write 0 64k", "-c", "flush", "-c", "sigraise 9", "disk"];
    spawnSync("qemu-io", commands, { cwd: twins.peerFolder });
    const env = childEnv({ BLKSCOPE_AS: "qemu-io" });
    spawnSync(process.execPath, [cli.script, ...commands], { cwd: twins.ownFolder, env });
    sameImage("disk");
    expect(JSON.stringify(bitmapsOf(twins.ownFolder, "disk"))).toContain("in-use");
  });

  it("takes bitmaps out of an image that becomes one of version 2", () => {
    twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", "disk", "1M");
    twins.prepare("qemu-img", "bitmap", "--add", "disk", "b");
    twins.prepare("qemu-io", "-c", "write 0 64k", "disk");
    same("amend -o compat=0.10 disk");
    // The stock program leaves their clusters behind.
    sameImage("disk");
  });
});

describeWithQemu("convert --bitmaps in the place of qemu-img", () => {
  /** Four bitmaps with bits in them, one of which does not record. */
  function makeSource(name: string): void {
    twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", name, "10M");
    for (const bitmap of ["b1", "zz", "aa"]) twins.prepare("qemu-img", "bitmap", "--add", name, bitmap);
    twins.prepare("qemu-io", "-c", "write 1M 100k", name);
    twins.prepare("qemu-img", "bitmap", "--disable", name, "zz");
    twins.prepare("qemu-img", "bitmap", "--add", "-g", "512", name, "fine");
    twins.prepare("qemu-io", "-c", "write 5M 1k", "-c", "write -z 10239k 1k", name);
  }

  it.each(["", "-c", "-o cluster_size=512", "-o extended_l2=on,compat=1.1", "-S 0 -W"])(
    "copies them with all that they say: %s",
    (options) => {
      makeSource("disk");
      same(`convert --bitmaps ${options} -f qcow2 -O qcow2 disk copy`);
      sameImage("copy");
      sameBits("copy", "b1", "zz", "aa", "fine");
      expect(twins.contents("copy")).toBe(twins.contents("disk"));
    },
  );

  it("copies them beside those that the target has, and with an overlay or a snapshot", () => {
    makeSource("disk");
    twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", "there", "10M");
    twins.prepare("qemu-img", "bitmap", "--add", "there", "own");
    same("convert --bitmaps -n -f qcow2 -O qcow2 disk there");
    sameImage("there");
    sameBits("there", "own", "b1", "zz", "aa", "fine");
    same("convert --bitmaps -f qcow2 -O qcow2 -B there -F qcow2 disk overlay");
    sameImage("overlay");
    sameBits("overlay", "b1", "fine");
    twins.prepare("qemu-img", "snapshot", "-c", "s", "disk");
    same("convert --bitmaps -l s -f qcow2 -O qcow2 disk old");
    sameImage("old");
    sameBits("old", "b1", "fine");
    same("convert -f qcow2 -O qcow2 disk without");
    sameImage("without");
  });

  it("refuses sources and targets that can keep none", () => {
    twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", "disk", "1M");
    twins.prepare("qemu-img", "bitmap", "--add", "disk", "b");
    twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", "none", "1M");
    twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", "-o", "compat=0.10", "old", "1M");
    twins.prepare("qemu-img", "create", "-q", "-f", "raw", "raw", "1M");
    const lines = [
      "-f raw -O qcow2 raw x",
      "-f qcow2 -O qcow2 old x",
      "-f qcow2 -O raw none x",
      "-f qcow2 -O qcow2 -o compat=0.10 disk x",
      "-f qcow2 -O raw -c disk x",
      "-f qcow2 -O qcow2 -o bogus=1 old x",
      "-n -f qcow2 -O qcow2 old nofile",
      "-n -c -f qcow2 -O raw disk raw",
      "-n -f qcow2 -O qcow2 disk old",
    ];
    for (const line of lines) same(`convert --bitmaps ${line}`);
    sameImage("old");
  });

  it("refuses a target that has one of the name, or another size, before it writes to it", () => {
    makeSource("disk");
    twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", "none", "10M");
    twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", "big", "20M");
    twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", "small", "5M");
    twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", "taken", "10M");
    twins.prepare("qemu-img", "bitmap", "--add", "taken", "zz");
    same("convert --bitmaps -n -f qcow2 -O qcow2 none taken");
    for (const name of ["big", "small", "taken"]) same(`convert --bitmaps -n -f qcow2 -O qcow2 disk ${name}`);
    sameImage("big");
    // The stock program copies the disk and the bitmaps before the one that it refuses; ours leaves the target as it was.
    expect(JSON.stringify(bitmapsOf(twins.ownFolder, "taken"))).toMatch(
      /"bitmaps":\[\{[^}]*"name":"zz"[^}]*\}\]/,
    );
    expect(twins.contents("taken")).toBe(twins.contents("none"));
  });

  it("refuses those that were not stored, unless it is to leave them out", () => {
    makeSource("disk");
    for (const cwd of [twins.peerFolder, twins.ownFolder]) {
      spawnSync("qemu-io", ["-c", "write 0 64k", "-c", "sigraise 9", "disk"], { cwd });
    }
    twins.prepare("qemu-img", "bitmap", "--add", "disk", "good");
    twins.prepare("qemu-io", "-c", "write 3M 200k", "disk");
    same("convert --bitmaps -f qcow2 -O qcow2 disk copy");
    same("convert --bitmaps -f qcow2 -O raw disk copy");
    same("convert --bitmaps -q --skip-broken-bitmaps -f qcow2 -O qcow2 disk copy");
    sameImage("copy");
    sameBits("copy", "good");
  });
});
