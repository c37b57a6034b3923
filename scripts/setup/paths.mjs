// Where things lie on this machine: the repository, and the cache shared by every clone of it.
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The root of this clone. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/** A path below the root of this clone. */
export const inRoot = (/** @type {string[]} */ ...parts) => join(root, ...parts);

/** The cache folder of this user: XDG_CACHE_HOME where it is set, else the habit of the system. */
export function cacheFolder(env = process.env, platform = process.platform, home = homedir()) {
  if (env.XDG_CACHE_HOME) return join(env.XDG_CACHE_HOME, "blkscope");
  if (platform === "darwin") return join(home, "Library", "Caches", "blkscope");
  if (platform === "win32")
    return join(env.LOCALAPPDATA ?? join(home, "AppData", "Local"), "blkscope", "cache");
  return join(home, ".cache", "blkscope");
}
