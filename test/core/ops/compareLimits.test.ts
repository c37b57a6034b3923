import { describe, expect, it } from "vitest";
import { compareNodes } from "../../../core/ops/compare.ts";
import { type CompareTotals, signatures } from "../../../core/ops/mismatch.ts";
import { compareLimits, type Limits } from "../../../core/ops/rowWriter.ts";
import { collector, compare, naive, places } from "./collect.ts";
import { randomBytes, TestNode } from "./testNode.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

/** A pair in which every second sector differs in its first byte. */
function everySecondSector(size: number) {
  const a = Buffer.alloc(size, 1);
  const b = Buffer.from(a);
  for (let at = 0; at < size; at += 1024) b[at] = 2;
  return { a, b };
}

const small: Limits = { rows: 10, granules: 16, granuleBytes: 8 * KiB, unreadable: 3, candidates: 5 };

describe("the limit on rows", () => {
  it("is 400,000, and at most 65,536 merged rows follow", () => {
    expect(compareLimits.rows + compareLimits.granules).toBeLessThan(466_000);
    expect(compareLimits).toMatchObject({ rows: 400_000, granules: 65_536, granuleBytes: MiB });
  });

  it("merges the runs behind it by granule, and keeps the totals exact", async () => {
    // 64 runs in 64 KiB. The first 10 have rows of their own; the others begin at 10 KiB to 63 KiB and lie in the
    // granules of 8 KiB numbered 1 to 7: runs at 10..15 KiB, then 8 in each.
    const { a, b } = everySecondSector(64 * KiB);
    const { rows, summary } = await compare(new TestNode(a), new TestNode(b), {}, { limits: small });
    expect(rows.map((row) => row.runs)).toEqual([...Array(10).fill(1), 6, 8, 8, 8, 8, 8, 8]);
    expect(rows[10]).toEqual({
      offset: 10 * KiB,
      // From the first to the end of the last mismatched sector, at 15 KiB.
      length: 5 * KiB + 512,
      sectors: 6,
      bytes: 6,
      signature: "plain",
      detail: 0,
      runs: 6,
    });
    expect(rows[16]).toMatchObject({ offset: 56 * KiB, length: 7 * KiB + 512, sectors: 8, runs: 8 });
    expect(summary).toMatchObject({ runs: 64, rows: 17, sectors: 64, bytes: 64, mergedAfter: 10 });
  });

  it("uses granules that divide a large image into no more than were allowed", async () => {
    // 512 KiB in 16 granules are 32 KiB each, 32 runs in one.
    const { a, b } = everySecondSector(512 * KiB);
    const { rows, summary } = await compare(new TestNode(a), new TestNode(b), {}, { limits: small });
    expect(rows.length).toBeLessThanOrEqual(small.rows + small.granules);
    expect(rows.slice(11).map((row) => row.runs)).toEqual(Array(15).fill(32));
    expect(summary).toMatchObject({ runs: 512, rows: rows.length });
  });

  it("gives a merged row a signature only if all its runs have it", async () => {
    const { a, b } = everySecondSector(64 * KiB);
    for (let at = 32 * KiB; at < 40 * KiB; at += 1024) a.fill(0, at, at + 512);
    for (let at = 40 * KiB; at < 44 * KiB; at += 1024) a.fill(0, at, at + 512);
    const { rows } = await compare(new TestNode(a), new TestNode(b), {}, { limits: small });
    const at = (offset: number) => rows.find((row) => row.offset === offset)?.signature;
    expect([at(24 * KiB), at(32 * KiB), at(40 * KiB)]).toEqual(["plain", "a-zero", "plain"]);
  });

  it("counts the rows found before a scan was resumed", async () => {
    const { a, b } = everySecondSector(64 * KiB);
    const options = { from: 32 * KiB, rowsBefore: 8 };
    const { rows, summary } = await compare(new TestNode(a), new TestNode(b), options, { limits: small });
    expect(rows.map((row) => row.runs)).toEqual([1, 1, 6, 8, 8, 8]);
    expect(summary.mergedAfter).toBe(10);
    const most = await compare(
      new TestNode(a),
      new TestNode(b),
      { from: 32 * KiB, rowsBefore: 500 },
      { limits: small },
    );
    expect(most.rows.map((row) => row.runs)).toEqual([8, 8, 8, 8]);
  });

  it("says nothing of merging when every run has its row", async () => {
    const { a, b } = everySecondSector(10 * KiB);
    const { summary } = await compare(new TestNode(a), new TestNode(b), {}, { limits: small });
    expect(summary).toMatchObject({ rows: 10, mergedAfter: undefined });
  });

  it("lists so many unreadable ranges and counts the others", async () => {
    const bytes = Buffer.alloc(256 * KiB, 1);
    const bad = [0, 1, 2, 3, 4, 5].map((i) => ({ offset: (20 + 30 * i) * KiB, length: 512 }));
    const { unreadable, summary } = await compare(
      new TestNode(bytes, { bad }),
      new TestNode(bytes),
      {},
      { limits: small },
    );
    expect(unreadable.map((range) => range.offset)).toEqual([20 * KiB, 50 * KiB, 80 * KiB]);
    expect(summary).toMatchObject({ unreadableRanges: 6, unreadableBytes: 6 * 512, complete: false });
  });

  it("looks for so many moved sectors and leaves the others plain", async () => {
    const a = randomBytes(256 * KiB, 9);
    const b = Uint8Array.from(a);
    for (let i = 0; i < 8; i++) b.set(a.subarray(200 * KiB, 200 * KiB + 512), (5 + 10 * i) * KiB);
    const limits = { ...small, rows: 100 };
    const { rows } = await compare(new TestNode(a), new TestNode(b), {}, { limits });
    expect(rows.map((row) => row.signature)).toEqual([...Array(5).fill("moved"), ...Array(3).fill("plain")]);
  });
});

describe("a million runs", () => {
  /** 1 GiB of which nothing is kept: reads are filled with ones, and B's every second sector begins with a 2. */
  class Pattern extends TestNode {
    readonly #every: boolean;
    constructor(every: boolean) {
      super(new Uint8Array(0));
      this.#every = every;
    }
    override get size(): number {
      return 1024 * MiB;
    }
    override async read(offset: number, target: Uint8Array): Promise<void> {
      target.fill(1);
      if (!this.#every) return;
      for (let at = (1024 - (offset % 1024)) % 1024; at < target.length; at += 1024) target[at] = 2;
    }
  }

  it("are reported in batches of bounded size, with exact totals and a bounded number of rows", async () => {
    let rows = 0;
    let merged = 0;
    let longest = 0;
    let position = -1;
    const { context } = collector();
    const summary = await compareNodes(
      new Pattern(false),
      new Pattern(true),
      { moved: false },
      {
        ...context,
        item: (item) => {
          if (item.kind !== "runs") throw new Error(`an item of kind ${item.kind}`);
          const { batch } = item;
          longest = Math.max(longest, batch.count);
          rows += batch.count;
          for (let i = 0; i < batch.count; i++) {
            if ((batch.offset[i] ?? 0) <= position)
              throw new Error(`row at ${batch.offset[i]} after ${position}`);
            position = batch.offset[i] ?? 0;
            if ((batch.runs[i] ?? 0) > 1) merged++;
            if (batch.signature[i] !== signatures.indexOf("plain")) throw new Error("a signature");
          }
        },
      },
    );
    const total: CompareTotals = summary;
    expect(total).toMatchObject({ runs: MiB, sectors: MiB, bytes: MiB, rows });
    // 400,000 runs are found up to 390.625 MiB; the rest of that granule and 633 further ones are merged.
    expect(rows).toBe(400_000 + 1 + 633);
    expect(merged).toBe(634);
    expect(longest).toBeLessThanOrEqual(4096);
    expect(summary.mergedAfter).toBe(400_000);
  });
});

describe("cancelling", () => {
  /** Aborts at the n-th read of A. */
  function abortingPair(a: Uint8Array, b: Uint8Array, atRead: number) {
    const abort = new AbortController();
    let reads = 0;
    const onRead = () => {
      if (++reads === atRead) abort.abort();
    };
    return { nodeA: new TestNode(a, { onRead }), nodeB: new TestNode(b), signal: abort.signal };
  }

  it.each([1, 2, 5, 7])(
    "keeps what was found, and resuming finds the rest (stopped at read %i)",
    async (atRead) => {
      const a = randomBytes(4 * MiB, 21);
      const b = Uint8Array.from(a);
      for (let i = 0; i < 300; i++) b[i * 13_000 + 7] = (b[i * 13_000 + 7] ?? 0) ^ 3;
      // One run that lies over every place where a scan can be cut.
      for (let i = 1 * MiB + 5000; i < 3 * MiB + 7000; i++) b[i] = (b[i] ?? 0) ^ 255;
      const { nodeA, nodeB, signal } = abortingPair(a, b, atRead);
      const part = await compare(nodeA, nodeB, {}, {}, signal);
      expect(part.summary).toMatchObject({ cancelled: true, complete: false, identical: false });
      expect(part.summary.scannedTo).toBeGreaterThan(0);
      expect(part.summary.scannedTo).toBeLessThan(4 * MiB);
      expect(places(part.rows)).toEqual(
        naive(a.subarray(0, part.summary.scannedTo), b.subarray(0, part.summary.scannedTo)),
      );
      const rest = await compare(nodeA, nodeB, {
        from: part.summary.scannedTo,
        rowsBefore: part.rows.length,
      });
      const { scannedTo: from } = part.summary;
      expect(rest.summary).toMatchObject({ cancelled: false, complete: true, from });
      const joined = [...places(part.rows)];
      for (const row of places(rest.rows)) {
        const last = joined.at(-1);
        if (last !== undefined && last.offset + last.length === row.offset) {
          joined[joined.length - 1] = {
            offset: last.offset,
            length: last.length + row.length,
            sectors: last.sectors + row.sectors,
            bytes: last.bytes + row.bytes,
          };
        } else {
          joined.push(row);
        }
      }
      expect(joined).toEqual(naive(a, b));
    },
  );

  it("is obeyed before anything is read and while only extents are walked", async () => {
    const bytes = Buffer.alloc(64 * KiB, 1);
    const node = new TestNode(bytes);
    const before = await compare(node, node, {}, {}, AbortSignal.abort());
    expect(before.summary).toMatchObject({ cancelled: true, scannedTo: 0 });
    expect(node.reads).toBe(0);

    // A petabyte of single unallocated clusters: it ends only because it is cancelled.
    class Endless extends TestNode {
      override get size(): number {
        return 2 ** 50;
      }
      override async extentAt(offset: number) {
        return {
          offset,
          length: 65536,
          state: "unallocated" as const,
          compressed: false,
          hostOffset: undefined,
        };
      }
    }
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 50);
    const endless = new Endless(new Uint8Array(0));
    const walked = await compare(endless, endless, {}, {}, abort.signal);
    expect(walked.summary.cancelled).toBe(true);
  });

  it("in the second pass keeps the complete result", async () => {
    const a = randomBytes(2 * MiB, 22);
    const b = Uint8Array.from(a);
    b.set(a.subarray(1 * MiB, 1 * MiB + 2048), 5 * 512);
    const abort = new AbortController();
    const { context, result } = collector(abort.signal);
    const summary = await compareNodes(
      new TestNode(a),
      new TestNode(b),
      {},
      {
        ...context,
        progress: (progress) => {
          if (progress.phase !== undefined) abort.abort();
        },
      },
    );
    expect(summary).toMatchObject({ complete: true, cancelled: false, runs: 1 });
    expect(result(summary).rows).toMatchObject([{ offset: 2560, signature: "plain" }]);
  });
});
