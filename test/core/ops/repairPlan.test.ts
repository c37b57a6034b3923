// What the looking job of a repair tells of an image with some of everything broken, and what it answers.
import * as fs from "node:fs";
import { expect, it } from "vitest";
import { kindNumber } from "../../../core/block/structure.ts";
import { coveredBytes } from "../../../core/ops/repairPlanChoice.ts";
import { brokenQed, brokenCluster as cluster } from "../../build/brokenQed.ts";
import { buildQed } from "../../build/qed.ts";
import { tempFile } from "../../build/temp.ts";
import { look, write } from "./repairJobs.ts";

/** Two tables of 512 entries; what breaks them is given. */
function image(broken: Partial<Parameters<typeof buildQed>[0]> = {}) {
  const clusters = new Map([
    [0, new Uint8Array(cluster).fill(1)],
    [1, new Uint8Array(cluster).fill(2)],
  ]);
  return buildQed({ size: 512 * cluster, clusterSize: cluster, tableSize: 1, clusters, ...broken });
}

it("offers what is broken and changes nothing while it looks", async () => {
  const bytes = brokenQed();
  const file = tempFile("a.qed", bytes);
  const looking = await look(file);
  const { offered } = looking;
  expect(offered).toMatchObject({ fileSize: bytes.length, dirty: true, dropped: 0, unmended: [] });
  expect(offered.check.corruptions).toBeGreaterThan(0);
  const items = await looking.ask("items", { first: 0, count: 100 });
  expect(items).toHaveLength(offered.items);
  expect(items.map(({ action }) => action)).toContain("copy-table");
  expect((await looking.end()).cancelled).toBe(false);
  expect(Buffer.compare(fs.readFileSync(file), bytes)).toBe(0);
});

it("gives pages of items, fewer at the end, and refuses what is no page", async () => {
  const looking = await look(tempFile("a.qed", brokenQed()));
  const all = await looking.ask("items", { first: 0, count: 1000 });
  expect(await looking.ask("items", { first: 2, count: 3 })).toEqual(all.slice(2, 5));
  expect(await looking.ask("items", { first: all.length - 1, count: 3 })).toEqual(all.slice(-1));
  expect(await looking.ask("items", { first: 1e9, count: 3 })).toEqual([]);
  for (const page of [
    { first: -1, count: 1 },
    { first: 0.5, count: 1 },
    { first: 0, count: 10_001 },
  ]) {
    await expect(looking.ask("items", page)).rejects.toMatchObject({ code: "EINVAL" });
  }
  await looking.end();
});

it("counts what the chosen items do", async () => {
  // Entry 5 points past the end (cleared); entry 9 is a second user of the first data cluster (copied).
  const data = image().dataOffsets.get(0) ?? 0;
  const { bytes, l2Offsets } = image({
    features: 2n,
    l2: [
      [0, 5, 0x7000_0000n],
      [0, 9, BigInt(data)],
    ],
  });
  const table = l2Offsets.get(0) ?? 0;
  const looking = await look(tempFile("a.qed", bytes));
  const [clear, copy, dirty] = [
    `clear:0x${(table + 40).toString(16)}`,
    `copy:0x${(table + 72).toString(16)}`,
    "clear-dirty-bit",
  ];
  const choice = await looking.ask("choose", { ids: "default" });
  expect(choice).toMatchObject({
    ids: [clear, copy, dirty],
    writes: 3, // two entries and the header's features
    copiedBytes: cluster,
    cutBytes: 0,
    newSize: bytes.length + cluster,
    risks: { safe: 2, "cannot-be-undone-elsewhere": 1, "may-lose-data": 0 },
    guestBytes: cluster,
  });
  expect(choice.digest).toMatch(/^[0-9a-f]{64}$/);

  const [shown] = await looking.ask("changes", { ids: choice.ids, id: clear });
  const old = Buffer.alloc(8);
  old.writeBigUInt64LE(0x7000_0000n);
  expect(shown).toEqual({
    kind: "write",
    offset: table + 40,
    length: 8,
    before: new Uint8Array(old),
    after: new Uint8Array(8),
  });
  const copied = await looking.ask("changes", { ids: choice.ids, id: copy });
  expect(copied.map(({ kind }) => kind)).toEqual(["copy", "write"]);
  expect(copied[0]).toMatchObject({ offset: bytes.length, length: cluster, from: data });
  expect(copied[0]?.after).toEqual(new Uint8Array(cluster).fill(1));
  await looking.end();
});

it("takes what an item needs along, and lets what needs it go with it", async () => {
  const looking = await look(tempFile("a.qed", brokenQed()));
  const all = await looking.ask("items", { first: 0, count: 1000 });
  const dirty = all.find(({ action }) => action === "clear-dirty-bit");
  expect(dirty?.needs.length).toBeGreaterThan(1);
  const on = await looking.ask("toggle", { ids: [], id: "clear-dirty-bit", on: true });
  expect([...on.ids].sort()).toEqual([...(dirty?.needs ?? []), "clear-dirty-bit"].sort());
  const [need = ""] = dirty?.needs ?? [];
  const off = await looking.ask("toggle", { ids: on.ids, id: need, on: false });
  expect(off.ids).not.toContain("clear-dirty-bit");
  expect(off.ids).not.toContain(need);
  expect(off.digest).not.toBe(on.digest);
  const again = await looking.ask("toggle", { ids: off.ids, id: "clear-dirty-bit", on: true });
  expect(again).toEqual(on);
  const nothing = await looking.ask("choose", { ids: [] });
  expect(nothing).toMatchObject({ ids: [], writes: 0, journalBytes: 0, newSize: looking.offered.fileSize });
  await expect(looking.ask("choose", { ids: ["clear:0x1"] })).rejects.toMatchObject({ code: "EINVAL" });
  await expect(looking.ask("toggle", { ids: [], id: "x", on: false })).rejects.toMatchObject({
    code: "EINVAL",
  });
  await looking.end();
});

it("says the size of the journal that is then written", async () => {
  const file = tempFile("a.qed", brokenQed());
  const looking = await look(file);
  const { ids, digest, journalBytes } = await looking.ask("choose", { ids: "default" });
  await looking.end();
  const { journal = "" } = await write({ filename: file, format: "qed", ids, digest });
  // Less where what is cut off is zero, which it is not here.
  expect(fs.statSync(journal).size).toBe(journalBytes);
});

it("says what the journal of a file with holes at its end really takes", async () => {
  const { bytes } = image();
  const file = tempFile("a.qed", bytes);
  // A cluster with data, 64 MiB of nothing, and a cluster with data: all of it unused. One piece of a journal is 1 MiB.
  const MiB = 1024 * 1024;
  const fd = fs.openSync(file, "r+");
  fs.writeSync(fd, new Uint8Array(cluster).fill(7), 0, cluster, bytes.length);
  fs.writeSync(fd, new Uint8Array(cluster).fill(8), 0, cluster, bytes.length + 64 * MiB);
  fs.closeSync(fd);
  const looking = await look(file);
  const { ids, digest, cutBytes, journalBytes } = await looking.ask("choose", { ids: ["trim"] });
  expect(cutBytes).toBe(64 * MiB + cluster);
  // Header and states, the path, a piece, a record of zeroes, the last cluster; each record has 40 bytes of its own.
  expect(journalBytes).toBe(4096 + 40 + file.length + 40 + MiB + 40 + 40 + cluster);
  const space = (await looking.ask("preflight", { ids })).find(({ id }) => id === "journal-space");
  expect(space?.text).toMatch(/^The undo journal needs 1\.0\d* MiB;/);
  await looking.end();
  const { journal = "" } = await write({ filename: file, format: "qed", ids, digest });
  expect(fs.statSync(journal).size).toBe(journalBytes);
});

it("shows the map before and after, and the second is the map of the mended file", async () => {
  const file = tempFile("a.qed", brokenQed());
  const looking = await look(file);
  const choice = await looking.ask("choose", { ids: "default" });
  const cells = 10_000;
  const map = await looking.ask("map", { ids: choice.ids, cells });
  const size = Math.max(looking.offered.fileSize, choice.newSize);
  expect(map.clustersPerCell).toBe(1);
  expect(map.before).toHaveLength(Math.ceil(size / cluster));
  expect(map.after).toHaveLength(map.before.length);
  const bad = (kinds: Uint8Array) =>
    kinds.filter((kind) => kind === kindNumber("overlap") || kind === kindNumber("bad-entry")).length;
  expect(bad(map.before)).toBeGreaterThan(0);
  expect(bad(map.after)).toBe(0);
  const coarse = await looking.ask("map", { ids: choice.ids, cells: 4 });
  expect(coarse.before).toHaveLength(Math.ceil(map.before.length / coarse.clustersPerCell));
  // Worst wins: each cell is the worst of its clusters.
  coarse.before.forEach((kind, cell) => {
    const first = cell * coarse.clustersPerCell;
    expect(kind).toBe(Math.max(...map.before.subarray(first, first + coarse.clustersPerCell)));
  });
  await looking.end();
  await write({ filename: file, format: "qed", ids: choice.ids, digest: choice.digest });
  const mended = await look(file);
  const now = await mended.ask("map", { ids: [], cells });
  expect(now.before).toEqual(map.after.subarray(0, now.before.length));
  await mended.end();
});

it("shows the same map before for each choice, and another once the file was written to", async () => {
  const file = tempFile("a.qed", brokenQed());
  const looking = await look(file);
  const { ids } = await looking.ask("choose", { ids: "default" });
  const first = await looking.ask("map", { ids, cells: 10_000 });
  const none = await looking.ask("map", { ids: [], cells: 10_000 });
  expect(none.before.length).toBeLessThan(first.before.length);
  expect(none.before).toEqual(first.before.subarray(0, none.before.length));
  expect(none.after).toEqual(none.before);
  // Numbers of cells are told apart, and so is what is given away from what is kept.
  none.before.fill(0);
  expect(await looking.ask("map", { ids, cells: 10_000 })).toEqual(first);
  expect((await looking.ask("map", { ids, cells: 4 })).before.length).toBeLessThanOrEqual(4);
  expect(await looking.ask("map", { ids, cells: 10_000 })).toEqual(first);
  // The table of tables (QED header, byte 40) is empty now.
  const bytes = fs.readFileSync(file);
  const l1 = Number(bytes.readBigUInt64LE(40));
  fs.writeFileSync(file, bytes.fill(0, l1, l1 + cluster));
  // However coarse the clock of the file system is.
  fs.utimesSync(file, 1, 1);
  const other = await looking.ask("map", { ids: [], cells: 10_000 });
  expect(other.before).not.toEqual(first.before.subarray(0, other.before.length));
  expect(other.after).toEqual(other.before);
  await looking.end();
});

it("ends a map for the sake of a newer one, and refuses what is no number of cells", async () => {
  const looking = await look(tempFile("a.qed", brokenQed()));
  const older = looking.ask("map", { ids: [], cells: 8 });
  const newer = looking.ask("map", { ids: [], cells: 8 });
  await expect(older).rejects.toMatchObject({ code: "ECANCELED" });
  expect((await newer).before).toEqual((await newer).after);
  for (const cells of [0, 1.5, 2 ** 20 + 1]) {
    await expect(looking.ask("map", { ids: [], cells })).rejects.toMatchObject({ code: "EINVAL" });
  }
  await looking.end();
});

it("tells of what stands in the way, without options of the command line", async () => {
  const file = tempFile("a.qed", brokenQed());
  const looking = await look(file);
  const checks = await looking.ask("preflight", { ids: [] });
  expect(checks.filter(({ state }) => state === "refused")).toEqual([]);
  expect(checks.map(({ id }) => id)).toContain("same-file");
  fs.appendFileSync(file, "x");
  fs.writeFileSync(`${file}.blkscope-undo`, "no journal");
  const states = new Map(
    (await looking.ask("preflight", { ids: [] })).map((each) => [each.id, each] as const),
  );
  expect(states.get("same-file")?.state).toBe("refused");
  expect(states.get("journal-place")).toMatchObject({ state: "refused" });
  expect(states.get("journal-place")?.hint).not.toContain("--");
  const elsewhere = await looking.ask("preflight", { ids: [], journal: `${file}.other` });
  expect(elsewhere.find(({ id }) => id === "journal-place")?.state).toBe("ok");
  await looking.end();
});

it("refuses formats without repairs and files that are none", async () => {
  const file = tempFile("a.raw", new Uint8Array(1024));
  await expect(look(file, "raw")).rejects.toMatchObject({ code: "ENOTSUP" });
  await expect(look(file)).rejects.toMatchObject({ code: "EINVAL" });
  await expect(look(`${file}.gone`)).rejects.toMatchObject({ code: "ENOENT" });
});

it("pages through tens of thousands of findings and chooses them all", async () => {
  // Every second entry of one table of 131072 points past the end, none like its neighbour: 65536 runs.
  const size = 131_072 * 65_536;
  const clusters = new Map([[0, new Uint8Array(1)]]);
  const built = buildQed({ size, clusterSize: 65_536, tableSize: 16, clusters });
  const view = new DataView(built.bytes.buffer);
  const table = built.l2Offsets.get(0) ?? 0;
  for (let i = 1; i < 131_072; i += 2) view.setBigUint64(table + i * 8, 0x7000_0000_0000n, true);
  const looking = await look(tempFile("a.qed", built.bytes));
  expect(looking.offered.items).toBe(65_536);
  const seen = new Set<string>();
  for (let first = 0; first < looking.offered.items; first += 10_000) {
    const page = await looking.ask("items", { first, count: 10_000 });
    for (const { id } of page) seen.add(id);
  }
  expect(seen.size).toBe(65_536);
  const choice = await looking.ask("choose", { ids: [...seen] });
  expect(choice).toMatchObject({ writes: 65_536, guestBytes: 65_536 * 65_536 });
  await looking.end();
});

it("counts a byte of the guest once, however many items name it", () => {
  // 0-10, 5-15, 20-30: 15 + 10.
  const ranges = [
    { offset: 20, length: 10 },
    { offset: 5, length: 10 },
    { offset: 0, length: 10 },
    { offset: 6, length: 2 },
  ];
  expect(coveredBytes(ranges)).toBe(25);
  expect(coveredBytes([])).toBe(0);
});

it("answers the same for a choice however it was come to, and whatever was looked at meanwhile", async () => {
  const looking = await look(tempFile("a.qed", brokenQed()));
  const all = (await looking.ask("items", { first: 0, count: 1000 })).map(({ id }) => id);
  const first = await looking.ask("choose", { ids: "default" });
  const [id = ""] = first.ids;
  const shown = await looking.ask("changes", { ids: first.ids, id });
  // A row alone, then another choice: neither leaves anything behind.
  await looking.ask("changes", { ids: [id], id });
  const none = await looking.ask("choose", { ids: [] });
  expect([none.ids, none.writes]).toEqual([[], 0]);
  const again = await looking.ask("choose", { ids: [...first.ids].reverse() });
  expect(again).toEqual(first);
  expect(again.ids).toEqual(all.filter((one) => first.ids.includes(one)));
  expect(await looking.ask("changes", { ids: first.ids, id })).toEqual(shown);
  await looking.end();
});
