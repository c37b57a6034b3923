// `blkscope info` beside `qemu-img info` on the same images: every member the peer prints, we print alike.
import * as fs from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Cli, describeWithQemu } from "../core/cli/support.ts";

let cli: Cli;
beforeAll(async () => {
  cli = await Cli.build();
});
afterAll(() => cli.remove());

function json(args: readonly string[]): { peer: unknown; own: unknown } {
  const peer = cli.qemuImg("info", "--output=json", ...args);
  const own = cli.run(["info", "--output=json", ...args]);
  expect({ peer: peer.code, own: own.code }).toEqual({ peer: 0, own: 0 });
  return { peer: JSON.parse(peer.stdout), own: JSON.parse(own.stdout) };
}

/** The lines before the format's own, which the peer has none of for raw and QED. */
function commonLines(text: string): string {
  return text.replace(/Format specific information:\n( {4}.*\n)*/g, "");
}

describeWithQemu("info and qemu-img info", () => {
  beforeAll(() => {
    const make = (...args: string[]) => expect(cli.qemuImg("create", "-q", ...args).code).toBe(0);
    fs.mkdirSync(cli.path("sub"));
    make("-f", "raw", "disk.raw", "1M");
    make("-f", "qed", "disk.qed", "64M");
    make("-f", "qed", "-o", "cluster_size=4096,table_size=2", "small.qed", "1536K");
    make("-f", "qed", "-b", "disk.qed", "-F", "qed", "overlay.qed");
    make("-f", "qed", "-b", "disk.raw", "-F", "raw", "overRaw.qed", "2M");
    make("-f", "qed", "-b", "../overlay.qed", "-F", "qed", "sub/top.qed");
    make("-f", "qed", "-b", cli.path("disk.raw"), "-F", "raw", "absolute.qed");
    make("-f", "qed", "-u", "-b", "gone.raw", "-F", "raw", "dangling.qed", "1M");
    make("-f", "qed", "-u", "-b", "loopB.qed", "-F", "qed", "loopA.qed", "1M");
    make("-f", "qed", "-u", "-b", "loopA.qed", "-F", "qed", "loopB.qed", "1M");
    make("-f", "qed", "we ird'\" \u00fc\n\u4e2d.qed", "1M");
    make("-f", "qed", "./colon:1.qed", "1M");
    make("-f", "qed", "./-dash.qed", "1M");
    cli.qemuIo("-c", "write 0 200k", "disk.qed");
    cli.sparse("huge.raw", 2 ** 43, { [2 ** 42]: "here" });
    cli.write("empty.raw", "");
  });

  it.each([
    [["disk.raw"]],
    [["disk.qed"]],
    [["./disk.qed"]],
    [["small.qed"]],
    [["-f", "raw", "disk.qed"]],
    [["overlay.qed"]],
    [["overRaw.qed"]],
    [["sub/top.qed"]],
    [["absolute.qed"]],
    [["dangling.qed"]],
    [["loopA.qed"]],
    [["huge.raw"]],
    [["empty.raw"]],
    [["we ird'\" \u00fc\n\u4e2d.qed"]],
    [["./colon:1.qed"]],
    [["--", "-dash.qed"]],
    [["file:disk.qed"]],
    [["--image-opts", "driver=qed,file.driver=file,file.filename=disk.qed"]],
    [["--image-opts", "file.filename=disk.raw"]],
    [['json:{"driver":"qed","file":{"driver":"file","filename":"disk.qed"}}']],
    [['json:{"file.filename":"overlay.qed"}']],
    [["-U", "disk.qed"]],
  ])("give the same members for %j", (args) => {
    const { peer, own } = json(args);
    expect(own).toMatchObject(peer as object);
    // We may say more, but only of what the format itself holds.
    const { "format-specific": _, ...rest } = own as Record<string, unknown>;
    expect(rest).toEqual(peer);
  });

  it.each([
    ["disk.raw"],
    ["disk.qed"],
    ["overlay.qed"],
    ["overRaw.qed"],
    ["sub/top.qed"],
    ["dangling.qed"],
    ["huge.raw"],
  ])("print the same lines for %s", (file) => {
    const own = cli.run(["info", file]);
    expect(commonLines(own.stdout)).toBe(cli.qemuImg("info", file).stdout);
  });

  it("print the same blocks for a chain", () => {
    const args = ["info", "--backing-chain", "sub/top.qed"];
    expect(commonLines(cli.run(args).stdout)).toBe(cli.qemuImg(...args).stdout);
  });

  it("give the same list for a chain", () => {
    const { peer, own } = json(["--backing-chain", "sub/top.qed"]);
    expect(own).toHaveLength(3);
    expect(own).toMatchObject(peer as object[]);
  });

  it("indent JSON by four spaces", () => {
    expect(cli.run(["info", "--output", "json", "disk.raw"]).stdout).toMatch(
      /^\{\n {4}"virtual-size": 1048576,\n/,
    );
  });

  it.each([
    [
      ["missing.raw"],
      "Could not open 'missing.raw': Could not open 'missing.raw': No such file or directory",
    ],
    [
      ["--backing-chain", "dangling.qed"],
      "Could not open 'gone.raw': Could not open 'gone.raw': No such file or directory",
    ],
    [["--backing-chain", "loopA.qed"], "Backing file 'loopA.qed' creates an infinite loop."],
    [["colon:1.qed"], "Could not open 'colon:1.qed': Unknown protocol 'colon'"],
    [["-f", "nope", "disk.raw"], "Could not open 'disk.raw': Unknown driver 'nope'"],
    [["--image-opts", "driver=raw,file.filename=disk.raw,bogus=1"], "does not support the option 'bogus'"],
    [["--image-opts", "-f", "raw", "disk.raw"], "--image-opts and --format are mutually exclusive"],
    [["--output=xml", "disk.raw"], "--output must be used with human or json as argument."],
    [[], "Expecting one image file name"],
    [["disk.raw", "disk.qed"], "Expecting one image file name"],
    [["--bogus", "disk.raw"], "unrecognized option '--bogus'"],
    [["-f"], "missing argument for option '-f'"],
  ])("fail with the same words and exit code for %j", (args, words) => {
    const peer = cli.qemuImg("info", ...args);
    const own = cli.run(["info", ...args]);
    expect(peer.stderr).toContain(words);
    expect(own.stderr).toContain(words);
    expect(own.code).toBe(peer.code);
    expect(own.stderr.startsWith("blkscope: ")).toBe(true);
  });

  it("tell the dirty bit as it is on disk, where the peer does not", () => {
    fs.copyFileSync(cli.path("disk.qed"), cli.path("dirty.qed"));
    const fd = fs.openSync(cli.path("dirty.qed"), "r+");
    fs.writeSync(fd, Buffer.from([2]), 0, 1, 16); // features: NEED_CHECK, QED specification, "Header"
    fs.closeSync(fd);
    expect(cli.run(["info", "dirty.qed"]).stdout).toContain("\ncleanly shut down: no\n");
    expect(JSON.parse(cli.run(["info", "--output=json", "dirty.qed"]).stdout)).toMatchObject({
      "dirty-flag": true,
    });
    // Looking must not clear it.
    expect(fs.readFileSync(cli.path("dirty.qed"))[16]).toBe(2);
  });

  it("show the layers above one that cannot be opened", () => {
    const { code, stdout } = cli.run(["info", "--backing-chain", "--output=json", "dangling.qed"]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject([{ filename: "dangling.qed", "backing-filename": "gone.raw" }]);
  });
});

describeWithQemu("in place of qemu-img, info", () => {
  beforeAll(() => {
    cli.qemuImg("create", "-q", "-f", "raw", "a.raw", "1M");
    cli.qemuImg("create", "-q", "-f", "qed", "b.qed", "1M");
    cli.qemuImg("create", "-q", "-f", "qed", "-b", "a.raw", "-F", "raw", "o.qed");
    cli.qemuImg("create", "-q", "-f", "qed", "-u", "-b", "file:a.raw", "-F", "raw", "prefixed.qed", "1M");
    const named = 'json:{"driver":"raw","file.filename":"a.raw"}';
    cli.qemuImg("create", "-q", "-f", "qed", "-u", "-b", named, "-F", "raw", "named.qed", "1M");
    cli.qemuImg("create", "-q", "-f", "qed", "-u", "-b", "gone.raw", "-F", "raw", "gone.qed", "1M");
    cli.write("odd.raw", "abc");
  });

  const opts = (list: string) => ["--image-opts", list];
  it.each([
    [["a.raw"]],
    [["odd.raw"]],
    [["--output=json", "odd.raw"]],
    [["--backing-chain", "o.qed"]],
    [["--backing-chain", "--output=json", "o.qed"]],
    [["--backing-chain", "prefixed.qed"]],
    [["--backing-chain", "named.qed"]],
    [["--backing-chain", "gone.qed"]],
    [["null-co://"]],
    [["--output=json", "null-co://"]],
    [["null-co:"]],
    [["host_device:/dev/null"]],
    [[""]],
    [["file:"]],
    [[":x"]],
    [["a:b"]],
    [["json:"]],
    [["json:{"]],
    [["json:{}"]],
    [["json:[]"]],
    [['json:{"a":foo}']],
    [['json:{"driver":5}']],
    [['json:{"driver":"raw"}']],
    [['json:{"driver":"raw","file":"b.qed"}']],
    [['json:{"driver":"raw","file":null}']],
    [["json:{'driver':'raw','file.filename':'a.raw'}"]],
    [['json:{"driver":"qed","file":{"driver":"raw","file":{"driver":"file","filename":"b.qed"}}}']],
    [['json:{"driver":"file","filename":"b.qed","bogus":1}']],
    [['json:{"driver":"raw","file.filename":"a.raw","file.bogus":1}']],
    [['json:{"driver":"raw","file.filename":"a.raw","backing":{"driver":"null-co"}}']],
    [['json:{"driver":"raw","file.filename":"a.raw","size":"x"}']],
    [['json:{"driver":"raw","file.filename":"a.raw","node-name":"1x"}']],
    [['json:{"driver":"raw","file.filename":"a.raw","node-name":"x","file.node-name":"x"}']],
    [['json:{"driver":"raw","file.filename":"a.raw","read-only":"maybe"}']],
    [['json:{"driver":"raw","file.filename":"a.raw","discard":"maybe"}']],
    [['json:{"driver":"raw","file.filename":"a.raw","detect-zeroes":"maybe"}']],
    [['json:{"driver":"qed","file.filename":"o.qed","backing":""}']],
    [opts("a.raw")],
    [opts("")],
    [opts("driver=raw,")],
    [opts("driver=raw,file=a.raw")],
    [opts("driver=raw,file.filename=a.raw,bogus")],
    [opts("driver=raw,file.filename=a.raw,cache.writeback=off")],
    [opts("driver=raw,file.filename=a.raw,detect-zeroes=unmap")],
    [opts("driver=raw,file.filename=a.raw,file.locking=maybe")],
    [opts("driver=raw,file.filename=a.raw,cache.direct=on,discard=unmap,detect-zeroes=unmap,force-share=on")],
    [opts("driver=null-co,size=512,latency-ns=10,read-zeroes=on")],
    [opts("driver=raw,size=512,offset=512,file.driver=raw,file.size=1024,file.file.filename=a.raw")],
    [["-f", "raw", 'json:{"driver":"qed","file.filename":"b.qed"}']],
    [["-f", "file", "b.qed"]],
    [["-f", "null-co", "x"]],
    [["--object", "bogus,id=x", "a.raw"]],
    [["--object", "secret,id=x", "a.raw"]],
    [["--object", "secret,data=x", "a.raw"]],
    [["--object", "secret,id=x,data=abc", "a.raw"]],
    [["--object", '{"qom-type":"secret","id":"x","data":"a"}', "a.raw"]],
    [["--object", "secret,id=x,data=abc,format=bad", "a.raw"]],
    [["--object", "secret,id=x,file=/nope", "a.raw"]],
    [["--object", "secret,id=1x,data=abc", "a.raw"]],
    [["--object", "secret,id=x,data=a~bc,format=base64", "a.raw"]],
    [["--object", "secret,id=x,data=abc,keyid=k", "a.raw"]],
    [["--object", "secret,id=x,data=a", "--object", "secret,id=x,data=b", "a.raw"]],
    [["--object", "iothread,id=x", "a.raw"]],
  ])("says the same to the letter for %j", (args) => {
    const peer = cli.qemuImg("info", ...args);
    const own = cli.run(["info", ...args], { BLKSCOPE_AS: "qemu-img" });
    expect(own).toEqual(peer);
  });
});
