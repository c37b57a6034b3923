// electron-builder with the runtime that set-up found, so that packing needs no download.
import { dirname, join } from "node:path";
import config from "../../electron-builder.config.mjs";
import { currentRuntime } from "../setup/electron.mjs";
import { inRoot, root } from "../setup/paths.mjs";
import { SetupError } from "../setup/say.mjs";

/** The folder that electron-builder copies: the one holding the executable, on macOS the one holding Electron.app. */
function distOf(/** @type {string} */ executable) {
  return process.platform === "darwin" ? join(dirname(executable), "../../..") : dirname(executable);
}

/**
 * Packs dist/ into release/. Answers what was made.
 * @param {{ all?: boolean, output?: string }} [options] all: every format of this system, not just the folder
 */
export async function packageApp({ all = false, output = inRoot("release") } = {}) {
  const { build } = await import("electron-builder");
  const runtime = currentRuntime();
  if (runtime.version === "unknown") throw new SetupError(`the version of ${runtime.path} is not known`);
  const made = await build({
    projectDir: root,
    dir: !all,
    publish: "never",
    config: {
      ...config,
      directories: { ...config.directories, output },
      electronVersion: runtime.version,
      electronDist: distOf(runtime.path),
    },
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
