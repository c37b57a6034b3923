// What the check finds, on images built by the specification with one thing wrong. Clusters of 4096 bytes: 0 header,
// 1 refcount table, 2 refcount block, 3 L1 table, 4 L2 table, then data; expected numbers are counted by hand.
import { describe, expect, it } from "vitest";
import { BlockError } from "../../../../core/base/errors.ts";
import type { CheckResult, Finding } from "../../../../core/block/finding.ts";
import type { BlockNode } from "../../../../core/block/node.ts";
import { changed } from "../../../build/changed.ts";
import { alone, checkShared } from "../../../build/checkShared.ts";
import { filled, openBytes, openForTest } from "../../../build/open.ts";
import { buildQcow2, type Qcow2Spec, snapshotEntry } from "../../../build/qcow2.ts";

const C = 4096;
const copied = 1n << 63n;
const at = (cluster: number) => BigInt(cluster * C);

async function gathered(node: BlockNode): Promise<{ result: CheckResult; findings: Finding[] }> {
  const findings: Finding[] = [];
  const result = await node.check?.({ finding: (finding) => findings.push(finding) });
  if (result === undefined) throw new Error("there is a check");
  return { result, findings };
}

async function checked(spec: Qcow2Spec): Promise<{ result: CheckResult; findings: Finding[] }> {
  const { bytes } = buildQcow2(spec);
  const memory = (content: Uint8Array) => ({ driver: "memory", bytes: content }) as const;
  const outside = spec.incompatible === 4n ? { "data-file": memory(new Uint8Array(spec.size)) } : {};
  const graph = await openForTest({ driver: "qcow2", file: memory(bytes), ...outside });
  return gathered(graph.root);
}

/** Guest clusters 0 and 1 have data, in clusters 5 and 6 of 7. */
const two = (more: Partial<Qcow2Spec> = {}): Qcow2Spec => ({
  clusterBits: 12,
  size: 8 * C,
  clusters: new Map([
    [0, filled(C, 1)],
    [1, filled(C, 2)],
  ]),
  ...more,
});
/** An entry put over the L2 table, or the L1 or refcount table. */
const l2 = (index: number, value: bigint) => [4 * C + index * 8, value] as const;
const l1 = (value: bigint) => [3 * C, value] as const;
const reftable = (index: number, value: bigint) => [C + index * 8, value] as const;

/** Clusters of 16 KiB with subclusters: data of guest cluster 0 in cluster 5 of 6. */
const extended = (entry: bigint, bitmap: bigint): Qcow2Spec => ({
  clusterBits: 14,
  extended: true,
  size: 8 * 16384,
  clusters: new Map([[0, filled(16384, 1)]]),
  u64: [
    [4 * 16384, entry],
    [4 * 16384 + 8, bitmap],
  ],
});
const e = (cluster: number) => BigInt(cluster * 16384);

interface Case {
  readonly name: string;
  readonly spec: Qcow2Spec;
  /** kind, code, offset of the entry or the cluster. */
  readonly found: readonly (readonly [Finding["kind"], string, number])[];
  readonly corruptions?: number;
  readonly leaks?: number;
  readonly errors?: number;
  /** Lines of the peer. */
  readonly peer?: readonly string[];
}

const cases: readonly Case[] = [
  { name: "nothing in an image in order", spec: two(), found: [] },
  {
    name: "data past the end of the file",
    // Cluster 100 is in no refcount block's count: 0, and the flag says 1.
    spec: two({ u64: [l2(2, copied | at(100))] }),
    found: [
      ["corruption", "region-past-end", 4 * C + 16],
      ["corruption", "cluster-copied-flag", 4 * C + 16],
    ],
    peer: [
      "ERROR: counting reference for region exceeding the end of the file by one cluster or more: offset 0x64000 size 0x1000",
      "ERROR OFLAG_COPIED data cluster: l2_entry=8000000000064000 refcount=0",
    ],
  },
  {
    name: "an L2 table past the end of the file, and what is then not referred to",
    spec: two({ u64: [l1(at(9))] }),
    found: [
      ["corruption", "region-past-end", 3 * C],
      ["leak", "cluster-leaked", 4 * C],
    ],
    corruptions: 1,
    leaks: 3,
  },
  {
    name: "more references than a refcount of 1 bit can say",
    spec: two({ refcountOrder: 0, u64: [l2(1, copied | at(5))] }),
    found: [
      ["corruption", "refcount-overflow", 4 * C],
      ["leak", "cluster-leaked", 6 * C],
    ],
    peer: [
      "ERROR: overflow cluster offset=0x5000",
      "Use qemu-img amend to increase the refcount entry width or qemu-img convert to create a clean copy if the image cannot be opened for writing",
      "Leaked cluster # refcount=1 reference=0",
    ],
  },
  {
    name: "reserved bits of an L1 entry",
    spec: two({ u64: [l1(copied | at(4) | 1n)] }),
    found: [["corruption", "l1-reserved-bits", 3 * C]],
    peer: ["ERROR found L1 entry with reserved bits set: 8000000000004001"],
  },
  {
    name: "an L2 table that is not aligned, and no entry of it",
    // The table is read from the second sector of cluster 4 on, where all is 0, up to the first one of cluster 5, which
    // has 512 / 8 words of 0: both clusters are counted, the data are not.
    spec: {
      clusterBits: 12,
      size: 8 * C,
      clusters: new Map([[0, new Uint8Array(C)]]),
      u64: [l1(copied | (at(4) + 512n))],
    },
    found: [["corruption", "l2-table-unaligned", 3 * C]],
    peer: ["ERROR l2_offset=4200: Table is not cluster aligned; L1 entry corrupted"],
  },
  {
    name: "reserved bits of an L2 entry",
    spec: two({ u64: [l2(1, copied | (1n << 60n) | at(6) | 2n)] }),
    found: [["corruption", "l2-reserved-bits", 4 * C + 8]],
    peer: ["ERROR found l2 entry with reserved bits set: 9000000000006002"],
  },
  {
    name: "the COPIED flag of a compressed cluster",
    spec: two({ u64: [l2(1, copied | (1n << 62n) | at(6))] }),
    found: [["corruption", "compressed-copied", 4 * C + 8]],
    peer: ["ERROR: coffset=0x6000: copied flag must never be set for compressed clusters"],
  },
  {
    name: "a compressed cluster that speaks of subclusters",
    spec: extended((1n << 62n) | e(5), 1n),
    found: [
      ["corruption", "compressed-with-subclusters", 4 * 16384],
      ["leak", "cluster-leaked", 5 * 16384],
    ],
    peer: [
      "ERROR compressed cluster 0 with non-zero subcluster allocation bitmap, entry=0x4000000000014000",
      "Leaked cluster # refcount=1 reference=0",
    ],
  },
  {
    name: "a subcluster both allocated and zero",
    spec: extended(copied | e(5), 0x1_0000_ffffn),
    found: [["corruption", "subclusters-contradict", 4 * 16384]],
    peer: ["ERROR offset=14000: Allocated cluster has corrupted subcluster allocation bitmap"],
  },
  {
    name: "subclusters that are allocated in no cluster",
    spec: extended(0n, 1n),
    found: [
      ["corruption", "subclusters-without-cluster", 4 * 16384],
      ["leak", "cluster-leaked", 5 * 16384],
    ],
    peer: [
      "ERROR: Unallocated cluster has non-zero subcluster allocation map",
      "Leaked cluster # refcount=1 reference=0",
    ],
  },
  {
    name: "a cluster that is not aligned, which is counted in both that it touches",
    spec: two({ u64: [l2(0, copied | (at(5) + 512n))] }),
    found: [
      ["corruption", "cluster-unaligned", 4 * C],
      ["corruption", "refcount-too-low", 6 * C],
    ],
    peer: [
      "ERROR offset=5200: Data cluster is not properly aligned; L2 entry corrupted.",
      "ERROR cluster # refcount=1 reference=2",
    ],
  },
  {
    name: "a preallocated zero cluster that is not aligned, behind the end by less than a cluster",
    // Cluster 7 is half a cluster past the end and gets a count of its own.
    spec: two({ u64: [l2(1, copied | (at(6) + 512n) | 1n)] }),
    found: [
      ["corruption", "zero-cluster-unaligned", 4 * C + 8],
      ["corruption", "refcount-missing", 7 * C],
    ],
    peer: [
      "ERROR offset=6200: Preallocated cluster is not properly aligned; L2 entry corrupted.",
      "ERROR cluster # refcount=0 reference=1",
    ],
  },
  {
    name: "a compressed cluster in an image with an external data file",
    spec: {
      clusterBits: 12,
      size: 8 * C,
      clusters: new Map([[1, (1n << 62n) | at(3)]]),
      incompatible: 4n,
    },
    found: [["corruption", "compressed-in-data-file", 4 * C + 8]],
    peer: ["ERROR compressed cluster 1 with data file, entry=0x4000000000003000"],
  },
  {
    name: "an entry for the data file without the COPIED flag, and none for one at offset 0 with it",
    spec: {
      clusterBits: 12,
      size: 8 * C,
      clusters: new Map([
        [0, copied],
        [1, at(1)],
      ]),
      incompatible: 4n,
    },
    found: [["corruption", "cluster-copied-flag", 4 * C + 8]],
    peer: ["ERROR OFLAG_COPIED data cluster: l2_entry=1000 refcount=1"],
  },
  {
    name: "reserved bits of the refcount table, whose block is then referred to by nothing",
    spec: two({ u64: [reftable(0, at(2) | 1n)] }),
    found: [
      ["corruption", "refcount-table-reserved-bits", C],
      ["leak", "cluster-leaked", 2 * C],
    ],
    peer: ["ERROR refcount table entry 0 has reserved bits set", "Leaked cluster # refcount=1 reference=0"],
  },
  {
    name: "a refcount block that is not aligned: no refcount can be known",
    spec: two({ u64: [reftable(0, at(2) + 512n)] }),
    found: [
      ["corruption", "refcount-block-unaligned", C],
      ["io-error", "refcount-unreadable", 0],
    ],
    errors: 7,
    peer: [
      "ERROR refcount block 0 is not cluster aligned; refcount table entry corrupted",
      "qcow2: Image is corrupt: Refblock offset 0x2200 unaligned (reftable index: 0); further non-fatal corruption events will be suppressed",
      "Can't get refcount for cluster #: Input/output error",
    ],
  },
  {
    name: "a refcount block past the end of the file",
    spec: two({ u64: [reftable(1, at(50))] }),
    found: [["corruption", "refcount-block-past-end", C + 8]],
    peer: ["ERROR refcount block 1 is outside image"],
  },
  {
    name: "a refcount block that is referred to twice",
    spec: two({ u64: [reftable(1, at(2))] }),
    found: [
      ["corruption", "refcount-block-shared", C + 8],
      ["corruption", "refcount-too-low", 2 * C],
    ],
    peer: ["ERROR refcount block 1 refcount=2", "ERROR cluster # refcount=1 reference=2"],
  },
  {
    name: "a refcount block that is guest data",
    spec: two({ u64: [l2(1, copied | at(2))] }),
    found: [
      ["corruption", "refcount-block-shared", C],
      ["corruption", "refcount-too-low", 2 * C],
      ["leak", "cluster-leaked", 6 * C],
    ],
  },
  {
    name: "an L2 table that refers to itself",
    spec: two({ u64: [l2(1, copied | at(4))] }),
    found: [
      ["corruption", "refcount-too-low", 4 * C],
      ["leak", "cluster-leaked", 6 * C],
    ],
  },
  {
    name: "no refcount of what is used, and a flag that says 1",
    spec: two({ refcounts: new Map([[5, 0n]]) }),
    found: [
      ["corruption", "refcount-missing", 5 * C],
      ["corruption", "cluster-copied-flag", 4 * C],
    ],
    peer: [
      "ERROR cluster # refcount=0 reference=1",
      "ERROR OFLAG_COPIED data cluster: l2_entry=8000000000005000 refcount=0",
    ],
  },
  {
    name: "a refcount that is too high",
    spec: two({ refcounts: new Map([[5, 3n]]) }),
    found: [
      ["leak", "refcount-too-high", 5 * C],
      ["corruption", "cluster-copied-flag", 4 * C],
    ],
    peer: [
      "Leaked cluster # refcount=3 reference=1",
      "ERROR OFLAG_COPIED data cluster: l2_entry=8000000000005000 refcount=3",
    ],
  },
  {
    name: "COPIED flags that are not set",
    spec: two({ u64: [l1(at(4)), l2(0, at(5))] }),
    found: [
      ["corruption", "l2-table-copied-flag", 3 * C],
      ["corruption", "cluster-copied-flag", 4 * C],
    ],
    peer: [
      "ERROR OFLAG_COPIED L2 cluster: l1_index=0 l1_entry=4000 refcount=1",
      "ERROR OFLAG_COPIED data cluster: l2_entry=5000 refcount=1",
    ],
  },
  {
    name: "neighbours that nothing uses as one range",
    spec: two({
      extra: [
        [new Uint8Array(C), 1],
        [new Uint8Array(C), 1],
        [new Uint8Array(C), 2],
      ],
    }),
    found: [
      ["leak", "cluster-leaked", 7 * C],
      ["leak", "cluster-leaked", 9 * C],
    ],
    leaks: 3,
  },
];

describe("the check of a qcow2 image finds", () => {
  it.each(cases)("$name", async ({ spec, found, peer, ...counts }) => {
    const { result, findings } = await checked(spec);
    expect(findings.map(({ kind, code, offset }) => [kind, code, offset])).toEqual(found);
    expect(findings.map(({ id }) => id)).toEqual(found.map((_, index) => index));
    const of = (kind: Finding["kind"]) => found.filter((one) => one[0] === kind).length;
    expect([result.corruptions, result.leaks, result.checkErrors]).toEqual([
      counts.corruptions ?? of("corruption"),
      counts.leaks ?? of("leak"),
      counts.errors ?? of("io-error"),
    ]);
    if (peer) expect(findings.flatMap((one) => one.peer?.lines ?? [])).toEqual(peer);
    expect(result.readError).toBeUndefined();
  });

  // A 64-bit refcount that no number keeps.
  it("a refcount above 2^53 exactly", async () => {
    const { findings, result } = await checked(
      two({ refcountOrder: 6, refcounts: new Map([[5, 2n ** 64n - 2n]]) }),
    );
    expect(findings[0]?.peer?.lines).toEqual(["Leaked cluster # refcount=18446744073709551614 reference=1"]);
    expect([result.leaks, result.corruptions]).toEqual([1, 1]);
  });

  it.each([0, 1, 2, 3, 4, 5, 6])("nothing where refcounts have 2^%i bits", async (refcountOrder) => {
    const { result, findings } = await checked(two({ refcountOrder }));
    expect(findings).toEqual([]);
    expect(result).toMatchObject({ corruptions: 0, leaks: 0, checkErrors: 0, imageEndOffset: 7 * C });
  });
});

describe("a finding of the check of a qcow2 image", () => {
  it("says where the entry is, what it is and which range of the disk it is for", async () => {
    const { findings } = await checked(two({ u64: [l2(1, at(6))] }));
    expect(findings).toEqual([
      expect.objectContaining({
        offset: 4 * C + 8,
        length: 8,
        table: { level: "L2", index: 0, offset: 4 * C },
        entry: 1,
        value: "0x6000",
        guest: { offset: C, length: C },
        repair: "set-copied-flag",
        flagged: { offset: 6 * C, isSet: false },
        message: "L1[0] -> L2[1] is 0x6000: the COPIED flag is not set, and the refcount of the cluster is 1",
      }),
    ]);
  });

  it("names who refers to a cluster, and how often it is referred to", async () => {
    const { findings } = await checked(two({ u64: [l2(1, copied | at(5)), l2(7, copied | at(3))] }));
    // The first cluster that differs is 3, the L1 table.
    expect(findings.map(({ references, repair }) => [references, repair])).toEqual([
      [{ by: ["header, l1_table_offset", "L1[0] -> L2[7]"], total: 2 }, "set-refcount"],
      [{ by: ["L1[0] -> L2[0]", "L1[0] -> L2[1]"], total: 2 }, "set-refcount"],
      [{ by: [], total: 0 }, "set-refcount"],
    ]);
    expect(findings[0]).toMatchObject({
      table: { level: "refcount block", index: 0, offset: 2 * C },
      entry: 3,
      value: "0x1",
    });
  });
});

describe("the statistics of a check", () => {
  it("count fragments by the order of the file, and zero clusters that have a place", async () => {
    // Guest clusters 0..3 in 5, 7, 6 and, reading as zeroes, 8; 5 is plain zero: 7 and 6 do not follow, nor does 8.
    const data = filled(C, 1);
    const spec = two({
      clusters: new Map<number, Uint8Array | "zero">([0, 1, 2, 3].map((index) => [index, data] as const)).set(
        5,
        "zero",
      ),
      u64: [l2(1, copied | at(7)), l2(2, copied | at(6)), l2(3, copied | at(8) | 1n)],
    });
    const { result } = await checked(spec);
    expect(result).toMatchObject({
      corruptions: 0,
      totalClusters: 8,
      allocatedClusters: 4,
      fragmentedClusters: 3,
      compressedClusters: 0,
      imageEndOffset: 9 * C,
    });
  });

  it("count each compressed cluster as a fragment, and not for its neighbours", async () => {
    // Both streams lie in cluster 6, whose refcount is then 2; the data at 5 and 7 do not follow each other.
    const data = filled(C, 1);
    const stream = (sector: number) => (1n << 62n) | (at(6) + BigInt(sector * 512));
    const spec = two({
      clusters: new Map([0, 1, 2].map((index) => [index, data] as const)),
      refcounts: new Map([[6, 2n]]),
      u64: [l2(1, stream(0)), l2(2, stream(2)), l2(3, copied | at(7))],
    });
    const { result } = await checked(spec);
    expect(result).toMatchObject({
      corruptions: 0,
      leaks: 0,
      allocatedClusters: 4,
      fragmentedClusters: 3,
      compressedClusters: 2,
    });
  });
});

/** `two` with snapshots whose L1 tables are given: 7 is the first cluster behind the data, the table is in `table`. */
function withSnapshots(
  entries: readonly Uint8Array[],
  l1Tables: readonly bigint[],
  refcounts: ReadonlyMap<number, bigint>,
  more: Partial<Qcow2Spec> = {},
): Qcow2Spec {
  const tables = l1Tables.map((value) => {
    const bytes = new Uint8Array(C);
    new DataView(bytes.buffer).setBigUint64(0, value);
    return [bytes, 1] as const;
  });
  return two({
    extra: [...tables, [new Uint8Array(Buffer.concat(entries)), 1]],
    refcounts,
    ...more,
    u32: [[60, entries.length]],
    u64: [[64, at(7 + tables.length)], ...(more.u64 ?? [])],
  });
}
const entryOf = (id: string, l1Offset: number | bigint, more = {}) =>
  snapshotEntry({ id, name: `s${id}`, l1Offset, l1Entries: 1, diskSize: 8 * C, ...more });
const shared = (count: bigint) => new Map([4, 5, 6].map((cluster) => [cluster, count] as const));
/** Entries of the active tables: the clusters are shared. */
const unset = [l1(at(4)), l2(0, at(5)), l2(1, at(6))];

describe("the check of snapshots", () => {
  it("counts what they share once for each", async () => {
    const entries = [entryOf("1", 7 * C), entryOf("2", 8 * C)];
    const { result, findings } = await checked(
      withSnapshots(entries, [at(4), at(4)], shared(3n), { u64: unset }),
    );
    expect(findings).toEqual([]);
    // Statistics are those of the disk as it is.
    expect(result).toMatchObject({ corruptions: 0, leaks: 0, allocatedClusters: 2, fragmentedClusters: 0 });
  });

  it("finds a fault of a shared table for each that refers to it", async () => {
    const bad = [l1(at(4)), l2(0, at(5)), l2(1, at(6) | 2n)];
    const entries = [entryOf("1", 7 * C), entryOf("2", 8 * C)];
    const { result, findings } = await checked(
      withSnapshots(entries, [at(4), at(4)], shared(3n), { u64: bad }),
    );
    expect(result.corruptions).toBe(3);
    expect(findings.map(({ message }) => message.split(" is ")[0])).toEqual([
      "L1[0] -> L2[1]",
      "snapshot 1, L1[0] -> L2[1]",
      "snapshot 2, L1[0] -> L2[1]",
    ]);
    expect(findings.map(({ guest }) => guest?.offset)).toEqual([C, undefined, undefined]);
  });

  it("ends where a snapshot's L1 table is the active one, and a table of itself", async () => {
    const entries = [entryOf("1", 3 * C), entryOf("2", 7 * C)];
    // Cluster 7 is an L1 table whose only L2 table is itself: its word is an entry for cluster 7. Counted: 3 by the
    // header and the snapshot, 4, 5 and 6 twice, 7 by the snapshot, as an L2 table, and as data.
    const { result } = await checked(
      withSnapshots(entries, [at(7)], new Map([[3, 2n], [7, 3n], ...shared(2n)]), { u64: unset }),
    );
    expect(result).toMatchObject({ corruptions: 0, leaks: 0, checkErrors: 0 });
  });

  it.each([
    ["l1_offset=0x7200: L1 table is not cluster aligned", entryOf("1", 7 * C + 512), "snapshot-l1-unaligned"],
    [
      "l1_size=0x400001: L1 table is too large",
      entryOf("1", 7 * C, { l1Entries: 0x400001 }),
      "snapshot-l1-too-large",
    ],
  ])("tells of a table it does not read: %s", async (words, entry, code) => {
    const { result, findings } = await checked(withSnapshots([entry], [at(4)], new Map()));
    expect(findings.map((one) => [one.code, one.offset])).toEqual([
      [code, 8 * C],
      ["cluster-leaked", 7 * C],
    ]);
    expect(findings[0]?.peer?.lines).toEqual([
      `ERROR snapshot 1 (s1) ${words}; snapshot table entry corrupted`,
    ]);
    expect([result.corruptions, result.leaks]).toEqual([1, 1]);
  });

  it("tells of an entry with less extra data than version 3 has, before all else", async () => {
    const { findings, result } = await checked(
      withSnapshots([entryOf("1", 7 * C, { extraLength: 8 })], [at(4)], shared(2n), { u64: unset }),
    );
    expect(findings.map(({ code, peer, repair }) => [code, peer?.lines, repair])).toEqual([
      ["snapshot-incomplete", ["ERROR snapshot table entry 0 is incomplete"], "rewrite-snapshots"],
    ]);
    expect(result.corruptions).toBe(1);
  });

  it("tells of snapshots beside an external data file", async () => {
    const { findings } = await checked(
      withSnapshots([entryOf("1", 7 * C)], [0n], new Map(), {
        clusters: new Map([
          [0, copied],
          [1, copied | at(1)],
        ]),
        incompatible: 4n,
        // Without data of its own the file has clusters 5 (L1 table) and 6 (entry) behind the L2 table.
        u64: [
          [64, at(6)],
          [6 * C, at(5)],
        ],
      }),
    );
    expect(findings.map(({ code }) => code)).toEqual(["snapshots-with-data-file"]);
  });
});

describe("hostile images", () => {
  // 64 entries of an L1 table, 600 snapshots, all of one L2 table: 600 * 64 visits of 512 entries each.
  it("are checked without going over a shared table again for each that refers to it", async () => {
    const l1Bytes = new Uint8Array(C);
    for (let i = 0; i < 64; i++) new DataView(l1Bytes.buffer).setBigUint64(i * 8, at(4));
    const entries = Array.from({ length: 600 }, (_, index) =>
      entryOf(`${index}`, 7 * C, { l1Entries: 64, extraLength: 16 }),
    );
    const table = Buffer.concat(entries);
    const spec = two({
      refcountOrder: 5,
      extra: [
        [l1Bytes, 600],
        ...Array.from({ length: Math.ceil(table.length / C) }, (_, index) => {
          return [new Uint8Array(table.subarray(index * C, (index + 1) * C)), 1] as const;
        }),
      ],
      refcounts: shared(BigInt(1 + 600 * 64)),
      u32: [[60, 600]],
      u64: [[64, at(8)], ...unset],
    });
    const node = await openBytes(buildQcow2(spec).bytes);
    const { result, findings } = await gathered(node);
    expect(findings).toEqual([]);
    expect(result).toMatchObject({ corruptions: 0, leaks: 0, checkErrors: 0, allocatedClusters: 2 });
  });

  it("keep 100,000 findings and count the others", async () => {
    const size = 2 ** 21;
    const { bytes } = buildQcow2({ clusterBits: 21, size: size * 262144, clusters: new Map([[0, 0n]]) });
    bytes.set(Buffer.alloc(size, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 2)), 4 * size);
    const { result, findings } = await gathered(await openBytes(bytes));
    // Each of the 262144 entries has a reserved bit set, and refers to nothing.
    expect(result.corruptions).toBe(262144);
    expect(findings.length).toBe(100_000);
    expect(result.findingsDropped).toBe(162144);
  });
});

describe("a check", () => {
  it("stops when it is cancelled", async () => {
    const spec = two({ u64: Array.from({ length: 100 }, (_, index) => l2(index + 2, 2n)) });
    const node = await openBytes(buildQcow2(spec).bytes);
    const cancel = new AbortController();
    const finding = () => {
      cancel.abort();
      wait(1);
    };
    await expect(node.check?.({ signal: cancel.signal, finding })).rejects.toMatchObject({
      code: "ECANCELED",
    });
  });

  it("needs no key where data are encrypted", async () => {
    const { bytes } = buildQcow2(two());
    // AES.
    new DataView(bytes.buffer).setUint32(32, 1);
    const { result } = await gathered(await openBytes(bytes));
    expect(result).toMatchObject({ corruptions: 0, leaks: 0, allocatedClusters: 2 });
  });
});

/** Milliseconds of work. */
function wait(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

describe("the check of bitmaps", () => {
  /** An extension for one bitmap whose directory is in cluster 7, its table in 8, its data in 9. */
  function withBitmap(tableEntry: bigint, refcount = 1, more: Partial<Qcow2Spec> = {}): Qcow2Spec {
    const extension = new Uint8Array(24);
    const view = new DataView(extension.buffer);
    view.setUint32(0, 1);
    view.setBigUint64(8, 32n);
    view.setBigUint64(16, at(7));
    const directory = new Uint8Array(C);
    const entry = new DataView(directory.buffer);
    entry.setBigUint64(0, at(8));
    entry.setUint32(8, 1);
    // Type 1, granularity 2^16, a name of one letter.
    entry.setUint8(16, 1);
    entry.setUint8(17, 16);
    entry.setUint16(18, 1);
    directory[24] = 0x62;
    const table = new Uint8Array(C);
    new DataView(table.buffer).setBigUint64(0, tableEntry);
    return two({
      autoclear: 1n,
      extensions: [[0x23852875, extension]],
      extra: [
        [directory, 1],
        [table, 1],
        [filled(C, 1), refcount],
      ],
      ...more,
    });
  }

  it("counts directory, table and data", async () => {
    const { result, findings } = await checked(withBitmap(at(9)));
    expect(findings).toEqual([]);
    expect(result).toMatchObject({ corruptions: 0, leaks: 0, imageEndOffset: 10 * C });
    const ones = await checked(withBitmap(1n, 0));
    expect(ones.findings).toEqual([]);
  });

  it.each([
    ["a reserved bit", at(9) | 4n],
    ["bit 0 beside an offset", at(9) | 1n],
    ["an offset that is not aligned", at(9) + 512n],
    ["bits above the 55th", at(9) | (1n << 56n)],
  ])("tells of %s, and of no leak that may be none", async (_, entry) => {
    const { result, findings } = await checked(withBitmap(entry));
    expect(findings.map(({ code, offset, value }) => [code, offset, value])).toEqual([
      ["bitmap-entry-damaged", 8 * C, `0x${entry.toString(16)}`],
    ]);
    expect([result.corruptions, result.leaks, result.readError?.code]).toEqual([1, 0, "EINVAL"]);
  });

  // A cluster of bits speaks of 8 C times 2^16 bytes, which is more than the disk has: one entry is needed, or none.
  it.each([
    ["an entry too many", 2, (header: DataView) => header.setUint32(7 * C + 8, 2), 1],
    ["one where the disk is empty", 1, (header: DataView) => header.setBigUint64(24, 0n), 0],
  ])("tells of a table with %s", async (_, entries, change, needed) => {
    const { bytes } = buildQcow2(withBitmap(at(9)));
    change(new DataView(bytes.buffer, bytes.byteOffset));
    const { result, findings } = await gathered(await openBytes(bytes));
    expect(findings.map(({ code, offset, length, message }) => [code, offset, length, message])).toEqual([
      [
        "bitmap-table-length",
        7 * C + 8,
        4,
        `bitmap "b": its table has ${entries} entries, and ${needed} speak of the disk`,
      ],
    ]);
    expect(result.corruptions).toBe(1);
  });

  it("leaves them alone where they are said to be stale: what they have is leaked", async () => {
    const { result } = await checked(withBitmap(at(9), 1, { autoclear: 0n }));
    expect([result.corruptions, result.leaks]).toEqual([0, 3]);
  });
});

describe("tables that can't be read", () => {
  /** `two` in a file that fails where sector `sector` is read. */
  async function failing(sector: number): Promise<{ result: CheckResult; findings: Finding[] }> {
    const { bytes } = buildQcow2(two());
    const graph = await openForTest({
      driver: "qcow2",
      file: {
        driver: "blkdebug",
        image: { driver: "memory", bytes },
        "inject-error": [{ event: "none", iotype: "read", sector, errno: 5 }],
      },
    });
    return gathered(graph.root);
  }

  it("make an L2 table an error, and no cluster leaked", async () => {
    const { result, findings } = await failing((4 * C) / 512);
    expect(findings.map(({ kind, code, offset }) => [kind, code, offset])).toEqual([
      ["io-error", "l2-table-unreadable", 4 * C],
    ]);
    expect(findings[0]?.peer?.lines).toEqual(["ERROR: I/O error in check_refcounts_l2"]);
    expect(result).toMatchObject({ corruptions: 0, leaks: 0, checkErrors: 1, readError: { code: "EIO" } });
  });

  it("make an L1 table an error", async () => {
    const { result, findings } = await failing((3 * C) / 512);
    expect(findings.map(({ code }) => code)).toEqual(["l1-table-unreadable"]);
    expect([result.checkErrors, result.leaks]).toEqual([1, 0]);
  });

  it.each([
    ["copied-flags-unreadable", "an L1 table", 3],
    ["l2-table-unreadable", "an L2 table", 4],
  ] as const)(
    "make %s an error where they hit only the second look at %s, for the COPIED flags",
    async (code, _, cluster) => {
      // The flag of guest cluster 0 is not set: the walk alone can't say that all flags are right.
      const { bytes } = buildQcow2(two({ u64: [[4 * C, at(5)]] }));
      const { root } = await openForTest({ driver: "memory", bytes });
      let reads = 0;
      const flaky = changed(root, {
        read: async (offset: number, target: Uint8Array) => {
          const isMet = offset <= cluster * C && offset + target.length > cluster * C;
          if (isMet && ++reads === 2) throw new BlockError("EIO", "the disk does not answer");
          await root.read(offset, target);
        },
      });
      const { result, findings } = await checkShared(flaky, alone);
      expect(reads).toBe(2);
      expect(findings.map((one) => [one.kind, one.code, one.offset])).toEqual([
        ["io-error", code, cluster * C],
      ]);
      expect(findings[0]?.peer?.lines).toEqual([
        "ERROR: I/O error in check_oflag_copied: Input/output error",
      ]);
      expect(result).toMatchObject({ corruptions: 0, checkErrors: 1, readError: { code: "EIO" } });
    },
  );

  it("make the refcounts of a block unknown", async () => {
    const { result, findings } = await failing((2 * C) / 512);
    expect(findings.map(({ code }) => code)).toEqual(["refcount-unreadable"]);
    expect([result.checkErrors, result.corruptions, result.readError]).toEqual([7, 0, undefined]);
  });
});
