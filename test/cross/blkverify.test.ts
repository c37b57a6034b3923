// blkverify and copy-on-read in place of the originals: the same pairs of images, chains and scripts through both
// programs; where the original is at fault a test says how.
import * as fs from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Cli, describeWithQemu } from "../core/cli/support.ts";
import { IoTwins } from "./ioTwins.ts";

const rawAndRaw = "driver=blkverify,raw.filename=a.raw,test.driver=raw,test.file.filename=b.raw";
const rawAndQed = "driver=blkverify,raw.filename=zero.raw,test.driver=qed,test.file.filename=t.qed";
const rawAndOverlay = "driver=blkverify,raw.filename=same.raw,test.driver=qed,test.file.filename=o.qed";

const scripts: readonly (readonly string[])[] = [
  ["read 0 64k", "read 1000 3", "readv -v 65530 4 4 4", "length", "info", "map", "alloc 0 1M"],
  ["write -P 3 4k 4k", "read -P 3 4k 4k", "write -P 4 100 1000", "read 0 1M", "flush", "read -P 4 100 1000"],
  [
    "writev -P 3 0 512 1k 2k",
    "aio_write -P 5 64k 100k",
    "aio_flush",
    "aio_read 512k 64k",
    "aio_flush",
    "read 0 1M",
  ],
  ["write -P 7 1020k 4k", "read -P 7 1020k 4k", "read 1M 1", "write 1M 1", "readv 1M 1 2"],
  ["read 64k 64k", "write -f -P 2 0 4k", "read -P 2 0 4k"],
];

/** Names and options with which length is asked. */
const openings: readonly string[] = [
  "-f raw blkverify:a.raw:b.raw",
  "-f blkverify blkverify:a.raw:t.qed",
  "-f raw blkverify:a.raw",
  "-f raw blkverify:",
  "-f raw blkverify:a.raw:none",
  "-f raw blkverify:none:b.raw",
  "-f raw blkverify:a.raw:file:b.raw",
  "-f raw blkverify::b.raw",
  "-f raw blkverify:a.raw:",
  "-f raw blkverify:a.raw:blkdebug::b.raw",
  "-f raw blkverify:a.raw:blkverify:b.raw:e.raw",
  "-f raw blkverify:./a.raw:./b.raw",
  "blkverify:zero.raw:t.qed",
  "--image-opts driver=blkverify",
  "--image-opts driver=blkverify,raw.filename=a.raw",
  "--image-opts driver=blkverify,test.file.filename=a.raw",
  "--image-opts driver=blkverify,raw.filename=a.raw,test.filename=b.raw",
  "--image-opts driver=blkverify,raw.filename=none,test.driver=raw,test.file.filename=b.raw",
  "--image-opts driver=blkverify,raw.filename=a.raw,test.file.filename=none",
  "--image-opts driver=blkverify,raw.filename=a.raw,test.driver=raw,test.file.filename=b.raw,foo=1",
  "--image-opts driver=blkverify,raw.driver=foo,test.driver=raw,test.file.filename=b.raw",
];

const stopping: readonly (readonly [
  what: string,
  graph: string,
  commands: readonly string[],
  line: string,
])[] = [
  [
    "contents",
    "driver=blkverify,raw.filename=a.raw,test.driver=raw,test.file.filename=c.raw",
    ["read 64k 64k", "read 512 4k", "read 128k 64k"],
    // c.raw differs in byte 1234 first.
    "blkverify: read offset=512 bytes=4096 contents mismatch at offset 1234\n",
  ],
  [
    "contents read by an asynchronous request",
    "driver=blkverify,raw.filename=a.raw,test.driver=raw,test.file.filename=c.raw",
    ["aio_read 0 64k", "aio_flush", "read 128k 64k"],
    "blkverify: read offset=0 bytes=65536 contents mismatch at offset 1234\n",
  ],
  [
    "contents read into several buffers",
    "driver=blkverify,raw.filename=a.raw,test.driver=raw,test.file.filename=c.raw",
    ["readv 1k 200 10 500"],
    "blkverify: read offset=1024 bytes=710 contents mismatch at offset 1234\n",
  ],
  [
    "a read of the test that fails",
    `${debugged("test", "event=none,iotype=read,errno=28")},raw.filename=a.raw`,
    ["write 0 4k", "read 0 4k"],
    "blkverify: read offset=0 bytes=4096 return value mismatch -28 != 0\n",
  ],
  [
    "a write of the test that fails",
    `${debugged("test", "event=none,iotype=write")},raw.filename=a.raw`,
    ["read 0 4k", "write 0 4k", "read 0 4k"],
    "blkverify: write offset=0 bytes=4096 return value mismatch -5 != 0\n",
  ],
  [
    "a read of the reference that fails",
    `${debugged("raw", "event=none,iotype=read")},test.driver=raw,test.file.filename=b.raw`,
    ["read 4k 4k"],
    "blkverify: read offset=4096 bytes=4096 return value mismatch 0 != -5\n",
  ],
  [
    "a write of the reference that fails",
    `${debugged("raw", "event=none,iotype=write,errno=28")},test.driver=raw,test.file.filename=b.raw`,
    ["write 4k 4k"],
    "blkverify: write offset=4096 bytes=4096 return value mismatch 0 != -28\n",
  ],
];

function debugged(child: "raw" | "test", rule: string): string {
  const options = rule.split(",").map((option) => `${child}.file.inject-error.0.${option}`);
  const image = child === "raw" ? "a.raw" : "b.raw";
  return `driver=blkverify,${child}.driver=raw,${child}.file.driver=blkdebug,${child}.file.image.filename=${image},${options.join(",")}`;
}

describeWithQemu("beside the original", () => {
  let cli: Cli;
  let twins: IoTwins;

  beforeAll(async () => {
    cli = await Cli.build();
    fs.mkdirSync(cli.path("src"));
    const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 7) % 251);
    cli.sparse("src/a.raw", 1 << 20, { 0: bytes });
    cli.sparse("src/b.raw", 1 << 20, { 0: bytes });
    cli.sparse("src/e.raw", 1 << 20, { 0: bytes });
    cli.sparse("src/c.raw", 1 << 20, { 0: bytes, 1234: "\xff\xff", 9000: "\xff" });
    cli.sparse("src/half.raw", 1 << 19, { 0: bytes });
    cli.sparse("src/zero.raw", 1 << 20);
    cli.sparse("src/base.raw", 1 << 20, { 0: bytes, 500000: bytes });
    cli.sparse("src/same.raw", 1 << 20, { 0: bytes, 500000: bytes });
    const made = cli.shell(
      `cd src && qemu-img create -q -f qed t.qed 1M && qemu-img create -q -f qed -b base.raw -F raw o.qed 1M &&
        qemu-img create -q -f qed -b base.raw -F raw long.qed 3M && qemu-io -f qed -c 'write -qP 2 64k 64k' -c 'write -qz 192k 64k' long.qed`,
    );
    expect(made).toMatchObject({ code: 0, stderr: "" });
    twins = new IoTwins(cli, cli.path("src"));
  });
  afterAll(() => cli.remove());

  /** The original leaves a QED image open when it ends so. */
  const laidOutFreely = ["t.qed", "o.qed", "long.qed"];

  describe("blkverify", () => {
    it.each([rawAndRaw, rawAndQed, rawAndOverlay])("%s", (graph) => {
      for (const script of scripts) {
        const { own, peer } = twins.both(`--image-opts ${graph}`, ...script);
        expect(own).toEqual(peer);
        expect(own.stderr).toBe("");
        twins.sameImages(...laidOutFreely);
      }
    });

    it("compares an overlay with the file that is its backing file", () => {
      const graph = "driver=blkverify,raw.filename=base.raw,test.driver=qed,test.file.filename=o.qed";
      const run = twins.same(`-r --image-opts ${graph}`, "read 0 1M", "map");
      expect(run).toMatchObject({ code: 0, stderr: "" });
    });

    it.each(openings)("opened as %s", (line) => {
      twins.same(line, "length");
    });

    it.each(stopping)("ends with its line: %s", (_, graph, commands, line) => {
      const { own, peer } = twins.both(`--image-opts ${graph}`, ...commands);
      expect(own).toMatchObject({ code: 1, stderr: line });
      expect({ ...own, stdout: "" }).toEqual({ ...peer, stdout: "" });
      // The original ends where an asynchronous request does; what was printed by then is the same.
      expect(own.stdout.startsWith(peer.stdout)).toBe(true);
      twins.sameImages();
    });

    it("fails a read that fails on both sides, where the original compares what neither has read", () => {
      const graph = ["raw", "test"].map((child) => debugged(child as "raw", "event=none,iotype=read"));
      const { own, peer } = twins.both(`--image-opts ${graph.join(",")}`, "read 0 4k", "read 64k 4k");
      expect(own).toMatchObject({
        code: 1,
        stderr: "",
        stdout: "read failed: Input/output error\n".repeat(2),
      });
      // Sometimes the memory of both happens to be equal.
      expect([peer.stderr, ""]).toContainEqual(expect.stringMatching(/^$|contents mismatch/));
    });

    it("zeroes both sides, where the original aborts", () => {
      const { own, peer } = twins.both(`--image-opts ${rawAndRaw}`, "write -z 512 1k", "read 0 4k");
      expect(peer.signal).toBe("SIGABRT");
      expect(own).toMatchObject({ code: 0, stderr: "" });
      expect(Buffer.compare(twins.bytes("own", "a.raw"), twins.bytes("own", "b.raw"))).toBe(0);
      expect(
        twins
          .bytes("own", "a.raw")
          .subarray(512, 1536)
          .every((byte) => byte === 0),
      ).toBe(true);
    });

    it("discards from both sides, where the original does nothing", () => {
      const { own } = twins.both(`--image-opts ${rawAndRaw}`, "discard 0 64k", "read -P 0 0 64k");
      expect(own).toMatchObject({ code: 0, stderr: "" });
      expect(Buffer.compare(twins.bytes("own", "a.raw"), twins.bytes("own", "b.raw"))).toBe(0);
    });

    it("refuses copies of different lengths, where the original writes past the end of one", () => {
      const graph = "driver=blkverify,raw.filename=half.raw,test.driver=raw,test.file.filename=b.raw";
      const { own, peer } = twins.both(`--image-opts ${graph}`, "write 768k 4k");
      expect(peer.signal).toBe("SIGABRT");
      expect(own).toMatchObject({ code: 1, stdout: "" });
      expect(own.stderr).toContain("524288 bytes and the image under test 1048576");
    });

    it("says which part of a name with too many colons it does not know", () => {
      const { own, peer } = twins.both("-f raw blkverify:file:a.raw:b.raw", "length");
      // The first part is "file", the second "a.raw:b.raw"; the original fails at the first.
      expect(peer.stderr).toContain("Could not open 'file'");
      expect(own.stderr).toContain("Unknown protocol 'a.raw'");
      expect(own.code).toBe(peer.code);
    });
  });

  describe("copy-on-read", () => {
    const driver = "--image-opts driver=copy-on-read,file.driver=qed,file.file.filename=";
    const reads: readonly (readonly string[])[] = [
      ["read 0 1k", "read 100k 1", "map"],
      ["read 60k 200k", "map"],
      ["read -v 65530 20", "readv 500000 10 2000", "aio_read 700k 64k", "aio_flush", "map"],
      ["write -P 9 10k 1k", "read -P 9 10k 1k", "read 0 64k", "write -z 200k 100k", "read 0 512k", "map"],
      ["discard 0 64k", "read 0 64k", "flush", "length"],
    ];

    it.each(["o.qed", "long.qed", "t.qed"])("as a driver over %s", (image) => {
      for (const script of reads) copiesAlike(`${driver}${image}`, image, script);
    });

    it.each(["o.qed", "long.qed", "t.qed"])("of a session (-C) over %s", (image) => {
      for (const script of reads) copiesAlike(`-C -f qed ${image}`, image, script);
    });

    it("reads past the end of the backing file", () => {
      copiesAlike(`${driver}long.qed`, "long.qed", ["read 900k 1M", "read -P 0 2M 1M", "map"]);
    });

    it("needs to write", () => {
      twins.same("-r --image-opts driver=copy-on-read,file.driver=qed,file.file.filename=o.qed", "length");
      twins.same("-r -C -f qed o.qed", "length");
      twins.same("--image-opts driver=copy-on-read", "length");
      twins.same("--image-opts driver=copy-on-read,file.filename=a.raw", "length");
    });

    function copiesAlike(line: string, image: string, script: readonly string[]): void {
      const { own, peer } = twins.both(line, ...script);
      expect(own).toEqual(peer);
      twins.sameImages(...laidOutFreely);
      // `map` has said which clusters there are now; they hold the same bytes.
      const alone = (who: "peer" | "own") =>
        cli.shell(
          `cd io-${who} && qemu-img rebase -u -f qed -b '' ${image} && qemu-img convert -O raw ${image} alone && sha256sum alone`,
        );
      expect(alone("own").stdout).toEqual(alone("peer").stdout);
    }
  });
});
