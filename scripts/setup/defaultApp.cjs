// The default app of the fallback runtime, which its source lacks: like the one in official Electron binaries it
// loads the app whose folder (or script) is the first plain argument, after the modules asked for with -r.
const { existsSync, readFileSync, statSync } = require("node:fs");
const { createRequire } = require("node:module");
const { join, resolve } = require("node:path");
const { pathToFileURL } = require("node:url");
const { app } = require("electron");

/** What the command line asks for: modules to load first, and the app. */
function parse(/** @type {string[]} */ argv) {
  const modules = [];
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] ?? "";
    if (argument === "-r" || argument === "--require") modules.push(argv[++i] ?? "");
    else if (!argument.startsWith("-")) return { modules, target: resolve(argument) };
  }
  return { modules, target: undefined };
}

/** The script to run for a folder with package.json, or for a script itself; tells Electron whose app it is. */
function prepare(/** @type {string} */ target) {
  if (!statSync(target).isDirectory()) return target;
  const manifest = JSON.parse(readFileSync(join(target, "package.json"), "utf8"));
  app.setAppPath(target);
  app.setName(manifest.productName ?? manifest.name);
  if (manifest.version) app.setVersion(manifest.version);
  return join(target, manifest.main ?? "index.js");
}

async function main() {
  const { modules, target } = parse(process.argv.slice(1));
  Object.defineProperty(process, "defaultApp", { configurable: false, enumerable: true, value: true });
  const load = createRequire(target ?? join(process.cwd(), "_"));
  for (const name of modules) load(name);
  if (target === undefined || !existsSync(target))
    throw new Error(`no app at ${target ?? "the command line"}`);
  const script = prepare(target);
  await import(pathToFileURL(script).href);
}

main().catch((error) => {
  console.error(error);
  app.exit(1);
});
