// Many requests at once through the drivers that keep copies of one disk: nothing hangs, the copies stay equal, and
// every fault is told once. BLKSCOPE_LOAD=full runs the whole number of requests.
import { describe, expect, it } from "vitest";
import type { NodeEvent } from "../../../core/block/events.ts";
import type { BlockNode } from "../../../core/block/node.ts";
import type { Graph } from "../../../core/graph.ts";
import { newQed } from "../../build/newQed.ts";
import { filled, firstDifference, openForTest, readAll, readRange } from "../../build/open.ts";
import { type Random, seeded } from "../../build/random.ts";

const isFull = process.env.BLKSCOPE_LOAD === "full";
const requests = isFull ? 100_000 : 3000;
const timeout = isFull ? 1_200_000 : 120_000;
const depth = 32;
const size = 2 * 1024 * 1024;
const longest = 96 * 1024;

/** Runs the requests, `depth` of them at any time. Those that fail are counted. */
async function load(node: BlockNode, random: Random): Promise<{ failed: number }> {
  let left = requests;
  let failed = 0;
  const worker = async () => {
    while (left > 0) {
      left--;
      await anyRequest(node, random).catch(() => {
        failed++;
      });
    }
  };
  await Promise.all(Array.from({ length: depth }, worker));
  return { failed };
}

function anyRequest(node: BlockNode, random: Random): Promise<void> {
  const kind = random.below(100);
  const offset = random.below(size - 1);
  const most = Math.min(longest, size - offset);
  const length = 1 + random.below(random.below(2) === 0 ? Math.min(most, 1024) : most);
  if (kind < 35) return node.read(offset, new Uint8Array(length));
  if (kind < 45) return readOverlapping(node, offset, length);
  if (kind < 80) return node.write(offset, filled(length, 1 + random.below(255)), { fua: kind < 48 });
  if (kind < 90) return node.writeZeroes(offset, length, { mayUnmap: kind < 85 });
  if (kind < 96) return node.discard(offset, length);
  return node.flush();
}

/** Into buffers that share memory. */
async function readOverlapping(node: BlockNode, offset: number, length: number): Promise<void> {
  const memory = new Uint8Array(length);
  const half = Math.floor(length / 2);
  await node.readVector?.(offset, [memory.subarray(0, half), memory.subarray(0, length - half)]);
}

function childrenOf({ root }: Graph): BlockNode[] {
  return root.children.map(({ node }) => node);
}

const raw = () => ({ driver: "raw", file: { driver: "memory", bytes: new Uint8Array(size) } });

describe("under load", () => {
  it("blkverify keeps a raw disk and a QED image alike", { timeout }, async () => {
    const qed = await newQed({ size });
    await seeded(async (random) => {
      const events: NodeEvent[] = [];
      const graph = await openForTest(
        { driver: "blkverify", raw: raw(), test: { driver: "qed", file: { driver: "file", filename: qed } } },
        { readOnly: false, event: (event) => events.push(event) },
      );
      expect(await load(graph.root, random)).toEqual({ failed: 0 });
      expect(events).toEqual([]);
      const [one, other] = await Promise.all(childrenOf(graph).map(readAll));
      expect(firstDifference(one ?? filled(0, 0), other ?? filled(1, 0))).toBeUndefined();
    });
  });

  it("blkverify keeps two raw disks alike", { timeout }, async () => {
    await seeded(async (random) => {
      const events: NodeEvent[] = [];
      const graph = await openForTest(
        { driver: "blkverify", raw: raw(), test: raw() },
        { readOnly: false, event: (event) => events.push(event) },
      );
      expect(await load(graph.root, random)).toEqual({ failed: 0 });
      expect(events).toEqual([]);
      const [one, other] = await Promise.all(childrenOf(graph).map(readAll));
      expect(firstDifference(one ?? filled(0, 0), other ?? filled(1, 0))).toBeUndefined();
    });
  });

  it("a quorum of three tells every fault of one once and mends it", { timeout }, async () => {
    await seeded(async (random) => {
      const events: NodeEvent[] = [];
      // Each fails the first request that touches its sector.
      const rules = Array.from({ length: 400 }, () => ({
        event: "none",
        sector: random.below(size / 512),
        once: true,
        immediately: random.below(2) === 0,
        errno: random.pick([5, 28]),
      }));
      const faulty = {
        driver: "raw",
        file: {
          driver: "blkdebug",
          image: { driver: "memory", bytes: new Uint8Array(size) },
          "inject-error": rules,
        },
      };
      const graph = await openForTest(
        {
          driver: "quorum",
          "vote-threshold": 2,
          "rewrite-corrupted": true,
          children: [raw(), raw(), faulty],
        },
        { readOnly: false, event: (event) => events.push(event) },
      );
      const count = (kind: NodeEvent["kind"]) => events.filter((event) => event.kind === kind).length;
      expect(await load(graph.root, random)).toEqual({ failed: 0 });
      expect(count("quorum-failure")).toBe(0);
      // Until a whole reading meets no more faults: what the failed copy missed is rewritten by then.
      for (let before = -1; before !== events.length; ) {
        before = events.length;
        for (let at = 0; at < size; at += 65536) await readRange(graph.root, at, 65536);
      }
      const faults = events.filter((event) => event.kind === "injected");
      expect(faults.length).toBeGreaterThan(100);
      const reports = events.filter(
        (event) => event.kind === "quorum-report-bad" && event.error !== undefined,
      );
      expect(reports.length).toBe(faults.length);
      expect(sectorsOf(reports)).toEqual(sectorsOf(faults));
      const [one, other, third] = await Promise.all(childrenOf(graph).map(readAll));
      expect(firstDifference(one ?? filled(0, 0), other ?? filled(1, 0))).toBeUndefined();
      expect(firstDifference(one ?? filled(0, 0), third ?? filled(1, 0))).toBeUndefined();
    });
  });
});

/** First sectors of the requests concerned, sorted. */
function sectorsOf(events: readonly NodeEvent[]): number[] {
  const sector = (event: NodeEvent) => {
    if (event.kind === "quorum-report-bad") return event.sectorNum;
    return event.kind === "injected" ? Math.floor(event.offset / 512) : -1;
  };
  return events.map(sector).sort((a, b) => a - b);
}
