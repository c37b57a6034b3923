// npm run test:iotests [-- qed|raw|qcow2 [TEST...]]: the peer's own test suite with our programs in the place of its own.
// Without tests, the lists of test/peerSuite; without a format, all.
import { ensureBuild } from "./build/build.mjs";
import { listed, runSuite } from "./peerSuite/suite.mjs";
import { run } from "./setup/run.mjs";
import { runMain, SetupError } from "./setup/say.mjs";
import { setUp } from "./setup/setup.mjs";
import { runSteps } from "./test/steps.mjs";

/** @type {readonly import("./peerSuite/suite.mjs").Format[]} */
const formats = ["qed", "raw", "qcow2"];

await runMain(async () => {
  const [format, ...names] = process.argv.slice(2);
  const chosen = formats.filter((name) => format === undefined || name === format);
  if (chosen.length === 0) throw new SetupError(`the format '${format}' is not one of ${formats.join(", ")}`);
  await setUp({ peers: true });
  await ensureBuild({ parts: ["node"] });
  if ((await run("python3", ["--version"])).code !== 0) throw new SetupError("python3 is needed");
  return runSteps(
    chosen.map((name) => ({
      name: `the peer's suite, ${name}`,
      body: async () =>
        runSuite(
          names.length === 0
            ? await listed(name)
            : names.map((test) => ({
                format: name,
                test: /^\d+$/.test(test) ? test.padStart(3, "0") : test,
                seconds: 0,
              })),
        ),
    })),
  );
});
