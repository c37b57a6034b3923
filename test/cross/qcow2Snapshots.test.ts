// Snapshots inside qcow2 images, made, applied and deleted by this program and by the stock one in turn: what each holds is
// compared with a model, and the stock check has to find nothing. The commands print what the stock program prints.
import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { BlockError } from "../../core/base/errors.ts";
import type { BlockNode } from "../../core/block/node.ts";
import { failureOf, firstDifference, openForTest, openPath, readAll } from "../build/open.ts";
import { createLuks, lacksPeer, qemuIo, run } from "../build/peers.ts";
import { type Random, seeded } from "../build/random.ts";
import { tempDir } from "../build/temp.ts";
import { Twins, words } from "../build/twins.ts";
import { Cli, describeWithQemu } from "../core/cli/support.ts";

interface Kept {
  readonly name: string;
  readonly content: Uint8Array;
}

interface History {
  readonly filename: string;
  readonly options: string;
  /** The stock program leaves leaks behind when a refcount gets too high. */
  readonly isNarrow: boolean;
  readonly hasBitmaps: boolean;
  disk: Uint8Array;
  /** By id. */
  snapshots: Map<string, Kept>;
  names: number;
}

/** The file below is closed by the graph at the end of the test only; the peer wants its locks now. */
async function closeAll(node: BlockNode): Promise<void> {
  await node.close();
  for (const child of node.children) await child.node.close();
}

function makeImage(random: Random, wanted: string): History {
  const folder = tempDir();
  const filename = path.join(folder, "a.qcow2");
  const clusterSize = Number(/cluster_size=(\d+)/.exec(wanted)?.[1] ?? 65536);
  const disk = new Uint8Array(512 * (1 + random.below(clusterSize >= 65536 ? 12_000 : 3000)));
  const start = random.below(disk.length);
  disk.set(random.bytes(Math.min(disk.length - start, 100_000)), start);
  disk.fill(7, start, Math.min(disk.length, start + 60_000));
  const raw = path.join(folder, "source.raw");
  fs.writeFileSync(raw, disk);
  const how = random.below(2) === 0 ? ["-c"] : [];
  run("qemu-img", "convert", ...how, "-f", "raw", "-O", "qcow2", "-o", wanted, raw, filename);
  const hasBitmaps = !wanted.includes("0.10") && random.below(4) === 0;
  if (hasBitmaps) run("qemu-img", "bitmap", "--add", "-f", "qcow2", filename, "b0");
  const isNarrow = /refcount_bits=[248]/.test(wanted);
  return { filename, options: wanted, isNarrow, hasBitmaps, disk, snapshots: new Map(), names: 0 };
}

/** Writes to the model and gives what to write. */
function someBytes(random: Random, made: History): { offset: number; bytes: Uint8Array } {
  const offset = 512 * random.below(made.disk.length / 512);
  const longest = random.pick([512, 8192, 200_000]);
  const length = Math.min(made.disk.length - offset, 512 * (1 + random.below(longest / 512)));
  const bytes = new Uint8Array(length).fill(1 + random.below(255));
  made.disk = made.disk.slice();
  made.disk.set(bytes, offset);
  return { offset, bytes };
}

async function writeOwn(random: Random, made: History, node: BlockNode): Promise<void> {
  const { offset, bytes } = someBytes(random, made);
  if (random.below(3) > 0) return node.write(offset, bytes);
  made.disk.fill(0, offset, offset + bytes.length);
  await node.writeZeroes(offset, bytes.length, { mayUnmap: random.below(2) === 0 });
}

function writePeer(random: Random, made: History): void {
  const commands = [0, 1, 2].map(() => {
    const { offset, bytes } = someBytes(random, made);
    if (random.below(3) > 0) return `write -P ${bytes[0]} ${offset} ${bytes.length}`;
    made.disk.fill(0, offset, offset + bytes.length);
    return `write -z -u ${offset} ${bytes.length}`;
  });
  qemuIo(made.filename, "qcow2", ...commands);
}

function created(made: History): void {
  const highest = Math.max(0, ...[...made.snapshots.keys()].map(Number));
  const kept = { name: `s${made.names++}`, content: made.disk };
  made.snapshots = new Map([...made.snapshots, [String(highest + 1), kept]]);
}

type Change = readonly [kind: "create" | "apply" | "delete", id: string, kept: Kept | undefined];

function someChange(random: Random, made: History): Change {
  const id = random.pick([...made.snapshots.keys(), "0"]);
  const kept = made.snapshots.get(id);
  const kind = random.pick(["create", "create", "apply", "delete"] as const);
  const isPossible = kind !== "create" && kept !== undefined && !(kind === "apply" && made.hasBitmaps);
  return isPossible ? [kind, id, kept] : ["create", "", undefined];
}

function changed(made: History, [kind, id, kept]: Change): void {
  if (kind === "create") created(made);
  else if (kind === "delete") made.snapshots.delete(id);
  else if (kept !== undefined) made.disk = kept.content;
}

/** In one session, with writes between. */
async function playOwn(random: Random, made: History): Promise<void> {
  const node = await openPath(made.filename, { readOnly: false });
  for (let i = 0; i < 4; i++) {
    await writeOwn(random, made, node);
    const change = someChange(random, made);
    const [kind, id, kept] = change;
    const wanted = kind === "create" ? `s${made.names}` : random.pick([id, kept?.name ?? id]);
    try {
      await node.snapshots?.[kind](wanted);
    } catch (error) {
      if (!(made.isNarrow && error instanceof BlockError && error.code === "EINVAL")) throw error;
      continue;
    }
    changed(made, change);
    expect(node.size).toBe(made.disk.length);
  }
  await closeAll(node);
}

function playPeer(random: Random, made: History): void {
  writePeer(random, made);
  if (made.isNarrow) return;
  const change = someChange(random, made);
  const [kind, , kept] = change;
  const option = { create: "-c", apply: "-a", delete: "-d" }[kind];
  run("qemu-img", "snapshot", option, kept?.name ?? `s${made.names}`, made.filename);
  changed(made, change);
}

async function resizeDisk(random: Random, made: History): Promise<void> {
  if (made.options.includes("0.10") || made.hasBitmaps) return;
  const size = 512 * (1 + random.below(6000));
  if (random.below(2) === 0) {
    run("qemu-img", "resize", "-q", "--shrink", "-f", "qcow2", made.filename, String(size));
  } else {
    const node = await openPath(made.filename, { readOnly: false });
    await node.resize(size);
    await closeAll(node);
  }
  const disk = new Uint8Array(size);
  disk.set(made.disk.subarray(0, size));
  made.disk = disk;
}

function expectClean({ filename, options }: History, step: number): void {
  const { status, stdout } = spawnSync("qemu-img", ["check", "-f", "qcow2", filename], { encoding: "utf8" });
  expect({ options, step, status, stdout }).toMatchObject({ status: 0 });
}

async function expectModel(made: History): Promise<void> {
  const { filename, disk, snapshots, options } = made;
  const node = await openPath(filename);
  expect(firstDifference(await readAll(node), disk), options).toBeUndefined();
  const listed = (node.info.snapshots ?? []).map(({ id, name, diskSize }) => ({ id, name, diskSize }));
  expect(listed).toEqual(
    [...snapshots].map(([id, { name, content }]) => ({ id, name, diskSize: content.length })),
  );
  for (const [id, { content }] of snapshots) {
    const file = { driver: "file", filename };
    const { root } = await openForTest({ driver: "qcow2", file, snapshot: id });
    expect(firstDifference(await readAll(root), content), `${options}: snapshot ${id}`).toBeUndefined();
    const raw = `${filename}.raw`;
    run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", "-l", `snapshot.id=${id}`, filename, raw);
    expect(firstDifference(fs.readFileSync(raw), content), `${options}: the peer's ${id}`).toBeUndefined();
  }
}

const kinds = [
  "cluster_size=512,refcount_bits=8",
  "cluster_size=4096,refcount_bits=64",
  "compat=0.10,cluster_size=1024",
  "cluster_size=65536,lazy_refcounts=on",
  "cluster_size=65536,extended_l2=on",
  "cluster_size=16384,extended_l2=on,refcount_bits=32",
  "cluster_size=2097152",
  "cluster_size=65536,compression_type=zstd",
  "cluster_size=4096,refcount_bits=2",
  "cluster_size=512,refcount_bits=4",
];

describe.skipIf(lacksPeer("qemu-img", "qemu-io"))("snapshots by both programs in turn", () => {
  test.each(kinds)("hold what the disk held then, and tables are right: %s", (options) =>
    seeded(async (random) => {
      const made = makeImage(random, options);
      for (let step = 0; step < 8; step++) {
        const way = random.below(7);
        if (way < 3) await playOwn(random, made);
        else if (way < 6) playPeer(random, made);
        else await resizeDisk(random, made);
        expectClean(made, step);
      }
      await expectModel(made);
    }),
  );
});

describe.skipIf(lacksPeer("qemu-img", "qemu-io"))("a snapshot", () => {
  const newImage = (...options: string[]) => {
    const filename = path.join(tempDir(), "a.qcow2");
    run("qemu-img", "create", "-q", "-f", "qcow2", ...options, filename, "4M");
    return filename;
  };

  test("of an image whose counts have 1 bit is refused, and nothing is left of it", async () => {
    const filename = newImage("-o", "refcount_bits=1");
    qemuIo(filename, "qcow2", "write -P 1 0 1M");
    const before = run("qemu-img", "check", filename);
    const node = await openPath(filename, { readOnly: false });
    const error = await failureOf(node.snapshots?.create("one") ?? Promise.resolve());
    expect(error).toMatchObject({ code: "EINVAL" });
    expect(error.message).toMatch(/counts of 1 bits can't be 2/);
    await closeAll(node);
    // The same end of the image: no cluster leaked.
    expect(run("qemu-img", "check", filename)).toBe(before);
  });

  test("keeps a machine's state behind the disk", async () => {
    const filename = newImage();
    qemuIo(filename, "qcow2", "write -P 1 0 64k", "write -b -P 5 0 128k");
    const node = await openPath(filename, { readOnly: false });
    await node.snapshots?.create("with");
    await closeAll(node);
    qemuIo(filename, "qcow2", "write -b -P 6 0 128k");
    run("qemu-img", "check", filename);
    const again = await openPath(filename, { readOnly: false });
    await again.snapshots?.apply("with");
    await closeAll(again);
    run("qemu-img", "check", filename);
    expect(qemuIo(filename, "qcow2", "read -b -P 5 0 128k", "read -P 1 0 64k")).not.toMatch(/failed/);
  });

  test("is dated now, and has the size of the disk", async () => {
    const filename = newImage();
    const node = await openPath(filename, { readOnly: false });
    const from = Date.now();
    await node.snapshots?.create("ünïcode 名前");
    const to = Date.now();
    const [one] = node.info.snapshots ?? [];
    const at = (one?.dateSeconds ?? 0) * 1000 + (one?.dateNanoseconds ?? 0) / 1e6;
    expect(at).toBeGreaterThanOrEqual(from);
    expect(at).toBeLessThanOrEqual(to);
    expect(one).toMatchObject({ id: "1", name: "ünïcode 名前", vmStateSize: 0, diskSize: 4 * 1024 * 1024 });
    await closeAll(node);
    const info = JSON.parse(run("qemu-img", "info", "--output=json", filename));
    expect(info.snapshots).toMatchObject([
      { id: "1", name: "ünïcode 名前", "date-sec": one?.dateSeconds, "date-nsec": one?.dateNanoseconds },
    ]);
  });

  test("keeps what is unknown in the entries of others", async () => {
    const filename = newImage();
    run("qemu-img", "snapshot", "-c", "old", filename);
    // 24 bytes of extra data become 40; id and name move behind them (qcow2.md, "Snapshots").
    const bytes = Buffer.concat([fs.readFileSync(filename), new Uint8Array(65536)]);
    const at = Number(bytes.readBigUInt64BE(64));
    const names = bytes.subarray(at + 64, at + 68);
    bytes.set(Buffer.from(names), at + 80);
    bytes.fill(0xab, at + 64, at + 80);
    bytes.writeUInt32BE(40, at + 36);
    fs.writeFileSync(filename, bytes);
    const node = await openPath(filename, { readOnly: false });
    await node.snapshots?.create("new");
    await closeAll(node);
    run("qemu-img", "check", filename);
    const now = fs.readFileSync(filename);
    const to = Number(now.readBigUInt64BE(64));
    expect(now.readUInt32BE(60)).toBe(2);
    expect(to).not.toBe(at);
    // 40 fixed bytes, 40 of extra data, "1old", and padding to a multiple of 8.
    expect(now.subarray(to, to + 88).equals(bytes.subarray(at, at + 88))).toBe(true);
  });

  test("with a name that is too long, or past the highest number there may be, is refused", async () => {
    const filename = newImage();
    const node = await openPath(filename, { readOnly: false });
    const tooLong = await failureOf(node.snapshots?.create("x".repeat(256)) ?? Promise.resolve());
    expect(tooLong).toMatchObject({ code: "EINVAL" });
    await closeAll(node);
    run("qemu-img", "check", filename);
    // A table of 65536 empty entries, which is read as such (qcow2.md, section 2: limits).
    const bytes = fs.readFileSync(filename);
    bytes.writeUInt32BE(65536, 60);
    bytes.writeBigUInt64BE(0x1000000n, 64);
    fs.writeFileSync(filename, bytes);
    const full = await openPath(filename, { readOnly: false });
    const error = await failureOf(full.snapshots?.create("one") ?? Promise.resolve());
    expect(error).toMatchObject({ code: "EFBIG" });
    await closeAll(full);
  });

  test("can't be made of clusters whose count is 0, or applied where bitmaps are", async () => {
    const filename = newImage();
    qemuIo(filename, "qcow2", "write -P 1 0 64k");
    const bytes = fs.readFileSync(filename);
    // The data cluster is the 6th: its count of 16 bits in the only block, the third cluster.
    bytes.writeUInt16BE(0, 2 * 65536 + 5 * 2);
    fs.writeFileSync(filename, bytes);
    const node = await openPath(filename, { readOnly: false });
    const error = await failureOf(node.snapshots?.create("one") ?? Promise.resolve());
    expect(error).toMatchObject({ code: "ECORRUPT", context: { offset: 5 * 65536 } });
    await closeAll(node);
    expect(fs.readFileSync(filename).readUInt32BE(60)).toBe(0);

    const other = newImage();
    run("qemu-img", "snapshot", "-c", "one", other);
    run("qemu-img", "bitmap", "--add", other, "b0");
    const busy = await openPath(other, { readOnly: false });
    expect(await failureOf(busy.snapshots?.apply("one") ?? Promise.resolve())).toMatchObject({
      code: "EBUSY",
    });
    await closeAll(busy);
  });

  test("in an image open for reading, or named wrongly, is refused", async () => {
    const filename = newImage();
    const node = await openPath(filename);
    expect(node.snapshots).toBeUndefined();
    await closeAll(node);
    const writable = await openPath(filename, { readOnly: false });
    for (const request of ["apply", "delete"] as const) {
      const error = await failureOf(writable.snapshots?.[request]("none") ?? Promise.resolve());
      expect(error).toMatchObject({ code: "ENOENT", context: { hint: "It has none at all." } });
    }
  });
});

describe.skipIf(lacksPeer("qemu-img", "qemu-io"))("a write that blkdebug fails", () => {
  const events = [
    "cluster_alloc",
    "refblock_load",
    "refblock_update_part",
    "l2_load",
    "l2_update",
    "l1_update",
    "cluster_free",
    "pwritev",
    "flush_to_disk",
  ];

  test.each(events)("leaks clusters at most: %s", async (event) => {
    for (const kind of ["create", "apply", "delete"] as const) {
      const filename = path.join(tempDir(), "a.qcow2");
      run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=4k", filename, "4M");
      qemuIo(filename, "qcow2", "write -P 1 0 1M");
      run("qemu-img", "snapshot", "-c", "one", filename);
      qemuIo(filename, "qcow2", "write -P 2 512k 1M");
      const graph = await openForTest(
        {
          driver: "qcow2",
          file: {
            driver: "blkdebug",
            image: { driver: "file", filename },
            "inject-error": [{ event, once: true, errno: 5 }],
          },
        },
        { readOnly: false },
      );
      await graph.root.snapshots?.[kind](kind === "create" ? "two" : "one").catch((error: unknown) => {
        expect(error).toBeInstanceOf(BlockError);
      });
      await graph.close().catch(() => undefined);
      const { status, stdout, stderr } = spawnSync("qemu-img", ["check", filename], { encoding: "utf8" });
      // 3: leaks, and nothing else.
      expect({ kind, stdout, stderr, isHarmless: status === 0 || status === 3 }).toMatchObject({
        isHarmless: true,
      });
      run("qemu-img", "check", "-q", "-r", "leaks", filename);
    }
  });
});

let cli: Cli;
let twins: Twins;

/** Made at different times. */
const dateless = (text: string) =>
  text
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, "DATE")
    .replace(/"date-n?sec": \d+/g, "DATE")
    .replace(/disk size: .*|"actual-size": \d+/g, "SPACE");

describeWithQemu("the command snapshot in the place of qemu-img", () => {
  beforeAll(async () => {
    cli = await Cli.build();
    twins = new Twins(cli);
    const prepare = (...args: string[]) => twins.prepare("qemu-img", ...args);
    const create = (name: string, ...options: string[]) =>
      prepare("create", "-q", "-f", "qcow2", ...options, name, "4M");
    create("a");
    twins.prepare("qemu-io", "-c", "write -P 1 0 1M", "a");
    create("narrow", "-o", "refcount_bits=1");
    twins.prepare("qemu-io", "-c", "write -P 1 0 64k", "narrow");
    create("data", "-o", "data_file=data.raw");
    create("bitmaps");
    prepare("snapshot", "-c", "one", "bitmaps");
    prepare("bitmap", "--add", "bitmaps", "b0");
    create("old", "-o", "compat=0.10");
    prepare("snapshot", "-c", "one", "old");
    for (const [name, at, value] of [
      ["unaligned", 0, 0x400200n],
      ["resized", 48, 0x800000n],
      ["odd", 48, 0x400001n],
    ] as const) {
      create(name, "-o", `compat=${name === "resized" ? "0.10" : "1.1"}`);
      prepare("snapshot", "-c", "one", name);
      for (const folder of [twins.peerFolder, twins.ownFolder]) {
        const filename = path.join(folder, name);
        const bytes = fs.readFileSync(filename);
        const table = Number(bytes.readBigUInt64BE(64));
        bytes.writeBigUInt64BE(value, table + at);
        fs.writeFileSync(filename, bytes);
      }
    }
    createLuks(path.join(twins.peerFolder, "luks"), "1M");
    fs.copyFileSync(path.join(twins.peerFolder, "luks"), path.join(twins.ownFolder, "luks"));
  });
  afterAll(() => cli.remove());

  it.each([
    "snapshot -l a",
    "snapshot -c one a",
    "snapshot -c 'a second' a",
    "snapshot -c 1 a",
    "snapshot -c one a",
    "snapshot -l a",
    "info a",
    "info --output=json a",
    "snapshot -d 2 a",
    "snapshot -a nope a",
    "snapshot -d nope a",
    "snapshot -d 1 a",
    "snapshot -a 1 a",
    "snapshot -d one a",
    "snapshot a",
    "resize -q a 6M",
    "snapshot -c larger a",
    "snapshot -a 4 a",
    "info a",
    "snapshot -a larger a",
    "info a",
    "snapshot -q -d larger a",
    "snapshot -U -c two a",
    "snapshot --image-opts -c two driver=qcow2,file.filename=a",
    "snapshot -l a",
    "check a",
    "snapshot -c one narrow",
    "snapshot -l narrow",
    "snapshot -c one data",
    "snapshot -a one data",
    "snapshot -d one data",
    "snapshot -l data",
    "snapshot -c two bitmaps",
    "snapshot -a one bitmaps",
    "snapshot -d one bitmaps",
    "snapshot -c two old",
    "snapshot -a one old",
    "snapshot -d two old",
    "snapshot -l old",
    "check old",
    "resize old 8M",
    "convert -O raw -l one unaligned out",
    "snapshot -a one unaligned",
    "snapshot -d one unaligned",
    "snapshot -a one resized",
    "snapshot -a one odd",
    "snapshot -c one luks",
    "snapshot -a one luks",
    "snapshot -d one luks",
    "snapshot -c one -a one a",
    "snapshot -c one",
  ])("%s", (line) => {
    twins.same(words(line), dateless);
  });

  it("leaves the same disk and the same snapshots", () => {
    for (const name of ["a", "narrow", "bitmaps", "old", "resized"]) {
      run("qemu-img", "check", "-q", path.join(twins.ownFolder, name));
    }
    const read = (folder: string, ...how: string[]) => {
      const raw = path.join(folder, "raw");
      execFileSync("qemu-img", ["convert", "-O", "raw", ...how, path.join(folder, "a"), raw]);
      return fs.readFileSync(raw);
    };
    for (const how of [[], ["-l", "4"], ["-l", "two"]]) {
      expect(read(twins.ownFolder, ...how).equals(read(twins.peerFolder, ...how))).toBe(true);
    }
  });

  it("says what is left behind when clusters can't be given up", () => {
    twins.prepare("qemu-img", "create", "-q", "-f", "qcow2", "faulty", "4M");
    twins.prepare("qemu-io", "-c", "write -P 1 0 64k", "faulty");
    twins.prepare("qemu-img", "snapshot", "-c", "one", "faulty");
    const rule = "file.inject-error.0.event=cluster_free,file.inject-error.0.errno=5";
    const image = "driver=qcow2,file.driver=blkdebug,file.image.filename=faulty";
    twins.same(["snapshot", "-d", "one", "--image-opts", `${image},${rule}`]);
    const leaks = (folder: string) =>
      spawnSync("qemu-img", ["check", path.join(folder, "faulty")], { encoding: "utf8" }).status;
    expect([leaks(twins.ownFolder), leaks(twins.peerFolder)]).toEqual([3, 3]);
  });

  it("goes by id as well under its own name, and says what there is", () => {
    const file = path.join(twins.ownFolder, "a");
    const absent = cli.run(["snapshot", "-d", "nope", file]);
    expect(absent.code).toBe(1);
    expect(absent.stderr).toMatch(
      /Could not delete snapshot 'nope': snapshot not found\nIt has 2 \(a second\), 4 \(one\), /,
    );
    expect(cli.run(["snapshot", "-d", "4", file])).toMatchObject({ code: 0, stdout: "", stderr: "" });
    expect(cli.run(["snapshot", "-l", file]).stdout).not.toMatch(/^4 /m);
  });
});
