// Writes to qcow2 images that the stock tools made, judged by them: random histories over versions, cluster sizes, refcount
// widths and what else an image can have. A byte array is the model of the guest's disk.
import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, test } from "vitest";
import type { BlockNode } from "../../core/block/node.ts";
import { firstDifference, openPath, readAll } from "../build/open.ts";
import { lacksPeer, run } from "../build/peers.ts";
import { type Random, seeded } from "../build/random.ts";
import { tempDir } from "../build/temp.ts";

interface Made {
  readonly filename: string;
  /** What the guest's disk holds. */
  model: Uint8Array<ArrayBuffer>;
  readonly options: string;
}

const clusterSizes = [512, 1024, 4096, 65536, 2097152];

/**
 * An image of the stock tools: empty, over a backing file, or with data, compressed or not. `wanted`: its options without
 * the cluster size.
 */
function makeImage(random: Random, folder: string, wanted?: string): Made {
  const isOld = wanted === undefined && random.below(5) === 0;
  const isExtended = wanted === undefined && !isOld && random.below(3) === 0;
  const hasDataFile = wanted?.includes("data_file") ?? false;
  const clusterSize = isExtended ? random.pick([16384, 65536]) : random.pick(clusterSizes);
  const options =
    wanted ??
    [
      `compat=${isOld ? "0.10" : "1.1"}`,
      `cluster_size=${clusterSize}`,
      ...(isOld ? [] : [`refcount_bits=${random.pick([1, 2, 4, 8, 16, 32, 64])}`]),
      ...(isExtended ? ["extended_l2=on"] : []),
      ...(!isOld && random.below(4) === 0 ? ["lazy_refcounts=on"] : []),
    ].join(",");
  const length = 512 * (1 + random.below(clusterSize >= 65536 ? 12_000 : 3000));
  const filename = path.join(folder, "a.qcow2");
  const hasBacking = !wanted?.includes("raw") && random.below(2) === 0;
  const model = new Uint8Array(length);
  const backing: string[] = [];
  if (hasBacking) {
    const bytes = random.bytes(512 * (1 + random.below(4000)));
    fs.writeFileSync(path.join(folder, "base.raw"), bytes);
    backing.push("-b", path.join(folder, "base.raw"), "-F", "raw");
    model.set(bytes.subarray(0, length));
  }
  const content = random.below(hasDataFile ? 2 : 3);
  if (content === 0 || hasBacking) {
    run("qemu-img", "create", "-q", "-f", "qcow2", "-o", options, ...backing, filename, String(length));
  } else {
    const start = random.below(length);
    const bytes = random.bytes(Math.min(length - start, 200_000));
    if (content === 2) bytes.fill(7, 1000);
    model.set(bytes, start);
    fs.writeFileSync(path.join(folder, "source.raw"), model);
    const how = content === 2 ? ["-c"] : [];
    const source = path.join(folder, "source.raw");
    run("qemu-img", "convert", "-q", ...how, "-f", "raw", "-O", "qcow2", "-o", options, source, filename);
  }
  return { filename, model, options };
}

/** Clusters that a snapshot shares need a refcount of 2, and an external data file has none. */
const takesSnapshots = ({ options }: Made) => !/refcount_bits=1(,|$)|data_file/.test(options);

async function writeRandomly(random: Random, node: BlockNode, made: Made, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const { model } = made;
    const offset =
      random.below(2) === 0 ? random.below(model.length) : 512 * random.below(model.length / 512);
    const longest = random.pick([100, 512, 5000, 70_000, 700_000]);
    const length = Math.min(model.length - offset, 1 + random.below(longest));
    const kind = random.below(10);
    if (kind < 6) {
      const bytes = random.bytes(Math.min(length, 3000));
      const whole = new Uint8Array(length).map((_, at) => bytes[at % bytes.length] ?? 0);
      await node.write(offset, whole, random.below(10) === 0 ? { fua: true } : {});
      model.set(whole, offset);
    } else if (kind < 8) {
      await node.writeZeroes(offset, length, { mayUnmap: random.below(2) === 0 });
      model.fill(0, offset, offset + length);
    } else if (kind === 8) {
      // What a discard leaves is the driver's choice: what is read afterwards must stay, and nothing else may change.
      await node.discard(offset, length);
      const now = new Uint8Array(length);
      await node.read(offset, now);
      model.set(now, offset);
    } else if (random.below(3) === 0) await node.flush();
    else {
      const now = new Uint8Array(length);
      await node.read(offset, now);
      expect(firstDifference(now, model.subarray(offset, offset + length))).toBeUndefined();
    }
  }
}

function judge({ filename, model, options }: Made): void {
  const check = () => run("qemu-img", "check", "-f", "qcow2", filename);
  expect(check, `${options}: the peer's check`).not.toThrow();
  const folder = path.dirname(filename);
  const raw = path.join(folder, "model.raw");
  fs.writeFileSync(raw, model);
  const compare = () => run("qemu-img", "compare", "-f", "qcow2", "-F", "raw", filename, raw);
  expect(compare, `${options}: the peer's comparison`).not.toThrow();
  if (!options.includes("data_file_raw")) return;
  const data = fs.readFileSync(path.join(folder, "data")).subarray(0, model.length);
  expect(firstDifference(data, model), `${options}: the data file as a raw image`).toBeUndefined();
}

async function playHistory(random: Random, wanted?: string): Promise<void> {
  const folder = tempDir();
  const made = makeImage(random, folder, wanted?.replace("FOLDER", folder));
  let before: Uint8Array | undefined;
  for (let session = 0; session < 2; session++) {
    const node = await openPath(made.filename, { readOnly: false });
    await writeRandomly(random, node, made, 40);
    expect(firstDifference(await readAll(node), made.model)).toBeUndefined();
    await closeAll(node);
    judge(made);
    if (session > 0 || !takesSnapshots(made)) continue;
    run("qemu-img", "snapshot", "-q", "-c", "one", made.filename);
    before = made.model.slice();
  }
  if (before === undefined) return;
  run("qemu-img", "snapshot", "-q", "-a", "one", made.filename);
  judge({ ...made, model: before as Made["model"] });
}

describe.skipIf(lacksPeer("qemu-img"))("writes to qcow2 images", () => {
  test("random histories leave what the model holds, and tables that are right", () =>
    seeded(async (random) => {
      for (let round = 0; round < 20; round++) await playHistory(random);
    }));

  test("so do those of images whose data lie in another file", () =>
    seeded(async (random) => {
      for (let round = 0; round < 3; round++) await playHistory(random, "data_file=FOLDER/data");
      for (let round = 0; round < 3; round++) {
        await playHistory(random, "data_file=FOLDER/data,data_file_raw=on");
      }
    }));
});

/** The file below is closed by the graph at the end of the test only; the peer wants its locks now. */
async function closeAll(node: BlockNode): Promise<void> {
  await node.close();
  for (const child of node.children) await child.node.close();
}

describe.skipIf(lacksPeer("qemu-img"))("resizing qcow2 images", () => {
  test("grows and shrinks disks as the model does, over all kinds of images", () =>
    seeded(async (random) => {
      for (let round = 0; round < 14; round++) {
        const made = makeImage(random, tempDir());
        const node = await openPath(made.filename, { readOnly: false });
        for (let step = 0; step < 5; step++) {
          await writeRandomly(random, node, made, 6);
          const { length } = made.model;
          const size = 512 * (1 + random.below(random.pick([10, 4000, 20_000])));
          const preallocation = random.pick(["off", "off", "metadata", "falloc", "full"] as const);
          await node.resize(size, size < length ? {} : { preallocation });
          const model = new Uint8Array(size);
          model.set(made.model.subarray(0, size));
          made.model = model;
          expect(
            firstDifference(await readAll(node), model),
            `${made.options}, step ${step}`,
          ).toBeUndefined();
        }
        await closeAll(node);
        judge(made);
      }
    }));

  test("keeps a snapshot's disk, and of the file what is used", async () => {
    const folder = tempDir();
    const filename = path.join(folder, "a.qcow2");
    run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=4k", filename, "4M");
    const node = await openPath(filename, { readOnly: false });
    await node.write(0, new Uint8Array(4 * 1024 * 1024).fill(9));
    await node.resize(64 * 1024);
    await closeAll(node);
    judge({ filename, model: new Uint8Array(64 * 1024).fill(9), options: "shrunk" });
    // 16 data clusters, header, refcounts, L1 and L2 tables: far less than a tenth of 4 MiB.
    expect(fs.statSync(filename).size).toBeLessThan(400 * 1024);
    run("qemu-img", "snapshot", "-q", "-c", "one", filename);
    const again = await openPath(filename, { readOnly: false });
    await again.resize(4096);
    await again.resize(10 * 1024 * 1024);
    await closeAll(again);
    run("qemu-img", "check", "-q", "-f", "qcow2", filename);
    run("qemu-img", "snapshot", "-q", "-a", "one", filename);
    judge({ filename, model: new Uint8Array(64 * 1024).fill(9), options: "shrunk, snapshot applied" });
  });
});
