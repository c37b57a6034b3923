// Everything by keyboard alone, and the rules of axe in light and dark on every view.
import { expect, test } from "./app.ts";
import { expectNoViolations } from "./axe.ts";
import { rawPair } from "./images.ts";
import { choosing } from "./outside.ts";
import { expectCaret, expectScanned, filterField, list, pane, statusBar } from "./words.ts";

for (const theme of ["light", "dark"] as const) {
  test(`breaks no accessibility rule in the ${theme} theme`, async ({ launch, folder }) => {
    const { a, b } = rawPair(folder);
    const { app, page } = await launch();
    // Playwright answers the page's question for the system's theme itself.
    await page.emulateMedia({ colorScheme: theme });
    await expect(page.locator("html")).toHaveAttribute("data-theme", theme);
    await expect(page.getByRole("heading", { name: "Blkscope" })).toBeVisible();
    await expectNoViolations(page);

    await choosing(app, a, b);
    await page.keyboard.press("Control+o");
    await expectScanned(page, "6 runs");
    await expectNoViolations(page);

    await page.keyboard.press("Control+1");
    await expect(page.locator('[role="grid"]').first()).toBeVisible();
    await expectNoViolations(page);

    await page.keyboard.press("F1");
    await expect(page.getByRole("dialog")).toBeVisible();
    await expectNoViolations(page);
  });
}

test("another theme is there at once: nothing fades, with colours between that can't be read", async ({
  launch,
}) => {
  const { page } = await launch();
  await expect(page.getByRole("button", { name: "Open image" }).first()).toBeVisible();
  const fading = await page.evaluate(() => {
    const { dataset } = document.documentElement;
    dataset.theme = dataset.theme === "dark" ? "light" : "dark";
    return document.getAnimations().length;
  });
  expect(fading).toBe(0);
});

test("can be worked by keyboard alone from start to the last mismatch", async ({ launch, folder }) => {
  const { a, b, differences } = rawPair(folder);
  const { app, page } = await launch();
  await choosing(app, a, b);
  // The first action of the start page has the focus.
  await page.keyboard.press("Enter");
  await expectScanned(page, "6 runs");

  // F6 walks the panes; the list goes with the arrows, Enter opens a run and moves to its bytes.
  const focused = () =>
    page.evaluate(() => document.activeElement?.closest("[data-pane]")?.getAttribute("data-pane"));
  for (let press = 0; press < 12 && (await focused()) !== "list"; press++) await page.keyboard.press("F6");
  expect(await focused()).toBe("list");
  for (let press = 0; press < 12 && (await focused()) !== "a"; press++) await page.keyboard.press("F6");
  expect(await focused()).toBe("a");

  await page.keyboard.press("n");
  await expectCaret(page, differences[1]?.offset ?? -1);
  await page.keyboard.press("Shift+n");
  await expectCaret(page, differences[0]?.offset ?? -1);
  await page.keyboard.press("ArrowRight");
  await expectCaret(page, (differences[0]?.offset ?? 0) + 1);
  await page.keyboard.press("Shift+ArrowDown");
  await expect(statusBar(page)).toContainText("sel 0x11 (17) B");
  await page.keyboard.press("Control+PageDown");
  await expect(pane(page, "a").locator('[role="grid"]')).toBeFocused();

  await page.keyboard.press("Control+Shift+p");
  await expect(page.getByRole("combobox", { name: "Command, image or offset" })).toBeFocused();
  await page.keyboard.type("last diff");
  await page.keyboard.press("Enter");
  await expectCaret(page, differences.at(-1)?.offset ?? -1);
});

test("reads a differing byte with its place and the other side's value", async ({ launch, folder }) => {
  const { a, b, differences } = rawPair(folder);
  const { page } = await launch(a, b);
  await expectScanned(page, "6 runs");
  const { offset, a: left, b: right } = differences[0] ?? { offset: 0, a: 0, b: 0 };
  const two = (byte: number) => byte.toString(16).padStart(2, "0").toUpperCase();
  const words = `offset ${offset.toString(16).toUpperCase()} hex, ${two(left)}, differs, other side ${two(right)}`;
  await expect(pane(page, "a").getByRole("gridcell", { name: new RegExp(words, "i") })).toBeAttached();
});

test("filters and sorts the list of mismatches", async ({ launch, folder }) => {
  const { a, b } = rawPair(folder);
  const { page } = await launch(a, b);
  await expectScanned(page, "6 runs");
  const filter = filterField(page);
  await filter.fill("sector:2048..5000");
  await expect(list(page)).toContainText("0x100000");
  await expect(list(page)).not.toContainText("0x1200 ");
  await filter.fill("len>>8");
  await expect(filter).toHaveAttribute("aria-invalid", "true");
});
