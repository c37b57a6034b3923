// quorum in place of the original: the same copies, options and scripts through both programs.
import * as fs from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Cli, describeWithQemu } from "../core/cli/support.ts";
import { IoTwins } from "./ioTwins.ts";

/** Copies: r0 to r4 are raw disks of 1 MiB, of which r0 alone holds 5 in its first 64 KiB, r1 and r2 6. */
function copies(...names: readonly string[]): string {
  return names
    .map((name, i) => {
      const format = name.endsWith(".qed") ? "qed" : "raw";
      return `children.${i}.driver=${format},children.${i}.file.filename=${name}`;
    })
    .join(",");
}

/** A copy that fails: child number, its name, and the rule of a blkdebug below it. */
function failing(index: number, name: string, rule: string): string {
  const child = `children.${index}`;
  const options = rule.split(",").map((option) => `${child}.file.inject-error.0.${option}`);
  return `${child}.driver=raw,${child}.file.driver=blkdebug,${child}.file.image.filename=${name},${options.join(",")}`;
}

const mixed: readonly string[] = [
  "read 0 64k",
  "read -P 0 256k 64k",
  "write -P 3 4k 4k",
  "read -P 3 4k 4k",
  "write -z 8k 4k",
  "readv -v 8180 8 20",
  "discard 512k 64k",
  "flush",
  "aio_write -P 7 300k 10k",
  "aio_flush",
  "read -P 7 300k 10k",
  "read 0 128k",
  "write 1023k 2k",
  "length",
  "map",
  "alloc 0 64k",
];

const graphs: readonly string[] = [
  `vote-threshold=1,${copies("r0.raw")}`,
  `vote-threshold=1,${copies("r0.raw", "r1.raw")}`,
  `vote-threshold=2,${copies("r0.raw", "r1.raw")}`,
  `vote-threshold=1,${copies("r0.raw", "r1.raw", "r2.raw")}`,
  `vote-threshold=2,${copies("r0.raw", "r1.raw", "r2.raw")}`,
  `vote-threshold=3,${copies("r0.raw", "r1.raw", "r2.raw")}`,
  `vote-threshold=2,${copies("r1.raw", "r3.raw", "r0.raw", "r2.raw")}`,
  `vote-threshold=2,${copies("r0.raw", "r1.raw", "r2.raw", "r3.raw", "r4.raw")}`,
  `vote-threshold=3,${copies("r0.raw", "r1.raw", "r2.raw", "r3.raw", "r4.raw")}`,
  `vote-threshold=2,${copies("r3.raw", "t.qed", "r4.raw")}`,
  `vote-threshold=2,read-pattern=fifo,${copies("r0.raw", "r1.raw", "r2.raw")}`,
  `vote-threshold=2,read-pattern=fifo,blkverify=on,rewrite-corrupted=on,${copies("r0.raw", "r1.raw", "r2.raw")}`,
  `vote-threshold=1,rewrite-corrupted=on,${copies("r0.raw", "r1.raw")}`,
  `vote-threshold=2,rewrite-corrupted=on,${copies("r0.raw", "r1.raw", "r2.raw")}`,
  `vote-threshold=2,rewrite-corrupted=on,${copies("r0.raw", "r3.raw", "r1.raw", "r4.raw", "r2.raw")}`,
  `vote-threshold=1,rewrite-corrupted=on,${copies("r0.raw", "r3.raw", "r1.raw", "r4.raw", "r2.raw")}`,
  `vote-threshold=2,blkverify=on,${copies("r3.raw", "r4.raw")}`,
  `vote-threshold=2,blkverify=on,${copies("r3.raw", "t.qed")}`,
  // One copy fails: reads, writes, flushes, once or for good; or two with different errors.
  ...["event=none", "event=none,iotype=read", "event=none,iotype=write", "event=none,iotype=flush"].flatMap(
    (rule) => [
      `vote-threshold=2,${copies("r1.raw", "r2.raw")},${failing(2, "r0.raw", rule)}`,
      `vote-threshold=3,${copies("r1.raw", "r2.raw")},${failing(2, "r0.raw", rule)}`,
      `vote-threshold=1,read-pattern=fifo,${failing(0, "r0.raw", rule)},${failing(1, "r1.raw", `${rule},errno=28`)}`,
      `vote-threshold=2,${failing(0, "r0.raw", rule)},${failing(1, "r1.raw", `${rule},errno=28`)},children.2.driver=raw,children.2.file.filename=r2.raw`,
    ],
  ),
  `vote-threshold=2,${copies("r1.raw", "r2.raw")},${failing(2, "r0.raw", "event=read_aio,once=on")}`,
  `vote-threshold=2,blkverify=on,${copies("r3.raw")},${failing(1, "r4.raw", "event=none,iotype=read")}`,
  `vote-threshold=2,blkverify=on,${copies("r3.raw")},${failing(1, "r4.raw", "event=none,iotype=write")}`,
];

const refused: readonly string[] = [
  `vote-threshold=3,${copies("r0.raw", "r1.raw")}`,
  `vote-threshold=0,${copies("r0.raw", "r1.raw")}`,
  `vote-threshold=-1,${copies("r0.raw", "r1.raw")}`,
  `vote-threshold=x,${copies("r0.raw", "r1.raw")}`,
  copies("r0.raw", "r1.raw"),
  "vote-threshold=1",
  "vote-threshold=1,children=r0.raw",
  "vote-threshold=1,children.0=r0.raw",
  "vote-threshold=1,children.1.file.filename=r0.raw",
  "vote-threshold=1,children.0.file.filename=r0.raw,children.x=b",
  "vote-threshold=1,children.0.file.filename=r0.raw,children.1.file.filename=none",
  "vote-threshold=1,children.0.file.filename=none,children.1.file.filename=r0.raw",
  "vote-threshold=1,children.0.driver=foo,children.0.file.filename=r0.raw",
  `vote-threshold=2,blkverify=on,${copies("r0.raw", "r1.raw", "r2.raw")}`,
  `vote-threshold=1,blkverify=on,${copies("r0.raw", "r1.raw")}`,
  `vote-threshold=2,blkverify=on,rewrite-corrupted=on,${copies("r0.raw", "r1.raw")}`,
  `vote-threshold=2,blkverify=x,${copies("r0.raw", "r1.raw")}`,
  `vote-threshold=2,read-pattern=x,${copies("r0.raw", "r1.raw")}`,
  `vote-threshold=2,foo=bar,${copies("r0.raw", "r1.raw")}`,
  `vote-threshold=2,${copies("r0.raw", "half.raw")}`,
];

describeWithQemu("quorum beside the original", () => {
  let cli: Cli;
  let twins: IoTwins;

  beforeAll(async () => {
    cli = await Cli.build();
    fs.mkdirSync(cli.path("src"));
    for (const [i, byte] of [5, 6, 6, 0, 0].entries()) {
      cli.sparse(`src/r${i}.raw`, 1 << 20, { 0: Buffer.alloc(65536, byte) });
    }
    cli.sparse("src/half.raw", 1 << 19);
    expect(cli.qemuImg("create", "-q", "-f", "qed", "src/t.qed", "1M").code).toBe(0);
    twins = new IoTwins(cli, cli.path("src"));
  });
  afterAll(() => cli.remove());

  it.each(graphs)("%s", (options) => {
    const { own, peer } = twins.both(`--image-opts driver=quorum,${options}`, ...mixed);
    expect(own).toEqual(peer);
    // How QED lays out its clusters is another matter.
    twins.sameImages("t.qed");
  });

  it.each(refused)("refused: %s", (options) => {
    twins.same(`--image-opts driver=quorum,${options}`, "length");
  });

  it("changes the length of all copies, which the original cannot", () => {
    const graph = `--image-opts driver=quorum,vote-threshold=2,${copies("r3.raw", "r4.raw")}`;
    const { own, peer } = twins.both(graph, "truncate 2M", "length");
    expect(peer.stderr).toBe("qemu-io: Image format driver does not support resize\n");
    expect(own).toMatchObject({ code: 0, stdout: "2 MiB\n", stderr: "" });
    expect(twins.bytes("own", "r4.raw").length).toBe(2 << 20);
  });

  it("ends at the first difference in blkverify mode", () => {
    const run = twins.same(
      `--image-opts driver=quorum,vote-threshold=2,blkverify=on,${copies("r3.raw", "r0.raw")}`,
      "read 64k 64k",
      "read 1k 512",
      "read 128k 64k",
    );
    expect(run.stderr).toBe("quorum: offset=1024 bytes=512 contents mismatch at offset 1024\n");
    expect(run.code).toBe(1);
  });

  it("tells every copy that was outvoted or failed, on request", () => {
    const graph = `driver=quorum,vote-threshold=2,${copies("r1.raw", "r2.raw", "r0.raw")},${failing(3, "r3.raw", "event=none,iotype=read")}`;
    const args = ["io", "--events", "--image-opts", graph, "-c", "read -q 1000 1000"];
    const ran = cli.shell(`cd src && $BLKSCOPE ${args.map((word) => `'${word}'`).join(" ")}`);
    const events = ran.stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    // Bytes 1000 to 1999 touch the sectors 1 to 3.
    const place = { "sector-num": 1, "sectors-count": 3 };
    expect(events).toMatchObject([
      { event: "injected", op: "read" },
      {
        event: "QUORUM_REPORT_BAD",
        child: "children.3",
        data: { type: "read", error: "Input/output error", ...place },
      },
      { event: "QUORUM_REPORT_BAD", child: "children.2", data: { type: "read", ...place } },
    ]);
    expect(events[2].data).not.toHaveProperty("error");
  });
});
