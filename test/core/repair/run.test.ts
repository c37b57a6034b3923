// What a repair tells while it works, and when the image does not hold what was written to it; that can be taken back then.
import * as fs from "node:fs";
import { expect, it } from "vitest";
import type { RepairJob } from "../../../core/block/repair.ts";
import { openGraph } from "../../../core/graph.ts";
import { newJournal, openJournal } from "../../../core/repair/journalFile.ts";
import { defaultItems, offerRepair } from "../../../core/repair/offer.ts";
import { applyJournal, undoJournal } from "../../../core/repair/run.ts";
import { brokenQed } from "../../build/brokenQed.ts";
import { mend } from "../../build/mend.ts";
import { tempFile } from "../../build/temp.ts";

it("tells how far each of its passes is, those that only read too", async () => {
  const image = tempFile("disk.qed", brokenQed());
  const journal = `${image}.undo`;
  const told: { readonly phase: string; readonly at: number[] }[] = [];
  const job: RepairJob = {
    phase: (phase) => told.push({ phase, at: [] }),
    progress: (done, total) => {
      expect(done).toBeLessThanOrEqual(total);
      told.at(-1)?.at.push(done);
    },
  };
  await mend(image, { journal, job });
  expect(told.map(({ phase }) => phase)).toEqual([
    "Comparing the image with the journal",
    "Copying to the end of the file",
    "Reading back what was copied",
    "Writing changes",
    "Reading back what was written",
    "Reading back the whole repair",
  ]);
  for (const { phase, at } of told) expect(at.length, phase).toBeGreaterThan(0);
  told.splice(0);
  const opened = await openJournal(journal, false);
  const graph = await openGraph({ driver: "file", filename: image }, { readOnly: false });
  await undoJournal(graph.root, opened.file, opened.journal, job);
  await graph.close();
  await opened.close();
  expect(told.map(({ phase }) => phase)).toEqual([
    "Comparing the image with the journal",
    "Taking changes back",
    "Reading back what was written",
    "Reading back the whole repair",
  ]);
  for (const { phase, at } of told) expect(at.length, phase).toBeGreaterThan(0);
  expect(Buffer.compare(fs.readFileSync(image), brokenQed())).toBe(0);
});

it("copies with what is laid over them, in whatever order that is given", async () => {
  const piece = 1 << 20;
  const cutSize = 512 + piece + 8;
  const filename = tempFile("disk.raw", new Uint8Array(cutSize).fill(1));
  const patch = (offset: number, fill: number) => ({ offset, newBytes: new Uint8Array(8).fill(fill) });
  const script = {
    ...{
      items: [],
      oldSize: cutSize,
      cutSize,
      newSize: 2 * cutSize,
      last: undefined,
      places: [],
      writes: [],
    },
    copies: [
      { from: 512, to: cutSize + 8, length: piece + 8 },
      { from: 0, to: cutSize + piece + 16, length: 496 },
    ],
    // Behind both copies, over the seam of two pieces, over that of two copies, at the beginning, before the first.
    patches: [
      patch(2 * cutSize - 8, 2),
      patch(cutSize + 8 + piece - 4, 3),
      patch(cutSize + piece + 12, 4),
      patch(cutSize + 8, 5),
      patch(cutSize, 6),
    ],
  };
  const image = await openGraph({ driver: "file", filename }, { readOnly: false });
  const opened = await newJournal(`${filename}.undo`, image.root, script, filename, {});
  await applyJournal(image.root, opened.file, opened.journal);
  await opened.close();
  await image.close();
  const expected = new Uint8Array(2 * cutSize).fill(1);
  for (const { offset, newBytes } of script.patches) expected.set(newBytes, offset);
  expect(Buffer.compare(fs.readFileSync(filename), expected)).toBe(0);
});

it("does not say that nothing was changed when another program wrote meanwhile", async () => {
  const image = tempFile("disk.qed", brokenQed());
  const journal = `${image}.undo`;
  const graph = await openGraph(
    { driver: "qed", file: { driver: "file", filename: image }, backing: null },
    { readOnly: false, dirty: "untouched" },
  );
  const disk = graph.nodeAt("file") ?? expect.fail("there is no file");
  /** The image, whose table offset (QED header, byte 40) another program changes while it is written to. */
  const meddled = {
    get size() {
      return disk.size;
    },
    read: disk.read.bind(disk),
    resize: disk.resize.bind(disk),
    flush: disk.flush.bind(disk),
    extentAt: disk.extentAt.bind(disk),
    write: async (offset: number, bytes: Uint8Array) => {
      await disk.write(offset, bytes);
      await disk.write(40, Uint8Array.of(1));
    },
  };
  try {
    const offer = await offerRepair(graph.root);
    const opened = await newJournal(journal, disk, offer.script(defaultItems(offer)), image, {});
    const hint = expect.stringContaining("Keep the undo journal");
    const wrong = { code: "EIO", context: { hint } };
    await expect(applyJournal(meddled, opened.file, opened.journal)).rejects.toMatchObject(wrong);
    await opened.close();
    await disk.write(40, brokenQed().subarray(40, 41));
    const again = await openJournal(journal, false);
    await expect(undoJournal(meddled, again.file, again.journal)).rejects.toMatchObject(wrong);
    await disk.write(40, brokenQed().subarray(40, 41));
    await again.close();
    const last = await openJournal(journal, false);
    await undoJournal(disk, last.file, last.journal);
    await last.close();
  } finally {
    await graph.close();
  }
  expect(Buffer.compare(fs.readFileSync(image), brokenQed())).toBe(0);
});
