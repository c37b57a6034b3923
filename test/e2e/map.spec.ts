// The cluster map: a broken image, from a problem to its cell, to the entry that refers to it, to its bytes, and back.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { expect, test, toMap } from "./app.ts";
import { expectNoViolations } from "./axe.ts";
import { brokenQed, clusterSize } from "./brokenQed.ts";
import { pattern, sparse } from "./images.ts";
import { typeAhead } from "./outside.ts";
import { slowQed } from "./slowQed.ts";
import { expectCaret, list, shownBytes, statusBar, Truth } from "./words.ts";

const map = (page: Page) => page.locator('[data-pane="map"] [data-context="grid"]');
const legend = (page: Page) => page.locator('[data-pane="legend"]');
const card = (page: Page) => page.locator('[data-pane="card"]');
const hex = (page: Page) => page.locator('[data-pane="hex"]');

/** Which is known when the scan is over. */
async function toGuestOrder(page: Page): Promise<void> {
  await expect(page.getByRole("button", { name: "Guest", exact: true })).toBeEnabled();
  await map(page).focus();
  await page.keyboard.press("v");
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
  const { app, page } = await launch(path);
  await toMap(page);
  // The same counts as the peer's.
  const check = peerCheck(path);
  await expect(list(page)).toContainText(`${check.corruptions} corruptions, ${check.leaks} leaked clusters`);
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
  await typeAhead(app, ["g", "m"]);
  await expect(card(page)).toContainText("L2 table");
});

test("reads out once the cell that is gone to, and calls F8 what it does on a map", async ({
  launch,
  folder,
}) => {
  const path = folder.file("broken.qed");
  const { table } = brokenQed(path);
  const { page } = await launch(path);
  await toMap(page);
  await expect(list(page)).toContainText("leaked cluster");
  await map(page).focus();
  await expect(page.locator("[data-cell]")).toContainText("Cluster 0,");
  await page.evaluate(() => {
    const cell = document.querySelector("[data-cell]");
    const said: string[] = [];
    Object.assign(window, { said });
    if (cell) {
      const note = () => said.push(cell.textContent ?? "");
      new MutationObserver(note).observe(cell, { childList: true, characterData: true, subtree: true });
    }
  });
  await page.keyboard.press("Control+g");
  await page.keyboard.type(`0x${table.toString(16)}`);
  await page.keyboard.press("Enter");
  const cluster = table / clusterSize;
  await expect(card(page)).toContainText(`Cluster ${cluster} (`);
  await expect(page.locator("[data-cell]")).toContainText(`Cluster ${cluster},`);
  const said = await page.evaluate(() => (window as unknown as { said: string[] }).said.filter(Boolean));
  expect(said).toEqual([expect.stringMatching(new RegExp(`^Cluster ${cluster}, .*L2 table`))]);

  await page.keyboard.press("Control+Shift+P");
  await page.keyboard.type("next problem");
  await expect(page.getByRole("option", { name: /^Map: Next problem/ }).first()).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(list(page)).toContainText(/1 of \d+/);
});

test("says in full what is wrong with a cluster, and shows its bytes from the faulty entry", async ({
  launch,
  folder,
}) => {
  const path = folder.file("broken.qed");
  const { table } = brokenQed(path);
  const entry = table + 7 * 8;
  const { page } = await launch(path);
  await toMap(page);
  await expect(map(page)).toBeFocused();
  await list(page)
    .getByRole("row", { name: new RegExp(`0x${entry.toString(16)} `) })
    .click();
  await expect(card(page)).toContainText("What is wrong");
  await expect(card(page)).toContainText(/L1\[0\] → L2\[7\].*0x40000000/);
  await map(page).focus();
  await page.keyboard.press("Enter");
  await expect(statusBar(page)).toContainText(`file 0x${entry.toString(16)} `);
});

test("goes to a place that is typed, to what refers to it, and to the next bad cluster, by keys", async ({
  launch,
  folder,
}) => {
  const path = folder.file("broken.qed");
  const { shared, table } = brokenQed(path);
  const { page } = await launch(path);
  await toMap(page);
  await expect(list(page)).toContainText("listed");
  await expect(map(page)).toBeFocused();
  await page.keyboard.press("Control+g");
  const place = page.getByRole("textbox", { name: "Place" });
  await place.fill("c:9999999");
  await expect(page.getByRole("button", { name: "Go to it" })).toBeDisabled();
  await place.fill(`c:${shared / clusterSize}`);
  await expect(page.getByRole("dialog")).toContainText(`file 0x${shared.toString(16)} (`);
  await page.keyboard.press("Enter");
  await expect(card(page)).toContainText("Multiply referenced");
  await expect(map(page)).toBeFocused();
  const reference = card(page).getByRole("button", { name: "L1[0] → L2[4]" });
  // The card is read once more when the map has come to the place, which takes the focus from what it held.
  await expect(async () => {
    await toMap(page);
    await map(page).focus();
    await page.keyboard.press("r");
    await expect(reference).toBeFocused({ timeout: 1000 });
    await page.keyboard.press("Enter");
    const entry = `file 0x${(table + 4 * 8).toString(16)} `;
    await expect(statusBar(page)).toContainText(entry, { timeout: 1000 });
  }).toPass();

  await toMap(page);
  // The entry past the end is in the table; the next that is wrong is the cluster that is used twice.
  await page.keyboard.press("Alt+Home");
  await expect(card(page)).toContainText("L2 table 0");
  await page.keyboard.press("Control+F8");
  await expect(card(page)).toContainText(`0x${shared.toString(16)}`);
});

test("shows by more than a colour's shade what is chosen, where colours are forced", async ({
  launch,
  folder,
}) => {
  const path = folder.file("broken.qed");
  brokenQed(path);
  const { page } = await launch(path);
  await page.emulateMedia({ forcedColors: "active" });
  await toMap(page);
  await expect(list(page)).toContainText("listed");
  const look = (name: string | RegExp, role: "button" | "tab") =>
    page.getByRole(role, { name, exact: true }).evaluate((element) => {
      const { backgroundColor, color, borderBottomColor } = getComputedStyle(element);
      return { backgroundColor, color, borderBottomColor };
    });
  // Of two buttons the pressed one is filled, and its word stands out from that.
  const [pressed, other] = [await look("File", "button"), await look("Guest", "button")];
  expect(pressed.backgroundColor).not.toBe(other.backgroundColor);
  expect(pressed.color).not.toBe(pressed.backgroundColor);
  // Of two tabs the line under the other one is not to be seen.
  const [selected, hidden] = [await look(/^Problems/, "tab"), await look(/^Nodes/, "tab")];
  const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  expect(hidden.borderBottomColor).toBe(background);
  expect(selected.borderBottomColor).not.toBe(background);
});

for (const theme of ["light", "dark", "forced colours"] as const) {
  test(`breaks no accessibility rule in ${theme}`, async ({ launch, folder }) => {
    const path = folder.file("broken.qed");
    brokenQed(path);
    const { page } = await launch(path);
    await page.emulateMedia(
      theme === "forced colours" ? { forcedColors: "active" } : { colorScheme: theme, forcedColors: "none" },
    );
    await toMap(page);
    await expect(list(page)).toContainText("listed");
    await page.keyboard.press("F8");
    await expect(card(page)).toContainText("Refers to");
    await expectNoViolations(page);
    await page.getByRole("button", { name: "View as table" }).click();
    await expectNoViolations(page);
  });
}

test("is worked by keyboard alone: kinds, zoom, problems, the guest's order, bytes", async ({
  launch,
  folder,
}) => {
  const path = folder.file("broken.qed");
  const { shared, table } = brokenQed(path);
  const { page } = await launch(path);
  await toMap(page);
  await expect(map(page)).toBeFocused();
  await expect(list(page)).toContainText("listed");
  // Problems in the order of the file: the entry past the end, the cluster used twice, the one that leaked.
  await page.keyboard.press("F8");
  await expect(card(page)).toContainText("Invalid table entry");
  await page.keyboard.press("F8");
  await expect(card(page)).toContainText(`0x${shared.toString(16)}`);
  await page.keyboard.press("Shift+F8");
  await expect(card(page)).toContainText("L2 table 0");
  await map(page).focus();
  await page.keyboard.press("1");
  await expect(
    legend(page)
      .getByRole("button", { name: /^1 Corrupt|Corrupt/ })
      .first(),
  ).toHaveAttribute("aria-pressed", "true");
  await page.keyboard.press("1");
  await page.keyboard.press("Enter");
  const bytes = page.locator('[data-pane="hex"]');
  await expect.poll(() => shownBytes(bytes, table)).toEqual(new Truth(path).row(table));
  await toMap(page);
  await toGuestOrder(page);
  await page.keyboard.press("Home");
  // Guest cluster 0 lies where its entry says.
  await expect(card(page)).toContainText("L1[0] → L2[0]");
  await page.keyboard.press("Control+End");
  await expect(card(page)).toContainText("Not stored in this file");
});

test("saves its numbers and problems as JSON, and its picture as PNG", async ({ launch, folder }) => {
  const path = folder.file("broken.qed");
  brokenQed(path);
  const { app, page } = await launch(path);
  await toMap(page);
  await expect(list(page)).toContainText("listed");
  const save = async (button: string, name: string) => {
    await app.evaluate(({ dialog }, filePath) => {
      dialog.showSaveDialog = () => Promise.resolve({ canceled: false, filePath });
    }, folder.file(name));
    await page.getByRole("button", { name: button }).click();
    await expect(statusBar(page)).toContainText(`Saved ${name}`);
    return readFileSync(folder.file(name));
  };
  const {
    map: numbers,
    check,
    problems,
  } = JSON.parse(String(await save("Save the map's numbers and problems", "map.json")));
  const peer = peerCheck(path);
  expect(check).toMatchObject({ corruptions: peer.corruptions, leaks: peer.leaks });
  expect(numbers.kinds.leaked.clusters).toBe(peer.leaks);
  expect(problems).toHaveLength(3 + 1);
  const png = await save("Save the map as a picture", "map.png");
  expect([...png.subarray(0, 8)]).toEqual([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]);
});

test("saves a metadata-only bundle, whose map is that of the image", async ({ launch, folder }) => {
  const path = folder.file("broken.qed");
  brokenQed(path);
  const { app, page } = await launch(path);
  await toMap(page);
  await expect(list(page)).toContainText("listed");
  const listed = /listed.*/.exec((await list(page).textContent()) ?? "")?.[0] ?? "nothing";
  const bundle = folder.file("report.bundle");
  await app.evaluate(({ dialog }, filePath) => {
    dialog.showSaveDialog = () => Promise.resolve({ canceled: false, filePath });
  }, path);
  await page.getByRole("button", { name: "Save metadata-only bundle" }).click();
  const asked = page.getByRole("dialog", { name: "Save metadata-only bundle" });
  await expect(asked).toContainText("The guest's data are not in it");
  await asked.getByRole("checkbox", { name: /Blank the names/ }).check();
  // The image itself was chosen: it stays as it is.
  await asked.getByRole("button", { name: "Save…" }).click();
  await expect(asked.getByRole("alert")).toContainText("belongs to an image you have open");
  await app.evaluate(({ dialog }, filePath) => {
    dialog.showSaveDialog = () => Promise.resolve({ canceled: false, filePath });
  }, bundle);
  await asked.getByRole("button", { name: "Save…" }).click();
  await expect(statusBar(page)).toContainText("Saved report.bundle");
  await expect(asked).toBeHidden();
  const { page: other } = await launch(bundle);
  await toMap(other);
  await expect(list(other)).toContainText(listed);
});

test("shows what of a raw image is stored, and has nothing to check", async ({ launch, folder }) => {
  const path = sparse(folder.file("disk.raw"), 1024 * 1024, [{ offset: 256 * 1024, bytes: pattern(65_536) }]);
  const { page } = await launch(path);
  await toMap(page);
  await expect(list(page)).toContainText("This format has no tables");
  // 16 parts of 64 KiB, of which one is stored.
  await expect(legend(page).getByRole("button", { name: /Data/ })).toContainText("1");
  await expect(page.getByRole("button", { name: "Guest", exact: true })).toBeDisabled();
});

test("goes from a cluster to its place in the comparison, and from hex too", async ({ launch, folder }) => {
  const path = folder.file("broken.qed");
  brokenQed(path);
  const raw = sparse(folder.file("disk.raw"), 16 * 1024 * 1024, [{ offset: 0, bytes: pattern(4096) }]);
  const { app, page } = await launch(path, raw);
  await expect(list(page)).toContainText("runs");
  await toMap(page);
  await expect(list(page)).toContainText("listed");
  await toGuestOrder(page);
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  await expect(card(page)).toContainText("L1[0] → L2[2]");
  await card(page).getByRole("button", { name: "Show in comparison" }).click();
  await expectCaret(page, 2 * clusterSize);
  await page.keyboard.press("Control+1");
  await page.keyboard.press("Control+g");
  await page.keyboard.type("0x5000");
  await page.keyboard.press("Enter");
  await hex(page).locator('[role="grid"]').focus();
  await typeAhead(app, ["g", "c"]);
  await expect(page.getByRole("tab", { selected: true }).first()).toContainText("⇄");
  await expectCaret(page, 0x5000);
});

const toolbar = (page: Page) => page.getByRole("region", { name: "Map", exact: true });
/** Looks often: the words may be there for a second only. */
const expectScanning = (page: Page) =>
  expect.poll(() => toolbar(page).textContent(), { intervals: [50] }).toMatch(/\d+ % scanned/);
const stopped = (page: Page) => page.getByRole("status").filter({ hasText: "You stopped the scan" });

test("can be used while its first scan runs, keeps what is known when it is stopped, and goes on", async ({
  launch,
  folder,
}) => {
  test.setTimeout(180_000);
  const { page } = await launch(slowQed(folder.file("slow.qed"), 4096));
  await toMap(page);
  await expectScanning(page);
  // Zoom and cursor follow while cells arrive; the last cluster is the last that becomes known.
  await map(page).focus();
  await expect(page.locator("[data-cell]")).toContainText("Cluster");
  await page.keyboard.press("+");
  await page.keyboard.press("Control+End");
  await page.keyboard.press("Escape");
  await expect(stopped(page)).toContainText(/at \d+ %/);
  await expect(card(page)).toContainText("Not scanned yet");
  await expect(card(page)).toContainText("listed when the scan is over");
  await expect(page.locator("[data-cell]")).toContainText("not scanned yet");
  await expect(page.getByRole("button", { name: "Guest", exact: true })).toBeDisabled();
  await expect(list(page)).toContainText("The check was cancelled");
  await expect(legend(page).getByRole("button", { name: /^4? ?Metadata/ })).toContainText(/[1-9]/);
  // It stands still.
  const unscanned = legend(page).getByRole("button", { name: /Not scanned yet/ });
  let left = "";
  await expect(async () => {
    const before = left;
    left = (await unscanned.textContent()) ?? "";
    expect(left).toBe(before);
  }).toPass({ intervals: [500] });
  await page.getByRole("button", { name: "Go on" }).click();
  await expect(stopped(page)).toBeHidden();
  await expect(map(page)).toBeFocused();
  await expect(unscanned).not.toHaveText(left);
  await expect(unscanned).toBeHidden({ timeout: 120_000 });
  // The entry that points nowhere, and the table of 16 clusters that so nobody refers to.
  await expect(legend(page).getByRole("button", { name: /Leaked/ })).toContainText("16");
  await expect(list(page)).toContainText("1 corruption, 16 leaked clusters", { timeout: 60_000 });
  await expect(card(page)).toContainText("L2 table");
});

for (const theme of ["light", "dark", "forced colours"] as const) {
  test(`breaks no accessibility rule in ${theme} while its scan stands still`, async ({ launch, folder }) => {
    const { page } = await launch(slowQed(folder.file("slow.qed"), 4096));
    await page.emulateMedia(
      theme === "forced colours" ? { forcedColors: "active" } : { colorScheme: theme, forcedColors: "none" },
    );
    await toMap(page);
    await expectScanning(page);
    await page.keyboard.press("Escape");
    await expect(stopped(page)).toBeVisible();
    await expectNoViolations(page);
    await page.getByRole("button", { name: "View as table" }).click();
    await expect(page.getByRole("grid", { name: /as a table/ })).toContainText("Not scanned yet");
    await expectNoViolations(page);
    await page.getByRole("button", { name: "Scan again" }).click();
    await expect(stopped(page)).toBeHidden();
    await expectScanning(page);
  });
}
