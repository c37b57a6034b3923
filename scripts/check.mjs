// npm run check [-- VITEST ARGUMENTS]: types, lint, unit and integration tests, in under a minute.
import { ensurePackages } from "./setup/packages.mjs";
import { runMain, step } from "./setup/say.mjs";
import { checkSteps } from "./test/checks.mjs";
import { runSteps } from "./test/steps.mjs";

await runMain(async () => {
  await step("packages", ensurePackages);
  return runSteps(checkSteps(process.argv.slice(2)));
});
