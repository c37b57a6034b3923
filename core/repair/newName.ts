// Gives a complete file its name, so that whatever ends the program there is the complete file under it or none that
// could be taken for one, and never overwrites another file: two repairs of one image may be begun at once.
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";

/** Answers of file systems that have no hard links (FAT, some network and overlay file systems), or no more of them. */
const withoutLinks = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EXDEV", "EMLINK", "EINVAL"];

/**
 * A name beside the final one for a file that is being written, with the number of the process, so that what a killed
 * one left can be told. Not by that alone: numbers come again, and what was left must not be in the way.
 */
export function partialName(name: string): string {
  return `${name}.${process.pid}-${randomBytes(6).toString("hex")}.partial`;
}

/**
 * The name is durable when it returns, and `partial` gone. Throws the system's error, EEXIST when there is such a file;
 * then there is no file of that name, or only the one that was there.
 */
export function giveName(partial: string, name: string): void {
  const isLinked = isGivenLink(partial, name);
  if (!isLinked) takeName(partial, name);
  try {
    if (isLinked) fs.rmSync(partial);
    syncFolder(path.dirname(name));
  } catch (thrown) {
    fs.rmSync(name, { force: true });
    throw thrown;
  }
}

/**
 * The same in place of a file that may be there: a link's target is replaced, the link stays. Throws the system's error;
 * then the old file is there.
 */
export function replaceName(partial: string, name: string): void {
  const target = fs.existsSync(name) ? fs.realpathSync(name) : name;
  fs.renameSync(partial, target);
  syncFolder(path.dirname(target));
}

/**
 * Gives a file another name, durably; the old one is gone then. Throws the system's error, EEXIST when there is such a
 * file; the file has one of its names at every moment.
 */
export function moveName(from: string, to: string): void {
  if (isGivenLink(from, to)) {
    try {
      fs.rmSync(from);
    } catch (thrown) {
      fs.rmSync(to, { force: true });
      throw thrown;
    }
  } else takeName(from, to);
  syncFolder(path.dirname(to));
}

/** Unlike a rename this fails where another file has appeared meanwhile. False where there are no links. */
function isGivenLink(partial: string, name: string): boolean {
  try {
    fs.linkSync(partial, name);
    return true;
  } catch (thrown) {
    const { code = "" } = thrown as NodeJS.ErrnoException;
    if (!withoutLinks.includes(code)) throw thrown;
    return false;
  }
}

/** An empty file keeps the name for us, as only one program can create it; then the rename replaces just that. */
function takeName(partial: string, name: string): void {
  fs.writeFileSync(name, "", { flag: "wx" });
  try {
    fs.renameSync(partial, name);
  } catch (thrown) {
    fs.rmSync(name, { force: true });
    throw thrown;
  }
}

/** Systems that can't are left at that. */
function syncFolder(folder: string): void {
  try {
    const fd = fs.openSync(folder, "r");
    try {
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  } catch (thrown) {
    const { code = "" } = thrown as NodeJS.ErrnoException;
    if (!["EISDIR", "EPERM", "EACCES", "EINVAL"].includes(code)) throw thrown;
  }
}
