import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import type { MismatchEvent, VoteEvent } from "../../../core/block/events.ts";
import { givenOptions } from "../../../core/jobs/givenOptions.ts";
import { EventLog, type ImageEvents } from "../../../core/jobs/imageEvents.ts";
import { Session } from "../../../core/jobs/session.ts";
import { tempDir } from "../../build/temp.ts";

const vote = (sectorNum: number, child = "children.1"): VoteEvent => ({
  kind: "quorum-report-bad",
  node: "top",
  type: "read",
  nodeName: child,
  child,
  error: undefined,
  sectorNum,
  sectorsCount: 8,
});
const mismatch = (offset: number, at: number): MismatchEvent => ({
  kind: "mismatch",
  node: "top",
  driver: "blkverify",
  op: "read",
  offset,
  length: 4096,
  reference: undefined,
  test: undefined,
  stops: true,
  difference: {
    offset: at,
    sector: Math.floor(at / 512),
    windowOffset: at,
    referenceBytes: new Uint8Array(1),
    testBytes: new Uint8Array(1),
  },
  text: `blkverify: read offset=${offset} bytes=4096 contents mismatch at offset ${at}`,
  sectorText: "",
});
const atRoot = () => "";

it("counts the same byte seen by another request, and lists another byte", () => {
  const log = new EventLog();
  for (const event of [mismatch(0, 100), mismatch(96, 100), mismatch(0, 101)]) log.add(event, atRoot);
  expect(log.take(7)).toMatchObject({
    image: 7,
    more: 0,
    events: [
      { id: 0, at: 100, times: 2, offset: 0 },
      { id: 1, at: 101, times: 1 },
    ],
  });
});

it("tells only what is new, and what is seen again with its new count", () => {
  const log = new EventLog();
  log.add(vote(0), atRoot);
  log.add(vote(0, "children.2"), atRoot);
  expect(log.take(1)?.events).toHaveLength(2);
  expect(log.take(1)).toBeUndefined();
  log.add(vote(4), atRoot);
  expect(log.take(1)?.events).toMatchObject([
    { id: 0, times: 2, about: "children.1", text: "children.1 was outvoted" },
  ]);
});

it("keeps no more than its limit and says how many more there were", () => {
  const log = new EventLog(3);
  // Places 64 KiB apart: 128 sectors.
  for (let index = 0; index < 10; index++) log.add(vote(index * 128), atRoot);
  expect(log.take(1)).toMatchObject({ more: 7, events: [{ id: 0 }, { id: 1 }, { id: 2 }] });
  log.add(vote(9 * 128), atRoot);
  expect(log.take(1)).toMatchObject({ more: 8, events: [] });
});

it("names the options a node was given, without files and children", () => {
  const spec = {
    driver: "quorum",
    children: [
      { driver: "raw", offset: 512, file: { driver: "file", filename: "/a", locking: "off" } },
      { driver: "raw", file: { driver: "file", filename: "/b" } },
    ],
    "vote-threshold": "2",
    blkverify: false,
  };
  expect(givenOptions(spec, "")).toEqual([
    ["vote-threshold", "2"],
    ["blkverify", "off"],
  ]);
  expect(givenOptions(spec, "children.0")).toEqual([["offset", "512"]]);
  expect(givenOptions(spec, "children.0/file")).toEqual([["locking", "off"]]);
  expect(givenOptions(spec, "children.0/backing")).toEqual([]);
  expect(givenOptions("disk.qed", "")).toEqual([]);
});

it("describes the nodes of an image and tells what they notice while it is read", async () => {
  const folder = tempDir();
  const write = (name: string, bytes: Uint8Array) => {
    writeFileSync(join(folder, name), bytes);
    return { driver: "file", filename: join(folder, name) };
  };
  const raw = write("a.raw", Buffer.alloc(8192, 1));
  const test = { driver: "raw", file: write("b.raw", Buffer.alloc(8192, 1).fill(2, 5000, 5001)) };
  const told: ImageEvents[] = [];
  const session = new Session(({ events }) => told.push(events));
  const opened = await session.calls.open({
    spec: { driver: "blkverify", raw, test, "on-mismatch": "report" },
  });
  expect(opened.nodes.map(({ path, role, driver }) => [path, role, driver])).toEqual([
    ["", undefined, "blkverify"],
    ["raw", "data", "file"],
    ["test", "data", "raw"],
    ["test/file", "file", "file"],
  ]);
  expect(opened.nodes[0]).toMatchObject({
    options: [["on-mismatch", "report"]],
    readOnly: true,
    name: "top",
  });
  expect(opened.nodes[3]).toMatchObject({ file: join(folder, "b.raw"), dirty: false });
  await session.calls.read({ image: opened.image, node: "", offset: 0, length: 8192 });
  await vi.waitFor(() => expect(told).toHaveLength(1), { timeout: 20_000 });
  expect(told[0]).toMatchObject({
    image: opened.image,
    events: [{ kind: "mismatch", node: "", at: 5000, op: "read" }],
  });
  await session.close();
});
