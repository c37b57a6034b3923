// Two images side by side: opened by arguments, by dialog and by drop; every mismatch stepped through and held
// against the files themselves.
import { copyFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { expect, test } from "./app.ts";
import { pattern, qedOf, rawPair } from "./images.ts";
import { choosing } from "./outside.ts";
import {
  expectCaret,
  expectScanned,
  filterField,
  focusPane,
  goToField,
  list,
  pane,
  shownBytes,
  statusBar,
  Truth,
} from "./words.ts";

test("steps with F8 through every mismatch of a raw and a QED image given as arguments", async ({
  launch,
  folder,
}) => {
  const { a, b, differences } = rawPair(folder);
  const { page } = await launch(a, qedOf(b, folder.file("right.qed")));
  await expectScanned(page, "6 runs, 6 sectors");
  const [truthA, truthB] = [new Truth(a), new Truth(b)];
  for (const [index, { offset }] of differences.entries()) {
    // The first one is gone to as soon as it is found.
    if (index > 0) await page.keyboard.press("F8");
    await expectCaret(page, offset);
    const row = Math.floor(offset / 16) * 16;
    await expect.poll(() => shownBytes(pane(page, "a"), row)).toEqual(truthA.row(row));
    await expect.poll(() => shownBytes(pane(page, "b"), row)).toEqual(truthB.row(row));
  }
  await page.keyboard.press("F8");
  await expect(statusBar(page)).toContainText("Last difference");
  await page.keyboard.press("F8");
  await expectCaret(page, differences[0]?.offset ?? -1);
  await page.keyboard.press("Alt+End");
  await expectCaret(page, differences.at(-1)?.offset ?? -1);
  await page.keyboard.press("Shift+F8");
  await expectCaret(page, differences.at(-2)?.offset ?? -1);
});

test("names the likely cause of every mismatch of the bundled sample pair", async ({ launch }) => {
  const { page } = await launch();
  await page.getByRole("button", { name: "Open the sample pair" }).click();
  await expect(list(page)).not.toContainText("% scanned");
  // Words of the filter are looked for in the cause.
  for (const [word, cause] of [
    ["zeros", "A is zeros"],
    ["zeros", "B is zeros"],
    ["bit", "Single bit"],
    ["swapped", "Bytes swapped"],
    ["shifted", "Shifted by"],
    ["torn", "Torn at"],
    ["same", "Same as"],
  ] as const) {
    await filterField(page).fill(word);
    await expect(list(page).getByText(cause).first()).toBeVisible();
  }
});

test("opens two images chosen in the dialog", async ({ launch, folder }) => {
  const { a, b } = rawPair(folder);
  const { app, page } = await launch();
  await choosing(app, a, b);
  await page.getByRole("button", { name: "Compare two images…" }).click();
  await expectScanned(page, "6 runs, 6 sectors");
});

test("stays on the start page when the dialog is dismissed", async ({ launch }) => {
  const { app, page } = await launch();
  await app.evaluate(({ dialog }) => {
    dialog.showOpenDialog = () => Promise.resolve({ canceled: true, filePaths: [] });
  });
  await page.keyboard.press("Control+o");
  await expect(page.getByRole("heading", { name: "Blkscope" })).toBeVisible();
});

test("compares two images dropped on the window", async ({ launch, folder }) => {
  const { a, b } = rawPair(folder);
  const { page } = await launch();
  await drop(page, [a, b]);
  await expectScanned(page, "6 runs, 6 sectors");
});

test("refuses three dropped files with words and opens none", async ({ launch, folder }) => {
  const { a, b } = rawPair(folder);
  const third = folder.file("third.raw");
  copyFileSync(a, third);
  const { page } = await launch();
  await drop(page, [a, b, third]);
  await expect(page.getByText(/Only one or two images can be dropped/)).toBeVisible();
  await expect(page.getByRole("heading", { name: "Blkscope" })).toBeVisible();
});

/** Real files in a real drop event: an input element gives File objects that carry their paths. */
async function drop(page: Page, paths: readonly string[]): Promise<void> {
  await page.evaluate(() => {
    const input = document.createElement("input");
    Object.assign(input, { type: "file", multiple: true, id: "e2e-files", hidden: true });
    document.body.append(input);
  });
  await page.setInputFiles("#e2e-files", [...paths]);
  await page.evaluate(() => {
    const input = document.querySelector<HTMLInputElement>("#e2e-files");
    const dataTransfer = new DataTransfer();
    for (const file of input?.files ?? []) dataTransfer.items.add(file);
    input?.remove();
    for (const kind of ["dragenter", "dragover", "drop"]) {
      document.body.dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
    }
  });
}

test("says plainly that two equal images have no mismatch", async ({ launch, folder }) => {
  const { a } = rawPair(folder);
  const { page } = await launch(a, qedOf(a, folder.file("same.qed")));
  await expect(list(page)).toContainText("No mismatches in 4 MiB (all sectors compared)");
});

test("compares the tail of the longer image with zeros and says so", async ({ launch, folder }) => {
  const { writeFileSync } = await import("node:fs");
  const [short, long] = [folder.file("short.raw"), folder.file("long.raw")];
  const bytes = pattern(1024 * 1024);
  writeFileSync(short, bytes);
  writeFileSync(long, Buffer.concat([bytes, Buffer.alloc(512 * 1024), Buffer.from([1]), Buffer.alloc(511)]));
  const { page } = await launch(short, long);
  await expect(page.getByText("B is 512.5 KiB longer; its tail is compared with zeros.")).toBeVisible();
  await expectScanned(page, "1 run, 1 sector");
  await expectCaret(page, 1024 * 1024 + 512 * 1024);
});

test("goes where an expression says, shows it while it is typed, and comes back with Escape", async ({
  launch,
  folder,
}) => {
  const { a, b, differences } = rawPair(folder);
  const { page } = await launch(a, b);
  await expectScanned(page, "6 runs");
  await expectCaret(page, differences[0]?.offset ?? -1);
  await page.keyboard.press("Control+g");
  const field = goToField(page);
  await field.fill("s:2048+0x10");
  await expectCaret(page, 2048 * 512 + 16);
  await field.press("Escape");
  await expectCaret(page, differences[0]?.offset ?? -1);
  await page.keyboard.press("Control+g");
  await goToField(page).fill("1MiB*2 + 1s");
  await page.keyboard.press("Enter");
  await expectCaret(page, 2 * 1024 * 1024 + 512);
  await expect
    .poll(() => shownBytes(pane(page, "a"), 2 * 1024 * 1024 + 512))
    .toEqual(new Truth(a).row(2 * 1024 * 1024 + 512));
  await page.keyboard.press("Alt+ArrowLeft");
  await expectCaret(page, differences[0]?.offset ?? -1);
});

test("scrolls both panes together until the lock is opened", async ({ launch, folder }) => {
  const { a, b } = rawPair(folder);
  const { page } = await launch(a, b);
  await expectScanned(page, "6 runs");
  await focusPane(page, "a");
  await page.keyboard.press("Control+End");
  const last = 4 * 1024 * 1024 - 16;
  await expect.poll(() => shownBytes(pane(page, "b"), last)).toEqual(new Truth(b).row(last));
  await focusPane(page, "a");
  await page.keyboard.press("l");
  await page.keyboard.press("Control+Home");
  await expect.poll(() => shownBytes(pane(page, "a"), 0)).toEqual(new Truth(a).row(0));
  await expect.poll(() => shownBytes(pane(page, "b"), last)).toEqual(new Truth(b).row(last));
});

test("swaps the sides and keeps what was found", async ({ launch, folder }) => {
  const { a, b } = rawPair(folder);
  const { page } = await launch(a, b);
  await expectScanned(page, "6 runs");
  await focusPane(page, "a");
  await page.keyboard.press("x");
  await expect(pane(page, "a")).toContainText("right disk.raw");
  await expectScanned(page, "6 runs");
});

test("selects the cluster, then the image, and copies bytes from the keyboard and from the menu", async ({
  launch,
  folder,
}) => {
  const { a, b } = rawPair(folder);
  const { app, page } = await launch(qedOf(a, folder.file("a.qed")), b);
  await expectScanned(page, "6 runs");
  await focusPane(page, "a");
  await page.keyboard.press("Control+Home");
  await page.keyboard.press("Control+a");
  await expect(statusBar(page)).toContainText("sel 0x10000 (65,536) B");
  await page.keyboard.press("Control+a");
  await expect(statusBar(page)).toContainText("sel 0x400000 (4,194,304) B");
  await page.keyboard.press("Control+Home");
  await page.keyboard.press("Shift+ArrowRight");
  const expected = new Truth(a).row(0, 2).join(" ");
  const clipboard = () => app.evaluate(({ clipboard: board }) => board.readText());
  await page.keyboard.press("Control+c");
  await expect.poll(clipboard).toBe(expected);
  await app.evaluate(({ clipboard: board }) => board.clear());
  // What the native menu's Copy does.
  await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.webContents.copy());
  await expect.poll(clipboard).toBe(expected);
});
