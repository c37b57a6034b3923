// Conversions that compress: what reaches the target is whole clusters of it, in order, with their bytes.
import { describe, expect, it } from "vitest";
import { BlockError } from "../../../core/base/errors.ts";
import type { BlockNode } from "../../../core/block/node.ts";
import { type ConvertRequest, convert } from "../../../core/ops/convert.ts";
import { type Piece, wholeClusters, within } from "../../../core/ops/convertPlan.ts";
import { failureOf, filled } from "../../build/open.ts";
import { TestNode } from "./testNode.ts";

const C = 4096;

/** A disk that keeps what is written and how; its writes end in another order than they began in. */
class Target extends TestNode {
  readonly bytes: Uint8Array;
  /** "c" compressed, "w" written, "z" zeroed; offset and length. */
  readonly log: string[] = [];
  readonly failAt: number | undefined;
  pending = 0;
  mostPending = 0;

  constructor(size: number, { clusterSize = C, failAt }: { clusterSize?: number; failAt?: number } = {}) {
    const bytes = new Uint8Array(size);
    super(bytes, { clusterSize });
    this.bytes = bytes;
    this.failAt = failAt;
  }

  readonly writeCompressed = async (offset: number, source: Uint8Array): Promise<void> => {
    this.log.push(`c ${offset}+${source.length}`);
    this.mostPending = Math.max(this.mostPending, ++this.pending);
    // The first ones take longest.
    for (let turns = 8 - (this.log.length % 8); turns > 0; turns--)
      await new Promise((turn) => setImmediate(turn));
    this.pending--;
    if (this.failAt !== undefined && offset >= this.failAt) throw new BlockError("ENOSPC", "full");
    this.bytes.set(source, offset);
  };

  override write = async (offset = 0, source: Uint8Array = new Uint8Array(0)): Promise<void> => {
    this.log.push(`w ${offset}+${source.length}`);
    this.bytes.set(source, offset);
  };

  override writeZeroes = async (offset = 0, length = 0): Promise<void> => {
    this.log.push(`z ${offset}+${length}`);
    this.bytes.fill(0, offset, offset + length);
  };
}

const request = (
  sources: readonly BlockNode[],
  target: BlockNode,
  more: Partial<ConvertRequest> = {},
): ConvertRequest => ({
  sources,
  target,
  sparse: 4096,
  targetIsZero: true,
  parallel: 8,
  outOfOrder: false,
  compress: true,
  signal: new AbortController().signal,
  ...more,
});

describe("a conversion that compresses", () => {
  it("asks for whole clusters, though data begin and end anywhere", async () => {
    const bytes = new Uint8Array(6 * C);
    bytes.fill(1, 512, 1024);
    bytes.fill(2, 3 * C - 512, 3 * C + 512);
    const source = new TestNode(bytes, {
      holes: [
        { offset: 0, length: 512 },
        { offset: 1024, length: 3 * C - 512 - 1024 },
        { offset: 3 * C + 512, length: 3 * C - 512 },
      ],
    });
    const target = new Target(6 * C);
    await convert(request([source], target));
    expect(target.bytes).toEqual(bytes);
    expect(target.log).toEqual([`c 0+${C}`, `c ${2 * C}+${C}`, `c ${3 * C}+${C}`]);
  });

  it("joins the ends of sources in one cluster", async () => {
    const sources = [512, 1024, 3 * C].map((length, i) => new TestNode(filled(length, i + 1)));
    const size = 1536 + 3 * C;
    const target = new Target(size);
    await convert(request(sources, target));
    expect(target.bytes).toEqual(
      Uint8Array.from([...filled(512, 1), ...filled(1024, 2), ...filled(3 * C, 3)]),
    );
    expect(target.log.every((line) => line.startsWith("c"))).toBe(true);
  });

  it("asks in the order of offsets, and for the next ones before the first are done", async () => {
    const MiB = 1024 * 1024;
    const bytes = new Uint8Array(6 * MiB).map((_, i) => 1 + (Math.floor(i / C) % 250));
    const target = new Target(bytes.length);
    await convert(request([new TestNode(bytes)], target));
    expect(Buffer.compare(target.bytes, bytes)).toBe(0);
    expect(target.log).toEqual(Array.from({ length: 6 }, (_, i) => `c ${i * MiB}+${MiB}`));
    expect(target.mostPending).toBeGreaterThan(1);
  });

  it("leaves out clusters of zeroes, and zeroes them where the target is not empty", async () => {
    const bytes = Uint8Array.from([...filled(C, 1), ...filled(2 * C, 0), ...filled(C, 2)]);
    for (const targetIsZero of [true, false]) {
      const target = new Target(4 * C);
      target.bytes.fill(targetIsZero ? 0 : 9);
      await convert(request([new TestNode(bytes)], target, { targetIsZero, sparse: 64 * 1024 }));
      expect(target.bytes).toEqual(bytes);
      const zeroed = targetIsZero ? [] : [`z ${C}+${2 * C}`];
      expect(target.log).toEqual([`c 0+${C}`, ...zeroed, `c ${3 * C}+${C}`]);
    }
  });

  it("compresses zeroes as well when none are looked for", async () => {
    const target = new Target(3 * C);
    const hole = { offset: C, length: C };
    await convert(request([new TestNode(new Uint8Array(3 * C), { holes: [hole] })], target, { sparse: 0 }));
    expect(target.log.reduce((sum, line) => sum + Number(line.split("+")[1]), 0)).toBe(3 * C);
    expect(target.log.every((line) => /^c (0|4096|8192)\+/.test(line))).toBe(true);
  });

  it("writes a last part of a cluster as it is where the disk goes on behind it", async () => {
    const bytes = filled(C + 512, 7);
    const target = new Target(4 * C);
    await convert(request([new TestNode(bytes)], target));
    expect(target.log).toEqual([`c 0+${C}`, `w ${C}+512`]);
    expect(target.bytes.subarray(0, C + 512)).toEqual(bytes);
  });

  it("ends with the error of a write, once none is under way any more", async () => {
    const MiB = 1024 * 1024;
    const target = new Target(12 * MiB, { failAt: 3 * MiB });
    const error = await failureOf(convert(request([new TestNode(filled(12 * MiB, 3))], target)));
    expect(error.code).toBe("ENOSPC");
    expect(error.message).toMatch(/^Could not write 1048576 bytes at offset \d+ of the target: full$/);
    expect(target.pending).toBe(0);
  });
});

describe("pieces as whole clusters", () => {
  const source = new TestNode(new Uint8Array(0));
  const piece = (kind: Piece["kind"], to: number, length: number): Piece => ({
    kind,
    source,
    from: to,
    to,
    length,
  });

  async function stretches(...pieces: readonly Piece[]) {
    async function* each() {
      yield* pieces;
    }
    const found: string[] = [];
    for await (const { kind, to, length, parts } of wholeClusters(each(), 100)) {
      expect(parts.reduce((at, part) => (part.to === at ? at + part.length : Number.NaN), to)).toBe(
        to + length,
      );
      found.push(`${kind} ${to}+${length} of ${parts.length}`);
    }
    return found;
  }

  it("are cut where kinds change, and are data where they are of several", async () => {
    expect(await stretches(piece("data", 0, 250), piece("zero", 250, 350))).toEqual([
      "data 0+200 of 1",
      "data 200+100 of 2",
      "zero 300+300 of 1",
    ]);
    expect(await stretches(piece("zero", 0, 10), piece("zero", 10, 20), piece("zero", 30, 80))).toEqual([
      "zero 0+100 of 3",
      "zero 100+10 of 1",
    ]);
    expect(await stretches(piece("zero", 0, 10), piece("backing", 10, 90), piece("backing", 100, 5))).toEqual(
      ["data 0+100 of 2", "backing 100+5 of 1"],
    );
  });

  it("can be cut again", () => {
    const stretch = {
      kind: "data",
      to: 100,
      length: 60,
      parts: [piece("zero", 100, 20), piece("data", 120, 40)],
    } as const;
    expect(within(stretch, 10, 30)).toEqual({
      kind: "data",
      to: 110,
      length: 20,
      parts: [piece("zero", 110, 10), piece("data", 120, 10)],
    });
    expect(within(stretch, 20, 60).parts).toEqual([piece("data", 120, 40)]);
  });
});
