// The default app of the fallback runtime, which its source lacks: like the one in official Electron binaries it
// loads the app whose folder (or script) is the first plain argument, after the modules asked for with -r.
// An ES module that awaits the app at its top: Electron gets ready only after it, so the app can still do what
// must be done before.
import { readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { app } from "electron";

/** What the command line asks for: modules to load first, and the app. */
function parse(/** @type {string[]} */ argv) {
  const modules = [];
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] ?? "";
    if (argument === "-r" || argument === "--require") modules.push(argv[++i] ?? "");
    else if (!argument.startsWith("-")) return { modules, target: resolve(argument) };
  }
  throw new Error("no app on the command line");
}

/** The script to run for a folder with package.json, or for a script itself; tells Electron whose app it is. */
function prepare(/** @type {string} */ target) {
  if (!statSync(target).isDirectory()) return target;
  const manifest = JSON.parse(readFileSync(join(target, "package.json"), "utf8"));
  // Two methods meant for Electron's own code, so its types leave them out.
  const own = /** @type {{ setAppPath(path: string): void, setVersion(version: string): void }} */ (
    /** @type {unknown} */ (app)
  );
  own.setAppPath(target);
  app.setName(manifest.productName ?? manifest.name);
  if (manifest.version) own.setVersion(manifest.version);
  return join(target, manifest.main ?? "index.js");
}

try {
  const { modules, target } = parse(process.argv.slice(1));
  Object.defineProperty(process, "defaultApp", { configurable: false, enumerable: true, value: true });
  const load = createRequire(target);
  for (const name of modules) load(name);
  await import(pathToFileURL(prepare(target)).href);
} catch (error) {
  console.error(error);
  app.exit(1);
}
