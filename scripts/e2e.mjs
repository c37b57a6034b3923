// npm run e2e [-- PLAYWRIGHT ARGUMENTS]: set-up, build when a source changed, and the end-to-end tests alone.
import { ensureBuild } from "./build/build.mjs";
import { runMain, step } from "./setup/say.mjs";
import { setUp } from "./setup/setup.mjs";
import { endToEnd } from "./test/endToEnd.mjs";
import { runSteps } from "./test/steps.mjs";

await runMain(async () => {
  await setUp({ peers: true });
  await step("build", () => ensureBuild());
  return runSteps([{ name: "end-to-end tests", body: () => endToEnd(process.argv.slice(2)) }]);
});
