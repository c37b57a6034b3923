// Journals of earlier repairs that have the name of a new one: kept under another name, deleted where nothing is lost by
// it, and left where they are as long as their image needs them.
import * as fs from "node:fs";
import * as path from "node:path";
import { expect, it } from "vitest";
import { openGraph } from "../../../core/graph.ts";
import { asideName, deleteJournal, setJournalAside } from "../../../core/repair/journalAside.ts";
import { unfinishedRepair } from "../../../core/repair/journalFile.ts";
import { preflight } from "../../../core/repair/preflight.ts";
import { brokenQed } from "../../build/brokenQed.ts";
import { cutOffRepair, damageRecords, finish, mend } from "../../build/mend.ts";
import { plannedJournal } from "../../build/plannedJournal.ts";
import { tempDir, tempFile } from "../../build/temp.ts";

function broken(): { readonly image: string; readonly journal: string; readonly folder: string } {
  const folder = tempDir();
  const image = tempFile("a.qed", brokenQed(), folder);
  return { image, journal: `${image}.blkscope-undo`, folder };
}

const placeOf = async (image: string) =>
  (await preflight({ imagePath: image, backing: undefined })).find(({ id }) => id === "journal-place");

it("keeps the journal of a repair that was done under a number, and what it takes back can still be had", async () => {
  const { image, journal, folder } = broken();
  await mend(image, { journal });
  expect(await placeOf(image)).toMatchObject({
    state: "refused",
    earlier: { journal, state: "verified", aside: asideName(journal) },
  });
  const first = await setJournalAside(journal);
  expect(path.basename(first)).toBe("a.qed.earlier-1.blkscope-undo");
  expect(await placeOf(image)).toMatchObject({ state: "ok" });
  // The next number, whatever has the first.
  fs.writeFileSync(journal, "not a journal");
  expect(path.basename(await setJournalAside(journal))).toBe("a.qed.earlier-2.blkscope-undo");
  expect(fs.readFileSync(path.join(folder, "a.qed.earlier-2.blkscope-undo"), "utf8")).toBe("not a journal");
  await finish(image, "undo", first);
  expect(Buffer.compare(fs.readFileSync(image), brokenQed())).toBe(0);
});

it("deletes a journal that was not begun, or taken back, and no other", async () => {
  const { image, journal } = broken();
  await plannedJournal(image, journal);
  expect(await placeOf(image)).toMatchObject({ state: "refused", earlier: { state: "planned" } });
  await deleteJournal(journal);
  expect(fs.existsSync(journal)).toBe(false);
  await mend(image, { journal });
  await expect(deleteJournal(journal)).rejects.toMatchObject({ code: "EINVAL" });
  await finish(image, "undo", journal);
  await deleteJournal(journal);
  expect(fs.existsSync(journal)).toBe(false);
  fs.writeFileSync(journal, "not a journal");
  await expect(deleteJournal(journal)).rejects.toMatchObject({ code: "EINVAL" });
  expect(Buffer.compare(fs.readFileSync(image), brokenQed())).toBe(0);
});

it("is told by the records of a repair that can go on, and by the state alone of one at its end", async () => {
  const { image, journal } = broken();
  const check = async (id: string) =>
    (await preflight({ imagePath: image, backing: undefined })).find((each) => each.id === id);
  await cutOffRepair(image, journal);
  damageRecords(journal);
  expect(await check("unfinished")).toMatchObject({
    state: "warn",
    text: expect.stringContaining("damaged"),
  });
  expect(await check("journal-place")).toMatchObject({
    earlier: { state: undefined },
    hint: expect.stringContaining("damaged"),
  });
  expect(await unfinishedRepair(image)).toMatch(/damaged/);
  damageRecords(journal);
  await finish(image, "resume", journal);
  damageRecords(journal);
  expect(await check("unfinished")).toMatchObject({ state: "ok" });
  expect(await check("journal-place")).toMatchObject({ earlier: { state: "verified" } });
  expect(await unfinishedRepair(image)).toBeUndefined();
});

it("does not delete a journal that was not begun when its image has changed since", async () => {
  const { image, journal } = broken();
  await plannedJournal(image, journal);
  const bytes = fs.readFileSync(image);
  bytes[40] = (bytes[40] ?? 0) ^ 1;
  fs.writeFileSync(image, bytes);
  await expect(deleteJournal(journal)).rejects.toMatchObject({ code: "EINVAL" });
  expect(path.basename(await setJournalAside(journal))).toBe("a.qed.earlier-1.blkscope-undo");
});

it("leaves the journal of a repair that was cut off, unless its image is another now", async () => {
  const { image, journal } = broken();
  await cutOffRepair(image, journal);
  await expect(setJournalAside(journal)).rejects.toMatchObject({ code: "EINVAL" });
  await expect(deleteJournal(journal)).rejects.toMatchObject({ code: "EINVAL" });
  // Gone is not another: it may be on a disk that is not there now.
  fs.renameSync(image, `${image}.away`);
  await expect(setJournalAside(journal)).rejects.toMatchObject({ code: "EINVAL" });
  fs.writeFileSync(image, Buffer.alloc(1 << 20, 7));
  expect(path.basename(await setJournalAside(journal))).toBe("a.qed.earlier-1.blkscope-undo");
});

it("leaves a journal whose repair is running", async () => {
  const { image, journal } = broken();
  await plannedJournal(image, journal);
  const running = await openGraph({ driver: "file", filename: journal }, { readOnly: false });
  await expect(setJournalAside(journal)).rejects.toMatchObject({ code: "EBUSY" });
  await expect(deleteJournal(journal)).rejects.toMatchObject({ code: "EBUSY" });
  await running.close();
  expect(fs.existsSync(journal)).toBe(true);
});
