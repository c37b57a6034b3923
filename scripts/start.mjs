// npm start [-- FILE...]: set-up, build when a source changed, and the app with its arguments. Relative paths
// are relative to where npm was called.
import { ensureBuild } from "./build/build.mjs";
import { electronArgs, electronPath } from "./setup/electron.mjs";
import { root } from "./setup/paths.mjs";
import { foreground } from "./setup/run.mjs";
import { runMain, step } from "./setup/say.mjs";
import { setUp } from "./setup/setup.mjs";
import { checkSandbox } from "./setup/system.mjs";

await runMain(async () => {
  await setUp();
  if (electronArgs().length === 0) await checkSandbox(electronPath());
  await step("build", () => ensureBuild());
  const args = [...electronArgs(), root, ...process.argv.slice(2)];
  return foreground(electronPath(), args, { cwd: process.env.INIT_CWD ?? process.cwd() });
});
