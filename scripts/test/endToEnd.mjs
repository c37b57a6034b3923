// The end-to-end tests: Playwright drives the built app in the Electron that set-up found.
import { readFile, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { displaysApart } from "../setup/display.mjs";
import { inRoot } from "../setup/paths.mjs";
import { nodeEnv, run } from "../setup/run.mjs";
import { playwrightCounts } from "./counts.mjs";

/** Apps tested at once: each is several processes and draws in software. */
const mostAtOnce = 2;

/**
 * Needs a display and a build. The app gets no NODE_EXTRA_CA_CERTS, which slows the start of its Node.
 * @param {readonly string[]} [args] more arguments for Playwright
 */
export async function endToEnd(args = []) {
  const report = inRoot(".cache/reports/playwright.json"); // named in playwright.config.ts
  await rm(report, { force: true });
  const displays = await displaysApart(Math.min(mostAtOnce, availableParallelism()));
  const playwright = inRoot("node_modules/@playwright/test/cli.js");
  const { code } = await run(
    process.execPath,
    [playwright, "test", "--pass-with-no-tests", `--workers=${displays.length}`, ...args],
    { env: nodeEnv({ BLKSCOPE_DISPLAYS: displays.join(" ") }), show: true },
  );
  return playwrightCounts(JSON.parse(await readFile(report, "utf8")), code);
}
