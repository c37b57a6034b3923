// A dialog speaks of what shows, and is never there unseen: files that come from outside while it is open take it away.
import { existsSync, writeFileSync } from "node:fs";
import { brokenQed } from "../build/brokenQed.ts";
import { expect, test, toMap } from "./app.ts";
import { pattern, rawPair } from "./images.ts";
import { hold, keepBusy, launchAgain, loseSession, typeAhead } from "./outside.ts";
import { answerSave } from "./repairSteps.ts";
import { expectCaret, expectScanned, focusPane, goToField, pane, statusBar } from "./words.ts";

test("a dialog about a comparison goes when another one shows, which it would speak of", async ({
  launch,
  folder,
}) => {
  const { a, b } = rawPair(folder);
  writeFileSync(folder.file("c.raw"), pattern(4096));
  writeFileSync(folder.file("d.raw"), Buffer.alloc(4096, 7));
  const { app, page } = await launch(a, b);
  await expectScanned(page, "6 runs");
  await page.keyboard.press("Control+Shift+S");
  await expect(page.getByRole("dialog", { name: "Export mismatches" })).toContainText("left disk.raw");
  await launchAgain(app, folder.file("c.raw"), folder.file("d.raw"));
  await expect(page.getByRole("tab", { name: /c\.raw/ })).toHaveAttribute("aria-selected", "true");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await page.getByRole("tab", { name: /left disk\.raw/ }).click();
  await expectScanned(page, "6 runs");
  await expect(page.getByRole("dialog")).toHaveCount(0);
});

test("keys work in a tab that opened while a dialog of another one was there", async ({ launch, folder }) => {
  const { a, b } = rawPair(folder);
  writeFileSync(folder.file("third.raw"), pattern(4096));
  const { app, page } = await launch(a, b);
  await expectScanned(page, "6 runs");
  await focusPane(page, "a");
  await page.keyboard.press("o");
  await expect(page.getByRole("dialog", { name: "Shift B" })).toBeVisible();
  await launchAgain(app, folder.file("third.raw"));
  await expect(page.getByRole("grid", { name: /third\.raw/ })).toBeFocused();
  await page.keyboard.press("Control+g");
  await expect(goToField(page)).toBeFocused();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+Tab");
  await expect(page.getByRole("tab", { name: /left disk\.raw/ })).toHaveAttribute("aria-selected", "true");
});

test("keys work in a tab whose images were opened again under its dialog", async ({ launch, folder }) => {
  const { a, b } = rawPair(folder);
  const { app, page } = await launch(a, b);
  await expectScanned(page, "6 runs");
  await focusPane(page, "a");
  await page.keyboard.press("o");
  await expect(page.getByRole("dialog", { name: "Shift B" })).toBeVisible();
  const reopened = await hold(app, "image:open");
  await loseSession(app);
  await expect.poll(reopened.count).toBe(2);
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await reopened.release();
  await expectScanned(page, "6 runs");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(pane(page, "a").getByRole("grid")).toBeFocused();
  await page.keyboard.press("Control+g");
  await expect(goToField(page)).toBeFocused();
});

test("a bundle is saved though another tab takes its dialog away, and its dialog goes by Cancel", async ({
  launch,
  folder,
}) => {
  const [image, other] = [folder.file("broken.qed"), folder.file("other.raw")];
  writeFileSync(image, brokenQed());
  writeFileSync(other, pattern(4096));
  const { app, page } = await launch(image);
  await toMap(page);
  const asked = page.getByRole("dialog", { name: "Save metadata-only bundle" });
  const begin = async () => {
    await page.getByRole("button", { name: "Save metadata-only bundle" }).click();
    await asked.getByRole("button", { name: "Save…" }).click();
  };
  await answerSave(app, [folder.file("given up.bundle"), folder.file("kept.bundle")]);
  const begun = await hold(app, "job:bundle");
  await begin();
  await expect.poll(begun.count).toBe(1);
  await asked.getByRole("button", { name: "Cancel" }).click();
  await expect(asked).toBeHidden();
  await begin();
  await expect.poll(begun.count).toBe(2);
  await launchAgain(app, other);
  await expect(page.getByRole("tab", { name: "other.raw" })).toHaveAttribute("aria-selected", "true");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await begun.release();
  await expect(statusBar(page)).toContainText("Saved kept.bundle");
  expect(existsSync(folder.file("kept.bundle"))).toBe(true);
});

test("keys typed right behind a command of the palette go to what it opens, also when the page is busy", async ({
  launch,
  folder,
}) => {
  const { a, b } = rawPair(folder);
  const { app, page } = await launch(a, b);
  await expectScanned(page, "6 runs");
  await page.keyboard.press("F1");
  await page.keyboard.type("Go: Go to");
  await expect(page.getByRole("option").first()).toContainText("Go to");
  await keepBusy(page, 1000);
  await typeAhead(app, ["Enter", ..."0x9010"]);
  await expect(goToField(page)).toHaveValue("0x9010");
  await page.keyboard.press("Enter");
  await expectCaret(page, 0x9010);
  await expect(pane(page, "a").getByRole("grid")).toBeFocused();
});

test("Enter runs the command of the palette that is marked, not the first", async ({ launch, folder }) => {
  const { a, b } = rawPair(folder);
  const { page } = await launch(a, b);
  await expectScanned(page, "6 runs");
  await page.keyboard.press("F1");
  await page.keyboard.type("se");
  const field = page.getByRole("combobox", { name: "Command, image or offset" });
  const marked = () => field.getAttribute("aria-activedescendant");
  const first = page.getByRole("option").first();
  const wanted = page.getByRole("option", { name: /^Edit: Select range/ });
  await expect(wanted).toBeVisible();
  await expect(first).not.toHaveAccessibleName(/Select range/);
  await expect(async () => {
    if ((await marked()) !== (await wanted.getAttribute("id"))) await page.keyboard.press("ArrowDown");
    expect(await marked()).toBe(await wanted.getAttribute("id"));
  }).toPass();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog", { name: "Select range" })).toBeVisible();
});
