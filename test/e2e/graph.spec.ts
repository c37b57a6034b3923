// "Open as…" by keyboard alone: a quorum with its odd one out, blkverify over a differing pair with its events, what
// cannot be opened said at its field, and the rules of axe for these views.
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import type { ElectronApplication, Locator, Page } from "@playwright/test";
import { buildQed } from "../build/qed.ts";
import { canRun, expect, test } from "./app.ts";
import { expectNoViolations } from "./axe.ts";
import { type Folder, pattern, sector } from "./images.ts";
import { expectCaret, hexRow, list, pane, shownBytes, statusBar, Truth } from "./words.ts";

const MiB = 1024 * 1024;

/** Three copies of 4 MiB; the second is wrong in sectors 20 and 21, the third in sector 4000. */
function threeCopies(folder: Folder): readonly [string, string, string] {
  const right = pattern(4 * MiB);
  const b = Buffer.from(right).fill(0xee, 20 * sector, 22 * sector);
  const c = Buffer.from(right).fill(0xdd, 4000 * sector, 4001 * sector);
  const write = (name: string, bytes: Buffer) => {
    writeFileSync(folder.file(name), bytes);
    return folder.file(name);
  };
  return [write("copy one.raw", right), write("copy two.raw", b), write("copy three.raw", c)];
}

const longClusters = 8192;
const longDifferences = 8;

/**
 * 512 MiB of data in a few clusters, which nearly all entries share: read 512 bytes at a time they take seconds. An odd
 * one differs in one byte of every 1024th cluster, the first of them cluster 1.
 */
function longQed(path: string, isOdd: boolean): string {
  const [right, wrong] = [Buffer.alloc(65_536, 1), Buffer.alloc(65_536, 1)];
  wrong[5000] = 2;
  const clusters = new Map([[0, right] as const, [1, isOdd ? wrong : right] as const]);
  const spec = { size: longClusters * 65_536, tableSize: 1, clusters };
  const { dataOffsets } = buildQed(spec);
  const l2 = Array.from({ length: longClusters }, (_, index) => {
    const place = dataOffsets.get(index % (longClusters / longDifferences) === 1 ? 1 : 0) ?? 0;
    return [0, index, BigInt(place)] as const;
  });
  writeFileSync(path, buildQed({ ...spec, l2 }).bytes);
  return path;
}

/** The system's dialog gives these files, one at a time. */
async function answerFiles(app: ElectronApplication, files: readonly string[]): Promise<void> {
  await app.evaluate(
    ({ dialog }, given) => {
      const left = [...given];
      dialog.showOpenDialog = () => {
        const file = left.shift();
        return Promise.resolve({ canceled: file === undefined, filePaths: file === undefined ? [] : [file] });
      };
    },
    [...files],
  );
}

/** Presses Tab until it has the focus. */
async function tabTo(page: Page, target: Locator): Promise<void> {
  for (let press = 0; press < 80; press++) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  await expect(target).toBeFocused();
}

const dialog = (page: Page) => page.getByRole("dialog", { name: "Open as" });
const field = (page: Page, key: string) => dialog(page).locator(`[data-field="${key}"]`);
const driver = (page: Page, key: string) => dialog(page).locator(`[data-driver="${key}"]`);

/** Chooses in the list that has the focus, by its letters: those that come late begin another word. */
async function typeChoice(page: Page, choice: Locator, value: string): Promise<void> {
  await expect(async () => {
    await page.keyboard.type(value);
    await expect(choice).toHaveValue(value, { timeout: 1500 });
  }).toPass();
}

/** Opens the dialog, chooses the root's driver, and a file for each key. */
async function fillIn(page: Page, rootDriver: string, files: readonly string[]): Promise<void> {
  await page.keyboard.press("Control+Shift+o");
  await expect(driver(page, "")).toBeFocused();
  if (rootDriver !== "") await typeChoice(page, driver(page, ""), rootDriver);
  await expect(driver(page, "")).toHaveValue(rootDriver);
  for (const key of files) {
    await tabTo(page, field(page, key));
    await page.keyboard.press("Enter");
    await expect(field(page, key)).not.toHaveText("Choose a file…");
  }
}

const open = async (page: Page) => {
  await tabTo(page, dialog(page).getByRole("button", { name: "Open read-only" }));
  await page.keyboard.press("Enter");
};

const copyFields = [0, 1, 2].map((index) => `children.${index}.filename`);

test("opens a quorum by keyboard, names the odd one out and jumps to it", async ({ launch, folder }) => {
  const copies = threeCopies(folder);
  const { app, page } = await launch();
  await answerFiles(app, copies);
  await fillIn(page, "quorum", copyFields);
  await expect(dialog(page)).toContainText("driver=quorum,children.0.file.driver=file");
  await open(page);
  await expect(dialog(page)).toBeHidden();

  await expect(list(page)).toContainText("2 ranges");
  await expect(list(page)).not.toContainText("% scanned");
  await expect(list(page).getByRole("row")).toHaveCount(3);
  await expect(list(page).getByRole("row").nth(1)).toContainText("children.1 outvoted");
  await expect(list(page).getByRole("row").nth(2)).toContainText("children.2 outvoted");
  await expect(page.getByRole("button", { name: /children\.1 .*outvoted 1 KiB/ })).toBeVisible();

  // The first range is gone to, with the copy that is wrong there beside the majority.
  await expectCaret(page, 20 * sector);
  await expect(page.getByRole("button", { name: /children\.1/ })).toHaveAttribute("aria-pressed", "true");
  const [right, wrong] = [new Truth(copies[0]), new Truth(copies[1])];
  await expect.poll(() => shownBytes(pane(page, "a"), 20 * sector)).toEqual(right.row(20 * sector));
  await expect.poll(() => shownBytes(pane(page, "b"), 20 * sector)).toEqual(wrong.row(20 * sector));

  await page.keyboard.press("F8");
  await expectCaret(page, 4000 * sector);
  await expect
    .poll(() => shownBytes(pane(page, "b"), 4000 * sector))
    .toEqual(new Truth(copies[2]).row(4000 * sector));
  await page.keyboard.press("F8");
  await expect(statusBar(page)).toContainText("Last difference");

  // The list goes back, Enter moves to the bytes.
  await list(page).getByRole("grid").focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("Enter");
  await expectCaret(page, 20 * sector);
  await expect(pane(page, "b").locator('[role="grid"]')).toBeFocused();
});

test("lists what blkverify notices and goes to the byte", async ({ launch, folder }) => {
  const [right, wrong] = threeCopies(folder);
  const { app, page } = await launch();
  await answerFiles(app, [right, wrong]);
  await fillIn(page, "blkverify", ["raw.filename", "test.filename"]);
  await tabTo(page, field(page, "on-mismatch"));
  await typeChoice(page, field(page, "on-mismatch"), "report");
  await open(page);
  await expect(page.getByRole("tab", { name: /Nodes/ })).toBeVisible();
  await expect(list(page).getByRole("row", { name: /blkverify/ })).toContainText("on-mismatch=report");

  // F8 goes to what was noticed, as to any difference.
  await page.locator('[data-pane="hex"] [role="grid"]').focus();
  await canRun(page, "compare.next");
  await page.keyboard.press("F8");
  await expectCaret(page, 20 * sector);
  await page.keyboard.press("Control+Home");
  await expectCaret(page, 0);

  await list(page).getByRole("tab", { name: "Nodes" }).focus();
  await page.keyboard.press("ArrowRight");
  const event = list(page).getByRole("row", { name: /Mismatch/ });
  await expect(event).toHaveCount(1);
  await expect(event).toContainText("0x2800");
  await list(page).getByRole("grid").focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("Enter");
  await expectCaret(page, 20 * sector);
});

test("shows any node of the graph as bytes", async ({ launch, folder }) => {
  const [right, wrong] = threeCopies(folder);
  const { app, page } = await launch();
  await answerFiles(app, [right, wrong]);
  await fillIn(page, "blkverify", ["raw.filename", "test.filename"]);
  await open(page);
  await expect(dialog(page)).toBeHidden();
  await list(page).getByRole("grid").focus();
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: /test\/file/ })).toBeVisible();
  const where = page.locator('[data-pane="hex"]');
  await expect(hexRow(where, 0)).toBeAttached();
  await expect.poll(() => shownBytes(where, 0)).toEqual(new Truth(wrong).row(0));
});

test("says at its field what is missing, what is wrong, and what cannot be opened", async ({
  launch,
  folder,
}) => {
  const [right, wrong] = threeCopies(folder);
  const { app, page } = await launch();
  await answerFiles(app, [right, wrong]);
  await fillIn(page, "quorum", copyFields.slice(0, 2));
  await open(page);
  // The missing file has the focus and its reason.
  await expect(field(page, "children.2.filename")).toBeFocused();
  await expect(field(page, "children.2.filename")).toHaveAccessibleDescription("Choose a file.");

  const threshold = field(page, "vote-threshold");
  await threshold.focus();
  await page.keyboard.press("Control+a");
  await page.keyboard.type("two");

  // A file that is gone by the time it is opened.
  await answerFiles(app, [folder.file("gone.raw")]);
  await field(page, "children.2.filename").focus();
  await page.keyboard.press("Enter");
  await expect(field(page, "children.2.filename")).toContainText("gone.raw");
  await expect(threshold).toHaveAccessibleDescription(/whole number/);
  await threshold.focus();
  await page.keyboard.press("Control+a");
  await page.keyboard.type("2");
  await open(page);
  await expect(field(page, "children.2.filename")).toHaveAccessibleDescription(/No such file|not exist/i);

  // What only the driver itself can know: four of three copies can't agree.
  await answerFiles(app, [right]);
  await field(page, "children.2.filename").focus();
  await page.keyboard.press("Enter");
  await expect(field(page, "children.2.filename")).toContainText("copy one.raw");
  await threshold.focus();
  await page.keyboard.press("Control+a");
  await page.keyboard.type("4");
  await open(page);
  await expect(threshold).toBeFocused();
  await expect(threshold).toHaveAccessibleDescription(/may not exceed children count/);

  await page.keyboard.press("Escape");
  await expect(dialog(page)).toBeHidden();
  await expect(page.getByRole("tab")).toHaveCount(0);
});

test("adds, moves and removes members of a list", async ({ launch, folder }) => {
  const copies = threeCopies(folder);
  const { app, page } = await launch();
  await answerFiles(app, copies);
  await fillIn(page, "quorum", copyFields);
  await expect(field(page, "children.0.filename")).toContainText("copy one.raw");
  await dialog(page).getByRole("button", { name: "Move children 0 down" }).click();
  await expect(field(page, "children.0.filename")).toContainText("copy two.raw");
  await expect(field(page, "children.1.filename")).toContainText("copy one.raw");
  await dialog(page).getByRole("button", { name: "Add to children" }).click();
  await expect(driver(page, "children.3")).toBeFocused();
  await dialog(page).getByRole("button", { name: "Remove children 3" }).click();
  await expect(driver(page, "children.3")).toHaveCount(0);
  await expect(driver(page, "children.2")).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(dialog(page)).toBeHidden();
});

test("shows the bytes of a quorum whose copies agree, and of one whose first copy is the odd one out", async ({
  launch,
  folder,
}) => {
  const [right, wrong] = threeCopies(folder);
  const { app, page } = await launch();
  await answerFiles(app, [right, right, right]);
  await fillIn(page, "quorum", copyFields);
  await open(page);
  await expect(list(page)).toContainText("All 3 copies say the same in 4 MiB");
  for (const side of ["a", "b"] as const) {
    await expect.poll(() => shownBytes(pane(page, side), 0)).toEqual(new Truth(right).row(0));
  }
  await page.keyboard.press("Control+w");

  await answerFiles(app, [wrong, right, right]);
  await fillIn(page, "quorum", copyFields);
  await open(page);
  await expectCaret(page, 20 * sector);
  await expect
    .poll(() => shownBytes(pane(page, "a"), 20 * sector))
    .toEqual(new Truth(right).row(20 * sector));
  await expect
    .poll(() => shownBytes(pane(page, "b"), 20 * sector))
    .toEqual(new Truth(wrong).row(20 * sector));
});

test("cancels a count of votes, keeps what was found, and goes on", async ({ launch, folder }) => {
  test.setTimeout(180_000);
  const slow = longQed(folder.file("slow.qed"), false);
  const odd = longQed(folder.file("odd.qed"), true);
  const { app, page } = await launch();
  await answerFiles(app, [slow, odd, slow]);
  await page.keyboard.press("Control+Shift+o");
  await driver(page, "").selectOption("quorum");
  for (const index of [0, 1, 2]) {
    await driver(page, `children.${index}`).selectOption("blkdebug");
    await driver(page, `children.${index}.image`).selectOption("qed");
    await field(page, `children.${index}.image.file.filename`).click();
    await expect(field(page, `children.${index}.image.file.filename`)).toContainText(".qed");
    await field(page, `children.${index}.max-transfer`).fill("512");
  }
  await open(page);
  await expect(page.getByRole("button", { name: /Cancel scan/ })).toBeVisible();
  // Looks often: the count is to be stopped long before it ends.
  await expect.poll(() => list(page).textContent(), { intervals: [50] }).toContain("children.1 outvoted");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("button", { name: /Resume at \d+ %/ })).toBeVisible();
  await expect(list(page)).toContainText(/\d+ ranges?,.*% scanned/);
  await page.getByRole("button", { name: /Resume at/ }).click();
  await expect(list(page)).toContainText(`${longDifferences} ranges`, { timeout: 60_000 });
  await expect(list(page)).not.toContainText("% scanned");
});

test("opens an image whose backing file lies elsewhere only when told to", async ({ launch, folder }) => {
  const [right] = threeCopies(folder);
  const elsewhere = `${folder.path}/deeper`;
  mkdirSync(elsewhere);
  const overlay = `${elsewhere}/top.qed`;
  execFileSync("qemu-img", ["create", "-q", "-f", "qed", "-b", right, "-F", "raw", overlay]);
  const { app, page } = await launch();
  await answerFiles(app, [overlay]);
  await fillIn(page, "", ["filename"]);
  await open(page);
  await expect(field(page, "filename")).toHaveAccessibleDescription(/outside the image's folder/);
  await dialog(page).getByRole("button", { name: "Open with its backing file" }).click();
  await expect(dialog(page)).toBeHidden();
  await expect(
    list(page)
      .getByRole("row", { name: /backing/ })
      .first(),
  ).toContainText("raw");
});

test("says plainly that all copies agree", async ({ launch, folder }) => {
  const [right] = threeCopies(folder);
  const { app, page } = await launch();
  await answerFiles(app, [right, right, right]);
  await fillIn(page, "quorum", copyFields);
  await open(page);
  await expect(list(page)).toContainText("All 3 copies say the same in 4 MiB (all sectors counted)");
});

for (const theme of ["light", "dark"] as const) {
  test(`breaks no accessibility rule in the ${theme} theme`, async ({ launch, folder }) => {
    const copies = threeCopies(folder);
    const { app, page } = await launch();
    await page.emulateMedia({ colorScheme: theme });
    await expect(page.locator("html")).toHaveAttribute("data-theme", theme);
    await answerFiles(app, copies);
    await fillIn(page, "quorum", copyFields.slice(0, 2));
    await open(page);
    await expect(field(page, "children.2.filename")).toBeFocused();
    await expectNoViolations(page);
    await page.keyboard.press("Enter");
    await expect(field(page, "children.2.filename")).toContainText("copy three.raw");
    await open(page);
    await expect(list(page)).toContainText("2 ranges");
    await expectNoViolations(page);
    for (const name of ["Nodes", "Events"]) {
      await list(page).getByRole("tab", { name }).click();
      await expectNoViolations(page);
    }
    await page.keyboard.press("Control+1");
    await expect(page.locator('[data-pane="hex"] [role="grid"]')).toBeVisible();
    await expectNoViolations(page);
  });
}
