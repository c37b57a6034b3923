import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as net from "node:net";
import * as path from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { failureOf, openForTest, openPath, readAll, readRange } from "../../build/open.ts";
import { randomFrom } from "../../build/random.ts";
import { tempDir, tempFile } from "../../build/temp.ts";

const bytes = randomFrom(1).bytes(10_000);

function fileSpec(filename: string) {
  return { driver: "file", filename };
}

describe("a file", () => {
  it("reads back every byte at odd offsets and lengths", async () => {
    const { root } = await openForTest(fileSpec(tempFile("a.raw", bytes)));
    expect(root.size).toBe(10_000);
    expect(await readRange(root, 513, 4099)).toEqual(bytes.subarray(513, 4612));
    expect(await readRange(root, 9_999, 1)).toEqual(bytes.subarray(9_999));
  });

  it("is opened read-only and left untouched", async () => {
    const filename = tempFile("a.raw", bytes);
    const { root } = await openForTest(fileSpec(filename));
    expect(root.readOnly).toBe(true);
    expect((await failureOf(root.write(0, Uint8Array.of(1)))).code).toBe("EROFS");
    expect(fs.readFileSync(filename)).toEqual(Buffer.from(bytes));
  });

  it.each(["with space", 'it\'s "quoted"', "two\nlines", "näïve-日本-🦆", "a:b", "json:{}", "-f", "%s$HOME"])(
    "may be named %j",
    async (name) => {
      const node = await openPath(tempFile(name, bytes));
      expect(await readAll(node)).toEqual(bytes);
    },
  );

  it("says where it lies and what it takes on disk", async () => {
    const filename = tempFile("a.raw", bytes);
    const { root } = await openForTest(fileSpec(filename));
    expect(root.info).toEqual({ path: filename, actualSize: fs.statSync(filename).blocks * 512 });
  });

  it("is found relative to the working directory", async () => {
    const filename = tempFile("a.raw", bytes);
    const { root } = await openForTest(fileSpec(path.relative(process.cwd(), filename)));
    expect(root.info.path).toBe(filename);
  });
});

describe("what cannot be opened", () => {
  it("says that a file is missing, and what to do", async () => {
    const filename = path.join(tempDir(), "gone.raw");
    expect(await failureOf(openPath(filename))).toMatchObject({
      code: "ENOENT",
      message: `Could not open '${filename}': No such file or directory`,
      context: { path: filename, hint: expect.stringContaining("moved or deleted") },
    });
  });

  it("says that part of the path is a file", async () => {
    const error = await failureOf(openPath(`${tempFile("a.raw", bytes)}/b`));
    expect(error).toMatchObject({ code: "ENOENT", message: expect.stringContaining("Not a directory") });
  });

  it("refuses a directory", async () => {
    const folder = tempDir();
    expect(await failureOf(openPath(folder))).toMatchObject({
      code: "EINVAL",
      message: `Could not open '${folder}': it is a directory`,
    });
  });

  it("refuses a FIFO without waiting for its writer", async () => {
    const filename = path.join(tempDir(), "fifo");
    execFileSync("mkfifo", [filename]);
    expect((await failureOf(openPath(filename))).message).toContain("it is a FIFO");
  });

  it("refuses a socket", async () => {
    const filename = path.join(tempDir(), "socket");
    const server = net.createServer();
    onTestFinished(() => void server.close());
    await new Promise<void>((listening) => server.listen(filename, listening));
    expect((await failureOf(openPath(filename))).message).toContain("it is a socket");
  });

  it("refuses a character device", async () => {
    expect((await failureOf(openPath("/dev/zero"))).message).toContain("it is a character device");
  });

  it("says that a link leads to itself", async () => {
    const filename = path.join(tempDir(), "loop");
    fs.symlinkSync("loop", filename);
    expect((await failureOf(openPath(filename))).message).toContain("symbolic links");
  });

  it("says that a name is too long, empty, or has a NUL byte", async () => {
    expect((await failureOf(openPath(`/tmp/${"x".repeat(300)}`))).message).toContain("File name too long");
    expect((await failureOf(openForTest(fileSpec("")))).code).toBe("EINVAL");
    expect((await failureOf(openPath("a\0b"))).message).toContain("NUL");
  });

  it("says that the right to read it is missing", async () => {
    const filename = tempFile("secret.raw", bytes);
    fs.chmodSync(path.dirname(filename), 0o755);
    fs.chmodSync(filename, 0o000);
    // Root may read everything: for the moment of opening the process is nobody.
    const root = process.geteuid?.() === 0;
    if (root) process.seteuid?.(65534);
    const error = await failureOf(openPath(filename)).finally(() => root && process.seteuid?.(0));
    expect(error).toMatchObject({
      code: "EACCES",
      message: `Could not open '${filename}': Permission denied`,
      context: { hint: expect.stringContaining("right to read") },
    });
  });
});

describe("a file that changes while it is open", () => {
  it("gives an error for the range it has lost, and reads on before it", async () => {
    const filename = tempFile("a.raw", bytes);
    const node = await openPath(filename);
    fs.truncateSync(filename, 5_000);
    expect(await readRange(node, 0, 5_000)).toEqual(bytes.subarray(0, 5_000));
    const error = await failureOf(readRange(node, 4_000, 2_000));
    expect(error).toMatchObject({ code: "EIO", context: { path: filename, offset: 4_000, length: 2_000 } });
    expect(error.message).toContain("ends at 5000 now, not at 10000: it shrank");
    // Wherever it is read behind its new end, that end is what is told.
    const behind = await failureOf(readRange(node, 9_000, 10));
    expect(behind).toMatchObject({ code: "EIO", message: error.message });
  });

  it("can still be read after it was deleted", async () => {
    const filename = tempFile("a.raw", bytes);
    const node = await openPath(filename);
    fs.unlinkSync(filename);
    expect(await readAll(node)).toEqual(bytes);
  });

  it("keeps the size it was opened with when it grows", async () => {
    const filename = tempFile("a.raw", bytes);
    const node = await openPath(filename);
    fs.appendFileSync(filename, "more");
    expect(node.size).toBe(10_000);
    expect(await readAll(node)).toEqual(bytes);
  });
});

describe("a writable file", () => {
  const writable = { readOnly: false };

  it("takes writes, zeroes past a block of them, growth and truncation", async () => {
    const filename = tempFile("a.raw", bytes);
    const { root } = await openForTest(fileSpec(filename), writable);
    await root.write(100, Uint8Array.of(1, 2, 3), { fua: true });
    // More than one block of zeroes, 1 MiB, and past the end: the file grows.
    await root.writeZeroes(9_000, 1_100_000);
    expect(root.size).toBe(1_109_000);
    const expected = new Uint8Array(1_109_000);
    expected.set(bytes.subarray(0, 9_000));
    expected.set([1, 2, 3], 100);
    expect(Buffer.compare(fs.readFileSync(filename), expected)).toBe(0);
    await root.resize(50);
    await root.flush();
    expect(root.size).toBe(50);
    expect(fs.readFileSync(filename)).toEqual(Buffer.from(bytes.subarray(0, 50)));
  });

  it("knows data that another program wrote into a hole, when it is asked again", async () => {
    const filename = tempFile("sparse.raw", new Uint8Array(0));
    fs.truncateSync(filename, 1 << 20);
    const { root } = await openForTest(fileSpec(filename));
    expect(await root.extentAt(0, 1 << 20)).toMatchObject({ state: "zero", length: 1 << 20 });
    const other = fs.openSync(filename, "r+");
    onTestFinished(() => fs.closeSync(other));
    fs.writeSync(other, Buffer.alloc(4096, 7), 0, 4096, 65_536);
    expect(await root.extentAt(0, 1 << 20)).toMatchObject({ state: "zero", length: 65_536 });
    expect(await root.extentAt(65_536, 1 << 19)).toMatchObject({ state: "data" });
  });

  it("knows its new data after a write into a hole", async () => {
    const filename = tempFile("a.raw", new Uint8Array(0));
    fs.truncateSync(filename, 1 << 20);
    const { root } = await openForTest(fileSpec(filename), writable);
    expect(await root.extentAt(0, 1 << 20)).toMatchObject({ state: "zero" });
    await root.write(0, bytes);
    expect(await root.extentAt(0, 1 << 20)).toMatchObject({ state: "data" });
  });

  it("says when the file may not be written", async () => {
    const filename = tempFile("a.raw", bytes);
    fs.chmodSync(path.dirname(filename), 0o755);
    fs.chmodSync(filename, 0o444);
    const root = process.geteuid?.() === 0;
    if (root) process.seteuid?.(65534);
    const error = await failureOf(openForTest(fileSpec(filename), writable)).finally(
      () => root && process.seteuid?.(0),
    );
    expect(error.code).toBe("EACCES");
  });
});

describe("a block device", () => {
  it("has the size of its medium and is read like a file", async (context) => {
    const filename = tempFile("disk.raw", randomFrom(2).bytes(256 * 1024));
    const attached = spawnSync("losetup", ["--find", "--show", "--read-only", filename], {
      encoding: "utf8",
    });
    if (attached.status !== 0) {
      console.warn("SKIPPED: no loop device can be made here (it needs root and losetup)");
      return context.skip();
    }
    const device = attached.stdout.trim();
    onTestFinished(() => void spawnSync("losetup", ["--detach", device]));
    const node = await openPath(device);
    expect(node.size).toBe(256 * 1024);
    expect(Buffer.compare(await readAll(node), fs.readFileSync(filename))).toBe(0);
    const file = node.children[0]?.node;
    expect(await file?.extentAt(0, 1024)).toMatchObject({ state: "data", length: 1024 });
  });
});
