// The cluster map: a broken image, from a problem to its cell, to the entry that refers to it, to its bytes, and back.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { buildQed } from "../build/qed.ts";
import { expect, test } from "./app.ts";
import { pattern } from "./images.ts";
import { list, shownBytes, Truth } from "./words.ts";

const card = (page: Page) => page.locator('[data-pane="card"]');
const hex = (page: Page) => page.locator('[data-pane="hex"]');

const clusterSize = 4096;

/**
 * A QED image of 40 guest clusters: entry 5 points where entry 4 points (used twice, and its own cluster leaked), entry 7
 * past the end of the file.
 */
function brokenQed(path: string) {
  const clusters = new Map(Array.from({ length: 40 }, (_, i) => [i, pattern(clusterSize)] as const));
  const spec = { size: 16 * 1024 * 1024, clusterSize, tableSize: 2, clusters };
  const { dataOffsets } = buildQed(spec);
  const shared = dataOffsets.get(4) ?? 0;
  const built = buildQed({
    ...spec,
    l2: [
      [0, 5, BigInt(shared)],
      [0, 7, 0x4000_0000n],
    ],
  });
  writeFileSync(path, built.bytes);
  return { shared, table: built.l2Offsets.get(0) ?? 0 };
}

/** What qemu-img says of it; its exit code is not 0 for an image with problems. */
function peerCheck(path: string): { corruptions: number; leaks: number } {
  const { stdout } = spawnSync("qemu-img", ["check", "--output", "json", path], { encoding: "utf8" });
  return JSON.parse(stdout);
}

test("goes from a problem to its cell, to the entry behind it, to the bytes, and back to the map", async ({
  launch,
  folder,
}) => {
  const path = folder.file("broken.qed");
  const { shared, table } = brokenQed(path);
  const { page } = await launch(path);
  await page.keyboard.press("Control+3");
  // The same counts as the peer's.
  const check = peerCheck(path);
  await expect(list(page)).toContainText(`${check.corruptions} problems, ${check.leaks} leaked clusters`);
  const problem = list(page).getByRole("row", { name: new RegExp(`0x${shared.toString(16)} `) });
  await problem.click();
  await expect(card(page)).toContainText("Multiply referenced");
  await expect(card(page)).toContainText("L1[0] → L2[4]");
  await card(page).getByRole("button", { name: "L1[0] → L2[5]" }).click();
  const entry = table + 5 * 8;
  const row = entry - (entry % 16);
  await expect.poll(() => shownBytes(hex(page), row)).toEqual(new Truth(path).row(row));
  await expect(page.locator('[data-pane="inspector"]')).toContainText("L2 table 0");
  await hex(page).locator('[role="grid"]').focus();
  await page.keyboard.press("g");
  await page.keyboard.press("m");
  await expect(card(page)).toContainText("L2 table");
});
