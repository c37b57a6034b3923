// app://blkscope/: the page's own scheme, in place of file:// (which could read every file there is).
import { protocol, type Session } from "electron";
import { appScheme, respond } from "./pageFiles.ts";

/** Tells Chromium of the scheme; before the app is ready. */
export function registerScheme(): void {
  protocol.registerSchemesAsPrivileged([
    { scheme: appScheme, privileges: { standard: true, secure: true, codeCache: true } },
  ]);
}

/** Serves the scheme in this session from the folder of the built page. */
export function serveApp(session: Session, folder: string): void {
  session.protocol.handle(appScheme, (request) => respond(request, folder));
}
