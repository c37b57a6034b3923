// Each write that an operation on a QED image makes is failed in turn: afterwards the image opens, a check finds leaks
// at most, and what no failed request touched is as it was.
import * as fs from "node:fs";
import { describe, expect, it } from "vitest";
import type { NodeEvent } from "../../../core/block/events.ts";
import type { BlockNode } from "../../../core/block/node.ts";
import { openGraph } from "../../../core/graph.ts";
import { newQed } from "../../build/newQed.ts";
import { filled, openForTest, readRange } from "../../build/open.ts";
import { tempFile } from "../../build/temp.ts";

const kib = 1024;
const size = 512 * kib;
const clusterSize = 4 * kib;
/** Before each operation: 3 in the clusters 16 to 31; the base below, where there is one, holds 1. */
const [oldStart, oldEnd, oldByte] = [64 * kib, 128 * kib, 3];
const baseByte = 1;

const operations: readonly (readonly [what: string, run: (node: BlockNode) => Promise<void>])[] = [
  ["a write into a new cluster", (node) => node.write(1000, filled(100, 9))],
  ["a write over many new clusters", (node) => node.write(200 * kib + 5, filled(90 * kib, 9))],
  ["a write over old and new clusters", (node) => node.write(100 * kib, filled(60 * kib, 9))],
  ["a write into an old cluster", (node) => node.write(70 * kib, filled(100, 9))],
  ["zeroes over old and new clusters", (node) => node.writeZeroes(120 * kib, 40 * kib, { mayUnmap: true })],
  ["zeroes in a part of a cluster", (node) => node.writeZeroes(300 * kib + 7, 100)],
  [
    "several writes at once",
    async (node) => {
      const writes = [0, 150, 160, 300, 500].map((at) => node.write(at * kib, filled(6 * kib, 9)));
      await Promise.allSettled(writes);
      await node.flush();
    },
  ],
  ["a longer disk", (node) => node.resize(size + 64 * kib)],
];

/** Rules under which the k-th write of the node above fails, counted from the first after opening. */
function failsWrite(k: number): object {
  const steps = ["pwritev", "pwritev_zero"];
  return {
    "set-state": steps.flatMap((event) =>
      Array.from({ length: k - 1 }, (_, i) => ({ event, state: i + 1, new_state: i + 2 })),
    ),
    "inject-error": steps.map((event) => ({ event, state: k, once: true, errno: 28 })),
  };
}

describe.each([
  ["without a backing file", false],
  ["over a backing file", true],
])("every write failed in turn, %s", (_, hasBacking) => {
  it.each(operations)("of %s", async (_, run) => {
    let counted = 0;
    for (let k = 1, injected = true; injected; k++) {
      injected = await failAt(k, run, hasBacking);
      counted++;
    }
    // The last round had nothing left to fail.
    expect(counted).toBeGreaterThan(1);
  });
});

/** Answers whether there was a k-th write. */
async function failAt(
  k: number,
  run: (node: BlockNode) => Promise<void>,
  hasBacking: boolean,
): Promise<boolean> {
  const filename = await image(hasBacking);
  const events: NodeEvent[] = [];
  const graph = await openGraph(
    {
      driver: "qed",
      file: { driver: "blkdebug", image: { driver: "file", filename }, ...failsWrite(k) },
    },
    { readOnly: false, backing: "open", event: (event) => events.push(event) },
  );
  const before = await contents(graph.root, size);
  await run(graph.root).catch(() => undefined);
  const during = await contents(graph.root, Math.min(size, graph.root.size));
  await graph.close().catch(() => undefined);
  const after = await openForTest({ driver: "qed", file: { driver: "file", filename } }, { backing: "open" });
  const kinds = new Set<string>();
  const result = await after.root.check?.({ finding: ({ kind }) => void kinds.add(kind) });
  expect({ k, corruptions: result?.corruptions, checkErrors: result?.checkErrors }).toEqual({
    k,
    corruptions: 0,
    checkErrors: 0,
  });
  expect([...kinds].filter((kind) => kind !== "leak")).toEqual([]);
  const now = await contents(after.root, size);
  // What a guest reads after the fault it reads after the next start, and each byte is the old one or the new one.
  expect({ k, differsAt: firstUnlike(now, [during]) }).toEqual({ k, differsAt: undefined });
  const meant = [before, filled(size, 9), filled(size, 0)];
  expect({ k, differsAt: firstUnlike(now, meant) }).toEqual({ k, differsAt: undefined });
  return events.some(({ kind }) => kind === "injected");
}

async function image(hasBacking: boolean): Promise<string> {
  const base = hasBacking ? tempFile("base.raw", filled(size, baseByte)) : undefined;
  const filename = await newQed({
    size,
    options: { cluster_size: clusterSize, table_size: 1 },
    ...(base !== undefined && { backing: { filename: base, format: "raw" } }),
  });
  expect(fs.existsSync(filename)).toBe(true);
  const graph = await openGraph(
    { driver: "qed", file: { driver: "file", filename } },
    { readOnly: false, backing: "open" },
  );
  await graph.root.write(oldStart, filled(oldEnd - oldStart, oldByte));
  await graph.close();
  return filename;
}

function contents(node: BlockNode, length: number): Promise<Uint8Array> {
  return readRange(node, 0, length);
}

/** The first byte that none of the others has in its place. */
function firstUnlike(bytes: Uint8Array, others: readonly Uint8Array[]): number | undefined {
  const at = bytes.findIndex((byte, i) => others.every((other) => other[i] !== byte));
  return at < 0 ? undefined : at;
}
