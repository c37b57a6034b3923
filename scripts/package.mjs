// npm run package [-- --all]: a packed app in release/. Without --all the unpacked folder, which needs nothing but
// the runtime at hand; with it every format configured for this system, for which electron-builder fetches tools.
import { parseArgs } from "node:util";
import { ensureBuild } from "./build/build.mjs";
import { packageApp } from "./package/pack.mjs";
import { currentRuntime, ensureElectron } from "./setup/electron.mjs";
import { ensurePackages } from "./setup/packages.mjs";
import { runMain, say, step } from "./setup/say.mjs";

const { values } = parseArgs({ options: { all: { type: "boolean", default: false } } });

await runMain(async () => {
  await step("packages", ensurePackages);
  await step("electron", ensureElectron);
  await step("build", () => ensureBuild());
  await step("package", () => packageApp(values));
  if (currentRuntime().source !== "official") {
    say("this package is for testing only: it holds the fallback runtime, not the pinned Electron release");
  }
});
