// qemu-io and our program in its place on qcow2 images: options of the table cache and of writing, changed while the image
// is open too; a machine's state behind the disk; names below filters; discards that no unit holds whole.
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Cli, describeWithQemu } from "../core/cli/support.ts";
import { IoTwins } from "./ioTwins.ts";

let cli: Cli;
let twins: IoTwins;
beforeAll(async () => {
  cli = await Cli.build();
  const folder = cli.path("source");
  fs.mkdirSync(folder, { recursive: true });
  const peer = (program: string, ...args: string[]) => execFileSync(program, args, { cwd: folder });
  peer("qemu-img", "create", "-q", "-f", "qcow2", "base.qcow2", "1G");
  // Where the state of the overlay's machine lies, its backing file has data.
  peer("qemu-io", "-c", "write -P 9 0 1M", "-c", "write -P 9 32M 1M", "base.qcow2");
  const over = ["-b", "base.qcow2", "-F", "qcow2"];
  peer("qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=4k", ...over, "over.qcow2", "32M");
  peer("qemu-io", "-c", "write -P 22 1M 8M", "over.qcow2");
  // A snapshot whose L1 table is said to begin within a cluster: the first field of the table's only entry.
  peer("qemu-img", "create", "-q", "-f", "qcow2", "lost.qcow2", "1M");
  peer("qemu-io", "-c", "write 0 64k", "lost.qcow2");
  peer("qemu-img", "snapshot", "-c", "s", "lost.qcow2");
  const lost = fs.readFileSync(path.join(folder, "lost.qcow2"));
  lost.writeBigUInt64BE(0x400200n, Number(lost.readBigUInt64BE(64)));
  fs.writeFileSync(path.join(folder, "lost.qcow2"), lost);
  twins = new IoTwins(cli, folder);
});
afterAll(() => cli.remove());

/** Both say the same, and the peer finds no fault in our image. */
function same(line: string, ...commands: readonly string[]): void {
  const { own, peer } = twins.both(line, ...commands);
  expect(own).toEqual(peer);
  const image = path.join(twins.folder("own"), "over.qcow2");
  expect(execFileSync("qemu-img", ["check", image], { encoding: "utf8" })).toContain("No errors were found");
}

describeWithQemu("qemu-io on qcow2", () => {
  it.each([
    "cache-size=1.25M,l2-cache-size=1M,refcount-cache-size=0.25M",
    "cache-size=1M,l2-cache-size=2M",
    "cache-size=1M,refcount-cache-size=2M",
    "l2-cache-entry-size=256",
    "l2-cache-entry-size=4242",
    "l2-cache-entry-size=8k",
    "refcount-cache-size=256T",
    "cache-clean-interval=-1",
    "lazy-refcounts=42",
    "overlap-check=blubb",
    "overlap-check.template=blubb",
  ])("refuses %s when it opens an image, and when it is open already", (options) => {
    same("", `open -o ${options} over.qcow2`, "open over.qcow2", `reopen -o ${options}`, "read -P 22 1M 4k");
  });

  it.each([
    "cache-size=0",
    "l2-cache-size=0",
    "refcount-cache-size=0",
    "cache-size=2M,l2-cache-size=1M",
    "l2-cache-entry-size=512,cache-size=16k",
    "cache-clean-interval=5",
    "overlap-check=all,lazy-refcounts=on",
    "overlap-check.template=none,overlap-check.active-l2=on",
    "pass-discard-request=off,pass-discard-snapshot=off,pass-discard-other=on",
  ])("takes %s when it opens an image, and when it is open already", (options) => {
    const commands = ["write -P 5 0 3M", "discard 2M 1M", "read -P 5 0 2M"];
    same("", `open -o ${options} over.qcow2`, ...commands, `reopen -o ${options}`, ...commands);
  });

  it("writes nothing that is to be checked against a snapshot's tables which can't be found", () => {
    same("", "open -o overlap-check.inactive-l2=on lost.qcow2", "write 0 4k", "read 0 4k");
    same("lost.qcow2", "write 0 4k");
  });

  it("lays new options over those before: a total size over parts, a template over another", () => {
    same(
      "over.qcow2",
      "reopen -o l2-cache-size=512k,refcount-cache-size=128k",
      "reopen -o cache-size=256k",
      "reopen -o l2-cache-size=128k",
      "reopen -o refcount-cache-size=128k",
      "reopen -o overlap-check=none",
      "reopen -o overlap-check.main-header=on",
      "reopen -o overlap-check.template=all",
      "reopen -o backing.driver=qcow2,auto-read-only=on",
      "reopen -o backing.driver=raw",
      "reopen -o auto-read-only=qux",
      "write -P 5 0 3M",
    );
  });

  it.each([
    "node-name=foo",
    "file.node-name=foo",
    "backing.node-name=foo",
    "backing.driver=qcow2",
    "driver=copy-on-read,file.driver=qcow2",
    "driver=blkdebug,image.driver=qcow2,align=4k",
    "driver=copy-on-read,file.driver=blkdebug,file.image.driver=qcow2",
    "driver=copy-on-read,file.driver=copy-on-read,file.file.driver=qcow2",
  ])("opens a name with %s", (options) => {
    same("", `open -o ${options} over.qcow2`, "read -P 22 1M 4k", "read -P 9 0 4k", "length");
  });

  it.each(["inject-error", "inject-error.0"])("takes a rule of blkdebug as %s", (rule) => {
    const file = `file.driver=blkdebug,file.${rule}.event=l2_load,file.${rule}.errno=28`;
    same("", `open -o driver=qcow2,${file} over.qcow2`, "read -P 22 1M 4k");
  });

  it("discards what surrounds whole units of opt-discard as far as blocks go", () => {
    const limits = "align=512,opt-discard=3M,max-discard=3M";
    same(
      "",
      `open -o driver=blkdebug,image.driver=qcow2,${limits} blkdebug::over.qcow2`,
      "discard 1048577 8M",
      "read -P 22 1M 1",
      "read -P 0 1052672 7M",
      "map",
    );
  });

  it("stores a machine's state behind the disk, where no backing file shows", () => {
    same(
      "over.qcow2",
      "write -b -P 7 512 4k",
      "write -b -P 8 1M 64k",
      "read -b -P 7 512 4k",
      "read -b -P 8 1M 64k",
      "write -b 1 512",
      "length",
    );
    const read = ["-r", "-c", "read -b -P 7 512 4k", "-c", "read -b -P 8 1M 64k", "-c", "read -P 22 1M 8M"];
    const image = path.join(twins.folder("own"), "over.qcow2");
    // The peer shows the backing file's bytes of that offset here, 9.
    expect(cli.run(["io", "-r", "-c", "read -b -P 0 0 512", "-c", "read -b -P 0 5k 507k", image]).code).toBe(
      0,
    );
    expect(execFileSync("qemu-io", [...read, image], { encoding: "utf8" })).not.toContain("failed");
    expect(execFileSync("qemu-img", ["info", image], { encoding: "utf8" })).toContain(
      "32 MiB (33554432 bytes)",
    );
  });

  it("keeps a snapshot's machine state apart from a later one", () => {
    same("over.qcow2", "write -b -P 7 0 64k");
    const image = path.join(twins.folder("own"), "over.qcow2");
    const run = (program: string, ...args: string[]) => execFileSync(program, [...args, image]);
    const io = (...commands: string[]) => cli.run(["io", ...commands.flatMap((c) => ["-c", c]), image]);
    run("qemu-img", "snapshot", "-c", "one");
    expect(io("write -b -P 6 0 32k", "read -b -P 7 32k 32k").code).toBe(0);
    run("qemu-img", "check");
    run("qemu-img", "snapshot", "-a", "one");
    expect(io("read -b -P 7 0 64k").code).toBe(0);
  });

  it("has no room for a machine's state in raw images", () => {
    same("-f raw", "open base.qcow2", "read -b 0 512", "write -b 0 512");
  });
});
