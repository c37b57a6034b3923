// Images made to wear a repair out: every entry names the same table, tables are their own tables, millions of entries
// are wrong. What is offered is bounded, and said to be; a run without bounds would not end within the test's time.
import * as fs from "node:fs";
import { expect, it } from "vitest";
import type { RepairOffer } from "../../core/block/finding.ts";
import { openGraph } from "../../core/graph.ts";
import { defaultItems, offerRepair } from "../../core/repair/offer.ts";
import { finish, mend } from "../build/mend.ts";
import { buildQed } from "../build/qed.ts";
import { tempDir, tempFile } from "../build/temp.ts";

const cluster = 65536;

/** A header, an L1 table and `tables` L2 tables, one behind the other, and the dirty bit. */
function image(tableSize: number, tables: number) {
  const tableBytes = tableSize * cluster;
  const bytes = new Uint8Array(cluster + tableBytes * (1 + tables));
  const view = new DataView(bytes.buffer);
  bytes.set([0x51, 0x45, 0x44, 0x00]);
  for (const [at, value] of [
    [4, cluster],
    [8, tableSize],
    [12, 1],
  ] as const)
    view.setUint32(at, value, true);
  view.setBigUint64(16, 2n, true);
  view.setBigUint64(40, BigInt(cluster), true);
  // 1 TiB.
  view.setBigUint64(48, 2n ** 40n, true);
  const entries = tableBytes / 8;
  const tableAt = (number: number) => cluster + tableBytes * number;
  /** Table 0 is the L1 table. */
  const fill = (table: number, value: (index: number) => bigint) => {
    for (let index = 0; index < entries; index++) {
      view.setBigUint64(tableAt(table) + index * 8, value(index), true);
    }
  };
  return { bytes, entries, tableAt, fill };
}

async function offerOf(bytes: Uint8Array, use: (offer: RepairOffer) => void): Promise<void> {
  const file = { driver: "file", filename: tempFile("hostile.qed", bytes) };
  const graph = await openGraph({ driver: "qed", file }, { readOnly: true });
  try {
    use(await offerRepair(graph.root));
  } finally {
    await graph.close();
  }
}

/** The limits that are promised: items, what they need, bytes that are copied. */
function expectBounded(offer: RepairOffer): void {
  expect(offer.items.length).toBeLessThanOrEqual(100_002);
  const needs = offer.items
    .filter(({ action }) => action !== "clear-dirty-bit")
    .map((item) => item.needs.length);
  expect(needs.every((count) => count <= 64)).toBe(true);
  const script = offer.script(defaultItems(offer));
  // 64 MiB of tables, and a million clusters of entries.
  const copied = script.copies.reduce((sum, { length }) => sum + length, 0);
  expect(copied).toBeLessThanOrEqual(64 * 1024 * 1024 + 1_000_000 * cluster);
}

it("offers what it can where all of L1 names one table", async () => {
  // 32768 entries.
  const { bytes, fill, tableAt } = image(4, 1);
  fill(0, () => BigInt(tableAt(1)));
  await offerOf(bytes, (offer) => {
    expectBounded(offer);
    const moved = offer.items.filter(({ action }) => action === "copy-table");
    // 64 MiB of tables of 256 KiB.
    expect(moved).toHaveLength(256);
    const taken = offer.items.filter(({ action, isDefault }) => action === "clear-entry" && !isDefault);
    // The first user keeps the table.
    expect(taken).toHaveLength(32768 - 1 - 256);
    expect(taken[0]?.risk).toBe("may-lose-data");
    expect(offer.items.find(({ action }) => action === "clear-dirty-bit")?.isDefault).toBe(false);
  });
});

it("says that entries in a table which everybody uses depend on too much", async () => {
  const { bytes, fill, tableAt } = image(4, 1);
  fill(0, () => BigInt(tableAt(1)));
  fill(1, (index) => (index % 2 === 0 ? 0x7777_0000_0001n : 0n));
  await offerOf(bytes, (offer) => {
    expectBounded(offer);
    // Every other entry, each a place of its own.
    expect(offer.unmended).toEqual(["16384 places in tables that more than 64 other entries use as well"]);
    expect(offer.items.some(({ action }) => action === "clear-dirty-bit")).toBe(false);
  });
});

it("ends where tables are their own tables", async () => {
  const own = image(4, 0);
  own.fill(0, () => BigInt(own.tableAt(0)));
  await offerOf(own.bytes, (offer) => {
    expectBounded(offer);
    expect(offer.unmended[0]).toMatch(/places in tables that more than 64 other entries use as well$/);
  });
  // L1 -> L2, whose entries name L1, the header and itself.
  const ring = image(2, 1);
  ring.fill(0, (index) => (index < 40 ? BigInt(ring.tableAt(index % 2)) : 0n));
  ring.fill(1, (index) => (index < 200 ? BigInt((index % 5) * cluster) : 0n));
  await offerOf(ring.bytes, expectBounded);
});

it("lists a hundred thousand of more than a million wrong entries, and counts the others", async () => {
  // 10 tables of 131072 entries, every other one wrong: 655360 places.
  const { bytes, fill, tableAt } = image(16, 10);
  fill(0, (index) => (index < 10 ? BigInt(tableAt(1 + index)) : 0n));
  for (let table = 1; table <= 10; table++) fill(table, (index) => (index % 2 === 1 ? 3n : 0n));
  await offerOf(bytes, (offer) => {
    expectBounded(offer);
    expect(offer.items).toHaveLength(100_000);
    expect(offer.dropped).toBe(655_360 - 100_000);
  });
});

it("mends a ring of tables and takes it back byte by byte", async () => {
  const ring = image(2, 3);
  ring.fill(0, (index) => (index < 12 ? BigInt(ring.tableAt(index % 4)) : 0n));
  ring.fill(1, (index) => (index < 9 ? BigInt((index % 7) * cluster) : 0n));
  ring.fill(2, (index) => (index < 9 ? BigInt(ring.tableAt(index % 3)) : 0n));
  const name = tempFile("ring.qed", ring.bytes, tempDir());
  const script = await mend(name);
  expect(script.items.length).toBeGreaterThan(5);
  await finish(name, "undo");
  await offerOf(ring.bytes, expectBounded);
  expect(Buffer.compare(fs.readFileSync(name), ring.bytes)).toBe(0);
});

it("cuts nothing off by default where a table can't be read: what it refers to looks unused", async () => {
  // Clusters 0 and 2048 have tables of their own: with tables of one cluster of 4096 bytes, 512 entries each.
  const fill = new Uint8Array(4096).fill(1);
  const clusters = new Map([
    [0, fill],
    [2048, fill],
  ] as const);
  const { bytes, l2Offsets } = buildQed({ size: 2 ** 24, clusterSize: 4096, tableSize: 1, clusters });
  const table = l2Offsets.get(4) ?? 0;
  const image = { driver: "file", filename: tempFile("unreadable.qed", bytes) };
  const rule = { event: "none", iotype: "read", sector: table / 512, errno: 5 };
  const file = { driver: "blkdebug", image, "inject-error": [rule] };
  const graph = await openGraph({ driver: "qed", file });
  const offer = await offerRepair(graph.root);
  await graph.close();
  expect(offer.unmended).toEqual([expect.stringMatching(/^The L2 table of L1\[4\] at .* can't be read: /)]);
  // The last cluster of the file is the data that the table refers to.
  expect(offer.leaked).toEqual({ ranges: 1, bytes: 4096 });
  expect(offer.items).toMatchObject([{ id: "trim", isDefault: false, risk: "may-lose-data" }]);
});

it("chooses by default nothing that needs what is not chosen", async () => {
  // L1[0..8] name one table of 131072 entries with as many clusters of their own past the end: of nine tables that would
  // have to move, a million entries can be listed; what is left is only taken away on demand.
  const shared = image(16, 1);
  shared.fill(0, (index) => (index < 10 ? BigInt(shared.tableAt(1)) : 0n));
  shared.fill(1, () => 0x7777_0000n * 65536n);
  await offerOf(shared.bytes, (offer) => {
    const optional = offer.items.filter(({ isDefault }) => !isDefault).map(({ id }) => id);
    expect(optional.length).toBeGreaterThan(0);
    const chosen = new Set(defaultItems(offer));
    for (const { id, needs } of offer.items) {
      if (chosen.has(id))
        expect(
          needs.filter((need) => !chosen.has(need)),
          id,
        ).toEqual([]);
    }
    expect(() => offer.script(chosen)).not.toThrow();
    // The entries of the first user, in the table that an optional item has to leave first.
    expect(offer.items.some(({ needs }) => needs.some((need) => optional.includes(need)))).toBe(true);
  });
});
