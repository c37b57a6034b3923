// `dd` beside qemu-img: words, exit codes, and the images made.
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

describeWithQemu("dd", () => {
  it.each([
    [["dd"]],
    [["dd", "if=a.raw"]],
    [["dd", "of=b"]],
    [["dd", "if=a.raw", "of=out.raw"]],
    [["dd", "bs=1k", "count=10", "if=a.raw", "of=out.raw"]],
    [["dd", "bs=1000", "count=10", "if=a.raw", "of=out.raw"]],
    [["dd", "bs=1k", "skip=2", "count=4", "if=a.raw", "of=out.raw"]],
    [["dd", "bs=1k", "skip=2000", "count=4", "if=a.raw", "of=out.raw"]],
    [["dd", "bs=0", "if=a.raw", "of=out.raw"]],
    [["dd", "bs=x", "if=a.raw", "of=out.raw"]],
    [["dd", "bs=3G", "if=a.raw", "of=out.raw"]],
    [["dd", "count=x", "if=a.raw", "of=out.raw"]],
    [["dd", "skip=-1", "if=a.raw", "of=out.raw"]],
    [["dd", "foo=1", "if=a.raw", "of=out.raw"]],
    [["dd", "foo"]],
    [["dd", "-q", "if=a", "of=b"]],
    [["dd", "if=", "of=b"]],
    [["dd", "-O", "bogus", "if=a.raw", "of=out.raw"]],
    [["dd", "-f", "bogus", "if=a.raw", "of=out.raw"]],
    [["dd", "if=nope", "of=out.raw"]],
    [["dd", "count=0", "if=a.raw", "of=out.raw"]],
    [["dd", "if=a.raw", "if=base.raw", "of=out.raw"]],
    [["dd", "--image-opts", "if=driver=raw,file.filename=a.raw", "of=out.raw"]],
    [["dd", "bs=1k", "skip=3", "count=4", "if=a.raw", "of=out.raw"]],
    [["dd", "-O", "null-co", "if=a.raw", "of=o"]],
    [["dd", "bs=1M", "seek=1", "if=a.raw", "of=out.raw"]],
    [["dd", "count=1k", "bs=512", "if=a.raw", "of=out.raw"]],
    [["dd", "if=odd.raw", "of=out.raw"]],
    [["dd", "if=odd.raw", "bs=300", "of=out.raw"]],
    [["dd", "-f", "raw", "skip=1954", "if=a.raw", "of=out.raw"]],
    [["dd", "-f", "raw", "skip=1955", "if=a.raw", "of=out.raw"]],
    [["dd", "-n", "if=a", "of=b"]],
    [["dd", "--image-opts", "-f", "raw", "if=a", "of=b"]],
    [["dd", "if=a.raw", "of=out.raw", "bs=1.5"]],
    [["dd", "if=a.raw", "of=out.raw", "bs=1", "count=700"]],
    [["dd", "if=o.qed", "of=out.raw", "bs=1M"]],
    [["dd", "if=d/o2.qed", "of=out.raw", "bs=1M", "skip=2"]],
    [["dd", "if=a.raw", "of=base.raw"]],
    [["dd", "-U", "if=a.raw", "of=out.raw"]],
    [["dd", "if=a.raw", "of=out.raw", "bs=9223372036854775807"]],
    [["dd", "if=a.raw", "of=out.raw", "skip=9223372036854775807"]],
    [["dd", "if=a.raw", "of=out.raw", "count=9223372036854775807", "bs=2M"]],
    [["dd", "of=out.raw", "if=a.raw", "of=out3.raw"]],
  ])("says and does as the peer: %j", (args) => {
    twins.expectEqual(args);
  });

  it("counts the count from the beginning of the input", () => {
    expect(twins.run("own", ["dd", "bs=1k", "skip=2", "count=4", "if=a.raw", "of=out.raw"]).code).toBe(0);
    expect(fs.statSync(path.join(twins.folder("own"), "out.raw")).size).toBe(2048);
  });

  it("leaves no output when the input can't be read", () => {
    const { code, stderr, changed } = twins.run("own", ["dd", "if=bad.qed", "of=out.raw"]);
    expect(code).toBe(1);
    expect(stderr).toBe("qemu-img: error while reading from input image file: Invalid argument\n");
    expect(changed).toEqual([]);
  });
});
