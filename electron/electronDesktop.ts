// The desktop as Electron offers it: dialogs, clipboard, menu, title, taskbar, notifications.
import { existsSync } from "node:fs";
import * as path from "node:path";
import { app, clipboard, dialog, Notification, nativeTheme } from "electron";
import type { AppFacts, Desktop } from "./context.ts";
import { displayText } from "./files.ts";
import type { JobEnd, RecentItem } from "./ipc/contract.ts";
import { noticeAfterMs, noticeOf } from "./jobNotice.ts";
import type { JobWitness } from "./jobs.ts";
import type { AppMenu } from "./menu.ts";
import type { MainWindow } from "./window.ts";
import type { Theme, WindowState } from "./windowState.ts";

declare const __APP_VERSION__: string; // put in by the build

const imageFilters = [
  { name: "Disk images", extensions: ["qed", "raw", "img", "qcow2", "bin", "iso", "dd"] },
  { name: "Undo journals", extensions: ["blkscope-undo"] },
  { name: "All files", extensions: ["*"] },
];

export interface DesktopOptions {
  readonly window: MainWindow;
  readonly menu: AppMenu;
  readonly development: boolean;
  readonly resources: string;
  state(): WindowState;
  saveState(change: Partial<WindowState>): void;
  onReady(): void;
}

export function appFacts(development: boolean): AppFacts {
  const { electron = "", chrome = "", node = "", v8 = "" } = process.versions;
  return {
    name: app.name,
    versions: { app: __APP_VERSION__, electron, chromium: chrome, node, v8 },
    platform: platform(),
    development,
  };
}

/** The three systems the app is made for; others that run Electron are Linux to us. */
export function platform(): AppFacts["platform"] {
  return process.platform === "darwin" || process.platform === "win32" ? process.platform : "linux";
}

export class ElectronDesktop implements Desktop, JobWitness {
  readonly facts: AppFacts;
  readonly samplePaths: readonly [string, string] | undefined;
  readonly #options: DesktopOptions;
  /** Folder of the last file chosen in this run. */
  #folder: string | undefined;
  readonly #notices = new Set<Notification>();

  constructor(options: DesktopOptions) {
    this.#options = options;
    this.facts = appFacts(options.development);
    this.samplePaths = samplesIn(options.resources);
  }

  theme(): Theme {
    return this.#options.state().theme;
  }

  setTheme(theme: Theme): void {
    nativeTheme.themeSource = theme;
    this.#options.window.paintBackground();
    this.#options.saveState({ theme });
  }

  setTitle(title: string): void {
    this.#options.window.browserWindow?.setTitle(displayText(title));
  }

  pageReady(): void {
    this.#options.window.events.open();
    this.#options.onReady();
  }

  showCommands(enabled: ReadonlySet<string>, checked: ReadonlySet<string>): void {
    this.#options.menu.showCommands(enabled, checked);
  }

  async chooseFiles(title: string, multiple: boolean): Promise<readonly string[]> {
    const options: Electron.OpenDialogOptions = {
      title,
      properties: multiple ? ["openFile", "multiSelections"] : ["openFile"],
      filters: imageFilters,
      ...(this.#folder === undefined ? {} : { defaultPath: this.#folder }),
    };
    const { browserWindow } = this.#options.window;
    const { canceled, filePaths } = browserWindow
      ? await dialog.showOpenDialog(browserWindow, options)
      : await dialog.showOpenDialog(options);
    if (canceled || filePaths[0] === undefined) return [];
    this.#folder = path.dirname(filePaths[0]);
    return filePaths;
  }

  async chooseSavePath(suggestedName: string, title?: string): Promise<string | undefined> {
    const options: Electron.SaveDialogOptions = {
      ...(title === undefined ? {} : { title }),
      defaultPath: this.#folder === undefined ? suggestedName : path.join(this.#folder, suggestedName),
      properties: ["showOverwriteConfirmation", "createDirectory"],
    };
    const { browserWindow } = this.#options.window;
    const { canceled, filePath } = browserWindow
      ? await dialog.showSaveDialog(browserWindow, options)
      : await dialog.showSaveDialog(options);
    return canceled || !filePath ? undefined : filePath;
  }

  async askToStop(titles: readonly string[]): Promise<boolean> {
    return this.#asked({
      type: "warning",
      message: `${titles.map(displayText).join(", ")}: changes are being written`,
      detail:
        "If you close now, it stops after the present change. The undo journal stays beside the image: open the image " +
        "again to finish the repair or to take it back.",
      buttons: ["Keep writing", "Stop and close"],
    });
  }

  async askToRun(command: string, log: string): Promise<boolean> {
    return this.#asked({
      type: "question",
      message: `Run this command on states of ${displayText(log)}?`,
      detail:
        `${displayText(command)}\n\n` +
        "It runs with your rights, once for each state that is looked at. {} stands for a temporary file that holds the state.",
      buttons: ["Do not run it", "Run the command"],
    });
  }

  /** Whether the second of two buttons was chosen; the first is there for Enter and Escape. */
  async #asked(question: Electron.MessageBoxOptions): Promise<boolean> {
    const options = { ...question, defaultId: 0, cancelId: 0, noLink: true };
    const { browserWindow } = this.#options.window;
    const { response } = browserWindow
      ? await dialog.showMessageBox(browserWindow, options)
      : await dialog.showMessageBox(options);
    return response === 1;
  }

  copyText(text: string): void {
    clipboard.writeText(text);
  }

  showRecent(items: readonly RecentItem[], added: readonly string[]): void {
    this.#options.menu.showRecent(items);
    if (process.platform === "linux") return; // the desktop's own list would outlive ours there
    if (items.length === 0) app.clearRecentDocuments();
    for (const file of added) app.addRecentDocument(file);
  }

  progress(part: number | undefined): void {
    this.#options.window.browserWindow?.setProgressBar(part ?? -1);
  }

  ended(title: string, end: JobEnd, elapsedMs: number): void {
    const { window } = this.#options;
    const notice = noticeOf(title, end);
    if (elapsedMs < noticeAfterMs || window.browserWindow?.isFocused() !== false || notice === undefined)
      return;
    if (!Notification.isSupported()) return;
    const shown = new Notification({ ...notice, silent: true });
    // Kept until it goes: a collected notification no longer hears the click.
    this.#notices.add(shown);
    shown.on("close", () => this.#notices.delete(shown));
    shown.on("click", () => window.focus());
    shown.show();
  }
}

function samplesIn(resources: string): readonly [string, string] | undefined {
  const [a, b] = ["sample.qed", "sample.raw"].map((name) => path.join(resources, "samples", name));
  return a !== undefined && b !== undefined && existsSync(a) && existsSync(b) ? [a, b] : undefined;
}
