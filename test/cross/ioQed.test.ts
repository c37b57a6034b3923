// QED images under `io` in place of qemu-io: the same scripts through both programs on equal images give the same output
// and, since both take clusters in one order, the same files byte for byte.
import * as fs from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Cli, describeWithQemu } from "../core/cli/support.ts";

/** An image of `makeImages`, commands parted by semicolons, and options before the image. */
const scripts: readonly (readonly [what: string, image: string, commands: string, ...options: string[]])[] = [
  [
    "writes of whole clusters and parts",
    "plain.qed",
    "write -P 1 0 256k;write -P 2 300k 5000;write -P 3 1 1;read -v 0 64",
  ],
  [
    "zeroes, aligned and not",
    "plain.qed",
    "write -P 1 0 300k;write -z 64k 64k;write -z 400k 4k;write -z 512k 128k;map",
  ],
  [
    "zeroes over zero clusters",
    "plain.qed",
    "write -z 0 1M;write -P 5 100k 100k;read -P 0 0 100k;read -P 0 200k 700k;map",
  ],
  ["discards", "plain.qed", "write -P 1 0 128k;discard 0 64k;read -P 1 0 128k;map"],
  ["vectors", "plain.qed", "writev -P 4 60k 8k 1k 3k;readv -v 61430 20 30;readv -P 4 60k 12k"],
  [
    "requests at and past the end",
    "plain.qed",
    "write 4M 1;write 4194303 1;write 4194303 2;read 4M 512;read 4194303 1",
  ],
  ["alloc, map and length", "plain.qed", "write 0 1;write 2M 1;alloc 0 4M;alloc 64k 64k;map;length;info"],
  [
    "copy-on-write over a backing file",
    "overlay.qed",
    "write -P 9 100 50;read -v 80 90;read -P 7 64k 64k;write -P 8 60k 10k;read -v 61430 20",
  ],
  [
    "over the end of the backing file",
    "overlay.qed",
    "read -P 0 256k 64k;write -P 3 250k 12k;read -v 262140 16;write -z 192k 64k;map;alloc 0 1M",
  ],
  [
    "zeroes hide the backing file",
    "overlay.qed",
    "write -z 0 64k;read -P 0 0 64k;write -z 70k 4k;read -P 7 66k 4k;read -P 0 70k 4k;map",
  ],
  [
    "small clusters and tables",
    "small.qed",
    "write -P 1 0 64k;write -P 2 100k 4k;write -P 3 3M 12k;write -z 1M 1M;read -P 3 3M 12k;map",
  ],
  [
    "truncate",
    "plain.qed",
    "truncate 8M;length;truncate 1M;truncate 100;write -P 1 7M 1k;read -P 1 7M 1k;truncate -m full 16M",
  ],
  [
    "a snapshot leaves the image alone",
    "plain.qed",
    "write -P 5 0 1M;read -P 5 0 1M;read -P 0 1M 1M;flush",
    "-s",
  ],
  ["read-only", "plain.qed", "write 0 1;read 0 512;truncate 9M;flush", "-r"],
  [
    "asynchronous requests",
    "plain.qed",
    "aio_write -P 1 0 64k;aio_flush;aio_write -P 2 64k 64k;aio_flush;aio_read -P 1 0 64k;aio_flush",
  ],
  ["reopening", "plain.qed", "write -P 1 0 4k;reopen -r;write 0 1;reopen -w;write -P 2 4k 4k;read -P 1 0 4k"],
];

describeWithQemu("QED images in the place of qemu-io", () => {
  let cli: Cli;

  beforeAll(async () => {
    cli = await Cli.build();
    cli.write("base.raw", Buffer.alloc(256 * 1024, 7));
    cli.qemuImg("create", "-f", "qed", "plain.qed", "4M");
    cli.qemuImg("create", "-f", "qed", "-b", "base.raw", "-F", "raw", "overlay.qed", "1M");
    cli.qemuImg("create", "-f", "qed", "-o", "cluster_size=4096,table_size=2", "small.qed", "6M");
    for (const name of ["plain", "overlay", "small"])
      fs.copyFileSync(cli.path(`${name}.qed`), cli.path(`${name}.new`));
  });
  afterAll(() => cli.remove());

  it.each(scripts)("%s", (_what, image, commands, ...options) => {
    const args = [
      "-f",
      "qed",
      "-t",
      "writeback",
      ...options,
      image,
      ...commands.split(";").flatMap((c) => ["-c", c]),
    ];
    const results = (["qemu-io", "blkscope"] as const).map((program) => {
      fs.copyFileSync(cli.path(image.replace(".qed", ".new")), cli.path(image));
      const { code, stdout, stderr } = cli.feed(program, args, "", { BLKSCOPE_AS: "qemu-io" });
      return { code, stderr, stdout: withoutTimes(stdout), file: fs.readFileSync(cli.path(image)) };
    });
    const [peer, ours] = results;
    expect({ ...ours, file: undefined }).toEqual({ ...peer, file: undefined });
    expect(cli.qemuImg("check", image).stdout).toContain("No errors were found");
    expect(
      Buffer.compare(ours?.file ?? Buffer.alloc(0), peer?.file ?? Buffer.alloc(0)),
      "the files differ",
    ).toBe(0);
  });
});

function withoutTimes(text: string): string {
  return text.replace(
    /ops; (\d\d\.\d\d sec|\d+:\d\d:\d\d\.\d\d) \(.*\/sec and [0-9.]+ ops\/sec\)/g,
    "ops; TIME (RATES)",
  );
}
