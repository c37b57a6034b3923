// Journals of earlier repairs in the app: one that was never begun, one whose name the next repair needs, one of a repair
// that was cut off, and one that names a file of somebody else's.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { brokenQed } from "../build/brokenQed.ts";
import { cutOffRepair } from "../build/mend.ts";
import { plannedJournal } from "../build/plannedJournal.ts";
import { expect, test, toRepair } from "./app.ts";
import { expectNoViolationsInBothThemes } from "./axe.ts";
import type { Folder } from "./images.ts";
import { heading, pressButton, tabTo, walkToWrite } from "./repairSteps.ts";

interface Broken {
  readonly image: string;
  readonly journal: string;
}

function broken(folder: Folder): Broken {
  const image = folder.file("broken.qed");
  writeFileSync(image, brokenQed());
  return { image, journal: `${image}.blkscope-undo` };
}

const isAsItWas = ({ image }: Broken) => Buffer.compare(readFileSync(image), brokenQed()) === 0;
const status = (page: Page) => page.locator('[data-pane="status"]');

/** From the page with the plan to the one about what was written to the image itself. */
async function writeInPlace(page: Page): Promise<void> {
  await tabTo(page, page.getByRole("radio", { name: /Repair a copy/ }));
  await page.keyboard.press("ArrowDown");
  await pressButton(page, /^Write \d+ changes to broken\.qed$/);
  await expect(heading(page, "Verify")).toBeFocused({ timeout: 20_000 });
}

test("a repair that was written down and never begun is begun from its image", async ({ launch, folder }) => {
  const files = broken(folder);
  const writes = await plannedJournal(files.image, files.journal);
  const { page } = await launch(files.image);
  const banner = page.getByText(`A repair of broken.qed (${writes} changes) was planned by you on`);
  await expect(banner).toContainText("but never begun. broken.qed is unchanged since");
  await expectNoViolationsInBothThemes(page);
  await pressButton(page, "Begin or put aside…");
  await expect(heading(page, /^Undo journal: broken\.qed\.blkscope-undo$/)).toBeFocused();
  await expect(status(page)).toContainText("read-only until you write");
  await expectNoViolationsInBothThemes(page);
  expect(isAsItWas(files)).toBe(true);
  await pressButton(page, `Write ${writes} changes to broken.qed`);
  await expect(page.getByText("Finished: all changes are in broken.qed and were read back.")).toBeVisible();
  await expect(status(page)).toContainText("broken.qed was written; can be undone");
  expect(isAsItWas(files)).toBe(false);
  await pressButton(page, `Undo ${writes} writes in broken.qed`);
  await expect(status(page)).toContainText("broken.qed is as it was");
  expect(isAsItWas(files)).toBe(true);
});

test("a journal that was never begun is put aside or deleted, and a repair goes on", async ({
  launch,
  folder,
}) => {
  const files = broken(folder);
  await plannedJournal(files.image, files.journal);
  const { page } = await launch(files.journal);
  await pressButton(page, "Put the journal aside");
  await expect(page.getByText("it is named broken.qed.earlier-1.blkscope-undo now")).toBeVisible();
  await expect(status(page)).not.toContainText("until you write");
  expect(existsSync(files.journal)).toBe(false);
  await pressButton(page, "Plan a repair of broken.qed");
  await expect(heading(page, "Preflight")).toBeFocused();
  await expect(page.getByText("The image can be mended in place, or as a copy.")).toBeVisible();

  // It comes back from elsewhere: here the wizard itself makes room.
  await plannedJournal(files.image, files.journal);
  await pressButton(page, "Check again");
  await expect(page.getByText("The image itself can't be mended as things are.")).toBeVisible();
  await expectNoViolationsInBothThemes(page);
  await pressButton(page, "Delete it");
  await expect(page.getByText("The image can be mended in place, or as a copy.")).toBeVisible();
  expect(existsSync(files.journal)).toBe(false);
  expect(existsSync(folder.file("broken.qed.earlier-1.blkscope-undo"))).toBe(true);
  expect(isAsItWas(files)).toBe(true);
});

test("the journal of a repair that was done makes room for the next under a number", async ({
  launch,
  folder,
}) => {
  const files = broken(folder);
  const { page } = await launch(files.image);
  await toRepair(page);
  await expect(status(page)).toContainText("read-only until you write");
  await walkToWrite(page);
  await writeInPlace(page);
  await expect(status(page)).toContainText("broken.qed was written; can be undone");
  await pressButton(page, "Look at broken.qed again");
  await expect(heading(page, "Preflight")).toBeFocused();
  await expect(page.getByText("There is an undo journal already")).toBeVisible();
  await expect(page.getByRole("button", { name: "Delete it" })).toHaveCount(0);
  await expectNoViolationsInBothThemes(page);
  await pressButton(page, "Undo that repair…");
  await expect(page.getByText(/that was written to broken\.qed\. It can be taken back/)).toBeVisible();
  await page.keyboard.press("Control+5");
  await page
    .getByRole("tab", { name: /broken\.qed/ })
    .nth(1)
    .click();
  await pressButton(page, "Keep it as broken.qed.earlier-1.blkscope-undo and go on");
  await expect(page.getByText("The image can be mended in place, or as a copy.")).toBeVisible();
  expect(existsSync(files.journal)).toBe(false);
  expect(existsSync(folder.file("broken.qed.earlier-1.blkscope-undo"))).toBe(true);
});

test("a repair that was cut off says how far it came over every view of its image", async ({
  launch,
  folder,
}) => {
  const files = broken(folder);
  await cutOffRepair(files.image, files.journal);
  const other = folder.file("other.qed");
  writeFileSync(other, brokenQed());
  const { page } = await launch(files.image);
  const banner = page.getByText(
    /^Repair stopped before its end: \d+ of \d+ changes were written to broken\.qed\./,
  );
  await expect(banner).toBeVisible();
  await page.keyboard.press("Control+3");
  await expect(page.getByRole("tab", { name: /^Map: broken/, selected: true })).toBeVisible();
  await expect(banner).toBeVisible();
  await page.keyboard.press("Control+5");
  await expect(heading(page, "Preflight")).toBeFocused();
  await expect(banner).toBeVisible();
  const pair = await launch("diff", files.image, other);
  await expect(
    pair.page.getByText(/^Repair stopped before its end: \d+ of \d+ changes were written to broken\.qed\./),
  ).toBeVisible();
  // It is between two states: nothing says that it was left alone.
  await expect(pair.page.getByText("broken.qed was not closed cleanly")).toHaveCount(0);
});

test("an image that a journal names in another folder is not touched before the person agrees", async ({
  launch,
  folder,
}) => {
  const files = broken(folder);
  const writes = await plannedJournal(files.image, files.journal);
  mkdirSync(folder.file("mail"));
  const moved = folder.file("mail/broken.qed.blkscope-undo");
  renameSync(files.journal, moved);
  const { page } = await launch(moved);
  await expect(
    page.getByText("The image lies in another folder than its journal, and was not touched."),
  ).toBeVisible();
  await expect(page.getByText(files.image)).toBeVisible();
  await expect(page.getByRole("button", { name: /^Write/ })).toHaveCount(0);
  await expectNoViolationsInBothThemes(page);
  await pressButton(page, "It is that file: look at it");
  await pressButton(page, `Write ${writes} changes to broken.qed`);
  await expect(page.getByText("Finished: all changes are in broken.qed and were read back.")).toBeVisible();
  expect(isAsItWas(files)).toBe(false);
});
