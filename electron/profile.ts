// Where this run keeps its settings and Chromium its caches: the user's profile, the folder BLKSCOPE_USER_DATA
// names (tests), or for a smoke test a folder of its own that goes away with it.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { app } from "electron";

/** Before the app is ready, and before it asks whether it is the only one: that is per profile. */
export function chooseProfile(isSmokeTest: boolean): void {
  const given = process.env.BLKSCOPE_USER_DATA;
  if (given) {
    app.setPath("userData", path.resolve(given));
  } else if (isSmokeTest) {
    const folder = mkdtempSync(path.join(tmpdir(), "blkscope-smoke-"));
    app.setPath("userData", folder);
    process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  }
}
