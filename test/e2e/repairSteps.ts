// The words of the tests about repairs in the app: broken images, the wizard's steps by keyboard, what is looked at after.
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import type { ElectronApplication, Locator, Page } from "@playwright/test";
import { openGraph } from "../../core/graph.ts";
import { setState } from "../../core/repair/journal.ts";
import { expect } from "./app.ts";
import type { Folder } from "./images.ts";

/** A QED image whose writer was killed between two writes: its need-check mark is set. */
export function dirtyQed(folder: Folder, name: string): string {
  const image = folder.file(name);
  execFileSync("qemu-img", ["create", "-q", "-f", "qed", image, "64M"]);
  const commands = ["-c", "write -P 5 1000000 70000", "-c", "write -P 6 30000000 200000", "-c", "sigraise 9"];
  spawnSync("qemu-io", ["-f", "qed", ...commands, image], { stdio: "ignore" });
  expect((readFileSync(image)[16] ?? 0) & 2, "the image is marked dirty").toBe(2);
  return image;
}

/** Corruptions and errors that qemu-img counts, and whether it could check at all. */
export function problems(image: string): { readonly corruptions: number; readonly errors: number } {
  const { stdout } = spawnSync("qemu-img", ["check", "-f", "qed", "--output", "json", image], {
    encoding: "utf8",
  });
  const report = JSON.parse(stdout) as { corruptions?: number; "check-errors"?: number };
  return { corruptions: report.corruptions ?? 0, errors: report["check-errors"] ?? 0 };
}

export async function tabTo(page: Page, target: Locator): Promise<void> {
  await expect(target).toBeEnabled();
  for (let press = 0; press < 60; press++) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  await expect(target).toBeFocused();
}

export async function pressButton(page: Page, name: string | RegExp): Promise<void> {
  await tabTo(page, page.getByRole("button", { name }).first());
  await page.keyboard.press("Enter");
}

export const heading = (page: Page, name: string | RegExp) => page.getByRole("heading", { level: 2, name });

/** The system's dialog for a new file gives these, one at a time. */
export async function answerSave(app: ElectronApplication, files: readonly string[]): Promise<void> {
  await app.evaluate(
    ({ dialog }, given) => {
      const left = [...given];
      dialog.showSaveDialog = () => {
        const file = left.shift();
        return Promise.resolve({ canceled: file === undefined, filePath: file ?? "" });
      };
    },
    [...files],
  );
}

/** From the preflight to the page with the button that writes. */
export async function walkToWrite(page: Page): Promise<void> {
  await expect(heading(page, "Preflight")).toBeFocused();
  await pressButton(page, "Next: Findings");
  await expect(heading(page, "Findings")).toBeFocused();
  await pressButton(page, "Next: Plan");
  await expect(heading(page, "Plan")).toBeFocused();
  await expect(page.getByRole("grid", { name: "Changes that can be made" })).toBeVisible();
  await pressButton(page, "Next: Write");
  await expect(heading(page, "Write")).toBeFocused();
}

/** As a crash right before the last change, the mark of a dirty image, leaves a repair that was written. */
export async function cutOff(image: string, journal: string): Promise<void> {
  const bytes = readFileSync(image);
  bytes[16] = 2;
  writeFileSync(image, bytes);
  const graph = await openGraph({ driver: "file", filename: journal }, { readOnly: false });
  await setState(graph.root, "applying");
  await graph.close();
}
