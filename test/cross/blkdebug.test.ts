// blkdebug in place of the original: the same rules and scripts through both programs, on equal images.
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Cli, describeWithQemu } from "../core/cli/support.ts";
import { IoTwins } from "./ioTwins.ts";

/** What a rule says besides its event. */
const variants: readonly string[] = [
  "",
  "once=on",
  "immediately=on,errno=28",
  "sector=8,once=on",
  "iotype=write",
  "iotype=flush",
  "iotype=write-zeroes",
  "iotype=discard",
  "errno=0",
];

const rawEvents: readonly string[] = [
  "read_aio",
  "write_aio",
  "pwritev",
  "pwritev_done",
  "pwritev_zero",
  "none",
  "flush_to_os",
];

/** Steps only blocks larger than a byte have. */
const rmwEvents: readonly string[] = [
  "pwritev_rmw_head",
  "pwritev_rmw_after_head",
  "pwritev_rmw_tail",
  "pwritev_rmw_after_tail",
];

const rawScript: readonly string[] = [
  "read 0 4k",
  "write -P 9 4k 4k",
  "read -P 9 4k 4k",
  "write -z 64k 64k",
  "discard 128k 64k",
  "flush",
  "write -P 4 100 1000",
  "read 8k 4k",
  "write -z 100 700",
];

const qedEvents: readonly string[] = [
  "l2_load",
  "l1_update",
  "read_aio",
  "read_backing_aio",
  "write_aio",
  "cow_write",
];

const qedScript: readonly string[] = [
  "read -P 1 0 4k",
  "write -P 9 4k 4k",
  "read -P 9 4k 4k",
  "read -P 2 64k 64k",
  "write -P 3 128k 64k",
  "write -P 4 200k 10k",
  "flush",
  "read -P 9 4k 4k",
  "read -P 4 200k 10k",
];

const limits: readonly string[] = [
  "align=512",
  "align=4096",
  "align=64k",
  "max-transfer=4096",
  "max-transfer=64k,align=4k",
  "opt-write-zero=4k",
  "opt-write-zero=64k,max-write-zero=128k",
  "opt-discard=64k",
  "opt-discard=4k,max-discard=64k,align=512",
  "max-write-zero=64k,align=4k",
];

/** Options that are refused, of a blkdebug below raw. */
const refused: readonly string[] = [
  "inject-error.0.errno=5",
  "inject-error.0.event=foo",
  "inject-error.0.event=read_aio,inject-error.0.errno=foo",
  "inject-error.0.event=read_aio,inject-error.0.iotype=foo",
  "inject-error.0.event=read_aio,inject-error.0.foo=1",
  "set-state.0.new_state=1",
  "foo=1",
  "config=none",
  "align=3",
  "align=4294967296",
  "align=foo",
  "max-transfer=1000,align=512",
  "opt-write-zero=1000,align=512",
  "max-write-zero=65536,opt-write-zero=131072",
  "opt-discard=5,align=4k",
  "max-discard=5,align=4k",
];

/** Configuration files with which a disk is read, written and read again. */
const configs: readonly string[] = [
  '[inject-error]\nevent = "read_aio"\nonce = "on"\n',
  '[inject-error]\nevent = "read_aio"   # why\n\n# a comment\n',
  '[inject-error "name"]\nevent = "read_aio"\n',
  '[inject-error]\nevent = "write_aio"\niotype = "write"\nsector = "-1"\n',
  '[inject-error]\nevent = "read_aio"\nstate = "2"\nerrno = "28"\n[set-state]\nevent = "write_aio"\nstate = "1"\nnew_state = "2"\n',
  '[set-state]\nevent = "write_aio"\nnew_state = "x"\n',
  '[inject-error]\nevent = "read_aio"\nfoo = "on"\n',
  '[inject-error]\nevnt = "read_aio"\n',
  '[inject-error]\nevent = "foo"\n',
  '[inject-error]\nerrno = "5"\n',
  '[inject-error]\nevent = "read_aio"\nerrno = "x"\n',
  '[inject-error]\nevent = "read_aio"\nonce = "x"\n',
  '[inject-error]\nevent = "read_aio"\niotype = "x"\n',
  '[foo]\nevent = "read_aio"\n',
  'event = "read_aio"\n',
];

const breakpoints: readonly (readonly string[])[] = [
  ["break write_aio A", "aio_write 0 4k", "wait_break A", "resume A", "aio_flush", "read -P 0xcd 0 4k"],
  ["break pwritev_done B", "aio_write -P 2 0 4k", "wait_break B", "read -P 2 0 4k", "resume B", "aio_flush"],
  ["break foo A", "resume A", "remove_break A"],
  ["break read_aio A", "remove_break A", "read 0 512"],
  [
    "break write_aio A",
    "break write_aio B",
    "aio_write -P 1 0 4k",
    "wait_break A",
    "wait_break B",
    "resume B",
    "resume A",
    "aio_flush",
    "read -P 1 0 4k",
  ],
];

const names: readonly string[] = [
  "-f raw blkdebug:none:b.raw",
  "-f raw blkdebug:b.raw",
  "-f raw blkdebug::",
  "-f raw blkdebug::none",
  "-f raw blkdebug::blkdebug::b.raw",
  "-f raw blkdebug::blkdebug:none:b.raw",
  "-f raw blkdebug::./b.raw",
  "-f raw blkdebug::file:b.raw",
  "-f raw blkdebug::foo:b.raw",
  "blkdebug::o.qed",
  "--image-opts driver=blkdebug",
  "--image-opts driver=blkdebug,image.filename=b.raw",
];

/** "a,b" as the options of the node below: "file.a,file.b". */
function below(options: string): string {
  return options === ""
    ? ""
    : options
        .split(",")
        .map((option) => `,file.${option}`)
        .join("");
}

function rule(event: string, more: string): string {
  const options = [`event=${event}`, ...(more === "" ? [] : more.split(","))];
  return options.map((option) => `inject-error.0.${option}`).join(",");
}

describeWithQemu("blkdebug beside the original", () => {
  let cli: Cli;
  let twins: IoTwins;
  const raw = (options: string) =>
    `--image-opts driver=raw,file.driver=blkdebug,file.image.filename=b.raw${below(options)}`;
  const qed = (options: string) =>
    `--image-opts driver=qed,file.driver=blkdebug,file.image.filename=o.qed${below(options)}`;

  beforeAll(async () => {
    cli = await Cli.build();
    fs.mkdirSync(cli.path("src"));
    cli.sparse("src/b.raw", 1 << 20, { 0: "x".repeat(65536) });
    cli.sparse("src/copy.raw", 1 << 20, { 0: "x".repeat(65536) });
    cli.sparse("src/base.raw", 1 << 20, { 0: Buffer.alloc(1 << 20, 1) });
    const created = cli.shell(
      "cd src && qemu-img create -q -f qed -b base.raw -F raw o.qed 1M && qemu-io -f qed -c 'write -qP 2 64k 64k' o.qed",
    );
    expect(created).toMatchObject({ code: 0, stderr: "" });
    twins = new IoTwins(cli, cli.path("src"));
  });
  afterAll(() => cli.remove());

  it.each(rawEvents)("below raw: rules at %s", (event) => {
    for (const more of variants) twins.same(raw(rule(event, more)), ...rawScript);
  });

  it.each(rmwEvents)("below raw, with blocks of 4 KiB: rules at %s", (event) => {
    for (const more of variants) {
      if (more !== "once=on") twins.same(raw(`align=4k,${rule(event, more)}`), ...rawScript);
    }
  });

  it("fails a write around which it cannot read, where the original loses the bytes there", () => {
    const { own, peer } = twins.both(
      raw(`align=4k,${rule("pwritev_rmw_head", "once=on")}`),
      "write 100 1000",
    );
    expect(peer).toMatchObject({ code: 0, stdout: expect.stringMatching(/^wrote 1000/) });
    expect(Buffer.from(twins.bytes("peer", "b.raw").subarray(0, 100)).toString()).not.toBe("x".repeat(100));
    expect(own).toMatchObject({ code: 1, stdout: "write failed: Input/output error\n" });
    expect(Buffer.from(twins.bytes("own", "b.raw").subarray(0, 4096)).toString()).toBe("x".repeat(4096));
  });

  it.each([
    "inject-error.0.event=read_aio,inject-error.0.state=2,set-state.0.event=write_aio,set-state.0.new_state=2",
    "inject-error.0.event=write_aio,inject-error.0.state=1,set-state.0.event=read_aio,set-state.0.state=1,set-state.0.new_state=2",
    "set-state.0.event=read_aio,set-state.0.state=1,set-state.0.new_state=2,set-state.1.event=read_aio,set-state.1.state=2,set-state.1.new_state=3,inject-error.0.event=write_aio,inject-error.0.state=3",
    "inject-error.0.event=read_aio,inject-error.0.errno=28,inject-error.1.event=read_aio,inject-error.1.errno=5",
    "inject-error.0.event=read_aio,inject-error.0.errno=0,inject-error.0.sector=0,inject-error.1.event=read_aio",
    "inject-error.0.event=read_aio,inject-error.0.once=on,inject-error.1.event=read_aio,inject-error.1.errno=28,inject-error.1.once=on",
  ])("below raw: %s", (options) => {
    twins.same(raw(options), ...rawScript);
  });

  it.each(limits)("with %s", (options) => {
    twins.same(
      raw(options),
      "write -P 9 1000 400k",
      "read -v 990 32",
      "write -z 33000 200k",
      "discard 512k 256k",
      "write -z 0 512k",
      "write -zu 600k 100k",
      "read 0 1M",
      "write -P 3 4k 100",
      "map",
    );
  });

  it.each(refused)("refused: %s", (options) => {
    twins.same(raw(options), "length");
  });

  it.each(configs)("configuration file %j", (text) => {
    fs.writeFileSync(path.join(cli.path("src"), "rules"), text);
    twins.same("-f raw blkdebug:rules:b.raw", "read 0 512", "write 0 512", "read 0 512");
  });

  it.each(names)("named %s", (line) => {
    twins.same(line, "length", "read 0 512");
  });

  it.each([
    "open -o driver=raw,file.align=4k blkdebug::b.raw",
    "open -o driver=qed,file.align=4k blkdebug::o.qed",
    "open -o driver=blkdebug b.raw",
    "open -o driver=qed,file.driver=blkdebug,file.inject-error.0.event=l2_load o.qed",
    "open -o file.driver=blkdebug b.raw",
    "open -o driver=blkverify,raw.filename=copy.raw b.raw",
    "open -o driver=blkverify blkverify:copy.raw:b.raw",
    "open -C -o driver=qed o.qed",
  ])("of the command %s", (command) => {
    twins.same("", command, "read 0 4k", "length");
  });

  it.each(breakpoints.map((commands) => [commands]))("breakpoints: %j", (commands) => {
    twins.same(raw(""), ...commands);
    twins.same(qed(""), ...commands);
  });

  describe("below QED", () => {
    /** The order in which tables reach the file is each writer's own; what a guest reads is not. */
    function sameGuest(options: string, script: readonly string[]): void {
      const { own, peer } = twins.both(qed(options), ...script);
      expect(own).toEqual(peer);
      const [a, b] = (["peer", "own"] as const).map((who) => path.join(twins.folder(who), "o.qed"));
      expect(cli.qemuImg("compare", String(a), String(b)).stdout).toBe("Images are identical.\n");
    }

    it.each(qedEvents)("rules at %s", (event) => {
      for (const more of ["", "once=on", "immediately=on,once=on,errno=28", "iotype=write", "iotype=read"]) {
        sameGuest(rule(event, more), qedScript);
      }
    });

    it("a header that cannot be read", () => {
      twins.same(qed(rule("none", "once=on")), "length");
    });

    it("a table that could not be written is not in memory either; with the original it is", () => {
      const script = ["write -P 9 4k 4k", "read -P 1 4k 4k"];
      const { own, peer } = twins.both(qed(rule("l2_update", "once=on")), ...script);
      expect(own.stdout).toContain("write failed: Input/output error\nread 4096/4096");
      expect(peer.stdout).toContain("Pattern verification failed");
      // What its guest has read is gone after the next start.
      expect(twins.both("-f qed o.qed", "read -P 1 4k 4k").peer.code).toBe(0);
    });

    it.each([
      ["aio_write of one cluster", "write_aio"],
      ["a table", "l2_update"],
    ])(
      "a request stopped at %s goes on when its breakpoint is removed, which the original denies",
      (_, event) => {
        const script = [`break ${event} A`, "aio_write 0 4k", "wait_break A", "remove_break A", "aio_flush"];
        const { own, peer } = twins.both(qed(""), ...script);
        expect(peer.stdout).toContain("Resuming request 'A'\nCould not remove breakpoint A");
        expect(own).toEqual({
          ...peer,
          code: 0,
          stdout: peer.stdout.replace(/Could not remove.*\n/, ""),
        });
      },
    );
  });

  it("discards what is not whole blocks, at which the original crashes", () => {
    const { own, peer } = twins.both(raw("align=4096"), "discard 500 300k");
    expect(peer.signal).toBe("SIGFPE");
    expect(own).toMatchObject({ code: 0, stderr: "" });
    // Blocks that are in the range only in part keep their bytes.
    expect(Buffer.from(twins.bytes("own", "b.raw").subarray(0, 4096)).toString()).toBe("x".repeat(4096));
  });

  it("writes a disk that ends inside a block, which the original refuses to open", () => {
    const { own, peer } = twins.both(raw("align=2M"), "write -P 3 100 1000", "read -P 3 100 1000");
    expect(peer.stderr).toContain("Image size is not a multiple of request alignment");
    expect(own).toMatchObject({ code: 0, stderr: "" });
    expect(twins.bytes("own", "b.raw").length).toBe(1 << 20);
  });

  it("flushes after the first write too, where the original leaves it out", () => {
    const { own, peer } = twins.both(raw(rule("flush_to_disk", "once=on")), "write 0 4k", "write 4k 4k");
    expect(peer.stdout).toMatch(/^wrote 4096.*\n.*\nwrite failed: Input\/output error\n$/);
    expect(own.stdout).toMatch(/^write failed: Input\/output error\nwrote 4096.*\n.*\n$/);
  });
});
