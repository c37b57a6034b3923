// Starts the real app in real Electron with a fresh profile, and gives tests the words to talk about it.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { _electron, test as base, type ElectronApplication, expect, type Page } from "@playwright/test";
import type { CommandId } from "../../electron/commandTable.ts";
import { commandItem } from "../../electron/menuTemplate.ts";
import { electronArgs, electronPath } from "../../scripts/setup/electron.mjs";
import { type Folder, makeFolder, removeFolder } from "./images.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface Running {
  readonly app: ElectronApplication;
  readonly page: Page;
  /** Errors the page logged or threw. */
  readonly errors: readonly string[];
}

interface Fixtures {
  folder: Folder;
  /** Starts the app with these arguments; closed after the test. */
  launch(...args: string[]): Promise<Running>;
}

export const test = base.extend<Fixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright's way of saying that a fixture needs no other
  folder: async ({}, use) => {
    const folder = makeFolder();
    await use(folder);
    folder.remove();
  },
  // Asks for the folder so that it goes after the apps, which have its files open.
  launch: async ({ folder: _folder }, use, info) => {
    const running: Running[] = [];
    const profiles: string[] = [];
    await use(async (...args) => {
      const profile = mkdtempSync(join(tmpdir(), "blkscope-profile-"));
      profiles.push(profile);
      const started = await start(profile, args, displayOf(info.parallelIndex));
      running.push(started);
      apps.set(started.page, started.app);
      await canRun(started.page, "view.palette");
      return started;
    });
    for (const { app, page, errors } of running) {
      if (info.status !== info.expectedStatus) {
        await page.screenshot({ path: info.outputPath("failure.png") }).catch(() => undefined);
        await info.attach("what the window shows", { body: await shown(page), contentType: "text/plain" });
      }
      await app.close();
      expect(errors).toEqual([]);
    }
    for (const profile of profiles) removeFolder(profile);
  },
});

/** For a log of which only the text is kept. */
function shown(page: Page): Promise<string> {
  return page
    .evaluate(() => `${innerWidth}x${innerHeight} ${document.visibilityState}\n${document.body.innerText}`)
    .catch(String);
}

/** Environment of a worker's apps: the display that scripts/test/endToEnd.mjs has for it alone. */
function displayOf(worker: number): { DISPLAY?: string } {
  const display = process.env.BLKSCOPE_DISPLAYS?.split(" ")[worker];
  return display ? { DISPLAY: display } : {};
}

async function start(
  profile: string,
  args: readonly string[],
  display: { DISPLAY?: string },
): Promise<Running> {
  const { NODE_EXTRA_CA_CERTS: _certificates, ...env } = process.env;
  const app = await _electron.launch({
    executablePath: electronPath(),
    args: [...electronArgs(), root, ...args],
    env: { ...env, ...display, BLKSCOPE_USER_DATA: profile } as Record<string, string>,
  });
  const page = await app.firstWindow();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  return { app, page, errors };
}

const apps = new WeakMap<Page, ElectronApplication>();

/** Waits until a command can run, as the native menu has it: a key that is pressed before does nothing. */
export async function canRun(page: Page, id: CommandId): Promise<void> {
  const item = commandItem + id;
  const isEnabled = () =>
    apps.get(page)?.evaluate(({ Menu }, of) => Menu.getApplicationMenu()?.getMenuItemById(of)?.enabled, item);
  await expect.poll(isEnabled).toBe(true);
}

/** Shows the map of the image that was given to the app, once it is open. */
export async function toMap(page: Page): Promise<void> {
  await canRun(page, "go.to");
  await page.keyboard.press("Control+3");
}

/** Shows the repair wizard of the image that was given to the app, once it is open. */
export async function toRepair(page: Page): Promise<void> {
  await canRun(page, "go.to");
  await page.keyboard.press("Control+5");
}

export { expect };
