// A person does not lose the place: the active row of a list stays in sight and is the same row however the list is
// sorted, a list is found as it was left, the focus goes on when what had it is gone, results outlive a file that is.
import { closeSync, openSync, renameSync, writeFileSync, writeSync } from "node:fs";
import type { Page } from "@playwright/test";
import { expect, test } from "./app.ts";
import { type Folder, pattern, rawPair, sector } from "./images.ts";
import { choosing, mute } from "./outside.ts";
import { answerSave } from "./repairSteps.ts";
import {
  expectCaret,
  expectScanned,
  filterField,
  goTo,
  list,
  pane,
  shownBytes,
  statusBar,
  Truth,
} from "./words.ts";

/** A pair of 1 MiB in which every 20th sector differs, 102 of 2,048, sector 20 × n in n % 7 + 1 bytes. */
function manyDifferences(folder: Folder): [string, string] {
  const right = pattern(2048 * sector);
  const wrong = Buffer.from(right);
  for (let n = 1; n <= 102; n++) {
    const at = 20 * n * sector;
    for (let byte = at; byte <= at + (n % 7); byte++) wrong[byte] = (right[byte] ?? 0) ^ 0x55;
  }
  writeFileSync(folder.file("many a.raw"), right);
  writeFileSync(folder.file("many b.raw"), wrong);
  return [folder.file("many a.raw"), folder.file("many b.raw")];
}

const grid = (page: Page) => list(page).getByRole("grid", { name: "Mismatched runs" });
const active = (page: Page) => grid(page).locator('[role="row"][aria-selected="true"]');
const byteAt = (file: string, at: number) => {
  const fd = openSync(file, "r+");
  writeSync(fd, Buffer.from("XYZ"), 0, 3, at);
  closeSync(fd);
};

/** Whether the active row lies between the list's header and its bottom edge. */
async function expectInSight(page: Page, number: string): Promise<void> {
  await expect(active(page).getByRole("gridcell").first()).toHaveText(number);
  const isInSight = () =>
    grid(page).evaluate((element) => {
      const row = element.querySelector('[role="row"][aria-selected="true"]')?.getBoundingClientRect();
      const head = element.querySelector('[role="rowgroup"]')?.getBoundingClientRect();
      if (!row || !head) return false;
      const bottom = element.getBoundingClientRect().top + element.clientHeight;
      return row.top >= head.bottom - 1 && row.bottom <= bottom + 1;
    });
  await expect.poll(isInSight).toBe(true);
}

test("keeps the active mismatch in sight, going through the list by key and through the images by F8", async ({
  launch,
  folder,
}) => {
  const { app, page } = await launch(...manyDifferences(folder));
  await expectScanned(page, "102 runs");
  await grid(page).focus();
  for (let row = 2; row <= 16; row++) {
    await page.keyboard.press("ArrowDown");
    await expectInSight(page, String(row));
  }
  for (let row = 15; row >= 5; row--) await page.keyboard.press("ArrowUp");
  await expectInSight(page, "5");
  for (let row = 6; row <= 30; row++) await page.keyboard.press("F8");
  await expectInSight(page, "30");
  await page.keyboard.press("Alt+Home");
  await expectInSight(page, "1");

  // Row 6 is the last of those in sight at least in a window that is not high; in a lower one it would not be.
  for (let row = 2; row <= 6; row++) await page.keyboard.press("F8");
  await expectInSight(page, "6");
  await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.setContentSize(900, 600));
  await expectInSight(page, "6");
});

test("keeps the same mismatch active when the list is sorted, and finds the list as it was left", async ({
  launch,
  folder,
}) => {
  const { page } = await launch(...manyDifferences(folder));
  await expectScanned(page, "102 runs");
  await grid(page).focus();
  await page.keyboard.press("End");
  await expectInSight(page, "102");
  // To where the images are the same: no run is under the caret, and the list keeps to its own row.
  await pane(page, "a").locator('[role="grid"]').focus();
  await page.keyboard.press("Control+Home");
  await expectCaret(page, 0);
  await page.getByRole("button", { name: "Bytes differing" }).click();
  await expectInSight(page, "102");
  await filterField(page).fill("bytes>=6");
  // n % 7 + 1 is 6 or 7 for two of seven n: 14 times 2 up to 98, and none of 99 to 102 (2, 3, 4 and 5 bytes).
  await expect(list(page)).toContainText("28 of 102 rows match");

  await page.keyboard.press("Control+1");
  await expect(page.locator('[role="grid"]').first()).toBeFocused();
  await page.keyboard.press("Control+2");
  await expect(filterField(page)).toHaveValue("bytes>=6");
  await expect(list(page)).toContainText("28 of 102 rows match");
  await expect(grid(page).getByRole("columnheader", { name: "Bytes differing" })).toHaveAttribute(
    "aria-sort",
    "ascending",
  );
});

test("leaves the focus on the bytes when images are opened again", async ({ launch, folder }) => {
  const { a, b } = rawPair(folder);
  const { page } = await launch(a, b);
  await expectScanned(page, "6 runs");
  await page.keyboard.press("F6");
  const side = (which: "a" | "b") => pane(page, which).locator('[role="grid"]');
  await expect(side("b")).toBeFocused();
  byteAt(b, 700_000);
  await expect(page.getByText(/right disk\.raw changed on disk/)).toBeVisible();
  await page.keyboard.press("F5");
  await expectScanned(page, "7 runs");
  await expect(side("b")).toBeFocused();

  // The button that was pressed is gone with its line.
  byteAt(b, 800_000);
  await page.getByRole("button", { name: "Reload" }).focus();
  await page.keyboard.press("Enter");
  await expectScanned(page, "8 runs");
  await expect(side("a")).toBeFocused();
});

test("gives the focus to Retry where an image can't be opened, and to its bytes when it can", async ({
  launch,
  folder,
}) => {
  const { a } = rawPair(folder);
  const away = folder.file("away.raw");
  renameSync(a, away);
  const { page } = await launch(a);
  const retry = page.getByRole("button", { name: "Retry" });
  await expect(retry).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(retry).toBeFocused();
  renameSync(away, a);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("grid", { name: /left disk\.raw, bytes/ })).toBeFocused();
});

test("keeps the mismatches when a file is gone, and says why it can't scan again", async ({
  launch,
  folder,
}) => {
  const { a, b } = rawPair(folder);
  const { app, page } = await launch(a, b);
  await expectScanned(page, "6 runs");
  // The status bar says in words of its own that the file is missing.
  const banner = page.getByText("right disk.raw is missing: it was moved");
  renameSync(b, folder.file("elsewhere.raw"));
  await expect(banner).toBeVisible();
  await page.keyboard.press("F5");
  await expect(statusBar(page)).toContainText("right disk.raw is missing; these results are kept");
  await expect(list(page)).toContainText("6 runs");
  // It would go by itself, with its button, once the file is seen again.
  await mute(app, "image:changed");
  renameSync(folder.file("elsewhere.raw"), b);
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(banner).toBeHidden();
  await page.keyboard.press("F5");
  await expectScanned(page, "6 runs");
});

test("saves the list by Enter, in the format that is chosen by arrows", async ({ launch, folder }) => {
  const { a, b } = rawPair(folder);
  const { app, page } = await launch(a, b);
  await expectScanned(page, "6 runs");
  const target = folder.file("mismatches.md");
  await answerSave(app, [target]);
  await page.keyboard.press("Control+Shift+S");
  await expect(page.getByRole("radio", { name: /CSV/ })).toBeFocused();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await expect(page.getByRole("radio", { name: /Markdown/ })).toBeChecked();
  await page.keyboard.press("Enter");
  await expect(statusBar(page)).toContainText("Saved mismatches.md");
  expect(new Truth(target).bytes.toString()).toContain(
    "# Mismatches of left disk.raw (A) and right disk.raw (B)",
  );
  await expect.poll(() => shownBytes(pane(page, "a"), 4992)).toEqual(new Truth(a).row(4992));
});

test("gives the focus back to the bytes after a dialog that took the place of another", async ({
  launch,
  folder,
}) => {
  const { a, b } = rawPair(folder);
  const { page } = await launch(a, b);
  await expectScanned(page, "6 runs");
  const bytes = pane(page, "a").locator('[role="grid"]');
  await expect(bytes).toBeFocused();
  await page.keyboard.press("Control+Shift+A");
  await expect(page.getByRole("dialog", { name: "Select range" })).toBeVisible();
  await page.keyboard.press("Control+Shift+P");
  await page.keyboard.type("text encoding");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog", { name: "Text encoding" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(bytes).toBeFocused();
});

test("selects the range that is typed, not what was there and what is typed", async ({ launch, folder }) => {
  const { a } = rawPair(folder);
  const { page } = await launch(a);
  await expectCaret(page, 0);
  await page.keyboard.press("Control+Shift+A");
  await expect(page.getByRole("dialog", { name: "Select range" })).toBeVisible();
  await page.keyboard.type("s:10");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.type("3s");
  await page.keyboard.press("Enter");
  // Sectors 10 to 12: bytes 5,120 to 6,655, and the caret on the last.
  await expectCaret(page, 6655);
  await expect(statusBar(page)).toContainText("sel 0x600 (1,536) B = 1.5 KiB = 3 sectors");
});

test("reads an image that changed again by F5, where its bytes show", async ({ launch, folder }) => {
  const { a } = rawPair(folder);
  const { page } = await launch(a);
  const bytes = page.getByRole("grid", { name: /left disk\.raw, bytes/ });
  await goTo(page, "4096");
  await expectCaret(page, 4096);
  byteAt(a, 4096);
  await expect(page.getByText(/left disk\.raw changed on disk/)).toBeVisible();
  await bytes.focus();
  await page.keyboard.press("F5");
  await expect(statusBar(page)).toContainText("left disk.raw was read again");
  await expect(page.getByText(/left disk\.raw changed on disk/)).toBeHidden();
  await expectCaret(page, 4096);
  await expect(bytes).toBeFocused();
  // "XYZ" as ASCII, then the pattern as it was.
  await expect
    .poll(() => shownBytes(page.locator('[data-pane="hex"]'), 4096))
    .toEqual(["58", "59", "5A", ...new Truth(a).row(4099, 13)]);

  const shown = new Truth(a).row(4096);
  renameSync(a, folder.file("elsewhere.raw"));
  await expect(page.getByText(/left disk\.raw is missing/)).toBeVisible();
  await page.keyboard.press("F5");
  await expect(statusBar(page)).toContainText("left disk.raw is missing; what was read of it is kept");
  expect(await shownBytes(page.locator('[data-pane="hex"]'), 4096)).toEqual(shown);
});

test("gives the focus to the bytes of a tab that is clicked, and of one that opens while another has it", async ({
  launch,
  folder,
}) => {
  const { a, b } = rawPair(folder);
  const { app, page } = await launch("open", a, b);
  const bytes = (name: string) => page.getByRole("grid", { name: `${name}, bytes` });
  const tab = (name: string) => page.getByRole("tab", { name });
  await expect(page.getByRole("tab")).toHaveCount(2);
  await tab("left disk.raw").click();
  await expect(bytes("left disk.raw")).toBeFocused();
  await page.keyboard.press("End");
  await expectCaret(page, 15);

  // By key the focus stays in the strip, as arrows go on from tab to tab.
  await page.keyboard.press("Shift+F6");
  while (!(await tab("left disk.raw").evaluate((element) => element === document.activeElement))) {
    await page.keyboard.press("Shift+F6");
  }
  await page.keyboard.press("ArrowRight");
  await expect(tab("right disk.raw")).toBeFocused();
  await page.keyboard.press("ArrowLeft");
  await expect(tab("left disk.raw")).toBeFocused();

  writeFileSync(folder.file("third.raw"), pattern(4096));
  await choosing(app, folder.file("third.raw"));
  await page.keyboard.press("Control+o");
  await expect(bytes("third.raw")).toBeFocused();
});

test("keys pressed right after Go to and the palette were asked for go there, in a window that had no idle moment yet", async ({
  launch,
  folder,
}) => {
  const { a, b } = rawPair(folder);
  const { page } = await launch(a, b);
  await expect(list(page)).toContainText("6 runs");
  await page.addInitScript(() => {
    window.requestIdleCallback = () => 0;
  });
  await page.reload();
  await expect(list(page)).toContainText("6 runs");
  await expect(pane(page, "a").locator('[role="grid"]')).toBeFocused();
  // X in a comparison exchanges its sides.
  await page.keyboard.press("Control+g");
  await page.keyboard.type("0x9010");
  await page.keyboard.press("Enter");
  await expectCaret(page, 0x9010);
  await page.keyboard.press("F1");
  await page.keyboard.type("help: keys");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog", { name: "Keys" })).toBeVisible();
});
