// Start of the app: one instance, one window as early as possible, the rest behind it.
import * as path from "node:path";
import { fileURLToPath } from "node:url";
import { app, ipcMain, nativeTheme, session } from "electron";
import { registerScheme, serveApp } from "./appProtocol.ts";
import { handedOver, opening, parseArgs } from "./args.ts";
import type { Backend } from "./backend.ts";
import { developmentServer, hardenContents, hardenSession } from "./hardening.ts";
import { lines } from "./ipc/names.ts";
import { chooseProfile } from "./profile.ts";
import { SmokeTest } from "./smokeTest.ts";
import { PageRescue, reportUncaught } from "./trouble.ts";
import { MainWindow } from "./window.ts";
import { loadState, saveState, type WindowState } from "./windowState.ts";

const isDefaultApp = process.defaultApp === true;
const args = parseArgs(process.argv, process.cwd(), isDefaultApp);
const server = developmentServer(process.env.BLKSCOPE_DEV_SERVER, app.isPackaged);
const development = !app.isPackaged && (server !== undefined || process.env.BLKSCOPE_DEV === "1");
const resources = app.isPackaged ? process.resourcesPath : path.join(app.getAppPath(), "assets");

/** Files macOS asked for before the app was ready. */
const early: string[] = [];
let whenBackend: Promise<Backend> | undefined;
let backend: Backend | undefined;
const writing = () => backend?.writing ?? [];

reportUncaught(writing);
registerScheme();
hardenContents(app);
chooseProfile(args.smokeTest);
app.setAppUserModelId("io.blkscope.app"); // Windows: groups windows, names notifications
app.on("open-file", (event, file) => {
  event.preventDefault();
  if (whenBackend === undefined) early.push(file);
  else void whenBackend.then((it) => it.opened(opening([file])));
});

// A smoke test asks nothing of an app that is running.
if (args.smokeTest || app.requestSingleInstanceLock({ files: args.files, view: args.view })) {
  void app.whenReady().then(start);
} else {
  app.exit(0); // the running app has been given the files
}

function start(): void {
  const smokeTest = args.smokeTest ? new SmokeTest() : undefined;
  const stateFile = path.join(app.getPath("userData"), "state.json");
  let state = loadState(stateFile);
  nativeTheme.themeSource = state.theme;
  const shared = {
    development,
    resources,
    state: () => state,
    saveState: (change: Partial<WindowState>) => {
      state = { ...state, ...change };
      saveState(stateFile, state);
    },
  };
  hardenSession(session.defaultSession, server);
  serveApp(session.defaultSession, fileURLToPath(new URL("../renderer", import.meta.url)));

  const window: MainWindow = new MainWindow({
    ...shared,
    server,
    mayClose: () => backend?.mayClose() ?? true,
    onPageGone: (windowStays) => backend?.pageGone(windowStays),
    onCrash: (reason) => void rescue.crashed(reason),
  });
  const rescue = new PageRescue(window, writing);
  // The page's calls wait for what stands behind the window; the window does not.
  ipcMain.handle(lines.call, async (event, name, request) => (await whenBackend)?.call(event, name, request));
  ipcMain.handle(lines.file, async (event, file) => (await whenBackend)?.dropped(event, file));
  window.open();
  const startup = early.length > 0 ? opening(early) : args;
  whenBackend = import("./backend.ts").then((module) => {
    backend = new module.Backend({ ...shared, window, startup, onReady: () => smokeTest?.passed() });
    return backend;
  });
  follow(window, whenBackend);
}

function follow(window: MainWindow, ready: Promise<Backend>): void {
  nativeTheme.on("updated", () => window.paintBackground());
  app.on("second-instance", (_event, argv, cwd, data) => {
    void ready.then((it) => it.opened(handedOver(data) ?? parseArgs(argv, cwd, isDefaultApp)));
  });
  app.on("activate", () => {
    if (window.browserWindow === undefined) window.open();
  });
  app.on("window-all-closed", () => {
    if (process.platform !== "darwin") app.quit();
  });
  app.on("will-quit", () => backend?.pageGone(false));
}
