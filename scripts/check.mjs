// npm run check [-- VITEST ARGUMENTS]: types, lint and unit tests, in about a minute. Tests that run the peers or the
// whole command line, and those that let an image crash thousands of times, are left to `npm test`.
import { ensurePackages } from "./setup/packages.mjs";
import { runMain, step } from "./setup/say.mjs";
import { checkSteps, quickProjects } from "./test/checks.mjs";
import { runSteps } from "./test/steps.mjs";

await runMain(async () => {
  await step("packages", ensurePackages);
  return runSteps(
    checkSteps([...quickProjects.map((name) => `--project=${name}`), ...process.argv.slice(2)]),
  );
});
