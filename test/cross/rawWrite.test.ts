// Raw images and files written by us and by the peer: the same requests leave the same bytes, sizes and space, and
// what is refused is refused in the same words.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { ImageSpec } from "../../core/block/driver.ts";
import type { BlockNode, Preallocation } from "../../core/block/node.ts";
import { rawCreation } from "../../core/format/rawCreate.ts";
import { openGraph } from "../../core/graph.ts";
import { createFile } from "../../core/protocol/fileCreate.ts";
import { failureOf, filled, firstDifference, openForTest } from "../build/open.ts";
import { lacksPeer, qemuIo, run } from "../build/peers.ts";
import { seeded } from "../build/random.ts";
import { tempDir, tempFile } from "../build/temp.ts";

const lacking = lacksPeer("qemu-img", "qemu-io");
const writable = { readOnly: false };
const linux = process.platform === "linux";

function space(filename: string): { size: number; taken: number } {
  const fd = fs.openSync(filename, "r");
  fs.fsyncSync(fd);
  fs.closeSync(fd);
  const { size, blocks } = fs.statSync(filename);
  return { size, taken: blocks * 512 };
}

/** What qemu-io says of an image it cannot open, without its name in front. */
function peerRefusal(...args: readonly string[]): string {
  const { stdout, stderr } = spawnSync("qemu-io", [...args, "-c", "quit"], {
    encoding: "utf8",
    timeout: 60_000,
  });
  return `${stdout}${stderr}`.replace(/^qemu-io: can't open(?: device [^:]*)?: /, "").trimEnd();
}

async function ourRefusal(spec: ImageSpec, readOnly = true): Promise<string> {
  const { message, context } = await failureOf(openGraph(spec, { readOnly }));
  return context.peer?.message ?? message;
}

describe.skipIf(lacking)("requests to a raw image", () => {
  it("leave the same bytes and the same holes as the peer's", () =>
    seeded(async (random) => {
      const size = 300 * 4096;
      const ours = tempFile("ours.raw", new Uint8Array(size).fill(1));
      const theirs = tempFile("theirs.raw", new Uint8Array(size).fill(1));
      const offset = random.pick([0, 512, 4096]);
      const graph = await openForTest(
        { driver: "raw", offset, file: { driver: "file", filename: ours } },
        writable,
      );
      const node = graph.root;
      const commands: string[] = [];
      for (let index = 0; index < 120; index++) {
        const unit = random.pick([1, 512, 4096]);
        const at = random.below(Math.floor(node.size / unit)) * unit;
        const length = Math.min(node.size - at, (1 + random.below(20)) * unit);
        const kind = random.pick(["write", "zero", "unmap", "discard"] as const);
        if (kind === "write") await node.write(at, filled(length, index));
        else if (kind === "discard") await node.discard(at, length);
        else await node.writeZeroes(at, length, { mayUnmap: kind === "unmap" });
        const command = {
          write: `write -P ${index}`,
          zero: "write -z",
          unmap: "write -z -u",
          discard: "discard",
        };
        commands.push(`${command[kind]} ${at} ${length}`);
      }
      await graph.close();
      const spec = `driver=raw,offset=${offset},file.driver=file,file.filename=${theirs}`;
      run("qemu-io", "-d", "unmap", "--image-opts", ...commands.flatMap((text) => ["-c", text]), spec);
      expect(firstDifference(fs.readFileSync(ours), fs.readFileSync(theirs))).toBeUndefined();
      const map = (filename: string) => run("qemu-img", "map", "-f", "raw", "--output", "json", filename);
      expect(map(ours)).toBe(map(theirs));
    }));

  it("in its last, partial sector make the file longer, as far as the sector goes", async () => {
    const [ours, theirs] = ["ours.raw", "theirs.raw"].map((name) => tempFile(name, filled(700, 1)));
    if (ours === undefined || theirs === undefined) return expect.unreachable();
    const graph = await openForTest({ driver: "raw", file: { driver: "file", filename: ours } }, writable);
    await graph.root.write(690, filled(50, 2));
    await graph.root.writeZeroes(1000, 8);
    expect((await failureOf(graph.root.write(1000, filled(25, 3)))).code).toBe("EINVAL");
    await graph.close();
    qemuIo(theirs, "raw", "write -P 2 690 50", "write -z 1000 8");
    expect(fs.readFileSync(ours)).toEqual(fs.readFileSync(theirs));
    expect(fs.statSync(ours).size).toBe(1008);
  });

  it("that would change a guessed format are refused, and the peer refuses them too", async () => {
    const header = tempFile("header.qed", new Uint8Array(0));
    run("qemu-img", "create", "-q", "-f", "qed", header, "1M");
    const head = fs.readFileSync(header).subarray(0, 512);
    const filename = tempFile("guest.raw", new Uint8Array(4096));
    const peer = spawnSync("qemu-io", ["-c", `write -s ${header} 0 512`, filename], { encoding: "utf8" });
    expect(peer.stdout).toContain("write failed: Operation not permitted");
    const guessed = await openGraph(filename, writable);
    expect(guessed.root.driver).toBe("raw");
    const refused = { code: "EPERM", message: expect.stringContaining("qed") };
    expect(await failureOf(guessed.root.write(0, head))).toMatchObject(refused);
    // In two parts: the magic is whole only with the second.
    await guessed.root.write(1, head.subarray(1));
    expect(await failureOf(guessed.root.write(0, head.subarray(0, 1)))).toMatchObject(refused);
    await guessed.root.write(512, head);
    await guessed.close();
    const given = await openForTest({ driver: "raw", file: { driver: "file", filename } }, writable);
    await given.root.write(0, head);
  });
});

describe.skipIf(lacking)("new and resized raw images", () => {
  const sizes = [0, 700, 4096, 1_000_000];

  it.skipIf(!linux).each(["off", "falloc", "full"] as const)(
    "have the peer's size and take its space: preallocation %s",
    async (preallocation) => {
      const folder = tempDir();
      for (const size of sizes) {
        const [ours, theirs] = [path.join(folder, `o${size}`), path.join(folder, `t${size}`)];
        const option = `preallocation=${preallocation}`;
        run("qemu-img", "create", "-q", "-f", "raw", "-o", option, theirs, String(size));
        createFile(ours);
        const graph = await openForTest({ driver: "file", filename: ours }, writable);
        await rawCreation.create(graph.root, { size, options: { preallocation } });
        await graph.close();
        expect(space(ours), `${size} bytes`).toEqual(space(theirs));
      }
    },
  );

  it.skipIf(!linux).each<[number, number, Preallocation]>([
    [4096, 1 << 20, "off"],
    [4096, 1 << 20, "falloc"],
    [4096, 1 << 20, "full"],
    [1 << 20, 4096, "off"],
    [0, 1 << 20, "off"],
  ])("from %i to %i bytes are as the peer's: preallocation %s", async (from, to, preallocation) => {
    const [ours, theirs] = ["ours.raw", "theirs.raw"].map((name) => tempFile(name, filled(from, 5)));
    if (ours === undefined || theirs === undefined) return expect.unreachable();
    const graph = await openForTest({ driver: "raw", file: { driver: "file", filename: ours } }, writable);
    await graph.root.resize(to, { preallocation });
    expect(graph.root.size).toBe(to);
    await graph.close();
    qemuIo(theirs, "raw", `truncate -m ${preallocation} ${to}`);
    expect(space(ours)).toEqual(space(theirs));
    expect(firstDifference(fs.readFileSync(ours), fs.readFileSync(theirs))).toBeUndefined();
  });

  it("of a fixed window can't be resized; of an open one the offset is kept", async () => {
    const filename = tempFile("a.raw", filled(8192, 5));
    const file = { driver: "file", filename };
    const fixed = await openGraph({ driver: "raw", offset: 512, size: 1024, file }, writable);
    const error = await failureOf(fixed.root.resize(2048));
    await fixed.close();
    const spec = `driver=raw,offset=512,size=1024,file.driver=file,file.filename=${filename}`;
    const peer = spawnSync("qemu-io", ["--image-opts", "-c", "truncate 2048", spec], { encoding: "utf8" });
    expect(peer.stderr).toBe(`qemu-io: ${error.message}\n`);
    const open = await openForTest({ driver: "raw", offset: 512, file }, writable);
    await open.root.resize(1024);
    expect(fs.statSync(filename).size).toBe(1536);
  });
});

describe.skipIf(lacking)("files of another kind than the driver's", () => {
  it.each(["file", "host_device", "host_cdrom"])("are refused by %s in the peer's words", async (driver) => {
    const folder = tempDir();
    const regular = tempFile("a.raw", filled(512, 1));
    for (const filename of [folder, regular, "/dev/null", path.join(folder, "gone")]) {
      const wrong = driver === "file" ? filename !== regular : filename !== "/dev/null";
      if (!wrong) continue;
      const spec = `driver=${driver},filename=${filename}`;
      expect(await ourRefusal({ driver, filename })).toBe(peerRefusal("-r", "--image-opts", spec));
      expect(await ourRefusal({ driver, filename }, false)).toBe(peerRefusal("--image-opts", spec));
    }
  });

  it("say in words of ours what they are and which driver opens them", async () => {
    const regular = tempFile("a.raw", filled(512, 1));
    expect(await failureOf(openGraph({ driver: "host_device", filename: regular }))).toMatchObject({
      code: "EINVAL",
      message: `Could not open '${regular}': it is a regular file`,
      context: { hint: "Open it with the driver 'file'." },
    });
    expect(await failureOf(openGraph({ driver: "file", filename: "/dev/null" }))).toMatchObject({
      message: "Could not open '/dev/null': it is a character device",
      context: { hint: "Open it with the driver 'host_device'." },
    });
  });

  it("are opened when they are asked for: a character device is an empty disk, as the peer has it", async () => {
    for (const filename of ["/dev/null", "/dev/zero"]) {
      const { root } = await openForTest({ driver: "host_device", filename });
      expect(qemuIo(filename, "raw", "length").trim()).toBe(`${root.size} bytes`);
      expect((await failureOf(openGraph(filename))).message).toContain("it is a character device");
    }
  });
});

describe.skipIf(lacking)("a block device", () => {
  function loopDevice(): string | undefined {
    const filename = tempFile("disk.raw", filled(1 << 20, 7));
    const attached = spawnSync("losetup", ["--find", "--show", filename], { encoding: "utf8" });
    if (attached.status !== 0) {
      console.warn("SKIPPED: no loop device can be made here (it needs root and losetup)");
      return undefined;
    }
    const device = attached.stdout.trim();
    onTestFinished(() => void spawnSync("losetup", ["--detach", device]));
    return device;
  }

  async function bytesOf(node: BlockNode): Promise<Uint8Array> {
    const bytes = new Uint8Array(node.size);
    await node.read(0, bytes);
    return bytes;
  }

  it("is written, zeroed and discarded, keeps its size, and is what the peer then reads", async (context) => {
    const device = loopDevice();
    if (device === undefined) return context.skip();
    const graph = await openGraph(device, { ...writable, format: "raw" });
    expect(graph.root.children[0]?.node.driver).toBe("host_device");
    await graph.root.write(4096, filled(4096, 9));
    await graph.root.writeZeroes(65536, 65536, { mayUnmap: true });
    await graph.root.writeZeroes(200_704, 4096);
    await graph.root.writeZeroes(300_000, 1000);
    await graph.root.discard(524_288, 65536);
    expect(await failureOf(graph.root.resize(2 << 20))).toMatchObject({
      code: "EINVAL",
      message: "Cannot grow device files",
    });
    await graph.root.resize(4096);
    expect(graph.root.size).toBe(1 << 20);
    const expected = filled(1 << 20, 7)
      .fill(9, 4096, 8192)
      .fill(0, 65536, 131072)
      .fill(0, 200_704, 204_800)
      .fill(0, 300_000, 301_000)
      // A discarded range of a loop device is a hole of its file.
      .fill(0, 524_288, 589_824);
    expect(firstDifference(await bytesOf(graph.root), expected)).toBeUndefined();
    await graph.close();
    const read = [
      "read -P 9 4096 4096",
      "read -P 0 65536 65536",
      "read -P 0 300000 1000",
      "read -P 7 301000 1000",
    ];
    expect(qemuIo(device, "raw", ...read)).not.toContain("failed");
    expect(createFile(device)).toEqual({ driver: "host_device", isNew: false });
  });
});
