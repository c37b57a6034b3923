// esbuild's part of the build: everything that runs in Node. Main and its threads are ES modules; the preload script is
// CommonJS, the only form a sandboxed window can load, and so is the command line: an ES module loads every module of
// Node that any of its parts imports before it begins, a CommonJS one when that part is first used.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { inRoot } from "../setup/paths.mjs";

/**
 * The bundles by name: source and result, relative to the root.
 * @type {readonly { source: string, result: string, format: "esm" | "cjs" }[]}
 */
export const bundles = [
  { source: "electron/main.ts", result: "dist/main/main.js", format: "esm" },
  { source: "electron/preload.ts", result: "dist/main/preload.cjs", format: "cjs" },
  { source: "core/jobs/sessionWorker.ts", result: "dist/main/sessionWorker.js", format: "esm" },
  { source: "core/jobs/worker.ts", result: "dist/main/jobWorker.js", format: "esm" },
  { source: "core/cli/main.ts", result: "dist/cli/blkscope.js", format: "cjs" },
];

/**
 * Bundled packages in CommonJS form call `require` for Node's own modules; an ES module has none of its own.
 */
const requireBanner =
  'import { createRequire as $createRequire } from "node:module"; const require = $createRequire(import.meta.url);';

/**
 * The options of each bundle. Sources that are not there are left out.
 * @param {{ development: boolean }} mode development: no minifying, inline source maps
 * @returns {Promise<import("esbuild").BuildOptions[]>}
 */
export async function nodeBuilds({ development }) {
  const { version } = JSON.parse(await readFile(inRoot("package.json"), "utf8"));
  return bundles
    .filter(({ source }) => existsSync(inRoot(source)))
    .map(({ source, result, format }) => ({
      absWorkingDir: inRoot(),
      entryPoints: [source],
      outfile: result,
      bundle: true,
      format,
      platform: "node",
      target: "node20.18", // the older of the runtimes it must run on: Electron 33
      external: ["electron", "koffi", "@foxglove/wasm-zstd"],
      define: {
        __APP_VERSION__: JSON.stringify(version),
        ...(isCli(result) && { "import.meta.url": "$here.url" }),
      },
      ...(isCli(result)
        ? { banner: { js: cliBanner }, plugins: [lateModules] }
        : format === "esm" && { banner: { js: requireBanner } }),
      minify: !development,
      // Error classes are told apart by name across threads. The command line's own all state theirs.
      keepNames: !isCli(result),
      sourcemap: development ? "inline" : false,
      legalComments: "none",
      logLevel: "silent", // errors are thrown and warnings answered
    }));
}

function isCli(/** @type {string} */ result) {
  return result.startsWith("dist/cli/");
}

/** Of Node's own modules those that it does not load by itself, and that few commands use. */
const lateNames = /^node:(child_process|crypto|readline|timers\/promises|url|util|zlib)$/;

/**
 * Loads them when something of theirs is first used, not when a module that imports them is.
 * @type {import("esbuild").Plugin}
 */
const lateModules = {
  name: "late-modules",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: lateNames }, ({ path, namespace }) =>
      namespace === "late" ? { path, external: true } : { path, namespace: "late" },
    );
    onLoad({ filter: lateNames, namespace: "late" }, async ({ path }) => {
      const names = Object.keys(await import(path)).filter((name) => name !== "default");
      const members = names.map((name) => `get ${name}() { return late().${name}; }`);
      const contents = `let loaded;
const late = () => (loaded ??= require(${JSON.stringify(path)}));
module.exports = { ${members.join(", ")} };`;
      return { contents, loader: "js" };
    });
  },
};

/** Makes the command line a program, and tells it its own place as an ES module would know it, once it asks. */
const cliBanner = `#!/usr/bin/env node
const $here = { get url() { return require("node:url").pathToFileURL(__filename).href; } };`;
