import { describe, expect, it, vi } from "vitest";
import type { ExtentState } from "../../../core/block/node.ts";
import { filled, openForTest } from "../../build/open.ts";
import { buildQed } from "../../build/qed.ts";
import { compare, naive, places } from "./collect.ts";
import { randomBytes, seededRandom, TestNode } from "./testNode.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

/** Two images that are alike but for seeded changes, with holes at seeded places. */
function mutatedPair(seed: number) {
  const random = seededRandom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const a = randomBytes(256 * KiB + below(300 * KiB), seed + 1);
  let b = Uint8Array.from(a);
  const holes: { offset: number; length: number; state: ExtentState }[] = [];
  for (let at = 4096 * below(8); at < a.length - 4096; at += 4096 * (1 + below(24))) {
    const length = Math.min(4096 * (1 + below(6)), a.length - at);
    a.fill(0, at, at + length);
    // Half of the holes are holes of both.
    if (random() < 0.5) b.fill(0, at, at + length);
    holes.push({ offset: at, length, state: random() < 0.5 ? "zero" : "unallocated" });
    at += length;
  }
  for (let change = 0; change < 60; change++) {
    const at = below(b.length);
    const length = random() < 0.5 ? 1 : below(9000);
    for (let i = at; i < Math.min(b.length, at + length); i++) {
      if (random() < 0.7) b[i] = (b[i] ?? 0) ^ (1 + below(255));
    }
  }
  const tail = below(3) * below(5000);
  if (random() < 0.5) b = b.slice(0, Math.max(0, b.length - tail));
  else b = Buffer.concat([b, random() < 0.5 ? Buffer.alloc(tail) : randomBytes(tail, seed + 2)]);
  return { a, b, nodeA: new TestNode(a, { holes }), nodeB: new TestNode(b) };
}

describe("compare", () => {
  it.each(Array.from({ length: 40 }, (_, seed) => seed))(
    "finds exactly the runs, sectors and bytes a naive comparison finds (seed %i)",
    async (seed) => {
      const { a, b, nodeA, nodeB } = mutatedPair(seed);
      const expected = naive(a, b);
      const { rows, summary } = await compare(nodeA, nodeB);
      expect(places(rows)).toEqual(expected);
      expect(summary).toMatchObject({
        runs: expected.length,
        rows: expected.length,
        sectors: expected.reduce((sum, run) => sum + run.sectors, 0),
        bytes: expected.reduce((sum, run) => sum + run.bytes, 0),
        first: expected[0]?.offset,
        identical: expected.length === 0,
        complete: true,
        cancelled: false,
        scannedTo: Math.max(a.length, b.length),
        sizeA: a.length,
        sizeB: b.length,
      });
    },
  );

  it("says that an image is identical to itself, and that two empty ones are", async () => {
    const bytes = randomBytes(100_000, 1);
    const { rows, summary } = await compare(new TestNode(bytes), new TestNode(bytes));
    expect(rows).toEqual([]);
    expect(summary).toMatchObject({ identical: true, complete: true, first: undefined, runs: 0 });
    const none = new Uint8Array(0);
    const empty = await compare(new TestNode(none), new TestNode(none));
    expect(empty.summary).toMatchObject({ identical: true, complete: true, scannedTo: 0 });
  });

  it("joins a run over blocks, ranges of different kind and work items", async () => {
    // 20 MiB, different from 512 bytes before 4 MiB to 512 bytes after 17 MiB; A is a hole from 6 to 8 MiB.
    const a = Buffer.alloc(20 * MiB, 1);
    const b = Buffer.from(a);
    const from = 4 * MiB - 512;
    const to = 17 * MiB + 512;
    b.fill(2, from, to);
    a.fill(0, 6 * MiB, 8 * MiB);
    const node = new TestNode(a, { holes: [{ offset: 6 * MiB, length: 2 * MiB }] });
    const { rows, summary } = await compare(node, new TestNode(b));
    expect(places(rows)).toEqual([
      { offset: from, length: to - from, sectors: (to - from) / 512, bytes: to - from },
    ]);
    expect(summary.runs).toBe(1);
  });

  it("reads nothing where both images are known to be zero, and only one image where the other is", async () => {
    const a = Buffer.alloc(8 * MiB);
    const b = Buffer.alloc(8 * MiB);
    b.fill(7, 2 * MiB, 3 * MiB);
    const nodeA = new TestNode(a, { holes: [{ offset: 0, length: 8 * MiB }] });
    const nodeB = new TestNode(b, {
      holes: [
        { offset: 0, length: 2 * MiB, state: "zero" },
        { offset: 3 * MiB, length: 5 * MiB },
      ],
    });
    const { rows } = await compare(nodeA, nodeB);
    expect(places(rows)).toEqual([{ offset: 2 * MiB, length: MiB, sectors: 2048, bytes: MiB }]);
    expect(nodeA.bytesRead).toBe(0);
    expect(nodeB.bytesRead).toBe(MiB);
  });

  it("compares the longer image's tail with zeroes, also inside a sector", async () => {
    // A ends 100 bytes into its third sector; B goes on with zeroes and one byte that is not.
    const a = Buffer.alloc(1124, 5);
    const b = Buffer.concat([a, Buffer.alloc(3000)]);
    expect((await compare(new TestNode(a), new TestNode(b))).summary).toMatchObject({
      identical: true,
      sizeA: 1124,
      sizeB: 4124,
    });
    b[1200] = 9;
    b[4123] = 9;
    const { rows } = await compare(new TestNode(a), new TestNode(b));
    expect(places(rows)).toEqual([
      { offset: 1024, length: 512, sectors: 1, bytes: 1 },
      // The last sector, [4096, 4608), is cut by the end of B.
      { offset: 4096, length: 28, sectors: 1, bytes: 1 },
    ]);
  });

  it.each([700, -700, 512, -1536])("compares A's x with B's x + %i when B is shifted", async (shift) => {
    const stream = randomBytes(60_000, 3);
    // B[x + shift] = A[x] wherever both exist.
    const a = stream.subarray(Math.max(0, shift));
    const b = stream.subarray(Math.max(0, -shift)).slice();
    b[20_000 + shift] = (b[20_000 + shift] ?? 0) ^ 1;
    const wrapped = new Uint8Array(a.length);
    for (let x = 0; x < wrapped.length; x++) wrapped[x] = b[x + shift] ?? 0;
    const expected = naive(a, wrapped);
    const { rows } = await compare(new TestNode(a), new TestNode(b), { shift });
    // Past the end of A nothing is left of B, or only what `naive` cannot see.
    expect(places(rows).filter((row) => row.offset < a.length)).toEqual(expected);
    expect(expected.some((row) => row.offset === 19_968)).toBe(true);
  });

  it("stops at the first mismatch when only that is asked for", async () => {
    const a = Buffer.alloc(64 * MiB, 1);
    const b = Buffer.from(a);
    b[5000] = 0;
    b[60 * MiB] = 0;
    const nodeB = new TestNode(b);
    const { summary } = await compare(new TestNode(a), nodeB, { stopAtFirst: true });
    expect(summary).toMatchObject({ first: 4608, identical: false, complete: false, cancelled: false });
    expect(nodeB.bytesRead).toBeLessThan(2 * MiB);
  });

  it("starts where it is told to, on a sector", async () => {
    const a = Buffer.alloc(8192, 1);
    const b = Buffer.alloc(8192, 1);
    b[100] = 2;
    b[5000] = 2;
    const { rows, summary } = await compare(new TestNode(a), new TestNode(b), { from: 4700 });
    expect(rows.map((row) => row.offset)).toEqual([4608]);
    expect(summary).toMatchObject({ complete: true, scannedTo: 8192, first: 4608 });
  });

  it("reports progress from 0 to the size, with totals that end as the summary's", async () => {
    const { nodeA, nodeB } = mutatedPair(77);
    const { progress, summary } = await compare(nodeA, nodeB);
    const total = Math.max(summary.sizeA, summary.sizeB);
    expect(progress[0]).toMatchObject({ done: 0, total });
    expect(progress.at(-1)).toMatchObject({ done: total, total });
    expect(progress.at(-1)?.totals).toMatchObject({
      runs: summary.runs,
      bytes: summary.bytes,
      rows: summary.rows,
    });
  });
});

describe("compare in strict mode", () => {
  it("reports what is stored differently but reads the same, beside the mismatches", async () => {
    // 64 KiB. A: data. B: [0,16K) data, [16K,32K) zero, [32K,64K) unallocated. A is zero from 16K on, but for
    // one byte in sector 40K.
    const a = Buffer.alloc(64 * KiB);
    a.fill(3, 0, 16 * KiB);
    const b = Buffer.from(a);
    a[40 * KiB] = 1;
    const nodeB = new TestNode(b, {
      holes: [
        { offset: 16 * KiB, length: 16 * KiB, state: "zero" },
        { offset: 32 * KiB, length: 32 * KiB },
      ],
    });
    const relaxed = await compare(new TestNode(a), nodeB);
    expect(relaxed.rows.map((row) => row.offset)).toEqual([40 * KiB]);
    const { rows, summary } = await compare(new TestNode(a), nodeB, { strict: true });
    expect(
      rows.map(({ offset, length, bytes, signature }) => ({ offset, length, bytes, signature })),
    ).toEqual([
      { offset: 16 * KiB, length: 24 * KiB, bytes: 0, signature: "stored-differently" },
      { offset: 40 * KiB, length: 512, bytes: 1, signature: "b-zero" },
      { offset: 40 * KiB + 512, length: 24 * KiB - 512, bytes: 0, signature: "stored-differently" },
    ]);
    expect(summary).toMatchObject({ identical: false, first: 16 * KiB, bytes: 1, runs: 3 });
  });

  it("tells zero from unallocated without reading", async () => {
    const bytes = Buffer.alloc(64 * KiB);
    const a = new TestNode(bytes, { holes: [{ offset: 0, length: 64 * KiB, state: "zero" }] });
    const b = new TestNode(bytes, { holes: [{ offset: 0, length: 64 * KiB, state: "unallocated" }] });
    const { rows, summary } = await compare(a, b, { strict: true });
    expect(rows).toMatchObject([
      { offset: 0, length: 64 * KiB, sectors: 128, bytes: 0, signature: "stored-differently" },
    ]);
    expect(summary.identical).toBe(false);
    expect([a.reads, b.reads]).toEqual([0, 0]);
    expect((await compare(a, b)).summary.identical).toBe(true);
    expect((await compare(b, b, { strict: true })).summary.identical).toBe(true);
  });

  it("counts a difference in size", async () => {
    const a = Buffer.alloc(4096, 1);
    const { rows, summary } = await compare(
      new TestNode(a),
      new TestNode(Buffer.concat([a, Buffer.alloc(1024)])),
      {
        strict: true,
      },
    );
    expect(rows).toMatchObject([{ offset: 4096, length: 1024, signature: "stored-differently" }]);
    expect(summary.identical).toBe(false);
    const cut = await compare(
      new TestNode(a.subarray(0, 4000)),
      new TestNode(Buffer.alloc(4001, 1).fill(0, 4000)),
      {
        strict: true,
      },
    );
    expect(cut.summary.identical).toBe(false);
  });
});

describe("compare with unreadable ranges", () => {
  it("narrows them to sectors, goes on, and does not take them for mismatches", async () => {
    const a = Buffer.alloc(512 * KiB, 1);
    const b = Buffer.from(a);
    b.fill(2, 100 * KiB, 101 * KiB);
    b[300 * KiB] = 2;
    // Two bad sectors of A apart, one sector bad on both sides, and a stretch of B of 20.5 KiB.
    const nodeA = new TestNode(a, {
      bad: [
        { offset: 10 * KiB, length: 512 },
        { offset: 12 * KiB, length: 1024 },
        { offset: 200 * KiB, length: 512 },
      ],
    });
    const nodeB = new TestNode(b, {
      bad: [
        { offset: 100 * KiB + 512, length: 20.5 * KiB },
        { offset: 200 * KiB, length: 512 },
      ],
    });
    const { rows, unreadable, summary } = await compare(nodeA, nodeB);
    expect(unreadable.map(({ offset, length, side }) => ({ offset, length, side }))).toEqual([
      { offset: 10 * KiB, length: 512, side: "a" },
      { offset: 12 * KiB, length: 1024, side: "a" },
      { offset: 100 * KiB + 512, length: 20.5 * KiB, side: "b" },
      { offset: 200 * KiB, length: 512, side: "both" },
    ]);
    expect(unreadable[0]?.message).toBe(`bad sector at ${10 * KiB}`);
    expect(places(rows)).toEqual([
      { offset: 100 * KiB, length: 512, sectors: 1, bytes: 512 },
      { offset: 300 * KiB, length: 512, sectors: 1, bytes: 1 },
    ]);
    expect(summary).toMatchObject({
      complete: false,
      identical: false,
      unreadableRanges: 4,
      unreadableBytes: 512 + 1024 + 20.5 * KiB + 512,
      scannedTo: 512 * KiB,
    });
  });

  it("tries a wholly unreadable image a bounded number of times and lists it as one range", async () => {
    const bytes = Buffer.alloc(4 * MiB, 1);
    const node = new TestNode(bytes, { bad: [{ offset: 0, length: 4 * MiB }] });
    const { unreadable, summary } = await compare(node, new TestNode(bytes));
    expect(unreadable).toMatchObject([{ offset: 0, length: 4 * MiB, side: "a" }]);
    expect(summary).toMatchObject({ runs: 0, complete: false, identical: false, unreadableRanges: 1 });
    // One try for each 4 KiB, and 8 for the first and last of each block of 128 KiB: under twice as many.
    expect(node.reads).toBeLessThan((2 * bytes.length) / 4096);
  });

  it("takes a range whose allocation cannot be told as unreadable, by clusters", async () => {
    const a = Buffer.alloc(1 * MiB, 1);
    const b = Buffer.from(a);
    b[70 * KiB] = 0;
    b[900 * KiB] = 0;
    const nodeA = new TestNode(a, { lost: [{ offset: 64 * KiB, length: 128 * KiB }], clusterSize: 64 * KiB });
    const { rows, unreadable } = await compare(nodeA, new TestNode(b));
    expect(unreadable).toEqual([
      { offset: 64 * KiB, length: 128 * KiB, side: "a", message: `no table for ${64 * KiB}` },
    ]);
    expect(rows.map((row) => row.offset)).toEqual([900 * KiB]);
  });

  it("passes over what a bad L1 entry covers at once, and no further", async () => {
    // 4 KiB clusters and tables of one: 512 entries, so that an L1 entry covers 2 MiB. L1[0] is bad.
    const size = 4 * MiB;
    const { bytes } = buildQed({
      size,
      clusterSize: 4096,
      tableSize: 1,
      clusters: new Map([[600, filled(4096, 7)]]),
      l1: [[0, 0x123n]],
    });
    const { root } = await openForTest({ driver: "qed", file: { driver: "memory", bytes } });
    const asked = vi.spyOn(root, "extentAt");
    const { rows, unreadable } = await compare(root, new TestNode(Buffer.alloc(size)));
    expect(unreadable).toMatchObject([{ offset: 0, length: 2 * MiB, side: "a" }]);
    expect(rows).toMatchObject([{ offset: 600 * 4096, length: 4096, signature: "b-zero" }]);
    // The bad entry and the clusters before, of and behind the data; not the 512 clusters of the bad entry.
    expect(asked.mock.calls.length).toBeLessThan(10);
  });
});
