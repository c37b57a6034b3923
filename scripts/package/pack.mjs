// electron-builder with the runtime that set-up found, so that packing needs no download.
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import config from "../../electron-builder.config.mjs";
import { currentRuntime } from "../setup/electron.mjs";
import { inRoot, root } from "../setup/paths.mjs";
import { SetupError, say } from "../setup/say.mjs";

/** The folder that electron-builder copies: the one holding the executable, on macOS the one holding Electron.app. */
function distOf(/** @type {string} */ executable) {
  return process.platform === "darwin" ? join(dirname(executable), "../../..") : dirname(executable);
}

/** A deb names the project's address; without one in package.json it is left out. */
async function targetsFor() {
  const { homepage } = JSON.parse(await readFile(inRoot("package.json"), "utf8"));
  if (homepage || process.platform !== "linux") return config.linux;
  say("package: no deb, which needs the project's address as `homepage` in package.json");
  return { ...config.linux, target: config.linux.target.filter((name) => name !== "deb") };
}

/** electron-builder's failure as one line; what a format needs is fetched from GitHub. */
function explain(/** @type {unknown} */ error, /** @type {boolean} */ all) {
  const text = error instanceof Error ? error.message : String(error);
  const reason = text.split("\n").find((line) => /error: /i.test(line)) ?? text;
  const hint = all
    ? "; formats other than the folder need tools that electron-builder fetches from github.com"
    : "";
  return new SetupError(`packing failed: ${reason.trim()}${hint}`);
}

/**
 * Packs dist/ into release/. Answers what was made.
 * @param {{ all?: boolean, output?: string }} [options] all: every format of this system, not just the folder
 */
export async function packageApp({ all = false, output = inRoot("release") } = {}) {
  const { build } = await import("electron-builder");
  const runtime = currentRuntime();
  if (runtime.version === "unknown") throw new SetupError(`the version of ${runtime.path} is not known`);
  const options = {
    projectDir: root,
    dir: !all,
    publish: /** @type {const} */ ("never"),
    config: {
      ...config,
      linux: all ? await targetsFor() : config.linux,
      directories: { ...config.directories, output },
      electronVersion: runtime.version,
      electronDist: distOf(runtime.path),
    },
  };
  const made = await build(options).catch((error) => {
    throw explain(error, all);
  });
  return made.length > 0 ? made.join(", ") : packedExecutable(output);
}

/** The executable in the unpacked folder. */
export function packedExecutable(output = inRoot("release")) {
  const arch = process.arch === "x64" ? "" : `-${process.arch}`;
  if (process.platform === "darwin")
    return join(output, `mac${arch}`, "Blkscope.app/Contents/MacOS/Blkscope");
  if (process.platform === "win32") return join(output, `win${arch}-unpacked`, "Blkscope.exe");
  return join(output, `linux${arch}-unpacked`, "blkscope");
}
