// Dirty bitmaps of damaged sources, which the stock program does not open at all: what is copied of them, and what is said.
import { expect, it, onTestFinished } from "vitest";
import type { ImageSpec } from "../../../core/block/driver.ts";
import type { BlockNode } from "../../../core/block/node.ts";
import { openGraph } from "../../../core/graph.ts";
import { bitmapsToCopy, copyBitmaps, expectRoomForBitmaps } from "../../../core/ops/copyBitmaps.ts";
import { failureOf, filled, readAll } from "../../build/open.ts";
import { buildQcow2 } from "../../build/qcow2.ts";

const C = 65536;
const usual = new AbortController().signal;

async function open(bytes: Uint8Array): Promise<BlockNode> {
  const spec = { driver: "qcow2", file: { driver: "memory", bytes } };
  const graph = await openGraph(spec as ImageSpec, { readOnly: false, warn: () => undefined });
  onTestFinished(() => graph.close().catch(() => undefined));
  return graph.root;
}

/** An image with the bitmaps "a" (off, bits of the first 4096 bytes) and "b", and where their directory lies. */
async function imageWithTwo(): Promise<{ bytes: Uint8Array; directory: number }> {
  const node = await open(buildQcow2({ size: 10 * C }).bytes);
  await node.bitmaps?.add("a", 4096);
  await node.write(0, filled(512, 1));
  await node.bitmaps?.disable("a");
  await node.bitmaps?.add("b", undefined);
  await node.flush();
  const bytes = await readAll(node.children[0]?.node as BlockNode);
  // The entry of "a" in the header extension: type 0x23852875, length 24, then count, 4 bytes, size, offset.
  const header = Buffer.from(bytes.subarray(0, 4096));
  const at = header.indexOf(Buffer.from("23852875", "hex"));
  return { bytes, directory: Number(header.readBigUInt64BE(at + 8 + 16)) };
}

it("lists bitmaps in the image's order, and copies them recording or not", async () => {
  const source = await open((await imageWithTwo()).bytes);
  const wanted = await bitmapsToCopy(source, undefined);
  expect(wanted).toEqual([
    { name: "a", granularity: 4096, isEnabled: false, isInconsistent: false },
    { name: "b", granularity: C, isEnabled: true, isInconsistent: false },
  ]);
  const target = await open(buildQcow2({ size: 10 * C }).bytes);
  await expectRoomForBitmaps(wanted, source, target);
  await copyBitmaps(wanted, source, target, usual);
  expect(await target.bitmaps?.list()).toEqual(wanted);
  const ranges = [];
  for await (const range of (await target.bitmaps?.read("a"))?.ranges() ?? []) ranges.push(range);
  expect(ranges).toEqual([{ offset: 0, length: 4096 }]);
});

it("leaves out one whose table breaks a rule when that is asked for, and else names it", async () => {
  const { bytes, directory } = await imageWithTwo();
  // Entries of the table of "a": 2, where one speaks of the whole disk.
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(directory + 8, 2);
  const source = await open(bytes);
  const error = await failureOf(bitmapsToCopy(source, undefined));
  expect(error).toMatchObject({ code: "ECORRUPT", message: expect.stringContaining("'a'") });
  expect(error.context.hint).toContain("--skip-broken-bitmaps");
  const skipped: string[] = [];
  const wanted = await bitmapsToCopy(source, (name) => skipped.push(name));
  expect(wanted.map(({ name }) => name)).toEqual(["b"]);
  expect(skipped).toEqual(["a"]);
});

it("does not take a directory that can't be read for one without bitmaps", async () => {
  const { bytes, directory } = await imageWithTwo();
  // The type of the first entry has to be 1.
  bytes[directory + 16] = 7;
  const source = await open(bytes);
  const error = await failureOf(bitmapsToCopy(source, undefined));
  expect(error).toMatchObject({ code: "ECORRUPT", message: "Broken bitmap directory" });
  expect(await bitmapsToCopy(source, () => undefined)).toEqual([]);
});

it("stops between two bitmaps when it is cancelled", async () => {
  const source = await open((await imageWithTwo()).bytes);
  const target = await open(buildQcow2({ size: 10 * C }).bytes);
  const wanted = await bitmapsToCopy(source, undefined);
  const error = await failureOf(copyBitmaps(wanted, source, target, AbortSignal.abort()));
  expect(error).toMatchObject({ code: "ECANCELED" });
  expect(await target.bitmaps?.list()).toEqual([]);
});
