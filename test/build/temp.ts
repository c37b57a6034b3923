// Folders and files that live as long as one test.
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { onTestFinished } from "vitest";

/** A new folder, deleted when the running test ends. */
export function tempDir(): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "blkscope-test-"));
  onTestFinished(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Files in the folder that this process has open (on Linux). Other tests may open others meanwhile. */
export function openFilesIn(folder: string): string[] {
  const inFolder = fs.realpathSync(folder) + path.sep;
  return fs.readdirSync("/proc/self/fd").flatMap((fd) => {
    const file = linkOf(`/proc/self/fd/${fd}`);
    return file?.startsWith(inFolder) ? [file] : [];
  });
}

/** Undefined: it has been closed, as the one that lists the folder has. */
function linkOf(name: string): string | undefined {
  try {
    return fs.readlinkSync(name);
  } catch {
    return undefined;
  }
}

/** Writes a file into a folder (a new one when left out) and gives its path. */
export function tempFile(name: string, bytes: Uint8Array, folder = tempDir()): string {
  const filename = path.join(folder, name);
  fs.writeFileSync(filename, bytes);
  return filename;
}
