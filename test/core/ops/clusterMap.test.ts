import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { MessageChannel } from "node:worker_threads";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { ClusterMarks, maxMappedClusters } from "../../../core/block/clusterMarks.ts";
import { kindWords } from "../../../core/block/kindWords.ts";
import { clusterKinds, firstProblem, kindNumber } from "../../../core/block/structure.ts";
import { startJob, startThread } from "../../../core/jobs/client.ts";
import type { Answers, Port } from "../../../core/jobs/contract.ts";
import { portOfChannel } from "../../../core/jobs/port.ts";
import { runJob } from "../../../core/jobs/run.ts";
import { serveJob } from "../../../core/jobs/serve.ts";
import { longestTile } from "../../../core/ops/cells.ts";
import { mapClusters } from "../../../core/ops/clusterMap.ts";
import type { MapItem, MapSummary } from "../../../core/ops/mapRun.ts";
import { failureOf, openBytes, openForTest } from "../../build/open.ts";
import { buildQed } from "../../build/qed.ts";
import { seeded } from "../../build/random.ts";
import { buildThreads } from "../../build/threads.ts";

const KiB = 1024;
const quiet = () => ({ signal: new AbortController().signal, progress: () => undefined });
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "blkscope-map-"));
beforeAll(buildThreads);
afterEach(() => vi.restoreAllMocks());
afterAll(() => fs.rmSync(folder, { recursive: true }));

/** 3000 guest clusters of 4 KiB, every seventh missing. */
function someQed() {
  const clusters = new Map<number, Uint8Array>();
  for (let index = 0; index < 3000; index++) if (index % 7 !== 0) clusters.set(index, Uint8Array.of(index));
  return buildQed({ size: 16 * KiB * KiB, clusterSize: 4096, tableSize: 1, clusters, l2: [[3, 9, 5n]] });
}

describe("kinds of clusters", () => {
  it("are worse the later they come, as the views promise", () => {
    const order = [
      "unknown",
      "free",
      "zero",
      "data",
      "compressed",
      "snapshot",
      "l2-table",
      "unreadable",
      "leaked",
      "overlap",
    ] as const;
    const numbers = order.map(kindNumber);
    expect([...numbers].sort((a, b) => a - b)).toEqual(numbers);
    expect(clusterKinds.slice(firstProblem)).toEqual([
      "unreadable",
      "refcount-high",
      "leaked",
      "refcount-low",
      "bad-entry",
      "overlap",
    ]);
    expect(Object.keys(kindWords).sort()).toEqual([...clusterKinds].sort());
  });

  it("count references up to 255", () => {
    const marks = new ClusterMarks(4);
    for (let i = 0; i < 300; i++) marks.own(1, 1, kindNumber("data"));
    marks.own(2, 2, kindNumber("data"));
    marks.worsen(3, kindNumber("bad-entry"));
    expect([0, 1, 2, 3].map((index) => marks.references(index))).toEqual([0, 255, 1, 1]);
    expect([...marks.kinds].map((kind) => clusterKinds[kind])).toEqual([
      "unknown",
      "overlap",
      "data",
      "bad-entry",
    ]);
    expect(marks.own(0, 4, kindNumber("data"))).toBe(3);
  });

  it("have the presumed kind where a pass set their bits, and another where nobody did, at borders of words", () => {
    const marks = new ClusterMarks(200);
    const [data, leaked] = [kindNumber("data"), kindNumber("leaked")];
    marks.presume(data);
    marks.ownRun(3, 40);
    marks.ownRun(64, 32);
    marks.own(150, 1, kindNumber("l2-table"));
    marks.abandon(2, 190, leaked);
    const isData = (index: number) =>
      index < 2 || index >= 190 || (index >= 3 && index < 43) || (index >= 64 && index < 96);
    const expected = Array.from({ length: 200 }, (_, index) =>
      index === 150 ? "l2-table" : isData(index) ? "data" : "leaked",
    );
    expect([...marks.kinds].map((kind) => clusterKinds[kind])).toEqual(expected);
    expect([2, 3, 42, 43, 150].map((index) => marks.isOwned(index))).toEqual([
      false,
      true,
      true,
      false,
      true,
    ]);
  });

  it("are refused for more clusters than a map holds", () => {
    expect(() => new ClusterMarks(maxMappedClusters + 1)).toThrow("a map holds 536870912");
  });
});

describe("levels of detail", () => {
  it("have the worst of the clusters below, at every level and every border", async () => {
    const map = await mapClusters(await openBytes(someQed().bytes), quiet());
    const { clusters, levels } = map.summary;
    const all = await map.tile({ level: 0, first: 0, count: clusters });
    expect(all).toHaveLength(clusters);
    // 4 ** (levels - 1) is the first power of 4 that holds all.
    expect(levels).toBe(1 + Math.ceil(Math.log(clusters) / Math.log(4)));
    await seeded(async (random) => {
      for (let round = 0; round < 200; round++) {
        const level = random.below(levels);
        const size = 4 ** level;
        const first = random.below(Math.ceil(clusters / size) + 2);
        const count = random.below(50);
        const expected: number[] = [];
        for (let cell = first; cell < first + count && cell * size < clusters; cell++) {
          expected.push(Math.max(...all.subarray(cell * size, (cell + 1) * size)));
        }
        expect([...(await map.tile({ level, first, count }))], `${level} ${first} ${count}`).toEqual(
          expected,
        );
      }
    });
    const top = await map.tile({ level: levels - 1, first: 0, count: 9 });
    expect([...top].map((kind) => clusterKinds[kind])).toEqual(["bad-entry"]);
  });

  it("refuse tiles that are none", async () => {
    const map = await mapClusters(await openBytes(someQed().bytes), quiet());
    const { levels } = map.summary;
    for (const [level, first, count] of [
      [-1, 0, 1],
      [levels, 0, 1],
      [0.5, 0, 1],
      [0, -1, 1],
      [0, 0.5, 1],
      [0, 0, longestTile + 1],
      [0, 0, Number.NaN],
    ] as const) {
      expect(await failureOf(map.tile({ level, first, count }))).toMatchObject({ code: "EINVAL" });
    }
  });

  it("are passed over by a search for a kind, in both directions and around the end", async () => {
    const { bytes, l2Offsets } = someQed();
    const map = await mapClusters(await openBytes(bytes), quiet());
    const bad = (l2Offsets.get(3) ?? 0) / 4096;
    const last = map.summary.clusters - 1;
    expect(await map.next({ from: 0, kinds: ["bad-entry", "overlap"] })).toBe(bad);
    expect(await map.next({ from: bad, kinds: ["bad-entry"] })).toBe(bad);
    expect(await map.next({ from: bad + 1, kinds: ["bad-entry"] })).toBe(bad);
    expect(await map.next({ from: last, kinds: ["bad-entry"], backwards: true })).toBe(bad);
    expect(await map.next({ from: bad - 1, kinds: ["bad-entry"], backwards: true })).toBe(bad);
    expect(await map.next({ from: 2, kinds: ["l2-table"], backwards: true })).toBe(2);
    expect(await map.next({ from: last, kinds: ["header"] })).toBe(0);
    expect(await map.next({ from: 0, kinds: ["overlap"] })).toBeUndefined();
    expect(await map.next({ from: 0, kinds: [] })).toBeUndefined();
    expect((await failureOf(map.next({ from: last + 1, kinds: ["data"] }))).message).toContain("clusters");
  });
});

describe("the map of a raw image", () => {
  it("has data and holes of its file, in parts of 64 KiB, and nothing that is referred to", async () => {
    const name = path.join(folder, "sparse.raw");
    const fd = fs.openSync(name, "w");
    fs.writeSync(fd, Buffer.alloc(64 * KiB, 1), 0, 64 * KiB, 256 * KiB);
    fs.ftruncateSync(fd, 1000 * KiB);
    fs.closeSync(fd);
    const spec = { driver: "raw", file: { driver: "file", filename: name } };
    const map = await mapClusters((await openForTest(spec)).root, quiet());
    // 1000 KiB are 15 parts and 40 KiB; the fifth part has the data.
    expect(map.summary).toMatchObject({ hasTables: false, clusters: 16, guest: undefined });
    expect(map.summary.kinds.data).toEqual({ clusters: 1, bytes: 64 * KiB });
    expect(map.summary.kinds.hole).toEqual({ clusters: 15, bytes: 936 * KiB });
    const place = await map.place(260 * KiB);
    expect(place).toMatchObject({ cluster: 4, kind: "data", structure: undefined, references: { total: 0 } });
    expect(await failureOf(map.place(1000 * KiB))).toMatchObject({ code: "EINVAL" });
    expect(await failureOf(map.guestPlace(0))).toMatchObject({ code: "EINVAL" });
  });

  it("of no bytes has no cells", async () => {
    const map = await mapClusters(await openBytes(new Uint8Array(0), "raw"), quiet());
    expect(map.summary).toMatchObject({ clusters: 0, fileSize: 0, levels: 1 });
    expect(await map.tile({ level: 0, first: 0, count: 10 })).toHaveLength(0);
  });
});

describe("tables that can't be read", () => {
  it("are shown as such, and nothing that they might refer to counts as leaked", async () => {
    const built = someQed();
    const name = path.join(folder, "some.qed");
    fs.writeFileSync(name, built.bytes);
    const offset = built.l2Offsets.get(1) ?? 0;
    const sector = offset / 512;
    const inject = [{ event: "l2_load", state: 1, errno: 5, sector, once: false }];
    const image = { driver: "file", filename: name };
    const spec = { driver: "qed", file: { driver: "blkdebug", image, "inject-error": inject } };
    const { root } = await openForTest(spec);
    const map = await mapClusters(root, quiet());
    const check = await root.check?.({});
    expect(map.summary.unreadableTables).toBe(check?.checkErrors);
    expect(map.summary.unreadableTables).toBe(1);
    expect(map.summary.kinds.unreadable.clusters).toBe(1);
    expect(map.summary.kinds.leaked.clusters).toBe(0);
    // L1[1] maps guest clusters 512 to 1023, of which every seventh is missing; and there is the cluster that the bad
    // entry should point to.
    const lost = Array.from({ length: 512 }, (_, i) => 512 + i).filter((index) => index % 7 !== 0).length;
    expect(map.summary.kinds.unknown.clusters).toBe(lost + 1);
    // In the guest's order they alone are unreadable, and the entry that can't be read is named.
    const guest = await map.tile({ order: "guest", level: 0, first: 0, count: 4096 });
    const unreadable = [...guest.keys()].filter((at) => guest[at] === kindNumber("unreadable"));
    expect([unreadable.length, unreadable[0], unreadable.at(-1)]).toEqual([512, 512, 1023]);
    expect(await map.guestPlace(512 * 4096)).toMatchObject({
      kind: "unreadable",
      entry: { by: "L1[1] -> L2[0]", offset },
      fileOffset: undefined,
    });
    const place = await map.place(offset);
    expect(place).toMatchObject({ kind: "unreadable", structure: undefined, pointers: { total: 0 } });
    expect(place.references.list.map(({ by }) => by)).toEqual(["L1[1]"]);
    expect(place.unread).toContain("Input/output error");
    // The fault is at the table's first byte: other entries can be read by themselves.
    expect(await map.guestPlace(513 * 4096)).toMatchObject({
      kind: "data",
      fileOffset: built.dataOffsets.get(513),
    });
  });
});

describe("an L2 table of which a part can't be read", () => {
  it("makes those guest clusters unreadable whose entries are there, and no others", async () => {
    // Tables of 2 MiB, which are read in two halves of 131072 entries.
    const [MiB, half] = [1024 * KiB, 131_072];
    const clusters = new Map([0, half + 5].map((index) => [index, Uint8Array.of(1)]));
    const built = buildQed({ size: 2 * half * MiB, clusterSize: MiB, tableSize: 2, clusters });
    const name = path.join(folder, "halves.qed");
    fs.writeFileSync(name, built.bytes);
    const sector = (built.l2Offsets.get(0) ?? 0) / 512 + 2048;
    const inject = [{ event: "l2_load", state: 1, errno: 5, sector, once: false }];
    const image = { driver: "file", filename: name };
    const file = { driver: "blkdebug", image, "inject-error": inject };
    const map = await mapClusters((await openForTest({ driver: "qed", file })).root, quiet());
    const kinds = await map.tile({ order: "guest", level: 0, first: 0, count: 2 * half });
    const [data, hole, unreadable] = (["data", "hole", "unreadable"] as const).map(kindNumber);
    expect([kinds[0], kinds[1], kinds[half - 1], kinds[half], kinds.at(-1)]).toEqual([
      data,
      hole,
      hole,
      unreadable,
      unreadable,
    ]);
  });
});

/** A job served in this thread, over a channel. */
function served(): Port {
  const { port1, port2 } = new MessageChannel();
  serveJob(portOfChannel(port2), undefined);
  return portOfChannel(port1);
}

describe("the map job", () => {
  it.each(["a channel", "a thread"])("answers questions over %s until it is cancelled", async (line) => {
    const built = someQed();
    const name = path.join(folder, "job.qed");
    fs.writeFileSync(name, built.bytes);
    // Guest cluster 9 of the fourth table, whose entry was overwritten.
    const orphan = (built.dataOffsets.get(3 * 512 + 9) ?? 0) / 4096;
    let told: (summary: MapSummary) => void = () => undefined;
    const scanned = new Promise<MapSummary>((resolve) => {
      told = resolve;
    });
    const progress: number[] = [];
    const job = startJob(
      "map",
      { spec: { file: { driver: "file", filename: name } } },
      {
        progress: ({ done, total }) => void progress.push(done / total),
        items: (items: readonly MapItem[]) => {
          for (const { summary } of items) told(summary);
        },
      },
      line === "a channel" ? served() : startThread("blkscope:job"),
    );
    const summary = await scanned;
    expect(summary).toMatchObject({ format: "qed", clusterSize: 4096, clusters: built.bytes.length / 4096 });
    const tile = await job.ask("tile", { level: 0, first: 0, count: 3 });
    // Told behind what was found, before the first answer.
    expect(progress.at(-1)).toBe(1);
    expect([...tile].map((kind) => clusterKinds[kind])).toEqual(["header", "l1-table", "l2-table"]);
    const place = await job.ask("place", { offset: built.dataOffsets.get(8) ?? 0 });
    expect(place).toMatchObject({
      kind: "data",
      references: { total: 1, list: [{ by: "L1[0] -> L2[8]", guest: { offset: 8 * 4096, length: 4096 } }] },
    });
    // 8 is the offset in the cluster.
    expect(await job.ask("guestPlace", { offset: 8 * 4096 + 8 })).toEqual({
      offset: 8 * 4096 + 8,
      kind: "data",
      entry: place.references.list[0],
      fileOffset: (built.dataOffsets.get(8) ?? 0) + 8,
    });
    const size = 16 * KiB * KiB;
    expect(await failureOf(job.ask("guestPlace", { offset: size }))).toMatchObject({ code: "EINVAL" });
    expect(await job.ask("next", { from: 0, kinds: ["leaked"] })).toBe(orphan);
    expect(await failureOf(job.ask("place", { offset: -1 }))).toMatchObject({ code: "EINVAL" });
    job.cancel();
    expect(await job.done).toEqual({ cancelled: false, summary });
    expect(await failureOf(job.ask("tile", { level: 0, first: 0, count: 1 }))).toMatchObject({
      code: "ECANCELED",
    });
  });

  it("ends the search of a place for that of another, not for the same that is asked again", async () => {
    const { bytes, dataOffsets } = someQed();
    const filename = path.join(folder, "places.qed");
    fs.writeFileSync(filename, bytes);
    const stop = new AbortController();
    let done: Promise<unknown> | undefined;
    const asks = await new Promise<Answers<"map">>((resolve) => {
      let answers: Answers<"map">;
      const told = { progress: () => undefined, items: () => resolve(answers) };
      const answer = (given: Answers<"map">) => {
        answers = given;
      };
      const spec = { driver: "qed", file: { driver: "file", filename } };
      done = runJob("map", { spec }, told, { signal: stop.signal, answer });
    });
    // Every look at the clock takes longer than a turn: a search can be ended wherever it takes one.
    let now = performance.now();
    vi.spyOn(performance, "now").mockImplementation(() => (now += 30));
    const [older, newer] = [8, 3 * 512 + 8].map((guest) => ({ offset: dataOffsets.get(guest) ?? 0 }));
    const question = (place: typeof older) => asks.place(place ?? expect.fail("there is no such cluster"));
    const first = failureOf(question(older));
    const [second, again] = [question(newer), question(newer)];
    expect(await first).toMatchObject({ code: "ECANCELED" });
    const { references } = await second;
    expect(references.list.map(({ by }) => by)).toEqual(["L1[3] -> L2[8]"]);
    expect(await again).toEqual(await second);
    expect((await question(older)).references.list.map(({ by }) => by)).toEqual(["L1[0] -> L2[8]"]);
    stop.abort();
    await done;
  });

  it("says that it was cancelled before the end, and answers only what it knows", async () => {
    const { bytes } = someQed();
    const stop = new AbortController();
    const node = await openBytes(bytes);
    stop.abort();
    const outcome = mapClusters(node, { signal: stop.signal, progress: () => undefined });
    expect(await failureOf(outcome)).toMatchObject({ code: "ECANCELED" });
    const job = startJob(
      "map",
      { spec: { driver: "raw", file: { driver: "memory", size: 1024 } } },
      { progress: () => undefined, items: () => undefined },
      served(),
    );
    const unknown = job.ask("toString" as "tile", { level: 0, first: 0, count: 1 });
    expect(await failureOf(unknown)).toMatchObject({ code: "EINVAL" });
    job.cancel();
    await job.done;
  });
});
