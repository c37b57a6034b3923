// Our check against qemu-img's: the same counts and exit codes on images with seeded damage, below the sizes at which
// the peer's division by the cluster size less one shows; above them the numbers are calculated here.
import * as fs from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Random, seeded } from "../build/random.ts";
import { Cli, describeWithQemu } from "../core/cli/support.ts";

let cli: Cli;
beforeAll(async () => {
  cli = await Cli.build();
});
afterAll(() => cli.remove());

const peer = { BLKSCOPE_AS: "qemu-img" };

/** Offset of the L1 table, of the first L2 table, and cluster and table sizes, from the header. */
function geometry(name: string) {
  const bytes = fs.readFileSync(cli.path(name));
  const l1 = Number(bytes.readBigUInt64LE(40));
  return {
    bytes,
    cluster: bytes.readUInt32LE(4),
    table: bytes.readUInt32LE(8),
    l1,
    l2: Number(bytes.readBigUInt64LE(l1)),
  };
}

function poke(name: string, at: number, value: bigint): void {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  const fd = fs.openSync(cli.path(name), "r+");
  fs.writeSync(fd, bytes, 0, 8, at);
  fs.closeSync(fd);
}

function image(name: string, random: Random): void {
  fs.rmSync(cli.path(name), { force: true });
  const cluster = random.pick([4096, 8192, 65536]);
  const options = `cluster_size=${cluster},table_size=${random.pick([2, 4])}`;
  cli.qemuImg("create", "-f", "qed", "-o", options, name, `${cluster * 200}`);
  const writes = Array.from({ length: 12 }, () => {
    const start = random.below(180) * cluster;
    return random.below(5) === 0
      ? `write -z ${start} ${cluster}`
      : `write ${start} ${(1 + random.below(6)) * cluster}`;
  });
  cli.qemuIo("-f", "qed", ...writes.flatMap((write) => ["-c", write]), name);
}

function damage(name: string, random: Random): void {
  const { bytes, cluster, table, l1, l2 } = geometry(name);
  const entries = (table * cluster) / 8;
  const end = Math.floor(bytes.length / cluster) * cluster;
  const bad = () =>
    random.pick([
      BigInt(end),
      BigInt(end + cluster * 7),
      BigInt(end - cluster) + 512n,
      2n,
      0n,
      1n,
      0xffffffffffffffffn,
      0xfffffffffffff000n,
      BigInt(l2),
      BigInt(l1),
      BigInt(end - cluster),
    ]);
  for (let i = 0; i < 1 + random.below(6); i++) {
    if (random.below(6) === 0) poke(name, l1 + 8 * (1 + random.below(3)), bad());
    else poke(name, l2 + 8 * random.below(Math.min(entries, 200)), bad());
  }
  // By whole sectors: the peer rounds a file's length up to one, and takes a cluster that lacks a few bytes for whole.
  if (random.below(3) === 0)
    fs.truncateSync(cli.path(name), bytes.length - 512 * random.below((3 * cluster) / 512));
  if (random.below(3) === 0)
    fs.appendFileSync(cli.path(name), Buffer.alloc(512 * random.below((5 * cluster) / 512)));
}

/** What both print of one image; the exit code behind it. */
function both(...args: string[]): { ours: unknown; theirs: unknown } {
  const shown = ({ code, stdout, stderr }: ReturnType<Cli["run"]>) => ({ code, stdout, stderr });
  return { ours: shown(cli.run(["check", ...args], peer)), theirs: shown(cli.qemuImg("check", ...args)) };
}

describeWithQemu("check", () => {
  it("counts what qemu-img counts, in both outputs, and repairs to the same tables", async () => {
    await seeded(async (random) => {
      for (let round = 0; round < 25; round++) {
        image("seeded.qed", random);
        damage("seeded.qed", random);
        for (const output of ["human", "json"]) {
          const { ours, theirs } = both("-f", "qed", "--output", output, "seeded.qed");
          expect(ours, `round ${round}`).toEqual(theirs);
        }
        fs.copyFileSync(cli.path("seeded.qed"), cli.path("copy.qed"));
        const ours = cli.run(["check", "-f", "qed", "-r", "all", "seeded.qed"], peer);
        const theirs = cli.qemuImg("check", "-f", "qed", "-r", "all", "copy.qed");
        expect([ours.code, ours.stdout], `round ${round}`).toEqual([theirs.code, theirs.stdout]);
        expect(
          Buffer.compare(fs.readFileSync(cli.path("seeded.qed")), fs.readFileSync(cli.path("copy.qed"))),
        ).toBe(0);
      }
    });
  });

  it("says the same of what has no check, is missing, or is asked for wrongly", () => {
    cli.write("plain.raw", Buffer.alloc(4096));
    for (const args of [
      ["-f", "raw", "plain.raw"],
      ["nofile.qed"],
      ["-r", "some", "plain.raw"],
      ["--output", "xml", "plain.raw"],
      ["-f", "bogus", "plain.raw"],
    ]) {
      const { ours, theirs } = both(...args);
      expect(ours, args.join(" ")).toEqual(theirs);
    }
  });

  it("says no more than the peer of tables that can't be read, and more under its own name", () => {
    cli.qemuImg("create", "-f", "qed", "unread.qed", "1M");
    cli.qemuIo("-f", "qed", "-c", "write 0 64k", "unread.qed");
    const options =
      "driver=qed,file.driver=blkdebug,file.image.filename=unread.qed,file.inject-error.0.event=l2_load";
    const { ours, theirs } = both("--image-opts", options);
    expect(ours).toEqual(theirs);
    const own = cli.run(["check", "--findings", "--image-opts", options]);
    expect(own.code).toBe(1);
    expect(own.stdout).toContain("The L2 table of L1[0]");
  });

  it("does not count the leak that the peer sees in large files: 4 KiB clusters, 20 MiB of data", () => {
    cli.qemuImg("create", "-f", "qed", "-o", "cluster_size=4096", "large.qed", "64M");
    cli.qemuIo("-f", "qed", "-c", "write 0 20M", "large.qed");
    expect(cli.qemuImg("check", "large.qed").code).toBe(3);
    const { code, stdout } = cli.run(["check", "--output", "json", "large.qed"]);
    // 20 MiB / 4 KiB = 5120 clusters of 64 MiB / 4 KiB = 16384, and nothing else in the file but tables.
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ "total-clusters": 16384, "allocated-clusters": 5120 });
    expect(JSON.parse(stdout).leaks).toBeUndefined();
  });

  it("leaves an image marked as long as something is broken that it can't repair, unlike the peer", () => {
    cli.qemuImg("create", "-f", "qed", "twice.qed", "1M");
    cli.qemuIo("-f", "qed", "-c", "write 0 256k", "twice.qed");
    const { l2, bytes } = geometry("twice.qed");
    poke("twice.qed", l2 + 8, bytes.readBigUInt64LE(l2));
    poke("twice.qed", 16, 2n);
    const { code, stdout } = cli.run(["check", "-r", "all", "--findings", "twice.qed"]);
    expect(code).toBe(2);
    expect(stdout).toContain("L1[0] -> L2[0], L1[0] -> L2[1]");
    expect(stdout).toContain("marked as not properly closed");
    expect(geometry("twice.qed").bytes[16]).toBe(2);
    expect(JSON.parse(cli.run(["info", "--output", "json", "twice.qed"]).stdout)["dirty-flag"]).toBe(true);
  });

  it("clears the mark of an image in which all is well, and keeps zero clusters", () => {
    cli.qemuImg("create", "-f", "qed", "dirty.qed", "1M");
    cli.qemuIo("-f", "qed", "-c", "write 0 64k", "-c", "write -z 64k 64k", "dirty.qed");
    const { l2 } = geometry("dirty.qed");
    poke("dirty.qed", 16, 2n);
    expect(cli.run(["check", "dirty.qed"]).code).toBe(0);
    expect(geometry("dirty.qed").bytes[16]).toBe(2);
    expect(cli.run(["check", "-r", "leaks", "dirty.qed"]).code).toBe(0);
    const { bytes } = geometry("dirty.qed");
    expect([bytes[16], bytes.readBigUInt64LE(l2 + 8)]).toEqual([0, 1n]);
  });

  it("lists findings with their place, and the ranges that leak", () => {
    cli.qemuImg("create", "-f", "qed", "listed.qed", "1M");
    cli.qemuIo("-f", "qed", "-c", "write 0 256k", "listed.qed");
    const { l2, bytes } = geometry("listed.qed");
    const second = Number(bytes.readBigUInt64LE(l2 + 8));
    poke("listed.qed", l2 + 8, 0n);
    poke("listed.qed", l2 + 16, 0n);
    poke("listed.qed", l2 + 24, 0x123n);
    const { stdout, code } = cli.run(["check", "--findings", "--output", "json", "listed.qed"]);
    expect(code).toBe(2);
    const { findings } = JSON.parse(stdout) as { findings: Record<string, unknown>[] };
    expect(findings).toMatchObject([
      {
        code: "l2-entry-unaligned",
        value: "0x123",
        entry: 3,
        offset: l2 + 24,
        "guest-offset": 196_608,
        "guest-length": 65_536,
        repairable: true,
      },
      // Clusters 1 and 2 of the data lie behind each other; cluster 3 follows them.
      { code: "cluster-leaked", offset: second, length: 3 * 65_536, repairable: false },
    ]);
  });
});
