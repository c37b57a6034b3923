// The repair wizard by keyboard alone, on images that a killed qemu-io and wrong entries left behind: what is offered,
// what is written, that qemu-img finds nothing wrong afterwards, and that undoing brings every byte back.
import { spawn } from "node:child_process";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { brokenQed } from "../build/brokenQed.ts";
import { expect, test, toRepair } from "./app.ts";
import { expectNoViolationsInBothThemes } from "./axe.ts";
import {
  answerSave,
  cutOff,
  dirtyQed,
  heading,
  pressButton,
  problems,
  tabTo,
  walkToWrite,
} from "./repairSteps.ts";

test("mends a dirty image in place by keyboard, and takes it back", async ({ launch, folder }) => {
  const image = dirtyQed(folder, "case 42.qed");
  const original = readFileSync(image);
  const { page } = await launch(image);

  const banner = page.getByRole("note").filter({ hasText: "was not closed cleanly" });
  await expect(banner).toContainText(
    "case 42.qed was not closed cleanly. It may have unused clusters; your data is probably intact. Nothing has been changed.",
  );
  await pressButton(page, "Check now");
  await expect(page.getByText("Checked: its tables are in order")).toBeVisible();
  await pressButton(page, "Open repair");

  await walkToWrite(page);
  // Back to the findings and forth again: nothing is lost, nothing is written.
  await pressButton(page, /Findings/);
  await expect(heading(page, "Findings")).toBeFocused();
  await expect(page.getByText("The image was not closed cleanly")).toBeVisible();
  await expect(page.getByRole("region", { name: "Findings" })).not.toContainText(/corrupt/i);
  await pressButton(page, "Next: Plan");
  await pressButton(page, "Next: Write");
  expect(readFileSync(image).equals(original)).toBe(true);

  // A copy is offered first; this person mends the image itself.
  await expect(page.getByRole("radio", { name: /Repair a copy/ })).toBeChecked();
  await tabTo(page, page.getByRole("radio", { name: /Repair a copy/ }));
  await page.keyboard.press("ArrowDown");
  await expect(page.getByRole("radio", { name: /itself/ })).toBeChecked();
  await pressButton(page, /^Write \d+ changes? to case 42\.qed$/);

  await expect(heading(page, "Verify")).toBeFocused({ timeout: 20_000 });
  await expect(page.getByText("case 42.qed is repaired: a full check found no problems")).toBeVisible();
  expect(problems(image)).toEqual({ corruptions: 0, errors: 0 });
  expect((readFileSync(image)[16] ?? 0) & 2).toBe(0);
  expect(existsSync(`${image}.blkscope-undo`)).toBe(true);
  await expectNoViolationsInBothThemes(page);

  await pressButton(page, "Undo…");
  await expect(heading(page, "Undo")).toBeFocused();
  await pressButton(page, /^Undo \d+ writes? in case 42\.qed$/);
  await expect(
    page.getByText("every byte of case 42.qed is what it was before the repair").first(),
  ).toBeVisible();
  expect(readFileSync(image).equals(original)).toBe(true);
});

test("mends a copy of a broken image and leaves the image alone", async ({ launch, folder }) => {
  const image = folder.file("broken.qed");
  const original = brokenQed();
  writeFileSync(image, original);
  const copy = folder.file("mended.qed");
  const { app, page } = await launch(image);
  await answerSave(app, [copy, folder.file("report.md")]);
  await toRepair(page);
  await walkToWrite(page);
  await expectNoViolationsInBothThemes(page);
  await expect(page.getByRole("button", { name: /^Write .* to a copy$/ })).toBeDisabled();
  await pressButton(page, "Choose where…");
  await pressButton(page, /^Write \d+ changes to mended\.qed$/);

  await expect(heading(page, "Verify")).toBeFocused({ timeout: 20_000 });
  await expect(page.getByText("written and verified")).toBeVisible();
  expect(problems(copy)).toEqual({ corruptions: 0, errors: 0 });
  expect(Buffer.compare(readFileSync(image), original)).toBe(0);
  expect(existsSync(`${image}.blkscope-undo`)).toBe(false);

  await pressButton(page, /Report \(Markdown\)/);
  await expect.poll(() => existsSync(folder.file("report.md"))).toBe(true);
  expect(readFileSync(folder.file("report.md"), "utf8")).toContain("mended.qed.blkscope-undo");
});

test("rows are chosen with all that depends on them, and show their bytes", async ({ launch, folder }) => {
  const image = folder.file("broken.qed");
  writeFileSync(image, brokenQed());
  const { page } = await launch(image);
  await toRepair(page);
  await expect(heading(page, "Preflight")).toBeFocused();
  await expectNoViolationsInBothThemes(page);
  await pressButton(page, "Next: Findings");
  await expectNoViolationsInBothThemes(page);
  await pressButton(page, "Next: Plan");
  const grid = page.getByRole("grid", { name: "Changes that can be made" });
  await tabTo(page, grid);
  const row = (number: number) => grid.getByRole("row").nth(number);
  const box = (number: number) => row(number).getByRole("checkbox");
  await expect(box(1)).toBeChecked();
  await expect(row(1)).toContainText("→");
  await expectNoViolationsInBothThemes(page);
  const chosen = await grid.getByRole("checkbox", { checked: true }).count();

  // The mark of a dirty image, the last item, needs all the others: with the first of them it goes.
  await page.keyboard.press("Home");
  await page.keyboard.press("Space");
  await expect(box(1)).not.toBeChecked();
  await expect(page.getByRole("region", { name: "Plan" })).toContainText(/\d+ of \d+ items chosen/);
  expect(await grid.getByRole("checkbox", { checked: true }).count()).toBeLessThan(chosen);
  await page.keyboard.press("Space");
  await expect(box(1)).toBeChecked();

  await page.keyboard.press("Enter");
  const detail = page.getByRole("region", { name: "The change in this row" });
  await expect(detail).toBeFocused();
  await expect(detail.locator("mark").first()).toBeVisible();
  await expect(page.getByRole("img", { name: /^Before: / })).toBeVisible();
  await expect(page.getByRole("img", { name: /^After: / })).toBeVisible();
});

test("a raw image has no repair, and says so", async ({ launch, folder }) => {
  const raw = folder.file("disk.raw");
  writeFileSync(raw, Buffer.alloc(1 << 20, 7));
  const { page } = await launch(raw);
  await toRepair(page);
  await expect(page.getByText("There is no repair for disk.raw")).toContainText("QED images can be mended");
  await expect(page.getByRole("button", { name: "Next: Findings" })).toBeDisabled();
  await expectNoViolationsInBothThemes(page);
});

test("a journal opens as what it is, is refused when the image changed, and undoes", async ({
  launch,
  folder,
}) => {
  const image = folder.file("broken.qed");
  const journal = `${image}.blkscope-undo`;
  writeFileSync(image, brokenQed());
  const first = await launch(image);
  await toRepair(first.page);
  await walkToWrite(first.page);
  await tabTo(first.page, first.page.getByRole("radio", { name: /Repair a copy/ }));
  await first.page.keyboard.press("ArrowDown");
  await pressButton(first.page, /^Write \d+ changes to broken\.qed$/);
  await expect(heading(first.page, "Verify")).toBeFocused({ timeout: 20_000 });
  const mended = readFileSync(image);

  // Another program writes to a place that the repair changed: the L2 entry at 0x10 * 8 of no table, the header's bit.
  const meddled = Buffer.from(mended);
  meddled[16] = 0x40;
  writeFileSync(image, meddled);
  const { page } = await launch(journal);
  await expect(heading(page, /^Undo journal: broken\.qed\.blkscope-undo$/)).toBeFocused();
  await expect(page.getByText(/The image has changed since the repair was planned/).first()).toBeVisible();
  await expect(page.getByRole("button", { name: /^Undo \d+ writes/ })).toHaveCount(0);
  await expectNoViolationsInBothThemes(page);

  writeFileSync(image, mended);
  await pressButton(page, "Check the journal again");
  await pressButton(page, /^Undo \d+ writes in broken\.qed$/);
  await expect(
    page.getByText("every byte of broken.qed is what it was before the repair").first(),
  ).toBeVisible();
  expect(Buffer.compare(readFileSync(image), brokenQed())).toBe(0);
});

test("an image beside which a repair was cut off offers to finish it", async ({ launch, folder }) => {
  const image = folder.file("broken.qed");
  const journal = `${image}.blkscope-undo`;
  writeFileSync(image, brokenQed());
  const first = await launch(image);
  await toRepair(first.page);
  await walkToWrite(first.page);
  await tabTo(first.page, first.page.getByRole("radio", { name: /Repair a copy/ }));
  await first.page.keyboard.press("ArrowDown");
  await pressButton(first.page, /^Write \d+ changes to broken\.qed$/);
  await expect(heading(first.page, "Verify")).toBeFocused({ timeout: 20_000 });
  const mended = readFileSync(image);
  await cutOff(image, journal);

  const { page } = await launch(image);
  await expect(page.getByText(/^Repair stopped before its end/)).toBeVisible();
  await expect(page.getByText(/Nothing has been changed/)).toHaveCount(0);
  await expectNoViolationsInBothThemes(page);
  await page.keyboard.press("Control+5");
  await expect(heading(page, "Preflight")).toBeFocused();
  await expect(page.getByText(/An earlier repair was cut off/)).toBeVisible();
  await pressButton(page, "Finish or take back…");
  await expect(heading(page, /^Undo journal/)).toBeFocused();
  await expect(page.getByRole("button", { name: /^Undo \d+ writes in broken\.qed$/ })).toBeVisible();
  await pressButton(page, "Finish the repair of broken.qed");
  await expect(page.getByText("Finished: all changes are in broken.qed and were read back.")).toBeVisible();
  await expect(heading(page, /^Undo journal/)).toBeFocused();
  expect(Buffer.compare(readFileSync(image), mended)).toBe(0);
  expect(problems(image)).toEqual({ corruptions: 0, errors: 0 });
});

test("a plan is not written when the file changes under the wizard", async ({ launch, folder }) => {
  const image = folder.file("broken.qed");
  writeFileSync(image, brokenQed());
  const { page } = await launch(image);
  await toRepair(page);
  await walkToWrite(page);
  await tabTo(page, page.getByRole("radio", { name: /Repair a copy/ }));
  await page.keyboard.press("ArrowDown");
  const write = page.getByRole("button", { name: /^Write \d+ changes to broken\.qed$/ });
  await expect(write).toBeEnabled();
  // Bytes behind the last cluster, which no change of the plan touches.
  appendFileSync(image, Buffer.alloc(512, 1));
  await expect(page.getByText("The file has changed since the plan was made.")).toBeVisible();
  await expect(write).toBeDisabled();
  await pressButton(page, "Reload");
  await walkToWrite(page);
  await expect(page.getByText("The file has changed since the plan was made.")).toHaveCount(0);
});

test("an image that another program has open is refused before anything is planned", async ({
  launch,
  folder,
}) => {
  const image = folder.file("broken.qed");
  writeFileSync(image, brokenQed());
  const user = spawn("qemu-io", ["-f", "qed", image], { stdio: ["pipe", "pipe", "ignore"] });
  try {
    // Its prompt says that the image is open, and locked.
    await new Promise((resolve) => user.stdout.once("data", resolve));
    const before = readFileSync(image);
    const { page } = await launch(image);
    await toRepair(page);
    await expect(heading(page, "Preflight")).toBeFocused();
    await expect(page.getByText(/The image is in use by .*qemu-io/)).toBeVisible();
    await expect(page.getByText("The image itself can't be mended as things are.")).toBeVisible();
    await pressButton(page, "Next: Findings");
    await pressButton(page, "Next: Plan");
    await pressButton(page, "Next: Write");
    await tabTo(page, page.getByRole("radio", { name: /Repair a copy/ }));
    await page.keyboard.press("ArrowDown");
    await expect(page.getByText(/The image is in use by .*qemu-io/)).toBeVisible();
    await expect(page.getByRole("button", { name: /^Write \d+ changes/ })).toBeDisabled();
    expect(readFileSync(image).equals(before)).toBe(true);
  } finally {
    user.stdin.end("quit\n");
  }
});
