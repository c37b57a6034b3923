// A target over a backing file (`convert -B`) reads as the source does, also where the source's own backing file is missing
// or ends before: there it is zeroes, whatever the target's backing file holds.
import * as fs from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Cli } from "./support.ts";

const KiB = 1024;
const size = 1024 * KiB;
const backing = Buffer.alloc(size, 5);
/** Ends within a cluster of 64 KiB. */
const shortLength = 300 * KiB;
/** What the source itself holds. */
const own = { offset: 64 * KiB, length: 64 * KiB };

let cli: Cli;
beforeAll(async () => {
  cli = await Cli.build();
  cli.write("base.raw", backing);
  cli.write("short.raw", backing.subarray(0, shortLength));
  const write = ["-c", `write -q -P 1 ${own.offset} ${own.length}`];
  for (const [name, ...over] of [["alone"], ["overlay", "-b", "short.raw", "-F", "raw"]]) {
    const file = `${name}.qcow2`;
    expect(cli.run(["create", "-q", "-f", "qcow2", ...over, file, `${size}`])).toMatchObject({ code: 0 });
    expect(cli.run(["io", "-f", "qcow2", ...write, file])).toMatchObject({ code: 0 });
  }
});
afterAll(() => cli.remove());

describe("convert -B", () => {
  it.each(["qcow2", "qed", "qcow2 -c", "qcow2 -o cluster_size=2M", "qcow2 -S 0"])("to %s", (target) => {
    for (const [source, below] of [
      ["alone", 0],
      ["overlay", shortLength],
    ] as const) {
      const expected = Buffer.alloc(size);
      backing.copy(expected, 0, 0, below);
      expected.fill(1, own.offset, own.offset + own.length);
      const options = ["-O", ...target.split(" "), "-B", "base.raw", "-F", "raw"];
      const to = `${source}.target`;
      expect(cli.run(["convert", "-q", ...options, `${source}.qcow2`, to])).toMatchObject({ code: 0 });
      expect(cli.run(["convert", "-q", "-O", "raw", to, "out.raw"])).toMatchObject({ code: 0 });
      expect(fs.readFileSync(cli.path("out.raw")).equals(expected), source).toBe(true);
    }
  });
});
