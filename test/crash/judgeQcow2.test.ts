// Writers of qcow2 that do things in a wrong order are caught: flushes left out, tables that name what is not counted yet,
// clusters given up before nothing names them any more, the dirty bit cleared too early, snapshots told of too early.
import { describe, expect, it } from "vitest";
import { filled } from "../build/open.ts";
import { buildQcow2, snapshotEntry } from "../build/qcow2.ts";
import { randomFrom } from "../build/random.ts";
import type { Setting } from "./format.ts";
import { type CommonStep, complaint, play } from "./orders.ts";
import { qcow2Format } from "./qcow2Life.ts";
import type { Part } from "./workload.ts";

const cluster = 4096;
const copied = 2n ** 63n;
const [oldData, newData] = [filled(cluster, 0x55), filled(cluster, 0x77)];

type Step =
  | "set bit"
  | "clear bit"
  | "count"
  | "data"
  | "L2"
  | "L1"
  | "unlink"
  | "uncount"
  | "recount"
  | "refill"
  | "relink"
  | "share"
  | "copy L1"
  | "snapshot table"
  | "snapshot";

interface Options {
  readonly lazy?: boolean;
  readonly snapshot?: string;
}

/**
 * Plays steps on an image of 4 KiB clusters: 0 header, 1 refcount table, 2 its block, 3 L1 table, 4 the L2 table of L1[0],
 * 5 the data of its entry 0; then new data at 6, their L2 table (of L1[1]) at 7, a snapshot's L1 table at 8, and the
 * snapshot table at 9. All behind 5 is not counted and not zero.
 */
function playSteps(
  steps: readonly (Step | CommonStep)[],
  writes: readonly { readonly offset: number; readonly bytes: Uint8Array }[],
  { lazy = false, snapshot }: Options = {},
): Promise<Part> {
  const perTable = (cluster / 8) * cluster;
  const size = perTable + 4 * cluster;
  const kind = { version: 3, clusterBits: 12, refcountOrder: 4, extended: false, discards: false } as const;
  const setting: Setting = {
    format: qcow2Format({ ...kind, lazy, isBacked: false }),
    clusterSize: cluster,
    perTable,
    backingSize: undefined,
    zones: [
      { offset: 0, length: 4 * cluster },
      { offset: perTable, length: 4 * cluster },
    ],
  };
  const built = buildQcow2({
    size,
    clusterBits: 12,
    clusters: new Map([[0, oldData]]),
    compatible: lazy ? 1n : 0n,
  });
  const first = filled(4 * cluster, 0);
  first.set(oldData);
  const bytes = new Uint8Array(10 * cluster);
  bytes.set(built.bytes);
  bytes.set(randomFrom(3).bytes(4 * cluster), 6 * cluster);
  // 16-bit counts of clusters from `from` on.
  const counts = (from: number, ...values: number[]) => {
    const view = new DataView(new ArrayBuffer(values.length * 2));
    for (const [i, value] of values.entries()) view.setUint16(i * 2, value);
    return [2 * cluster + from * 2, new Uint8Array(view.buffer)] as const;
  };
  const entries = (length: number, ...values: bigint[]) => {
    const view = new DataView(new ArrayBuffer(length));
    for (const [i, value] of values.entries()) view.setBigUint64(i * 8, value);
    return new Uint8Array(view.buffer);
  };
  const at = (number: number) => BigInt(number * cluster);
  const [l2, data] = [at(4), at(5)];
  return play<Step>({
    setting,
    start: {
      bytes,
      content: { size, zones: [first, filled(4 * cluster, 0)] },
      damaged: false,
      snapshots: [],
      bitmaps: [],
    },
    writes,
    ...(snapshot !== undefined && { snapshot }),
    steps,
    acts: {
      "set bit": (file) => file.write(79, Uint8Array.of(1)),
      "clear bit": (file) => file.write(79, Uint8Array.of(0)),
      count: (file) => file.write(...counts(6, 1, 1)),
      data: (file) => file.write(6 * cluster, newData),
      L2: (file) => file.write(7 * cluster, entries(cluster, at(6) | copied)),
      L1: (file) => file.write(3 * cluster + 8, entries(8, at(7) | copied)),
      // L2[0] becomes a zero cluster.
      unlink: (file) => file.write(4 * cluster, entries(8, 1n)),
      uncount: (file) => file.write(...counts(5, 0)),
      // Its cluster goes to L2[1].
      recount: (file) => file.write(...counts(5, 1)),
      refill: (file) => file.write(5 * cluster, newData),
      relink: (file) => file.write(4 * cluster + 8, entries(8, data | copied)),
      share: async (file) => {
        await file.write(...counts(4, 2, 2));
        await file.write(...counts(8, 1, 1));
        await file.write(4 * cluster, entries(8, data));
        await file.write(3 * cluster, entries(8, l2));
      },
      "copy L1": (file) => file.write(8 * cluster, entries(cluster, l2)),
      "snapshot table": (file) => {
        const entry = { id: "1", name: snapshot ?? "", l1Offset: 8 * cluster, l1Entries: 2, diskSize: size };
        return file.write(9 * cluster, snapshotEntry(entry));
      },
      snapshot: (file) =>
        file.write(60, Uint8Array.from([...entries(8, 1n).subarray(4), ...entries(8, at(9))])),
    },
  });
}

type Steps = readonly (Step | CommonStep)[];
const perTable = (cluster / 8) * cluster;
const corruption = "there is corruption but the bit for repairs is not set";

/** A write where nothing was allocated. */
const allocating = (steps: Steps, options?: Options) =>
  playSteps(steps, [{ offset: perTable, bytes: newData }], options);

/** Zeroes where data were, whose cluster is then used for a write elsewhere. */
const moving = (steps: Steps) =>
  playSteps(steps, [
    { offset: 0, bytes: filled(cluster, 0) },
    { offset: cluster, bytes: newData },
  ]);

const snapshot = (steps: Steps) => playSteps(steps, [], { snapshot: "s1" });

describe("the judge has nothing to say of", () => {
  it("a write that counts, fills and then links its clusters", async () => {
    const steps: Steps = ["data", "count", "flush", "L2", "flush", "L1", "written", "flush", "flushed"];
    expect(await complaint(await allocating(steps))).toBeUndefined();
  });

  it("a write that counts last, under the dirty bit", async () => {
    const steps: Steps = ["set bit", "flush", "data", "flush", "L2", "flush", "L1", "written", "flush"];
    const part = await allocating([...steps, "flushed", "count", "flush", "clear bit", "flush"], {
      lazy: true,
    });
    expect(await complaint(part)).toBeUndefined();
  });

  it("a cluster that is used again once nothing names it", async () => {
    const steps: Steps = ["unlink", "flush", "uncount", "flush", "recount", "refill", "flush", "relink"];
    expect(await complaint(await moving([...steps, "written", "flush", "flushed"]))).toBeUndefined();
  });

  it("a snapshot that is counted and written before the header names it", async () => {
    const steps: Steps = ["share", "copy L1", "snapshot table", "flush", "snapshot", "flush", "written"];
    expect(await complaint(await snapshot(steps))).toBeUndefined();
  });
});

describe("the judge catches", () => {
  it("tables that name clusters which are counted later", async () => {
    const steps: Steps = ["data", "flush", "L2", "flush", "L1", "flush", "count", "flush", "written"];
    expect(await complaint(await allocating(steps))).toContain(corruption);
  });

  it("counts that no flush keeps before the tables", async () => {
    const steps: Steps = ["count", "data", "L2", "L1", "flush", "written"];
    expect(await complaint(await allocating(steps))).toBeDefined();
    const alone: Steps = ["data", "L2", "flush", "count", "L1", "flush", "written"];
    expect(await complaint(await allocating(alone))).toContain(corruption);
  });

  it("data that no flush keeps before the tables", async () => {
    const steps: Steps = ["count", "flush", "data", "L2", "flush", "L1", "flush", "written"];
    expect(await complaint(await allocating(steps))).toBeUndefined();
    const late: Steps = ["count", "flush", "L2", "flush", "data", "L1", "flush", "written"];
    expect(await complaint(await allocating(late))).toContain("the guest's byte");
  });

  it("an L1 entry that may be durable before its table", async () => {
    const steps: Steps = ["count", "data", "flush", "L2", "L1", "flush", "written"];
    expect(await complaint(await allocating(steps))).toBeDefined();
  });

  it("clusters that are given up before the tables let go of them", async () => {
    const steps: Steps = ["uncount", "flush", "unlink", "flush", "written"];
    expect(await complaint(await moving(steps))).toContain(corruption);
    expect(await complaint(await moving(["unlink", "uncount", "flush", "written"]))).toContain(corruption);
  });

  it("a cluster that is used again before the tables let go of it, or before its new data are durable", async () => {
    const early: Steps = ["refill", "unlink", "flush", "relink", "flush", "written"];
    expect(await complaint(await moving(early))).toContain("the guest's byte");
    const late: Steps = ["unlink", "flush", "refill", "relink", "flush", "written"];
    expect(await complaint(await moving(late))).toContain("the guest's byte");
  });

  it("a flush that is answered without one of the file", async () => {
    const steps: Steps = ["data", "count", "flush", "L2", "flush", "L1", "written", "flushed"];
    expect(await complaint(await allocating(steps))).toContain("the guest's byte");
  });

  it("a dirty bit that is cleared before the counts are durable", async () => {
    const steps: Steps = [
      "set bit",
      "flush",
      "data",
      "flush",
      "L2",
      "flush",
      "L1",
      "flush",
      "count",
      "clear bit",
    ];
    expect(await complaint(await allocating([...steps, "flush"], { lazy: true }))).toContain(corruption);
  });

  it("a dirty bit that no flush keeps before the tables", async () => {
    const steps: Steps = ["set bit", "data", "L2", "L1", "flush", "count", "flush", "clear bit", "flush"];
    expect(await complaint(await allocating(steps, { lazy: true }))).toBeDefined();
  });

  it("a snapshot that the header names before what it shares is counted", async () => {
    const steps: Steps = [
      "copy L1",
      "snapshot table",
      "flush",
      "snapshot",
      "flush",
      "share",
      "flush",
      "written",
    ];
    expect(await complaint(await snapshot(steps))).toContain(corruption);
  });

  it("a snapshot that the header names before its L1 table is durable", async () => {
    const steps: Steps = ["share", "snapshot table", "flush", "copy L1", "snapshot", "flush", "written"];
    expect(await complaint(await snapshot(steps))).toBeDefined();
  });

  it("a snapshot that is told of before it is durable", async () => {
    const steps: Steps = ["share", "copy L1", "snapshot table", "flush", "snapshot", "written"];
    expect(await complaint(await snapshot(steps))).toContain("the snapshot s1 is lost");
  });
});
