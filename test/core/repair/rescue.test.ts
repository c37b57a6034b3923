// The content of leaked clusters and the index of where it was: exact bytes, holes left out, bad sectors noted, and
// nothing left behind where it can't be done.
import * as fs from "node:fs";
import * as path from "node:path";
import { expect, it } from "vitest";
import { openGraph } from "../../../core/graph.ts";
import { offerRepair } from "../../../core/repair/offer.ts";
import { rescueLeaks } from "../../../core/repair/rescue.ts";
import { buildQed } from "../../build/qed.ts";
import { seeded } from "../../build/random.ts";
import { tempDir, tempFile } from "../../build/temp.ts";
import { type ChangingCall, watchFiles } from "../../crash/fileFaults.ts";

const cluster = 8192;

/** Clusters 0 to 7 filled with their number + 1, 5 with zeroes; the entries of 1, 2, 5 and 7 are gone; a tail of 700. */
function leaky() {
  const fill = (index: number) => new Uint8Array(cluster).fill(index === 5 ? 0 : index + 1);
  const clusters = new Map([0, 1, 2, 3, 4, 5, 6, 7].map((index) => [index, fill(index)]));
  const l2 = [1, 2, 5, 7].map((index) => [0, index, 0n] as const);
  const spec = { size: 64 * cluster, clusterSize: cluster, tableSize: 1, clusters, l2, tail: 700 };
  const { bytes, dataOffsets } = buildQed(spec);
  bytes.fill(99, bytes.length - 700);
  const at = (index: number) => dataOffsets.get(index) ?? Number.NaN;
  return { image: tempFile("leaky.qed", bytes), bytes, at };
}

/** `file`: what is read in the place of the image's file. */
async function rescue(
  image: string,
  to: string,
  reading?: (offset: number, length: number) => void,
  signal?: AbortSignal,
) {
  const graph = await openGraph({ driver: "qed", file: { driver: "file", filename: image } });
  try {
    const disk = graph.nodeAt("file");
    if (!disk) throw new Error("there is no file");
    const offer = await offerRepair(graph.root);
    const file = {
      async read(offset: number, target: Uint8Array) {
        reading?.(offset, target.length);
        await disk.read(offset, target);
      },
    };
    const ranges = offer.leakedRanges();
    const request = { file, imagePath: image, clusterSize: cluster, ranges, total: offer.leaked.bytes, to };
    return await rescueLeaks(request, signal && { signal });
  } finally {
    await graph.close();
  }
}

const indexOf = (to: string) => JSON.parse(fs.readFileSync(`${to}.json`, "utf8"));

it("has what was leaked one behind the other, without zeroes, and what the file has behind its last cluster", async () => {
  const { image, bytes, at } = leaky();
  const to = path.join(tempDir(), "leaked");
  expect(await rescue(image, to)).toEqual({ rescued: 3 * cluster + 700, zero: cluster, unreadable: 0 });
  const parts = [
    Buffer.alloc(cluster, 2),
    Buffer.alloc(cluster, 3),
    Buffer.alloc(cluster, 8),
    Buffer.alloc(700, 99),
  ];
  expect(Buffer.compare(fs.readFileSync(to), Buffer.concat(parts))).toBe(0);
  expect(indexOf(to)).toEqual({
    image,
    "cluster-size": cluster,
    ranges: [
      { "image-offset": at(1), length: 2 * cluster, kind: "rescued", "rescue-offset": 0 },
      { "image-offset": at(5), length: cluster, kind: "zero" },
      // The tail follows cluster 7 at once.
      { "image-offset": at(7), length: cluster + 700, kind: "rescued", "rescue-offset": 2 * cluster },
    ],
    "rescued-bytes": 3 * cluster + 700,
    "zero-bytes": cluster,
    "unreadable-bytes": 0,
  });
  expect(Buffer.compare(fs.readFileSync(image), bytes)).toBe(0);
});

it("goes on behind what can't be read, losing no more than 4096 bytes for a bad place", async () => {
  const { image, at } = leaky();
  const to = path.join(tempDir(), "leaked");
  // A bad byte in the second half of cluster 1: clusters 1 and 2 are 16384 bytes, read in halves down to 4096.
  const bad = at(1) + 5000;
  const reading = (offset: number, length: number) => {
    if (offset <= bad && bad < offset + length) throw new Error("the disk failed");
  };
  expect(await rescue(image, to, reading)).toEqual({
    rescued: 3 * cluster + 700 - 4096,
    zero: cluster,
    unreadable: 4096,
  });
  expect(indexOf(to).ranges.slice(0, 3)).toEqual([
    { "image-offset": at(1), length: 4096, kind: "rescued", "rescue-offset": 0 },
    { "image-offset": at(1) + 4096, length: 4096, kind: "unreadable", error: "the disk failed" },
    { "image-offset": at(2), length: cluster, kind: "rescued", "rescue-offset": 4096 },
  ]);
});

it("leaves nothing behind when it is cancelled, and at whichever call the disk fails", async () => {
  const { image } = leaky();
  const folder = tempDir();
  const to = path.join(folder, "leaked");
  const stop = new AbortController();
  stop.abort();
  await expect(rescue(image, to, undefined, stop.signal)).rejects.toMatchObject({ code: "ECANCELED" });
  expect(fs.readdirSync(folder)).toEqual([]);
  const calls: ChangingCall[] = [];
  const seen = watchFiles({ fault: (call) => void calls.push(call) });
  await rescue(image, path.join(tempDir(), "leaked"));
  seen();
  expect(calls.length).toBeGreaterThan(6);
  for (const { number, name } of calls) {
    const done = watchFiles({
      fault: (call) => (call.number === number ? { kind: "throw", code: "ENOSPC" } : undefined),
    });
    await expect(rescue(image, to), `call ${number}, ${name}`).rejects.toMatchObject({ code: "ENOSPC" });
    done();
    expect(fs.readdirSync(folder), `call ${number}, ${name}`).toEqual([]);
  }
});

it("never takes the place of a file", async () => {
  const { image } = leaky();
  const folder = tempDir();
  for (const name of ["leaked", "leaked.json"]) {
    const mine = tempFile(name, Buffer.from("mine"), folder);
    await expect(rescue(image, path.join(folder, "leaked"))).rejects.toThrow(
      `There is a file already: '${mine}'`,
    );
    expect(fs.readdirSync(folder)).toEqual([name]);
    fs.rmSync(mine);
  }
});

it("finds again every cluster whose entry chance has taken away", async () => {
  await seeded(async (random) => {
    for (let round = 0; round < 10; round++) {
      const count = 1 + random.below(200);
      const clusters = new Map(Array.from({ length: count }, (_, i) => [i, random.bytes(cluster)]));
      const lost = [...clusters.keys()].filter(() => random.below(3) === 0);
      const l2 = lost.map((index) => [0, index, 0n] as const);
      const spec = { size: 1024 * cluster, clusterSize: cluster, tableSize: 1, clusters, l2 };
      const { bytes, dataOffsets } = buildQed(spec);
      const to = path.join(tempDir(), "leaked");
      await rescue(tempFile("random.qed", bytes), to);
      const content = fs.readFileSync(to);
      expect(content.length, `round ${round}`).toBe(lost.length * cluster);
      type Range = { "image-offset": number; "rescue-offset": number; length: number };
      const ranges = indexOf(to).ranges as Range[];
      for (const index of lost) {
        const offset = dataOffsets.get(index) ?? Number.NaN;
        const range = ranges.find(
          (one) => one["image-offset"] <= offset && offset < one["image-offset"] + one.length,
        );
        if (!range) throw new Error(`round ${round}: cluster ${index} is not in the index`);
        const at = range["rescue-offset"] + offset - range["image-offset"];
        const found = content.subarray(at, at + cluster);
        expect(Buffer.compare(found, clusters.get(index) ?? found), `round ${round}, cluster ${index}`).toBe(
          0,
        );
      }
    }
  });
});
