// What becomes of a QED image that is marked as not properly closed when it is opened for writing.
import * as fs from "node:fs";
import { describe, expect, it } from "vitest";
import type { DirtyPolicy } from "../../../core/block/driver.ts";
import type { NodeEvent } from "../../../core/block/events.ts";
import { openGraph } from "../../../core/graph.ts";
import { newQed } from "../../build/newQed.ts";
import { failureOf, filled, firstDifference, readRange } from "../../build/open.ts";

const kib = 1024;

/** 256 KiB of data; `change` gets the offset of the L2 table. */
async function dirtyImage(change: (fd: number, l2: number) => void = () => {}): Promise<string> {
  const name = await newQed({ size: 1024 * kib });
  const graph = await openGraph(
    { driver: "qed", file: { driver: "file", filename: name } },
    { readOnly: false },
  );
  await graph.root.write(0, filled(256 * kib, 7));
  await graph.close();
  const bytes = fs.readFileSync(name);
  const fd = fs.openSync(name, "r+");
  fs.writeSync(fd, Uint8Array.of(2), 0, 1, 16);
  change(fd, Number(bytes.readBigUInt64LE(Number(bytes.readBigUInt64LE(40)))));
  fs.closeSync(fd);
  return name;
}

const isMarked = (name: string) => fs.readFileSync(name)[16] === 2;
const pastEnd = (fd: number, l2: number) => void fs.writeSync(fd, Uint8Array.of(0, 0, 0, 0x7f), 0, 4, l2 + 8);
/** The second entry as the first: a cluster that is used twice. */
const twice = (fd: number, l2: number) => {
  const entry = new Uint8Array(8);
  fs.readSync(fd, entry, 0, 8, l2);
  fs.writeSync(fd, entry, 0, 8, l2 + 8);
};

function expectSame(a: Uint8Array, b: Uint8Array): void {
  expect(firstDifference(a, b)).toBeUndefined();
}

async function open(name: string, dirty: DirtyPolicy, readOnly = false) {
  const warnings: string[] = [];
  const events: NodeEvent[] = [];
  const graph = await openGraph(
    { driver: "qed", file: { driver: "file", filename: name } },
    { readOnly, dirty, warn: (message) => warnings.push(message), event: (event) => events.push(event) },
  );
  return { graph, warnings, events };
}

describe("an image that was not closed properly", () => {
  it("is opened read-only as it is, and stays as it is", async () => {
    const name = await dirtyImage(pastEnd);
    const before = fs.readFileSync(name);
    const { graph, warnings } = await open(name, "report", true);
    expect(await readRange(graph.root, 0, 512)).toEqual(filled(512, 7));
    expect((await failureOf(readRange(graph.root, 64 * kib, 512))).code).toBe("ECORRUPT");
    await graph.close();
    expectSame(fs.readFileSync(name), before);
    expect(warnings).toEqual([]);
  });

  it("loses its mark when a check finds nothing wrong", async () => {
    const name = await dirtyImage();
    const { graph, warnings } = await open(name, "report");
    expect(warnings).toEqual(["The image was not closed properly; its tables are consistent"]);
    expect(isMarked(name)).toBe(false);
    expect(graph.root.info.dirty).toBe(false);
    await graph.close();
  });

  it("is reported and not repaired by default, and takes no new clusters", async () => {
    const name = await dirtyImage(pastEnd);
    const before = fs.readFileSync(name);
    const { graph, warnings, events } = await open(name, "report");
    expect(events).toMatchObject([
      { kind: "finding", node: "top", finding: { code: "l2-entry-past-end", entry: 1 } },
      { kind: "finding", node: "top", finding: { kind: "leak" } },
    ]);
    // One bad entry, and the cluster it had pointed to.
    expect(warnings[0]).toContain("1 corruption, 1 leaked cluster. Nothing was repaired");
    expectSame(fs.readFileSync(name), before);
    // A table entry past the end would point to whatever the image grows by.
    expect((await failureOf(graph.root.write(512 * kib, filled(512, 1)))).code).toBe("ECORRUPT");
    await graph.root.write(0, filled(512, 7));
    await graph.close();
    expectSame(fs.readFileSync(name), before);
  });

  it("is repaired when that was asked for", async () => {
    const name = await dirtyImage(pastEnd);
    const { graph, warnings } = await open(name, "repair");
    expect(warnings).toEqual([]);
    expect(isMarked(name)).toBe(false);
    expect(await readRange(graph.root, 64 * kib, 512)).toEqual(filled(512, 0));
    expect(await readRange(graph.root, 128 * kib, 512)).toEqual(filled(512, 7));
    await graph.close();
  });

  it("keeps its mark when a repair can't mend everything", async () => {
    const name = await dirtyImage(twice);
    const { graph } = await open(name, "repair");
    await graph.root.write(512 * kib, filled(512, 1));
    await graph.close();
    expect(isMarked(name)).toBe(true);
  });

  it("is left to a caller who is about to check it", async () => {
    const name = await dirtyImage(pastEnd);
    const before = fs.readFileSync(name);
    const { graph, warnings } = await open(name, "skip");
    await graph.close();
    expectSame(fs.readFileSync(name), before);
    expect(warnings).toEqual([]);
  });
});
