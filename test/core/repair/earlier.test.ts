// What a second repair says of clusters that nothing uses, when a first one took away what may have stood for them.
import * as fs from "node:fs";
import * as path from "node:path";
import { expect, it } from "vitest";
import type { OfferedRepair } from "../../../core/block/finding.ts";
import { openGraph } from "../../../core/graph.ts";
import { journalPathOf } from "../../../core/repair/journalPath.ts";
import { offerRepair } from "../../../core/repair/offer.ts";
import { damageRecords, finish, mend } from "../../build/mend.ts";
import { filled } from "../../build/open.ts";
import { buildQcow2, snapshotEntry } from "../../build/qcow2.ts";
import { buildQed } from "../../build/qed.ts";
import { tempDir, tempFile } from "../../build/temp.ts";

type Format = "qed" | "qcow2";
const C = 4096;

async function offered(filename: string, driver: Format): Promise<readonly OfferedRepair[]> {
  const spec = { driver, file: { driver: "file", filename } };
  const graph = await openGraph(spec, { readOnly: true, dirty: "untouched" });
  try {
    return (await offerRepair(graph.root)).items;
  } finally {
    await graph.close();
  }
}

/** What is said of clusters that nothing uses: of those at the end, and in qcow2 of all. */
async function leaksOf(filename: string, driver: Format) {
  const items = await offered(filename, driver);
  return items
    .filter(({ action }) => action === "trim" || action === "free-leaks")
    .map(({ action, risk, isDefault, effect }) => [action, risk, isDefault, /earlier repair/.test(effect)]);
}

/** One data cluster, an entry that points nowhere, and a cluster at the end that nothing refers to. */
function brokenImage(driver: Format): string {
  if (driver === "qed") {
    const clusters = new Map([[0, filled(C, 1)]]);
    const { bytes } = buildQed({
      ...{ size: 512 * C, clusterSize: C, tableSize: 1, clusters },
      l2: [[0, 5, 0x7000_0000n]],
    });
    return tempFile("a.qed", Buffer.concat([bytes, filled(C, 9)]));
  }
  const clusters = new Map<number, Uint8Array | bigint>([
    [0, filled(C, 1)],
    // No cluster begins there: nothing can be read.
    [5, BigInt(5 * C + 512)],
  ]);
  const { bytes } = buildQcow2({ clusterBits: 12, size: 8 * C, clusters, extra: [[filled(C, 9), 1]] });
  return tempFile("a.qcow2", bytes);
}

const leakActions = { qed: ["trim"], qcow2: ["free-leaks", "trim"] } as const;
const lossy = (driver: Format, isEarlier: boolean) =>
  leakActions[driver].map((action) => [action, "may-lose-data", false, isEarlier]);
const harmless = (driver: Format) => leakActions[driver].map((action) => [action, "safe", true, false]);

it.each<Format>(["qed", "qcow2"])(
  "a cluster that may be lost data in the first plan of a %s image may be so in the second",
  async (driver) => {
    const image = brokenImage(driver);
    const before = fs.readFileSync(image);
    expect(await leaksOf(image, driver)).toEqual(lossy(driver, false));
    const journal = journalPathOf(image);
    await mend(image, { driver, journal });
    expect(await leaksOf(image, driver)).toEqual(lossy(driver, true));

    // The image may be named in another way, and the repair may have been made by that name.
    const link = path.join(tempDir(), "link");
    fs.symlinkSync(image, link);
    const otherNames = [link, `${path.dirname(image)}//.//${path.basename(image)}`];
    for (const name of otherNames) expect(await leaksOf(name, driver)).toEqual(lossy(driver, true));

    // Under another name it is known as well; elsewhere it is not.
    const aside = `${image}.earlier-3.blkscope-undo`;
    fs.renameSync(journal, aside);
    expect(await leaksOf(image, driver)).toEqual(lossy(driver, true));
    for (const name of otherNames) expect(await leaksOf(name, driver)).toEqual(lossy(driver, true));
    fs.renameSync(aside, `${image}.kept`);
    expect(await leaksOf(image, driver)).toEqual(harmless(driver));

    // One that can't be read may have done anything; what was taken back did nothing.
    fs.writeFileSync(journal, fs.readFileSync(`${image}.kept`).fill(7, 4096, 4200));
    expect(await leaksOf(image, driver)).toEqual(lossy(driver, true));
    fs.copyFileSync(`${image}.kept`, journal);
    await finish(image, "undo", journal);
    expect(fs.readFileSync(image).equals(before)).toBe(true);
    expect(await leaksOf(image, driver)).toEqual(lossy(driver, false));
    damageRecords(journal);
    expect(await leaksOf(image, driver)).toEqual(lossy(driver, false));
  },
);

// Words of entries that a wrong bit leaves, of the disk or of a snapshot alone: what they stood for is used by nothing now.
it.each([
  ["an entry past the end of the file", "disk", 0x7000_0000n],
  ["a table past the end of the file", "table", 0x7000_0000n],
  ["a snapshot's table past the end of the file", "snapshot", 0x7000_0000n],
  ["a snapshot's table that is not aligned", "snapshot", BigInt(4 * C + 512)],
])("clusters may be lost data beside %s, before and after it is cleared", async (_, where, word) => {
  const clusters = new Map<number, Uint8Array | bigint>([[0, filled(C, 1)]]);
  if (where === "disk") clusters.set(5, word);
  const tables = Buffer.alloc(2 * C);
  tables.writeBigUInt64BE(word, 0);
  snapshotEntry({ id: "1", name: "a", l1Offset: 0, l1Entries: 1, diskSize: 8 * C }).forEach((byte, i) => {
    tables[C + i] = byte;
  });
  const spec = {
    ...{ clusterBits: 12, size: 8 * C, clusters },
    extra: [
      [tables.subarray(0, C), 1],
      [tables.subarray(C), 1],
      [filled(C, 9), 1],
    ] as const,
  };
  const { l1Offset, extraOffsets } = buildQcow2(spec);
  const [snapshotL1 = 0, table = 0] = extraOffsets;
  tables.writeBigUInt64BE(BigInt(snapshotL1), C);
  if (where !== "snapshot") tables.fill(0, 0, C);
  const { bytes } = buildQcow2({ ...spec, u32: [[60, 1]], u64: [[64, BigInt(table)]] });
  if (where === "table") Buffer.from(bytes.buffer, bytes.byteOffset).writeBigUInt64BE(word, l1Offset);
  const image = tempFile("a.qcow2", bytes);
  const expectDoubt = async (isEarlier: boolean) => {
    const [leaks, ...others] = await leaksOf(image, "qcow2");
    expect(leaks).toEqual(["free-leaks", "may-lose-data", false, isEarlier]);
    expect(others.filter(([, risk, isDefault]) => risk === "safe" || isDefault)).toEqual([]);
  };
  await expectDoubt(false);
  await mend(image, { driver: "qcow2", journal: journalPathOf(image) });
  expect(fs.readFileSync(image).equals(bytes)).toBe(false);
  await expectDoubt(true);
});

it("a repair that took nothing away leaves leaked clusters safe to give up", async () => {
  // Cluster 5 is data and said to be free; cluster 6 is leaked once the first repair is done.
  const clusters = new Map([[0, filled(C, 1)]]);
  const { bytes } = buildQcow2({ clusterBits: 12, size: 8 * C, clusters, refcounts: new Map([[5, 0n]]) });
  const image = tempFile("a.qcow2", bytes);
  await mend(image, { driver: "qcow2", journal: journalPathOf(image) });
  const mended = fs.readFileSync(image);
  expect(mended.equals(bytes)).toBe(false);
  // A cluster more, counted as used: refcounts of 16 bits in the block, cluster 2.
  mended.writeUInt16BE(1, 2 * C + 6 * 2);
  fs.writeFileSync(image, Buffer.concat([mended, filled(C, 9)]));
  expect(await leaksOf(image, "qcow2")).toEqual(harmless("qcow2"));
});
