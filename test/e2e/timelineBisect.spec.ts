// The first failing entry of a log, found in the timeline by keyboard alone: with the real e2fsck on what mke2fs and debugfs
// wrote, as QEMU logged it; that nothing runs unasked; cancelling, errors in words, and the rules of axe.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { ElectronApplication, Page } from "@playwright/test";
import { canRun, expect, test } from "./app.ts";
import { expectNoViolations } from "./axe.ts";
import type { Folder } from "./images.ts";
import { choosing } from "./outside.ts";
import { expectCaret, shownBytes } from "./words.ts";

const table = (page: Page) => page.getByRole("grid", { name: /^Entries of/ });
const current = (page: Page) => table(page).locator('[aria-selected="true"]');
const detail = (page: Page) => page.locator('[data-pane="detail"]');
const states = (page: Page) => page.getByRole("grid", { name: /^States that were looked at/ });
const dialog = (page: Page) => page.getByRole("dialog", { name: "Find the first failing entry" });

const blockSize = 1024;
const diskSize = 1024 * 1024;

interface Story {
  readonly log: string;
  /** Entries of the step that made the file system. */
  readonly made: number;
  /**
   * The first entry after which e2fsck fails, of the first step that leaves it failing: found by applying the blocks one by
   * one, here. Within a step that takes several writes it may fail in between.
   */
  readonly broken: number;
}

/** A file system that mke2fs makes and debugfs breaks; each block that a step changed is an entry, and a flush ends it. */
function fileSystem(folder: Folder): Story {
  const [disk, probe] = [folder.file("disk.img"), folder.file("probe.img")];
  writeFileSync(disk, new Uint8Array(diskSize));
  writeFileSync(folder.file("logged.img"), new Uint8Array(diskSize));
  writeFileSync(folder.file("writes.log"), "");
  writeFileSync(folder.file("hello.txt"), "hello\n");
  const options = { cwd: folder.path, stdio: "pipe" } as const;
  const steps: readonly (readonly [string, readonly string[]])[] = [
    ["mke2fs", ["-q", "-F", "-O", "none,filetype", "-I", "128", "-b", `${blockSize}`, disk]],
    ["debugfs", ["-w", "-R", "write hello.txt hello.txt", disk]],
    ["debugfs", ["-w", "-R", "mkdir docs", disk]],
    ["debugfs", ["-w", "-R", "clri docs", disk]],
    ["debugfs", ["-w", "-R", "write hello.txt again.txt", disk]],
  ];
  const commands: string[] = [];
  const now = readFileSync(disk);
  let made = 0;
  let broken = -1;
  for (const [place, [program, words]] of steps.entries()) {
    execFileSync(program, words, options);
    const failing: number[] = [];
    const after = readFileSync(disk);
    for (let at = 0; at < diskSize; at += blockSize) {
      const block = after.subarray(at, at + blockSize);
      if (block.equals(now.subarray(at, at + blockSize))) continue;
      block.copy(now, at);
      const name = `block.${commands.length}`;
      writeFileSync(folder.file(name), block);
      commands.push(`write -q -s ${name} ${at} ${blockSize}`);
      if (place === 0 || broken >= 0) continue;
      writeFileSync(probe, now);
      if (spawnSync("e2fsck", ["-fn", probe]).status !== 0) failing.push(commands.length - 1);
    }
    if (failing.at(-1) === commands.length - 1) broken = failing[0] ?? -1;
    commands.push("flush");
    if (place === 0) made = commands.length;
  }
  const image =
    "driver=blklogwrites,file.driver=file,file.filename=logged.img,log.driver=file,log.filename=writes.log";
  const given = commands.flatMap((command) => ["-c", command]);
  execFileSync("qemu-io", ["-t", "writeback", "--image-opts", image, ...given], options);
  return { log: folder.file("writes.log"), made, broken };
}

/** A log of ten writes of one sector each, each with a flush behind it: sector n holds n + 1. */
function tenWrites(folder: Folder): string {
  const [log, data] = [folder.file("writes.log"), folder.file("disk.raw")];
  writeFileSync(data, new Uint8Array(64 * 1024));
  writeFileSync(log, "");
  const commands = Array.from({ length: 10 }, (_, i) => [`write -P ${i + 1} ${512 * i} 512`, "flush"]);
  const given = commands.flat().flatMap((command) => ["-c", command]);
  const image = `driver=blklogwrites,file.driver=file,file.filename=${data},log.driver=file,log.filename=${log}`;
  execFileSync("qemu-io", ["-t", "writeback", "--image-opts", image, ...given], { stdio: "pipe" });
  return log;
}

/** Answers main's question whether a command may run, and keeps what it showed. */
async function answering(app: ElectronApplication, response: number): Promise<() => Promise<string[]>> {
  await app.evaluate(({ dialog }, answer) => {
    const asked: string[] = [];
    Object.assign(globalThis, { asked });
    dialog.showMessageBox = (...given: unknown[]) => {
      const { message, detail: shown } = given.at(-1) as { message: string; detail: string };
      asked.push(`${message}\n${shown}`);
      return Promise.resolve({ response: answer, checkboxChecked: false });
    };
  }, response);
  return () => app.evaluate(() => (globalThis as unknown as { asked: string[] }).asked);
}

async function opened(page: Page): Promise<void> {
  await expect(table(page)).toBeVisible();
  await expect(current(page)).toBeVisible();
}

/** By the command palette. */
async function command(page: Page, text: string): Promise<void> {
  await page.keyboard.press("F1");
  await page.keyboard.type(text);
  await page.keyboard.press("Enter");
}

/** Fills in the command, which has the focus when the dialog opens. */
async function askFor(page: Page, line: string): Promise<void> {
  await canRun(page, "timeline.bisect");
  await command(page, "Find the first failing entry");
  await expect(dialog(page)).toBeVisible();
  await expect(page.getByRole("textbox", { name: "Command" })).toBeFocused();
  await page.keyboard.press("Control+a");
  await page.keyboard.type(line);
}

async function tabTo(page: Page, name: RegExp, role: "combobox" | "textbox" | "button" | "checkbox") {
  const target = dialog(page).getByRole(role, { name });
  for (let step = 0; step < 25; step++) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`${name} is not reached by Tab`);
}

const lacksFileSystems = ["mke2fs", "debugfs", "e2fsck"].some(
  (program) => spawnSync(program, ["-V"]).error !== undefined,
);

test("by keyboard alone, e2fsck finds the entry that broke a file system, and one goes to it", async ({
  launch,
  folder,
}) => {
  test.skip(lacksFileSystems && !process.env.CI, "SKIPPED: mke2fs, debugfs and e2fsck are not all there");
  const { log, made, broken } = fileSystem(folder);
  const { app, page } = await launch(log);
  await opened(page);
  const asked = await answering(app, 1);
  await askFor(page, "e2fsck -fn {}");
  await expect(dialog(page)).toContainText("Runs: e2fsck -fn {}");
  // The states before the file system was made would all fail.
  await tabTo(page, /^Entries/, "combobox");
  await page.keyboard.press("End");
  await tabTo(page, /^First entry/, "textbox");
  await page.keyboard.press("Control+a");
  await page.keyboard.type(`${made}`);
  await tabTo(page, /^Size of the disk/, "textbox");
  await page.keyboard.type("1 MiB");
  await page.keyboard.press("Enter");
  // Main shows the very command, and asks.
  await expect
    .poll(async () => (await asked())[0])
    .toContain("Run this command on states of writes.log?\ne2fsck -fn {}\n");
  await expect(detail(page)).toContainText(`The first state that fails is that after entry ${broken}.`);
  await expect(detail(page)).toContainText(`Passes lastafter entry ${broken - 1}`);
  await expect(detail(page)).toContainText(`Broken byentry ${broken}`);
  expect(await asked()).toHaveLength(1);

  await command(page, "Go to the first failing entry");
  await expect(current(page)).toContainText(new RegExp(`^${broken}`));
  // F8 steps through the states that fail, the table through all.
  await table(page).focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("F8");
  await expect(current(page)).toContainText(new RegExp(`^${broken}`));
  await states(page).focus();
  await page.keyboard.press("Home");
  await expect(states(page).locator('[aria-selected="true"]')).toContainText("passes");
  await page.keyboard.press("End");
  await expect(states(page).locator('[aria-selected="true"]')).toContainText("fails");

  // The same search as a line for the command line.
  await command(page, "Copy the search as a command");
  await expect
    .poll(() => app.evaluate(({ clipboard }) => clipboard.readText()))
    .toContain(" -- e2fsck -fn {}");
  const line = await app.evaluate(({ clipboard }) => clipboard.readText());
  expect(line).toContain(`blkscope log bisect --at flush --search binary --refine --start-entry ${made}`);

  await command(page, "Compare the last disk that passes");
  await expect(
    page.getByRole("tab", {
      name: `disk after entry ${broken - 1} of writes.log ⇄ disk after entry ${broken} of writes.log`,
    }),
  ).toBeVisible();
});

test("nothing runs unless the person agrees, and what is wrong is said in place", async ({
  launch,
  folder,
}) => {
  const { app, page } = await launch(tenWrites(folder));
  await opened(page);
  const ran = folder.file("ran");
  const asked = await answering(app, 0);
  await askFor(page, "touch");
  await expect(dialog(page)).toContainText("has no {}");
  await expect(dialog(page).getByRole("button", { name: /^Run it/ })).toBeDisabled();
  await page.keyboard.press("Control+a");
  await page.keyboard.type(`touch '${ran.replaceAll("'", "'\\''")}' {}`);
  await page.keyboard.press("Enter");
  await expect(detail(page)).toContainText("The command was not run. Nothing was looked at.");
  expect((await asked())[0]).toContain("touch ");
  expect(() => readFileSync(ran)).toThrow();

  await answering(app, 1);
  await askFor(page, "no-such-program {}");
  await page.keyboard.press("Enter");
  await expect(detail(page)).toContainText("'no-such-program' can't be run: there is no such program.");
  await expect(detail(page)).toContainText("give its whole path");

  await askFor(page, "true {}");
  await page.keyboard.press("Enter");
  await expect(detail(page)).toContainText("The last state passes: there is nothing to halve.");

  await askFor(page, "sh -c 'exit 125' {}");
  await page.keyboard.press("Enter");
  await expect(detail(page)).toContainText("None of the 2 states looked at could be judged.");
  await expect(page.getByRole("list", { name: "Shapes of the timeline" })).toContainText("Skipped");
});

test("states are painted as they come, a search is cancelled, and what it found stays", async ({
  launch,
  folder,
}) => {
  const { app, page } = await launch(tenWrites(folder));
  await opened(page);
  await answering(app, 1);
  // Sector 3 is written by entry 6. States that have sector 4, by entry 8, are not judged before the search is cancelled.
  const isZero = (offset: number) => `test "$(od -An -tu1 -j${offset} -N1 "$0")" -eq 0`;
  await askFor(page, `sh -c '${isZero(2048)} || exec sleep 60; ${isZero(1536)}' {}`);
  await tabTo(page, /^Search/, "combobox");
  await page.keyboard.press("End");
  await tabTo(page, /^Run it/, "button");
  await page.keyboard.press("Enter");
  await expect(states(page).getByRole("row").nth(2)).toBeVisible();
  await expect(detail(page)).toContainText("Looking at states");
  await expect(page.getByRole("list", { name: "Shapes of the timeline" })).toContainText("Passed");
  await expect(detail(page)).toContainText("fails");
  await page.keyboard.press("Escape");
  await expect(detail(page)).toContainText("So far the first state that fails is that after entry 7.");
  await expect(detail(page)).toContainText("these results are partial");
  // Sector 3 before and after.
  await command(page, "Show the last disk that passes");
  await expect(page.getByRole("tab", { name: "disk after entry 5 of writes.log" })).toBeVisible();
  await expect.poll(() => shownBytes(page.locator('[data-pane="hex"]'), 0)).toEqual(Array(16).fill("01"));
});

test("the check of QED images finds where one was broken, over the image that it was before, and asks nobody", async ({
  launch,
  folder,
}) => {
  const [image, before, log] = ["disk.qed", "before.qed", "writes.log"].map((name) => folder.file(name));
  if (image === undefined || before === undefined || log === undefined) throw new Error("no names");
  const options = { cwd: folder.path, stdio: "pipe" } as const;
  execFileSync("qemu-img", ["create", "-q", "-f", "qed", "disk.qed", "16M"], options);
  execFileSync("cp", ["disk.qed", "before.qed"], options);
  writeFileSync(log, "");
  const logged =
    "driver=blklogwrites,file.driver=file,file.filename=disk.qed,log.driver=file,log.filename=writes.log";
  const guest = `driver=qed,${logged.replace(/^/, "file.").replaceAll(",", ",file.")}`;
  const writes = ["write -P 1 0 64k", "flush", "write -P 2 5M 64k", "flush"].flatMap((one) => ["-c", one]);
  execFileSync("qemu-io", ["-t", "writeback", "--image-opts", guest, ...writes], options);
  // The L1 table lies behind the header's cluster of 64 KiB: its first entry points into nowhere now.
  const breaking = ["-c", "write -P 0x77 64k 512", "-c", "flush"];
  execFileSync(
    "qemu-io",
    ["-t", "writeback", "--image-opts", `${logged},log-append=on`, ...breaking],
    options,
  );

  const { app, page } = await launch(log);
  await opened(page);
  await choosing(app, before);
  await page.keyboard.press("Control+o");
  await expect(page.getByRole("tab", { name: "before.qed" })).toBeVisible();
  await expectCaret(page, 0);
  await page.keyboard.press("Control+4");
  await opened(page);
  // A log of what the format wrote to its file: the file as it was, not the guest's disk.
  const last = Number(await table(page).getAttribute("aria-rowcount")) - 2;
  const asked = await answering(app, 0);
  await command(page, "Find the first failing entry");
  // What the disk's first bytes say chooses the check.
  await expect(dialog(page).getByRole("radio", { name: /QED/ })).toBeChecked();
  const choice = (name: RegExp) => dialog(page).getByRole("combobox", { name });
  await choice(/^States after/).selectOption({ label: "every entry" });
  const below = choice(/^Disk before it/);
  await below.selectOption({ index: 1 });
  await expect(below.locator("option:checked")).toHaveText(/^before\.qed .*: the file as it is/);
  await tabTo(page, /^Check these states/, "button");
  await page.keyboard.press("Enter");
  await expect(detail(page)).toContainText(/The first state that fails is that after entry \d+\./);
  const broken = Number(/after entry (\d+)\./.exec(await detail(page).innerText())?.[1]);
  // The breaking write is the last but its flush, and the one on closing.
  expect(broken).toBeGreaterThan(last - 4);
  await command(page, "Go to the first failing entry");
  await page.getByRole("tab", { name: "Entry", exact: true }).click();
  await expect(detail(page)).toContainText("sector 128 (0x10000)");
  expect(await asked()).toEqual([]);
});

test("closing the window ends a command that is running", async ({ launch, folder }) => {
  const { app, page } = await launch(tenWrites(folder));
  await opened(page);
  await answering(app, 1);
  const pid = folder.file("pid");
  await askFor(page, `sh -c 'echo $$ > "$1"; sleep 100' {} '${pid.replaceAll("'", "'\\''")}'`);
  await page.keyboard.press("Enter");
  // Two states may be looked at together, each of which writes it anew.
  let running = 0;
  const read = () => {
    running = existsSync(pid) ? Number(readFileSync(pid, "utf8")) : 0;
    return running;
  };
  await expect.poll(read).toBeGreaterThan(0);
  const closed = app.waitForEvent("close");
  // The app may be gone before it answers.
  await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.close()).catch(() => undefined);
  await closed;
  await expect(() => expect(() => process.kill(running, 0)).toThrow("ESRCH")).toPass();
});

for (const theme of ["light", "dark"] as const) {
  test(`dialog and result follow the rules of axe in ${theme}`, async ({ launch, folder }) => {
    const { app, page } = await launch(tenWrites(folder));
    await page.emulateMedia({ colorScheme: theme });
    await opened(page);
    await answering(app, 1);
    await askFor(page, `sh -c 'test "$(od -An -tu1 -j1536 -N1 "$0")" -eq 0' {}`);
    await expectNoViolations(page);
    await page.keyboard.press("Enter");
    await expect(detail(page)).toContainText("The first state that fails is that after entry 6.");
    await expectNoViolations(page);
  });
}
