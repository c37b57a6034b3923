// Builds everything into dist/: Node's side with esbuild, the renderer with vite, side by side. Skips when the
// sources are the ones dist/ was built from.

import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { stripVTControlCharacters } from "node:util";
import { withLock } from "../setup/lock.mjs";
import { inRoot } from "../setup/paths.mjs";
import { SetupError, say } from "../setup/say.mjs";
import { makeLaunchable } from "./commandLine.mjs";
import { nodeBuilds } from "./node.mjs";
import { sourceStamp } from "./stamp.mjs";

async function buildNode(/** @type {boolean} */ development) {
  const { build } = await import("esbuild");
  const results = await Promise.all((await nodeBuilds({ development })).map((options) => build(options)));
  for (const { warnings } of results) {
    for (const { text, location } of warnings) say(`build: ${location?.file}:${location?.line}: ${text}`);
  }
  if (!existsSync(inRoot("dist/cli/blkscope.js"))) return;
  // The package says that its .js files are ES modules; these are not.
  await writeFile(inRoot("dist/cli/package.json"), '{ "type": "commonjs" }\n');
  await makeLaunchable(inRoot("dist/cli"));
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

const builders = { node: buildNode, renderer: buildRenderer };

/** @typedef {import("./stamp.mjs").Part} Part */

/** Where the stamp of a part that is built lies; gone while it is not. */
export const stampFile = (/** @type {Part} */ part) => inRoot("dist", `${part}.stamp`);

/** Builds one part when its sources changed. Answers whether it did. */
async function buildPart(
  /** @type {Part} */ part,
  /** @type {boolean} */ development,
  /** @type {boolean} */ force,
) {
  const stamp = await sourceStamp(part, development ? "development" : "production");
  if (!force && (await readFile(stampFile(part), "utf8").catch(() => "")) === stamp) return false;
  await rm(stampFile(part), { force: true });
  await builders[part](development);
  await writeFile(stampFile(part), stamp);
  return true;
}

/**
 * Builds what changed. Answers what was done, undefined when dist/ was up to date.
 * @param {{ development?: boolean, force?: boolean, parts?: readonly Part[] }} [options]
 */
export async function ensureBuild({ development = false, force = false, parts = ["node", "renderer"] } = {}) {
  const body = async () => {
    await mkdir(inRoot("dist"), { recursive: true });
    const results = await Promise.allSettled(parts.map((part) => buildPart(part, development, force)));
    for (const result of results) if (result.status === "rejected") throw explain(result.reason);
    const built = parts.filter((_, index) => results[index]?.status === "fulfilled" && results[index].value);
    return built.length > 0 ? `built ${built.join(" and ")} into dist/` : undefined;
  };
  return withLock(inRoot("node_modules/.blkscope-build"), body, () =>
    say("build: waiting for another build"),
  );
}

/** The bundlers' messages name file and line; their own stacks help nobody. */
function explain(/** @type {unknown} */ error) {
  const message = stripVTControlCharacters(error instanceof Error ? error.message : String(error));
  return new SetupError(`the build failed: ${message.trim()}`);
}
