// The map that can be looked at while its scan runs: what it says is true by then, and of what is not known it says that.
import { MessageChannel } from "node:worker_threads";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ClusterMarks } from "../../../core/block/clusterMarks.ts";
import type { BlockNode } from "../../../core/block/node.ts";
import { type ClusterKind, clusterKinds, kindNumber } from "../../../core/block/structure.ts";
import { type RunningJob, startJob } from "../../../core/jobs/client.ts";
import { portOfChannel } from "../../../core/jobs/port.ts";
import { serveJob } from "../../../core/jobs/serve.ts";
import { mapClusters } from "../../../core/ops/clusterMap.ts";
import { GrowingMap } from "../../../core/ops/growingMap.ts";
import { LevelsSoFar } from "../../../core/ops/levelsSoFar.ts";
import type { MapItem, MapSoFar, MapSummary } from "../../../core/ops/mapRun.ts";
import { failureOf, openBytes } from "../../build/open.ts";
import { buildQcow2 } from "../../build/qcow2.ts";
import { buildQed } from "../../build/qed.ts";
import { type Random, seeded } from "../../build/random.ts";

const [data, l2, leaked, overlap] = (["data", "l2-table", "leaked", "overlap"] as const).map(kindNumber) as [
  number,
  number,
  number,
  number,
];
const quiet = () => ({ signal: new AbortController().signal, progress: () => undefined });
const kindsOf = (tile: Uint8Array): readonly (ClusterKind | undefined)[] =>
  [...tile].map((kind) => clusterKinds[kind]);

/** Every look at the clock takes longer than a turn: each place where a scan may take one is one. */
function slowClock(): void {
  let now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => (now += 30));
}

afterEach(() => vi.restoreAllMocks());

describe("levels so far", () => {
  it("know nothing of a cluster without an owner, whatever is presumed of it", () => {
    const marks = new ClusterMarks(21);
    marks.presume(data);
    marks.own(4, 1, l2);
    marks.ownRun(9, 3);
    marks.ownRun(10, 1);
    const levels = new LevelsSoFar(marks);
    expect(levels.sweep(Number.POSITIVE_INFINITY)).toBe(true);
    // Clusters: 4 is a table; 9 to 11 are data, of which 10 is referred to twice; all others are not known.
    // 21 clusters are 6 cells of 4, of which those of 4-7 and 8-11 know something; those are 2 cells of 16, and 1 of all.
    expect([...(levels.levels[1] ?? [])]).toEqual([0, l2, overlap, 0, 0, 0]);
    expect([...(levels.levels[2] ?? [])]).toEqual([overlap, 0]);
    expect([...(levels.levels[3] ?? [])]).toEqual([overlap]);
    expect(levels.levels).toHaveLength(4);
    expect([levels.counts[0], levels.counts[l2], levels.counts[data], levels.counts[overlap]]).toEqual([
      17, 1, 2, 1,
    ]);
    expect([...marks.kindsSoFar(3, 12)]).toEqual([0, l2, 0, 0, 0, 0, data, overlap, data]);
  });

  it("are the worst of what single clusters are so far, at every level, in chunks that are alike or not", async () => {
    await seeded(async (random) => {
      for (let round = 0; round < 40; round++) {
        const clusters = 1 + random.below(20_000);
        const marks = randomMarks(random, clusters);
        const levels = new LevelsSoFar(marks);
        // A second sweep in the same memory forgets nothing and keeps nothing.
        for (const again of [false, true]) {
          if (again) for (let i = 0; i < 50; i++) marks.own(random.below(clusters), 1, leaked);
          while (!levels.sweep(0)) void 0;
          expectWorst(levels, marks, clusters);
        }
      }
    });
  });
});

function randomMarks(random: Random, clusters: number): ClusterMarks {
  const marks = new ClusterMarks(clusters);
  if (random.below(2) === 1) marks.presume(data);
  for (let runs = random.below(12); runs > 0; runs--) {
    const first = random.below(clusters);
    const count = 1 + random.below(Math.min(clusters - first, 9000));
    if (random.below(2) === 0) marks.own(first, count, random.below(clusterKinds.length));
    else marks.ownRun(first, count);
  }
  return marks;
}

function expectWorst({ levels, counts }: LevelsSoFar, marks: ClusterMarks, clusters: number): void {
  const all = Array.from({ length: clusters }, (_, index) => marks.kindSoFar(index));
  expect([...marks.kindsSoFar(0, clusters)]).toEqual(all);
  const expected = new Float64Array(256);
  for (const kind of all) expected[kind] = (expected[kind] ?? 0) + 1;
  expect([...counts]).toEqual([...expected]);
  for (const [level, cells] of levels.entries()) {
    if (level === 0) continue;
    const size = 4 ** level;
    const worst = Array.from({ length: Math.ceil(clusters / size) }, (_, cell) =>
      all.slice(cell * size, (cell + 1) * size).reduce((a, b) => Math.max(a, b)),
    );
    expect([...cells], `level ${level} of ${clusters}`).toEqual(worst);
  }
}

/** Three clusters, the last one cut short by the end of the file. */
const facts = { format: "raw", clusterSize: 4096, clusters: 3, fileSize: 9000, hasTables: false };
const node = { structure: undefined, driver: "raw" } as unknown as BlockNode;

describe("a growing map", () => {
  it("has no version for a scan that is over at once, and then one for all that is known", () => {
    let now = 0;
    vi.spyOn(performance, "now").mockImplementation(() => now);
    const marks = new ClusterMarks(3);
    const map = new GrowingMap(node, marks, facts);
    marks.own(1, 1, data);
    now = 249;
    map.step();
    expect(map.soFar).toBeUndefined();
    expect(() => map.tile({ level: 0, first: 0, count: 3 })).toThrow("known when the scan is over");
    now = 250;
    map.step();
    expect(map.soFar).toMatchObject({ version: 1, clusters: 3, levels: 2 });
    // The last cluster has 9000 - 8192 bytes.
    expect(map.soFar?.kinds.unknown).toEqual({ clusters: 2, bytes: 4096 + 808 });
    expect(map.soFar?.kinds.data).toEqual({ clusters: 1, bytes: 4096 });
    marks.own(2, 1, leaked);
    now = 490;
    map.step();
    expect(map.soFar?.version).toBe(1);
    now = 510;
    map.step();
    expect(map.soFar).toMatchObject({ version: 2, kinds: { leaked: { clusters: 1, bytes: 808 } } });
  });

  it("answers tiles, places and searches of what is known, and refuses what is not there", async () => {
    const marks = new ClusterMarks(3);
    const map = new GrowingMap(node, marks, facts);
    marks.own(1, 1, data);
    map.catchUp();
    expect(kindsOf(map.tile({ level: 0, first: 0, count: 9 }))).toEqual(["unknown", "data", "unknown"]);
    expect(kindsOf(map.tile({ level: 1, first: 0, count: 9 }))).toEqual(["data"]);
    expect(map.tile({ level: 1, first: 5, count: 9 })).toHaveLength(0);
    expect(() => map.tile({ level: 2, first: 0, count: 1 })).toThrow("levels 0 to 1");
    expect(() => map.tile({ level: 0, first: 0, count: 1, order: "guest" })).toThrow("when the scan is over");
    const asked = { limit: 9, signal: undefined };
    expect(await map.place({ offset: 5000, ...asked })).toMatchObject({
      cluster: 1,
      clusterOffset: 4096,
      kind: "data",
      counted: 1,
      references: { total: 0 },
    });
    expect(await map.place({ offset: 8999, ...asked })).toMatchObject({
      kind: "unknown",
      counted: 0,
      clusterLength: 808,
    });
    expect(await failureOf(map.place({ offset: 9000, ...asked }))).toMatchObject({ code: "EINVAL" });
    expect(map.next({ from: 0, kinds: ["data"] })).toBe(1);
    expect(map.next({ from: 2, kinds: ["data"] })).toBeUndefined();
    expect(map.next({ from: 2, kinds: ["data"], backwards: true })).toBe(1);
    expect(map.next({ from: 0, kinds: ["data"], backwards: true })).toBeUndefined();
  });

  it("can be looked at where 32 clusters and a part of one are a QED file", async () => {
    slowClock();
    // Header, L1 table, L2 table, and 29 clusters of data.
    const clusters = new Map(Array.from({ length: 29 }, (_, index) => [index, Uint8Array.of(1)] as const));
    const spec = { size: 2 ** 20, clusterSize: 4096, tableSize: 1, clusters, tail: 700 };
    const image = await openBytes(buildQed(spec).bytes, "qed");
    let growing: GrowingMap | undefined;
    let last: Uint8Array | undefined;
    await mapClusters(image, {
      ...quiet(),
      growing: (map) => {
        growing = map;
      },
      rest: async () => {
        growing?.catchUp();
        if (growing?.soFar !== undefined) last = growing.tile({ level: 0, first: 31, count: 9 });
      },
    });
    expect(kindsOf(last ?? new Uint8Array())).toEqual(["data", "free"]);
  });
});

/** Every third guest cluster is there; in the first table one is referred to twice, so that its own has leaked. */
function someQed(): Uint8Array {
  const clusters = new Map<number, Uint8Array>();
  for (let index = 0; index < 3000; index += 3) clusters.set(index, Uint8Array.of(index));
  const spec = { size: 16 * 1024 * 1024, clusterSize: 4096, tableSize: 1, clusters };
  const { dataOffsets } = buildQed(spec);
  return buildQed({ ...spec, l2: [[0, 6, BigInt(dataOffsets.get(3) ?? 0)]] }).bytes;
}

/** The same, and a cluster that nobody has. */
function someQcow2(): Uint8Array {
  const clusters = new Map<number, Uint8Array>();
  for (let index = 0; index < 3000; index += 3) clusters.set(index, Uint8Array.of(index));
  const size = 16 * 1024 * 1024;
  return buildQcow2({ size, clusterBits: 12, clusters, extra: [[Uint8Array.of(1), 1]] }).bytes;
}

/** A stored part behind a long hole. */
function someRaw(): Uint8Array {
  const bytes = new Uint8Array(40 * 64 * 1024);
  return bytes.fill(1, 30 * 64 * 1024);
}

describe.each([
  ["qed", someQed, "leaked"],
  ["qcow2", someQcow2, "leaked"],
  ["raw", someRaw, undefined],
] as const)("the scan of a %s image", (format, build, found) => {
  it("never says of a cluster what is not so in the end, nor that it is free or leaked before that", async () => {
    slowClock();
    const node = await openBytes(build(), format);
    const versions: Uint8Array[] = [];
    let growing: GrowingMap | undefined;
    const map = await mapClusters(node, {
      ...quiet(),
      growing: (started) => {
        growing = started;
      },
      rest: async () => {
        growing?.catchUp();
        const { clusters = 0 } = growing?.soFar ?? {};
        versions.push(growing?.tile({ level: 0, first: 0, count: clusters }) ?? new Uint8Array(0));
      },
    });
    const { clusters, kinds } = map.summary;
    const last = await map.tile({ level: 0, first: 0, count: clusters });
    if (found !== undefined) expect(kinds[found].clusters).toBe(1);
    const isAbandoned = (kind: number | undefined) =>
      kind === leaked || clusterKinds[kind ?? 0] === "free" || kind === 0;
    const used = [...last.keys()].filter((index) => !isAbandoned(last[index]));
    for (const version of versions) {
      expect(version).toHaveLength(clusters);
      // A kind only becomes worse: that of a cluster may turn out to be referred to twice.
      for (const [index, kind] of version.entries()) expect(kind).toBeLessThanOrEqual(last[index] ?? -1);
      const isOver = used.every((index) => version[index] !== 0);
      if (version.some((kind) => kind !== 0 && isAbandoned(kind))) expect(isOver).toBe(true);
    }
    // Seen on the way: nothing but the start, and a part of the tables.
    const known = versions.map((version) => version.filter((kind) => kind !== 0).length);
    if (format !== "raw") expect(known.some((count) => count > 8 && count < used.length)).toBe(true);
    expect(known).toEqual([...known].sort((one, other) => one - other));
  });
});

function served() {
  const { port1, port2 } = new MessageChannel();
  serveJob(portOfChannel(port2), undefined);
  return portOfChannel(port1);
}

describe("the map job", () => {
  it("stands still where it is told to, is asked for what it knows, and goes on to the same end", async () => {
    slowClock();
    const spec = { driver: "qed", file: { driver: "memory", bytes: someQed() } };
    const stopped = withResolvers<MapSoFar>();
    const scanned = withResolvers<MapSummary>();
    const job = startJob(
      "map",
      { spec },
      {
        progress: ({ totals }) => totals.soFar && stopped.resolve(totals.soFar),
        items: (items: readonly MapItem[]) => {
          for (const { summary } of items) scanned.resolve(summary);
        },
      },
      served(),
    );
    await pauseUntilItDoes(job);
    const soFar = await stopped.promise;
    expect(soFar).toMatchObject({ format: "qed", hasTables: true, clusterSize: 4096 });
    expect(soFar.kinds.unknown.clusters).toBeGreaterThan(0);
    expect(soFar.kinds.leaked.clusters).toBe(0);
    const tile = await job.ask("tile", { level: 0, first: 0, count: soFar.clusters });
    expect(tile.filter((kind) => kind === 0)).toHaveLength(soFar.kinds.unknown.clusters);
    const place = await job.ask("place", { offset: 4096 });
    expect(place).toMatchObject({
      kind: "l1-table",
      structure: { name: "L1 table" },
      references: { total: 0 },
    });
    expect(await failureOf(job.ask("guestPlace", { offset: 0 }))).toMatchObject({ code: "EINVAL" });
    await job.ask("pause", { paused: false });
    const summary = await scanned.promise;
    const { elapsedMs: _time, ...whole } = (await mapClusters(await openBytes(someQed()), quiet())).summary;
    expect(summary).toMatchObject(whole);
    job.cancel();
    expect(await job.done).toMatchObject({ cancelled: false });
  });

  it("ends when it is cancelled while it stands still", async () => {
    slowClock();
    const spec = { driver: "qed", file: { driver: "memory", bytes: someQed() } };
    const stopped = withResolvers<void>();
    const progress = ({ totals }: { totals: { soFar?: MapSoFar | undefined } }) =>
      totals.soFar && stopped.resolve();
    const job = startJob("map", { spec }, { progress, items: () => undefined }, served());
    await pauseUntilItDoes(job);
    await stopped.promise;
    job.cancel();
    expect(await job.done).toEqual({ cancelled: true, summary: undefined });
  });
});

/** The job can be asked once its image is open. */
async function pauseUntilItDoes(job: RunningJob<"map">): Promise<void> {
  for (;;) {
    const refused = await job.ask("pause", { paused: true }).then(
      () => false,
      () => true,
    );
    if (!refused) return;
  }
}

function withResolvers<T>() {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
