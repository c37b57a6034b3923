// `amend`, `commit` and `rebase` of qcow2 images in the place of qemu-img beside the stock program: what they print, what
// they refuse, and the images they leave, as the stock programs see them.
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Twins, words } from "../build/twins.ts";
import { Cli, describeWithQemu } from "../core/cli/support.ts";

let cli: Cli;
let twins: Twins;
beforeAll(async () => {
  cli = await Cli.build();
  twins = new Twins(cli);
});
afterAll(() => cli.remove());

/** Steps of progress differ; that it is complete at the end does not. */
const lastStep = (text: string) => text.replace(/.*\r/g, "");

/** What a stock program says of both images; `keep` picks what has to be the same. */
function sameSeen(program: string, args: readonly string[], keep: (text: string) => unknown) {
  const seen = (cwd: string) => keep(execFileSync(program, args, { cwd, encoding: "utf8" }));
  expect(seen(twins.ownFolder)).toEqual(seen(twins.peerFolder));
}

/** Puts bytes over the first entry of the snapshot table. */
function poke(name: string, field: number, value: Buffer): void {
  const bytes = fs.readFileSync(name);
  value.copy(bytes, Number(bytes.readBigUInt64BE(64)) + field);
  fs.writeFileSync(name, bytes);
}

/** Without what depends on the time and on where clusters lie. */
function factsOf(text: string): unknown {
  const { "actual-size": _size, snapshots, ...facts } = JSON.parse(text) as Record<string, unknown>;
  return { ...facts, snapshots: Array.isArray(snapshots) ? snapshots.length : 0 };
}

function sameImage(name: string): void {
  sameSeen("qemu-img", ["info", "--output=json", name], factsOf);
  sameSeen("qemu-img", ["check", name], (text) => text.split("\n")[0]);
  sameSeen("qemu-img", ["compare", name, "expected.raw"], (text) => text);
}

describeWithQemu("amend in the place of qemu-img", () => {
  /** A disk with data, zero clusters of both kinds and a snapshot that shares some. */
  function disk(...options: readonly string[]): void {
    twins.prepare("qemu-img", "create", "-q", "-f", "raw", "base.raw", "4M");
    twins.prepare("qemu-io", "-f", "raw", "-c", "write -P 9 0 4M", "base.raw");
    twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", ...options, "disk", "4M");
    const first = ["write -P 1 0 256k", "write -z 256k 128k", "write -P 2 1M 300k", "write -z -u 2M 64k"];
    const then = ["write -P 3 2M 100k", "write -z 3M 128k", "write -P 4 0 10k"];
    const io = (commands: readonly string[]) =>
      twins.prepare("qemu-io", ...commands.flatMap((command) => ["-c", command]), "disk");
    io(first);
    twins.prepare("qemu-img", "snapshot", "-c", "s", "disk");
    io(then);
    twins.prepare("qemu-img", "convert", "-O", "raw", "disk", "expected.raw");
  }

  it.each([
    ["of 64k clusters", []],
    ["of 4k clusters over a backing file", ["-o", "cluster_size=4k", "-b", "base.raw", "-F", "raw"]],
  ] as const)("changes a disk %s as the peer does", (_what, options) => {
    disk(...options);
    const changes = [
      "refcount_bits=64",
      "refcount_bits=8,lazy_refcounts=on",
      "compat=0.10",
      "refcount_bits=1",
      "compat=0.10,refcount_bits=16",
      "lazy_refcounts=on",
      "compat=1.1",
    ];
    for (const change of changes) {
      twins.same(["amend", "-p", "-o", change, "disk"], lastStep);
      sameImage("disk");
    }
    sameSeen("qemu-img", ["convert", "-l", "s", "-O", "raw", "disk", "s.raw"], (text) => text);
    sameSeen("sha256sum", ["s.raw"], (text) => text);
  });

  it("keeps what a snapshot shares with a zero cluster, where the stock program loses it", () => {
    twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", "disk", "1M");
    twins.prepare("qemu-io", "-c", "write -P 1 0 64k", "disk");
    twins.prepare("qemu-img", "snapshot", "-c", "s", "disk");
    // Zeroed without giving its cluster up: the snapshot has its data there.
    twins.prepare("qemu-io", "-c", "write -z 0 64k", "disk");
    const own = (program: string, ...args: readonly string[]) =>
      execFileSync(program, args, { cwd: twins.ownFolder, encoding: "utf8" });
    twins.same(["amend", "-o", "compat=0.10", "disk"]);
    expect(own("qemu-img", "check", "disk")).toContain("No errors were found");
    own("qemu-img", "convert", "-l", "s", "-O", "raw", "disk", "s.raw");
    expect(own("qemu-io", "-r", "-f", "raw", "-c", "read -P 1 0 64k", "s.raw")).not.toContain("failed");
    expect(own("qemu-io", "-r", "-c", "read -P 0 0 1M", "disk")).not.toContain("failed");
  });

  it("refuses what the peer refuses, in its words", () => {
    const create = (name: string, ...options: readonly string[]) =>
      twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", ...options, name, "1M");
    create("new");
    create("old", "-o", "compat=0.10");
    create("sub", "-o", "extended_l2=on");
    create("data", "-o", "data_file=data.raw");
    create("zstd", "-o", "compression_type=zstd");
    create("both", "-o", "compression_type=zstd,extended_l2=on");
    for (const name of ["zstd", "both"]) twins.prepare("qemu-io", "-c", "write -c 0 64k", name);
    create("grown");
    twins.prepare("qemu-img", "snapshot", "-c", "s", "grown");
    twins.prepare("qemu-img", "resize", "-q", "grown", "2M");
    const broken: readonly (readonly [string, number, Buffer])[] = [
      ["misplaced", 0, Buffer.from("0000000000400200", "hex")],
      ["huge", 8, Buffer.from("10000000", "hex")],
    ];
    for (const [name, field, value] of broken) {
      create(name);
      twins.prepare("qemu-img", "snapshot", "-c", "s", name);
      for (const folder of [twins.peerFolder, twins.ownFolder]) poke(path.join(folder, name), field, value);
    }
    const lines = [
      "amend -f qcow2 -o help",
      "amend -o help new",
      "amend -o compat=9 new",
      "amend -o compat= new",
      "amend -o cluster_size=4k new",
      "amend -p -o encryption=on new",
      "amend -o foo=1 new",
      "amend -o backing_file=x new",
      "amend -o backing_fmt=raw new",
      "amend -o encrypt.state=active new",
      "amend -o lazy_refcounts=maybe new",
      "amend -o lazy_refcounts=on old",
      "amend -o compat=0.10,lazy_refcounts=on new",
      "amend -o refcount_bits=3 new",
      "amend -o refcount_bits=128 new",
      "amend -o refcount_bits=8 old",
      "amend -o compat=0.10,refcount_bits=64 new",
      "amend -o size=1000 new",
      "amend -o size=0 new",
      "amend -o data_file=x new",
      "amend -o data_file_raw=on data",
      "amend -o data_file_raw=off data",
      "amend -o compat=0.10 data",
      "amend -o compat=0.10 sub",
      "amend -o compat=0.10 zstd",
      "amend -o compat=0.10 both",
      "amend -o compat=0.10 grown",
      // Zero clusters of a snapshot can't be looked for where its L1 table can't be found.
      "amend -o compat=0.10 misplaced",
      "amend -o compat=0.10 huge",
      // The snapshot has the size that the disk gets back on the way.
      "amend -o compat=0.10,size=1M grown",
    ];
    for (const line of lines) twins.same(words(line), lastStep);
    for (const name of ["new", "old", "sub", "data", "grown"]) {
      sameSeen("qemu-img", ["info", "--output=json", name], factsOf);
    }
  });

  it("commits a disk and empties it, unless told not to", () => {
    for (const [top, option] of [
      ["emptied", []],
      ["kept", ["-d"]],
    ] as const) {
      twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", `${top}.base`, "2M");
      twins.prepare("qemu-io", "-c", "write -P 1 0 1M", `${top}.base`);
      twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", "-b", `${top}.base`, "-F", "qcow2", top);
      twins.prepare("qemu-io", "-c", "write -P 2 512k 1M", "-c", "write -z 0 64k", top);
      twins.same(["commit", "-f", "qcow2", ...option, top]);
      for (const name of [top, `${top}.base`]) {
        sameSeen("qemu-img", ["info", "--output=json", name], factsOf);
        sameSeen("qemu-img", ["check", name], (text) => text.split("\n")[0]);
        sameSeen("qemu-io", ["-r", "-c", "map", name], (text) => text);
      }
      twins.contents(top);
      sameSeen("qemu-img", ["compare", top, `${top}.base`], (text) => text);
    }
  });

  it("shrinks a disk, and gives it other backing files", () => {
    for (const [name, pattern] of [
      ["one", 1],
      ["two", 2],
    ] as const) {
      twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", name, "2M");
      twins.prepare("qemu-io", "-c", `write -P ${pattern} 0 1M`, "-c", "write -P 7 1M 512k", name);
    }
    twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", "-b", "one", "-F", "qcow2", "disk");
    twins.prepare("qemu-io", "-c", "write -P 3 256k 64k", "disk");
    twins.prepare("qemu-img", "convert", "-O", "raw", "disk", "expected.raw");
    twins.same(["rebase", "-b", "two", "-F", "qcow2", "disk"]);
    sameImage("disk");
    twins.same(["rebase", "-b", "", "disk"]);
    sameImage("disk");
    twins.same(["rebase", "-u", "-b", "one", "-F", "qcow2", "disk"]);
    sameImage("disk");
    twins.same(["resize", "--shrink", "disk", "1M"]);
    twins.prepare("qemu-img", "resize", "-q", "--shrink", "-f", "raw", "expected.raw", "1M");
    sameImage("disk");
  });
});
