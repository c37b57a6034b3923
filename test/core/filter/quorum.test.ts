import { describe, expect, it } from "vitest";
import type { NodeEvent } from "../../../core/block/events.ts";
import { failureOf, filled, openForTest, readAll, readRange } from "../../build/open.ts";

const kib = 1024;
const disk = (value: number, length = 64 * kib) => ({ driver: "memory", bytes: filled(length, value) });
const broken = (value: number, errno: number, iotype: string) => ({
  driver: "blkdebug",
  image: disk(value),
  "inject-error": [{ event: "none", errno, iotype }],
});

async function open(children: readonly object[], threshold: number, options: object = {}) {
  const events: NodeEvent[] = [];
  const graph = await openForTest(
    { driver: "quorum", children, "vote-threshold": threshold, ...options },
    { readOnly: false, event: (event) => event.kind !== "injected" && events.push(event) },
  );
  const child = (index: number) => {
    const node = graph.root.children[index]?.node;
    if (!node) throw new Error(`there is no child ${index}`);
    return node;
  };
  return { node: graph.root, child, events };
}

describe("a copy that goes away in the middle of a request", () => {
  const dying = { driver: "raw", file: { driver: "blkdebug", image: disk(1) } };

  /** Its write has reached the copy and waits there when the copy is closed. */
  async function writeWhileClosing(threshold: number) {
    const { node, child, events } = await open([disk(1), disk(1), dying], threshold);
    const debug = child(2).children[0]?.node;
    const image = debug?.children[0]?.node;
    debug?.breakpoints?.add("write_aio", "here");
    const written = node.write(0, filled(1024, 9));
    await debug?.breakpoints?.waitFor("here");
    await image?.close();
    debug?.breakpoints?.resume("here");
    return { node, written, events };
  }

  it("is reported, and the others go on", async () => {
    const { node, written, events } = await writeWhileClosing(2);
    await written;
    expect(await readRange(node, 0, 2048)).toEqual(Uint8Array.of(...filled(1024, 9), ...filled(1024, 1)));
    expect(events.filter(({ kind }) => kind === "quorum-report-bad")).toMatchObject([
      { type: "write", child: "children.2", error: expect.any(String), sectorNum: 0, sectorsCount: 2 },
      { type: "read", child: "children.2", error: expect.any(String), sectorNum: 0, sectorsCount: 4 },
    ]);
  });

  it("fails the request where it was needed", async () => {
    const { written, events } = await writeWhileClosing(3);
    expect((await failureOf(written)).code).toBe("EINVAL");
    expect(events.at(-1)).toMatchObject({ kind: "quorum-failure", sectorNum: 0, sectorsCount: 2 });
  });
});

describe("quorum", () => {
  it("answers with the majority and reports who was outvoted", async () => {
    const { node, events } = await open([disk(1), disk(1), disk(2)], 2);
    // 1000 to 1600 touches the sectors 1, 2 and 3.
    expect(await readRange(node, 1000, 600)).toEqual(filled(600, 1));
    expect(events).toEqual([
      {
        kind: "quorum-report-bad",
        node: "top",
        type: "read",
        nodeName: "children.2",
        child: "children.2",
        error: undefined,
        sectorNum: 1,
        sectorsCount: 3,
      },
    ]);
  });

  it("fails without a majority, and says so once", async () => {
    const { node, events } = await open([disk(1), disk(2), disk(3)], 2);
    expect((await failureOf(readRange(node, 0, 512))).code).toBe("EIO");
    expect(events).toEqual([
      { kind: "quorum-failure", node: "top", reference: "top", sectorNum: 0, sectorsCount: 1 },
    ]);
  });

  it("lets the group that was seen last win among equal ones, and reports in that order", async () => {
    const { node, events } = await open([disk(1), disk(2), disk(1), disk(2), disk(3)], 1);
    expect(await readRange(node, 0, 512)).toEqual(filled(512, 2));
    const losers = events.map((event) => event.kind === "quorum-report-bad" && event.child);
    // Groups by their first member from the last: {4}, {1, 3} (wins), {0, 2}; members from the last.
    expect(losers).toEqual(["children.4", "children.2", "children.0"]);
  });

  it("counts a child that fails as absent and reports its error", async () => {
    const { node, events } = await open([broken(1, 5, "read"), disk(1), disk(1)], 2);
    expect(await readRange(node, 0, 512)).toEqual(filled(512, 1));
    expect(events).toMatchObject([
      { kind: "quorum-report-bad", child: "children.0", error: "Input/output error" },
    ]);
  });

  it("fails with the error most children have, among equals the last one's", async () => {
    const children = [broken(1, 5, "read"), disk(1), broken(1, 28, "read")];
    const { node } = await open(children, 2);
    expect((await failureOf(readRange(node, 0, 512))).code).toBe("ENOSPC");
  });

  it("rewrites the losers, and only them, when asked to", async () => {
    const { node, child } = await open([disk(2), disk(1), disk(1)], 2, { "rewrite-corrupted": true });
    await readRange(node, 4096, 1024);
    const bytes = await readAll(child(0));
    expect([bytes[4095], bytes[4096], bytes[5119], bytes[5120]]).toEqual([2, 1, 1, 2]);
  });

  it("writes to all, and succeeds when the threshold did", async () => {
    const { node, child, events } = await open([disk(1), broken(1, 28, "write"), disk(1)], 2);
    await node.write(100, filled(50, 9));
    expect((await readAll(child(0)))[100]).toBe(9);
    expect((await readAll(child(2)))[149]).toBe(9);
    expect(events).toMatchObject([{ type: "write", child: "children.1", error: "No space left on device" }]);
    const worse = await open([disk(1), broken(1, 28, "write"), broken(1, 28, "write")], 2);
    expect((await failureOf(worse.node.write(0, filled(512, 1)))).code).toBe("ENOSPC");
    expect(worse.events.map(({ kind }) => kind)).toEqual([
      "quorum-report-bad",
      "quorum-report-bad",
      "quorum-failure",
    ]);
  });

  it("decides a flush by the threshold", async () => {
    const fine = await open([disk(1), disk(1), broken(1, 5, "flush")], 2);
    await fine.node.flush();
    expect(fine.events).toMatchObject([
      { type: "flush", child: "children.2", sectorNum: 0, sectorsCount: 0 },
    ]);
    const bad = await open([disk(1), broken(1, 5, "flush")], 2);
    expect((await failureOf(bad.node.flush())).code).toBe("EIO");
  });

  it("asks one after the other with read-pattern=fifo", async () => {
    const { node, events } = await open([broken(1, 5, "read"), disk(2), disk(3)], 3, {
      "read-pattern": "fifo",
    });
    expect(await readRange(node, 0, 512)).toEqual(filled(512, 2));
    expect(events).toMatchObject([{ kind: "quorum-report-bad", child: "children.0" }]);
  });

  it("compares two children in blkverify mode", async () => {
    const { node, events, child } = await open([disk(1), disk(1)], 2, { blkverify: "on" });
    await child(1).write(700, Uint8Array.of(8));
    expect((await failureOf(readRange(node, 512, 512))).code).toBe("EMISMATCH");
    expect(events).toMatchObject([{ text: "quorum: offset=512 bytes=512 contents mismatch at offset 700" }]);
  });

  it("is zero only where every child is", async () => {
    const { node } = await open([{ driver: "null-co", size: 65536, "read-zeroes": true }, disk(0)], 1);
    expect((await node.extentAt(0, 65536)).state).toBe("data");
    const zeroes = { driver: "null-co", size: 65536, "read-zeroes": true };
    const both = await open([zeroes, zeroes], 1);
    expect(await both.node.extentAt(4096, 8192)).toMatchObject({ state: "zero", length: 8192 });
  });

  it.each([
    [{ children: [] }, 1, "Number of provided children must be 1 or more"],
    [{}, 0, "Parameter 'vote-threshold' expects a value >= 1"],
    [{}, 3, "threshold may not exceed children count"],
    [{ "read-pattern": "newest" }, 1, "Please set read-pattern as fifo or quorum"],
    [
      { blkverify: true },
      1,
      "blkverify=on can only be set if there are exactly two files and vote-threshold is 2",
    ],
    [
      { blkverify: true, "rewrite-corrupted": true },
      2,
      "rewrite-corrupted=on cannot be used with blkverify=on",
    ],
    [{ children: { 0: disk(1), 2: disk(1) } }, 1, "must be a list of nodes"],
  ])("refuses options that contradict each other, case %#", async (options, threshold, message) => {
    const error = await failureOf(open([disk(1), disk(1)], threshold, options));
    expect(error.message).toContain(message);
  });

  it("refuses copies of different lengths", async () => {
    expect((await failureOf(open([disk(1), disk(1, 32 * kib)], 1))).code).toBe("EIO");
  });

  it("takes children in and lets them go while it runs, but not below the threshold", async () => {
    const { node, events } = await open([disk(1), disk(2)], 2);
    await node.childSet?.add(disk(2));
    expect(await readRange(node, 0, 512)).toEqual(filled(512, 2));
    expect(events).toMatchObject([{ child: "children.0" }]);
    await node.childSet?.remove("children.0");
    expect(node.children.map(({ name }) => name)).toEqual(["children.1", "children.2"]);
    const error = await failureOf(node.childSet?.remove("children.1") ?? Promise.resolve());
    expect(error.message).toBe("The number of children cannot be lower than the vote threshold 2");
    await node.childSet?.add(disk(7));
    expect(node.children.at(-1)?.name).toBe("children.3");
    expect((await failureOf(node.childSet?.add(disk(1, 512)) ?? Promise.resolve())).code).toBe("EIO");
  });
});
