// `blkscope compare` beside `qemu-img compare` on the same pairs: exit codes and messages.
import * as fs from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Cli, describeWithQemu, type Ran } from "../core/cli/support.ts";

const mib = 1024 * 1024;
let cli: Cli;
beforeAll(async () => {
  cli = await Cli.build();
});
afterAll(() => cli.remove());

function both(args: readonly string[]): { peer: Ran; own: Ran } {
  return { peer: cli.qemuImg("compare", ...args), own: cli.run(["compare", ...args]) };
}

describeWithQemu("compare and qemu-img compare", () => {
  beforeAll(() => {
    const make = (...args: string[]) => expect(cli.qemuImg(...args).code).toBe(0);
    cli.sparse("zero.raw", mib);
    cli.sparse("base.raw", 4 * mib, { 0: "start", 70000: "middle", [4 * mib - 512]: "end" });
    make("convert", "-f", "raw", "-O", "qed", "base.raw", "base.qed");
    make("convert", "-f", "raw", "-O", "qed", "-o", "cluster_size=4096", "base.raw", "small.qed");
    make("create", "-q", "-f", "qed", "-b", "base.raw", "-F", "raw", "overlay.qed");
    const differing: Record<string, number> = {
      first: 0,
      unaligned: 5000,
      border: 65_536,
      middle: 70_001,
      beforeBorder: 2 * mib - 1,
      last: 4 * mib - 1,
    };
    for (const [name, offset] of Object.entries(differing)) {
      fs.copyFileSync(cli.path("base.raw"), cli.path(`${name}.raw`));
      const fd = fs.openSync(cli.path(`${name}.raw`), "r+");
      fs.writeSync(fd, Buffer.from([0xa5]), 0, 1, offset);
      fs.closeSync(fd);
    }
    fs.copyFileSync(cli.path("base.raw"), cli.path("longer.raw"));
    fs.truncateSync(cli.path("longer.raw"), 6 * mib);
    cli.sparse("longerTail.raw", 6 * mib, {
      0: "start",
      70000: "middle",
      [4 * mib - 512]: "end",
      [5 * mib + 3]: "tail",
    });
    cli.sparse("longerBoth.raw", 6 * mib, { 0: "start", 70000: "MIDDLE", [5 * mib]: "tail" });
    // One L2 entry points past the end of the file: L1[0] is the L2 table, its entry 2 the third cluster.
    const bytes = fs.readFileSync(cli.path("base.qed"));
    const l2 = Number(bytes.readBigUInt64LE(65_536));
    bytes.writeBigUInt64LE(0x7fff0000n, l2 + 16);
    cli.write("broken.qed", bytes);
    make("create", "-q", "-f", "qed", "-u", "-b", "gone.raw", "-F", "raw", "dangling.qed", "4M");
    cli.write("empty.raw", "");
    // The same cluster of data and of zeroes; the zeroes are stored as a hole of the file.
    for (const [name, pattern] of [
      ["inHole.qed", "0"],
      ["filled.qed", "0x22"],
    ] as const) {
      make("create", "-q", "-f", "qed", name, "1M");
      expect(cli.qemuIo("-f", "qed", "-c", `write -P ${pattern} 0 64k`, name).code).toBe(0);
    }
    // Read before the file is opened for writing, which empties it.
    const sparse = fs.readFileSync(cli.path("inHole.qed"));
    const dataAt = Number(sparse.readBigUInt64LE(Number(sparse.readBigUInt64LE(65_536))));
    cli.sparse("inHole.qed", sparse.length, {
      0: sparse.subarray(0, dataAt),
      [dataAt + 65_536]: sparse.subarray(dataAt + 65_536),
    });
  });

  it.each([
    [["base.raw", "base.raw"]],
    [["base.raw", "base.qed"]],
    [["small.qed", "base.qed"]],
    [["overlay.qed", "base.qed"]],
    [["base.raw", "first.raw"]],
    [["base.raw", "unaligned.raw"]],
    [["unaligned.raw", "base.qed"]],
    [["base.qed", "border.raw"]],
    [["middle.raw", "base.raw"]],
    [["middle.raw", "overlay.qed"]],
    [["base.raw", "beforeBorder.raw"]],
    [["small.qed", "last.raw"]],
    [["base.raw", "longer.raw"]],
    [["longer.raw", "base.qed"]],
    [["base.raw", "longerTail.raw"]],
    [["longerTail.raw", "base.qed"]],
    [["base.raw", "longerBoth.raw"]],
    [["zero.raw", "base.raw"]],
    [["-s", "inHole.qed", "filled.qed"]],
    [["-s", "filled.qed", "inHole.qed"]],
    [["empty.raw", "empty.raw"]],
    [["empty.raw", "zero.raw"]],
    [["base.raw", "empty.raw"]],
    [["-f", "raw", "-F", "raw", "base.raw", "base.qed"]],
    [["-F", "raw", "zero.raw", "base.qed"]],
    [["-s", "base.raw", "base.raw"]],
    [["-s", "base.qed", "base.qed"]],
    [["-s", "base.raw", "longer.raw"]],
    [["-s", "zero.raw", "base.raw"]],
    [["-s", "last.raw", "middle.raw"]],
    [["-s", "zero.raw", "base.qed"]],
    [["-q", "base.raw", "first.raw"]],
    [["-q", "base.raw", "longer.raw"]],
    [["-pq", "base.raw", "base.qed"]],
    [["-p", "base.raw", "first.raw"]],
    [["-U", "-T", "none", "base.raw", "base.qed"]],
    [["--image-opts", "driver=raw,file.filename=base.raw", "driver=qed,file.filename=base.qed"]],
    [["base.raw", 'json:{"driver":"qed","file":{"driver":"file","filename":"base.qed"}}']],
  ])("agree in exit code and every word on %j", (args) => {
    const { peer, own } = both(args);
    expect(own).toEqual(peer);
  });

  it.each([
    [["base.raw", "missing.raw"], 2],
    [["missing.raw", "base.raw"], 2],
    [["-f", "qed", "base.raw", "base.qed"], 2],
    [["base.raw", "."], 2],
    [["dangling.qed", "base.raw"], 2],
    [["-T", "bogus", "base.raw", "base.qed"], 2],
    [["--image-opts", "-f", "raw", "base.raw", "base.qed"], 2],
    [["-f", "nope", "base.raw", "base.qed"], 2],
    [["base.raw"], 1],
    [[], 1],
    [["a", "b", "c"], 1],
    [["-z", "a", "b"], 1],
    [["--bogus", "a", "b"], 1],
    [["-F"], 1],
    [["base.raw", "broken.qed"], 3],
    [["broken.qed", "base.raw"], 3],
    [["-s", "base.qed", "broken.qed"], 3],
    // A mismatch before the range that cannot be read decides.
    [["first.raw", "broken.qed"], 1],
  ])("agree in the exit code of %j: %i", (args, code) => {
    const { peer, own } = both(args);
    expect(peer.code).toBe(code);
    expect(own.code).toBe(code);
  });

  it.each([
    [
      ["base.raw", "missing.raw"],
      "Could not open 'missing.raw': Could not open 'missing.raw': No such file or directory",
    ],
    [["base.raw"], "Expecting two image file names"],
    [["-T", "bogus", "a", "b"], "Invalid source cache option: bogus"],
    [["base.raw", "broken.qed"], "Sector allocation test failed for broken.qed"],
    [["broken.qed", "base.raw"], "Sector allocation test failed for broken.qed"],
    [["-z", "a", "b"], "unrecognized option '-z'"],
  ])("give the same reason for %j", (args, words) => {
    const { peer, own } = both(args);
    expect(peer.stderr.split("\n")[0]).toBe(`qemu-img: ${words}`);
    expect(own.stderr.split("\n")[0]).toBe(`blkscope: ${words}`);
  });
});
