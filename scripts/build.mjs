// npm run build [-- --development] [--force]: everything into dist/. Types are `npm run check`'s business.
import { parseArgs } from "node:util";
import { ensureBuild } from "./build/build.mjs";
import { ensurePackages } from "./setup/packages.mjs";
import { runMain, step } from "./setup/say.mjs";

const { values } = parseArgs({
  options: { development: { type: "boolean", default: false }, force: { type: "boolean", default: false } },
});

await runMain(async () => {
  await step("packages", ensurePackages);
  await step("build", async () => (await ensureBuild(values)) ?? "up to date");
});
