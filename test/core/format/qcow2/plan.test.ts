// What a repair plan of a qcow2 image offers and what its script does, on images built by the specification with one thing
// wrong. Clusters of 4096 bytes: 0 header, 1 refcount table, 2 refcount block, 3 L1 table, 4 L2 table, 5 and 6 data of
// guest clusters 0 and 1. Refcounts have 16 bits: that of cluster n is at 0x2000 + 2 * n.
import { describe, expect, it } from "vitest";
import type { RepairOffer, RepairScript } from "../../../../core/block/finding.ts";
import { defaultItems, offerRepair } from "../../../../core/repair/offer.ts";
import { filled, openForTest } from "../../../build/open.ts";
import { buildQcow2, type Qcow2Spec, snapshotEntry } from "../../../build/qcow2.ts";

const C = 4096;
const copied = 1n << 63n;
const at = (cluster: number) => BigInt(cluster * C);
const l2 = (index: number, value: bigint) => [4 * C + index * 8, value] as const;

const two = (more: Partial<Qcow2Spec> = {}): Qcow2Spec => ({
  clusterBits: 12,
  size: 8 * C,
  clusters: new Map([
    [0, filled(C, 1)],
    [1, filled(C, 2)],
  ]),
  ...more,
});

async function opened(bytes: Uint8Array) {
  return openForTest({ driver: "qcow2", file: { driver: "memory", bytes } });
}

async function offered(spec: Qcow2Spec): Promise<{ offer: RepairOffer; bytes: Uint8Array }> {
  const { bytes } = buildQcow2(spec);
  const original = bytes.slice();
  const graph = await opened(bytes);
  const offer = await offerRepair(graph.root);
  expect(Buffer.compare(bytes, original), "nothing is written").toBe(0);
  return { offer, bytes };
}

/** The file as the script says that it becomes. */
function carriedOut(bytes: Uint8Array, script: RepairScript): Uint8Array {
  const after = new Uint8Array(script.newSize);
  after.set(bytes.subarray(0, Math.min(script.cutSize, script.newSize)));
  for (const { from, to, length } of script.copies) after.set(bytes.subarray(from, from + length), to);
  for (const { offset, newBytes } of script.patches) after.set(newBytes, offset);
  for (const { offset, oldBytes, newBytes } of script.last
    ? [...script.writes, script.last]
    : script.writes) {
    expect(Buffer.compare(bytes.subarray(offset, offset + oldBytes.length), oldBytes)).toBe(0);
    after.set(newBytes, offset);
  }
  return after;
}

async function mended(spec: Qcow2Spec) {
  const { offer, bytes } = await offered(spec);
  const script = offer.script(defaultItems(offer));
  const after = carriedOut(bytes, script);
  const { root } = await opened(after);
  const { corruptions = -1, leaks = -1, checkErrors = -1 } = (await root.check?.({})) ?? {};
  const guest = new Uint8Array(root.size);
  await root.read(0, guest);
  return {
    offer,
    script,
    bytes: after,
    view: new DataView(after.buffer),
    guest,
    faults: [corruptions, leaks, checkErrors],
  };
}

const ids = (offer: RepairOffer) => offer.items.map(({ id }) => id);
const sound = [0, 0, 0];

describe("a repair plan of a qcow2 image", () => {
  it("offers nothing for an image in order", async () => {
    const { offer } = await offered(two());
    expect(offer).toMatchObject({ items: [], unmended: [], dropped: 0, leaked: { ranges: 0, bytes: 0 } });
  });

  it("raises a refcount of 0 in place, with its bytes before and after", async () => {
    const { offer, script, faults } = await mended(two({ refcounts: new Map([[5, 0n]]) }));
    expect(ids(offer)).toEqual(["refcounts"]);
    expect(script.writes).toEqual([
      // 0x2000 + 2 * 5 = 0x200a; the upper byte of the count stays.
      { item: "refcounts", offset: 0x200b, oldBytes: Uint8Array.of(0), newBytes: Uint8Array.of(1) },
    ]);
    expect(script.newSize).toBe(7 * C);
    expect(faults).toEqual(sound);
  });

  it("frees leaked clusters, and cuts them off at the end", async () => {
    const extra = [[filled(C, 9), 1]] as const;
    const { offer, script, faults } = await mended(two({ extra }));
    expect(ids(offer)).toEqual(["leaks", "trim"]);
    expect(offer).toMatchObject({ leaks: [{ offset: 7 * C, length: C }], leaked: { ranges: 1, bytes: C } });
    expect([...offer.leakedRanges()]).toEqual([{ offset: 7 * C, length: C }]);
    expect(offer.items[1]).toMatchObject({
      needs: ["leaks"],
      risk: "safe",
      file: { offset: 7 * C, length: C },
    });
    expect([script.cutSize, script.newSize]).toEqual([7 * C, 7 * C]);
    expect(faults).toEqual(sound);
  });

  it("sets a COPIED flag that is missing", async () => {
    const { offer, script, faults } = await mended(two({ u64: [l2(0, at(5))] }));
    expect(ids(offer)).toEqual(["copied-flags"]);
    expect(script.writes).toMatchObject([
      { offset: 4 * C, newBytes: Uint8Array.of(0x80, 0, 0, 0, 0, 0, 0x50, 0) },
    ]);
    expect(faults).toEqual(sound);
  });

  it("copies a cluster with two users for the later one, and both keep what they read", async () => {
    const { offer, script, view, guest, faults } = await mended(two({ u64: [l2(2, at(5) | copied)] }));
    expect(ids(offer)).toEqual(["copy:0x4010", "refcounts", "copied-flags"]);
    expect(script.copies).toEqual([{ from: 5 * C, to: 7 * C, length: C }]);
    expect(view.getBigUint64(0x4010)).toBe(at(7) | copied);
    expect([guest[0], guest[C], guest[2 * C]]).toEqual([1, 2, 1]);
    expect(faults).toEqual(sound);
  });

  it("clears an entry that is not aligned, names the range, and leaves its clusters to be rescued", async () => {
    const { offer, guest, faults } = await mended(two({ u64: [l2(0, (at(5) + 512n) | copied)] }));
    expect(ids(offer)).toEqual(["clear:0x4000", "leaks"]);
    expect(offer.items[0]).toMatchObject({
      action: "clear-entry",
      guest: [{ offset: 0, length: C }],
      risk: "cannot-be-undone-elsewhere",
      effect: "4 KiB at guest offset 0 reads as zeroes; until now it can't be read.",
    });
    // What the entry stood for may be in the cluster that it no longer has: that is not freed unless asked.
    expect(offer.items[1]).toMatchObject({ risk: "may-lose-data", isDefault: false });
    expect([guest[0], guest[C]]).toEqual([0, 2]);
    expect(faults).toEqual([0, 1, 0]);
  });

  it("takes reserved bits away, which changes nothing that is read", async () => {
    const { offer, guest, faults } = await mended(two({ u64: [l2(0, at(5) | copied | (1n << 58n))] }));
    expect(offer.items).toMatchObject([{ id: "fix:0x4000", risk: "safe", guest: [] }]);
    expect([guest[0], guest[C]]).toEqual([1, 2]);
    expect(faults).toEqual(sound);
  });

  it("makes what lies past the end of the file read as zeroes without a place", async () => {
    const { offer, view, guest, faults } = await mended(two({ u64: [l2(3, (1n << 40n) | copied)] }));
    expect(offer.items).toMatchObject([{ id: "clear:0x4018", guest: [] }]);
    expect(view.getBigUint64(0x4018)).toBe(1n);
    expect([guest[0], guest[C], guest[3 * C]]).toEqual([1, 2, 0]);
    expect(faults).toEqual(sound);
  });

  it("writes a refcount block that is nowhere anew at the end, never as far as the entry points", async () => {
    for (const entry of [1n << 45n, 2n * 4096n + 512n, 2n * 4096n + 1n]) {
      const { offer, script, view, guest, faults } = await mended(two({ u64: [[C, entry]] }));
      expect(ids(offer)).toContain("refcounts");
      // Clusters 0 to 6 are in use, but for the old block; the new one is cluster 7.
      expect(view.getBigUint64(C)).toBe(at(7));
      expect(script.newSize).toBe(8 * C);
      expect([0, 1, 2, 3, 4, 5, 6, 7].map((cluster) => view.getUint16(7 * C + cluster * 2))).toEqual([
        1, 1, 0, 1, 1, 1, 1, 1,
      ]);
      expect([guest[0], guest[C]]).toEqual([1, 2]);
      expect(faults).toEqual(sound);
    }
  });

  it("moves the refcount table when something else lies there", async () => {
    const { view, guest, faults } = await mended(two({ u64: [l2(2, at(1) | copied)] }));
    // The data entry gets a copy of what it reads in cluster 7; the table goes to cluster 8, with one entry.
    expect(view.getBigUint64(48)).toBe(at(8));
    expect(view.getBigUint64(0x4010)).toBe(at(7) | copied);
    expect(view.getBigUint64(8 * C)).toBe(at(2));
    // Guest cluster 2 reads the table as it was: its entry for the block at 0x2000.
    expect(new DataView(guest.buffer).getBigUint64(2 * C)).toBe(at(2));
    expect(faults).toEqual(sound);
  });

  it("moves an L2 table that lies on the L1 table, and mends its entries there", async () => {
    // Guest clusters are 512 to a table: the second L1 entry is for guest cluster 512.
    const spec = two({ size: 1024 * C, u64: [[3 * C + 8, at(3) | copied]] });
    const { offer, view, guest, faults } = await mended(spec);
    expect(ids(offer)).toContain("table:0x3008");
    expect(view.getBigUint64(3 * C + 8)).not.toBe(at(3) | copied);
    // What it holds is entries of the L1 table: as L2 entry 0 stands for the table of the first, that moves as well.
    expect(ids(offer)).toContain("table:0x3000");
    expect([guest[0], guest[C]]).toEqual([1, 2]);
    expect(faults[0]).toBe(0);
  });

  it("clears the marks last of all, and only with everything else", async () => {
    const spec = two({
      incompatible: 3n,
      refcounts: new Map([
        [5, 0n],
        [6, 0n],
      ]),
    });
    const { offer, script, faults } = await mended(spec);
    expect(ids(offer)).toEqual(["refcounts", "clear-dirty-bit"]);
    expect(offer.items[1]?.needs).toEqual(["refcounts"]);
    expect(() => offer.script(["clear-dirty-bit"])).toThrow("needs 'refcounts', which is not chosen");
    expect(script.last).toMatchObject({ offset: 72, newBytes: new Uint8Array(8) });
    expect(faults).toEqual(sound);
  });

  it("writes the snapshot table anew when entries lack what version 3 asks for", async () => {
    // The table is in cluster 7, the snapshot's L1 table in cluster 8.
    const entry = snapshotEntry({ l1Offset: 8 * C, l1Entries: 1, id: "1", name: "s", extraLength: 0 });
    const table = new Uint8Array(C);
    table.set(entry);
    const spec = two({
      extra: [
        [table, 1],
        [new Uint8Array(C), 1],
      ],
      u32: [[60, 1]],
      u64: [[64, at(7)]],
    });
    const { offer, view, faults } = await mended(spec);
    expect(ids(offer)).toEqual(["snapshot-table", "refcounts", "leaks"]);
    expect(faults).toEqual([0, 0, 0]);
    const place = Number(view.getBigUint64(64));
    expect(place).toBe(9 * C);
    // Extra data of 24 bytes: state of 0 bytes, the disk's size now, no instructions counted.
    expect(view.getUint32(place + 36)).toBe(24);
    expect([view.getBigUint64(place + 48), view.getBigUint64(place + 56)]).toEqual([
      BigInt(8 * C),
      2n ** 64n - 1n,
    ]);
  });

  it("mends contradictions of subclusters, and says what is read then", async () => {
    const big = 16384;
    const extended = (entry: bigint, bitmap: bigint): Qcow2Spec => ({
      clusterBits: 14,
      extended: true,
      size: 8 * big,
      clusters: new Map([[0, filled(big, 1)]]),
      u64: [
        [4 * big, entry],
        [4 * big + 8, bitmap],
      ],
    });
    // Subcluster 0 is said to be both.
    const both = await mended(extended(BigInt(5 * big) | copied, (1n << 32n) | 0xffffffffn));
    expect(both.offer.items).toMatchObject([{ id: "fix:0x10008", guest: [{ offset: 0, length: big }] }]);
    expect([both.guest[0], both.guest[big - 1], both.faults]).toEqual([1, 1, sound]);
    // Without a cluster nothing can be allocated; what is said to read as zeroes still does.
    const none = await mended(extended(0n, (2n << 32n) | 1n));
    expect(none.view.getBigUint64(4 * big + 8)).toBe(2n << 32n);
    expect(none.faults[0]).toBe(0);
  });

  it("offers nothing that counts where a table can't be trusted, and says why", async () => {
    // The L1 table is said to lie on the header.
    const { offer } = await offered(two({ u64: [[40, 0n]] }));
    expect(offer.items).toEqual([]);
    expect(offer.unmended.length).toBeGreaterThan(0);
  });
});
