// npm run docs: writes docs/cli.md anew from the tables that parse the options.
import { ensurePackages } from "./setup/packages.mjs";
import { inRoot } from "./setup/paths.mjs";
import { nodeEnv, run } from "./setup/run.mjs";
import { runMain, say, step } from "./setup/say.mjs";

await runMain(async () => {
  await step("packages", ensurePackages);
  const { code, output } = await run(
    process.execPath,
    [inRoot("node_modules/vitest/vitest.mjs"), "run", "test/core/cli/manual.test.ts"],
    { env: nodeEnv({ BLKSCOPE_UPDATE_DOCS: "1" }) },
  );
  if (code === 0) say("docs: docs/cli.md is up to date");
  else process.stderr.write(output);
  return code;
});
