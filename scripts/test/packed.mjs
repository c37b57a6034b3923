// The smoke test of the packed app: it starts, opens its window and says so. Its fuses keep every debugger out,
// so it is not driven but asked with --smoke-test, which prints one JSON line when the renderer is ready.

import { rm } from "node:fs/promises";
import { packageApp, packedExecutable } from "../package/pack.mjs";
import { electronArgs } from "../setup/electron.mjs";
import { inRoot } from "../setup/paths.mjs";
import { nodeEnv, run } from "../setup/run.mjs";
import { say } from "../setup/say.mjs";
import { oneFailure } from "./counts.mjs";

/** The line among an app's output that reports readiness; Chromium may print lines of its own. */
export function readyReport(/** @type {string} */ output) {
  for (const line of output.split("\n")) {
    try {
      const report = JSON.parse(line);
      if (report?.ready === true) return /** @type {Record<string, unknown>} */ (report);
    } catch {
      // not the report
    }
  }
  return undefined;
}

/** Packs the app and starts it. Needs a display and a build. */
export async function packedSmokeTest() {
  const folder = inRoot(".cache/packed"); // not release/, which is the person's own
  await packageApp({ output: folder });
  const { code, output, stdout } = await run(packedExecutable(folder), [...electronArgs(), "--smoke-test"], {
    env: nodeEnv({ ELECTRON_RUN_AS_NODE: undefined }),
    timeoutMs: 60_000,
  });
  await rm(folder, { recursive: true, force: true });
  const report = readyReport(stdout);
  if (code === 0 && report !== undefined) return { passed: 1, failed: 0, skipped: 0 };
  say(`the packed app did not get ready (code ${code}):\n${output.trim()}`);
  return oneFailure;
}
