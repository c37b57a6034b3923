import { defineConfig } from "vitest/config";

// Unit and integration tests; the end-to-end tests (test/e2e) are Playwright's.
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts", "test/**/*.test.tsx"],
    exclude: ["test/e2e/**", "node_modules/**"],
    testTimeout: 30_000,
    pool: "forks",
    // The default leaves one core to others: half of all there is on two.
    maxWorkers: "100%",
  },
});
