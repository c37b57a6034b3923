// The timeline of a log that qemu-io wrote through QEMU's blklogwrites: from its entries to their bytes, to the disk at any
// moment, to who wrote a byte, by keyboard and mouse; damaged logs, logs that grow, and the rules of axe.
import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { expect, test } from "./app.ts";
import { expectNoViolations } from "./axe.ts";
import type { Folder } from "./images.ts";
import { choosing, hold, launchAgain, typeAhead } from "./outside.ts";
import { expectCaret, goTo as goToByte, shownBytes, statusBar, Truth } from "./words.ts";

const table = (page: Page) => page.getByRole("grid", { name: /^Entries of/ });
const detail = (page: Page) => page.locator('[data-pane="detail"]');
const filter = (page: Page) => page.getByRole("combobox", { name: "Filter the entries" });
const current = (page: Page) => table(page).locator('[aria-selected="true"]');
const plot = (page: Page) => page.getByRole("application", { name: /^Timeline of/ });
const hexPane = (page: Page) => page.locator('[data-pane="hex"]');

const size = 4 * 1024 * 1024;

/** qemu-io's requests on a disk of zeroes, logged by QEMU. */
function logged(folder: Folder, ...commands: readonly string[]): { log: string; data: string } {
  const [log, data] = [folder.file("writes.log"), folder.file("disk.raw")];
  writeFileSync(data, new Uint8Array(size));
  writeFileSync(log, "");
  request(log, data, "", commands);
  return { log, data };
}

/** As a filter of QEMU, over files whose names may have any character but a comma. */
function request(log: string, data: string, options: string, commands: readonly string[]): void {
  const image = `driver=blklogwrites,file.driver=file,file.filename=${data},log.driver=file,log.filename=${log}${options}`;
  const given = commands.flatMap((command) => ["-c", command]);
  execFileSync("qemu-io", ["-t", "writeback", "--image-opts", image, ...given], { stdio: "pipe" });
}

const story = [
  "write -P 0x11 0 8k", // 0
  "flush", // 1
  "write -P 0x22 4k 4k", // 2
  "write -P 0x33 4k 4k", // 3
  "discard 1M 64k", // 4
  "write -P 0x66 2M 4k", // 5
  "flush", // 6
  "write -P 0x44 4k 4k", // 7
  "write -P 0x55 100k 300k", // 8; qemu-io flushes when it closes: 9
];

async function opened(page: Page): Promise<void> {
  await expect(page.getByRole("tab", { name: "Timeline: writes.log" })).toBeVisible();
  await expect(table(page)).toBeVisible();
  await expect(current(page)).toBeVisible();
}

/** Puts the focus into the table and the scrub line on an entry. */
async function goTo(page: Page, entry: number): Promise<void> {
  await table(page).focus();
  await page.keyboard.press("Home");
  for (let step = 0; step < entry; step++) await page.keyboard.press("ArrowDown");
  await expect(current(page)).toContainText(new RegExp(`^${entry}`));
  await expect(detail(page)).toContainText(`Entry ${entry}:`);
}

test("a log opens as its entries, and by keyboard alone one goes to a write, its bytes and the disk after it", async ({
  launch,
  folder,
}) => {
  const { log } = logged(folder, ...story);
  const { page } = await launch(log);
  await opened(page);
  // The first key works.
  await expect(plot(page)).toBeFocused();
  await expect(table(page)).toHaveAttribute("aria-rowcount", "11");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  await expect(current(page)).toContainText("write");
  await expect(detail(page)).toContainText("Entry 2: write");
  await expect(detail(page)).toContainText("8 sectors at sector 8 (0x1000), 4 KiB");
  await expect(detail(page)).toContainText("with flush 2 (entry 6)");
  await expect(detail(page)).toContainText("4,096 bytes of 4,096 changed.");
  await expect(detail(page)).toContainText("Overwrites entry 0");
  await expect(detail(page).locator('[data-sign="before"]').first()).toContainText("11 11");
  await expect(detail(page).locator('[data-sign="after"]').first()).toContainText("22 22");
  // Flushes by [ and ].
  await page.keyboard.press("]");
  await expect(current(page)).toContainText("flush");
  await expect(detail(page)).toContainText("Entry 6: flush");
  await page.keyboard.press("[");
  await expect(detail(page)).toContainText("Entry 1: flush");
  // The disk after entry 1: sector 8 still has what entry 0 wrote.
  await page.keyboard.press("Enter");
  await expect(page.getByRole("tab", { name: "disk after entry 1 of writes.log" })).toBeVisible();
  await expect.poll(() => shownBytes(hexPane(page), 0)).toEqual(Array(16).fill("11"));
  await expect(statusBar(page)).toContainText("read-only");
});

test("plot and table are one: keys and clicks in either move both", async ({ launch, folder }) => {
  const { log } = logged(folder, ...story);
  const { page } = await launch(log);
  await opened(page);
  await expect(plot(page)).toBeFocused();
  await page.keyboard.press("End");
  await expect(current(page)).toContainText(/^9/);
  await page.keyboard.press("Shift+ArrowLeft");
  await expect(current(page)).toContainText(/^0/);
  await page.keyboard.press("]");
  await expect(current(page)).toContainText(/^1/);
  // Said once it is known, for those who do not see the plot.
  await expect(page.locator("[data-entry]")).toContainText("Entry 1, flush");
  // In the middle of ten entries.
  const box = await plot(page).boundingBox();
  if (!box) throw new Error("the plot has no place");
  await plot(page).click({ position: { x: box.width * 0.55, y: box.height / 2 } });
  await expect(current(page)).toContainText(/^[456]/);
  await table(page).getByRole("row").nth(3).click();
  await expect(detail(page)).toContainText("Entry 2: write");
  await plot(page).focus();
  await page.keyboard.press("ArrowRight");
  await expect(detail(page)).toContainText("Entry 3: write");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("tab", { name: "disk after entry 3 of writes.log" })).toBeVisible();
});

test("the plot is zoomed and moved by keys, wheel, drags and the minimap", async ({ launch, folder }) => {
  // 80 writes, each behind the one before, and qemu-io's flush.
  const { log } = logged(folder, ...Array.from({ length: 80 }, (_, n) => `write -q ${n * 4}k 4k`));
  const { page } = await launch(log);
  await opened(page);
  const box = await plot(page).boundingBox();
  const minimap = page.getByRole("img", { name: /whole log/i });
  const small = await minimap.boundingBox();
  if (!box || !small) throw new Error("the plot and its minimap have no place");
  const place = (share: number) => [box.x + box.width * share, box.y + box.height / 2] as const;
  /** The entry that shows at this share of the plot's width: that which a click goes to. */
  const entryAt = async (share: number) => {
    await page.mouse.click(...place(share));
    return Number(/^\d+/.exec((await current(page).textContent()) ?? "")?.[0]);
  };
  const press = async (key: string, times = 1) => {
    await plot(page).focus();
    for (let i = 0; i < times; i++) await page.keyboard.press(key);
  };
  await expect.poll(() => entryAt(0.95)).toBeGreaterThan(70);
  await expect.poll(() => entryAt(0.5)).toBeLessThan(50);
  const middle = await entryAt(0.5);
  expect(middle).toBeGreaterThan(30);
  // Four times 1.5: a fifth of the log around the entry at the scrub line.
  await press("w", 4);
  await expect.poll(() => entryAt(0.95)).toBeLessThan(middle + 16);
  await press("d", 5);
  await expect.poll(() => entryAt(0.5)).toBeGreaterThan(middle + 6);
  await press("a", 10);
  await expect.poll(() => entryAt(0.5)).toBeLessThan(middle - 6);
  await press("s", 8);
  await expect.poll(() => entryAt(0.95)).toBeGreaterThan(70);
  // A turn of 500 pixels is four times as much, at the pointer.
  await page.mouse.move(...place(0.3));
  await page.mouse.wheel(0, -500);
  await expect.poll(() => entryAt(0.95)).toBeLessThan(45);
  const right = await entryAt(0.95);
  await expect.poll(() => entryAt(0.5)).toBeLessThan(right);
  const before = await entryAt(0.5);
  await page.mouse.move(...place(0.3));
  await page.mouse.down();
  await page.mouse.move(...place(0.6), { steps: 4 });
  await page.mouse.up();
  await expect.poll(() => entryAt(0.5)).toBeLessThan(before - 2);
  // A press beside the minimap's box brings it there.
  await page.mouse.click(small.x + small.width - 3, small.y + small.height / 2);
  await expect.poll(() => entryAt(0.5)).toBeGreaterThan(60);
  // Shift and a drag select; F shows what is selected, and all once nothing is.
  await press("0");
  await page.keyboard.down("Shift");
  await page.mouse.move(...place(0.4));
  await page.mouse.down();
  await page.mouse.move(...place(0.6), { steps: 4 });
  await page.mouse.up();
  await page.keyboard.up("Shift");
  await press("f");
  await expect.poll(() => entryAt(0.95)).toBeLessThan(60);
  await press("Escape");
  await press("f");
  await expect.poll(() => entryAt(0.95)).toBeGreaterThan(70);
});

test("the table is there alone, and the entry is gone to by its number", async ({ launch, folder }) => {
  const { log } = logged(folder, ...story);
  const { page } = await launch(log);
  await opened(page);
  await page.getByRole("button", { name: "View the timeline as a table" }).click();
  await expect(plot(page)).toHaveCount(0);
  await table(page).focus();
  await page.keyboard.press("Control+g");
  await page.getByRole("textbox", { name: "Entry" }).fill("8");
  await page.keyboard.press("Enter");
  await expect(current(page)).toContainText(/^8/);
  await page.getByRole("button", { name: "View the timeline as a table" }).click();
  await expect(plot(page)).toBeVisible();
});

test("the disk after the last entry is what QEMU left", async ({ launch, folder }) => {
  const { log, data } = logged(folder, ...story);
  const { page } = await launch(log);
  await opened(page);
  await table(page).focus();
  await page.keyboard.press("End");
  await expect(detail(page)).toContainText("Entry 9: flush");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("tab", { name: "disk after entry 9 of writes.log" })).toBeVisible();
  const truth = new Truth(data);
  await expect.poll(() => shownBytes(hexPane(page), 0)).toEqual(truth.row(0));
  for (const offset of [0x1000, 0x19000, 0x64000 - 16, 0x200000]) {
    await page.keyboard.press("Control+g");
    await page
      .getByRole("search", { name: "Go to" })
      .locator("input")
      .fill(`0x${offset.toString(16)}`);
    await page.keyboard.press("Enter");
    await expect.poll(() => shownBytes(hexPane(page), offset)).toEqual(truth.row(offset));
  }
});

test("a filter completes, says what is wrong, and leaves what passes", async ({ launch, folder }) => {
  const { log } = logged(folder, ...story);
  const { page } = await launch(log);
  await opened(page);
  await filter(page).click();
  await page.keyboard.type("op==write && sect");
  await expect(filter(page)).toHaveAttribute("aria-invalid", "true");
  await expect(page.locator("search")).toContainText('There is no "sect"');
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(filter(page)).toHaveValue("op==write && sector");
  await page.keyboard.type("==8");
  await expect(filter(page)).toHaveAttribute("aria-invalid", "false");
  // Entries 0, 2, 3 and 7 touch sector 8.
  await expect(page.locator("search")).toContainText("4 of 10 entries");
  await expect(table(page)).toHaveAttribute("aria-rowcount", "5");
  await table(page).focus();
  await page.keyboard.press("End");
  await expect(detail(page)).toContainText("Entry 7: write");
  await page.keyboard.press("ArrowUp");
  await expect(detail(page)).toContainText("Entry 3: write");
  await filter(page).focus();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await expect(table(page)).toHaveAttribute("aria-rowcount", "11");
});

test("the caret stands behind what was completed before another key can come", async ({ launch, folder }) => {
  const { log } = logged(folder, ...story);
  const { page } = await launch(log);
  await opened(page);
  await filter(page).fill("op==wri && sector==8");
  await page.keyboard.press("Home");
  for (let at = 0; at < "op==wri".length; at++) await page.keyboard.press("ArrowRight");
  const completion = page.locator("search").getByRole("option", { name: "write" });
  await expect(completion).toBeVisible();
  await page.keyboard.press("ArrowDown");
  await expect(completion).toHaveAttribute("aria-selected", "true");
  const after = await filter(page).evaluate((field: HTMLInputElement) => {
    field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
    return { text: field.value, caret: field.selectionStart };
  });
  expect(after).toEqual({ text: "op==write && sector==8", caret: "op==write".length });
});

test("a filter that leaves out the entry at the scrub line keeps the table around it", async ({
  launch,
  folder,
}) => {
  // Entry n writes the 4 KiB at n, every other one 8 KiB: these pass.
  const { log } = logged(
    folder,
    ...Array.from({ length: 80 }, (_, n) => `write -q ${n * 4}k ${n % 2 === 0 ? 8 : 4}k`),
  );
  const { page } = await launch(log);
  await opened(page);
  await filter(page).fill("entry == 41");
  await expect(current(page)).not.toBeVisible();
  await table(page).focus();
  await page.keyboard.press("ArrowRight");
  await expect(current(page)).toContainText(/^41/);
  await filter(page).fill("sectors ==");
  await expect(filter(page)).toHaveAttribute("aria-invalid", "true");
  // What is wrong has a line of its own; the sign stays in the field.
  const field = await filter(page).boundingBox();
  const sign = await page.locator("search svg").first().boundingBox();
  expect(sign && field && sign.y > field.y && sign.y + sign.height < field.y + field.height).toBe(true);
  await filter(page).fill("sectors == 16");
  await expect(page.locator("search")).toContainText("40 of 81 entries");
  await expect(current(page)).not.toBeVisible();
  await expect(table(page).getByRole("row", { name: /^42/ })).toBeVisible();
});

for (const look of ["light", "forced colours"] as const) {
  test(`the version of a place that is looked at can be read in ${look}`, async ({ launch, folder }) => {
    const { log } = logged(folder, ...story);
    const { page } = await launch(log);
    await page.emulateMedia(look === "light" ? { colorScheme: "light" } : { forcedColors: "active" });
    await opened(page);
    await goTo(page, 7);
    await page.keyboard.press("h");
    const row = detail(page).locator('[aria-current="true"]');
    await expect(row).toContainText("7write of 4 KiB");
    // In forced colours the system lays its own colour of the window behind text, unless it is told not to.
    const style = await row.evaluate((element) => {
      const { backgroundColor, color, forcedColorAdjust } = getComputedStyle(element);
      return { backgroundColor, color, isOurs: forcedColorAdjust === "none" };
    });
    expect(style.color).not.toBe(style.backgroundColor);
    expect(style.isOurs).toBe(look === "forced colours");
  });
}

test("the version of a place that is looked at is in sight among many", async ({ launch, folder }) => {
  const { log } = logged(folder, ...Array.from({ length: 40 }, (_, n) => `write -q -P ${n + 1} 0 4k`));
  const { page } = await launch(log);
  await opened(page);
  await expect(plot(page)).toBeFocused();
  await page.keyboard.press("h");
  const version = detail(page).locator('[aria-current="true"]');
  // The oldest of forty, at the end of the list.
  await expect(version).toContainText("0write of 4 KiB");
  await expect(version).toBeInViewport();
  await table(page).focus();
  await page.keyboard.press("End");
  await page.keyboard.press(",");
  await expect(version).toContainText("39write of 4 KiB");
  await expect(version).toBeInViewport();
});

test("who wrote a byte is asked from the bytes, and its versions are stepped through", async ({
  launch,
  folder,
}) => {
  const { log, data } = logged(folder, ...story);
  const { app, page } = await launch(log);
  await opened(page);
  await choosing(app, data);
  await page.keyboard.press("Control+o");
  await expect.poll(() => shownBytes(hexPane(page), 0)).toEqual(Array(16).fill("11"));
  await goToByte(page, "0x1804");
  await expect(statusBar(page)).toContainText("guest 0x1804");
  await hexPane(page).locator('[role="grid"]').focus();
  await typeAhead(app, ["g", "t"]);
  // Sector 12 is the fifth of the eight that entry 7 wrote.
  await expect(detail(page)).toContainText("History of sector 12 (0x1800)");
  await expect(detail(page)).toContainText("4 entries, newest first");
  await expect(current(page)).toContainText(/^7/);
  await expect(detail(page).locator('[data-sign="before"]').first()).toContainText("0x1800");
  await expect(detail(page).locator('[data-sign="before"]').first()).toContainText("33 33");
  await table(page).focus();
  await page.keyboard.press(",");
  await expect(current(page)).toContainText(/^3/);
  await page.keyboard.press(",");
  await page.keyboard.press(",");
  await expect(current(page)).toContainText(/^0/);
  await page.keyboard.press(".");
  await expect(current(page)).toContainText(/^2/);
});

test("two moments are compared, and the mismatch has its writer", async ({ launch, folder }) => {
  const { log } = logged(folder, ...story);
  const { page } = await launch(log);
  await opened(page);
  await goTo(page, 7);
  await detail(page).getByRole("button", { name: "Compare state…" }).click();
  await expect(page.getByRole("radio", { name: /before this entry/ })).toBeChecked();
  await page.keyboard.press("Enter");
  const list = page.locator('[data-pane="list"]');
  // 4 KiB of 0x33 against 0x44: one run.
  await expect(list).toContainText("1 run");
  await page.keyboard.press("F8");
  await expect(list).toContainText(
    "last written by entry 7, before flush 3. A has an older version, that of entry 3; B has what it wrote.",
  );
  await list.getByRole("button", { name: "Show in the timeline" }).click();
  await expect(current(page)).toContainText(/^7/);
});

test("the disk at one moment is compared with that at any other, by its number", async ({
  launch,
  folder,
}) => {
  const { log } = logged(folder, ...story);
  const { page } = await launch(log);
  await opened(page);
  await goTo(page, 7);
  await detail(page).getByRole("button", { name: "Compare state…" }).click();
  const other = page.getByRole("textbox", { name: "Other entry" });
  const compare = page.getByRole("dialog").getByRole("button", { name: "Compare", exact: true });
  await other.fill("70");
  await expect(page.getByRole("radio", { name: "The disk after entry", exact: true })).toBeChecked();
  await expect(page.getByRole("dialog")).toContainText("The log has entries 0 to 9.");
  await expect(compare).toBeDisabled();
  await other.fill("7");
  await expect(page.getByRole("dialog")).toContainText("That is this entry.");
  await expect(compare).toBeDisabled();
  await other.fill("-5");
  await expect(page.getByRole("dialog")).toContainText("Entry 2");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("tab", { name: /after entry 2 .*after entry 7 / })).toBeVisible();
  // 4 KiB of 0x22 against 0x44 at 4 KiB, and 4 KiB of zeroes against 0x66 at 2 MiB.
  await expect(page.locator('[data-pane="list"]')).toContainText("2 runs");
});

test("a mismatch of two images has its writer in a log of what the format wrote to its file", async ({
  launch,
  folder,
}) => {
  const [log, older, newer] = [
    folder.file("writes.log"),
    folder.file("older.qcow2"),
    folder.file("newer.qcow2"),
  ];
  writeFileSync(log, "");
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", newer, "4M"]);
  const options = (append: string) =>
    `driver=qcow2,file.driver=blklogwrites,file.file.driver=file,file.file.filename=${newer},file.log.driver=file,file.log.filename=${log}${append}`;
  const run = (append: string, ...commands: readonly string[]) =>
    execFileSync("qemu-io", [
      "-t",
      "writeback",
      "--image-opts",
      options(append),
      ...commands.flatMap((c) => ["-c", c]),
    ]);
  run("", "write -P 0x11 0 64k", "flush");
  copyFileSync(newer, older);
  run(",file.log-append=on", "write -P 0x33 16k 4k", "flush");
  // The guest's first cluster is the sixth of the file: header, refcount table and block, L1 and L2 table before it.
  const { app, page } = await launch(older, newer);
  const list = page.locator('[data-pane="list"]');
  await expect(list).toContainText("1 run");
  await choosing(app, log);
  await page.keyboard.press("Control+o");
  await opened(page);
  await page.getByRole("tab", { name: /^older.qcow2/ }).click();
  await page.keyboard.press("F8");
  await expect(list).toContainText(/as A's file 0x54000, last written by entry \d+, before flush \d+\./);
  await expect(list).toContainText(/A has an older version, that of entry \d+; B has what it wrote\./);
  await list.getByRole("button", { name: "Show in the timeline" }).click();
  await expect(detail(page)).toContainText("History of sector 672 (0x54000)");
  await expect(detail(page)).toContainText("2 entries, newest first");
  await expect(detail(page).locator('[data-sign="after"]').first()).toContainText("33 33");
});

test("a log that is cut off shows its wall, and one with a hole is recovered behind it", async ({
  launch,
  folder,
}) => {
  const { log } = logged(folder, ...story);
  const whole = readFileSync(log);
  // Entry 3's header is at 0x3800: its flags become what no flags are.
  whole.fill(0xff, 0x3810, 0x3818);
  writeFileSync(log, whole);
  const { page } = await launch(log);
  await opened(page);
  await expect(page.getByText("The log ends here:")).toBeVisible();
  await expect(page.getByText("The superblock counts 10 entries; 3 can be read.")).toBeVisible();
  await expect(table(page)).toHaveAttribute("aria-rowcount", "4");
  await page.keyboard.press("F8");
  await expect(current(page)).toContainText(/^2/);
  await page.getByRole("button", { name: "Look for entries behind it" }).click();
  // Entries 4 to 9 of the log: six more.
  await expect(table(page)).toHaveAttribute("aria-rowcount", "10");
  await expect(current(page)).toContainText("recovered");
});

test("a log that is written to is read on, and followed", async ({ launch, folder }) => {
  const { log, data } = logged(folder, ...story);
  const { page } = await launch(log);
  await opened(page);
  const more = (byte: string) => request(log, data, ",log-append=on", [`write -P ${byte} 8k 4k`, "flush"]);
  more("0x77");
  await page.getByRole("button", { name: "Read on" }).click();
  await expect(table(page)).toHaveAttribute("aria-rowcount", /^1[34]$/);
  const before = Number(await table(page).getAttribute("aria-rowcount"));
  await table(page).focus();
  await page.keyboard.press("End");
  await page.getByRole("button", { name: "Follow the log as it grows" }).click();
  more("0x78");
  await expect
    .poll(async () => Number(await table(page).getAttribute("aria-rowcount")))
    .toBeGreaterThan(before);
  // The scrub line was at the end: it stays there.
  await expect(async () => {
    const entries = Number(await table(page).getAttribute("aria-rowcount")) - 1;
    await expect(current(page)).toContainText(new RegExp(`^${entries - 1}`), { timeout: 500 });
  }).toPass();
  // A dialog stays about its entry.
  const rows = page.locator('[role="grid"][aria-label^="Entries of"]');
  const held = Number(await rows.getAttribute("aria-rowcount"));
  await page.keyboard.press("F1");
  await page.keyboard.type("compare the disk after this entry");
  await page.keyboard.press("Enter");
  const title = await page.getByRole("dialog").getByRole("heading").textContent();
  expect(title).toMatch(/^Compare the disk after entry \d+$/);
  more("0x79");
  await expect.poll(async () => Number(await rows.getAttribute("aria-rowcount"))).toBeGreaterThan(held);
  await expect(page.getByRole("dialog").getByRole("heading")).toHaveText(title ?? "");
});

test("what is no log says so, and an image dropped with a log is not compared with it", async ({
  launch,
  folder,
}) => {
  const { log, data } = logged(folder, ...story);
  const { app, page } = await launch();
  await choosing(app, data);
  await page.keyboard.press("Control+4");
  await expect(page.getByText(/This is no log of writes/)).toBeVisible();
  await page.keyboard.press("Control+w");
  await choosing(app, data, log);
  await page.keyboard.press("Control+o");
  await expect(page.getByRole("tab", { name: "Timeline: writes.log" })).toBeVisible();
  await expect(page.getByRole("tab", { name: "disk.raw", exact: true })).toBeVisible();
});

test("a log that was cut off behind its superblock says why it has no entries", async ({
  launch,
  folder,
}) => {
  const { log } = logged(folder, ...story);
  truncateSync(log, 512);
  const { page } = await launch(log);
  await expect(page.getByRole("tab", { name: "Timeline: writes.log" })).toBeVisible();
  await expect(page.getByText(/10 entries/).first()).toBeVisible();
  await page.getByRole("button", { name: "Look for entries in it" }).click();
  await expect(statusBar(page)).toContainText("No entries were found behind the damage");
});

test("the entries that pass the filter are saved as JSON lines, as the command line lists them", async ({
  launch,
  folder,
}) => {
  const { log } = logged(folder, ...story);
  const { app, page } = await launch(log);
  await opened(page);
  await filter(page).fill("op==discard || entry == 7");
  await expect(page.locator("search")).toContainText("2 of 10 entries");
  const target = folder.file("entries.jsonl");
  await app.evaluate(({ dialog }, filePath) => {
    dialog.showSaveDialog = () => Promise.resolve({ canceled: false, filePath });
  }, target);
  await page.getByRole("button", { name: "Save the entries as JSON lines" }).click();
  await expect(statusBar(page)).toContainText("Saved entries.jsonl");
  const lines = readFileSync(target, "utf8").trimEnd().split("\n");
  const counted = { counted: true, recovered: false };
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    // Headers: 512 of superblock, entries 0 to 3 with 8, 0, 4 and 4 KiB of data.
    {
      entry: 4,
      kind: "discard",
      flags: ["DISCARD"],
      offset: 1 << 20,
      length: 65_536,
      header: 512 + 4 * 512 + 16_384,
      ...counted,
    },
    {
      entry: 7,
      kind: "write",
      flags: [],
      offset: 4096,
      length: 4096,
      header: 512 + 7 * 512 + 20_480,
      data: 1024 + 7 * 512 + 20_480,
      ...counted,
    },
  ]);
});

test("an image can be the disk before the log: for what entries overwrote, and for its states", async ({
  launch,
  folder,
}) => {
  const { log } = logged(folder, ...story);
  const base = folder.file("before.raw");
  writeFileSync(base, Buffer.alloc(size, 0xbb));
  const { page } = await launch(base, log);
  // Chosen together: the log as its timeline, the other as an image.
  await expect(page.getByRole("tab", { name: "before.raw", exact: true })).toBeVisible();
  await expectCaret(page, 0);
  await page.getByRole("tab", { name: "Timeline: writes.log" }).click();
  await opened(page);
  await page.keyboard.press("F1");
  await page.keyboard.type("Disk before the log");
  await page.keyboard.press("Enter");
  await page.getByRole("radio", { name: /before\.raw/ }).check();
  await page.getByRole("button", { name: "Use it" }).click();
  await expect(detail(page)).toContainText("what was there before is from before.raw");
  await expect(detail(page).locator('[data-sign="before"]').first()).toContainText("bb bb");
  await detail(page).getByRole("button", { name: "Open state in hex" }).click();
  await expect(
    page.getByRole("tab", { name: "disk after entry 0 of writes.log over before.raw" }),
  ).toBeVisible();
  await expect.poll(() => shownBytes(hexPane(page), 0)).toEqual(Array(16).fill("11"));
  await goToByte(page, "0x2000");
  await expect.poll(() => shownBytes(hexPane(page), 0x2000)).toEqual(Array(16).fill("BB"));
});

test("an image that comes while a dialog offers disks for the log can be chosen, too", async ({
  launch,
  folder,
}) => {
  const { log } = logged(folder, ...story);
  const before = folder.file("before.raw");
  writeFileSync(before, Buffer.alloc(size, 0xbb));
  const { app, page } = await launch(log);
  await opened(page);
  const opening = await hold(app, "image:open");
  await launchAgain(app, before);
  await expect.poll(opening.count).toBe(1);
  await page.getByRole("tab", { name: "Timeline: writes.log" }).click();
  await expect(plot(page)).toBeFocused();
  await page.keyboard.press("F1");
  await page.keyboard.type("Disk before the log");
  await page.keyboard.press("Enter");
  const choices = page.getByRole("dialog").getByRole("radio", { name: /^Not known: shown|before\.raw/ });
  await expect(choices).toHaveCount(1);
  await opening.release();
  await expect(choices).toHaveCount(2);
  await choices.last().check();
  await page.getByRole("button", { name: "Use it" }).click();
  await expect(detail(page)).toContainText("what was there before is from before.raw");
});

test("what a disk discarded is taken for zeroes or for unknown, as is chosen and said", async ({
  launch,
  folder,
}) => {
  const { log } = logged(folder, ...story);
  const { app, page } = await launch(log);
  await opened(page);
  await goTo(page, 4);
  await expect(detail(page)).toContainText(
    "It is taken for zeroes: the log does not say what the disk had then.",
  );
  await page.keyboard.press("F1");
  await page.keyboard.type("and discards");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("radio", { name: "Zeroes", exact: true })).toBeChecked();
  await page.getByRole("radio", { name: /^Not known: reads as zeroes/ }).check();
  await page.getByRole("button", { name: "Use it" }).click();
  await expect(detail(page)).toContainText("What the disk had then is not known, and shows as zeroes.");
  await detail(page).getByRole("button", { name: "Open state in hex" }).click();
  await expect(
    page.getByRole("tab", { name: "disk after entry 4 of writes.log with discards unknown" }),
  ).toBeVisible();
  await expect.poll(() => shownBytes(hexPane(page), 0)).toEqual(Array(16).fill("11"));
  await goToByte(page, "1M");
  await expect.poll(() => shownBytes(hexPane(page), 0x100000)).toEqual(Array(16).fill("00"));
  await expect(page.locator('[data-pane="inspector"]')).toContainText(
    "discarded by entry 4: contents unknown, read as zeroes",
  );
  await hexPane(page).locator('[role="grid"]').focus();
  await typeAhead(app, ["g", "t"]);
  await expect(detail(page)).toContainText("History of sector 2,048 (0x100000)");
});

test("notes stay, and playing moves the scrub line", async ({ launch, folder }) => {
  const { log } = logged(folder, ...story);
  const { page } = await launch(log);
  await opened(page);
  await goTo(page, 5);
  await page.keyboard.press("m");
  await page.getByRole("textbox", { name: "Note" }).fill("here it goes wrong");
  await page.keyboard.press("Enter");
  await expect(current(page)).toContainText("here it goes wrong");
  await page.getByRole("combobox", { name: "Speed" }).selectOption("100");
  await table(page).focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("Space");
  await expect(current(page)).toContainText(/^9/);
  await page.keyboard.press("Control+w");
  await page.keyboard.press("Control+Shift+t");
  await opened(page);
  await page.getByRole("tab", { name: "Notes" }).click();
  await detail(page).getByRole("button", { name: "Entry 5" }).click();
  await expect(current(page)).toContainText(/^5/);
});

for (const theme of ["light", "dark"] as const) {
  test(`the timeline breaks no accessibility rule in the ${theme} theme`, async ({ launch, folder }) => {
    const { log } = logged(folder, ...story);
    const { page } = await launch(log);
    await page.emulateMedia({ colorScheme: theme });
    await opened(page);
    await expect(plot(page)).toBeFocused();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    await expect(detail(page)).toContainText("Entry 2");
    await expectNoViolations(page);
    await page.keyboard.press("h");
    await expect(detail(page)).toContainText("newest first");
    await expectNoViolations(page);
    await filter(page).click();
    await page.keyboard.type("se");
    await expect(page.getByRole("listbox", { name: "What can follow" })).toBeVisible();
    await expectNoViolations(page);
  });
}
