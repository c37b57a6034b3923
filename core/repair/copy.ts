// A copy of an image's file to be mended in its place: blocks are shared where the file system can, holes stay holes,
// and there is no file of the new name until it is complete.
import * as fs from "node:fs";
import { BlockError } from "../base/errors.ts";
import type { BlockNode } from "../block/node.ts";
import type { RepairJob } from "../block/repair.ts";
import { systemError } from "../protocol/systemError.ts";
import { giveName, partialName } from "./newName.ts";

const pieceBytes = 1024 * 1024;

/**
 * Copies all bytes of `file` to a new file. Nobody may write to it meanwhile: the caller has seen to that. Throws EINVAL
 * (there is such a file), ENOSPC, EACCES, EIO, ECANCELED; nothing is left behind then.
 */
export async function copyToNewFile(file: BlockNode, to: string, job: RepairJob = {}): Promise<void> {
  if (fs.existsSync(to)) throw takenCopy(to);
  const partial = partialName(to);
  try {
    if (!isCloned(file.info.path, partial)) await copyBytes(file, partial, job);
    giveName(partial, to);
  } catch (thrown) {
    fs.rmSync(partial, { force: true });
    if ((thrown as NodeJS.ErrnoException).code === "EEXIST") throw takenCopy(to);
    throw thrown instanceof BlockError
      ? thrown
      : systemError(`Could not copy the image to '${to}'`, thrown, { path: to });
  }
}

/** The name of a copy that is to be made. */
export function takenCopy(to: string): BlockError {
  return new BlockError("EINVAL", `There is a file already: '${to}'`, {
    path: to,
    hint: "Name a file that does not exist yet.",
  });
}

/** Shares its blocks; false where the file system can't, whatever it says. */
function isCloned(from: string | undefined, to: string): boolean {
  if (from === undefined) return false;
  try {
    fs.copyFileSync(from, to, fs.constants.COPYFILE_EXCL | fs.constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch {
    fs.rmSync(to, { force: true });
    return false;
  }
}

async function copyBytes(file: BlockNode, to: string, { signal, progress }: RepairJob): Promise<void> {
  const { size } = file;
  const mode = file.info.path === undefined ? 0o666 : fs.statSync(file.info.path).mode % 0o1000;
  const fd = fs.openSync(to, "wx", mode);
  try {
    fs.ftruncateSync(fd, size);
    for (let at = 0; at < size; ) {
      if (signal?.aborted) throw new BlockError("ECANCELED", "The copy was cancelled");
      progress?.(at, size);
      const extent = await file.extentAt(at, size - at);
      const length = extent.state === "data" ? Math.min(extent.length, pieceBytes) : extent.length;
      if (extent.state === "data") await copyPiece(file, fd, at, length);
      at += length;
      await new Promise((resolve) => setImmediate(resolve));
    }
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
  progress?.(size, size);
}

async function copyPiece(file: BlockNode, fd: number, at: number, length: number): Promise<void> {
  const bytes = new Uint8Array(length);
  await file.read(at, bytes);
  for (let done = 0; done < length; ) done += fs.writeSync(fd, bytes, done, length - done, at + done);
}
