// What `info` calls graphs with filters, and what it says of them, beside qemu-img.
import * as fs from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Cli, describeWithQemu } from "../core/cli/support.ts";
import { IoTwins, wordsOf } from "./ioTwins.ts";

/** Command lines of `info`. */
const sameInfo: readonly string[] = [
  "--image-opts driver=quorum,vote-threshold=1,children.0.file.filename=a.raw,children.1.file.filename=b.raw",
  "--image-opts driver=quorum,vote-threshold=2,rewrite-corrupted=off,read-pattern=fifo,blkverify=off,children.0.driver=raw,children.0.file.filename=a.raw,children.1.driver=qed,children.1.file.filename=t.qed",
  "--image-opts driver=blkverify,raw.filename=a.raw,test.file.filename=b.raw",
  "--image-opts driver=blkverify,raw.driver=file,raw.filename=a.raw,test.driver=qed,test.file.filename=t.qed",
  "--image-opts driver=blkverify,raw.driver=raw,raw.file.filename=a.raw,test.driver=qed,test.file.filename=t.qed",
  "--image-opts driver=blkverify,raw.driver=raw,raw.size=512k,raw.file.filename=a.raw,test.driver=raw,test.file.filename=s.raw",
  "--image-opts driver=blklogwrites,file.filename=a.raw,log.filename=l.log",
  "--image-opts driver=blklogwrites,file.filename=a.raw,log.filename=l.log,log-sector-size=4096",
  "--image-opts driver=blklogwrites,file.driver=qed,file.file.filename=t.qed,log.filename=l.log,log-super-update-interval=5",
  "--image-opts driver=blklogwrites,file.driver=qed,file.file.filename=t.qed,log.filename=l.log,log-append=off",
  "--image-opts driver=qed,file.driver=blkdebug,file.image.filename=t.qed,file.align=512",
  "--image-opts driver=qed,file.driver=blkdebug,file.image.filename=t.qed",
  "--image-opts driver=raw,file.driver=blkdebug,file.image.filename=t.qed,file.inject-error.0.event=read_aio,file.inject-error.0.once=on",
  "--image-opts driver=raw,file.driver=blkdebug,file.image.driver=raw,file.image.file.filename=t.qed",
  "-f blkverify blkverify:a.raw:t.qed",
  "-f raw blkverify:a.raw:b.raw",
  // Probing reads the first bytes of both: the difference there ends it.
  "blkverify:a.raw:t.qed",
  "blkdebug::t.qed",
  "blkdebug:rules:t.qed",
  "-f raw blkdebug:rules:t.qed",
  "-f blkdebug blkdebug:rules:t.qed",
  "-f raw blkverify:a.raw:blkdebug::b.raw",
  "-f raw blkdebug::blkdebug::b.raw",
  "--output json blkdebug::t.qed",
  "--output json --image-opts driver=quorum,vote-threshold=1,children.0.file.filename=a.raw,children.1.file.filename=t.qed",
  "--output json --image-opts driver=blklogwrites,file.driver=qed,file.file.filename=t.qed,log.filename=l.log",
  `'json:{"driver":"quorum","vote-threshold":1,"children":["a.raw"]}'`,
  `'json:{"driver":"quorum","vote-threshold":1,"children":[{"driver":"raw","node-name":"x","file":{"driver":"file","filename":"a.raw"}},"x"]}'`,
  `'json:{"driver":"quorum","vote-threshold":1,"children":[{"driver":"raw","file":{"driver":"file","filename":"a.raw"}},{"driver":"raw","file":{"driver":"blkdebug","align":4096,"image":{"driver":"file","filename":"b.raw"}}}]}'`,
  `'json:{"driver":"blklogwrites","file":{"driver":"file","node-name":"x","filename":"a.raw"},"log":"x"}'`,
  `'json:{"driver":"blkverify","raw":{"driver":"file","node-name":"x","filename":"a.raw"},"test":"x"}'`,
  `'json:{"driver":"raw","file":{"driver":"blkdebug","inject-error":[{"event":"none","sector":7}],"set-state":[{"event":"none","new_state":7}],"image":{"driver":"file","filename":"a.raw"}}}'`,
];

/** Nodes whose facts `info` of a session tells, or does not. */
const graphs: readonly string[] = [
  "driver=copy-on-read,file.driver=qed,file.file.filename=t.qed",
  "driver=blklogwrites,file.driver=qed,file.file.filename=t.qed,log.filename=l.log",
  "driver=blkverify,raw.filename=a.raw,test.file.filename=t.qed",
  "driver=blkdebug,image.filename=a.raw",
  "driver=quorum,vote-threshold=1,children.0.file.filename=t.qed",
  "driver=null-co,size=1M",
  "driver=blkverify,raw.driver=null-co,raw.size=1M,test.file.filename=t.qed",
];

describeWithQemu("info of graphs with filters", () => {
  let cli: Cli;
  let twins: IoTwins;

  beforeAll(async () => {
    cli = await Cli.build();
    fs.mkdirSync(cli.path("src"));
    for (const name of ["a.raw", "b.raw", "l.log"]) cli.sparse(`src/${name}`, 1 << 20);
    cli.sparse("src/a.raw", 1 << 20, { 0: "reference" });
    cli.sparse("src/s.raw", 1 << 19);
    cli.write("src/rules", '[inject-error]\nevent = "l2_load"\n');
    expect(cli.qemuImg("create", "-q", "-f", "qed", "src/t.qed", "1M").code).toBe(0);
    twins = new IoTwins(cli, cli.path("src"));
  });
  afterAll(() => cli.remove());

  it.each(sameInfo)("is that of qemu-img: %s", (line) => {
    const args = ["info", ...wordsOf(line)];
    expect(twins.run("own", args, "qemu-img")).toEqual(twins.run("peer", args, "qemu-img"));
  });

  it.each(graphs)("in a session is that of qemu-io: %s", (graph) => {
    twins.same(`--image-opts ${graph}`, "info", "length");
  });

  it("tells of a quorum that repairs and is only read, which the original refuses to open so", () => {
    const args = wordsOf(
      "info --image-opts driver=quorum,vote-threshold=1,rewrite-corrupted=on,children.0.file.filename=a.raw",
    );
    expect(twins.run("peer", args, "qemu-img").stderr).toContain("Block node is read-only");
    expect(twins.run("own", args, "qemu-img")).toMatchObject({ code: 0, stderr: "" });
  });
});
