// What a repair plan of a qcow2 image tells in the peer's words, on images built by the specification with one thing wrong.
// Clusters of 4096 bytes: 0 header, 1 refcount table, 2 refcount block, 3 L1 table, 4 L2 table, 5 data of guest cluster 0.
import { describe, expect, it } from "vitest";
import type { PeerLines, RepairExtent } from "../../../../core/block/finding.ts";
import { gather } from "../../../../core/block/repair.ts";
import { filled, openForTest } from "../../../build/open.ts";
import { buildQcow2, type Qcow2Spec, snapshotEntry } from "../../../build/qcow2.ts";

const C = 4096;
const copied = 1n << 63n;
const at = (cluster: number) => BigInt(cluster * C);

const one = (more: Partial<Qcow2Spec> = {}): Qcow2Spec => ({
  clusterBits: 12,
  size: 8 * C,
  clusters: new Map([[0, filled(C, 1)]]),
  ...more,
});

/** Every line, and the plan or why there is none. */
async function planned(spec: Qcow2Spec, mode: RepairExtent) {
  const { bytes } = buildQcow2(spec);
  const { root } = await openForTest({ driver: "qcow2", file: { driver: "memory", bytes } });
  const { findings, result } = await gather(root, {});
  const lines: string[] = [];
  const tell = ({ lines: words, times = 1, numbers = { first: 0, count: 1 } }: PeerLines) => {
    for (let i = 0; i < times * numbers.count; i++) {
      lines.push(...words.map((line) => line.replace("#", String(numbers.first + (i % numbers.count)))));
    }
  };
  const plan = await root.planRepair?.(findings, result, mode, tell).catch((error: unknown) => error);
  return { lines, plan };
}

describe("the lines of a repair of a qcow2 image", () => {
  it("tell which refcounts differ, and those again that are corrected", async () => {
    // Cluster 5 has one user and refcount 2, cluster 6 none and refcount 1. The flag is right for a refcount of 1.
    const spec = one({ extra: [[new Uint8Array(C), 1]], refcounts: new Map([[5, 2n]]) });
    const pairs = ["5 refcount=2 reference=1", "6 refcount=1 reference=0"];
    for (const mode of ["leaks", "all"] as const) {
      expect((await planned(spec, mode)).lines).toEqual([
        ...pairs.map((pair) => `Leaked cluster ${pair}`),
        ...pairs.map((pair) => `Repairing cluster ${pair}`),
      ]);
    }
  });

  it("tell COPIED flags beside the refcounts as they are corrected", async () => {
    // Entries 0 and 2 of the L2 table, which begins at 0x4000, stand for cluster 5.
    const { lines } = await planned(one({ u64: [[4 * C + 16, at(5) | copied]] }), "all");
    expect(lines).toEqual([
      "ERROR cluster 5 refcount=1 reference=2",
      "Repairing cluster 5 refcount=1 reference=2",
      "Repairing OFLAG_COPIED data cluster: l2_entry=8000000000005000 refcount=2",
      "Repairing OFLAG_COPIED data cluster: l2_entry=8000000000005000 refcount=2",
    ]);
  });

  it("say that refcounts have to be made anew, which is more than leaks", async () => {
    const spec = one({ refcounts: new Map([[5, 0n]]) });
    const found = "ERROR cluster 5 refcount=0 reference=1";
    expect(await planned(spec, "leaks")).toMatchObject({
      lines: [found, "ERROR need to rebuild refcount structures"],
      plan: { code: "EIO" },
    });
    // The block is in order and stays: no cluster is given up.
    expect((await planned(spec, "all")).lines).toEqual([found, "Rebuilding refcount structure"]);
  });

  it("name the cluster that a refcount block leaves because something else is there", async () => {
    const { lines } = await planned(one({ u64: [[4 * C + 16, at(2) | copied]] }), "all");
    expect(lines).toEqual([
      "ERROR refcount block 0 refcount=2",
      "ERROR cluster 2 refcount=1 reference=2",
      "Rebuilding refcount structure",
      "Repairing cluster 2 refcount=2 reference=1",
    ]);
  });

  it("tell an entry once where it is mended, however many refer to its table", async () => {
    // Both entries of the L1 table, at 0x3000, stand for the L2 table, which so has two users, as cluster 5 has.
    const spec = one({
      size: 2 * 512 * C,
      refcounts: new Map([
        [4, 2n],
        [5, 2n],
      ]),
      u64: [
        [3 * C, at(4)],
        [3 * C + 8, at(4)],
        [4 * C, at(5)],
        [4 * C + 8, 0x5201n],
      ],
    });
    const words = "offset=5200: Preallocated cluster is not properly aligned; L2 entry corrupted.";
    expect((await planned(spec, "all")).lines).toEqual([`Repairing ${words}`]);
    const { lines } = await planned(spec, "leaks");
    expect(lines.filter((line) => line.includes("offset="))).toEqual([`ERROR ${words}`, `ERROR ${words}`]);
  });

  it("tell a snapshot's entry that lacks data, and nothing of the table's new place", async () => {
    const table = new Uint8Array(C);
    table.set(snapshotEntry({ l1Offset: 7 * C, l1Entries: 1, id: "1", name: "s", extraLength: 0 }));
    const spec = one({
      extra: [
        [table, 1],
        [new Uint8Array(C), 1],
      ],
      u32: [[60, 1]],
      u64: [[64, at(6)]],
    });
    expect(await planned(spec, "all")).toMatchObject({
      lines: ["Repairing snapshot table entry 0 is incomplete"],
      plan: { fixes: { corruptions: 1, leaks: 0 } },
    });
  });
});
