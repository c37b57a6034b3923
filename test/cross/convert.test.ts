// `convert` beside qemu-img: words, exit codes, and the images made.
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Cli, describeWithQemu } from "../core/cli/support.ts";
import { makeImages, Twins } from "./twins.ts";

let cli: Cli;
let twins: Twins;
beforeAll(async () => {
  cli = await Cli.build();
  twins = new Twins(cli, makeImages(cli));
});
afterAll(() => cli.remove());

describeWithQemu("convert", () => {
  it.each([
    [["convert"]],
    [["convert", "a.raw"]],
    [["convert", "a.raw", "o.raw"]],
    [["convert", "-p", "a.raw", "o.raw"]],
    [["convert", "-pq", "a.raw", "o.raw"]],
    [["convert", "-c", "a.raw", "o.raw"]],
    [["convert", "-C", "-c", "a.raw", "o.raw"]],
    [["convert", "-C", "-S", "4k", "a.raw", "o.raw"]],
    [["convert", "-C", "--salvage", "a.raw", "o.raw"]],
    [["convert", "-C", "a.raw", "o.raw"]],
    [["convert", "-S", "100", "a.raw", "o"]],
    [["convert", "-S", "17M", "a.raw", "o"]],
    [["convert", "-S", "x", "a.raw", "o"]],
    [["convert", "-m", "0", "a.raw", "o"]],
    [["convert", "-m", "17", "a.raw", "o"]],
    [["convert", "-m", "x", "a.raw", "o"]],
    [["convert", "-m", "0x10", "a.raw", "o"]],
    [["convert", "-r", "x", "a.raw", "o"]],
    [["convert", "-r", "100M", "a.raw", "o"]],
    [["convert", "-n", "-o", "a=b", "a.raw", "o"]],
    [["convert", "--target-image-opts", "a.raw", "o"]],
    [["convert", "--target-is-zero", "a.raw", "o"]],
    [["convert", "-n", "a.raw", "nofile"]],
    [["convert", "-n", "a.raw", "empty.raw"]],
    [["convert", "-O", "bogus", "a.raw", "x"]],
    [["convert", "-f", "bogus", "a.raw", "x"]],
    [["convert", "-l", "foo", "a.raw", "x"]],
    [["convert", "-l", "snapshot.bogus=1", "a.raw", "x"]],
    [["convert", "-l", "snapshot.id=1", "a.raw", "x"]],
    [["convert", "-l", "foo", "a.raw", "a.raw", "x"]],
    [["convert", "--bitmaps", "a.raw", "x"]],
    [["convert", "--skip-broken-bitmaps", "a.raw", "x"]],
    [["convert", "--bitmaps", "a.raw", "a.raw", "x"]],
    [["convert", "-B", "base.raw", "a.raw", "x"]],
    [["convert", "-B", "base.raw", "-F", "raw", "a.raw", "x"]],
    [["convert", "-F", "raw", "a.raw", "x"]],
    [["convert", "-T", "bogus", "a.raw", "x"]],
    [["convert", "nope", "x"]],
    [["convert", "a.raw", "nodir/x"]],
    [["convert", "a.raw", "a.raw"]],
    [["convert", "-W", "a.raw", "x"]],
    [["convert", "--target-image-opts", "-O", "raw", "-n", "a.raw", "x"]],
    [["convert", "--target-image-opts", "-n", "a.raw", "driver=raw,file.filename=filled.raw"]],
    [["convert", "--image-opts", "-f", "raw", "a.raw", "b"]],
    [["convert", "-O", "null-co", "a.raw", "b"]],
    [["convert", "-n", "--target-image-opts", "a.raw", "driver=null-co,size=2M"]],
    [["convert", "-o", "preallocation=full", "a.raw", "o.raw"]],
    [["convert", "-o", "preallocation=falloc", "a.raw", "o.raw"]],
    [["convert", "-o", "preallocation=bogus", "a.raw", "o.raw"]],
    [["convert", "-o", "bogus=1", "a.raw", "o.raw"]],
    [["convert", "-o", "", "a.raw", "o.raw"]],
    [["convert", "-o", "size=5M", "a.raw", "o.raw"]],
    [["convert", "-n", "-t", "none", "-O", "raw", "a.raw", "filled.raw"]],
    [["convert", "-n", "-S", "0", "-O", "raw", "sparse.raw", "filled.raw"]],
    [["convert", "-n", "-O", "raw", "sparse.raw", "filled.raw"]],
    [["convert", "-n", "--target-is-zero", "-O", "raw", "sparse.raw", "filled.raw"]],
    [["convert", "-S", "0", "a.raw", "o.raw"]],
    [["convert", "-S", "0", "sparse.raw", "o.raw"]],
    [["convert", "-S", "512", "odd.raw", "o.raw"]],
    [["convert", "-S", "64k", "a.raw", "o.raw"]],
    [["convert", "a.raw", "base.raw", "odd.raw", "o.raw"]],
    [["convert", "a.raw", "empty.raw", "odd.raw", "o.raw"]],
    [["convert", "odd.raw", "odd.raw", "o.raw"]],
    [["convert", "-c", "-o", "preallocation=full", "-O", "raw", "a.raw", "o.raw"]],
    [["convert", "--image-opts", "driver=raw,offset=512,size=1k,file.filename=a.raw", "o.raw"]],
    [["convert", 'json:{"driver":"qed","file.filename":"o.qed"}', "o.raw"]],
    [["convert", "o.qed", "o.raw"]],
    [["convert", "d/o2.qed", "o.raw"]],
    [["convert", "-p", "filled.raw", "o.raw"]],
    [["convert", "empty.raw", "o.raw"]],
    [["convert", "-p", "empty.raw", "o.raw"]],
    [["convert", "e.qed", "o.raw"]],
    [["convert", "-p", "sparse.raw", "o.raw"]],
    [["convert", "a.raw", "d"]],
    [["convert", "-U", "a.raw", "o.raw"]],
    [["convert", "-z", "a.raw", "o.raw"]],
    [["convert", "--bogus", "a.raw", "o.raw"]],
    [["convert", "-S"]],
    [["convert", "-O", "raw", "-f", "raw", "-f", "qed", "o.qed", "o.raw"]],
  ])("says and does as the peer: %j", (args) => {
    twins.expectEqual(args);
  });

  it.each([
    [["convert", "bad.qed", "out.raw"]],
    [["convert", "bad.qed", "sparse.raw"]],
    // The peer leaves an empty image.
    [["convert", "-t", "bogus", "a.raw", "out.raw"]],
  ])("leaves nothing of the target's name when it fails: %j", (args) => {
    const peer = twins.run("peer", args);
    const own = twins.run("own", args);
    expect({ code: own.code, stderr: own.stderr }).toEqual({ code: 1, stderr: peer.stderr });
    expect(own.changed).toEqual([]);
    expect(fs.readdirSync(twins.folder("own")).filter((name) => /out|partial/.test(name))).toEqual([]);
    expect(fs.existsSync(path.join(twins.folder("own"), String(args.at(-1))))).toBe(false);
  });

  it("goes on past what can't be read with --salvage, and reports it", () => {
    twins.run("peer", ["convert", "--salvage", "bad.qed", "out.raw"]);
    const own = twins.run("own", ["convert", "--salvage", "bad.qed", "out.raw"]);
    expect(own.code).toBe(0);
    expect(own.stderr).toContain("warning: error while reading offset 65536: Invalid argument\n");
    const images = (["peer", "own"] as const).map((who) =>
      fs.readFileSync(path.join(twins.folder(who), "out.raw")),
    );
    expect(images[1]?.equals(images[0] ?? Buffer.alloc(0))).toBe(true);
    // 64 KiB of a cluster that is nowhere.
    expect(images[1]?.subarray(65_536, 131_072).every((byte) => byte === 0)).toBe(true);
  });

  it("ends with 130 and no target when it is interrupted", async () => {
    const child = cli.start(["convert", "-f", "raw", "-r", "64k", "source/filled.raw", "slow.raw"]);
    let stderr = "";
    child.stderr?.on("data", (data) => {
      stderr += data;
    });
    const partial = () =>
      fs.readdirSync(cli.folder).some((name) => name.startsWith("slow.raw.") && name.endsWith(".partial"));
    while (!partial()) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(fs.existsSync(cli.path("slow.raw"))).toBe(false);
    child.kill("SIGINT");
    const code = await new Promise((resolve) => child.on("exit", resolve));
    expect(code).toBe(130);
    expect(stderr).toContain("The unfinished 'slow.raw' was removed.");
    expect(partial()).toBe(false);
  });

  it.each([
    ["convert", "-f", "qed", "-O", "raw", "over.qed", "low.raw"],
    ["convert", "-n", "-f", "qed", "-O", "raw", "over.qed", "low.raw"],
    ["convert", "-U", "-f", "raw", "-O", "raw", "low.raw", "low.raw"],
    ["convert", "-f", "raw", "-O", "qed", "-B", "low.raw", "-F", "raw", "a.raw", "low.raw"],
    ["dd", "-f", "qed", "-O", "raw", "if=over.qed", "of=low.raw"],
  ])("never overwrites what it reads or stands on: %s %s", (...args) => {
    const low = Buffer.alloc(65536, 5);
    fs.writeFileSync(cli.path("low.raw"), low);
    fs.copyFileSync(path.join(twins.folder("own"), "a.raw"), cli.path("a.raw"));
    execFileSync("qemu-img", ["create", "-q", "-f", "qed", "-b", "low.raw", "-F", "raw", "over.qed"], {
      cwd: cli.folder,
    });
    expect(cli.run(args).code).toBe(1);
    expect(fs.readFileSync(cli.path("low.raw")).equals(low)).toBe(true);
  });
});
