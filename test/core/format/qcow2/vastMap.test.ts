// The map of a file so long that clusters far from each other are marked apart: what it says is what tables say when they
// are taken entry by entry. Clusters of 4096 bytes, 512 entries a table; the file has 3 * 2^20 clusters, nearly all holes.
import * as fs from "node:fs";
import { expect, it } from "vitest";
import { clusterKinds } from "../../../../core/block/structure.ts";
import { mapClusters } from "../../../../core/ops/clusterMap.ts";
import { openForTest } from "../../../build/open.ts";
import { buildQcow2 } from "../../../build/qcow2.ts";
import { type Random, seeded } from "../../../build/random.ts";
import { tempFile } from "../../../build/temp.ts";

const C = 4096;
const perTable = C / 8;
const tables = 3;
const fileClusters = 3 * 2 ** 20;
const copied = 1n << 63n;
const compressed = 1n << 62n;

type Kind = "data" | "zero" | "compressed";
type Entry = {
  readonly word: bigint;
  readonly cluster?: number;
  readonly kind?: Kind;
  readonly isBad?: true;
};

/** With fewer `kinds` more of them are no data. Of a few clusters all over the file, so that many are for the same one; the last one of the second table is for `onTable`. */
function randomEntries(random: Random, onTable: number | undefined, kinds: number): Entry[] {
  const targets = Array.from({ length: 120 }, () => 100 + random.below(fileClusters - 100));
  return Array.from({ length: tables * perTable }, (_, index) => {
    const cluster = index === 2 * perTable - 1 && onTable !== undefined ? onTable : random.pick(targets);
    const offset = BigInt(cluster * C);
    switch (random.below(kinds)) {
      case 0:
        return { word: offset | copied | 1n, cluster, kind: "zero" };
      case 1:
        // One sector behind the first, in the same cluster.
        return { word: compressed | offset | 512n, cluster, kind: "compressed" };
      case 2:
        return { word: offset + 512n, isBad: true };
      case 3:
        return { word: BigInt(fileClusters * C) | copied, isBad: true };
      case 4:
        return { word: random.pick([0n, copied]) };
      default:
        return { word: offset | random.pick([0n, copied]), cluster, kind: "data" };
    }
  });
}

/** The same by the rules of the map: what other than data meet on a cluster overlaps; so does what is counted too low. */
function slowly(entries: readonly Entry[], l2: readonly number[]) {
  const kinds = new Map<number, string>(l2.map((cluster) => [cluster, "l2-table"]));
  const references = new Map<number, number>(l2.map((cluster) => [cluster, 1]));
  let [badEntries, extraReferences, skippedTables] = [0, 0, 0];
  for (const [table, own] of l2.entries()) {
    if (kinds.get(own) === "overlap") {
      skippedTables++;
      continue;
    }
    for (const { cluster, kind, isBad } of entries.slice(table * perTable, (table + 1) * perTable)) {
      if (isBad) {
        badEntries++;
        if (kinds.get(own) !== "overlap") kinds.set(own, "bad-entry");
      }
      if (cluster === undefined || kind === undefined) continue;
      const before = kinds.get(cluster);
      const mixes = kind === "compressed" ? ["compressed"] : ["data", "zero"];
      if (before === undefined) kinds.set(cluster, kind);
      else if (!mixes.includes(before)) {
        kinds.set(cluster, "overlap");
        extraReferences++;
      } else if (kind === "data") kinds.set(cluster, "data");
      references.set(cluster, (references.get(cluster) ?? 0) + 1);
    }
  }
  // No count is stored of what the entries refer to.
  for (const [cluster, kind] of kinds) {
    if (l2.includes(cluster) || kind === "overlap") continue;
    const counted = references.get(cluster) ?? 0;
    extraReferences += counted - 1;
    kinds.set(cluster, counted > 1 ? "overlap" : "refcount-low");
  }
  return { kinds, references, badEntries, extraReferences, skippedTables };
}

it("says of clusters in no order what their tables say", async () => {
  await seeded(async (random) => {
    for (let round = 0; round < 8; round++) {
      // The tables are clusters 4 to 6 of the file, behind header, refcounts and the L1 table.
      const l2 = [4, 5, 6];
      const entries = randomEntries(
        random,
        [undefined, 5, undefined, 6][round % 4],
        round % 3 === 0 ? 7 : 20,
      );
      const { bytes, l2Offsets } = buildQcow2({
        clusterBits: 12,
        size: tables * perTable * C,
        clusters: new Map(entries.map(({ word }, index) => [index, word] as const)),
      });
      expect([...l2Offsets.values()]).toEqual(l2.map((cluster) => cluster * C));
      const filename = tempFile("vast.qcow2", bytes);
      fs.truncateSync(filename, fileClusters * C);
      const spec = { driver: "qcow2", file: { driver: "file", filename } };
      const { root } = await openForTest(spec);
      const map = await mapClusters(root, {
        signal: new AbortController().signal,
        progress: () => undefined,
      });
      const slow = slowly(entries, l2);
      const { badEntries, extraReferences, skippedTables } = slow;
      expect(map.summary).toMatchObject({ badEntries, extraReferences, skippedTables });
      const kinds = new Map<number, string>();
      for (let first = 0; first < fileClusters; first += 2 ** 20) {
        const tile = await map.tile({ level: 0, first, count: 2 ** 20 });
        for (const [at, number] of tile.entries()) {
          const kind = clusterKinds[number];
          if (kind !== undefined && kind !== "free") kinds.set(first + at, kind);
        }
      }
      // Header, refcount table and block, L1 table.
      for (const metadata of [0, 1, 2, 3]) kinds.delete(metadata);
      expect([...kinds].sort(([a], [b]) => a - b)).toEqual([...slow.kinds].sort(([a], [b]) => a - b));
      for (const [cluster, counted] of slow.references) {
        const place = await map.place(cluster * C, 1);
        expect([cluster, place.counted]).toEqual([cluster, counted]);
        if (skippedTables === 0) expect(place.references.total, `cluster ${cluster}`).toBe(counted);
      }
    }
  });
});
