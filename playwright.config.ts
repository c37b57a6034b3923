// End-to-end tests in real Electron (no browsers are needed). `npm run e2e` does set-up, display and build first.
import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: "test/e2e",
  outputDir: "test-results",
  workers: 1, // apps on one screen take each other's focus: scripts/test/endToEnd.mjs gives each a display of its own
  retries: 0, // a test that passes the second time is a defect
  timeout: 60_000,
  expect: { timeout: 15_000 }, // until something is to be seen, on a machine that draws two apps in software
  maxFailures: process.env.CI ? 10 : 0, // an app that does not start must not take the hour
  forbidOnly: Boolean(process.env.CI),
  reporter: [["list"], ["json", { outputFile: ".cache/reports/playwright.json" }]],
  use: { trace: "retain-on-failure", screenshot: "only-on-failure" },
});
