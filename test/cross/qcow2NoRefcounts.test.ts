// A header that names no refcount table (refcount_table_clusters, at 56, is 0), beside the stock program: the disk is all
// there, a check counts every cluster anew, and a repair writes the refcounts again.
import * as fs from "node:fs";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { Cli, describeWithQemu } from "../core/cli/support.ts";

let cli: Cli;
let damaged: Buffer;
beforeAll(async () => {
  cli = await Cli.build();
});
afterAll(() => cli.remove());

const name = "disk.qcow2";

/** A snapshot holds 1, the disk now 2 in its first half. */
function write(): void {
  if (damaged === undefined) {
    cli.qemuImg("create", "-q", "-f", "qcow2", "-o", "cluster_size=4k", name, "1M");
    cli.qemuIo("-f", "qcow2", "-c", "write -P 1 0 64k", name);
    cli.qemuImg("snapshot", "-c", "a", name);
    cli.qemuIo("-f", "qcow2", "-c", "write -P 2 0 32k", name);
    damaged = fs.readFileSync(cli.path(name));
    damaged.writeUInt32BE(0, 56);
  }
  fs.writeFileSync(cli.path(name), damaged);
}

const counts = (stdout: string) => {
  const { corruptions, leaks, "check-errors": errors } = JSON.parse(stdout) as Record<string, unknown>;
  return { corruptions, leaks, errors };
};

/** What the stock program reads of it, and whether it finds it sound. */
function expectWhole(): void {
  expect(cli.qemuImg("check", "-f", "qcow2", name).code).toBe(0);
  const read = (pattern: number, range: string) =>
    cli.qemuIo("-f", "qcow2", "-c", `read -P ${pattern} ${range}`, name);
  for (const { code, stdout } of [read(2, "0 32k"), read(1, "32k 32k"), read(0, "64k 960k")]) {
    expect([code, stdout.includes("Pattern verification failed")]).toEqual([0, false]);
  }
  const raw = cli.path("raw");
  expect(cli.qemuImg("convert", "-f", "qcow2", "-O", "raw", "-l", "snapshot.name=a", name, raw).code).toBe(0);
  expect([...new Set(fs.readFileSync(raw).subarray(0, 64 * 1024))]).toEqual([1]);
}

describeWithQemu("an image whose header names no refcount table", () => {
  it("is refused where it is to be read, and said to be mendable", () => {
    write();
    const { code, stderr } = cli.run(["info", name]);
    expect(code).toBe(1);
    expect(stderr).toContain("Image does not contain a reference count table: refcount_table_clusters is 0");
    expect(stderr).toContain("blkscope repair --plan");
    expect(cli.run(["info", name], { BLKSCOPE_AS: "qemu-img" }).stderr).toBe(
      cli.qemuImg("info", name).stderr,
    );
  });

  it("has as many errors as the stock program counts", () => {
    write();
    const args = ["check", "-f", "qcow2", "--output", "json", name];
    const [ours, theirs] = [cli.run(args), cli.qemuImg(...args)];
    expect(ours.code).toBe(theirs.code);
    expect(counts(ours.stdout)).toEqual(counts(theirs.stdout));
    expect(fs.readFileSync(cli.path(name)).equals(damaged)).toBe(true);
  });

  it("is whole again after -r all", () => {
    write();
    expect(cli.run(["check", "-r", "all", name]).code).toBe(0);
    expectWhole();
  });

  it("is whole again after a repair, which can be taken back", () => {
    write();
    const plan = cli.run(["repair", "--plan", "--output", "json", name]);
    expect(JSON.parse(plan.stdout).items).toMatchObject([{ id: "refcounts", risk: "safe" }]);
    expect(cli.run(["repair", "--apply", name]).code).toBe(0);
    expectWhole();
    const journal = `${name}.blkscope-undo`;
    expect(cli.run(["repair", "--undo", journal]).code).toBe(0);
    expect(fs.readFileSync(cli.path(name)).equals(damaged)).toBe(true);
    fs.rmSync(cli.path(journal), { force: true });
  });
});

/** The offset lies within a cluster; 8 MiB is the most that a table may have, and this is one cluster more. */
describeWithQemu.each([
  [
    "its place",
    (bytes: Buffer) => bytes.writeBigUInt64BE(0x1_2345n, 48),
    "Reference count table offset invalid",
  ],
  ["its size", (bytes: Buffer) => bytes.writeUInt32BE(2049, 56), "Reference count table too large"],
] as const)("an image whose header says what no refcount table can have: %s", (_, damage, words) => {
  let broken: Buffer;
  beforeAll(() => {
    write();
    // As it was before its refcount table was taken away: one cluster of it.
    broken = Buffer.from(damaged);
    broken.writeUInt32BE(1, 56);
    damage(broken);
  });
  beforeEach(() => fs.writeFileSync(cli.path(name), broken));

  it.each(["info", "check"])(
    "is refused by %s as by the stock program, and said to be mendable",
    (command) => {
      const theirs = cli.qemuImg(command, name);
      expect(theirs).toMatchObject({ code: 1, stderr: expect.stringContaining(words) });
      expect(cli.run([command, name], { BLKSCOPE_AS: "qemu-img" })).toMatchObject({
        code: 1,
        stderr: theirs.stderr,
      });
      const ours = cli.run([command, name]);
      expect(ours).toMatchObject({ code: 1, stderr: expect.stringContaining(words) });
      expect(ours.stderr).toContain("blkscope repair --plan");
      expect(fs.readFileSync(cli.path(name)).equals(broken)).toBe(true);
    },
  );

  it("is whole again after a repair, which can be taken back", () => {
    const plan = cli.run(["repair", "--plan", "--output", "json", name]);
    expect(JSON.parse(plan.stdout).items).toMatchObject([
      { id: "refcounts", risk: "safe", problem: expect.stringContaining("refcount table where none can be") },
    ]);
    expect(cli.run(["repair", "--apply", name]).code).toBe(0);
    expectWhole();
    const journal = `${name}.blkscope-undo`;
    expect(cli.run(["repair", "--undo", journal]).code).toBe(0);
    expect(fs.readFileSync(cli.path(name)).equals(broken)).toBe(true);
    fs.rmSync(cli.path(journal), { force: true });
  });

  it("has its kinds and references shown, none of a refcount table", () => {
    const map = cli.run(["map", "--kinds", "--output", "json", name]);
    expect(map.code).toBe(0);
    // All that is in use is counted too low: the header, two trees of an L1 and an L2 table, 24 clusters of data, ...
    expect(JSON.parse(map.stdout).kinds).toMatchObject({
      "refcount-table": { clusters: 0 },
      header: { clusters: 0 },
    });
    expect(cli.run(["refs", name, "48"]).stdout).toContain("refcount_table_offset at 0x30");
  });
});
