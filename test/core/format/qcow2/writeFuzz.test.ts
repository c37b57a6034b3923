// Seeded histories of writes: over images of all kinds whose disks end anywhere, beside a model of what they hold, and over
// images whose tables are damaged, which must never take what the guest writes for their own.
import { describe, expect, it } from "vitest";
import { BlockError } from "../../../../core/base/errors.ts";
import type { ImageSpec } from "../../../../core/block/driver.ts";
import type { BlockNode } from "../../../../core/block/node.ts";
import { openGraph } from "../../../../core/graph.ts";
import { firstDifference, readAll } from "../../../build/open.ts";
import { buildQcow2, type Qcow2Spec } from "../../../build/qcow2.ts";
import { type Random, seeded } from "../../../build/random.ts";

const quiet = { readOnly: false, dirty: "report", warn: () => undefined } as const;

interface Kind {
  readonly clusterSize: number;
  readonly version: 2 | 3;
  readonly extended: boolean;
  readonly backing: Uint8Array | undefined;
}

/** An empty image of some kind; its disk ends at some sector, its backing file at another. */
function someImage(random: Random): { kind: Kind; bytes: Uint8Array; size: number } {
  const extended = random.below(3) === 0;
  const clusterBits = extended ? random.pick([14, 16]) : random.pick([9, 10, 12, 16]);
  const version = extended || random.below(4) > 0 ? 3 : 2;
  const clusterSize = 2 ** clusterBits;
  const size = 512 * (1 + random.below((12 * clusterSize) / 512));
  const hasBacking = random.below(2) === 0;
  const spec: Qcow2Spec = {
    size,
    clusterBits,
    version,
    extended,
    refcountOrder: version === 2 ? 4 : random.below(7),
    compatible: version === 3 && random.below(4) === 0 ? 1n : 0n,
    ...(hasBacking && { backing: "base" }),
  };
  const backing = hasBacking ? random.bytes(512 * (1 + random.below((12 * clusterSize) / 512))) : undefined;
  return { kind: { clusterSize, version, extended, backing }, bytes: buildQcow2(spec).bytes, size };
}

function openImage(bytes: Uint8Array, { backing }: Kind) {
  const file = { driver: "memory", bytes };
  const base = { driver: "raw", file: { driver: "memory", bytes: backing } };
  const spec = { driver: "qcow2", file, ...(backing && { backing: base }) };
  return openGraph(spec as ImageSpec, { ...quiet, backing: backing ? "open" : "none" });
}

/** Places at edges of clusters and subclusters, or beside them, ascending: ranges that share clusters but no bytes. */
function someRanges(random: Random, size: number, unit: number): [offset: number, length: number][] {
  if (random.below(8) === 0) {
    const tail = 1 + random.below(Math.min(size, unit));
    return [[size - tail, tail]];
  }
  const edge = () => {
    const beside = random.pick([0, 0, 1, -1, 512, -512, random.below(unit)]);
    const near = unit * random.below(size / unit + 1) + beside;
    const place = random.pick([near, near, near, near, size]);
    return Math.max(0, Math.min(size, place));
  };
  const edges = Array.from({ length: 2 * random.pick([1, 1, 2, 4]) }, edge).sort((a, b) => a - b);
  return edges.flatMap((from, i) => (i % 2 === 0 ? [[from, (edges[i + 1] ?? from) - from]] : []));
}

/** What a discard gives up: whole clusters, and the last one of the disk. */
function discarded(offset: number, length: number, size: number, clusterSize: number): [number, number] {
  const from = Math.ceil(offset / clusterSize) * clusterSize;
  const end = offset + length;
  return [from, end === size ? size : Math.floor(end / clusterSize) * clusterSize];
}

/** One request, and what it makes of the model. */
function change(
  node: BlockNode,
  model: Uint8Array,
  { clusterSize, version, backing }: Kind,
  [offset, length]: readonly [number, number],
  random: Random,
): Promise<void> {
  switch (random.below(4)) {
    case 0:
      model.fill(0, offset, offset + length);
      return node.writeZeroes(offset, length, { mayUnmap: random.below(2) === 0 });
    case 1: {
      const [from, end] = discarded(offset, length, model.length, clusterSize);
      if (end > from && !(version === 2 && backing)) model.fill(0, from, end);
      return node.discard(offset, length);
    }
    default: {
      // Less than what the guest writes into damaged images.
      const bytes = new Uint8Array(length).fill(1 + random.below(0xa4));
      model.set(bytes, offset);
      return node.write(offset, bytes);
    }
  }
}

/** Requests side by side. */
async function changeSome(node: BlockNode, model: Uint8Array, kind: Kind, random: Random): Promise<void> {
  const unit = random.below(2) === 0 ? kind.clusterSize : Math.max(512, kind.clusterSize / 32);
  const ranges = someRanges(random, model.length, unit);
  const requests = ranges.map((range) => change(node, model, kind, range, random));
  if (random.below(4) === 0) requests.push(node.flush());
  await Promise.all(requests);
}

/** Damages entries of tables, then counts. */
function damage(bytes: Uint8Array, { clusterSize, extended }: Kind, random: Random): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const clusters = bytes.length / clusterSize;
  const place = () => BigInt(random.below(clusters + 2)) * BigInt(clusterSize);
  const copied = 1n << 63n;
  const compressed = 1n << 62n;
  const word = () => (BigInt(random.below(2 ** 32)) << 32n) | BigInt(random.below(2 ** 32));
  const l1 = Number(view.getBigUint64(40));
  const table = Number(view.getBigUint64(48));
  const block = Number(view.getBigUint64(table));
  const l2 = Number(view.getBigUint64(l1) & 0x00fffffffffffe00n);
  for (let n = 1 + random.below(4); n > 0; n--) {
    const value = random.pick([
      () => place() | copied,
      () => place(),
      () => place() | compressed,
      () => place() | copied | 1n,
      word,
      () => (1n << 50n) | copied,
    ])();
    const entry = 16 * random.below(Math.min(8, clusterSize / 16));
    const step = extended ? 1 : 2;
    switch (random.below(8)) {
      case 0:
        view.setBigUint64(l1, value & ~compressed);
        break;
      case 1:
        view.setBigUint64(table, random.pick([place(), place() | 512n, 0n]));
        break;
      case 2:
      case 3:
        if (block + 16 < bytes.length) bytes.fill(random.pick([0, 255]), block, block + 1 + random.below(16));
        break;
      case 4:
        view.setBigUint64(random.pick([40, 48]), place());
        break;
      default:
        if (l2 > 0 && l2 + clusterSize <= bytes.length) view.setBigUint64(l2 + entry / step, value);
    }
  }
}

/** Offsets of clusters that the image's tables lie in, as far as the header and the first entries name them. */
function tablesOf(bytes: Uint8Array, clusterSize: number): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const inFile = (at: number) => at % clusterSize === 0 && at + clusterSize <= bytes.length;
  const offsetMask = 0x00fffffffffffe00n;
  const [l1, table] = [Number(view.getBigUint64(40)), Number(view.getBigUint64(48))];
  const found = [0, l1, table];
  if (inFile(l1)) found.push(Number(view.getBigUint64(l1) & offsetMask));
  if (inFile(table)) found.push(Number(view.getBigUint64(table) & ~511n));
  return found.filter((at, i) => inFile(at) && found.indexOf(at) === i);
}

/** Throws what is not a clear answer. */
async function ends<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof BlockError && (error.cause === undefined || error.cause instanceof BlockError)) {
      return undefined;
    }
    throw error;
  }
}

describe("random writes", () => {
  it("change what was asked for, and leave tables that are right", () =>
    seeded(async (random) => {
      for (let round = 0; round < 60; round++) {
        const { kind, size, bytes } = someImage(random);
        const model = new Uint8Array(size);
        if (kind.backing) model.set(kind.backing.subarray(0, size));
        let file = bytes;
        for (let session = 0; session < 2; session++) {
          const graph = await openImage(file, kind);
          for (let n = 0; n < 12; n++) {
            await changeSome(graph.root, model, kind, random);
            const where = JSON.stringify({ round, session, n, ...kind, backing: kind.backing?.length, size });
            expect(firstDifference(await readAll(graph.root), model), where).toBeUndefined();
          }
          const below = graph.nodeAt("file");
          await graph.root.close();
          file = await readAll(below as BlockNode);
          await graph.close();
        }
        const again = await openImage(file, kind);
        expect(firstDifference(await readAll(again.root), model)).toBeUndefined();
        const result = await again.root.check?.({});
        expect(result).toMatchObject({ corruptions: 0, leaks: 0, checkErrors: 0 });
        await again.close();
      }
    }));
});

describe("writes into images with damaged tables", () => {
  /** What the guest writes: nothing in any table looks like it. */
  const pattern = Buffer.alloc(64, 0xa5);

  it("end, and never reach a table", () =>
    seeded(async (random) => {
      let written = 0;
      let refused = 0;
      for (let round = 0; round < 200; round++) {
        const { kind, size, bytes } = someImage(random);
        const { clusterSize } = kind;
        const healthy = await openImage(bytes, kind);
        for (let n = 0; n < 4; n++) {
          const range = someRanges(random, size, clusterSize)[0] ?? [0, size];
          await change(healthy.root, new Uint8Array(size), kind, range, random);
        }
        const below = healthy.nodeAt("file") as BlockNode;
        await healthy.root.close();
        const damaged = (await readAll(below)).slice();
        await healthy.close();
        damage(damaged, kind, random);
        const before = tablesOf(damaged, clusterSize);
        const graph = await ends(() => openImage(damaged, kind));
        if (graph === undefined) continue;
        const file = graph.nodeAt("file") as BlockNode;
        for (let n = 0; n < 6; n++) {
          const [offset, length] = someRanges(random, size, clusterSize)[0] ?? [0, size];
          const kindOfRequest = random.below(4);
          const isWritten = await ends(async () => {
            if (kindOfRequest === 0) await graph.root.discard(offset, length);
            else await graph.root.write(offset, new Uint8Array(length).fill(0xa5));
            if (random.below(2) === 0) await graph.root.flush();
            return kindOfRequest > 0;
          });
          if (isWritten === undefined) refused++;
          if (isWritten === true && length > 0) written++;
          // Wrong counts may have given away what was written: it ends, whatever it says.
          await ends(() => graph.root.read(offset, new Uint8Array(length)));
        }
        await ends(() => graph.root.close());
        const after = Buffer.from(await readAll(file));
        // What is a table no more may have been given up: one that was shared, for instance.
        const still = tablesOf(after, clusterSize);
        for (const at of before.filter((one) => still.includes(one))) {
          const where = `round ${round}: cluster at ${at} of ${JSON.stringify({ ...kind, backing: 0 })}`;
          expect(after.subarray(at, at + clusterSize).includes(pattern), where).toBe(false);
        }
        await ends(() => graph.close());
      }
      // Both ways are tried.
      expect(Math.min(written, refused)).toBeGreaterThan(100);
    }));
});
