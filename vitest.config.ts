import { defineConfig } from "vitest/config";

/** Tests that load a module anew, and so need modules of their own. */
const withFreshModules = ["test/core/block/guard.test.ts", "test/core/protocol/libc.test.ts"];
/** Tests that run the peers, the whole command line or many commands, or try an image's crashes and faults at random. */
const long = [
  "test/{cross,crash,docs}/**/*.test.ts",
  "test/core/cli/**/*.test.ts",
  "test/core/ops/logBisectJob.test.ts",
  "test/core/**/{*Crash,fuzz,*Fuzz}.test.ts",
];

// Unit and integration tests; the end-to-end tests (test/e2e) are Playwright's.
export default defineConfig({
  test: {
    // They only have to end what hangs: a machine that is busy with other work takes many times as long.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: "forks",
    // The default leaves one core to others: half of all there is on two.
    maxWorkers: "100%",
    projects: [
      {
        extends: true,
        test: {
          name: "engine",
          include: ["test/core/**/*.test.ts"],
          exclude: [...long, ...withFreshModules],
          // The engine keeps nothing between images, and loading it for each file is a third of the work.
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: "app",
          include: ["test/{bench,electron,renderer,scripts}/**/*.test.{ts,tsx}", ...withFreshModules],
        },
      },
      { extends: true, test: { name: "long", include: long, isolate: false } },
    ],
  },
});
