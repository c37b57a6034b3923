// What stands in the way of a repair, found before anything is written: rights, other programs, space, the journal of
// an earlier repair. Looks only; the repair itself still refuses what it meets.
import * as fs from "node:fs";
import * as path from "node:path";
import { asBlockError, type BlockError } from "../base/errors.ts";
import { formatSize } from "../base/units.ts";
import type { RepairScript } from "../block/finding.ts";
import type { BackingInfo } from "../block/node.ts";
import { FileLocks, writingClaim } from "../protocol/locks.ts";
import { systemError } from "../protocol/systemError.ts";
import { takenCopy } from "./copy.ts";
import { type FileUser, usersOfFile } from "./fileUsers.ts";
import type { JournalState } from "./journal.ts";
import { asideName } from "./journalAside.ts";
import { journalState, takenName } from "./journalFile.ts";
import { journalPathOf } from "./journalPath.ts";

export interface PreflightRequest {
  /** The file in which the image lies. */
  readonly imagePath: string;
  /** Of the image, `info.backing`; undefined: it stands alone. */
  readonly backing: BackingInfo | undefined;
  /** What is to be done; undefined: not known yet, so that nothing is said of the space it takes. */
  readonly planned?: PlannedScript | undefined;
  /** Default: beside the image. */
  readonly journal?: string | undefined;
  /** This very program writes to the image now: for another view, by another repair. */
  readonly writtenHere?: boolean | undefined;
}

export interface PlannedScript {
  readonly script: RepairScript;
  /** The most that its journal takes, bytes. */
  readonly journalBytes: number;
}

export interface PreflightCheck {
  readonly id:
    | "readable"
    | "writable"
    | "in-use"
    | "journal-place"
    | "journal-space"
    | "unfinished"
    | "backing"
    | "copy-space";
  /** refused: the image itself can't be written to, or not undone, as things are. */
  readonly state: "ok" | "warn" | "refused";
  /** One sentence. */
  readonly text: string;
  /** What to do about it. */
  readonly hint?: string;
  /** The journal that is in the way of a new one. */
  readonly earlier?: EarlierJournal;
}

/** Of an earlier repair. */
export interface EarlierJournal {
  readonly journal: string;
  /** Undefined: it can't be read. */
  readonly state: JournalState | undefined;
  /** The name that it would be kept under. */
  readonly aside: string;
}

/** In a fixed order; nothing is thrown. An image that can't be read has that one entry alone. */
export async function preflight(request: PreflightRequest): Promise<PreflightCheck[]> {
  const { imagePath, backing } = request;
  const journal = path.resolve(request.journal ?? journalPathOf(imagePath));
  const readable = checkReadable(imagePath);
  if (readable.state === "refused") return [readable];
  return [
    readable,
    checkWritable(request),
    request.writtenHere ? writtenHere : checkUse(fs.realpathSync(imagePath)),
    await checkPlace(journal),
    checkSpace(request, journal),
    await checkUnfinished(journalPathOf(imagePath)),
    checkBacking(backing),
    checkCopySpace(imagePath),
  ];
}

/**
 * What would stop the repair of a copy once it is made, which may take hours. Undefined: nothing that is known before.
 * `journal` is by default beside the copy.
 */
export async function refusedForCopy(
  imagePath: string,
  copyTo: string,
  journal: string = journalPathOf(copyTo),
): Promise<PreflightCheck | undefined> {
  if (fs.existsSync(copyTo)) return refusal("copy-space", takenCopy(copyTo));
  if (path.resolve(journal) === path.resolve(copyTo)) {
    const text = `The copy and its undo journal can't be one file: '${copyTo}'.`;
    const hint = "Name another place for the journal (--journal).";
    return { id: "journal-place", state: "refused", text, hint };
  }
  const checks = [checkPlaceForCopy(imagePath, copyTo), await checkPlace(path.resolve(journal))];
  return checks.find(({ state }) => state === "refused");
}

/** Where both lie in one file system they may share their blocks: then no space is too little. */
function checkPlaceForCopy(imagePath: string, copyTo: string): PreflightCheck {
  const id = "copy-space";
  const folder = path.dirname(path.resolve(copyTo));
  try {
    fs.accessSync(folder, fs.constants.W_OK | fs.constants.X_OK);
  } catch (thrown) {
    const { message } = systemError(`A copy can't be written to '${folder}'`, thrown, {});
    return { id, state: "refused", text: `${message}.`, hint: "Name another place for the copy." };
  }
  const space = spaceIn(folder);
  const stat = fs.statSync(imagePath);
  const needed = storedBytes(stat);
  if (!space || !stat.isFile() || stat.dev === space.device || needed <= space.free) {
    return { id, state: "ok", text: `A copy of the image needs up to ${formatSize(needed)}.` };
  }
  const text = `A copy of the image needs up to ${formatSize(needed)}; ${formatSize(space.free)} are free in '${folder}'.`;
  return { id, state: "refused", text, hint: "Free some space, or name another place for the copy." };
}

function checkReadable(imagePath: string): PreflightCheck {
  try {
    refuseOddKinds(imagePath);
    fs.closeSync(fs.openSync(imagePath, fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0)));
    return { id: "readable", state: "ok", text: "The image can be read." };
  } catch (thrown) {
    return refusal("readable", systemError("The image can't be read", thrown, {}));
  }
}

function refuseOddKinds(imagePath: string): void {
  const stat = fs.statSync(imagePath);
  if (!stat.isFile() && !stat.isBlockDevice()) throw new Error("It is neither a file nor a block device");
}

/** Opens it for writing and closes it again, which changes nothing: rights alone do not tell of all that forbids it. */
function checkWritable({ imagePath, planned }: PreflightRequest): PreflightCheck {
  try {
    fs.closeSync(fs.openSync(imagePath, fs.constants.O_RDWR | (fs.constants.O_NONBLOCK ?? 0)));
    if (planned && changesLength(planned.script) && fs.statSync(imagePath).isBlockDevice()) {
      const text = "The image lies on a device, whose length can't be changed; what is chosen needs that.";
      const hint = "Mend a copy of it in a file (--copy), or choose what changes entries only.";
      return { id: "writable", state: "refused", text, hint };
    }
    return { id: "writable", state: "ok", text: "The image can be written to." };
  } catch (thrown) {
    const { message } = systemError("The image can't be written to", thrown, {});
    const hint = "Mend a copy of it (--copy), or ask for the right to write to it.";
    return { id: "writable", state: "refused", text: `${message}.`, hint };
  }
}

function changesLength({ oldSize, cutSize, newSize }: RepairScript): boolean {
  return cutSize !== oldSize || newSize !== oldSize;
}

const writtenHere: PreflightCheck = {
  id: "in-use",
  state: "refused",
  text: "Blkscope is writing to it.",
  hint: "Wait until the repair that is running has come to its end, or cancel it.",
};

function checkUse(imagePath: string): PreflightCheck {
  const users = usersOfFile(imagePath);
  const names = users.map(({ name }) => name).join(", ");
  const hint = "Close the image there, or shut down the virtual machine it belongs to.";
  if (isLockedByOthers(imagePath, users)) {
    const who = names === "" ? "another program" : names;
    return { id: "in-use", state: "refused", text: `The image is in use by ${who}.`, hint };
  }
  if (users.length === 0) return { id: "in-use", state: "ok", text: "No other program uses the image." };
  const writes = users.some((user) => user.writes);
  const how = writes ? "may write to it while it is mended" : "would see it change";
  return {
    id: "in-use",
    state: "warn",
    text: `The image is open without a lock in ${names}, which ${how}.`,
    hint,
  };
}

/** A lock of this very process looks like any other; it is ours where nobody else is seen to have one. */
function isLockedByOthers(imagePath: string, users: readonly FileUser[]): boolean {
  if (users.some(({ locks }) => locks)) return true;
  const fd = fs.openSync(imagePath, fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0));
  try {
    new FileLocks(fd, imagePath, "auto", {}).take(writingClaim);
    return false;
  } catch (thrown) {
    return asBlockError(thrown).code === "EBUSY" && !isOpenInThisProcess(imagePath);
  } finally {
    fs.closeSync(fd);
  }
}

/** By another descriptor than the one that asks. */
function isOpenInThisProcess(imagePath: string): boolean {
  try {
    const files = fs.readdirSync("/proc/self/fd").map((fd) => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return "";
      }
    });
    return files.filter((file) => file === imagePath).length > 1;
  } catch {
    return false;
  }
}

async function checkPlace(journal: string): Promise<PreflightCheck> {
  const folder = path.dirname(journal);
  const elsewhere = "Name another place for the journal (--journal).";
  if (fs.existsSync(journal)) {
    const { error, state } = await takenName(journal);
    return { ...refusal("journal-place", error), earlier: { journal, state, aside: asideName(journal) } };
  }
  try {
    fs.accessSync(folder, fs.constants.W_OK | fs.constants.X_OK);
    return { id: "journal-place", state: "ok", text: `The undo journal will be '${journal}'.` };
  } catch (thrown) {
    const { message } = systemError(`The undo journal can't be written to '${folder}'`, thrown, {});
    return { id: "journal-place", state: "refused", text: `${message}.`, hint: elsewhere };
  }
}

interface Need {
  readonly what: string;
  readonly folder: string;
  readonly bytes: number;
}

/** The journal, and what the image grows by, which may share one file system. */
function checkSpace({ imagePath, planned }: PreflightRequest, journal: string): PreflightCheck {
  const id = "journal-space";
  const needs: Need[] = [];
  if (planned) {
    const { script, journalBytes } = planned;
    needs.push({ what: "the undo journal", folder: path.dirname(journal), bytes: journalBytes });
    const grows = script.newSize - script.cutSize;
    if (grows > 0)
      needs.push({
        what: "copies in the image",
        folder: path.dirname(fs.realpathSync(imagePath)),
        bytes: grows,
      });
  }
  const known = needs.flatMap((need) => {
    const space = spaceIn(need.folder);
    return space ? [{ ...need, ...space }] : [];
  });
  for (const { device, free, folder } of known) {
    const sharing = known.filter((other) => other.device === device);
    const bytes = sharing.reduce((sum, need) => sum + need.bytes, 0);
    if (bytes <= free) continue;
    const what = sharing.map((need) => need.what).join(" and ");
    const text = `${upperFirst(what)} ${sharing.length > 1 ? "need" : "needs"} ${formatSize(bytes)}; ${formatSize(free)} are free in '${folder}'.`;
    const hint = "Free some space, or name another place for the journal (--journal).";
    return { id, state: "refused", text, hint };
  }
  const [first] = known;
  if (first) {
    const text = `The undo journal needs ${formatSize(first.bytes)}; ${formatSize(first.free)} are free.`;
    return { id, state: "ok", text };
  }
  const free = spaceIn(path.dirname(journal))?.free;
  if (free === undefined) {
    return { id, state: "warn", text: "How much space is free for the undo journal is not known." };
  }
  return { id, state: "ok", text: `${formatSize(free)} are free for the undo journal.` };
}

async function checkUnfinished(name: string): Promise<PreflightCheck> {
  const id = "unfinished";
  const none: PreflightCheck = { id, state: "ok", text: "No earlier repair was cut off." };
  if (!fs.existsSync(name)) return none;
  try {
    const state = await journalState(name);
    if (state !== "applying" && state !== "applied") return none;
    const text = `An earlier repair was cut off: its undo journal is '${name}'.`;
    const hint = "Finish it, or take it back, before anything else.";
    return { id, state: "refused", text, hint };
  } catch (thrown) {
    const hint = "If it belongs to a repair that was cut off, look for another copy of it before you go on.";
    return { id, state: "warn", text: `${asBlockError(thrown).message}.`, hint };
  }
}

function checkBacking(backing: BackingInfo | undefined): PreflightCheck {
  const id = "backing";
  if (!backing) return { id, state: "ok", text: "The image has no backing file." };
  const file = backing.fullFilename ?? backing.filename;
  if (fs.existsSync(file)) return { id, state: "ok", text: `The backing file is there: '${file}'.` };
  const hint = "A repair does not need it, but ranges that are cleared read from it afterwards.";
  return { id, state: "warn", text: `The backing file '${file}' is not there.`, hint };
}

function checkCopySpace(imagePath: string): PreflightCheck {
  const id = "copy-space";
  const real = fs.realpathSync(imagePath);
  const stat = fs.statSync(real);
  const space = spaceIn(path.dirname(real));
  if (!stat.isFile() || !space) {
    return { id, state: "warn", text: "Whether there is space for a copy of the image is not known." };
  }
  const needed = storedBytes(stat);
  const state = needed <= space.free ? "ok" : "warn";
  const text = `A copy of the image needs up to ${formatSize(needed)}; ${formatSize(space.free)} are free beside it.`;
  return state === "ok" ? { id, state, text } : { id, state, text, hint: "Copy it to another disk first." };
}

/** A sparse file takes as much as it has: st_blocks counts units of 512 bytes. */
function storedBytes({ size, blocks }: fs.Stats): number {
  return Math.min(size, blocks * 512);
}

/** Bytes that this user may fill, and which file system that is. */
function spaceIn(folder: string): { readonly free: number; readonly device: number } | undefined {
  try {
    const { bavail, bsize } = fs.statfsSync(folder);
    return { free: bavail * bsize, device: fs.statSync(folder).dev };
  } catch {
    return undefined;
  }
}

function refusal(id: PreflightCheck["id"], { message, context }: BlockError): PreflightCheck {
  const { hint } = context;
  return { id, state: "refused", text: `${message}.`, ...(hint !== undefined && { hint }) };
}

function upperFirst(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
