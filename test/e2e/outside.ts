// What happens to a window from outside while a person is at it: files that are chosen, a second launch, a slow answer, a lost session, a page that is busy.
import type { ElectronApplication, Page } from "@playwright/test";
import type { ChannelName, EventName } from "../../electron/ipc/contract.ts";

/** What electron keeps of its handlers, which its types don't tell. */
type Handlers = Map<string, (event: unknown, name: string, ...rest: unknown[]) => unknown>;

/** Another launch of the app hands these files to the window that is open. */
export async function launchAgain(app: ElectronApplication, ...files: readonly string[]): Promise<void> {
  await app.evaluate(({ app: electron }, given) => {
    electron.emit("second-instance", {}, ["electron", ".", ...given], "/", {});
  }, files);
}

/** The system's dialog for opening gives these files, whenever it is asked. */
export async function choosing(app: ElectronApplication, ...files: readonly string[]): Promise<void> {
  await app.evaluate(({ dialog }, given) => {
    dialog.showOpenDialog = () => Promise.resolve({ canceled: false, filePaths: [...given] });
  }, files);
}

/** The session's thread has ended: every image is opened again. */
export async function loseSession(app: ElectronApplication): Promise<void> {
  await app.evaluate(({ BrowserWindow }) => {
    const error = { code: "EIO", message: "it ended", context: {}, details: [] };
    for (const { webContents } of BrowserWindow.getAllWindows()) {
      webContents.send("blkscope:event", "session:lost", { error });
    }
  });
}

export interface Held {
  /** How many calls wait by now. */
  count(): Promise<number>;
  /** Lets those go on that wait, and all later ones. */
  release(): Promise<void>;
}

/** Calls of this name wait before main takes them. */
export async function hold(app: ElectronApplication, name: ChannelName): Promise<Held> {
  await app.evaluate(({ ipcMain }, given) => {
    const { _invokeHandlers: handlers } = ipcMain as unknown as { _invokeHandlers: Handlers };
    const take = handlers.get("blkscope:call");
    if (take === undefined) throw new Error("calls are taken under another name");
    const store = globalThis as unknown as { held: number; letGo: () => void };
    store.held = 0;
    const released = new Promise<void>((resolve) => {
      store.letGo = resolve;
    });
    handlers.set("blkscope:call", async (event, called, ...rest) => {
      if (called === given) {
        store.held++;
        await released;
      }
      return take(event, called, ...rest);
    });
  }, name);
  return {
    count: () => app.evaluate(() => (globalThis as unknown as { held: number }).held),
    release: () => app.evaluate(() => (globalThis as unknown as { letGo: () => void }).letGo()),
  };
}

/** Events of this name don't reach the page any more. */
export async function mute(app: ElectronApplication, name: EventName): Promise<void> {
  await app.evaluate(({ BrowserWindow }, given) => {
    for (const { webContents } of BrowserWindow.getAllWindows()) {
      const send = webContents.send.bind(webContents);
      webContents.send = (line, ...rest) => {
        if (rest[0] !== given) send(line, ...rest);
      };
    }
  }, name);
}

/** Has the page do nothing else for so long, from now on. */
export async function keepBusy(page: Page, ms: number): Promise<void> {
  await page.evaluate((given) => {
    setTimeout(() => {
      const end = performance.now() + given;
      while (performance.now() < end);
    }, 0);
  }, ms);
}

/** Presses keys without waiting for the page to take them. */
export async function typeAhead(app: ElectronApplication, keys: readonly string[]): Promise<void> {
  await app.evaluate(({ BrowserWindow }, given) => {
    const [window] = BrowserWindow.getAllWindows();
    for (const keyCode of given) {
      window?.webContents.sendInputEvent({ type: "keyDown", keyCode });
      const char = keyCode === "Enter" ? "\r" : keyCode;
      window?.webContents.sendInputEvent({ type: "char", keyCode: char });
      window?.webContents.sendInputEvent({ type: "keyUp", keyCode });
    }
  }, keys);
}
