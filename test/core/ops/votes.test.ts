import { describe, expect, it } from "vitest";
import type { BlockNode } from "../../../core/block/node.ts";
import type { VoteRun } from "../../../core/ops/voteRun.ts";
import { scanVotes, type VoteJob } from "../../../core/ops/votes.ts";
import { randomBytes, seededRandom, TestNode } from "./testNode.ts";

const KiB = 1024;

async function votes(children: readonly BlockNode[], threshold: number, job: Partial<VoteJob> = {}) {
  const runs: VoteRun[] = [];
  const size = Math.max(...children.map((child) => child.size));
  const content = Buffer.alloc(size, 0xee);
  let last = { done: 0, total: 0, bytesRead: 0 };
  let contentEnd = 0;
  for await (const run of scanVotes(children, threshold, {
    signal: new AbortController().signal,
    progress: (progress) => {
      last = { ...progress };
    },
    content: (offset, length, bytes) => {
      expect(offset).toBeGreaterThanOrEqual(contentEnd);
      contentEnd = offset + length;
      if (bytes === undefined) content.fill(0, offset, offset + length);
      else content.set(bytes, offset);
      expect(bytes?.length ?? length).toBe(length);
    },
    ...job,
  })) {
    runs.push(run);
  }
  return { runs, content, last };
}

describe("scanVotes", () => {
  it("names the odd one out, sector by sector, and gives what the majority says", async () => {
    const right = randomBytes(300 * KiB, 1);
    const b = Uint8Array.from(right);
    const c = Uint8Array.from(right);
    // B is wrong in one byte of sector 3, C in sectors 4 and 5 and in the last byte.
    b[3 * 512 + 17] = (b[3 * 512 + 17] ?? 0) ^ 1;
    c.fill(0x5a, 4 * 512, 6 * 512);
    c[c.length - 1] = (c[c.length - 1] ?? 0) ^ 0x80;
    const { runs, content, last } = await votes([new TestNode(right), new TestNode(b), new TestNode(c)], 2);
    expect(runs.map(({ offset, length, winner, losers }) => ({ offset, length, winner, losers }))).toEqual([
      { offset: 1536, length: 512, winner: [0, 2], losers: [1] },
      { offset: 2048, length: 1024, winner: [0, 1], losers: [2] },
      { offset: 300 * KiB - 512, length: 512, winner: [0, 1], losers: [2] },
    ]);
    expect(Buffer.compare(content, right)).toBe(0);
    expect(last).toEqual({ done: 300 * KiB, total: 300 * KiB, bytesRead: 900 * KiB });
  });

  it("says where no group reaches the threshold, and gives nothing there", async () => {
    const [a, b, c] = [1, 2, 3].map((byte) => Buffer.alloc(4096, 9).fill(byte, 512, 1024));
    const nodes = [a, b, c].map((bytes) => new TestNode(bytes as Buffer));
    const { runs, content } = await votes(nodes, 2);
    expect(runs).toEqual([
      {
        offset: 512,
        length: 512,
        winner: [],
        losers: [0, 1, 2],
        unreadable: [],
        groups: [[2], [1], [0]],
        tied: true,
      },
    ]);
    expect([...content.subarray(512, 1024)].every((byte) => byte === 0xee)).toBe(true);
    expect([...content.subarray(1024)].every((byte) => byte === 9)).toBe(true);
  });

  it("resolves a tie as quorum does, and says that it is one", async () => {
    const [a, b] = [1, 2].map((byte) => Buffer.alloc(512, byte));
    const nodes = [a, b, a, b].map((bytes) => new TestNode(bytes as Buffer));
    const { runs } = await votes(nodes, 2);
    // The group of the highest first member (child 1) wins among groups of equal size.
    expect(runs).toMatchObject([{ winner: [1, 3], losers: [0, 2], tied: true }]);
  });

  it("reads nothing where all copies have holes, however long", async () => {
    const size = 64 * KiB;
    const holes = [{ offset: 0, length: size, state: "unallocated" as const }];
    const nodes = [1, 2, 3].map(() => new TestNode(new Uint8Array(size), { holes }));
    const { runs, last, content } = await votes(nodes, 2);
    expect(runs).toEqual([]);
    expect(last).toEqual({ done: size, total: size, bytesRead: 0 });
    expect(content.every((byte) => byte === 0)).toBe(true);
  });

  it("counts a hole and written zeroes as the same", async () => {
    const size = 8 * KiB;
    const hole = new TestNode(new Uint8Array(size), {
      holes: [{ offset: 0, length: size, state: "zero" }],
    });
    const { runs } = await votes([hole, new TestNode(new Uint8Array(size))], 2);
    expect(runs).toEqual([]);
  });

  it("narrows what a copy cannot read, and the others decide", async () => {
    const bytes = randomBytes(64 * KiB, 4);
    const broken = new TestNode(bytes, { bad: [{ offset: 8192 + 512, length: 512 }] });
    const { runs, content } = await votes([broken, new TestNode(bytes), new TestNode(bytes)], 2);
    expect(runs).toMatchObject([{ offset: 8704, length: 512, winner: [1, 2], losers: [] }]);
    expect(runs[0]?.unreadable).toMatchObject([{ child: 0 }]);
    expect(runs[0]?.unreadable[0]?.message).not.toBe("");
    expect(Buffer.compare(content, bytes)).toBe(0);
  });

  it("has no majority where too few can be read", async () => {
    const bytes = randomBytes(16 * KiB, 5);
    const bad = [{ offset: 4096, length: 512 }];
    const broken = () => new TestNode(bytes, { bad });
    const { runs } = await votes([broken(), broken(), new TestNode(bytes)], 2);
    expect(runs).toMatchObject([{ offset: 4096, length: 512, winner: [], losers: [2] }]);
    expect(runs[0]?.unreadable.map(({ child }) => child)).toEqual([0, 1]);
  });

  it("goes on behind the end of a shorter copy, to the byte", async () => {
    const bytes = randomBytes(5000, 6);
    const { runs, content } = await votes(
      [new TestNode(bytes.subarray(0, 4100)), new TestNode(bytes), new TestNode(bytes)],
      2,
    );
    expect(runs).toMatchObject([{ offset: 4100, length: 900, winner: [1, 2], losers: [] }]);
    expect(runs[0]?.unreadable).toEqual([{ child: 0, message: "the image ends at 4100 bytes" }]);
    expect(Buffer.compare(content, bytes)).toBe(0);
  });

  it("ends when cancelled and goes on from there", async () => {
    const right = randomBytes(4 * 1024 * KiB, 7);
    const wrong = Uint8Array.from(right);
    for (let at = 0; at < wrong.length; at += 64 * KiB) wrong[at] = (wrong[at] ?? 0) ^ 1;
    const nodes = [new TestNode(right), new TestNode(right), new TestNode(wrong)];
    const whole = (await votes(nodes, 2)).runs;
    expect(whole).toHaveLength(64);
    const stop = new AbortController();
    let reached = 0;
    const first: VoteRun[] = [];
    const job = {
      signal: stop.signal,
      progress: ({ done }: { done: number }) => {
        reached = done;
      },
    };
    for await (const run of scanVotes(nodes, 2, job)) {
      first.push(run);
      stop.abort();
    }
    expect(reached).toBeLessThan(right.length);
    expect(first).toEqual(whole.filter(({ offset }) => offset < reached));
    const rest = await votes(nodes, 2, { from: reached });
    expect([...first, ...rest.runs]).toEqual(whole);
  });

  it.each(Array.from({ length: 20 }, (_, seed) => seed))(
    "finds what counting every sector by hand finds (seed %i)",
    async (seed) => {
      const random = seededRandom(seed);
      const below = (limit: number) => Math.floor(random() * limit);
      const count = 2 + below(4);
      const threshold = 1 + below(count);
      const size = 40 * KiB + below(40 * KiB);
      const base = randomBytes(size, seed);
      const copies = Array.from({ length: count }, () => Uint8Array.from(base));
      for (const copy of copies) {
        for (let i = below(8); i > 0; i--) {
          const at = below(size);
          copy.fill(below(3), at, at + below(3000));
        }
      }
      const { runs } = await votes(
        copies.map((copy) => new TestNode(copy)),
        threshold,
      );
      const found = new Map<number, string>();
      for (const { offset, length, winner, losers } of runs) {
        for (let at = offset; at < offset + length; at += 512) found.set(at, `${winner}|${losers}`);
      }
      const expected = new Map<number, string>();
      for (let at = 0; at < size; at += 512) {
        const texts = copies.map((copy) => Buffer.from(copy.subarray(at, at + 512)).toString("hex"));
        if (new Set(texts).size === 1) continue;
        const votesOf = (text: string) => texts.filter((other) => other === text).length;
        const most = Math.max(...texts.map(votesOf));
        // Among the largest, the one whose first member has the highest number.
        const best = Math.max(
          ...texts.flatMap((t, i) => (votesOf(t) === most && texts.indexOf(t) === i ? [i] : [])),
        );
        const winner = most >= threshold ? texts.flatMap((t, i) => (t === texts[best] ? [i] : [])) : [];
        const losers = texts.flatMap((_, i) => (winner.includes(i) ? [] : [i]));
        expected.set(at, `${winner}|${losers}`);
      }
      expect([...found]).toEqual([...expected]);
    },
  );
});
