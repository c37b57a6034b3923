// `resize` in the place of qemu-img beside the stock program: output, exit codes and the files left.
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
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

describeWithQemu("resize and qemu-img resize", () => {
  beforeEach(() => {
    twins.prepare("qemu-img", "create", "-q", "-f", "raw", "disk", "1M");
    twins.prepare("qemu-io", "-f", "raw", "-c", "write -q -P 5 0 1M", "disk");
  });

  it.each([
    "resize disk 2M",
    "resize -f raw disk 2M",
    "resize -f raw disk +512",
    "resize -f raw disk +0",
    "resize -f raw disk 1048577",
    "resize -q -f raw disk 3M",
    "resize -f raw --shrink disk 1000",
    "resize -f raw --shrink disk -512k",
    "resize -f raw --shrink disk -- -1k",
    "resize -f raw --preallocation=falloc disk 2M",
    "resize -f raw --preallocation=full disk 2M",
    "resize --image-opts driver=raw,file.filename=disk 2M",
  ])("leaves the same file: %s", (line) => {
    expect(twins.same(words(line)).code).toBe(0);
    twins.sameBytes("disk");
  });

  it.each([
    "resize",
    "resize disk",
    "resize disk other 1M",
    "resize --foo disk 1M",
    "resize -f raw disk 2M --shrink",
    "resize -f raw disk 2M --",
    "resize absent 1M",
    "resize -f nothing disk 2M",
    "resize -f raw disk abc",
    "resize -f raw disk +",
    "resize -f raw disk ''",
    "resize -f raw disk +-1",
    "resize -f raw disk 9E",
    "resize -f raw disk 1000",
    "resize -f raw disk -512",
    "resize -f raw --shrink disk 0",
    "resize -f raw --shrink disk -100M",
    "resize -f raw --preallocation=foo disk 2M",
    "resize -f raw --preallocation=metadata disk 2M",
    "resize -f raw --shrink --preallocation=full disk 512k",
    "resize --image-opts -f raw driver=raw,file.filename=disk 2M",
  ])("refuses alike and changes nothing: %s", (line) => {
    expect(twins.same(words(line)).code).toBe(1);
    twins.sameBytes("disk");
  });

  it("takes options after the size under its own name", () => {
    cli.sparse("own.raw", 4096);
    const ran = cli.run(["resize", "-f", "raw", "own.raw", "1024", "--shrink"]);
    expect(ran).toMatchObject({ code: 0, stdout: "Image resized.\n", stderr: "" });
  });

  it.each([
    "31k 96k metadata",
    "33k 128k metadata",
    "33k 60k falloc",
    "128k 192k metadata",
    "192k 1M metadata",
  ])("gives new clusters over a backing file a place, and none of its data: %s", (line) => {
    const [old = "", size = "", mode = ""] = line.split(" ");
    twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", "-b", "disk", "-F", "raw", "overlay", old);
    expect(twins.same(words(`resize --preallocation=${mode} overlay ${size}`)).code).toBe(0);
    const judged = (cwd: string) => {
      const peer = (...args: string[]) => execFileSync("qemu-img", args, { cwd, encoding: "utf8" });
      return [peer("map", "--output=json", "overlay"), peer("check", "overlay")];
    };
    expect(judged(twins.ownFolder)).toEqual(judged(twins.peerFolder));
    const [own, peer] = [twins.ownFolder, twins.peerFolder].map((folder) => `${folder}/overlay`);
    expect(execFileSync("qemu-img", ["compare", `${own}`, `${peer}`], { encoding: "utf8" })).toBe(
      "Images are identical.\n",
    );
  });

  it.each([
    ["64k", "falloc"],
    ["64k", "full"],
    ["64k", "metadata"],
    ["4k", "falloc"],
    ["4k", "full"],
  ])(
    "leaves the image as it was where there is no room for all of it: clusters of %s, %s",
    (clusters, mode) => {
      const [name, was] = ["tight.qcow2", "was.qcow2"];
      cli.qemuImg("create", "-q", "-f", "qcow2", "-o", `cluster_size=${clusters}`, name, "6M");
      cli.qemuIo("-c", "write -q -P 7 0 3M", name);
      fs.copyFileSync(cli.path(name), cli.path(was));
      // The file can have 5 MiB (blocks of 1024 bytes); the signal of a longer one would end the process.
      const ran = cli.shell(
        `trap '' XFSZ; ulimit -f 5120; $BLKSCOPE resize --preallocation=${mode} ${name} 64M`,
      );
      expect(ran.code).toBe(1);
      expect(ran.stderr).toContain("File too large");
      expect(cli.qemuImg("check", "-q", name)).toMatchObject({ code: 0, stderr: "" });
      expect(cli.qemuImg("compare", "-s", name, was).stdout).toBe("Images are identical.\n");
      expect(cli.run(["resize", "-q", `--preallocation=${mode}`, name, "64M"]).code).toBe(0);
      expect(cli.qemuImg("check", "-q", name)).toMatchObject({ code: 0, stderr: "" });
      expect(cli.qemuIo("-c", "read -q -P 7 0 3M", "-c", "read -q -P 0 3M 61M", name).stdout).toBe("");
    },
  );
});
