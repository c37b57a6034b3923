// Finds and starts the app: the one BLKSCOPE_APP names, the packaged one this file lies in, or in a clone what
// `npm start` runs, set up and built first where that is still to be done.
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { setDeadline } from "../base/wait.ts";
import { systemError } from "../protocol/systemError.ts";
import { CliError } from "./command.ts";
import { openError } from "./openError.ts";

/** How to start the app; its own arguments follow. */
export interface App {
  readonly command: string;
  readonly args: readonly string[];
}

/** Starts the app with these files and leaves it to itself. Throws CliError. */
export async function showInApp(view: "hex" | "compare", files: readonly string[]): Promise<void> {
  for (const file of files) checkFile(file);
  checkDisplay();
  const app = await findApp(path.dirname(fileURLToPath(import.meta.url)));
  await start(app, [`--view=${view}`, ...files.map((file) => path.resolve(file))]);
}

/** What a look at the file's name and rights can tell; the app tells the rest. */
function checkFile(file: string): void {
  try {
    if (fs.statSync(file).isDirectory()) {
      throw new CliError(`Could not open '${file}': it is a directory`, 1, "Choose a file in it.");
    }
    fs.accessSync(file, fs.constants.R_OK);
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw openError(file, systemError(`Could not open '${file}'`, error, {}), 1);
  }
}

/** Looks for the app from the folder of this file. Throws CliError when there is none. */
export async function findApp(from: string): Promise<App> {
  const given = process.env.BLKSCOPE_APP;
  if (given !== undefined && given !== "") {
    if (fs.existsSync(given)) return { command: path.resolve(given), args: [] };
    throw new CliError(`BLKSCOPE_APP names '${given}', which does not exist`, 1);
  }
  for (const folder of upwards(from)) {
    if (path.basename(folder).toLowerCase() === "resources") {
      const command = packagedNames(folder).find((name) => fs.existsSync(name));
      if (command !== undefined) return { command, args: [] };
    }
    if (isClone(folder)) return appOfClone(folder);
  }
  throw new CliError("Could not find the app", 1, "Install it, or set BLKSCOPE_APP to its executable.");
}

function* upwards(from: string): Generator<string> {
  for (let folder = from; ; folder = path.dirname(folder)) {
    yield folder;
    if (path.dirname(folder) === folder) return;
  }
}

/** The executable lies beside the resources folder, on macOS in the folder beside it. */
function packagedNames(resources: string): string[] {
  const beside = path.dirname(resources);
  const names = { linux: ["blkscope"], win32: ["Blkscope.exe"], darwin: ["MacOS/Blkscope"] };
  return (names[process.platform as keyof typeof names] ?? names.linux).map((name) =>
    path.join(beside, name),
  );
}

function isClone(folder: string): boolean {
  return ["scripts/setup/setup.mjs", "package.json"].every((name) => fs.existsSync(path.join(folder, name)));
}

/** What the scripts of a clone offer; they say on stderr what they do. */
interface CloneScripts {
  setUp(): Promise<void>;
  ensureBuild(): Promise<unknown>;
  electronPath(): string;
  electronArgs(): string[];
}

async function appOfClone(root: string): Promise<App> {
  const load = (name: string) =>
    import(pathToFileURL(path.join(root, "scripts", name)).href) as Promise<Partial<CloneScripts>>;
  const names = ["setup/setup.mjs", "build/build.mjs", "setup/electron.mjs"];
  const modules = await Promise.all(names.map(load));
  const scripts = Object.assign({}, ...modules) as CloneScripts;
  try {
    await scripts.setUp();
    await scripts.ensureBuild();
    return { command: scripts.electronPath(), args: [...scripts.electronArgs(), root] };
  } catch (error) {
    throw new CliError(`Could not set up the app: ${(error as Error).message}`, 1, "Try npm start.", {
      cause: error,
    });
  }
}

function checkDisplay(): void {
  const { DISPLAY, WAYLAND_DISPLAY } = process.env;
  if (process.platform !== "linux" || DISPLAY || WAYLAND_DISPLAY) return;
  throw new CliError("The app needs a display, and neither DISPLAY nor WAYLAND_DISPLAY is set", 1);
}

/** An app that cannot run at all ends within this time, milliseconds. */
const earlyEndMs = 400;

function start({ command, args }: App, more: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const { ELECTRON_RUN_AS_NODE: _, ...env } = process.env;
    const child = spawn(command, [...args, ...more], { detached: true, stdio: "ignore", env });
    const failed = (why: string) => reject(new CliError(`Could not start the app '${command}': ${why}`, 1));
    child.on("error", (error) => failed(error.message));
    child.on("exit", (code, signal) => {
      // With an app running already, the new one hands over the files and ends well.
      if (code === 0) resolve();
      else failed(signal === null ? `it ended at once with code ${code}` : `it was ended by ${signal}`);
    });
    child.on("spawn", () => {
      child.unref();
      setDeadline(resolve, earlyEndMs);
    });
  });
}
