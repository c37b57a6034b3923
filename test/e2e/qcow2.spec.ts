// A qcow2 image in the app, found by its first bytes: the guest's bytes, its place in the file, its map, and a comparison
// with the raw image that it was made from.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { expect, test } from "./app.ts";
import { type Folder, rawPair } from "./images.ts";
import { expectCaret, goTo, list, shownBytes, statusBar, Truth } from "./words.ts";

const bytes = (page: Page) => page.locator('[data-pane="hex"]');
const grid = (page: Page) => bytes(page).locator('[role="grid"]');
const legend = (page: Page) => page.locator('[data-pane="legend"]');

/** Made by the stock program. */
function qcow2Of(raw: string, folder: Folder, ...options: readonly string[]): string {
  const path = folder.file("disk.qcow2");
  execFileSync("qemu-img", ["convert", "-O", "qcow2", ...options, raw, path]);
  return path;
}

test("shows the bytes of a qcow2 image's guest disk, and of its container with V", async ({
  launch,
  folder,
}) => {
  const { a } = rawPair(folder);
  const { page } = await launch(qcow2Of(a, folder));
  await goTo(page, "0x20010");
  await expectCaret(page, 0x20010);
  await expect.poll(() => shownBytes(bytes(page), 0x20010)).toEqual(new Truth(a).row(0x20010));
  await grid(page).focus();
  await page.keyboard.press("v");
  await expect(statusBar(page)).toContainText(/file 0x(?!0 )/);
  const place = /file 0x([0-9a-f]+) /.exec((await statusBar(page).textContent()) ?? "")?.[1] ?? "";
  const hostOffset = Number.parseInt(place, 16);
  expect(hostOffset % 65_536).toBe(0x10);
  await expect.poll(() => shownBytes(bytes(page), hostOffset)).toEqual(new Truth(a).row(0x20010));
});

test("maps a qcow2 image's file by kinds", async ({ launch, folder }) => {
  const { a } = rawPair(folder);
  const path = qcow2Of(a, folder);
  const { page } = await launch(path);
  await page.keyboard.press("Control+3");
  for (const kind of [/header/i, /refcount table/i, /refcount block/i, /L1 table/i, /L2 table/i, /data/i]) {
    await expect(legend(page)).toContainText(kind);
  }
});

test("compares a compressed qcow2 image with the raw one it was made from", async ({ launch, folder }) => {
  const { a } = rawPair(folder);
  const { page } = await launch(a, qcow2Of(a, folder, "-c"));
  await expect(list(page)).toContainText(`No mismatches in ${readFileSync(a).length / 2 ** 20} MiB`);
});
