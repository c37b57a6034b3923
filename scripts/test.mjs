// npm test: everything, on a fresh clone as well: set-up, types, lint, unit tests, build, end-to-end tests in real
// Electron, and the packed app. The last line counts the tests.
import { ensureBuild } from "./build/build.mjs";
import { runMain } from "./setup/say.mjs";
import { setUp } from "./setup/setup.mjs";
import { checkSteps } from "./test/checks.mjs";
import { none } from "./test/counts.mjs";
import { endToEnd } from "./test/endToEnd.mjs";
import { packedSmokeTest } from "./test/packed.mjs";
import { runSteps } from "./test/steps.mjs";

async function build() {
  await ensureBuild();
  return none;
}

await runMain(async () => {
  await setUp({ peers: true });
  return runSteps([
    ...checkSteps(),
    { name: "build", body: build, isVital: true },
    { name: "end-to-end tests", body: endToEnd },
    { name: "packed app", body: packedSmokeTest },
  ]);
});
