// What the page must never do, refused in one place: leave, open windows, embed, ask for devices, use the network.
import type { App, Session, WebContents } from "electron";
import { developmentPolicy } from "./contentPolicy.ts";

/** Refuses navigation, new windows and embedded pages for every web contents of the app. */
export function hardenContents(app: App): void {
  app.on("web-contents-created", (_event, contents: WebContents) => {
    contents.setWindowOpenHandler(() => ({ action: "deny" }));
    contents.on("will-navigate", (event) => event.preventDefault());
    contents.on("will-frame-navigate", (event) => event.preventDefault());
    contents.on("will-redirect", (event) => event.preventDefault());
    contents.on("will-attach-webview", (event) => event.preventDefault());
  });
}

/** Denies permissions, downloads and the network; with a development server, all but that server. */
export function hardenSession(session: Session, server: URL | undefined): void {
  session.setPermissionRequestHandler((_contents, _permission, callback) => callback(false));
  session.setPermissionCheckHandler(() => false);
  session.setDevicePermissionHandler(() => false);
  session.on("will-download", (event) => event.preventDefault());
  const urls = ["http://*/*", "https://*/*", "ws://*/*", "wss://*/*"];
  session.webRequest.onBeforeRequest({ urls }, ({ url }, callback) => {
    callback({ cancel: server === undefined || !isOfServer(url, server) });
  });
  if (server === undefined) return;
  const policy = developmentPolicy(server);
  session.webRequest.onHeadersReceived(({ responseHeaders }, callback) => {
    callback({ responseHeaders: { ...responseHeaders, "content-security-policy": [policy] } });
  });
}

/** http and ws of the development server's very host and port. */
export function isOfServer(url: string, server: URL): boolean {
  const { protocol, host } = new URL(url);
  return host === server.host && (protocol === "http:" || protocol === "ws:");
}

/** The development server from the environment: only of this computer, and never in a packed app. */
export function developmentServer(address: string | undefined, isPackaged: boolean): URL | undefined {
  if (isPackaged || !address || !URL.canParse(address)) return undefined;
  const url = new URL(address);
  return url.protocol === "http:" && ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname)
    ? url
    : undefined;
}
