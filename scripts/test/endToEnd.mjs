// The end-to-end tests: Playwright drives the built app in the Electron that set-up found.
import { readFile, rm } from "node:fs/promises";
import { inRoot } from "../setup/paths.mjs";
import { nodeEnv, run } from "../setup/run.mjs";
import { playwrightCounts } from "./counts.mjs";

/**
 * Needs a display and a build. The app gets no NODE_EXTRA_CA_CERTS, which slows the start of its Node.
 * @param {readonly string[]} [args] more arguments for Playwright
 */
export async function endToEnd(args = []) {
  const report = inRoot(".cache/reports/playwright.json"); // named in playwright.config.ts
  await rm(report, { force: true });
  const { code } = await run(
    process.execPath,
    [inRoot("node_modules/@playwright/test/cli.js"), "test", "--pass-with-no-tests", ...args],
    { env: nodeEnv(), show: true },
  );
  return playwrightCounts(JSON.parse(await readFile(report, "utf8")), code);
}
