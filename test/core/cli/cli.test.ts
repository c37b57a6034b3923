// The command line from outside, as a child process: help, usage, lists of every mismatch, hostile input, and
// what a shell does to it (closed pipes, interrupts, a full disk).
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as net from "node:net";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { version } from "../../../package.json";
import { Cli, childEnv, type Ran } from "./support.ts";

const mib = 1024 * 1024;
let cli: Cli;
beforeAll(async () => {
  cli = await Cli.build();
});
afterAll(() => cli.remove());

interface Line {
  readonly offset?: number;
  readonly [member: string]: unknown;
}

function lines(ran: Ran): { runs: Line[]; unreadable: Line[]; summary: Line } {
  const all = ran.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
  const summary = all.pop() as Line;
  const runs = all.filter(({ offset }) => offset !== undefined);
  return { runs, unreadable: all.filter((line) => "unreadable-offset" in line), summary };
}

describe("the command line", () => {
  it("tells its version", () => {
    for (const option of ["--version", "-V"]) {
      expect(cli.run([option])).toMatchObject({ code: 0, stdout: `blkscope ${version}\n`, stderr: "" });
    }
  });

  it("lists its commands", () => {
    const help = cli.run(["--help"]);
    expect(help).toMatchObject({ code: 0, stderr: "" });
    for (const name of ["compare", "info", "open", "diff", "help"])
      expect(help.stdout).toMatch(new RegExp(`^ {2}${name} `, "m"));
    expect(cli.run(["help"]).stdout).toBe(help.stdout);
    expect(cli.run(["-h"]).stdout).toBe(help.stdout);
  });

  it.each(["compare", "info", "open", "diff", "help"])(
    "explains %s with usage, exit codes and an example",
    (name) => {
      const help = cli.run([name, "--help"]);
      expect(help).toMatchObject({ code: 0, stderr: "" });
      expect(help.stdout).toContain(`Usage: blkscope ${name}`);
      expect(help.stdout).toContain("Exit codes:");
      expect(help.stdout).toMatch(/Examples?:/);
      expect(cli.run(["help", name]).stdout).toBe(help.stdout);
      for (const line of help.stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(120);
    },
  );

  it.each([
    [[], "Not enough arguments", ""],
    [["bogus"], "Command not found: bogus", ""],
    [["constructor"], "Command not found: constructor", ""],
    [["--bogus"], "unrecognized option '--bogus'", ""],
    [["help", "bogus"], "Command not found: bogus", ""],
    [["info", "--bogus"], "unrecognized option '--bogus'", "info "],
    [["compare", "a"], "Expecting two image file names", "compare "],
    [["open"], "Expecting at least one image file name", "open "],
    [["diff", "a"], "Expecting two image file names", "diff "],
  ])("says what is wrong with %j and where to find help", (args, message, command) => {
    expect(cli.run(args)).toMatchObject({
      code: 1,
      stdout: "",
      stderr: `blkscope: ${message}\nTry 'blkscope ${command}--help' for more information\n`,
    });
  });
});

describe("compare --all", () => {
  beforeAll(() => {
    cli.sparse("a.raw", mib, { 0: "AAAA", 4096: "text".repeat(300), 90000: "one more" });
    cli.sparse("b.raw", mib, { 0: "AAAB", 4096: "text".repeat(300) });
    cli.sparse("longer.raw", 2 * mib, { 0: "AAAA", 4096: "text".repeat(300), 90000: "one more" });
    cli.write("odd.raw", Buffer.alloc(1000, 7));
    cli.write("odder.raw", Buffer.concat([Buffer.alloc(999, 7), Buffer.from([8])]));
  });

  it("prints a line a run and then a summary", () => {
    const ran = cli.run(["compare", "--all", "--output", "json", "a.raw", "b.raw"]);
    expect(ran).toMatchObject({ code: 1, stderr: "" });
    const { runs, summary } = lines(ran);
    // "A" and "B" differ in two bits (0x41, 0x42); B has no "one more".
    expect(runs).toEqual([
      { offset: 0, length: 512, sectors: 1, "bytes-different": 1, signature: "plain" },
      { offset: 89_600, length: 512, sectors: 1, "bytes-different": 8, signature: "b-zero" },
    ]);
    expect(summary).toEqual({
      identical: false,
      complete: true,
      cancelled: false,
      strict: false,
      "file-a": "a.raw",
      "file-b": "b.raw",
      "size-a": mib,
      "size-b": mib,
      "scanned-to": mib,
      "first-mismatch": 0,
      runs: 2,
      rows: 2,
      sectors: 2,
      "bytes-different": 9,
      signatures: { plain: 1, "b-zero": 1 },
      "unreadable-ranges": 0,
      "unreadable-bytes": 0,
      "elapsed-ms": expect.any(Number),
    });
  });

  it("prints a table with a header and a summary line", () => {
    const { code, stdout } = cli.run(["compare", "--all", "a.raw", "b.raw"]);
    expect(code).toBe(1);
    const [header, ...rest] = stdout.trimEnd().split("\n");
    expect(header?.trim().split(/ {2,}/)).toEqual([
      "Offset",
      "Offset (hex)",
      "Length",
      "Sectors",
      "Bytes",
      "Signature",
    ]);
    expect(rest.map((line) => line.trim().split(/ {2,}/))).toEqual([
      ["0", "0x0", "512", "1", "1", "plain"],
      ["89600", "0x15e00", "512", "1", "8", "b-zero"],
      ["Images differ: 2 runs, 2 sectors, 9 bytes different, first at offset 0 (0x0)."],
    ]);
  });

  it("counts only bytes of the images in the last sector", () => {
    const { runs } = lines(cli.run(["compare", "--all", "--output=json", "odd.raw", "odder.raw"]));
    expect(runs).toMatchObject([{ offset: 512, length: 488, sectors: 1, "bytes-different": 1 }]);
  });

  it("says of images of two sizes that they are equal as far as a guest can see, and in strict mode that they differ", () => {
    const loose = cli.run(["compare", "--all", "a.raw", "longer.raw"]);
    expect(loose.code).toBe(0);
    expect(loose.stdout).toContain("Warning: Image size mismatch!");
    expect(loose.stdout).toContain("Images are identical.");
    const strict = cli.run(["compare", "--all", "--strict", "a.raw", "longer.raw"]);
    expect(strict.code).toBe(1);
    expect(strict.stdout).toContain("Strict mode: Image size mismatch!");
    expect(strict.stdout).not.toContain("identical");
  });

  it("prints nothing with -q, and progress on stderr with -p", () => {
    expect(cli.run(["compare", "--all", "-q", "a.raw", "b.raw"])).toMatchObject({
      code: 1,
      stdout: "",
      stderr: "",
    });
    const { stdout, stderr } = cli.run(["compare", "--all", "-p", "--output=json", "a.raw", "b.raw"]);
    expect(stderr).toMatch(/^ {4}\(0\.00\/100%\)\r.* {4}\(100\.00\/100%\)\r\n$/);
    for (const line of stdout.trimEnd().split("\n")) expect(() => JSON.parse(line)).not.toThrow();
  });

  it("gives one object without --all", () => {
    const ran = cli.run(["compare", "--output", "json", "a.raw", "b.raw"]);
    expect(ran.code).toBe(1);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      identical: false,
      "first-mismatch": 0,
      mismatch: "content",
    });
    const equal = cli.run(["compare", "--output", "json", "a.raw", "longer.raw"]);
    expect(equal.code).toBe(0);
    expect(JSON.parse(equal.stdout)).toMatchObject({ identical: true, complete: true, "size-b": 2 * mib });
  });
});

describe("compare --all of what cannot be read", () => {
  /** QED, 4 KiB clusters, tables of one cluster; L2[0] is data, L2[1] points past the end, L2[2] is data. */
  function brokenQed(fill: number): Buffer {
    const image = Buffer.alloc(5 * 4096);
    image.write("QED\0", 0, "latin1");
    image.writeUInt32LE(4096, 4);
    image.writeUInt32LE(1, 8);
    image.writeUInt32LE(1, 12);
    image.writeBigUInt64LE(4096n, 40);
    image.writeBigUInt64LE(16_384n, 48);
    image.writeBigUInt64LE(8192n, 4096);
    image.writeBigUInt64LE(12_288n, 8192);
    image.writeBigUInt64LE(0x7fff0000n, 8192 + 8);
    image.writeBigUInt64LE(16_384n, 8192 + 16);
    image.fill(fill, 12_288, 16_384);
    image.fill(fill, 16_384);
    return image;
  }

  it("goes on behind it, lists it, and says so in the exit code", () => {
    cli.write("broken.qed", brokenQed(0x11));
    const content = Buffer.alloc(16_384);
    content.fill(0x11, 0, 4096);
    content.fill(0x22, 8192, 12_288);
    cli.write("right.raw", content);
    const ran = cli.run(["compare", "--all", "--output", "json", "broken.qed", "right.raw"]);
    const { runs, unreadable, summary } = lines(ran);
    expect(ran.code).toBe(4);
    expect(ran.stderr).toMatch(/^blkscope: Error while reading offset 4096 of broken\.qed: /);
    expect(unreadable).toMatchObject([{ "unreadable-offset": 4096, "unreadable-length": 4096, side: "a" }]);
    expect(runs).toMatchObject([{ offset: 8192, length: 4096, sectors: 8, "bytes-different": 4096 }]);
    expect(summary).toMatchObject({
      identical: false,
      complete: false,
      "unreadable-ranges": 1,
      "unreadable-bytes": 4096,
      runs: 1,
    });
    const human = cli.run(["compare", "--all", "broken.qed", "right.raw"]);
    expect(human.code).toBe(4);
    expect(human.stdout).toContain("Not compared: 1 range that could not be read, 4096 bytes.");
  });

  it("never calls it identical", () => {
    cli.write("broken.qed", brokenQed(0));
    cli.sparse("zeroes.raw", 16_384);
    const human = cli.run(["compare", "--all", "broken.qed", "zeroes.raw"]);
    expect(human.code).toBe(4);
    expect(human.stdout).not.toContain("identical");
  });
});

describe("input that is no image", () => {
  beforeAll(() => {
    fs.mkdirSync(cli.path("folder"));
    spawnSync("mkfifo", [cli.path("pipe")]);
    cli.write("empty", "");
    cli.write("some.raw", "some bytes");
    fs.symlinkSync("turning", cli.path("turning"));
    const header = Buffer.alloc(4096);
    header.write("QED\0", 0, "latin1");
    cli.write("zeroed.qed", header);
    header.writeUInt32LE(65_536, 4);
    header.writeUInt32LE(4, 8);
    header.writeUInt32LE(1, 12);
    header.writeBigUInt64LE(65_536n, 40);
    header.writeBigUInt64LE(1048576n, 48);
    cli.write("truncated.qed", header);
  });

  it.each([
    ["folder", "directory"],
    ["pipe", "FIFO"],
    ["turning", "symbolic links"],
    ["some.raw/below", "Not a directory"],
    ["x".repeat(300), "name too long"],
    ["/dev/zero", "character device"],
    ["zeroed.qed", "cluster_size"],
    ["truncated.qed", ""],
    ["", "empty"],
    ["json:{", "JSON"],
    [`json:${'{"file":'.repeat(10_000)}1${"}".repeat(10_000)}`, ""],
  ])("is refused with a reason: %.30s", (name, reason) => {
    const info = cli.run(["info", "--", name]);
    expect(info).toMatchObject({ code: 1, signal: null, stdout: "" });
    expect(info.stderr).toMatch(/^blkscope: Could not open '/);
    expect(info.stderr).toContain(reason);
    expect(info.stderr).not.toMatch(/\n {4}at /);
    const compared = cli.run(["compare", "--", "some.raw", name]);
    expect(compared).toMatchObject({ code: 2, signal: null, stdout: "" });
    expect(compared.stderr.split("\n")[0]).toBe(info.stderr.split("\n")[0]);
  });

  it("is refused when it is a socket", async () => {
    const server = net.createServer().listen(cli.path("socket"));
    await once(server, "listening");
    expect(cli.run(["info", "socket"])).toMatchObject({ code: 1, stderr: expect.stringContaining("socket") });
    server.close();
  });

  it.skipIf(process.getuid === undefined)("is refused without the right to read it", () => {
    cli.write("secret.raw", "secret");
    fs.chmodSync(cli.path("secret.raw"), 0);
    const isRoot = process.getuid?.() === 0;
    const nobody = 65_534; // root may read everything
    expect(cli.run(["info", "secret.raw"], {}, isRoot ? nobody : undefined)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("Could not open 'secret.raw': Permission denied"),
    });
  });

  it("may be an empty file, which is an image of no bytes", () => {
    expect(cli.run(["info", "empty"])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("virtual size: 0 B (0 bytes)"),
    });
    expect(cli.run(["compare", "--all", "empty", "empty"])).toMatchObject({
      code: 0,
      stdout: "Images are identical.\n",
    });
  });

  it.each([
    "a b.raw",
    "quote'\".raw",
    "line\nbreak.raw",
    "\u00fc\u4e2d\u{1f4be}.raw",
    "-f",
    "--all",
    "a,b=c.raw",
    "$(x).raw",
  ])("may have a name like %j", (name) => {
    cli.write(name, Buffer.alloc(1024, 1));
    const info = cli.run(["info", "--output=json", "--", name]);
    expect(info.code).toBe(0);
    expect(JSON.parse(info.stdout)).toMatchObject({ filename: name, "virtual-size": 1024 });
    expect(cli.run(["compare", "--", name, `./${name}`])).toMatchObject({
      code: 0,
      stdout: "Images are identical.\n",
    });
  });

  it("may not send commands to the terminal through its name", () => {
    const name = "\u001b]0;owned\u0007.raw";
    cli.write(name, "x");
    for (const ran of [cli.run(["info", name]), cli.run(["info", `${name}.missing`])]) {
      expect(ran.stdout + ran.stderr).toContain("\\x1b]0;owned\\x07.raw");
      expect(ran.stdout + ran.stderr).not.toContain("\u001b");
    }
  });

  it("may be of many terabytes when they are holes", () => {
    cli.sparse("huge1.raw", 8 * 2 ** 40, { [5 * 2 ** 40]: "here" });
    cli.sparse("huge2.raw", 8 * 2 ** 40, { [5 * 2 ** 40]: "hers" });
    expect(cli.run(["compare", "huge1.raw", "huge2.raw"])).toMatchObject({
      code: 1,
      stdout: `Content mismatch at offset ${5 * 2 ** 40}!\n`,
    });
    const { runs } = lines(cli.run(["compare", "--all", "--output=json", "huge1.raw", "huge2.raw"]));
    expect(runs).toMatchObject([{ offset: 5 * 2 ** 40, "bytes-different": 1 }]);
  });
});

describe("in a shell", () => {
  const runs = 100_000;
  beforeAll(() => {
    // Every other sector of B is not A's: 100,000 runs of one sector.
    cli.sparse("zeroes.raw", runs * 1024);
    const many = Buffer.alloc(runs * 1024);
    for (let i = 0; i < runs; i++) many[i * 1024 + 7] = 1;
    cli.write("many.raw", many);
  });

  it("prints a hundred thousand runs, each a line of JSON", () => {
    const ran = cli.run(["compare", "--all", "--output=json", "zeroes.raw", "many.raw"]);
    const { runs: found, summary } = lines(ran);
    expect(found).toHaveLength(runs);
    expect(found.every(({ offset }, i) => offset === i * 1024)).toBe(true);
    expect(summary).toMatchObject({ runs, sectors: runs, "bytes-different": runs });
  });

  it("ends without a word when its reader has read enough", () => {
    const ran = cli.shell(
      "$BLKSCOPE compare --all --output json zeroes.raw many.raw | head -1; echo $PIPESTATUS",
    );
    expect(ran.stderr).toBe("");
    const [first = "", code] = ran.stdout.trimEnd().split("\n");
    expect(JSON.parse(first)).toMatchObject({ offset: 0, signature: "a-zero" });
    expect(code).toBe("141");
  });

  it("waits for a slow reader instead of losing lines", () => {
    const ran = cli.shell("$BLKSCOPE compare --all --output json zeroes.raw many.raw | (sleep 1; wc -l)");
    expect(ran).toMatchObject({ stderr: "", stdout: expect.stringMatching(new RegExp(`^ *${runs + 1}\n$`)) });
  });

  it.skipIf(!fs.existsSync("/dev/full"))("says that its output could not be written", () => {
    const ran = cli.shell("$BLKSCOPE compare --all zeroes.raw many.raw > /dev/full");
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(/^blkscope: Could not write the output: ENOSPC/);
  });

  it("prints what it has found when interrupted, and says that it is partial", async () => {
    cli.write("long1.qed", endlessQed(1));
    cli.write("long2.qed", endlessQed(2));
    const child = cli.start(["compare", "--all", "-p", "--output=json", "long1.qed", "long2.qed"]);
    let stdout = "";
    let stderr = "";
    let interrupted = false;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      // Progress has begun, so the first sectors have been compared.
      if (!interrupted && /\([1-9]/.test(stderr)) {
        interrupted = true;
        // Twice at once, as when the terminal and npm both pass it on.
        child.kill("SIGINT");
        child.kill("SIGINT");
      }
    });
    const [code] = await once(child, "close");
    const { runs: found, summary } = lines({ code, signal: null, stdout, stderr });
    expect(code).toBe(130);
    // One byte differs in the first sector of every cluster that was scanned.
    const scannedTo = Number(summary["scanned-to"]);
    expect(scannedTo).toBeLessThan(64 * 1024 * mib);
    expect(found.every(({ offset }, i) => offset === i * 65_536)).toBe(true);
    expect(found).toHaveLength(Math.ceil(scannedTo / 65_536));
    expect(summary).toMatchObject({ identical: false, complete: false, cancelled: true });
    expect(stderr).toContain("what was found is partial");
  });
});

/**
 * 64 GiB of guest data in a small file, half a minute to scan: QED with 64 KiB clusters, tables of four, where all
 * L1 entries point to one L2 table and all its entries to one cluster, whose first byte is `first`.
 */
function endlessQed(first: number): Buffer {
  const cluster = 65_536;
  const image = Buffer.alloc(10 * cluster);
  image.write("QED\0", 0, "latin1");
  image.writeUInt32LE(cluster, 4);
  image.writeUInt32LE(4, 8);
  image.writeUInt32LE(1, 12);
  image.writeBigUInt64LE(BigInt(cluster), 40);
  image.writeBigUInt64LE(BigInt(64 * 1024 * mib), 48);
  for (let i = 0; i < 32_768; i++) {
    image.writeBigUInt64LE(BigInt(5 * cluster), cluster + i * 8);
    image.writeBigUInt64LE(BigInt(9 * cluster), 5 * cluster + i * 8);
  }
  image.fill("data", 9 * cluster);
  image[9 * cluster] = first;
  return image;
}

describe("open and diff", () => {
  beforeAll(() => {
    cli.write("app.sh", '#!/bin/sh\nprintf "%s\\n" "$@" > "$(dirname "$0")/started"\n');
    fs.chmodSync(cli.path("app.sh"), 0o755);
    cli.write("failing.sh", "#!/bin/sh\nexit 3\n");
    fs.chmodSync(cli.path("failing.sh"), 0o755);
    cli.write("one two.raw", "1");
    cli.write("-three.raw", "3");
  });

  const withApp = (app: string) => ({ BLKSCOPE_APP: cli.path(app), DISPLAY: ":99" });

  /** The app may write what it got when the command has ended already. */
  const expectStarted = (got: string) =>
    expect.poll(() => fs.readFileSync(cli.path("started"), "utf8"), { timeout: 20_000 }).toBe(got);

  it.each([
    ["open", "hex"],
    ["diff", "compare"],
  ])("%s starts the app with absolute paths", async (command, view) => {
    fs.rmSync(cli.path("started"), { force: true });
    const ran = cli.run([command, "--", "one two.raw", "-three.raw"], withApp("app.sh"));
    expect(ran).toMatchObject({ code: 0, stdout: "", stderr: "" });
    const folder = fs.realpathSync(cli.folder);
    await expectStarted(`--view=${view}\n${folder}/one two.raw\n${folder}/-three.raw\n`);
  });

  /** Runs a copy of the command that lies elsewhere. */
  function runAt(script: string, args: readonly string[]): Ran {
    fs.mkdirSync(path.dirname(cli.path(script)), { recursive: true });
    fs.copyFileSync(cli.script, cli.path(script));
    fs.writeFileSync(path.join(path.dirname(cli.path(script)), "package.json"), '{"type":"commonjs"}');
    fs.rmSync(cli.path("started"), { force: true });
    const env = childEnv({ DISPLAY: ":99", BLKSCOPE_APP: "" });
    const child = spawnSync(process.execPath, [cli.path(script), ...args], {
      cwd: cli.folder,
      env,
      encoding: "utf8",
    });
    return { code: child.status, signal: child.signal, stdout: child.stdout, stderr: child.stderr };
  }

  it.skipIf(process.platform !== "linux")("find the app they were packed with", async () => {
    cli.write("packed/blkscope", `#!/bin/sh\nprintf "%s\\n" "$@" > '${cli.path("started")}'\n`);
    fs.chmodSync(cli.path("packed/blkscope"), 0o755);
    const script = "packed/resources/app.asar.unpacked/dist/cli/blkscope.js";
    expect(runAt(script, ["open", "one two.raw"])).toMatchObject({ code: 0, stderr: "" });
    await expectStarted(`--view=hex\n${fs.realpathSync(cli.folder)}/one two.raw\n`);
  });

  it.skipIf(process.platform === "win32")(
    "in a clone set up and build before they start Electron with it",
    async () => {
      cli.write("clone/package.json", "{}");
      cli.write("clone/scripts/setup/setup.mjs", 'export const setUp = async () => console.error("set up");');
      cli.write(
        "clone/scripts/build/build.mjs",
        'export const ensureBuild = async () => console.error("built");',
      );
      cli.write(
        "clone/scripts/setup/electron.mjs",
        `export const electronPath = () => ${JSON.stringify(cli.path("app.sh"))};
       export const electronArgs = () => ["--some-switch"];`,
      );
      const ran = runAt("clone/dist/cli/blkscope.js", ["diff", "one two.raw", "one two.raw"]);
      expect(ran).toMatchObject({ code: 0, stdout: "", stderr: "set up\nbuilt\n" });
      const folder = fs.realpathSync(cli.folder);
      const file = `${folder}/one two.raw\n`;
      await expectStarted(`--some-switch\n${folder}/clone\n--view=compare\n${file}${file}`);
    },
  );

  it("check first that the files are there", () => {
    fs.rmSync(cli.path("started"), { force: true });
    const ran = cli.run(["open", "one two.raw", "missing.raw"], withApp("app.sh"));
    expect(ran).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("'missing.raw': No such file or directory"),
    });
    expect(fs.existsSync(cli.path("started"))).toBe(false);
    expect(cli.run(["open", "."], withApp("app.sh")).stderr).toContain("directory");
  });

  it("say that there is no app, and how to name one", () => {
    const ran = cli.run(["open", "one two.raw"], { DISPLAY: ":99", BLKSCOPE_APP: "" });
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringContaining("Could not find the app") });
    expect(ran.stderr).toContain("BLKSCOPE_APP");
    const wrong = cli.run(["open", "one two.raw"], withApp("nowhere"));
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining("which does not exist") });
  });

  // On a busy machine it may end later than "at once".
  it("say that the app ended at once", { retry: 9 }, () => {
    const ran = cli.run(["open", "one two.raw"], withApp("failing.sh"));
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringContaining("it ended at once with code 3") });
  });

  it.skipIf(process.platform !== "linux")("say that there is no display", () => {
    const env = { ...withApp("app.sh"), DISPLAY: "", WAYLAND_DISPLAY: "" };
    expect(cli.run(["open", "one two.raw"], env)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("needs a display"),
    });
  });
});
