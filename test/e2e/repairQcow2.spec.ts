// The repair wizard by keyboard on a qcow2 image with lazy refcounts whose writer was killed: its refcounts lack what was
// written, and the mark says so. qemu-img finds nothing wrong afterwards, and undoing brings every byte back.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test, toRepair } from "./app.ts";
import { heading, pressButton, tabTo, walkToWrite } from "./repairSteps.ts";
import { statusBar } from "./words.ts";

/** The low byte of the incompatible features: bit 0 is the dirty bit. */
const featuresAt = 79;

/** Of a table entry: the cluster that it points to has one user. */
const copied = 0x8000_0000_0000_0000n;

/**
 * A qcow2 image with a cluster that two entries point to, an entry past the end, and refcounts too low and too high;
 * returns the place of the first of those, of the cluster that two point to.
 */
function brokenQcow2(path: string): number {
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", path, "64M"]);
  execFileSync("qemu-io", ["-f", "qcow2", "-c", "write -P 5 0 1M", path], { stdio: "ignore" });
  const bytes = readFileSync(path);
  const pointer = (at: number) => Number(bytes.readBigUInt64BE(at) & 0x00ff_ffff_ffff_fe00n);
  const l2 = pointer(pointer(40));
  const block = pointer(pointer(48));
  bytes.writeBigUInt64BE(bytes.readBigUInt64BE(l2), l2 + 8);
  bytes.writeBigUInt64BE(copied | 0x7fff_0000_0000n, l2 + 3 * 8);
  const refcountOf = (entry: number) => block + 2 * (pointer(l2 + entry * 8) / 65_536);
  bytes.writeUInt16BE(0, refcountOf(5));
  bytes.writeUInt16BE(9, refcountOf(7));
  writeFileSync(path, bytes);
  return refcountOf(0);
}

test("the plan's strips tell every kind from every other, in any colours", async ({ launch, folder }) => {
  const image = folder.file("broken.qcow2");
  brokenQcow2(image);
  const { page } = await launch(image);
  await toRepair(page);
  await pressButton(page, "Next: Findings");
  await pressButton(page, "Next: Plan");
  const legend = page.getByRole("region", { name: /^Map of broken\.qcow2/ }).locator("i");
  const wanted = ["bad-entry", "leaked", "overlap", "refcount-high", "refcount-low"];
  await expect
    .poll(() => legend.evaluateAll((all) => all.map((swatch) => swatch.getAttribute("data-kind"))))
    .toEqual(expect.arrayContaining(wanted));
  for (const media of [
    { colorScheme: "light", forcedColors: "none" },
    { colorScheme: "dark", forcedColors: "none" },
    { colorScheme: "dark", forcedColors: "active" },
  ] as const) {
    await page.emulateMedia(media);
    // By pattern or letter: what is left of them when all colours are one.
    const looks = await legend.evaluateAll((all) =>
      all
        .filter((swatch) => !["data", "free"].includes(swatch.getAttribute("data-kind") ?? ""))
        .map((swatch) => `${getComputedStyle(swatch).backgroundImage} ${swatch.textContent}`),
    );
    expect(new Set(looks).size, JSON.stringify(media)).toBe(looks.length);
    expect(looks, JSON.stringify(media)).not.toContain("none ");
  }
});

test("a change is shown where it is in the file", async ({ launch, folder }) => {
  const image = folder.file("broken.qcow2");
  const refcount = brokenQcow2(image);
  const { page } = await launch(image);
  await toRepair(page);
  await pressButton(page, "Next: Findings");
  await pressButton(page, "Next: Plan");
  await page.getByRole("row", { name: /Mend refcounts/ }).click();
  const detail = page.getByRole("region", { name: "The change in this row" });
  await expect(detail.getByRole("heading")).toContainText("Mend refcounts");
  await expect(detail.locator("mark").first()).toBeVisible();
  await detail.getByRole("button", { name: "Show in hex" }).click();
  // Of two bytes, big-endian: 1 becomes 2.
  await expect(statusBar(page)).toContainText(`file 0x${(refcount + 1).toString(16)} (`);
});

test("mends a dirty qcow2 image in place by keyboard, and takes it back", async ({ launch, folder }) => {
  const image = folder.file("lazy.qcow2");
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-o", "lazy_refcounts=on", image, "64M"]);
  const commands = ["-c", "write -P 5 1000000 70000", "-c", "flush", "-c", "sigraise 9"];
  spawnSync("qemu-io", ["-f", "qcow2", ...commands, image], { stdio: "ignore" });
  const original = readFileSync(image);
  expect((original[featuresAt] ?? 0) & 1, "the image is marked dirty").toBe(1);
  expect(spawnSync("qemu-img", ["check", image]).status, "and its refcounts are wrong").toBe(2);

  const { page } = await launch(image);
  await toRepair(page);
  await walkToWrite(page);
  await tabTo(page, page.getByRole("radio", { name: /Repair a copy/ }));
  await page.keyboard.press("ArrowDown");
  await expect(page.getByRole("radio", { name: /itself/ })).toBeChecked();
  expect(readFileSync(image).equals(original)).toBe(true);
  await pressButton(page, /^Write \d+ changes? to lazy\.qcow2$/);

  await expect(heading(page, "Verify")).toBeFocused({ timeout: 20_000 });
  await expect(page.getByText("lazy.qcow2 is repaired: a full check found no problems")).toBeVisible();
  expect(spawnSync("qemu-img", ["check", image]).status).toBe(0);
  expect((readFileSync(image)[featuresAt] ?? 0) & 1).toBe(0);
  const read = ["-f", "qcow2", "-c", "read -P 5 1000000 70000", image];
  expect(spawnSync("qemu-io", read, { encoding: "utf8" }).stdout).not.toContain("failed");
  expect(existsSync(`${image}.blkscope-undo`)).toBe(true);

  await pressButton(page, "Undo…");
  await expect(heading(page, "Undo")).toBeFocused();
  await pressButton(page, /^Undo \d+ writes? in lazy\.qcow2$/);
  const done = page.getByText("every byte of lazy.qcow2 is what it was before the repair").first();
  await expect(done).toBeVisible();
  expect(readFileSync(image).equals(original)).toBe(true);
});
