// The npm packages: `npm ci` unless node_modules already holds exactly what package-lock.json names.
// npm writes what it installed to node_modules/.package-lock.json at the end of an installation; comparing the
// two costs milliseconds.
import { readFile } from "node:fs/promises";
import { inRoot } from "./paths.mjs";
import { npmCommand, run } from "./run.mjs";
import { SetupError, say } from "./say.mjs";

/**
 * @typedef {{ version?: string, integrity?: string, optional?: boolean }} LockedPackage
 * @typedef {{ packages?: Record<string, LockedPackage> }} Lock
 */

/**
 * Says whether what is installed is what is locked. Optional packages may be missing: they are the other
 * systems' binaries.
 * @param {Lock} locked package-lock.json
 * @param {Lock} installed node_modules/.package-lock.json
 */
export function sameVersions(locked, installed) {
  const wanted = Object.entries(locked.packages ?? {}).filter(([path]) => path !== "");
  const have = installed.packages ?? {};
  return (
    wanted.length > 0 &&
    wanted.every(([path, entry]) => {
      const found = have[path];
      if (found === undefined) return entry.optional === true;
      return found.version === entry.version && found.integrity === entry.integrity;
    })
  );
}

async function upToDate() {
  try {
    const read = async (/** @type {string} */ name) => JSON.parse(await readFile(inRoot(name), "utf8"));
    return sameVersions(await read("package-lock.json"), await read("node_modules/.package-lock.json"));
  } catch {
    return false; // not installed, or not to the end
  }
}

/** Installs the packages when needed. Answers what was done, undefined when there was nothing to do. */
export async function ensurePackages() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new SetupError(`Node 20.19 or newer is needed; this is ${process.versions.node}`);
  }
  if (await upToDate()) return undefined;
  say("packages: installing with npm ci, about half a minute");
  const { command, args } = npmCommand("ci", "--no-audit", "--no-fund", "--loglevel=error");
  const { code, output } = await run(command, args);
  if (code !== 0) throw new SetupError(`npm ci failed:\n${output.trim()}`);
  return "installed";
}
