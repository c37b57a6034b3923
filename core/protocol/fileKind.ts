// Which driver opens what a plain file name stands for: a regular file, or a device.
import * as fs from "node:fs";
import { BlockError, type BlockErrorContext } from "../base/errors.ts";

export type FileDriver = "file" | "host_device" | "host_cdrom";

export type FileKind = Pick<
  fs.StatsBase<unknown>,
  "isFile" | "isBlockDevice" | "isCharacterDevice" | "isDirectory" | "isFIFO" | "isSocket"
>;

/**
 * host_device for a block device; else `file`, whose own opening says what is wrong with anything odd. A character
 * device is hardly ever a disk and would be one of 0 bytes: its driver is to be named.
 */
export function driverForFile(filename: string): FileDriver {
  try {
    return fs.statSync(filename).isBlockDevice() ? "host_device" : "file";
  } catch {
    return "file";
  }
}

/** Throws EINVAL when the driver does not open files of that kind. `filename` as given, for messages. */
export function refuseOddKinds(
  stat: FileKind,
  driver: FileDriver,
  filename: string,
  readOnly: boolean,
  where: BlockErrorContext,
): void {
  const device = stat.isBlockDevice() || stat.isCharacterDevice();
  // A block device is opened under either name: a path chosen in a dialog says nothing of kinds.
  if (driver === "file" ? stat.isFile() || stat.isBlockDevice() : device) return;
  throw new BlockError("EINVAL", `Could not open '${filename}': ${nameOf(stat)}`, {
    hint: hintFor(stat, driver),
    ...where,
    peer: { message: peerMessage(stat, driver, filename, readOnly) },
  });
}

function nameOf(stat: FileKind): string {
  if (stat.isDirectory()) return "it is a directory";
  if (stat.isFIFO()) return "it is a FIFO";
  if (stat.isSocket()) return "it is a socket";
  return stat.isFile() ? "it is a regular file" : "it is a character device";
}

function hintFor(stat: FileKind, driver: FileDriver): string {
  if (stat.isDirectory()) return "Choose a file in it.";
  if (stat.isFile()) return "Open it with the driver 'file'.";
  if (stat.isCharacterDevice()) return "Open it with the driver 'host_device'.";
  return driver === "file" ? "Choose a regular file or a block device." : "Choose a device.";
}

function peerMessage(stat: FileKind, driver: FileDriver, filename: string, readOnly: boolean): string {
  // The peer opens first and looks then, and a directory can't be opened for writing.
  if (stat.isDirectory() && !readOnly) return `Could not open '${filename}': Is a directory`;
  const wanted = driver === "file" ? "a regular file" : "either a character or block device";
  return `'${driver}' driver requires '${filename}' to be ${wanted}`;
}
