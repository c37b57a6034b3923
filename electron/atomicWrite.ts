// Writes a file whole or not at all: into a file beside it, which then takes its name.
import { randomUUID } from "node:crypto";
import { open, realpath, rename, rm } from "node:fs/promises";

/** Replaces `file` (what a link points to stays linked). Throws the system's error and leaves nothing behind. */
export async function writeAtomic(file: string, content: string | Uint8Array): Promise<void> {
  const target = await realpath(file).catch(() => file);
  const part = `${target}.${randomUUID().slice(0, 8)}.part`;
  try {
    const handle = await open(part, "wx", 0o666);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(part, target);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}
