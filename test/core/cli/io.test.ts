// `blkscope io` as itself: numbers and sizes as they are parsed and printed, the output of its commands, standard
// input, hints of errors.
import * as fs from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CommandFailure, CommandMisuse } from "../../../core/cli/io/failure.ts";
import { getopt } from "../../../core/cli/io/getopt.ts";
import { cNumber, patternByte, sizeNumber } from "../../../core/cli/io/number.ts";
import { sizeText } from "../../../core/cli/io/report.ts";
import { Cli } from "./support.ts";

describe("numbers of commands", () => {
  it.each([
    ["4096", 4096],
    ["0x200", 512],
    ["1k", 1024],
    ["1.5k", 1536],
    // 0.9 * 1024 = 921.6, to the nearest byte
    ["0.9k", 922],
    ["1.", 1],
    ["010", 10],
    ["2G", 2147483648],
    ["9223372036854775807", 2 ** 63],
  ])("%s is %d bytes", (text, bytes) => expect(sizeNumber(text)).toBe(bytes));

  it.each(["", "-1", "x", "1.5", "1.5b", "1e3", "0x", "1kb", ".5k", "0x1.8k"])("%j is none", (text) => {
    expect(() => sizeNumber(text)).toThrow(CommandFailure);
    expect(() => sizeNumber(text)).toThrow(/non-numeric argument/);
  });

  it.each(["8E", "16E", "9223372036854775808", "8388608T"])("%s is too large", (text) => {
    expect(() => sizeNumber(text)).toThrow(`Parsing error: argument too large -- ${text}`);
  });

  it("takes pattern bytes in decimal, octal and hexadecimal", () => {
    expect(["255", "0377", "0xfF", "+5", "0"].map(patternByte)).toEqual([255, 255, 255, 5, 0]);
    for (const text of ["256", "0x100", "-1", "08", "0x", "5k", "x", ""]) {
      expect(() => patternByte(text)).toThrow(`${text} is not a valid pattern byte`);
    }
  });

  it("takes plain numbers with a sign", () => {
    expect(["-1", "010", "0x10", "1.5"].map(cNumber)).toEqual([-1, 8, 16, undefined]);
  });
});

describe("sizes as they are printed", () => {
  it.each([
    [0, "0 bytes"],
    [1023, "1023 bytes"],
    [0.5, "0.500000 bytes"],
    [1024, "1 KiB"],
    [1536, "1.500 KiB"],
    // 1088 / 1024 = 1.0625 and 1216 / 1024 = 1.1875: a tie goes to the even digit
    [1088, "1.062 KiB"],
    [1216, "1.188 KiB"],
    [67108864, "64 MiB"],
    [2147483136, "2 GiB"],
    [5 * 2 ** 40, "5 TiB"],
  ])("%d is %s", (bytes, text) => expect(sizeText(bytes)).toBe(text));
});

describe("options of commands", () => {
  it("finds clusters, values attached or apart, and options behind operands", () => {
    const options = getopt("read", ["-qv", "-P5", "0", "-s", "7", "512", "--", "-q"], "P:qs:v");
    expect(["q", "v", "P", "s", "C"].map(options.has)).toEqual([true, true, true, true, false]);
    expect([options.value("P"), options.value("s")]).toEqual(["5", "7"]);
    expect(options.operands).toEqual(["0", "512", "-q"]);
  });

  it("names the option that is unknown or lacks its value", () => {
    expect(() => getopt("read", ["-x"], "q")).toThrow(new CommandMisuse("read: invalid option -- 'x'"));
    expect(() => getopt("read", ["-P"], "P:")).toThrow("read: option requires an argument -- 'P'");
    expect(() => getopt("read", ["-:"], "P:")).toThrow("read: invalid option -- ':'");
  });
});

describe("blkscope io", () => {
  let cli: Cli;

  beforeAll(async () => {
    cli = await Cli.build();
  });
  afterAll(() => cli.remove());

  const io = (image: string, ...commands: string[]) =>
    cli.run(["io", "-f", "raw", ...commands.flatMap((command) => ["-c", command]), image]);

  it("writes what read then finds and shows", () => {
    cli.sparse("disk.raw", 65536);
    const { code, stdout } = io("disk.raw", "write -qP 0x41 30 3", "read -v 28 6", "read -qP 0x41 30 3");
    expect(code).toBe(0);
    expect(stdout.split("\n").slice(0, 2)).toEqual([
      "0000001c:  00 00 41 41 41 00  ..AAA.",
      "read 6/6 bytes at offset 28",
    ]);
    const bytes = fs.readFileSync(cli.path("disk.raw"));
    expect([...bytes.subarray(28, 34)]).toEqual([0, 0, 0x41, 0x41, 0x41, 0]);
  });

  it("notes marks in a write log, and only there", () => {
    cli.sparse("disk.raw", 65536);
    cli.sparse("writes.log", 1 << 20);
    const graph =
      "driver=raw,file.driver=blklogwrites,file.file.filename=disk.raw,file.log.filename=writes.log";
    const ran = cli.run(["io", "--image-opts", graph, "-c", "mark two words"]);
    expect(ran).toMatchObject({ code: 0, stdout: "", stderr: "" });
    expect(fs.readFileSync(cli.path("writes.log")).includes("two words")).toBe(true);
    const without = io("disk.raw", "mark x");
    expect(without.code).toBe(1);
    expect(without.stderr).toContain("No driver of this image keeps a log");
    const peer = cli.run(["-f", "raw", "-c", "mark x", "-c", "help mark", "disk.raw"], {
      BLKSCOPE_AS: "qemu-io",
    });
    expect(peer).toMatchObject({ code: 1, stdout: "command mark not found\n" });
    expect(peer.stderr).toBe('command "mark" not found\n');
  });

  it("ends at the first difference of copies that are compared", () => {
    cli.sparse("one.raw", 65536);
    cli.sparse("other.raw", 65536, { 5000: "x" });
    const ran = cli.run(
      [
        "io",
        "-f",
        "raw",
        "-c",
        "read -q 0 4k",
        "-c",
        "aio_read 4k 4k",
        "-c",
        "aio_flush",
        "-c",
        "length",
      ].concat("blkverify:one.raw:other.raw"),
    );
    expect(ran).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringContaining(
        "blkverify: read offset=4096 bytes=4096 contents mismatch at offset 5000\n",
      ),
    });
    expect(ran.stderr).not.toContain("failed");
  });

  it("goes on after a command that failed, and says so with its exit code", () => {
    cli.sparse("disk.raw", 65536);
    const { code, stdout } = io("disk.raw", "read 64k 1", "length");
    expect(stdout).toBe("read failed: Input/output error\n64 KiB\n");
    expect(code).toBe(1);
  });

  it("writes and verifies more than it holds in memory at once", () => {
    cli.sparse("big.raw", 300 * 1024 * 1024);
    // Five pieces of 64 MiB, the last one shorter; the pattern file's 3 bytes fit none of them evenly.
    cli.write("three", Uint8Array.of(1, 2, 3));
    const { code, stderr } = io("big.raw", "write -qs three 5 290M", "read -qP 1 5 1", "write -qP 7 0 1M");
    expect([code, stderr]).toEqual([0, ""]);
    const bytes = fs.readFileSync(cli.path("big.raw"));
    const offsets = [
      2 ** 20,
      5 + 64 * 2 ** 20 - 1,
      5 + 64 * 2 ** 20,
      5 + 128 * 2 ** 20 + 1,
      5 + 290 * 2 ** 20 - 1,
    ];
    expect(offsets.map((at) => bytes[at])).toEqual(offsets.map((at) => 1 + ((at - 5) % 3)));
    expect(bytes[5 + 290 * 2 ** 20]).toBe(0);
    expect(io("big.raw", "read -qP 7 0 1M", "read -qP 0 295M 5M").code).toBe(0);
    expect(io("big.raw", "read -qP 7 0 200M").stdout).toBe(
      `Pattern verification failed at offset 0, ${200 * 2 ** 20} bytes\n`,
    );
    fs.rmSync(cli.path("big.raw"));
  });

  it("completes requests in flight before it closes the image", () => {
    cli.sparse("disk.raw", 65536);
    const { code, stdout } = io("disk.raw", "aio_write -P 1 0 4k", "aio_write -P 2 4k 4k", "close");
    expect(code).toBe(0);
    expect(stdout.match(/^wrote 4096\/4096 bytes at offset (0|4096)$/gm)).toHaveLength(2);
    const bytes = fs.readFileSync(cli.path("disk.raw"));
    expect([bytes[0], bytes[4095], bytes[4096], bytes[8191], bytes[8192]]).toEqual([1, 1, 2, 2, 0]);
  });

  it("reads commands from standard input without printing a prompt", () => {
    cli.sparse("disk.raw", 65536);
    const { code, stdout } = cli.feed("blkscope", ["io", "-f", "raw", "disk.raw"], "length\nquit\nlength\n");
    expect([code, stdout]).toEqual([0, "64 KiB\n"]);
  });

  it("keeps the image as it was when it cannot be reopened", () => {
    cli.sparse("disk.raw", 65536);
    const { code, stdout, stderr } = io("disk.raw", "reopen -o offset=1M", "length", "write -q 0 512");
    expect([code, stdout]).toEqual([1, "64 KiB\n"]);
    expect(stderr).toMatch(/^blkscope: Offset \(1048576\) cannot be greater/);
  });

  it("says why an image cannot be opened and what to do about it", () => {
    const { code, stderr } = cli.run(["io", "none.raw"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^blkscope: can't open device none\.raw: Could not open 'none\.raw': No such file/,
    );
    expect(stderr.trimEnd().split("\n")).toHaveLength(2);
  });

  it("answers wait_break at once where nothing has breakpoints", () => {
    cli.sparse("disk.raw", 65536);
    const { code, stdout } = io("disk.raw", "wait_break a");
    expect([code, stdout]).toEqual([1, "Could not wait for the request: Operation not supported\n"]);
  });

  it("waits for a stopped request, and no longer than one can come", () => {
    cli.sparse("disk.raw", 65536);
    const debug = "driver=raw,file.driver=blkdebug,file.image.driver=file,file.image.filename=disk.raw";
    const open = `open -o ${debug}`;
    const script = [
      "break pwritev A",
      "aio_write -q 0 512",
      "wait_break A",
      "length",
      "resume A",
      "aio_flush",
    ];
    const commands = (list: readonly string[]) => list.flatMap((command) => ["-c", command]);
    const waited = cli.run(["io", ...commands([open, ...script])]);
    expect([waited.code, waited.stdout]).toEqual([0, expect.stringContaining("64 KiB\n")]);
    const { code, stdout } = cli.run(["io", ...commands([open, "wait_break A"])]);
    expect([code, stdout]).toEqual([1, "Could not wait for the request: No such file or directory\n"]);
  });
});
