// One image by itself: its bytes against the file, caret and selection by mouse and key, the two address spaces,
// copying, the inspector, and an image that is larger than any scrollbar.
import { readFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { expect, test } from "./app.ts";
import { pattern, qedOf, rawPair, sparse } from "./images.ts";
import { expectCaret, filePlace, goTo, shownBytes, statusBar, Truth } from "./words.ts";

const bytes = (page: Page) => page.locator('[data-pane="hex"]');
const grid = (page: Page) => bytes(page).locator('[role="grid"]');

test("shows the bytes of a QED image's guest disk, and of its container with V", async ({
  launch,
  folder,
}) => {
  const { a } = rawPair(folder);
  const qed = qedOf(a, folder.file("disk.qed"));
  const { page } = await launch(qed);
  await goTo(page, "0x20010");
  await expectCaret(page, 0x20010);
  await expect.poll(() => shownBytes(bytes(page), 0x20010)).toEqual(new Truth(a).row(0x20010));
  await grid(page).focus();
  await page.keyboard.press("v");
  // The container shows the same byte where its tables say that it lies.
  const hostOffset = await filePlace(page);
  expect(hostOffset % 65_536).toBe(0x10);
  await expect.poll(() => shownBytes(bytes(page), hostOffset)).toEqual(new Truth(a).row(0x20010));
  await page.keyboard.press("Control+Home");
  await expect.poll(() => shownBytes(bytes(page), 0)).toEqual(new Truth(qed).row(0));
  await page.keyboard.press("v");
  await expectCaret(page, 0x20010);
});

test("selects by mouse and by key, and copies what is selected", async ({ launch, folder }) => {
  const { a } = rawPair(folder);
  const { app, page } = await launch(a);
  await expect.poll(() => shownBytes(bytes(page), 0)).toEqual(new Truth(a).row(0));
  const cell = (offset: number) =>
    bytes(page).getByRole("gridcell", { name: new RegExp(`^offset ${offset.toString(16)} hex`, "i") });
  const from = await cell(0x22).boundingBox();
  const to = await cell(0x35).boundingBox();
  if (!from || !to) throw new Error("cells have no place");
  await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
  await page.mouse.down();
  await page.mouse.move(to.x + to.width / 2, to.y + to.height / 2, { steps: 3 });
  await page.mouse.up();
  await expect(statusBar(page)).toContainText("sel 0x14 (20) B");
  await page.keyboard.press("Control+c");
  const expected = readFileSync(a).subarray(0x22, 0x36).toString("hex").toUpperCase().match(/../g)?.join(" ");
  await expect.poll(() => app.evaluate(({ clipboard }) => clipboard.readText())).toBe(expected);
  // A third click takes the sector, Escape lets go.
  await page.mouse.click(from.x + 4, from.y + 4, { clickCount: 3 });
  await expect(statusBar(page)).toContainText("sel 0x200 (512) B = 1 sector");
  await page.keyboard.press("Escape");
  await expect(statusBar(page)).not.toContainText("sel 0x");
});

test("copies a selection as a C array through the dialog", async ({ launch, folder }) => {
  const { a } = rawPair(folder);
  const { app, page } = await launch(a);
  await grid(page).focus();
  for (let press = 0; press < 3; press++) await page.keyboard.press("Shift+ArrowRight");
  await page.keyboard.press("Control+Alt+c");
  await page.getByRole("radio", { name: "C array" }).check();
  await page.getByRole("button", { name: "Copy", exact: true }).click();
  const [b0, b1, b2, b3] = new Truth(a).row(0, 4).map((byte) => `0x${byte.toLowerCase()},`);
  await expect
    .poll(() => app.evaluate(({ clipboard }) => clipboard.readText()))
    .toContain(`const unsigned char bytes[4] = {\n  ${b0} ${b1} ${b2} ${b3}\n};`);
  await expect(grid(page)).toBeFocused();
});

test("reads an integer at the caret in both byte orders", async ({ launch, folder }) => {
  const { a } = rawPair(folder);
  const { page } = await launch(a);
  await goTo(page, "0x1000");
  const file = readFileSync(a);
  const value = page.locator('[data-pane="inspector"]').getByRole("row", { name: /^uint32/ });
  await expect(value).toContainText(file.readUInt32LE(0x1000).toLocaleString("en-US"));
  await page.keyboard.press("Control+Shift+e");
  await page.keyboard.press("Control+Shift+e");
  await expect(value).toContainText(file.readUInt32BE(0x1000).toLocaleString("en-US"));
});

test("moves exactly by rows at the end of an image of 8 TiB", async ({ launch, folder }) => {
  const size = 8 * 2 ** 40;
  const written = pattern(64);
  const image = sparse(folder.file("large.raw"), size, [{ offset: size - 64, bytes: written }]);
  const { page } = await launch(image);
  await grid(page).focus();
  await page.keyboard.press("Control+End");
  await expectCaret(page, size - 1);
  const row = (offset: number) =>
    [...written.subarray(offset, offset + 16)].map((byte) =>
      byte.toString(16).padStart(2, "0").toUpperCase(),
    );
  await expect.poll(() => shownBytes(bytes(page), size - 16)).toEqual(row(48));
  for (let press = 0; press < 3; press++) await page.keyboard.press("ArrowUp");
  await expectCaret(page, size - 49);
  await expect.poll(() => shownBytes(bytes(page), size - 64)).toEqual(row(0));
});
