// A qcow2 image that was not closed properly, opened for writing: what each policy does to it. Clusters of 4096 bytes:
// 4 L2 table, 5 and 6 data; refcounts of 16 bits from 0x2000 on.
import { expect, it } from "vitest";
import type { DirtyPolicy } from "../../../../core/block/driver.ts";
import { openGraph } from "../../../../core/graph.ts";
import { filled } from "../../../build/open.ts";
import { buildQcow2 } from "../../../build/qcow2.ts";

const C = 4096;

/** Lazy refcounts, and a crash before those of the L2 table and of data were written. */
function lazy(): Uint8Array {
  return buildQcow2({
    clusterBits: 12,
    size: 8 * C,
    clusters: new Map([
      [0, filled(C, 1)],
      [1, filled(C, 2)],
    ]),
    incompatible: 1n,
    compatible: 1n,
    refcounts: new Map([
      [4, 0n],
      [5, 0n],
      [6, 0n],
    ]),
  }).bytes;
}

async function written(dirty: DirtyPolicy) {
  const bytes = lazy();
  const spec = { driver: "qcow2", file: { driver: "memory", bytes } };
  const warnings: string[] = [];
  const graph = await openGraph(spec, { readOnly: false, dirty, warn: (text) => warnings.push(text) });
  const file = graph.nodeAt("file");
  if (!file) throw new Error("no file");
  const before = new Uint8Array(file.size);
  await file.read(0, before);
  const found = (await graph.root.check?.({}))?.corruptions;
  const failure = await graph.root.write(2 * C, filled(C, 3)).then(
    () => undefined,
    (error: Error) => error.message,
  );
  const guest = new Uint8Array(3 * C);
  await graph.root.read(0, guest);
  const dirtyAfter = graph.root.info.dirty;
  await graph.close();
  return { before: Buffer.from(before), failure, found, guest, warnings, dirtyAfter };
}

it("is repaired when that is asked for, and can be written to", async () => {
  const { before, failure, found, guest } = await written("repair");
  expect(failure).toBeUndefined();
  // Refcounts of clusters 4 to 6 are 1; the image of before had 0 there, and its dirty bit.
  expect(before.subarray(0x2008, 0x200e).toString("hex")).toBe("000100010001");
  expect(before[79]).toBe(0);
  expect(found).toBe(0);
  expect([guest[0], guest[C], guest[2 * C]]).toEqual([1, 2, 3]);
});

it("is only told of otherwise, and takes no writes", async () => {
  const { before, failure, warnings, guest } = await written("report");
  expect(Buffer.compare(before, lazy())).toBe(0);
  expect(failure).toContain("not closed properly");
  expect(warnings.join()).toContain("Nothing was repaired");
  expect([guest[0], guest[C], guest[2 * C]]).toEqual([1, 2, 0]);
});

it("is left as it is for who will repair it", async () => {
  for (const policy of ["skip", "untouched"] as const) {
    const { before, warnings } = await written(policy);
    expect(Buffer.compare(before, lazy())).toBe(0);
    expect(warnings).toEqual([]);
  }
});
