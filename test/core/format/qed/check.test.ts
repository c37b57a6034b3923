// The check of QED images where size or damage is beyond what a person would make; ordinary damage is compared with the
// peer in test/cross/check.test.ts.
import * as fs from "node:fs";
import { describe, expect, it } from "vitest";
import type { Finding } from "../../../../core/block/finding.ts";
import { checkAndRepair, gather } from "../../../../core/block/repair.ts";
import { openGraph } from "../../../../core/graph.ts";
import { newQed } from "../../../build/newQed.ts";
import { failureOf, filled, openBytes, openForTest } from "../../../build/open.ts";
import { buildQed } from "../../../build/qed.ts";

const mib = 1024 * 1024;

async function open(name: string, readOnly = true) {
  const spec = { driver: "qed", file: { driver: "file", filename: name } };
  const { root } = await openForTest(spec, { readOnly, dirty: "skip" });
  const file = root.children[0]?.node;
  if (!file) throw new Error("a QED image has a file");
  return { root, file };
}

function poke(name: string, entries: ReadonlyMap<number, bigint>): void {
  const fd = fs.openSync(name, "r+");
  const bytes = Buffer.alloc(8);
  for (const [at, value] of entries) {
    bytes.writeBigUInt64LE(value);
    fs.writeSync(fd, bytes, 0, 8, at);
  }
  fs.closeSync(fd);
}

/** An L1 table in which every entry but the first and the last points to the first's L2 table; the last is bad. */
async function crowded(): Promise<string> {
  const name = await newQed({ size: mib, options: { table_size: 16 } });
  const graph = await openGraph(
    { driver: "qed", file: { driver: "file", filename: name } },
    { readOnly: false },
  );
  await graph.root.write(0, new Uint8Array(512));
  await graph.close();
  const l1 = 65_536;
  const fd = fs.openSync(name, "r+");
  // 16 clusters of 64 KiB hold 131,072 entries.
  const entries = new BigUint64Array(131_072);
  fs.readSync(fd, new Uint8Array(entries.buffer), 0, entries.byteLength, l1);
  entries.fill(entries[0] ?? 0n);
  entries[131_071] = 512n;
  fs.writeSync(fd, new Uint8Array(entries.buffer), 0, entries.byteLength, l1);
  fs.closeSync(fd);
  return name;
}

describe("a check with more findings than are kept", () => {
  it("counts the others, and keeps those a repair answers", async () => {
    const { root } = await open(await crowded());
    const { result, findings } = await gather(root, {});
    // 131,070 tables of 16 clusters each used again, and one bad entry.
    expect(result.corruptions).toBe(131_070 * 16 + 1);
    expect(findings.filter(({ repair }) => repair === "clear-entry")).toHaveLength(1);
    expect(findings).toHaveLength(100_000 + 1);
    // 131,070 overlaps, and the 16 clusters that are shared.
    expect(result.findingsDropped).toBe(131_070 + 16 - 100_000);
    expect(new Set(findings.map(({ id }) => id)).size).toBe(findings.length);
  });

  it("is repaired all the same, as far as it can be", async () => {
    const name = await crowded();
    const { root, file } = await open(name, false);
    const { fixed, result } = await checkAndRepair(root, file);
    expect([fixed, result.corruptions]).toEqual([1, 131_070 * 16]);
    expect(fs.readFileSync(name).readBigUInt64LE(65_536 + 131_071 * 8)).toBe(0n);
  });

  it("makes no findings for who does not want them", async () => {
    const { root } = await open(await crowded());
    const result = await root.check?.({});
    expect(result?.corruptions).toBe(131_070 * 16 + 1);
  });
});

describe("a check of tables of 1 GiB", () => {
  it("obeys a cancel in the middle of one", async () => {
    const name = await newQed({ size: 1024 * mib, options: { cluster_size: 64 * mib, table_size: 16 } });
    // The L1 table is at 64 MiB and 1 GiB long; its first two entries point to L2 tables behind it, all holes.
    fs.truncateSync(name, (1 + 16 * 3) * 64 * mib);
    poke(name, new Map([16, 32].map((clusters, i) => [64 * mib + i * 8, BigInt((1 + clusters) * 64 * mib)])));
    const { root } = await open(name);
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 30);
    expect((await failureOf(root.check?.({ signal: stop.signal }) ?? Promise.resolve())).code).toBe(
      "ECANCELED",
    );
  });
});

describe("a check of hostile headers", () => {
  it.each([
    ["a header area of 4 GiB", 12, 65_535n],
    ["a header area of none", 12, 0n],
    ["the largest image its tables allow", 48, 2n ** 46n],
  ])("ends with counts, for %s", async (_name, at, value) => {
    const name = await newQed({ size: mib });
    const bytes = fs.readFileSync(name);
    if (at === 12) bytes.writeUInt32LE(Number(value), at);
    else bytes.writeBigUInt64LE(value, at);
    fs.writeFileSync(name, bytes);
    const outcome = await open(name).then(
      async ({ root }) => (await gather(root, {})).result,
      (error: { code: string }) => error.code,
    );
    // Behind a header of 4 GiB the L1 table would have to lie; with none the header's own cluster is unused.
    const wanted = {
      65535: "ECORRUPT",
      0: { leaks: 1, totalClusters: 16 },
      70368744177664: { leaks: 0, totalClusters: 2 ** 30, allocatedClusters: 0 },
    }[String(value)];
    if (typeof wanted === "string") expect(outcome).toBe(wanted);
    else expect(outcome).toMatchObject(wanted ?? {});
  });

  it("says of unused clusters that a table which it did not look at may use them", async () => {
    const C = 4096;
    // 0 header, 1 L1 table, 2 L2 table, 3 and 4 its data, 5 L2 table of L1[1], 6 to 8 what that names: 512 entries on.
    const clusters = new Map([0, 1, 512, 513, 514].map((index) => [index, filled(C, index)]));
    const spec = { size: 1024 * C, clusterSize: C, tableSize: 1, clusters };
    const messages = async (l2: readonly (readonly [number, number, bigint])[]) => {
      const { findings, result } = await gather(await openBytes(buildQed({ ...spec, l2 }).bytes, "qed"), {});
      return [result.leaks, ...findings.filter(({ kind }) => kind === "leak").map(({ message }) => message)];
    };
    // L1[0] -> L2[1] names the second table as data; 4 is not used then, and 6 to 8 count as if they were not.
    expect(await messages([[0, 1, BigInt(5 * C)]])).toEqual([
      4,
      "1 cluster at 0x4000 is not used by anything, but perhaps by a table that was not looked at",
      "3 clusters at 0x6000 are not used by anything, but perhaps by a table that was not looked at",
    ]);
    expect(await messages([[0, 1, 0n]])).toEqual([1, "1 cluster at 0x4000 is not used by anything"]);
  });

  it("tells of an L1 table that points to itself and of entries with all bits set", async () => {
    const name = await newQed({ size: mib });
    poke(
      name,
      new Map([
        [65_536, 65_536n],
        [65_544, 2n ** 64n - 1n],
        [65_552, 2n ** 64n - 65_536n],
      ]),
    );
    const { root } = await open(name);
    const { findings, result } = await gather(root, {});
    const told = findings.map(({ code, value }: Finding) => [code, value]);
    // The table has 4 clusters, which the L1 table uses already.
    expect(result.corruptions).toBe(4 + 2);
    expect(told.slice(0, 3)).toEqual([
      ["l2-table-overlaps", "0x10000"],
      ["l1-entry-past-end", "0xffffffffffffffff"],
      ["l1-entry-past-end", "0xffffffffffff0000"],
    ]);
  });
});
