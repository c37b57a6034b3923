// The content stamp of a build: a hash over everything the build reads, so that a build runs when a source
// changed and not when only its date did.
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "../setup/paths.mjs";

const inputs = [
  "assets",
  "core",
  "electron",
  "renderer",
  "scripts/build",
  "package-lock.json",
  "package.json",
  "vite.config.ts",
];

/** @returns {Promise<string[]>} the files below `path` (or the file itself), relative to `from`, sorted */
async function filesOf(/** @type {string} */ from, /** @type {string} */ path) {
  const entries = await readdir(join(from, path), { withFileTypes: true }).catch((error) => {
    if (error.code === "ENOTDIR") return undefined;
    if (error.code === "ENOENT") return [];
    throw error;
  });
  if (entries === undefined) return [path];
  const nested = await Promise.all(
    entries.map((entry) =>
      entry.isDirectory() ? filesOf(from, join(path, entry.name)) : [join(path, entry.name)],
    ),
  );
  return nested.flat().sort();
}

/**
 * The stamp of the sources as they are now.
 * @param {string} mode what else decides the result: "production" or "development"
 */
export async function sourceStamp(mode, from = root, paths = inputs) {
  const hash = createHash("sha256").update(mode);
  for (const path of paths) {
    for (const file of await filesOf(from, path)) {
      const bytes = await readFile(join(from, file)).catch(() => undefined); // deleted since it was listed
      if (bytes !== undefined) hash.update(`\0${file}\0${bytes.length}\0`).update(bytes);
    }
  }
  return hash.digest("hex");
}
