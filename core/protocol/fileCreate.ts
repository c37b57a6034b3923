// A new, empty file for an image to be laid down on. What another program has open is not emptied.
import * as fs from "node:fs";
import * as path from "node:path";
import { BlockError } from "../base/errors.ts";
import type { FileDriver } from "./fileKind.ts";
import { creatingClaim, FileLocks, type LockingMode } from "./locks.ts";
import { identityOf, isOpenHere } from "./openFiles.ts";
import { systemError } from "./systemError.ts";

export interface CreatedFile {
  /** The driver that opens it. */
  readonly driver: FileDriver;
  /** There was none of that name before: what may be deleted again when the rest fails. */
  readonly isNew: boolean;
}

export interface CreateFileOptions {
  /** Folder against which a relative name is resolved. Default: the working directory. */
  readonly baseDir?: string;
  readonly locking?: LockingMode;
}

/**
 * Makes a regular file of 0 bytes with mode 0644, or empties the one there is. A device is only looked at: it keeps
 * what it holds. Throws EBUSY (in use by another program or here), ENOENT (no such folder), EACCES, EINVAL (not a file).
 */
export function createFile(filename: string, options: CreateFileOptions = {}): CreatedFile {
  const full = path.resolve(options.baseDir ?? ".", filename);
  const where = { path: full };
  const refused = `Could not create '${filename}'`;
  if (filename === "" || filename.includes("\0")) {
    const peer = { message: `${refused}: No such file or directory` };
    throw new BlockError("EINVAL", `${refused}: no file can have this name`, { ...where, peer });
  }
  let fd: number | undefined;
  try {
    const isNew = !fs.existsSync(full);
    // Opened, a FIFO would wait for a reader.
    if (!isNew) refuseOdd(fs.statSync(full), refused, filename, where);
    const { O_RDWR, O_CREAT, O_NONBLOCK = 0 } = fs.constants;
    fd = fs.openSync(full, O_RDWR + O_CREAT + O_NONBLOCK, 0o644);
    const stat = fs.fstatSync(fd, { bigint: true });
    refuseOdd(stat, refused, filename, where);
    if (stat.isFile()) new FileLocks(fd, filename, options.locking ?? "auto", where).take(creatingClaim);
    if (options.locking !== "off" && isOpenHere(identityOf(stat))) {
      const hint = "What is read from it would be lost. Choose another name for the new image.";
      throw new BlockError("EBUSY", `${refused}: it is open here`, { ...where, hint });
    }
    if (stat.isFile()) fs.ftruncateSync(fd, 0);
    return { driver: stat.isFile() ? "file" : "host_device", isNew };
  } catch (thrown) {
    throw thrown instanceof BlockError ? thrown : systemError(refused, thrown, where);
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}

function refuseOdd(
  stat: fs.StatsBase<unknown>,
  refused: string,
  filename: string,
  where: { path: string },
): void {
  if (stat.isFile() || stat.isBlockDevice() || stat.isCharacterDevice()) return;
  if (stat.isDirectory()) {
    const hint = "Choose a name of a file in it.";
    throw new BlockError("EINVAL", `${refused}: Is a directory`, { ...where, hint });
  }
  throw new BlockError("EINVAL", `${refused}: '${filename}' is neither a file nor a device`, where);
}
