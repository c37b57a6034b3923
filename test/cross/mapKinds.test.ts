// Kinds and references on the command line: their totals against qemu-img check, and against hand-made damage.
import * as fs from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Random, seeded } from "../build/random.ts";
import { Cli, describeWithQemu } from "../core/cli/support.ts";

let cli: Cli;
beforeAll(async () => {
  cli = await Cli.build();
});
afterAll(() => cli.remove());

function poke(name: string, at: number, value: bigint): void {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  const fd = fs.openSync(cli.path(name), "r+");
  fs.writeSync(fd, bytes, 0, 8, at);
  fs.closeSync(fd);
}

/** 12 clusters of 64 KiB in one table, and where its entries are. */
function image(name: string) {
  fs.rmSync(cli.path(name), { force: true });
  cli.qemuImg("create", "-f", "qed", name, "16M");
  cli.qemuIo("-f", "qed", "-c", "write 0 768k", "-c", "write -z 1M 64k", name);
  const bytes = fs.readFileSync(cli.path(name));
  const l1 = Number(bytes.readBigUInt64LE(40));
  const l2 = Number(bytes.readBigUInt64LE(l1));
  return { l1, l2, length: bytes.length, data: (index: number) => bytes.readBigUInt64LE(l2 + index * 8) };
}

function damage(name: string, random: Random): void {
  const { l1, l2, length, data } = image(name);
  const values = [data(0), data(3), BigInt(length), BigInt(l1), BigInt(l2), 0n, 7n, 0xffffffffffffffffn];
  for (let i = 0; i < random.below(6); i++) {
    const at = random.below(4) === 0 ? l1 + 8 * (1 + random.below(3)) : l2 + 8 * random.below(12);
    poke(name, at, random.pick(values));
  }
  fs.appendFileSync(cli.path(name), Buffer.alloc(65536 * random.below(3)));
}

/** Several tables: entries of both levels that name each other's tables and clusters. */
function damageMany(name: string, random: Random): void {
  fs.rmSync(cli.path(name), { force: true });
  // 14 MiB are 4 tables of 1024 entries. Below 4095 clusters the peer counts them right: it divides by 4095.
  cli.qemuImg("create", "-f", "qed", "-o", "cluster_size=4096,table_size=2", name, "14M");
  const writes = Array.from({ length: 6 }, () => {
    const at = random.below(14 * 256 - 8) * 4;
    return ["-c", random.below(4) === 0 ? `write -z ${at}k 8k` : `write ${at}k ${4 + 4 * random.below(7)}k`];
  });
  cli.qemuIo("-f", "qed", ...writes.flat(), name);
  const bytes = fs.readFileSync(cli.path(name));
  const l1 = Number(bytes.readBigUInt64LE(40));
  const tables = Array.from({ length: 4 }, (_, i) => Number(bytes.readBigUInt64LE(l1 + i * 8))).filter(
    Boolean,
  );
  const value = () =>
    random.pick([
      BigInt(random.below(bytes.length / 4096 + 2) * 4096),
      BigInt(random.pick(tables)),
      0n,
      5n,
      1n << 63n,
    ]);
  const times = random.below(10);
  for (let i = 0; i < times; i++) {
    const [at, entries] = random.below(3) === 0 ? [l1, 6] : [random.pick(tables), 1024];
    poke(name, at + 8 * random.below(entries), value());
  }
  fs.appendFileSync(cli.path(name), Buffer.alloc(random.below(3) * 4096));
}

/** A disk that a snapshot shares the first half of, with a few refcounts that are anything. */
function wrongRefcounts(name: string, random: Random): void {
  fs.rmSync(cli.path(name), { force: true });
  cli.qemuImg("create", "-f", "qcow2", name, "16M");
  cli.qemuIo("-f", "qcow2", "-c", "write 0 512k", name);
  cli.qemuImg("snapshot", "-c", "one", name);
  cli.qemuIo("-f", "qcow2", "-c", "write 512k 512k", "-c", "write 0 128k", name);
  const file = cli.path(name);
  const bytes = fs.readFileSync(file);
  const block = Number(bytes.readBigUInt64BE(Number(bytes.readBigUInt64BE(48))));
  // Of 16 bits each. The header and what is only read to find refcounts stay out of it.
  for (let i = random.below(8); i > 0; i--) {
    bytes.writeUInt16BE(random.below(4), block + 2 * (3 + random.below(bytes.length / 65_536 - 3)));
  }
  fs.writeFileSync(file, bytes);
}

const json = (...args: string[]) => JSON.parse(cli.run([...args, "--output", "json"]).stdout);

describeWithQemu("map --kinds", () => {
  it("agrees with qemu-img check on seeded damage", async () => {
    await seeded(async (random) => {
      for (let round = 0; round < 16; round++) {
        (round % 2 === 0 ? damage : damageMany)("kinds.qed", random);
        const theirs = JSON.parse(cli.qemuImg("check", "--output", "json", "kinds.qed").stdout);
        const ours = json("map", "--kinds", "kinds.qed");
        expect(
          {
            corruptions: ours["invalid-entries"] + ours["extra-references"],
            leaks: ours.kinds.leaked.clusters,
            allocated: ours.guest.allocated,
            total: ours.guest.clusters,
          },
          `round ${round}`,
        ).toEqual({
          corruptions: theirs.corruptions ?? 0,
          leaks: theirs.leaks ?? 0,
          allocated: theirs["allocated-clusters"] ?? 0,
          total: theirs["total-clusters"],
        });
        const clusters = Object.values<{ clusters: number }>(ours.kinds);
        expect(clusters.reduce((sum, kind) => sum + kind.clusters, 0)).toBe(ours.clusters);
      }
    });
  });

  it("finds the clusters whose refcount is wrong that qemu-img check finds", async () => {
    await seeded(async (random) => {
      for (let round = 0; round < 6; round++) {
        wrongRefcounts("counts.qcow2", random);
        const { stdout, stderr } = cli.qemuImg("check", "counts.qcow2");
        const said = [
          ...`${stdout}${stderr}`.matchAll(/^(Leaked|ERROR) cluster \d+ refcount=\d+ reference=(\d+)$/gm),
        ];
        const count = (word: string, test: (references: number) => boolean) =>
          said.filter(([, which, references]) => which === word && test(Number(references))).length;
        const { kinds } = json("map", "--kinds", "counts.qcow2");
        const ours = ["leaked", "refcount-high", "refcount-low", "overlap"].map(
          (kind) => kinds[kind].clusters,
        );
        expect(ours, `round ${round}`).toEqual([
          count("Leaked", (references) => references === 0),
          count("Leaked", (references) => references > 0),
          count("ERROR", (references) => references === 1),
          count("ERROR", (references) => references > 1),
        ]);
      }
    });
  });

  it("prints counts, bytes and percent, and problems even when there are none", () => {
    image("plain.qed");
    const { code, stdout } = cli.run(["map", "--kinds", "plain.qed"]);
    expect(code).toBe(0);
    // A header, two tables of 4 clusters and 12 of data: 21 clusters of 64 KiB are 1376256 bytes.
    expect(stdout.split("\n").map((line) => line.trim().replace(/ {2,}/g, "|"))).toEqual([
      "21 clusters of 64 KiB in a file of 1376256 bytes",
      "",
      "Kind|Clusters|Bytes|Of the file",
      "referenced more than once|0|0|0.00 %",
      "table with invalid entries|0|0|0.00 %",
      "leaked|0|0|0.00 %",
      "unreadable table|0|0|0.00 %",
      "header|1|65536|4.76 %",
      "L1 table|4|262144|19.05 %",
      "L2 table|4|262144|19.05 %",
      "data|12|786432|57.14 %",
      "",
      "Invalid entries: 0",
      "References beyond the first: 0",
      // 16 MiB are 256 clusters.
      "Guest clusters: 12 allocated, 1 zero, 243 unallocated",
      "",
    ]);
  });
});

describeWithQemu("refs", () => {
  it("names both owners of a cluster that is referenced twice, by file and by guest offset", () => {
    const { l2, data } = image("twice.qed");
    poke("twice.qed", l2 + 5 * 8, data(2));
    const at = Number(data(2));
    const place = json("refs", "twice.qed", `${at + 100}`);
    const reference = (index: number) => ({
      by: `L1[0] -> L2[${index}]`,
      offset: l2 + index * 8,
      length: 8,
      "guest-offset": index * 65536,
      "guest-length": 65536,
    });
    expect(place).toMatchObject({
      format: "qed",
      cluster: at / 65536,
      "cluster-offset": at,
      kind: "overlap",
      "counted-references": 2,
      references: [reference(2), reference(5)],
      "total-references": 2,
    });
    const { offset: _, ...same } = place;
    expect(json("refs", "twice.qed", "--guest", "320k")).toMatchObject({
      ...same,
      offset: at,
      "guest-state": "data",
    });
    expect(json("refs", "--limit", "1", "twice.qed", `${at}`).references).toEqual([reference(2)]);
    const lost = json("refs", "twice.qed", `${data(5)}`);
    expect(lost).toMatchObject({ kind: "leaked", "counted-references": 0, references: [] });
  });

  it("prints entries, header fields and guest ranges", () => {
    const { l1, l2, data } = image("entry.qed");
    const hex = (value: number | bigint) => `0x${value.toString(16)}`;
    const lines = (...args: string[]) =>
      cli
        .run(["refs", ...args])
        .stdout.trimEnd()
        .split("\n");
    const clusterOf = (offset: bigint) =>
      `-> cluster ${hex(offset / 65536n)
        .toUpperCase()
        .replace("X", "x")}`;
    expect(lines("entry.qed", `${l2 + 17}`)).toEqual([
      `File offset ${hex(l2 + 17)}: cluster 0x${(l2 / 65536).toString(16).toUpperCase()} at ${hex(l2)}, L2 table`,
      `In: L2 table 0, ${hex(l2)}+262144`,
      `  entry 2 at ${hex(l2 + 16)} = ${hex(data(2))}: ${clusterOf(data(2))}`,
      "  guest 0x20000+65536",
      "References: 1",
      `  L1[0] at ${hex(l1)}, guest 0x0+16777216`,
      "Points to: 12",
      ...Array.from({ length: 12 }, (_, i) => `  entry ${i} at ${hex(l2 + i * 8)}: ${clusterOf(data(i))}`),
    ]);
    expect(lines("entry.qed", "4")).toEqual([
      "File offset 0x4: cluster 0x0 at 0x0, header",
      "In: header, 0x0+65536",
      "  cluster_size at 0x4 = 65536: 64 KiB",
      "References: 0",
      "Points to: 1",
      `  l1_table_offset at 0x28: -> L1 table at cluster ${hex(l1 / 65536)
        .toUpperCase()
        .replace("X", "x")}`,
    ]);
    poke("entry.qed", l2 + 3 * 8, 0x123n);
    expect(lines("--guest", "200k", "entry.qed").slice(0, 5)).toEqual([
      `Guest offset 0x32000: invalid, by this entry:`,
      `  L1[0] -> L2[3] at ${hex(l2 + 24)}`,
      `File offset ${hex(l2 + 24)}: cluster 0x${(l2 / 65536).toString(16).toUpperCase()} at ${hex(l2)}, table with invalid entries`,
      `In: L2 table 0, ${hex(l2)}+262144`,
      `  entry 3 at ${hex(l2 + 24)} = 0x123: invalid: it is not aligned to the cluster size (0x10000)`,
    ]);
    expect(json("refs", "--guest", "200k", "entry.qed")).toMatchObject({
      "guest-state": "invalid",
      entry: {
        by: "L1[0] -> L2[3]",
        offset: l2 + 24,
        length: 8,
        "guest-offset": 196608,
        "guest-length": 65536,
      },
      offset: l2 + 24,
    });
    expect(lines("--guest", "1M", "entry.qed")).toEqual([
      "Guest offset 0x100000: zero, not stored in this file",
      `  L1[0] -> L2 at ${hex(l2)}, L2[16] = 1: zero cluster`,
    ]);
  });
});

describeWithQemu("refs of a range", () => {
  it("lists clusters of one kind together, and who refers to the first of each", () => {
    const { l1, l2, length, data } = image("range.qed");
    // The fifth cluster belongs to nobody now, the ninth to two.
    poke("range.qed", l2 + 4 * 8, 0n);
    poke("range.qed", l2 + 9 * 8, data(8));
    const found = json("refs", "range.qed", "0", "--length", "1T");
    expect(found).toMatchObject({ format: "qed", offset: 0, length });
    const clusters = new Map<number, object>();
    for (const { offset, clusters: count, ...rest } of found.stretches) {
      for (let i = 0; i < count; i++) clusters.set(offset + i * 65536, rest);
    }
    expect(clusters.size).toBe(length / 65536);
    expect(found["total-stretches"]).toBe(found.stretches.length);
    const kind = (at: number | bigint) => clusters.get(Number(at));
    expect(kind(0)).toMatchObject({ kind: "header", "counted-references": 0 });
    expect(kind(l1)).toMatchObject({ kind: "l1-table", "counted-references": 1 });
    expect(kind(l2)).toMatchObject({ kind: "l2-table", "counted-references": 1 });
    expect(kind(l2 + 3 * 65536)).toMatchObject({ kind: "l2-table" });
    expect(kind(data(3))).toMatchObject({ kind: "data", "counted-references": 1 });
    expect(kind(data(8))).toMatchObject({ kind: "overlap", "counted-references": 2 });
    // Data in a row are one stretch, named by their first cluster's entry.
    const start = Number(data(0));
    expect(found.stretches).toContainEqual({
      offset: start,
      length: 4 * 65536,
      clusters: 4,
      kind: "data",
      "counted-references": 1,
      "first-reference": {
        by: "L1[0] -> L2[0]",
        offset: l2,
        length: 8,
        "guest-offset": 0,
        "guest-length": 65536,
      },
    });
    const lost = start + 4 * 65536;
    expect(kind(lost)).toMatchObject({ kind: "leaked", "counted-references": 0 });
    const lines = cli
      .run(["refs", "range.qed", `${lost - 1}`, "--length", "2"])
      .stdout.trimEnd()
      .split("\n");
    expect(lines).toEqual([
      `File range 0x${(lost - 65536).toString(16)}+131072`,
      `  0x${(lost - 65536).toString(16)}+65536: data, 1 cluster, references: 1`,
      `    L1[0] -> L2[3] at 0x${(l2 + 24).toString(16)}, guest 0x30000+65536`,
      `  0x${lost.toString(16)}+65536: leaked, 1 cluster, references: 0`,
    ]);
    const some = json("refs", "--limit", "1", "range.qed", "0", "--length", "1T");
    expect(some.stretches).toEqual(found.stretches.slice(0, 1));
    expect(some).toMatchObject({ length, "total-stretches": found.stretches.length });
  });
});

describe("what can't be asked", () => {
  it("is refused with a reason", () => {
    cli.write("plain.raw", Buffer.alloc(4096));
    const said = (...args: string[]) => {
      const { code, stderr } = cli.run(args);
      return [code, stderr.split("\n")[0]];
    };
    expect(said("refs", "-f", "raw", "plain.raw", "0")).toEqual([
      1,
      "blkscope: Images of the format raw have no tables that refer to clusters",
    ]);
    expect(said("refs", "plain.raw")[1]).toContain("one image file name and one offset");
    expect(said("refs", "plain.raw", "0", "--guest", "0")[1]).toContain("one image file name and one offset");
    expect(said("refs", "--guest", "0", "--length", "1k", "plain.raw")).toEqual([
      1,
      "blkscope: --length and --guest are mutually exclusive",
    ]);
    expect(said("refs", "plain.raw", "0", "--length", "0")[1]).toContain("Invalid length specified");
    expect(said("map", "--kinds", "-s", "1", "plain.raw")[1]).toContain("can't be used with -s or -l");
    expect(cli.run(["map", "--kinds", "plain.raw"], { BLKSCOPE_AS: "qemu-img" }).code).toBe(1);
  });

  it("counts the parts of a raw image", () => {
    cli.sparse("sparse.raw", 200 * 1024, { 0: "x" });
    const { kinds, clusters } = json("map", "--kinds", "-f", "raw", "sparse.raw");
    expect([clusters, kinds.data.clusters, kinds.hole]).toEqual([4, 1, { clusters: 3, bytes: 136 * 1024 }]);
  });
});
