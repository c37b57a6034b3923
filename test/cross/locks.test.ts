// Image locks against the peer's programs and between processes of ours: who excludes whom, with which bytes.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { ImageSpec } from "../../core/block/driver.ts";
import { openGraph } from "../../core/graph.ts";
import { runJob } from "../../core/jobs/run.ts";
import { Session } from "../../core/jobs/session.ts";
import { createFile } from "../../core/protocol/fileCreate.ts";
import { failureOf, openForTest } from "../build/open.ts";
import { lacksPeer, run } from "../build/peers.ts";
import { tempDir } from "../build/temp.ts";
import { Cli } from "../core/cli/support.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const lacking = process.platform !== "linux" || lacksPeer("qemu-img", "qemu-io");
const writable = { readOnly: false };

function image(format: "raw" | "qed"): string {
  const filename = path.join(tempDir(), `disk.${format}`);
  run("qemu-img", "create", "-q", "-f", format, filename, "1M");
  return filename;
}

/** The image in a format, on a file whose options can be given. */
function spec(driver: string, filename: string, more: object = {}): ImageSpec {
  return { driver, file: { driver: "file", filename, ...more } };
}

/** Starts a program that opens the image, and waits until it has: it then prints the size on a line. */
async function holding(program: string, args: readonly string[], ask = ""): Promise<ChildProcess> {
  const child = spawn(program, args, { stdio: "pipe" });
  onTestFinished(() => void child.kill("SIGKILL"));
  let heard = "";
  await new Promise<void>((resolve, reject) => {
    const listen = (data: Buffer) => {
      heard += data.toString();
      if (heard.includes("1 MiB")) resolve();
    };
    child.stdout.on("data", listen);
    child.stderr.on("data", listen);
    child.once("close", () => reject(new Error(`${program} ended: ${heard}`)));
    child.stdin.write(ask);
  });
  return child;
}

function peerHolding(...args: readonly string[]): Promise<ChildProcess> {
  return holding("qemu-io", args, "length\n");
}

async function ended(child: ChildProcess, how: () => void): Promise<void> {
  const closed = new Promise((resolve) => child.once("close", resolve));
  how();
  await closed;
}

/** What qemu-io answers when it opens the image and does nothing; "" when it can. */
function peerOpens(...args: readonly string[]): string {
  const { stdout, stderr, status } = spawnSync("qemu-io", [...args, "-c", "quit"], { encoding: "utf8" });
  return status === 0 ? "" : stdout + stderr;
}

function peerSays(filename: string, lock: string): string {
  return `qemu-io: can't open device ${filename}: Failed to get ${lock} lock\nIs another process using the image [${filename}]?\n`;
}

/** Bytes of the file with a lock on them, as the system lists them. */
function lockedBytes(filename: string): number[] {
  const inode = fs.statSync(filename).ino;
  const bytes = new Set<number>();
  for (const line of fs.readFileSync("/proc/locks", "utf8").split("\n")) {
    const [, kind, , , , place = "", start, end] = line.trim().split(/\s+/);
    if (kind !== "OFDLCK" || Number(place.split(":")[2]) !== inode) continue;
    for (let byte = Number(start); byte <= Number(end); byte++) bytes.add(byte);
  }
  return [...bytes].sort((a, b) => a - b);
}

describe.skipIf(lacking)("locks with qemu-io", () => {
  it("lie on the bytes the peer takes for a QED image, read or written", async () => {
    const filename = image("qed");
    const theirs = async (...args: string[]) => {
      const child = await peerHolding(...args, "-f", "qed", filename);
      const bytes = lockedBytes(filename);
      await ended(child, () => child.stdin?.end());
      return bytes;
    };
    const reader = await openGraph(spec("qed", filename));
    const ours = lockedBytes(filename);
    await reader.close();
    expect(ours).toEqual([100, 201, 203]);
    expect(ours).toEqual(await theirs("-r"));
    const writer = await openGraph(spec("raw", filename), writable);
    const written = lockedBytes(filename);
    await writer.close();
    expect(written).toEqual([100, 101, 103, 201, 203]);
    expect(written).toEqual(await theirs());
    expect(lockedBytes(filename)).toEqual([]);
  });

  it("are taken for an image whose format was guessed, and for one inside a raw layer", async () => {
    const filename = image("qed");
    await openForTest({ file: { driver: "file", filename } });
    expect(lockedBytes(filename)).toEqual([100, 201, 203]);
    const nested = image("qed");
    await openForTest({ driver: "qed", file: spec("raw", nested) });
    expect(lockedBytes(nested)).toEqual([100, 201, 203]);
  });

  it("leave a raw image that is only read to those who write it", async () => {
    const filename = image("raw");
    await openForTest(spec("raw", filename));
    expect(lockedBytes(filename)).toEqual([100]);
    expect(peerOpens("-f", "raw", filename)).toBe("");
    await peerHolding("-f", "raw", filename);
    await openForTest(spec("raw", filename));
  });

  it("keep the peer from an image that we write, until it is closed", async () => {
    const filename = image("qed");
    const graph = await openGraph(spec("raw", filename), writable);
    expect(peerOpens("-f", "qed", filename)).toBe(peerSays(filename, '"write"'));
    expect(peerOpens("-f", "raw", filename)).toBe(peerSays(filename, '"write"'));
    expect(peerOpens("-r", "-f", "qed", filename)).toBe(peerSays(filename, 'shared "write"'));
    expect(peerOpens("-r", "-U", "-f", "qed", filename)).toBe("");
    await graph.close();
    expect(peerOpens("-f", "qed", filename)).toBe("");
  });

  it("keep us from an image that the peer writes, in its words, until it is killed", async () => {
    const filename = image("qed");
    const child = await peerHolding("-f", "qed", filename);
    const reading = await failureOf(openGraph(spec("qed", filename)));
    expect(reading).toMatchObject({
      code: "EBUSY",
      message: `'${filename}' is in use: another program has it open for writing`,
      context: { path: filename, hint: expect.stringContaining("-U") },
    });
    const { message, hint } = reading.context.peer ?? {};
    const said = `qemu-io: can't open device ${filename}: ${message}\n${hint}\n`;
    expect(said).toBe(peerOpens("-r", "-f", "qed", filename));
    const writing = await failureOf(openGraph(spec("raw", filename), writable));
    expect(writing.context.peer?.message).toBe('Failed to get "write" lock');
    expect(writing.context.hint).not.toContain("-U");
    await ended(child, () => child.kill("SIGKILL"));
    await openForTest(spec("qed", filename));
  });

  it("keep two writers of a raw image apart, though the peer would share it", async () => {
    const filename = image("raw");
    await peerHolding("-f", "raw", filename);
    const error = await failureOf(openGraph(spec("raw", filename), writable));
    expect(error).toMatchObject({
      code: "EBUSY",
      context: { peer: { message: 'Failed to get shared "write" lock' } },
    });
  });

  it("let readers of a QED image be together, and no writer join them", async () => {
    const filename = image("qed");
    await peerHolding("-r", "-f", "qed", filename);
    await openForTest(spec("qed", filename));
    expect((await failureOf(openGraph(spec("raw", filename), writable))).code).toBe("EBUSY");
  });

  it("are neither taken nor minded by who shares by force or has locking off", async () => {
    const filename = image("qed");
    await peerHolding("-f", "qed", filename);
    const before = lockedBytes(filename);
    await openForTest(spec("qed", filename), { forceShare: true });
    await openForTest(spec("raw", filename, { locking: "off" }), writable);
    expect(lockedBytes(filename)).toEqual(before);
    await openForTest(spec("raw", filename, { locking: "on" }));
    expect(lockedBytes(filename)).toEqual(before);
    expect(
      await failureOf(openGraph(spec("raw", filename), { ...writable, forceShare: true })),
    ).toMatchObject({
      code: "EINVAL",
      message: "force-share=on can only be used with read-only images",
    });
  });

  it("keep a file that is in use from being emptied by a creation", async () => {
    const filename = image("qed");
    const before = fs.readFileSync(filename);
    const reader = await peerHolding("-r", "-f", "qed", filename);
    const error = await failureOf((async () => createFile(filename))());
    expect(error).toMatchObject({
      code: "EBUSY",
      context: { peer: { message: 'Failed to get "write" lock' } },
    });
    expect(fs.readFileSync(filename).equals(before)).toBe(true);
    await ended(reader, () => reader.stdin?.end());
    expect(createFile(filename)).toEqual({ driver: "file", isNew: false });
    expect(fs.statSync(filename).size).toBe(0);
    expect(lockedBytes(filename)).toEqual([]);
  });
});

describe.skipIf(lacking)("locks between processes of ours", () => {
  /** Opens what it is told, prints its size and holds it until its input ends. */
  const holder = `
    import { openGraph } from "./core/graph.ts";
    const [spec, options] = process.argv.slice(2).map((text) => JSON.parse(text));
    const graph = await openGraph(spec, options);
    console.log(graph.root.size / 2 ** 20 + " MiB");
    process.stdin.resume().on("end", () => graph.close());
  `;
  const script = path.join(root, "node_modules", ".cache", `blkscope-holder-${process.pid}.mjs`);

  beforeAll(async () => {
    await build({
      absWorkingDir: root,
      stdin: { contents: holder, resolveDir: root, loader: "ts" },
      outfile: script,
      bundle: true,
      platform: "node",
      format: "esm",
      target: "node20",
      external: ["koffi"],
      logLevel: "error",
    });
    process.once("exit", () => fs.rmSync(script, { force: true }));
  });

  function ourHolding(wanted: ImageSpec, options: object = {}): Promise<ChildProcess> {
    return holding(process.execPath, [script, JSON.stringify(wanted), JSON.stringify(options)]);
  }

  it("keep a second writer and readers of tables out, and go when the process is killed", async () => {
    // Raw, because its size is what the process prints.
    const filename = image("raw");
    const child = await ourHolding(spec("raw", filename), writable);
    expect((await failureOf(openGraph(spec("raw", filename), writable))).code).toBe("EBUSY");
    await expect(ourHolding(spec("raw", filename), writable)).rejects.toThrow("is in use");
    // A reader that wants no writers, as formats with tables do.
    const reader = await openForTest({ driver: "file", filename });
    expect((await failureOf(reader.root.excludeWriters?.() ?? Promise.resolve())).code).toBe("EBUSY");
    await reader.close();
    await ended(child, () => child.kill("SIGKILL"));
    await openForTest(spec("raw", filename), writable);
  });

  it("are released when the image is closed", async () => {
    const filename = image("raw");
    const child = await ourHolding(spec("raw", filename), writable);
    await ended(child, () => child.stdin?.end());
    await openForTest(spec("raw", filename), writable);
  });
});

describe.skipIf(lacking)("an image in use, on the command line", () => {
  let cli: Cli;
  beforeAll(async () => {
    cli = await Cli.build();
  });
  afterAll(() => cli.remove());

  it("is told in our words, and in the peer's when we stand in for it", async () => {
    const filename = image("qed");
    await peerHolding("-f", "qed", filename);
    for (const command of [["info"], ["map"], ["compare", filename]]) {
      const [name = "", ...operands] = command;
      const ours = cli.run([name, ...operands, filename]);
      expect(ours.stdout).toBe("");
      expect(ours.stderr).toBe(
        `blkscope: Could not open '${filename}': '${filename}' is in use: another program has it open for writing\n` +
          "Close it in the other program, then try again. To look at it as it is now, use --force-share (-U).\n",
      );
      const inPlace = cli.run([name, ...operands, filename], { BLKSCOPE_AS: "qemu-img" });
      expect(inPlace).toEqual(cli.qemuImg(name, ...operands, filename));
      expect(inPlace.code).not.toBe(0);
      expect(cli.run([name, "-U", ...operands, filename]).code).toBe(0);
    }
    expect(cli.run(["compare", "--all", filename, filename]).stderr).toContain("is in use");
    expect(cli.run(["compare", "--all", "-U", filename, filename]).code).toBe(0);
  });
});

describe.skipIf(lacking)("the app", () => {
  it("takes no lock on an image it shows or compares, so that a virtual machine can start on it", async () => {
    const filename = image("qed");
    const session = new Session();
    onTestFinished(() => session.close());
    await session.calls.open({ spec: filename, trustBacking: false });
    expect(lockedBytes(filename)).toEqual([]);
    await peerHolding("-f", "qed", filename);
    await session.calls.open({ spec: filename, trustBacking: false });
    const handlers = { progress: () => undefined, items: () => undefined };
    const { signal } = new AbortController();
    const compared = await runJob("compare", { a: filename, b: filename }, handlers, { signal });
    expect(compared.identical).toBe(true);
  });
});

describe("locks within one graph or process", () => {
  it("let one file be read twice", async () => {
    const filename = path.join(tempDir(), "disk.raw");
    fs.writeFileSync(filename, new Uint8Array(4096));
    await openForTest(spec("raw", filename, { locking: "auto" }));
    await openForTest(spec("raw", filename));
  });

  it.skipIf(lacking)("keep a backing file from being written, unless the graph shares it", async () => {
    const base = image("qed");
    const overlay = path.join(path.dirname(base), "overlay.qed");
    run("qemu-img", "create", "-q", "-f", "qed", "-b", base, "-F", "qed", overlay);
    const graph = await openGraph(spec("qed", overlay));
    expect((await failureOf(openGraph(spec("raw", base), writable))).code).toBe("EBUSY");
    await graph.close();
    await openForTest(spec("qed", overlay), { shareBacking: true });
    expect(lockedBytes(overlay)).toEqual([100, 201, 203]);
    await openForTest(spec("raw", base), writable);
  });

  it.skipIf(process.platform !== "linux")("do not let it be written twice", async () => {
    const filename = path.join(tempDir(), "disk.raw");
    fs.writeFileSync(filename, new Uint8Array(4096));
    await openForTest(spec("raw", filename), writable);
    expect((await failureOf(openGraph(spec("raw", filename), writable))).code).toBe("EBUSY");
  });
});
