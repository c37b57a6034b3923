// Keys that are pressed faster than the page draws or is answered: each acts on what the one before it brought about.
import { readFileSync, writeFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { expect, test, toMap } from "./app.ts";
import { pattern, qedOf, rawPair } from "./images.ts";
import { hold, keepBusy } from "./outside.ts";
import { expectScanned, statusBar } from "./words.ts";

/** Presses keys while the page is busy: it finds them all at once. */
async function pressBehind(page: Page, ms: number, ...keys: readonly string[]): Promise<void> {
  await keepBusy(page, ms);
  await Promise.all(keys.map((key) => page.keyboard.press(key)));
}

test("arrows go on from tab to tab", async ({ launch, folder }) => {
  const files = ["one.raw", "two.raw", "three.raw"];
  for (const name of files) writeFileSync(folder.file(name), pattern(4096));
  const { page } = await launch("open", ...files.map(folder.file));
  const tab = (name: string) => page.getByRole("tab", { name });
  await tab("one.raw").click();
  await expect(page.getByRole("grid", { name: "one.raw, bytes" })).toBeFocused();
  await tab("one.raw").focus();
  await pressBehind(page, 300, "ArrowRight", "ArrowRight");
  await expect(tab("three.raw")).toBeFocused();
  await expect(tab("three.raw")).toHaveAttribute("aria-selected", "true");
});

test("the second letter of a sequence counts from when it was pressed", async ({ launch, folder }) => {
  const { page } = await launch(qedOf(rawPair(folder).a, folder.file("a.qed")));
  await expect(page.getByRole("grid", { name: "a.qed, bytes" })).toBeFocused();
  await page.keyboard.press("g");
  // Longer than a sequence may take.
  await pressBehind(page, 2000, "m");
  await expect(page.getByRole("tab", { name: /Map/ })).toHaveAttribute("aria-selected", "true");
});

test("Enter on a map opens the cell to which the arrow before it went", async ({ launch, folder }) => {
  const { page } = await launch(qedOf(rawPair(folder).a, folder.file("a.qed")));
  await toMap(page);
  const map = page.locator('[data-pane="map"] [data-context="grid"]');
  await expect(map).toBeFocused();
  await expect(page.locator("[data-cell]")).toContainText("Cluster 0,");
  await pressBehind(page, 300, "ArrowRight", "Enter");
  // Clusters of 64 KiB.
  await expect(statusBar(page)).toContainText("file 0x10000 ");
});

test("a cell of the map is read out once, however long its name takes", async ({ launch, folder }) => {
  const image = qedOf(rawPair(folder).a, folder.file("a.qed"));
  const bytes = readFileSync(image);
  // The header names the L1 table, whose first entry names an L2 table.
  const table = Number(bytes.readBigUInt64LE(Number(bytes.readBigUInt64LE(40))));
  const { app, page } = await launch(image);
  await toMap(page);
  const cell = page.locator("[data-cell]");
  await expect(cell).toContainText("Cluster 0,");
  await cell.evaluate((element) => {
    const said: string[] = [];
    Object.assign(window, { said });
    const note = () => said.push(element.textContent ?? "");
    new MutationObserver(note).observe(element, { childList: true, characterData: true, subtree: true });
  });
  const place = await hold(app, "map:place");
  await page.keyboard.press("Control+g");
  await page.keyboard.type(`0x${table.toString(16)}`);
  await page.keyboard.press("Enter");
  await expect.poll(place.count).toBe(1);
  // Several times as long as a cell without a name waits.
  await page.waitForTimeout(600);
  await place.release();
  await expect(cell).toContainText(`Cluster ${table / 65_536},`);
  const said = await page.evaluate(() => (window as unknown as { said: string[] }).said.filter(Boolean));
  expect(said).toEqual([expect.stringMatching(/L2 table 0/)]);
});

test("the palette runs what is marked when Enter comes right behind a letter", async ({ launch, folder }) => {
  const { a, b } = rawPair(folder);
  const { page } = await launch(a, b);
  await expectScanned(page, "6 runs");
  await page.keyboard.press("F1");
  await page.keyboard.type("s");
  const field = page.getByRole("combobox", { name: "Command, image or offset" });
  const first = page.getByRole("option").first();
  await expect(first).toHaveAccessibleName(/Sidebar/);
  await expect(field).toHaveAttribute("aria-activedescendant", (await first.getAttribute("id")) ?? "");
  // The sidebar is among what "se" finds, too, but not the first.
  await pressBehind(page, 300, "e", "Enter");
  await expect(page.getByRole("dialog", { name: "Settings" })).toBeVisible();
});
