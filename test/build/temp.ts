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

/** Writes a file into a folder (a new one when left out) and gives its path. */
export function tempFile(name: string, bytes: Uint8Array, folder = tempDir()): string {
  const filename = path.join(folder, name);
  fs.writeFileSync(filename, bytes);
  return filename;
}
