// A qcow2 image in the app, found by its first bytes: the guest's bytes, its place in the file, its map, and a comparison
// with the raw image that it was made from.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { createLuks } from "../build/peers.ts";
import { expect, test, toMap } from "./app.ts";
import { expectNoViolations } from "./axe.ts";
import { type Folder, rawPair } from "./images.ts";
import { expectCaret, filePlace, goTo, list, shownBytes, Truth } from "./words.ts";

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
  const hostOffset = await filePlace(page);
  expect(hostOffset % 65_536).toBe(0x10);
  await expect.poll(() => shownBytes(bytes(page), hostOffset)).toEqual(new Truth(a).row(0x20010));
});

test("maps a qcow2 image's file by kinds", async ({ launch, folder }) => {
  const { a } = rawPair(folder);
  const path = qcow2Of(a, folder);
  const { page } = await launch(path);
  await toMap(page);
  for (const kind of [/header/i, /refcount table/i, /refcount block/i, /L1 table/i, /L2 table/i, /data/i]) {
    await expect(legend(page)).toContainText(kind);
  }
});

/** Clears the refcount of the first data cluster, as the header, the L1 and L2 tables and the refcount table place them. */
function forgetFirstCluster(path: string): number {
  const image = readFileSync(path);
  const offsetAt = (at: number) => Number(image.readBigUInt64BE(at) % 2n ** 56n);
  // L1 table at byte 40 of the header, refcount table at byte 48; the first entry of each leads on.
  const cluster = offsetAt(offsetAt(offsetAt(40)));
  const block = offsetAt(offsetAt(48));
  // Refcounts have 16 bits, clusters 64 KiB.
  image.writeUInt16BE(0, block + (cluster / 65_536) * 2);
  writeFileSync(path, image);
  return cluster;
}

test("says at a cluster what refcount is stored, and mends one that is too low", async ({
  launch,
  folder,
}) => {
  const path = folder.file("disk.qcow2");
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", path, "8M"]);
  execFileSync("qemu-io", ["-f", "qcow2", "-c", "write -P 5 0 128k", path], { stdio: "pipe" });
  const cluster = forgetFirstCluster(path);
  const { page } = await launch(path);
  await toMap(page);
  const card = page.locator('[data-pane="card"]');
  await list(page)
    .getByRole("row", { name: new RegExp(`^Corrupt 0x${cluster.toString(16)} `) })
    .click();
  await expect(card).toContainText("Refcount0 stored, too low");
  await expect(card).toContainText("Referenced by 1");
  await page.keyboard.press("Control+5");
  for (const step of ["Findings", "Plan"]) await page.getByRole("button", { name: `Next: ${step}` }).click();
  await expect(page.getByRole("row", { name: /Mend refcounts/ })).toContainText("safe");
});

test("compares a compressed qcow2 image with the raw one it was made from", async ({ launch, folder }) => {
  const { a } = rawPair(folder);
  const { page } = await launch(a, qcow2Of(a, folder, "-c"));
  await expect(list(page)).toContainText(`No mismatches in ${readFileSync(a).length / 2 ** 20} MiB`);
});

const dialog = (page: Page) => page.getByRole("dialog");
const tabNamed = (page: Page, name: string) => page.getByRole("tab", { name, exact: true });

/** Guest byte 0 is 0x11 in the snapshot "first", 0x22 in "second", and 0x33 now. */
function withSnapshots(folder: Folder): string {
  const path = folder.file("disk.qcow2");
  const img = (...args: readonly string[]) => execFileSync("qemu-img", [...args, path], { stdio: "pipe" });
  const write = (value: number) =>
    execFileSync("qemu-io", ["-f", "qcow2", "-c", `write -P ${value} 0 64k`, path], { stdio: "pipe" });
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", path, "8M"]);
  for (const [value, name] of [
    [0x11, "first"],
    [0x22, "second"],
  ] as const) {
    write(value);
    img("snapshot", "-c", name);
  }
  write(0x33);
  execFileSync("qemu-img", ["bitmap", "--add", "-g", "128k", path, "backup"], { stdio: "pipe" });
  return path;
}

test("offers the snapshots of an image that is opened, and shows any of them by keyboard", async ({
  launch,
  folder,
}) => {
  const path = withSnapshots(folder);
  const before = readFileSync(path);
  const { page } = await launch(path);
  await expect(page.getByText("disk.qcow2 has 2 snapshots inside.")).toBeVisible();
  await expect.poll(() => shownBytes(bytes(page), 0)).toEqual(Array(16).fill("33"));

  await page.getByRole("button", { name: "Choose a snapshot…" }).focus();
  await page.keyboard.press("Enter");
  await expect(dialog(page).getByRole("heading", { name: "Snapshots in disk.qcow2" })).toBeVisible();
  await expect(dialog(page).getByRole("row")).toHaveCount(3);
  await expect(dialog(page).getByRole("row").nth(2)).toContainText(/2.*second.*\d{4}-\d\d-\d\d.*8 MiB.*none/);
  // The first has the focus; the arrows choose, Enter opens.
  await page.keyboard.press("ArrowDown");
  await expect(dialog(page).getByRole("radio", { name: /second/ })).toBeChecked();
  await page.keyboard.press("Enter");
  await expect(tabNamed(page, "disk.qcow2 at second")).toHaveAttribute("aria-selected", "true");
  await expect.poll(() => shownBytes(bytes(page), 0)).toEqual(Array(16).fill("22"));
  expect(readFileSync(path)).toEqual(before);
});

test("compares a snapshot with the disk as it is now, and maps through it", async ({ launch, folder }) => {
  const { page } = await launch(withSnapshots(folder));
  await page.getByRole("button", { name: "Snapshots", exact: true }).click();
  await dialog(page).getByRole("row").nth(1).click();
  await dialog(page).getByRole("button", { name: "Compare with now" }).click();
  // 64 KiB of 0x11 against 0x33: one run of 128 sectors.
  await expect(list(page)).toContainText("1 run");
  await expect(list(page)).toContainText("128");

  await tabNamed(page, "disk.qcow2").click();
  await page.keyboard.press("F1");
  await page.keyboard.type("Snapshots of the image");
  await page.keyboard.press("Enter");
  await dialog(page).getByRole("button", { name: "Show as map" }).click();
  await expect(legend(page)).toContainText(/snapshot/i);
});

test("lists what an image says of itself, its bitmaps with their granularity", async ({ launch, folder }) => {
  const { page } = await launch(withSnapshots(folder));
  await expect(page.getByText("2 snapshots inside")).toBeVisible();
  await page.getByRole("button", { name: "Facts about the image" }).click();
  await expect(dialog(page)).toContainText("Compression typezlib");
  await expect(dialog(page)).toContainText("Snapshots2");
  const bitmaps = dialog(page).getByRole("table", { name: "Bitmaps (1)" });
  await expect(bitmaps.getByRole("row").nth(1)).toContainText("backup");
  await expect(bitmaps.getByRole("row").nth(1)).toContainText("128 KiB");
});

test("asks before it opens a backing file whose format is a guess", async ({ launch, folder }) => {
  const [base, path] = [folder.file("base.raw"), folder.file("top.qcow2")];
  writeFileSync(base, Buffer.alloc(1 << 20, 0x44));
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", path]);
  // The header extension with the format's name becomes one that nobody knows.
  const image = readFileSync(path);
  image.writeUInt32BE(0x12345678, image.indexOf(Buffer.from("e2792aca", "hex")));
  writeFileSync(path, image);
  const { page } = await launch(path);
  await expect(page.getByRole("alert")).toContainText("By its first bytes it is raw");
  await page.getByRole("button", { name: "Open with its backing file" }).click();
  await expect.poll(() => shownBytes(bytes(page), 0)).toEqual(Array(16).fill("44"));
});

test("says why the bytes of an encrypted image can't be shown, and shows its file, map and check", async ({
  launch,
  folder,
}) => {
  const path = folder.file("secret.qcow2");
  createLuks(path, "1M");
  execFileSync("qemu-io", [
    ...["--object", "secret,id=s,data=pass", "-c", "write -P 1 0 64k", "--image-opts"],
    `driver=qcow2,encrypt.format=luks,encrypt.key-secret=s,file.filename=${path}`,
  ]);
  const { page } = await launch(path);
  await expect(page.getByText(/The guest's bytes of secret.qcow2 are encrypted \(LUKS\)/)).toBeVisible();
  await page.getByRole("button", { name: "Show the file" }).click();
  // The magic: "QFI\xfb".
  await goTo(page, "0");
  await expect
    .poll(async () => (await shownBytes(bytes(page), 0)).slice(0, 4))
    .toEqual(["51", "46", "49", "FB"]);
  await toMap(page);
  await expect(legend(page)).toContainText(/refcount block/i);
});

test("says that an image is marked as corrupt, and checks it", async ({ launch, folder }) => {
  const path = withSnapshots(folder);
  const image = readFileSync(path);
  // incompatible_features, bit 1, at byte 72 to 79.
  image.writeUInt8((image[79] ?? 0) | 2, 79);
  writeFileSync(path, image);
  const { page } = await launch(path);
  await expect(page.getByText("disk.qcow2 is marked as corrupt")).toBeVisible();
  await page.getByRole("button", { name: "Check now" }).click();
  await expect(page.getByText(/is marked as corrupt. Checked: its tables are in order/)).toBeVisible();
  expect(readFileSync(path)).toEqual(image);
});

for (const theme of ["light", "dark"] as const) {
  test(`breaks no accessibility rule with snapshots and facts in the ${theme} theme`, async ({
    launch,
    folder,
  }, info) => {
    const { page } = await launch(withSnapshots(folder));
    await page.emulateMedia({ colorScheme: theme });
    await expect(page.locator("html")).toHaveAttribute("data-theme", theme);
    await expect(page.getByText("2 snapshots inside")).toBeVisible();
    await expectNoViolations(page);
    await page.screenshot({ path: info.outputPath("notice.png") });
    await page.getByRole("button", { name: "Choose a snapshot…" }).click();
    await expect(dialog(page)).toBeVisible();
    await expectNoViolations(page);
    await page.screenshot({ path: info.outputPath("snapshots.png") });
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Facts about the image" }).click();
    await expect(dialog(page)).toBeVisible();
    await expectNoViolations(page);
    await page.screenshot({ path: info.outputPath("facts.png") });
  });
}
