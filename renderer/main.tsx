// Start of the page: asks main who and what it is, wires events to the stores, draws, and says when it stands.
import { createRoot } from "react-dom/client";
import "@fontsource/jetbrains-mono/latin-400.css";
import "@fontsource/jetbrains-mono/latin-700.css";
import "../assets/styles/tokens.css";
import "../assets/styles/base.css";
import { toPlain } from "../core/base/errors.ts";
import { App } from "./App.tsx";
import { call } from "./api.ts";
import { listenForCommands } from "./commands/dispatcher.ts";
import { syncMenu } from "./commands/menuSync.ts";
import { warmUp } from "./parts.ts";
import { listenForFiles } from "./shell/openFlows.ts";
import { followOverlayFocus } from "./shell/panelFocus.ts";
import { followPaneFocus } from "./shell/panes.ts";
import { followTheme } from "./shell/theme.ts";
import { followTitle } from "./shell/title.ts";
import { listenForSession, useApp } from "./store/app.ts";
import { listenForEvents } from "./store/events.ts";
import { listenForImages } from "./store/images.ts";
import { listenForJobs } from "./store/jobs.ts";
import { usePrefs } from "./store/prefs.ts";
import { useView } from "./store/view.ts";

/** Pixels for two panes of 16 bytes with their text, and the inspector. */
const threeColumns = 1560;

async function start(root: HTMLElement): Promise<void> {
  const info = await call("app:info");
  useApp.getState().start(info);
  usePrefs.getState().set({ theme: info.theme });
  followTheme();
  if (window.innerWidth >= threeColumns) useView.getState().toggle("compareInspector");
  listenForImages();
  listenForEvents();
  listenForJobs();
  listenForSession();
  listenForCommands(info.platform);
  followPaneFocus();
  followOverlayFocus();
  createRoot(root).render(<App />);
  afterPaint(() => {
    void call("app:ready").catch(() => undefined);
    syncMenu();
    followTitle();
    listenForFiles(info);
    requestIdleCallback(warmUp);
  });
}

/** Two frames on, what was drawn is on the screen. */
function afterPaint(then: () => void): void {
  requestAnimationFrame(() => requestAnimationFrame(then));
}

const root = document.getElementById("root");
if (root) {
  start(root).catch((error: unknown) => {
    // Without main there is no app to draw: say so in the page itself.
    root.textContent = `Blkscope could not start: ${toPlain(error).message}`;
  });
}
