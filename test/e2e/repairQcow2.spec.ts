// The repair wizard by keyboard on a qcow2 image with lazy refcounts whose writer was killed: its refcounts lack what was
// written, and the mark says so. qemu-img finds nothing wrong afterwards, and undoing brings every byte back.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "./app.ts";
import { heading, pressButton, tabTo, walkToWrite } from "./repairSteps.ts";

/** The low byte of the incompatible features: bit 0 is the dirty bit. */
const featuresAt = 79;

test("mends a dirty qcow2 image in place by keyboard, and takes it back", async ({ launch, folder }) => {
  const image = folder.file("lazy.qcow2");
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-o", "lazy_refcounts=on", image, "64M"]);
  const commands = ["-c", "write -P 5 1000000 70000", "-c", "flush", "-c", "sigraise 9"];
  spawnSync("qemu-io", ["-f", "qcow2", ...commands, image], { stdio: "ignore" });
  const original = readFileSync(image);
  expect((original[featuresAt] ?? 0) & 1, "the image is marked dirty").toBe(1);
  expect(spawnSync("qemu-img", ["check", image]).status, "and its refcounts are wrong").toBe(2);

  const { page } = await launch(image);
  await page.keyboard.press("Control+5");
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
