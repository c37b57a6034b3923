// What Debian packages hold: the shared libraries Electron needs, Xvfb, and the tools the tests compare with.
// As root missing ones are installed; otherwise the exact command is printed and set-up stops.
import { constants } from "node:fs";
import { access, readFile, stat } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { run } from "./run.mjs";
import { SetupError, say } from "./say.mjs";

/**
 * Debian's package for each library that Electron needs and a bare system lacks. Later releases call some of
 * them <name>t64; see `availableName`.
 * @type {Readonly<Record<string, string>>}
 */
const packageOfLibrary = {
  "libgtk-3.so.0": "libgtk-3-0",
  "libgdk-3.so.0": "libgtk-3-0",
  "libatk-1.0.so.0": "libatk1.0-0",
  "libatk-bridge-2.0.so.0": "libatk-bridge2.0-0",
  "libatspi.so.0": "libatspi2.0-0",
  "libnss3.so": "libnss3",
  "libnssutil3.so": "libnss3",
  "libsmime3.so": "libnss3",
  "libnspr4.so": "libnspr4",
  "libasound.so.2": "libasound2",
  "libgbm.so.1": "libgbm1",
  "libdrm.so.2": "libdrm2",
  "libXss.so.1": "libxss1",
  "libXtst.so.6": "libxtst6",
  "libX11.so.6": "libx11-6",
  "libX11-xcb.so.1": "libx11-xcb1",
  "libxcb.so.1": "libxcb1",
  "libXcomposite.so.1": "libxcomposite1",
  "libXdamage.so.1": "libxdamage1",
  "libXext.so.6": "libxext6",
  "libXfixes.so.3": "libxfixes3",
  "libXrandr.so.2": "libxrandr2",
  "libXrender.so.1": "libxrender1",
  "libxkbcommon.so.0": "libxkbcommon0",
  "libxshmfence.so.1": "libxshmfence1",
  "libcups.so.2": "libcups2",
  "libdbus-1.so.3": "libdbus-1-3",
  "libexpat.so.1": "libexpat1",
  "libcairo.so.2": "libcairo2",
  "libpango-1.0.so.0": "libpango-1.0-0",
  "libpangocairo-1.0.so.0": "libpango-1.0-0",
  "libglib-2.0.so.0": "libglib2.0-0",
  "libgobject-2.0.so.0": "libglib2.0-0",
  "libgio-2.0.so.0": "libglib2.0-0",
  "libgmodule-2.0.so.0": "libglib2.0-0",
  "libgdk_pixbuf-2.0.so.0": "libgdk-pixbuf-2.0-0",
  "libudev.so.1": "libudev1",
};

/** Debian's package for each command that set-up may need. */
const packageOfCommand = {
  Xvfb: "xvfb",
  "qemu-img": "qemu-utils",
  "qemu-io": "qemu-utils",
  mke2fs: "e2fsprogs",
  python3: "python3",
  patch: "patch",
  xz: "xz-utils",
};

/** @typedef {keyof typeof packageOfCommand} Tool */

/** The libraries that `ldd` says are not found, each once. */
export function missingLibraries(/** @type {string} */ lddOutput) {
  const found = [...lddOutput.matchAll(/^\s*(\S+) => not found/gm)].map((match) => match[1] ?? "");
  return [...new Set(found)].sort();
}

/** The packages that hold these libraries, each once, and the libraries no package is known for. */
export function packagesFor(/** @type {readonly string[]} */ libraries) {
  const known = libraries.map((library) => packageOfLibrary[library]);
  return {
    packages: [...new Set(known.filter((name) => name !== undefined))].sort(),
    unknown: libraries.filter((_, index) => known[index] === undefined),
  };
}

/** Whether a command is found in PATH; administrators' folders are looked at too, as e2fsprogs lives there. */
export async function hasCommand(/** @type {string} */ name) {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"].filter(
    (folder) => folder !== "",
  );
  const found = await Promise.all(
    folders.map((folder) =>
      access(join(folder, name), constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.includes(true);
}

/**
 * Of a package and its name since Debian's 64-bit time transition, the one this release can install.
 * @param {string} name
 * @param {(name: string) => Promise<boolean>} isInstallable
 */
export async function availableName(name, isInstallable) {
  return !(await isInstallable(name)) && (await isInstallable(`${name}t64`)) ? `${name}t64` : name;
}

/** A virtual package (libasound2 on new releases) has no version of its own, so `apt-cache show` fails for it. */
const aptCanInstall = async (/** @type {string} */ name) =>
  (await run("apt-cache", ["show", "--quiet=2", name])).code === 0;

async function aptInstall(/** @type {readonly string[]} */ names) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  say(`system: installing ${names.join(" ")} with apt-get`);
  const update = await run("apt-get", ["update", "-q"], { env });
  if (update.code !== 0) throw new SetupError(`apt-get update failed:\n${update.output.trim()}`);
  const available = await Promise.all(names.map((name) => availableName(name, aptCanInstall)));
  const args = ["install", "-y", "-q", "--no-install-recommends", ...available];
  const install = await run("apt-get", args, { env });
  if (install.code !== 0) throw new SetupError(`apt-get ${args.join(" ")} failed:\n${install.output.trim()}`);
}

/**
 * Finds what is missing, as packages.
 * @param {{ electron: string | undefined, tools: readonly Tool[] }} needs electron: path of the executable
 */
async function missingPackages({ electron, tools }) {
  const ldd = electron === undefined ? "" : (await run("ldd", [electron])).output;
  const libraries = packagesFor(missingLibraries(ldd));
  const has = await Promise.all(tools.map(hasCommand));
  const commands = tools.filter((_, index) => !has[index]).map((tool) => packageOfCommand[tool]);
  return { packages: [...new Set([...libraries.packages, ...commands])].sort(), unknown: libraries.unknown };
}

/**
 * Chromium's sandbox needs user namespaces, which some systems (Ubuntu since 23.10) keep from programs without a
 * profile of their own. The app would end with a message few can read; this one says what to do. The sandbox is
 * never turned off instead.
 * @param {string} electron path of the executable
 */
export async function checkSandbox(electron) {
  if (process.platform !== "linux" || process.getuid?.() === 0) return;
  const restricted = await readFile("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "utf8").catch(
    () => "0",
  );
  if (restricted.trim() !== "1") return;
  const helper = join(dirname(electron), "chrome-sandbox");
  const { uid, mode } = await stat(helper).catch(() => ({ uid: -1, mode: 0 }));
  const hasSetuid = Math.floor(mode / 0o4000) % 2 === 1;
  if (uid === 0 && hasSetuid) return;
  throw new SetupError(
    "this system keeps user namespaces from Electron, so its sandbox cannot start. Run this once, then try again:\n\n" +
      `  sudo chown root '${helper}' && sudo chmod 4755 '${helper}'\n`,
  );
}

/**
 * Makes sure that libraries and tools are there. Linux only. Answers what was done, undefined for nothing.
 * @param {{ electron?: string, tools?: readonly Tool[] }} needs
 */
export async function ensureSystem({ electron, tools = [] }) {
  if (process.platform !== "linux") return undefined;
  const { packages, unknown } = await missingPackages({ electron, tools });
  if (unknown.length > 0) {
    throw new SetupError(
      `Electron needs these libraries, install your system's packages for them: ${unknown.join(" ")}`,
    );
  }
  if (packages.length === 0) return undefined;
  const hasApt = await hasCommand("apt-get");
  if (!hasApt || process.getuid?.() !== 0) {
    const how = hasApt
      ? `Run this, then try again:\n\n  sudo apt-get update && sudo apt-get install -y ${packages.join(" ")}\n`
      : "Install what your system calls these packages (Debian's names), then try again.";
    throw new SetupError(`missing system packages: ${packages.join(" ")}. ${how}`);
  }
  await aptInstall(packages);
  const left = await missingPackages({ electron, tools });
  if (left.packages.length + left.unknown.length > 0) {
    throw new SetupError(
      `still missing after the installation: ${[...left.packages, ...left.unknown].join(" ")}`,
    );
  }
  return `installed ${packages.join(" ")}`;
}
