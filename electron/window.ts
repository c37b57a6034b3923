// The app's window: made early, shown when drawn, placed where it was, loaded with our page and nothing else.
import { existsSync } from "node:fs";
import * as path from "node:path";
import { fileURLToPath } from "node:url";
import { app, BrowserWindow, nativeTheme, screen } from "electron";
import { EventQueue } from "./events.ts";
import type { OwnPage } from "./ipc/handle.ts";
import { lines } from "./ipc/names.ts";
import { appOrigin, appPage } from "./pageFiles.ts";
import { placeWindow, smallest, type WindowState } from "./windowState.ts";

/** The page's background before its first paint (assets/styles/tokens.css, --bg). */
const background = { light: "#ffffff", dark: "#14181d" } as const;

export interface WindowOptions {
  readonly development: boolean;
  /** Of the page, in development. */
  readonly server: URL | undefined;
  /** Folder of the app's icons and samples. */
  readonly resources: string;
  state(): WindowState;
  saveState(change: Partial<WindowState>): void;
  /** A page was left (`windowStays`: another is being loaded): what it opened and started must go too. */
  /** Asked before the window closes; false keeps it. */
  mayClose(): boolean;
  onPageGone(windowStays: boolean): void;
  /** The page's process ended by itself. */
  onCrash(reason: string): void;
}

/** From a page that is loaded to a window that is shown, painted or not. */
const longestWaitMs = 1000;

export class MainWindow {
  readonly #options: WindowOptions;
  #window: BrowserWindow | undefined;
  readonly events = new EventQueue((name, payload) => {
    if (this.#window !== undefined && !this.#window.webContents.isDestroyed())
      this.#window.webContents.send(lines.event, name, payload);
  });

  constructor(options: WindowOptions) {
    this.#options = options;
  }

  get browserWindow(): BrowserWindow | undefined {
    return this.#window;
  }

  /** Who may call main. */
  get ownPage(): OwnPage | undefined {
    if (this.#window === undefined) return undefined;
    return { contents: this.#window.webContents, origin: this.#options.server?.origin ?? appOrigin };
  }

  /** Makes the window and starts loading the page. */
  open(): void {
    const { development, server, resources, state } = this.#options;
    const icon = path.join(resources, "icons/png/256x256.png");
    const place = placeWindow(state().bounds, workAreas());
    const window = new BrowserWindow({
      ...place,
      minWidth: smallest.width,
      minHeight: smallest.height,
      title: app.name,
      show: false,
      backgroundColor: backgroundNow(),
      ...(process.platform === "linux" && existsSync(icon) ? { icon } : {}),
      webPreferences: {
        preload: fileURLToPath(new URL("preload.cjs", import.meta.url)),
        contextIsolation: true,
        sandbox: true,
        nodeIntegration: false,
        webSecurity: true,
        webviewTag: false,
        spellcheck: false,
        navigateOnDragDrop: false,
        devTools: development,
      },
    });
    this.#window = window;
    const show = () => {
      if (window.isDestroyed() || window.isVisible()) return;
      if (state().isMaximized) window.maximize();
      window.show();
    };
    window.once("ready-to-show", show);
    // A page that was given no size yet never paints, and is not ready for ever: being shown gives it one.
    window.webContents.once("did-finish-load", () => setTimeout(show, longestWaitMs));
    this.#follow(window);
    void window.loadURL(server?.href ?? appPage);
  }

  /** Brings the window before the others. */
  focus(): void {
    if (this.#window?.isMinimized()) this.#window.restore();
    this.#window?.show();
    this.#window?.focus();
  }

  reload(): void {
    this.#window?.webContents.reload();
  }

  /** The theme in force changed. */
  paintBackground(): void {
    this.#window?.setBackgroundColor(backgroundNow());
  }

  #follow(window: BrowserWindow): void {
    const { onPageGone, onCrash, mayClose, saveState } = this.#options;
    const { webContents } = window;
    let hasPage = false;
    window.on("page-title-updated", (event) => event.preventDefault()); // app:title alone sets it
    window.on("close", (event) => {
      saveState({ bounds: window.getNormalBounds(), isMaximized: window.isMaximized() });
      if (!mayClose()) event.preventDefault();
    });
    // The one way to a network that is not a request the session could deny.
    webContents.setWebRTCIPHandlingPolicy("disable_non_proxied_udp");
    // Not when a navigation starts: one that is refused has started too.
    webContents.on("did-navigate", () => {
      if (hasPage) {
        this.events.reset();
        onPageGone(true);
      }
      hasPage = true;
    });
    webContents.on("render-process-gone", (_event, { reason, exitCode }) => {
      this.events.reset();
      if (reason !== "clean-exit") onCrash(`${reason}, code ${exitCode}`);
    });
    window.on("closed", () => {
      this.#window = undefined;
      this.events.reset();
      onPageGone(false);
    });
  }
}

const backgroundNow = () => (nativeTheme.shouldUseDarkColors ? background.dark : background.light);

/** Work areas of all screens, the main one first. */
function workAreas() {
  const main = screen.getPrimaryDisplay();
  const others = screen.getAllDisplays().filter(({ id }) => id !== main.id);
  return [main, ...others].map(({ workArea }) => workArea);
}
