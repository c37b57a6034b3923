// The words in which the end-to-end tests speak of the window: what a person sees and presses.
import { readFileSync } from "node:fs";
import type { Locator, Page } from "@playwright/test";
import { canRun, expect } from "./app.ts";

/** A file in which a byte can be looked up: the truth the screen is held against. */
export class Truth {
  readonly bytes: Buffer;
  constructor(path: string) {
    this.bytes = readFileSync(path);
  }
  /** "41 42 43 …" of `count` bytes from `offset` on, upper case, as a hex row has them. */
  row(offset: number, count = 16): string[] {
    return [...this.bytes.subarray(offset, offset + count)].map((byte) =>
      byte.toString(16).padStart(2, "0").toUpperCase(),
    );
  }
}

export const statusBar = (page: Page): Locator => page.locator('[data-pane="status"]');
export const pane = (page: Page, side: "a" | "b"): Locator => page.locator(`[data-pane="${side}"]`);
export const list = (page: Page): Locator => page.locator('[data-pane="list"]');

/** The row of a hex pane that starts at `offset`, in the accessible grid over the canvas. */
export function hexRow(where: Locator, offset: number): Locator {
  return where.locator(`[role="row"][data-offset="${offset}"]`);
}

/** The bytes a hex row shows, "7F" each, as its cells say them. */
export async function shownBytes(where: Locator, offset: number): Promise<string[]> {
  const cells = hexRow(where, offset).getByRole("gridcell");
  return cells.evaluateAll((all) => all.map((cell) => cell.getAttribute("data-byte") ?? ""));
}

/** The field of the go-to bar. */
export const goToField = (page: Page): Locator =>
  page.getByRole("search", { name: "Go to" }).locator("input");

/** Goes where an expression says, once there is an image to go in. */
export async function goTo(page: Page, expression: string): Promise<void> {
  await canRun(page, "go.to");
  await page.keyboard.press("Control+g");
  await goToField(page).fill(expression);
  await page.keyboard.press("Enter");
}

/** The filter of the list of mismatches. */
export const filterField = (page: Page): Locator => list(page).getByLabel("Filter mismatches");

/** Waits until the caret is at `offset` in guest space, as the status bar tells. */
export async function expectCaret(page: Page, offset: number): Promise<void> {
  await expect(statusBar(page)).toContainText(`guest 0x${offset.toString(16)} (`);
}

/** The place in the container file that the status bar gives for the byte at the caret, once there is one. */
export async function filePlace(page: Page): Promise<number> {
  await expect(statusBar(page)).toContainText(/file 0x(?!0 )/);
  const place = /file 0x([0-9a-f]+) /.exec((await statusBar(page).textContent()) ?? "")?.[1] ?? "";
  return Number.parseInt(place, 16);
}

/** Waits until the header of the list says that the scan is over. */
export async function expectScanned(page: Page, runs: string): Promise<void> {
  await expect(list(page)).toContainText(runs);
  await expect(list(page)).not.toContainText("% scanned");
}

/** Puts focus into a pane's grid, as Tab or F6 would. */
export async function focusPane(page: Page, side: "a" | "b"): Promise<void> {
  await pane(page, side).locator('[role="grid"]').focus();
}
