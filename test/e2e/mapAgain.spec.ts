// The map of an image that changes, and the ways to it from a comparison and from the wizard's leaked clusters.
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { buildQed } from "../build/qed.ts";
import { expect, test, toMap, toRepair } from "./app.ts";
import { expectNoViolationsInBothThemes } from "./axe.ts";
import { type Folder, pattern, sparse } from "./images.ts";
import { typeAhead } from "./outside.ts";
import { answerSave, heading, pressButton } from "./repairSteps.ts";
import { list, statusBar } from "./words.ts";

const clusterSize = 4096;
const card = (page: Page) => page.locator('[data-pane="card"]');
const legend = (page: Page, kind: RegExp) =>
  page.locator('[data-pane="legend"]').getByRole("button", { name: kind });

/** 40 guest clusters, one behind the other in the file; `lost` of them have no entry any more. */
function leakyQed(folder: Folder, name: string, lost: readonly number[] = []) {
  const clusters = new Map(Array.from({ length: 40 }, (_, i) => [i, pattern(clusterSize)] as const));
  const l2 = lost.map((entry) => [0, entry, 0n] as const);
  const built = buildQed({ size: 16 * 1024 * 1024, clusterSize, tableSize: 2, clusters, l2 });
  const path = folder.file(name);
  writeFileSync(path, built.bytes);
  return { path, bytes: built.bytes, table: built.l2Offsets.get(0) ?? 0, places: built.dataOffsets };
}

test("marks for a moment what a scan again finds changed, and nothing where nothing is", async ({
  launch,
  folder,
}) => {
  const { path, bytes, table } = leakyQed(folder, "disk.qed");
  const { page } = await launch(path);
  // Without motion the mark is an outline that stands for seconds.
  await page.emulateMedia({ reducedMotion: "reduce" });
  await toMap(page);
  await expect(list(page)).toContainText("No problems");
  await expect(legend(page, /Leaked/)).toContainText("0");
  const canvas = page.locator('[data-pane="map"] canvas').first();
  const again = () => page.getByRole("button", { name: "Rescan" }).click();
  // Entry 5 is gone: its cluster is leaked now.
  const changed = Buffer.from(bytes);
  changed.writeBigUInt64LE(0n, table + 5 * 8);
  writeFileSync(path, changed);
  const banner = page.getByText("disk.qed changed on disk");
  await expect(banner).toBeVisible();
  await again();
  await expect(banner).toBeHidden();
  await expect(legend(page, /Leaked/)).toContainText("1");
  const marked = await canvas.screenshot();
  await expect(list(page)).toContainText("1 leaked cluster");
  await page.waitForTimeout(5000);
  const plain = await canvas.screenshot();
  expect(marked.equals(plain)).toBe(false);
  await again();
  await expect(statusBar(page)).toContainText("has not changed since the scan before");
  // A mark would come in the pause, and outlast the poll.
  await page.waitForTimeout(500);
  await expect.poll(async () => (await canvas.screenshot()).equals(plain), { timeout: 2000 }).toBe(true);
});

test("offers nothing to zoom into where a file has more clusters than a map holds", async ({
  launch,
  folder,
}) => {
  const { path } = leakyQed(folder, "vast.qed");
  truncateSync(path, (2 ** 29 + 1) * clusterSize);
  const { page } = await launch(path);
  await toMap(page);
  await expect(page.getByRole("heading", { name: "Can't map vast.qed" })).toBeVisible();
  const toolbar = page.locator('[data-pane="toolbar"]');
  await expect(toolbar.getByRole("button", { name: "Rescan" })).toBeVisible();
  await expect(toolbar.getByRole("button", { name: /Zoom|table|problem|Guest|Save/ })).toHaveCount(0);
});

test("goes from a comparison to the cluster of the byte at its caret", async ({ launch, folder }) => {
  const { path, places } = leakyQed(folder, "disk.qed");
  const raw = sparse(folder.file("disk.raw"), 16 * 1024 * 1024, [{ offset: 0, bytes: pattern(4096) }]);
  const { app, page } = await launch(path, raw);
  await expect(list(page)).toContainText("1 run");
  await page.keyboard.press("Control+g");
  await page.keyboard.type("0x9010");
  await page.keyboard.press("Enter");
  await page.locator('[data-pane="a"] [role="grid"]').focus();
  await typeAhead(app, ["g", "m"]);
  // Byte 0x9010 is in guest cluster 9.
  await expect(card(page)).toContainText("L1[0] → L2[9]");
  await expect(card(page)).toContainText(`0x${(places.get(9) ?? 0).toString(16)}`);
});

test("saves what leaked clusters hold, and says what was left out", async ({ launch, folder }) => {
  const { path, bytes, places } = leakyQed(folder, "disk.qed", [5, 6, 20]);
  const at = (entry: number) => places.get(entry) ?? 0;
  // One of the three holds nothing.
  const image = Buffer.from(bytes).fill(0, at(20), at(20) + clusterSize);
  image.fill(0x55, at(5), at(5) + clusterSize);
  writeFileSync(path, image);
  const { app, page } = await launch(path);
  const rescued = folder.file("rescued.bin");
  await answerSave(app, [rescued]);
  await toRepair(page);
  await expect(heading(page, "Preflight")).toBeFocused();
  await pressButton(page, "Next: Findings");
  await pressButton(page, "Save what is in them…");
  await expect(page.getByText("8 KiB saved to rescued.bin")).toContainText("4 KiB of zeros left out");
  await expectNoViolationsInBothThemes(page);
  // The outcome is there again when the page was left.
  await pressButton(page, "Back");
  await expect(heading(page, "Preflight")).toBeFocused();
  await pressButton(page, "Next: Findings");
  await expect(page.getByText("8 KiB saved to rescued.bin")).toBeVisible();
  const saved = readFileSync(rescued);
  const held = image.subarray(at(5), at(5) + 2 * clusterSize);
  expect(at(6)).toBe(at(5) + clusterSize);
  expect(saved.equals(held)).toBe(true);
  const { ranges } = JSON.parse(readFileSync(`${rescued}.json`, "utf8"));
  expect(ranges[0]).toMatchObject({ "image-offset": at(5), length: 2 * clusterSize, "rescue-offset": 0 });
  expect(readFileSync(path).equals(image)).toBe(true);
});
