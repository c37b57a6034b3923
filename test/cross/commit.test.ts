// `commit` in the place of qemu-img beside the stock program: output, exit codes and the backing files left.
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { Twins, words } from "../build/twins.ts";
import { Cli, describeWithQemu } from "../core/cli/support.ts";

let cli: Cli;
let twins: Twins;
beforeAll(async () => {
  cli = await Cli.build();
  twins = new Twins(cli);
});
afterAll(() => cli.remove());

describeWithQemu("commit and qemu-img commit", () => {
  beforeEach(() => {
    twins.prepare("qemu-img", "create", "-q", "-f", "raw", "base", "1M");
    twins.prepare("qemu-io", "-f", "raw", "-c", "write -q -P 3 0 1M", "base");
    twins.prepare("qemu-img", "create", "-q", "-f", "qed", "-b", "base", "-F", "raw", "mid", "2M");
    twins.prepare("qemu-io", "-c", "write -q -P 7 64k 100k", "-c", "write -q -z 512k 64k", "mid");
    twins.prepare("qemu-img", "create", "-q", "-f", "qed", "-b", "mid", "-F", "qed", "top");
    twins.prepare("qemu-io", "-c", "write -q -P 9 1500k 10k", "-c", "write -q -P 8 96k 4k", "top");
  });

  it.each([
    "commit mid",
    "commit -q mid",
    "commit -d -f qed mid",
    "commit -b base top",
    "commit -r 100M mid",
    "commit -r 0 mid",
    "commit -t none mid",
    "commit --image-opts driver=qed,file.filename=mid",
  ])("leaves the same backing file: %s", (line) => {
    expect(twins.same(words(line)).code).toBe(0);
    twins.sameBytes("base");
    twins.sameBytes("mid");
    twins.sameBytes("top");
  });

  it("says when an image could not be emptied, with all of it in the base", () => {
    twins.prepare("qemu-img", "create", "-q", "-f", "raw", "small", "1M");
    twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", "-b", "small", "-F", "raw", "over");
    twins.prepare("qemu-io", "-c", "write -q -P 5 64k 64k", "over");
    for (const folder of [twins.ownFolder, twins.peerFolder]) {
      fs.writeFileSync(path.join(folder, "fails.conf"), '[inject-error]\nevent = "l1_update"\nerrno = "5"\n');
    }
    // What else is said of the failed write is each program's own.
    const ofEmptying = (text: string) =>
      text
        .split("\n")
        .filter((line) => line.includes("empty"))
        .join("\n");
    const { code, stderr } = twins.same(["commit", "blkdebug:fails.conf:over"], ofEmptying);
    expect({ code, says: ofEmptying(stderr) }).toEqual({
      code: 1,
      says: "qemu-img: Failed to empty blkdebug:fails.conf:over: Input/output error",
    });
    twins.sameBytes("small");
  });

  it("goes on where the base has got its first tables meanwhile", () => {
    twins.prepare("qemu-img", "create", "-q", "-f", "qed", "low", "8M");
    twins.prepare("qemu-img", "create", "-q", "-f", "qed", "-b", "low", "-F", "qed", "high", "8M");
    twins.prepare("qemu-io", "-c", "write -q -P 7 0 64k", "-c", "write -q -P 9 4M 64k", "high");
    const wanted = twins.contents("high");
    expect(twins.same(["commit", "high"]).code).toBe(0);
    expect(twins.contents("low")).toBe(wanted);
  });

  it.each([
    "commit",
    "commit mid top",
    "commit absent",
    "commit -f raw base",
    "commit -f nothing mid",
    "commit -b absent top",
    "commit -b top top",
    "commit -b '' top",
    "commit -t foo mid",
    "commit -r foo mid",
    "commit -r -1 mid",
    "commit --image-opts -f qed driver=qed,file.filename=mid",
  ])("refuses alike: %s", (line) => {
    expect(twins.same(words(line)).code).toBe(1);
    twins.sameBytes("base");
  });
});
