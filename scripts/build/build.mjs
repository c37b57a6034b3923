// Builds everything into dist/: Node's side with esbuild, the renderer with vite, side by side. Skips when the
// sources are the ones dist/ was built from.

import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { withLock } from "../setup/lock.mjs";
import { inRoot } from "../setup/paths.mjs";
import { say } from "../setup/say.mjs";
import { nodeBuilds } from "./node.mjs";
import { sourceStamp } from "./stamp.mjs";

const stampFile = () => inRoot("dist/stamp");

async function buildNode(/** @type {boolean} */ development) {
  const { build } = await import("esbuild");
  await Promise.all((await nodeBuilds({ development })).map((options) => build(options)));
  if (existsSync(inRoot("dist/cli/blkscope.js"))) await chmod(inRoot("dist/cli/blkscope.js"), 0o755);
}

async function buildRenderer(/** @type {boolean} */ development) {
  if (!existsSync(inRoot("renderer/index.html"))) return;
  const { build } = await import("vite");
  await build({
    configFile: inRoot("vite.config.ts"),
    mode: development ? "development" : "production",
    logLevel: "warn",
    build: { minify: !development, sourcemap: development },
  });
}

/**
 * Builds when the sources changed. Answers what was done, undefined when dist/ was up to date.
 * @param {{ development?: boolean, force?: boolean }} [options]
 */
export async function ensureBuild({ development = false, force = false } = {}) {
  const mode = development ? "development" : "production";
  const body = async () => {
    const stamp = await sourceStamp(mode);
    if (!force && (await readFile(stampFile(), "utf8").catch(() => "")) === stamp) return undefined;
    await rm(stampFile(), { force: true });
    await mkdir(inRoot("dist"), { recursive: true });
    await Promise.all([buildNode(development), buildRenderer(development)]);
    await writeFile(stampFile(), stamp);
    return `built into dist/ (${mode})`;
  };
  return withLock(inRoot("node_modules/.blkscope-build"), body, () =>
    say("build: waiting for another build"),
  );
}
