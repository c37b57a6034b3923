// npm run cli -- ARGUMENTS: the command line from the sources, built when one changed. Relative paths are
// relative to where npm was called.
import { ensureBuild } from "./build/build.mjs";
import { ensurePackages } from "./setup/packages.mjs";
import { inRoot } from "./setup/paths.mjs";
import { foreground, nodeEnv } from "./setup/run.mjs";
import { runMain, step } from "./setup/say.mjs";

await runMain(async () => {
  await step("packages", ensurePackages);
  await step("build", () => ensureBuild({ parts: ["node"] }));
  return foreground(process.execPath, [inRoot("dist/cli/blkscope.js"), ...process.argv.slice(2)], {
    cwd: process.env.INIT_CWD ?? process.cwd(),
    env: nodeEnv(),
  });
});
