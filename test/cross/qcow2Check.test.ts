// Our check of qcow2 images beside qemu-img's: what is printed, to the last line of the error output, and exit codes, on
// images with a seeded history and seeded damage. What is different on purpose is pinned at the end.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createLuks } from "../build/peers.ts";
import { seeded } from "../build/random.ts";
import { chance, damage, Patch, seededImage } from "../build/seededQcow2.ts";
import { Cli, childEnv, describeWithQemu } from "../core/cli/support.ts";

let cli: Cli;
beforeAll(async () => {
  cli = await Cli.build();
});
afterAll(() => cli.remove());

const peer = { BLKSCOPE_AS: "qemu-img" };
const rounds = 30;
const name = "seeded.qcow2";
function qemuImg(...args: string[]): void {
  const { code, stderr } = cli.qemuImg(...args);
  if (code !== 0) throw new Error(`qemu-img ${args.join(" ")}: ${stderr}`);
}

describeWithQemu("check of qcow2 images", () => {
  it("prints what qemu-img prints", async () => {
    await seeded(async (random) => {
      const codes = new Set<number | null>();
      for (let round = 0; round < rounds; round++) {
        damage(cli.path(name), seededImage(cli, name, random), random);
        const args = ["check", "-f", "qcow2", ...(chance(random, 50) ? ["--output=json"] : []), name];
        const theirs = cli.qemuImg(...args);
        const ours = cli.run(args, peer);
        const shown = ({ code, stdout, stderr }: typeof ours) => ({ code, stdout, stderr });
        // Damage that hits the bitmaps: see below.
        const hitsBitmaps = /[Bb]itmap/.test(theirs.stderr);
        if (hitsBitmaps) expect(ours.code, `round ${round}`).toBe(theirs.code);
        else expect(shown(ours), `round ${round}`).toEqual(shown(theirs));
        codes.add(theirs.code);
      }
      if (process.env.BLKSCOPE_SEED === undefined) expect(codes).toEqual(new Set([0, 1, 2, 3]));
    });
  }, 240_000);

  it.each([
    ["the dirty bit", 1n],
    ["the corrupt bit", 2n],
  ])("leaves %s as it is", (_, bit) => {
    fs.rmSync(cli.path(name), { force: true });
    qemuImg("create", "-q", "-f", "qcow2", name, "1M");
    const patch = new Patch(cli.path(name));
    patch.put(72, bit);
    patch.save();
    const theirs = cli.qemuImg("check", name);
    expect(cli.run(["check", name], peer)).toEqual(theirs);
    expect(fs.readFileSync(cli.path(name)).equals(patch.bytes)).toBe(true);
  });

  it.each(["human", "json"])(
    "prints what is wrong before its report where both go to one pipe (%s)",
    (form) => {
      fs.rmSync(cli.path(name), { force: true });
      qemuImg("create", "-q", "-f", "qcow2", name, "1M");
      const patch = new Patch(cli.path(name));
      // The first refcount block lies in cluster 2; its fourth entry counts the L1 table.
      patch.put(0x20000, 0x0001_0001_0001_0000n);
      patch.save();
      const joined = (...command: string[]) => {
        const args = ["-c", 'exec "$@" 2>&1', "sh", ...command, "check", `--output=${form}`, name];
        return spawnSync("sh", args, { cwd: cli.folder, env: childEnv(peer), encoding: "utf8" }).stdout;
      };
      const theirs = joined("qemu-img");
      expect(theirs).toMatch(/^ERROR cluster 3 /);
      expect(joined(process.execPath, cli.script)).toBe(theirs);
    },
  );

  it("counts refcounts as wide as 64 bits", () => {
    for (const bits of [1, 2, 4, 8, 16, 32, 64]) {
      fs.rmSync(cli.path(name), { force: true });
      const options = `cluster_size=4k,refcount_bits=${bits},preallocation=metadata`;
      qemuImg("create", "-q", "-f", "qcow2", "-o", options, name, "64M");
      const theirs = cli.qemuImg("check", name);
      expect(cli.run(["check", name], peer), `${bits} bits`).toEqual(theirs);
    }
  });
});

describeWithQemu("check of qcow2 images, where qemu-img can't", () => {
  it("goes on where the bitmap directory is damaged", () => {
    fs.rmSync(cli.path(name), { force: true });
    qemuImg("create", "-q", "-f", "qcow2", name, "1M");
    qemuImg("bitmap", "--add", name, "b");
    const patch = new Patch(cli.path(name));
    // The extension has type, length, number, reserved, size and offset of the directory.
    const at = patch.bytes.indexOf(Buffer.from([0x23, 0x85, 0x28, 0x75]));
    patch.put(Number(patch.get(at + 24)), 0n);
    patch.save();
    expect(cli.qemuImg("check", name)).toMatchObject({ code: 1, stdout: "" });
    const ours = cli.run(["check", "--findings", name]);
    expect([ours.code, ours.stdout.split("\n")[0]]).toEqual([
      2,
      expect.stringMatching(/^corruption .* The bitmap directory is damaged: Broken bitmap directory$/),
    ]);
  });

  it("needs no key for encrypted images", () => {
    const secret = ["--object", "secret,id=s,data=pass"];
    for (const format of ["luks", "aes"]) {
      fs.rmSync(cli.path(name), { force: true });
      const options = "encrypt.format=aes,encrypt.key-secret=s";
      if (format === "luks") createLuks(cli.path(name), "1M");
      else qemuImg("create", "-q", "-f", "qcow2", ...secret, "-o", options, name, "1M");
      const opened = `driver=qcow2,file.filename=${name},encrypt.format=${format},encrypt.key-secret=s`;
      const theirs = cli.qemuImg("check", "--output=json", ...secret, "--image-opts", opened);
      const counts = ({ filename: _, ...rest }: Record<string, unknown>) => rest;
      const ours = cli.run(["check", "--output=json", name]);
      expect(ours.code).toBe(0);
      expect(counts(JSON.parse(ours.stdout))).toEqual(counts(JSON.parse(theirs.stdout)));
    }
  });
});
