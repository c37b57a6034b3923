// Every rule of opening a QED image (QED reference, section 3): where a header breaks one, the program that stands in for
// qemu-img refuses it with the same words and exit code; and where none is broken it opens.
import * as fs from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Cli, describeWithQemu } from "../core/cli/support.ts";

let cli: Cli;
beforeAll(async () => {
  cli = await Cli.build();
  cli.qemuImg("create", "-f", "qed", "good.qed", "64M");
  cli.write("base.raw", Buffer.alloc(4096));
  cli.qemuImg("create", "-f", "qed", "-b", "base.raw", "-F", "raw", "overlay.qed", "64M");
});
afterAll(() => cli.remove());

type Change = (bytes: Buffer) => Buffer | undefined;

const u32 =
  (at: number, value: number): Change =>
  (bytes) =>
    void bytes.writeUInt32LE(value, at);
const u64 =
  (at: number, value: bigint): Change =>
  (bytes) =>
    void bytes.writeBigUInt64LE(value, at);

const changes: readonly (readonly [string, Change, string?])[] = [
  ["an unchanged header", () => undefined],
  ["a wrong magic", u32(0, 0x12345678)],
  ["a file of 63 bytes", (bytes) => bytes.subarray(0, 63)],
  ["a header and nothing behind it", (bytes) => bytes.subarray(0, 64)],
  ["an empty file", (bytes) => bytes.subarray(0, 0)],
  ["one unknown feature", u64(16, 8n)],
  ["many unknown features", u64(16, 0xffff_ffff_ffff_fff8n)],
  ["clusters of 0 bytes", u32(4, 0)],
  ["clusters of 2 KiB", u32(4, 2048)],
  ["clusters of 128 MiB", u32(4, 128 * 1024 * 1024)],
  ["clusters of no power of two", u32(4, 65_537)],
  ["tables of 0 clusters", u32(8, 0)],
  ["tables of 3 clusters", u32(8, 3)],
  ["tables of 32 clusters", u32(8, 32)],
  ["a size of no whole sectors", u64(48, 1000n)],
  ["a size beyond its tables", u64(48, (1n << 46n) + 512n)],
  ["the largest size of its tables", u64(48, 1n << 46n)],
  ["a size of 0", u64(48, 0n)],
  ["an L1 table at 0", u64(40, 0n)],
  ["an L1 table at no cluster's start", u64(40, 65_536n + 512n)],
  ["an L1 table past the end", u64(40, 1n << 40n)],
  ["an L1 table that reaches past the end", u64(40, 131_072n)],
  ["an L1 table at the end of 64 bits", u64(40, 0xffff_ffff_ffff_0000n)],
  ["a header of 100,000 clusters", u32(12, 100_000)],
  ["a header of 0 clusters", u32(12, 0)],
  ["an unknown compatible bit", u64(24, 9n)],
  ["an unknown autoclear bit", u64(32, 9n)],
  ["a file of 6 bytes", (bytes) => bytes.subarray(0, 6)],
  ["a backing name outside the header", u32(56, 65_536 - 4), "overlay.qed"],
  ["a backing name longer than the header", u32(60, 0x7fff_ffff), "overlay.qed"],
  ["a backing name longer than a path", u32(60, 5000), "overlay.qed"],
];

describeWithQemu("opening a QED image in qemu-img's place", () => {
  it.each(changes.map(([name, change, image = "good.qed"]) => ({ name, change, image })))(
    "with $name",
    ({ change, image }) => {
      const bytes = fs.readFileSync(cli.path(image));
      cli.write("case.qed", change(bytes) ?? bytes);
      const args = ["info", "-f", "qed", "case.qed"];
      const ours = cli.run(args, { BLKSCOPE_AS: "qemu-img" });
      const theirs = cli.qemuImg(...args);
      expect([ours.code, ours.stderr]).toEqual([theirs.code, theirs.stderr]);
      if (theirs.code === 0) expect(ours.stdout).toBe(theirs.stdout);
      // Under its own name it says what is wrong and what to do, and never crashes.
      const own = cli.run(args);
      expect(own.code).toBe(theirs.code);
      if (own.code !== 0) expect(own.stderr.split("\n").length).toBeGreaterThanOrEqual(2);
    },
  );
});
