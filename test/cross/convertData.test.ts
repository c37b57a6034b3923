// What `convert` leaves beside qemu-img: every byte and every hole of images with many small holes; and no target where the
// disk is full or the command is interrupted while data are being written.
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as path from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { run } from "../build/peers.ts";
import { type Random, seeded } from "../build/random.ts";
import { Cli, describeWithQemu } from "../core/cli/support.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

let cli: Cli;
beforeAll(async () => {
  cli = await Cli.build();
});
afterAll(() => cli.remove());

/** Data, holes and zeroes that are written, each of some 4 KiB blocks, now and then of MiBs; the end is no whole sector. */
function makeHoley(filename: string, random: Random): void {
  const fd = fs.openSync(filename, "w");
  let at = 0;
  while (at < 24 * MiB) {
    const length = (random.below(12) === 0 ? 256 + random.below(1024) : 1 + random.below(40)) * 4 * KiB;
    const kind = random.below(4);
    if (kind === 0) fs.writeSync(fd, Buffer.alloc(length), 0, length, at);
    else if (kind > 1) {
      const bytes = Buffer.alloc(length, 1 + random.below(255));
      // A byte somewhere is enough for its block to be data.
      const lonely = Buffer.alloc(length);
      lonely[random.below(length)] = 1;
      fs.writeSync(fd, kind === 2 ? bytes : lonely, 0, length, at);
    }
    at += length;
  }
  fs.writeSync(fd, Buffer.alloc(100, 7), 0, 100, at);
  fs.closeSync(fd);
}

describeWithQemu("convert of images with many holes", () => {
  it.each([
    ["raw", "raw", []],
    ["raw", "raw", ["-W"]],
    ["raw", "raw", ["-S", "512"]],
    ["raw", "raw", ["-S", "0"]],
    ["raw", "qcow2", []],
    ["raw", "qcow2", ["-W"]],
    ["raw", "qcow2", ["-o", "cluster_size=4k"]],
    ["raw", "qed", []],
    ["qcow2", "raw", []],
    ["qed", "raw", ["-m", "1"]],
  ] as const)("makes the peer's target: %s to %s, %j", async (from, to, options) => {
    await seeded(async (random) => {
      const raw = cli.path("holey.raw");
      makeHoley(raw, random);
      const source = from === "raw" ? raw : cli.path(`holey.${from}`);
      if (from !== "raw") run("qemu-img", "convert", "-f", "raw", "-O", from, raw, source);
      const args = ["convert", "-f", from, "-O", to, ...options, source];
      run("qemu-img", ...args, cli.path("peer"));
      expect(cli.run([...args, cli.path("own")])).toMatchObject({ code: 0, stderr: "" });
      run("qemu-img", "compare", "-f", to, "-F", to, cli.path("peer"), cli.path("own"));
      expect(allocated(to, "own")).toEqual(allocated(to, "peer"));
      if (to !== "raw") run("qemu-img", "check", "-f", to, cli.path("own"));
      for (const name of ["own", "peer"]) fs.rmSync(cli.path(name));
    });
  });
});

/** What is data and what is not, without where it lies in the file. */
function allocated(format: string, name: string): unknown {
  const map = JSON.parse(run("qemu-img", "map", "--output=json", "-f", format, cli.path(name))) as {
    start: number;
    length: number;
    data: boolean;
    zero: boolean;
  }[];
  const runs: { start: number; end: number; data: boolean }[] = [];
  for (const { start, length, data } of map) {
    const last = runs.at(-1);
    if (last !== undefined && last.data === data) last.end = start + length;
    else runs.push({ start, end: start + length, data });
  }
  return runs;
}

describe("convert that can't be finished", () => {
  it.for(["raw", "qcow2", "qed"])("leaves nothing on a disk that is full: %s", (format, context) => {
    const folder = path.join(cli.folder, `full-${format}`);
    fs.mkdirSync(folder);
    if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", folder]).status !== 0) {
      console.warn("SKIPPED: no small file system can be mounted here (it needs root)");
      return context.skip();
    }
    onTestFinished(() => void spawnSync("umount", ["--lazy", folder]));
    fs.writeFileSync(cli.path("long.raw"), Buffer.alloc(20 * MiB, 5));
    const target = path.join(folder, "out");
    const { code, stderr } = cli.run(["convert", "-f", "raw", "-O", format, "long.raw", target]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/Could not write \d+ bytes at offset \d+ of the target: .*No space left/);
    expect(stderr).toContain(`The unfinished '${target}' was removed.`);
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  it("leaves nothing when it is interrupted while it writes as fast as it can", async () => {
    // Zeroes that are to be written out: there is time enough to interrupt it.
    const source = cli.sparse("sparse.raw", 4096 * MiB);
    const left = () => fs.readdirSync(cli.folder).filter((name) => name.startsWith("fast.raw"));
    // It gets its name after its first bytes: what was listed may have another one already.
    const sizeOf = (name: string) => fs.statSync(cli.path(name), { throwIfNoEntry: false })?.blocks ?? 0;
    const isUnderWay = () => left().some((name) => sizeOf(name) * 512 > 16 * MiB);
    const interrupted = async () => {
      fs.rmSync(cli.path("fast.raw"), { force: true });
      const child = cli.start(["convert", "-f", "raw", "-S", "0", source, "fast.raw"]);
      const stderr = text(child.stderr ?? Readable.from([]));
      const ended = once(child, "exit");
      while (!isUnderWay()) await new Promise((resolve) => setTimeout(resolve, 5));
      child.kill("SIGINT");
      return { code: (await ended)[0], stderr: await stderr };
    };
    let ran = await interrupted();
    // After a pause of this process it may have been done by then.
    for (let tries = 1; ran.code === 0 && tries < 10; tries++) ran = await interrupted();
    expect(ran.code).toBe(130);
    expect(ran.stderr).toContain("The unfinished 'fast.raw' was removed.");
    expect(left()).toEqual([]);
  });
});

describeWithQemu("convert -n -B into an image that was used before", () => {
  // The backing file has 1 MiB, source and target 4 MiB. The target holds 9s where the source has zeroes.
  const convert = (source: string, ...more: string[]) =>
    cli.run(["convert", "-n", ...more, "-O", "qcow2", "-B", "base", "-F", "raw", source, "used.qcow2"]);

  beforeAll(() => {
    cli.qemuImg("create", "-q", "-f", "raw", "base", "1M");
    cli.qemuImg("create", "-q", "-f", "qcow2", "-b", "base", "-F", "raw", "zeroed.qcow2", "4M");
  });

  const use = (pattern: string) => {
    cli.qemuImg("create", "-q", "-f", "qcow2", "-b", "base", "-F", "raw", "used.qcow2", "4M");
    cli.qemuIo("-f", "qcow2", "-c", pattern, "used.qcow2");
  };

  it.each([
    ["write -z 2M 64k", "write -P 9 2M 64k"],
    ["write -z -u 2M 64k", "write -P 9 2M 64k"],
    ["write -z 1M 3M", "write -P 9 3M 512"],
    // Zeroes as nothing is there: the source's own backing file ends before.
    ["read 0 512", "write -P 9 2M 64k"],
  ])("writes zeroes behind the backing file's end as well: %s over %s", (source, stale) => {
    cli.qemuImg("create", "-q", "-f", "qcow2", "-b", "base", "-F", "raw", "zeroed.qcow2", "4M");
    cli.qemuIo("-f", "qcow2", "-c", source, "zeroed.qcow2");
    use(stale);
    expect(convert("zeroed.qcow2")).toMatchObject({ code: 0, stderr: "" });
    const same = cli.qemuImg("compare", "-f", "qcow2", "-F", "qcow2", "zeroed.qcow2", "used.qcow2");
    expect(same).toMatchObject({ code: 0, stdout: "Images are identical.\n" });
  });

  it("leaves out what is said to be zeroes already", () => {
    use("write -z 2M 64k");
    expect(convert("zeroed.qcow2", "--target-is-zero")).toMatchObject({ code: 0, stderr: "" });
    expect(cli.qemuImg("compare", "zeroed.qcow2", "used.qcow2").code).toBe(0);
  });
});
