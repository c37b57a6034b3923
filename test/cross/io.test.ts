// `blkscope io` in place of qemu-io: the same scripts through both programs on equal images. Their output, errors and
// exit codes are equal but for times and rates, and so are the images afterwards.
import * as fs from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Cli, describeWithQemu, type Ran } from "../core/cli/support.ts";

/** One line each: an image of `makeImages`, and the commands, parted by semicolons. */
const scripts: readonly (readonly [what: string, image: string, commands: string])[] = [
  [
    "numbers",
    "even.raw",
    "read x 1;read 1 x;read 0 9e;read 1.5 1;read 1.5k 1;read 0.9k 1;read 1.k 1;read .5k 1",
  ],
  [
    "numbers and suffixes",
    "even.raw",
    "read 010 1;read 0x1k 5;read 1_ 0;read +5 1;read 1B 1;read 8388608T 1",
  ],
  [
    "lengths past the limit",
    "even.raw",
    "read 0 3g;write 0 3g;write -z 0 2g;discard 0 3g;readv 0 1g 1g;writev 0 2g",
  ],
  [
    "the end of the image",
    "even.raw",
    "read 1023k 2k;read 2M 0;read 1M 0;read 1M 1;write 1048575 2;discard 1M 1",
  ],
  [
    "pattern bytes",
    "even.raw",
    "read -P 300 0 1;read -P x 0 1;read -P 0377 0 1;read -P 08 0 1;read -P +5 0 1",
  ],
  [
    "verification",
    "even.raw",
    "read -P 1 0 5;read -P 0 0 3000;read -P 0 0 3001;read -qP 3 0 5;readv -P 1 0 5 5",
  ],
  [
    "verification of a part",
    "even.raw",
    "read -s 5 0 10;read -l 5 0 10;read -P 0 -s 5 0 10;read -P 0 -s 5 -l 10 0 10;read -P 1 -s 1 -l 2 3000 5",
  ],
  [
    "options",
    "even.raw",
    "read -x 0 1;read 0 1 -P;read 0 -q 512;read 0 -1;read -- 0 5;read 0 5 5;write -bz 0 1",
  ],
  [
    "dumps",
    "even.raw",
    "read -v 3000 300;read -vC 3000 17;read -vq 0 16;readv -v 3000 8 20;read -vP 3 3000 5",
  ],
  [
    "the VM state",
    "even.raw",
    "read -b 0 512;read -b 1 512;read -b 0 1;write -b 0 512;write -c 0 512;write -c 0 5",
  ],
  [
    "options of write that exclude each other",
    "even.raw",
    "write -fb 0 1;write -fc 0 1;write -n 0 1;write -u 0 1;write -P 1 -z 0 1;write -z -s x 0 1;write -bc 0 512",
  ],
  [
    "pattern files",
    "even.raw",
    "write -s pattern 700 100;write -s none 0 5;write -s empty 0 5;write -s . 0 5",
  ],
  [
    "writes",
    "even.raw",
    "write 0 512;write -P 5 100 1000;write -f 5000 5;write -C 0 5;write -q 9 9;write 0 0",
  ],
  ["zeroes", "even.raw", "write -z 2900 300;write -zu 64k 64k;write -zn 128k 64k;write -fz 6000 600"],
  [
    "vectors",
    "even.raw",
    "writev 0 512 1024;writev -P 9 100 1 5 3;writev 1M 1;writev -q 5 5;readv -C 0 8;readv 1M 1 2",
  ],
  ["discards", "even.raw", "discard 0 64k;discard -C 0 4k;discard -q 0 4k;discard -z 0 1;discard 2M 4k"],
  [
    "aio_read",
    "even.raw",
    "aio_read -v 3000 20;aio_flush;aio_read -P 1 0 5;aio_flush;aio_read -i 0 2;aio_read 2M 1",
  ],
  [
    "aio_write",
    "even.raw",
    "aio_write 0 512 512;aio_flush;aio_write -z 0 5 5;aio_write -u 0 1;aio_write -i 0 1;aio_write 2M 1;aio_flush",
  ],
  [
    "map and alloc",
    "even.raw",
    "map;alloc 0;alloc 0 1k;alloc 0 2M;alloc 2M 4k;alloc x;alloc 511 513;alloc 0 1 3",
  ],
  ["length and info", "even.raw", "length;l;info;length 1;i"],
  [
    "truncate",
    "even.raw",
    "truncate;truncate x;truncate -m foo 2M;truncate -m metadata 3M;truncate 2M;length",
  ],
  ["truncate within a sector", "even.raw", "truncate 1000;length;truncate 100;length"],
  ["no image", "even.raw", "close;close;length;read;open none;open even.raw;length;open even.raw"],
  ["sleeping", "even.raw", "sleep;sleep x;sleep 1;sleep 1.5;sleep -1;sleep 010"],
  ["breakpoints without blkdebug", "even.raw", "break a b;break;remove_break a;resume a;remove_break"],
  ["signals", "even.raw", "sigraise;sigraise x;sigraise 0;sigraise 100;sigraise 65;sigraise 17;length"],
  ["SIGTERM", "even.raw", "length;sigraise 15;length"],
  ["SIGKILL", "even.raw", "length;sigraise 9;length"],
  ["abort", "even.raw", "length;abort;length"],
  ["quit", "even.raw", "length;quit;length"],
  ["help", "even.raw", "help;help nosuch;help a b;help length;? map;foo"],
  [
    "reopen",
    "even.raw",
    "reopen -r;write 0 1;reopen -w;write -q 0 1;reopen -rw;reopen -x;reopen x;reopen -c foo",
  ],
  [
    "reopen with options",
    "even.raw",
    "reopen -o foo=bar;reopen -o driver=qed;reopen -r -o read-only=off;reopen -o cache.direct=on -c none;reopen -o x",
  ],
  [
    "reopen with another window",
    "even.raw",
    "reopen -o offset=512;length;reopen -o size=1k;length;reopen -o offset=3M;length",
  ],
  [
    "a file that ends within a sector",
    "odd.raw",
    "length;map;read -v 990 30;read 1000 24;read 1000 25;alloc 0 4k",
  ],
  ["a write past its last byte", "odd.raw", "write -P 1 1020 4;length"],
  ["a write at its last byte", "odd.raw", "write -P 3 1001 2;truncate 2000;length"],
  ["zeroes past its last byte", "odd.raw", "write -z 1020 4;discard 1000 24"],
  ["a vector over its last byte", "odd.raw", "writev -P 7 1000 1 5 3;readv -v 990 5 29;write 990 35"],
  ["a discard over its last byte", "odd.raw", "discard 990 34"],
  ["an empty image", "empty.raw", "map;length;alloc 0;read 0 0;write 0 1;write 0 0;discard 0 0"],
];

const inputs = [
  "",
  "length",
  "length\n",
  "length\nquit\nlength\n",
  "\n\n",
  "foo\n length",
  "read -P 3 0 5\nread -x\n",
  "aio_read 0 5\naio_flush\n",
];

const starts: readonly (readonly string[])[] = [
  ["none"],
  ["-f", "raw", "none"],
  ["-f", "foo", "even.raw"],
  ["-t", "bad", "even.raw"],
  ["-d", "bad", "even.raw"],
  ["-i", "bad", "even.raw"],
  ["--image-opts", "even.raw", "-c", "length"],
  ["--image-opts", "-f", "raw", "file.filename=even.raw"],
  ["--image-opts", "driver=raw,file.filename=even.raw", "-c", "length"],
  ["--image-opts", "driver=raw,file.filename=none"],
  ["--image-opts", "driver=raw,file.filename=even.raw,read-only=on", "-c", "length"],
  ["-U", "even.raw", "-c", "length"],
  ["-r", "-U", "even.raw", "-c", "length", "-c", "write 0 5"],
  ["-r", "-f", "raw", "even.raw", "-c", "truncate 5", "-c", "aio_write 0 5", "-c", "flush", "-c", "write"],
  ["-c", "length"],
  ["-c", "open -r even.raw", "-c", "length", "-c", "write 0 5"],
  ["-c", "open -o driver=raw,file.filename=even.raw", "-c", "length"],
  ["-c", "open -o driver=raw even.raw", "-c", "length"],
  ["-c", "open -o driver=raw,x even.raw"],
  ["-c", "open -o driver=raw"],
  ["-c", "open -r"],
  ["-c", "open -x even.raw", "-c", "open a b"],
  ["-c", "open -t foo even.raw", "-c", "open -i foo even.raw", "-c", "open -d foo even.raw"],
  ["-c", "open -o driver=file even.raw", "-c", "info"],
  ["--image-opts", "-c", "open -o driver=raw even.raw"],
  ["--image-opts", "-c", "open driver=raw,file.filename=even.raw", "-c", "length"],
  ["-f", "raw", "-k", "even.raw"],
  ["-f", "raw", "-C", "-r", "even.raw"],
  ["-f", "raw", "-d", "ignore", "even.raw", "-c", "discard -q 0 64k", "-c", "write -zuq 0 64k"],
  ["even.raw", "-c", "write -q 8192 5"],
  ["even.raw", "-c", "write -P 0x51 0 512"],
  ["foo:even.raw"],
  ["file:even.raw", "-c", "length"],
  ["--cmd=length", "--format=raw", "even.raw"],
];

const images = ["even.raw", "odd.raw", "empty.raw"];

describeWithQemu("io in place of qemu-io", () => {
  let cli: Cli;

  beforeAll(async () => {
    cli = await Cli.build();
  });
  afterAll(() => cli.remove());

  function makeImages(): void {
    cli.sparse("even.raw", 1 << 20, { 3000: Uint8Array.from({ length: 5120 }, (_, i) => i % 256) });
    cli.write("odd.raw", "Odd9".repeat(250));
    cli.write("empty.raw", "");
    cli.write("pattern", Uint8Array.of(0, 5, 0x41, 0x20, 0x7a));
    cli.write("empty", "");
  }

  interface Outcome {
    readonly code: number | null;
    readonly signal: string | null;
    readonly stdout: string;
    readonly stderr: string;
    readonly images: readonly string[];
  }

  function outcome(ran: Ran): Outcome {
    const contents = images.map((name) => fs.readFileSync(cli.path(name)).toString("base64"));
    return { ...ran, stdout: withoutTimes(ran.stdout), images: contents };
  }

  function bothWays(args: readonly string[], input = ""): { ours: Outcome; peer: Outcome } {
    makeImages();
    const peer = outcome(cli.feed("qemu-io", args, input));
    makeImages();
    const ours = outcome(cli.feed("blkscope", args, input, { BLKSCOPE_AS: "qemu-io" }));
    return { ours, peer };
  }

  it.each(scripts)("%s", (_, image, commands) => {
    const list = commands.split(";").flatMap((command) => ["-c", command]);
    const { ours, peer } = bothWays(["-f", "raw", image, ...list]);
    expect(ours).toEqual(peer);
  });

  it.each(inputs)("commands on standard input: %j", (input) => {
    const { ours, peer } = bothWays(["-f", "raw", "even.raw"], input);
    expect(ours).toEqual(peer);
  });

  it.each(starts.map((args) => [args]))("start options %j", (args) => {
    const { ours, peer } = bothWays(args);
    expect(ours).toEqual(peer);
  });
});

/** Reports keep their form, without what depends on the machine's speed. */
function withoutTimes(text: string): string {
  return text
    .replace(
      /ops; (\d\d\.\d\d sec|\d+:\d\d:\d\d\.\d\d) \(.*\/sec and [0-9.]+ ops\/sec\)/g,
      "ops; TIME (RATES)",
    )
    .replace(/^(\d+,1),\d+:\d\d:\d\d\.\d\d,[0-9.]+,[0-9.]+$/gm, "$1,TIME,RATES");
}
