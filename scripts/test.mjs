// npm test: everything, on a fresh clone as well: set-up, types, lint, unit tests, build, end-to-end tests in real
// Electron, and the packed app. The last line counts the tests.
import { ensureBuild } from "./build/build.mjs";
import { listedForAllTests, runSuite } from "./peerSuite/suite.mjs";
import { runMain, SetupError, say } from "./setup/say.mjs";
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

/** The peer's own tests of the formats we have, with our programs in the place of its own. */
async function peerSuite() {
  const tests = await listedForAllTests();
  try {
    return await runSuite(tests);
  } catch (error) {
    // In continuous integration Debian's packages are there; elsewhere the system may be another one.
    if (process.env.CI || !(error instanceof SetupError)) throw error;
    say(`SKIPPED: the peer's suite: ${error.message}`);
    return { ...none, skipped: tests.length };
  }
}

await runMain(async () => {
  await setUp({ peers: true });
  return runSteps([
    ...checkSteps(),
    { name: "build", body: build, isVital: true },
    { name: "the peer's suite", body: peerSuite },
    { name: "end-to-end tests", body: endToEnd },
    { name: "packed app", body: packedSmokeTest },
  ]);
});
