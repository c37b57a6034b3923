// Makes room for the journal of a new repair: an earlier one gets another name, or is deleted where it is of no use any
// more. One by which its image can still be mended or restored is never taken from where it is looked for.
import * as fs from "node:fs";
import * as path from "node:path";
import { asBlockError, BlockError } from "../base/errors.ts";
import { openGraph } from "../graph.ts";
import { systemError } from "../protocol/systemError.ts";
import type { Journal } from "./journal.ts";
import { openJournal } from "./journalFile.ts";
import { imageOfJournal } from "./journalPath.ts";
import { moveName } from "./newName.ts";
import { examine } from "./run.ts";

const ending = ".blkscope-undo";
const mostNames = 10_000;

/** "disk.qed.earlier-1.blkscope-undo": the first such name that no file has. Throws EINVAL where all are taken. */
export function asideName(name: string): string {
  return asideNames(name).next().value ?? noName(name);
}

/** Whether a journal of the name `own` may have been given `name`. Both with their folder. */
export function isAsideName(name: string, own: string): boolean {
  const stem = own.endsWith(ending) ? own.slice(0, -ending.length) : own;
  const middle =
    name.startsWith(stem) && name.endsWith(ending) ? name.slice(stem.length, -ending.length) : "";
  return /^\.earlier-\d+$/.test(middle);
}

function* asideNames(name: string): Generator<string, undefined> {
  const stem = name.endsWith(ending) ? name.slice(0, -ending.length) : name;
  for (let number = 1; number <= mostNames; number++) {
    const aside = `${stem}.earlier-${number}${ending}`;
    if (!fs.existsSync(aside)) yield aside;
  }
  return undefined;
}

function noName(name: string): never {
  throw new BlockError("EINVAL", `No other name is free for '${name}'`, {
    path: name,
    hint: "Move the journals of earlier repairs to another folder.",
  });
}

/**
 * Gives a journal another name in its folder and answers it; `image` is its image, where that is known. Throws EBUSY (its
 * repair is running), EINVAL (its repair was cut off and may be finished or taken back, which is to be done first), ENOENT,
 * EACCES, EIO; it has its old name then.
 */
export function setJournalAside(name: string, image?: string): Promise<string> {
  return whileHeld(name, async (journal) => {
    const isCutOff = journal?.state === "applying" || journal?.state === "applied";
    if (isCutOff && (await fitOf(name, journal, image)) !== "other") {
      throw new BlockError("EINVAL", "The repair of this journal was cut off", {
        path: name,
        hint: "Finish it, or take it back, before anything else.",
      });
    }
    return giveOtherName(name);
  });
}

function giveOtherName(name: string): string {
  for (const aside of asideNames(name)) {
    try {
      moveName(name, aside);
      return aside;
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === "EEXIST") continue;
      throw systemError(`Could not give '${path.basename(name)}' another name`, thrown, { path: name });
    }
  }
  return noName(name);
}

/**
 * For a journal by which nothing can be done that could not be planned anew. Throws EBUSY, EINVAL (it may be of use, or
 * is no journal), ENOENT, EACCES, EIO; it is there then.
 */
export function deleteJournal(name: string, image?: string): Promise<void> {
  return whileHeld(name, async (journal) => {
    const isUseless =
      journal?.state === "undone" ||
      (journal?.state === "planned" && (await fitOf(name, journal, image)) === "fits");
    if (!isUseless) {
      throw new BlockError("EINVAL", `'${path.basename(name)}' may be of use still`, {
        path: name,
        hint: "Keep it under another name.",
      });
    }
    try {
      fs.rmSync(name);
    } catch (thrown) {
      throw systemError(`Could not delete '${path.basename(name)}'`, thrown, { path: name });
    }
  });
}

/** Runs it with the journal while no repair can use that; undefined: it can't be read. Throws EBUSY, ENOENT. */
async function whileHeld<T>(name: string, act: (journal: Journal | undefined) => Promise<T>): Promise<T> {
  if (!fs.existsSync(name)) {
    throw new BlockError("ENOENT", `There is no undo journal '${name}' any more`, { path: name });
  }
  const opened = await openJournal(name, true).catch((thrown) => {
    if (asBlockError(thrown).code === "EBUSY") throw thrown;
    return undefined;
  });
  try {
    await opened?.file.excludeWriters?.();
    return await act(opened?.journal);
  } finally {
    await opened?.close();
  }
}

/** Whether what the journal says of its image is true of the file; unknown where that can't be found out. */
async function fitOf(
  name: string,
  journal: Journal,
  image: string | undefined,
): Promise<"fits" | "other" | "unknown"> {
  const place = image === undefined ? imageOfJournal(name, journal.imagePath) : undefined;
  const filename = image ?? (place?.isBeside ? place.path : undefined);
  if (filename === undefined) return "unknown";
  try {
    const graph = await openGraph({ driver: "file", filename }, { readOnly: true, forceShare: true });
    try {
      await examine(graph.root, journal);
      return "fits";
    } finally {
      await graph.close();
    }
  } catch (thrown) {
    return asBlockError(thrown).code === "EINVAL" ? "other" : "unknown";
  }
}
