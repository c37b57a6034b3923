// The states a person meets when things are not in order: unreadable, missing, damaged, changed, long scans.
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { endlessQed } from "../../scripts/bench/endlessQed.mjs";
import { expect, test } from "./app.ts";
import { pattern, qedOf, rawPair, sparse } from "./images.ts";
import { choosing, launchAgain } from "./outside.ts";
import { expectCaret, expectScanned, focusPane, goTo, list, statusBar } from "./words.ts";

test("cancels a long scan at once, keeps what was found and goes on from there", async ({
  launch,
  folder,
}) => {
  const a = endlessQed(folder.file("a.qed"), (cluster) => cluster.set(pattern(cluster.length)));
  const b = endlessQed(folder.file("b.qed"), (cluster) => {
    cluster.set(pattern(cluster.length));
    cluster[5000] = 0;
  });
  const { page } = await launch(a, b);
  await expect(list(page)).toContainText(/runs, .* % scanned/);
  await expectCaret(page, 5000);
  await page.keyboard.press("F8");
  await expectCaret(page, 65_536 + 5000);
  await page.getByRole("button", { name: /^Cancel scan/ }).click();
  await expect(
    page.getByText(/Scan cancelled at \d+ %: .* so far\. The results are partial\./),
  ).toBeVisible();
  const header = await list(page).textContent();
  expect(header).toMatch(/% scanned/);
  expect(header).not.toContain("all sectors compared");
  // What was found can still be walked through.
  await page.keyboard.press("F8");
  await expectCaret(page, 2 * 65_536 + 5000);
  await page.getByRole("button", { name: /^Resume at/ }).click();
  await expect(page.getByRole("button", { name: /^Cancel scan/ })).toBeVisible();
  await focusPane(page, "a");
  await page.keyboard.press("Escape");
  await expect(page.getByText(/The results are partial/)).toBeVisible();
});

test("tells that an image is missing, and which", async ({ launch, folder }) => {
  const { a } = rawPair(folder);
  const { page } = await launch(a, folder.file("gone.qed"));
  await expect(page.getByText(/gone\.qed/).first()).toBeVisible();
  await expect(page.getByText(/No such file or directory/).first()).toBeVisible();
  await expect(page.getByRole("button", { name: "Retry" })).toBeVisible();
});

test("opens once a missing image is there and Retry is pressed", async ({ launch, folder }) => {
  const { a, b } = rawPair(folder);
  const away = folder.file("away.raw");
  renameSync(b, away);
  const { page } = await launch(a, b);
  await expect(page.getByRole("button", { name: "Retry" })).toBeVisible();
  renameSync(away, b);
  await page.getByRole("button", { name: "Retry" }).click();
  await expectScanned(page, "6 runs");
});

test("explains a QED image that is cut short, and shows its bytes as raw on request", async ({
  launch,
  folder,
}) => {
  const { a } = rawPair(folder);
  const qed = qedOf(a, folder.file("cut.qed"));
  truncateSync(qed, 100_000);
  const { page } = await launch(qed);
  await expect(page.getByText(/L1 table must be/).first()).toBeVisible();
  await page.getByRole("button", { name: /raw/i }).click();
  await expect(statusBar(page)).toContainText("guest 0x0 (");
});

test("says of a qcow2 image that is cut short what is missing, instead of zeros without a word", async ({
  launch,
  folder,
}) => {
  const { a } = rawPair(folder);
  const cut = folder.file("cut.qcow2");
  execFileSync("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", a, cut]);
  // 64 clusters of data behind header, refcounts, L1 and L2: the file has more than 4 MiB.
  truncateSync(cut, 1024 * 1024);
  const { page } = await launch(cut);
  await expect(
    page.getByText(
      /cut\.qcow2 is cut short: its file ends at 1 MiB, the last of its used clusters at 4\.3 MiB\./,
    ),
  ).toBeVisible();
  await goTo(page, "3MiB");
  const structure = page.getByRole("region", { name: "Structure" });
  await expect(structure).toContainText("past the end of the file (1 MiB): reads as zeros");
  await page.getByRole("button", { name: "Check now" }).click();
  await expect(page.getByText(/cut\.qcow2 is cut short\. Checked: found \d+ problems/)).toBeVisible();
});

test("asks before it opens a backing file outside the image's folder", async ({ launch, folder }) => {
  const { a, b } = rawPair(folder);
  mkdirSync(folder.file("sub"));
  const overlay = path.join(folder.file("sub"), "top.qed");
  execFileSync("qemu-img", ["create", "-q", "-f", "qed", "-b", a, "-F", "raw", overlay]);
  const { page } = await launch(overlay, b);
  await expect(page.getByText(/lies outside the image's folder and was not opened/).first()).toBeVisible();
  await expect(page.getByText(a, { exact: true }).first()).toBeVisible();
  await page.getByRole("button", { name: "Open with its backing file" }).click();
  await expectScanned(page, "6 runs, 6 sectors");
});

test("refuses a directory with words", async ({ launch, folder }) => {
  mkdirSync(folder.file("a folder"));
  const { page } = await launch(folder.file("a folder"));
  await expect(page.getByText(/is a directory/).first()).toBeVisible();
});

test("opens an empty file and says how large it is", async ({ launch, folder }) => {
  writeFileSync(folder.file("empty.img"), "");
  const { page } = await launch(folder.file("empty.img"));
  await expect(page.getByText(/0 B/).first()).toBeVisible();
});

test("tells when an image changes on disk and compares it anew on request", async ({ launch, folder }) => {
  const { a, b } = rawPair(folder);
  const { page } = await launch(a, b);
  await expectScanned(page, "6 runs, 6 sectors");
  appendFileSync(b, Buffer.alloc(512, 7));
  await expect(page.getByText(/right disk\.raw changed on disk/)).toBeVisible({ timeout: 15_000 });
  await page
    .getByRole("button", { name: /^(Reload|Rescan)/ })
    .first()
    .click();
  // The sector appended to B lies beside the last one that differs.
  await expectScanned(page, "6 runs, 7 sectors");
});

test("keeps the view of an image whose file is gone, and says so", async ({ launch, folder }) => {
  const { a, b } = rawPair(folder);
  const { page } = await launch(a, b);
  await expectScanned(page, "6 runs");
  rmSync(b);
  await expect(page.getByText(/right disk\.raw.*(missing|moved|deleted|gone)/i).first()).toBeVisible({
    timeout: 15_000,
  });
  await page.keyboard.press("F8");
  await expectCaret(page, 81_936);
});

test("goes on at the same place, folded as before, with a file that is located where it is now", async ({
  launch,
  folder,
}) => {
  const { a, b } = rawPair(folder);
  const { app, page } = await launch(a, b);
  await expectScanned(page, "6 runs");
  await focusPane(page, "b");
  await page.keyboard.press("e");
  const folds = page.getByRole("button", { name: "Fold equal rows" });
  await expect(folds).toHaveAttribute("aria-pressed", "true");
  await page.keyboard.press("F8");
  await expectCaret(page, 81_936);
  const away = folder.file("away.raw");
  renameSync(b, away);
  await expect(page.getByText(/right disk\.raw is missing/)).toBeVisible();
  await choosing(app, away);
  await page.getByRole("button", { name: "Locate…" }).click();
  await expect(page.getByRole("tab", { name: /away\.raw/ })).toBeVisible();
  await expectScanned(page, "6 runs");
  await expectCaret(page, 81_936);
  await expect(folds).toHaveAttribute("aria-pressed", "true");
  // A tab that is closed and opened again shows the file where it is.
  await page.keyboard.press("Control+w");
  await expect(page.getByRole("tab")).toHaveCount(0);
  await page.keyboard.press("Control+Shift+t");
  await expectScanned(page, "6 runs");
});

test("opens a file that is located as the one that is gone was opened, at the same place", async ({
  launch,
  folder,
}) => {
  // Cut within its L1 table: only its bytes can be shown.
  const image = qedOf(rawPair(folder).a, folder.file("cut.qed"));
  truncateSync(image, 100_000);
  const { app, page } = await launch(image);
  await page.getByRole("button", { name: /raw/i }).click();
  const bytes = (name: string) => page.getByRole("grid", { name: `${name}, bytes` });
  await expect(bytes("cut.qed")).toBeFocused();
  await goTo(page, "0x10010");
  await expectCaret(page, 0x10010);
  const away = folder.file("away.qed");
  renameSync(image, away);
  await expect(page.getByText(/cut\.qed is missing/)).toBeVisible();
  await choosing(app, away);
  await page.getByRole("button", { name: "Locate…" }).click();
  await expect(bytes("away.qed")).toBeVisible();
  await expectCaret(page, 0x10010);
});

test("goes to the tab that is there when a file that is gone is located at one that is open", async ({
  launch,
  folder,
}) => {
  const { a, b } = rawPair(folder);
  writeFileSync(folder.file("third.raw"), pattern(4096));
  const { app, page } = await launch("open", a, b, folder.file("third.raw"));
  await expect(page.getByRole("tab")).toHaveCount(3);
  await page.getByRole("tab", { name: "left disk.raw" }).click();
  await expect(page.getByRole("grid", { name: "left disk.raw, bytes" })).toBeVisible();
  renameSync(a, folder.file("away.raw"));
  await expect(page.getByText(/left disk\.raw is missing/)).toBeVisible();
  await choosing(app, b);
  await page.getByRole("button", { name: "Locate…" }).click();
  const right = page.getByRole("tab", { name: "right disk.raw" });
  await expect(right).toHaveAttribute("aria-selected", "true");
  await expect(right).toHaveCount(1);
  await expect(page.getByRole("tab")).toHaveCount(2);
});

test("does not take the image that a lost file is compared with for that file", async ({
  launch,
  folder,
}) => {
  const { a, b } = rawPair(folder);
  const { app, page } = await launch(a, b);
  await expectScanned(page, "6 runs");
  renameSync(a, folder.file("away.raw"));
  await choosing(app, b);
  await page.getByRole("button", { name: "Locate…" }).click();
  await expect(page.getByText("right disk.raw is what left disk.raw is compared with.")).toBeVisible();
  await expect(page.getByRole("tab", { name: "left disk.raw ⇄ right disk.raw" })).toBeVisible();
  await expectScanned(page, "6 runs");
});

test("marks what could not be read and goes on with the rest", async ({ launch, folder }) => {
  const { a } = rawPair(folder);
  const qed = qedOf(a, folder.file("hurt.qed"));
  // L2 entry 2 (of the table behind the L1 table of 4 clusters, which qemu-img puts after the first data
  // cluster) made unaligned: the guest range 0x20000 to 0x30000 can't be found any more.
  const { openSync, readSync, writeSync, closeSync } = await import("node:fs");
  const fd = openSync(qed, "r+");
  const entry = Buffer.alloc(8);
  readSync(fd, entry, 0, 8, 65_536);
  const l2 = Number(entry.readBigUInt64LE());
  entry.writeBigUInt64LE(0x12345n);
  writeSync(fd, entry, 0, 8, l2 + 2 * 8);
  closeSync(fd);
  const { page } = await launch(a, qed);
  await expect(list(page)).toContainText("No mismatches in what could be read. 64 KiB could not be read");
  await list(page)
    .getByRole("tab", { name: /Unreadable/ })
    .click();
  await expect(list(page)).toContainText("1 range, 64 KiB, not compared.");
  await expect(list(page)).toContainText("0x20000");
});

test("compares two sparse images of a terabyte in no time", async ({ launch, folder }) => {
  const tebibyte = 2 ** 40;
  const a = sparse(folder.file("a.raw"), tebibyte, [{ offset: 600e9 - (600e9 % 512), bytes: pattern(512) }]);
  const b = sparse(folder.file("b.raw"), tebibyte, []);
  const { page } = await launch(a, b);
  await expectScanned(page, "1 run, 1 sector");
  await expect(list(page)).toContainText("B is zeros");
  await expectCaret(page, 600e9 - (600e9 % 512));
});

test("hands files of a second launch to the window that is open", async ({ launch, folder }) => {
  const { a, b } = rawPair(folder);
  const { app, page } = await launch();
  await launchAgain(app, a, b);
  await expectScanned(page, "6 runs");
});

test("lets nothing of the outside in: no navigation, no new window, no permission", async ({ launch }) => {
  const { app, page } = await launch();
  expect(await page.evaluate(() => window.open("https://example.org/"))).toBeNull();
  const url = page.url();
  await page.evaluate(() => {
    const link = document.createElement("a");
    link.href = "https://example.org/";
    document.body.append(link);
    link.click();
    link.remove();
  });
  expect(page.url()).toBe(url);
  expect(await page.evaluate(() => typeof (globalThis as { require?: unknown }).require)).toBe("undefined");
  expect(
    await page.evaluate(() => navigator.permissions.query({ name: "geolocation" }).then((p) => p.state)),
  ).toBe("denied");
  const settings = await app.evaluate(({ BrowserWindow }) => {
    const [window] = BrowserWindow.getAllWindows();
    if (!window) throw new Error("no window");
    type Preferences = { getLastWebPreferences(): Electron.WebPreferences };
    const { contextIsolation, sandbox, nodeIntegration, webSecurity } = (
      window.webContents as unknown as Preferences
    ).getLastWebPreferences();
    return {
      contextIsolation,
      sandbox,
      nodeIntegration,
      webSecurity,
      windows: BrowserWindow.getAllWindows().length,
    };
  });
  expect(settings).toEqual({
    contextIsolation: true,
    sandbox: true,
    nodeIntegration: false,
    webSecurity: true,
    windows: 1,
  });
});
