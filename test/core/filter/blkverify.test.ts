import { describe, expect, it } from "vitest";
import type { MismatchEvent, NodeEvent } from "../../../core/block/events.ts";
import type { BlockNode } from "../../../core/block/node.ts";
import { failureOf, filled, openForTest, readAll, readRange } from "../../build/open.ts";

const kib = 1024;

interface Verified {
  readonly node: BlockNode;
  readonly raw: BlockNode;
  readonly test: BlockNode;
  readonly events: NodeEvent[];
}

async function open(raw: object, test: object, options: object = {}): Promise<Verified> {
  const events: NodeEvent[] = [];
  const graph = await openForTest(
    { driver: "blkverify", raw, test, ...options },
    { readOnly: false, event: (event) => events.push(event) },
  );
  const [rawNode, testNode] = [graph.nodeAt("raw"), graph.nodeAt("test")];
  if (!rawNode || !testNode) throw new Error("two children were opened");
  return { node: graph.root, raw: rawNode, test: testNode, events };
}

const disk = (bytes: Uint8Array) => ({ driver: "memory", bytes });
const pair = (length = 64 * kib) => [disk(filled(length, 7)), disk(filled(length, 7))] as const;

describe("blkverify", () => {
  it("gives what both read, and says nothing, while they agree", async () => {
    const { node, events } = await open(...pair());
    expect(await readRange(node, 1000, 3000)).toEqual(filled(3000, 7));
    expect(events).toEqual([]);
  });

  it("compares a node with itself, which options may name twice", async () => {
    const graph = await openForTest(
      { driver: "blkverify", raw: { "node-name": "one", ...disk(filled(4 * kib, 7)) }, test: "one" },
      { readOnly: false },
    );
    await graph.root.write(512, filled(512, 9));
    expect(await readRange(graph.root, 512, 1024)).toEqual(
      Uint8Array.of(...filled(512, 9), ...filled(512, 7)),
    );
  });

  it("tells of a copy that goes away in the middle of a request", async () => {
    const dying = { driver: "raw", file: { driver: "blkdebug", image: disk(filled(4 * kib, 7)) } };
    const { node, test, events } = await open(disk(filled(4 * kib, 7)), dying);
    const debug = test.children[0]?.node;
    debug?.breakpoints?.add("read_aio", "here");
    const read = failureOf(readRange(node, 0, 512));
    await debug?.breakpoints?.waitFor("here");
    await debug?.children[0]?.node.close();
    debug?.breakpoints?.resume("here");
    expect((await read).code).toBe("EMISMATCH");
    // EINVAL is 22.
    expect(events.filter(({ kind }) => kind === "mismatch")).toMatchObject([
      { text: "blkverify: read offset=0 bytes=512 return value mismatch -22 != 0", reference: undefined },
    ]);
  });

  it("names the first differing byte and its sector, in the words of both releases of the peer", async () => {
    const { node, test, events } = await open(...pair());
    await test.write(5000, Uint8Array.of(9));
    await test.write(6000, Uint8Array.of(9));
    const error = await failureOf(readRange(node, 4096, 4096));
    expect(error).toMatchObject({ code: "EMISMATCH", context: { offset: 5000, length: 1 } });
    expect(events).toHaveLength(1);
    const event = events[0] as MismatchEvent;
    // 4096 / 512 = 8; 4096 bytes are 8 sectors; 5000 / 512 = 9.77.
    expect(event.text).toBe("blkverify: read offset=4096 bytes=4096 contents mismatch at offset 5000");
    expect(event.sectorText).toBe("blkverify: read sector_num=8 nb_sectors=8 contents mismatch in sector 9");
    const { difference } = event;
    expect(difference).toMatchObject({ offset: 5000, sector: 9, windowOffset: 9 * 512 });
    const at = 5000 - 9 * 512;
    expect([difference?.referenceBytes[at], difference?.testBytes[at]]).toEqual([7, 9]);
  });

  it.each([
    ["test", 9],
    ["raw", 7],
  ])("goes on with the bytes of %s when it is told to report", async (answer, byte) => {
    const { node, test, events } = await open(...pair(), { "on-mismatch": "report", answer });
    await test.write(100, Uint8Array.of(9));
    expect((await readRange(node, 0, 512))[100]).toBe(byte);
    expect((await readRange(node, 0, 512))[100]).toBe(byte);
    expect(events).toHaveLength(2);
  });

  it("does not compare what both failed to read, and compares how they ended", async () => {
    const failing = (bytes: Uint8Array, errno: number) => ({
      driver: "blkdebug",
      image: disk(bytes),
      "inject-error": [{ event: "none", errno, iotype: "read" }],
    });
    const bytes = filled(8 * kib, 1);
    const both = await open(failing(bytes, 5), { ...failing(filled(8 * kib, 2), 5) });
    const error = await failureOf(readRange(both.node, 0, 512));
    expect(error.code).toBe("EIO");
    expect(both.events.filter(({ kind }) => kind === "mismatch")).toEqual([]);

    const one = await open(disk(bytes), failing(bytes, 28));
    expect((await failureOf(readRange(one.node, 0, 512))).code).toBe("EMISMATCH");
    const event = one.events.find(({ kind }) => kind === "mismatch") as MismatchEvent;
    expect(event.text).toBe("blkverify: read offset=0 bytes=512 return value mismatch -28 != 0");
    expect(event.test?.code).toBe("ENOSPC");
  });

  it("brings writes, zeroes and discards to both", async () => {
    const { node, raw, test } = await open(...pair());
    await node.write(10, filled(1000, 3));
    await node.writeZeroes(20_000, 5000);
    await node.discard(40_000, 5000);
    await node.flush();
    const [a, b] = [await readAll(raw), await readAll(test)];
    expect(Buffer.compare(a, b)).toBe(0);
    expect([a[9], a[10], a[1009], a[1010]]).toEqual([7, 3, 3, 7]);
    expect([a[19_999], a[20_000], a[24_999], a[25_000]]).toEqual([7, 0, 0, 7]);
    expect(a[40_000]).toBe(0);
  });

  it("keeps both in one order when overlapping writes are under way at once", async () => {
    const { node, raw, test } = await open(...pair());
    const writes = Array.from({ length: 200 }, (_, i) => node.write((i * 37) % 900, filled(500, i % 256)));
    await Promise.all(writes);
    expect(Buffer.compare(await readAll(raw), await readAll(test))).toBe(0);
  });

  it("refuses children of different lengths, but for the sector in which a raw file ends", async () => {
    const wanted = { driver: "blkverify", raw: disk(filled(4096, 0)), test: disk(filled(8192, 0)) };
    expect((await failureOf(openForTest(wanted))).message).toContain("4096");
    const { node } = await open(disk(filled(1000, 7)), disk(Buffer.concat([filled(1000, 7), filled(24, 0)])));
    expect((await readRange(node, 900, 124))[100]).toBe(0);
  });

  it("reads into buffers that overlap as if they were filled in order", async () => {
    const { node } = await open(
      disk(Uint8Array.from({ length: 64 }, (_, i) => i)),
      disk(Uint8Array.from({ length: 64 }, (_, i) => i)),
    );
    const memory = new Uint8Array(16);
    // 8 bytes from 0, then 8 bytes from 8 into the memory from 4 on: bytes 4 to 7 are overwritten.
    await node.readVector?.(0, [memory.subarray(0, 8), memory.subarray(4, 12)]);
    expect([...memory]).toEqual([0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 0, 0, 0, 0]);
  });
});
