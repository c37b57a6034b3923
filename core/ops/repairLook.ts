// What an undo journal says, and whether the image it belongs to can be finished or taken back: for a view that is given
// a journal, and for one that finds a journal beside the image it opens. Reads both, changes neither.
import * as fs from "node:fs";
import { asBlockError, BlockError, type PlainError, toPlain } from "../base/errors.ts";
import type { ByteRange } from "../block/finding.ts";
import { openGraph } from "../graph.ts";
import type { Journal } from "../repair/journal.ts";
import { type OpenJournal, openJournal, openProgress } from "../repair/journalFile.ts";
import { imageOfJournal, journalPathOf } from "../repair/journalPath.ts";
import { examine } from "../repair/run.ts";
import { mostShown, shownWrite } from "./repairPlanChanges.ts";
import type { FoundJournal, JournalFacts } from "./repairRun.ts";

/**
 * `image`: the person says that it is this file, wherever the journal says it is; without it only a file beside the journal
 * is touched. Throws what reading a journal throws: ECORRUPT, EINVAL (it is
 * none, or changed nothing), EBUSY (its repair is running), ENOENT. What is wrong with the image is part of the answer.
 */
export async function lookAtJournal(name: string, image?: string): Promise<JournalFacts> {
  return whileNobodyWrites(await openJournal(name, true), (journal) => factsOf(name, journal, image));
}

async function whileNobodyWrites<T, R>(
  { file, journal, close }: OpenJournal<T>,
  use: (journal: T) => R | Promise<R>,
): Promise<R> {
  try {
    // What a repair that runs has done so far is no state to act upon.
    await file.excludeWriters?.();
    return await use(journal);
  } finally {
    await close();
  }
}

/** Undefined: there is none beside the image, its repair is at its end, or running. */
export async function journalBeside(imagePath: string): Promise<FoundJournal | undefined> {
  const journal = journalPathOf(imagePath);
  if (!fs.existsSync(journal)) return undefined;
  try {
    // Journal and image are read for a repair that can go on alone: most are at their end, and may be long.
    const facts = await whileNobodyWrites(
      await openProgress(journal),
      ({ whole }) => whole && factsOf(journal, whole, imagePath),
    );
    return facts && { journal, facts, error: undefined };
  } catch (thrown) {
    const error = asBlockError(thrown);
    return error.code === "EBUSY" ? undefined : { journal, facts: undefined, error: toPlain(error) };
  }
}

async function factsOf(name: string, journal: Journal, image: string | undefined): Promise<JournalFacts> {
  const place =
    image === undefined ? imageOfJournal(name, journal.imagePath) : { path: image, isBeside: true };
  const places = journal.last ? [...journal.writes, journal.last] : journal.writes;
  const { written, refusal } = place.isBeside
    ? await lookAtImage(place.path, journal)
    : elsewhere(place.path);
  return {
    journal: name,
    imagePath: place.path,
    imageState: place.isBeside ? (fs.existsSync(place.path) ? "found" : "missing") : "elsewhere",
    state: journal.state,
    ...madeBy(name),
    written,
    oldSize: journal.oldSize,
    newSize: journal.newSize,
    writes: places.length,
    copies: journal.copies.length,
    shown: places.slice(0, mostShown).map(shownWrite),
    refusal,
    ranges: rangesOf(journal),
  };
}

/** The time of the last state; the owner where the system has such. */
function madeBy(name: string): Pick<JournalFacts, "changedAt" | "owner"> {
  const { mtimeMs, uid } = fs.statSync(name);
  const own = process.getuid?.();
  return { changedAt: mtimeMs, owner: own === undefined ? undefined : own === uid ? "you" : "other" };
}

interface Looked {
  readonly written: number | undefined;
  readonly refusal: PlainError | undefined;
}

function elsewhere(imagePath: string): Looked {
  const message = "The image lies in another folder than its journal, and was not touched";
  const hint = "If it is the image you expect, say so; or put the journal beside its image.";
  const refusal = toPlain(new BlockError("EINVAL", message, { path: imagePath, hint }));
  return { written: undefined, refusal };
}

async function lookAtImage(imagePath: string, journal: Journal): Promise<Looked> {
  try {
    const options = { readOnly: true, forceShare: true };
    const graph = await openGraph({ driver: "file", filename: imagePath }, options);
    try {
      const { written } = await examine(graph.root, journal);
      return { written, refusal: undefined };
    } finally {
      await graph.close();
    }
  } catch (thrown) {
    return { written: undefined, refusal: toPlain(missing(thrown, imagePath)) };
  }
}

function missing(thrown: unknown, path: string): unknown {
  if (asBlockError(thrown).code !== "ENOENT") return thrown;
  return new BlockError("ENOENT", `The image of this journal is not there: '${path}'`, {
    path,
    hint: "Put the journal beside the image, or choose the image that it belongs to.",
  });
}

/** What is changed in place, copied to or cut off, in the order of the file, neighbours as one. */
function rangesOf({ writes, last, copies, cutSize, oldSize }: Journal): ByteRange[] {
  const all = [
    ...writes.map(({ offset, newBytes }) => ({ offset, length: newBytes.length })),
    ...(last ? [{ offset: last.offset, length: last.newBytes.length }] : []),
    ...copies.map(({ to, length }) => ({ offset: to, length })),
    ...(cutSize < oldSize ? [{ offset: cutSize, length: oldSize - cutSize }] : []),
  ].sort((a, b) => a.offset - b.offset);
  const merged: { offset: number; length: number }[] = [];
  for (const { offset, length } of all) {
    const before = merged.at(-1);
    if (before && offset <= before.offset + before.length) {
      before.length = Math.max(before.length, offset + length - before.offset);
    } else merged.push({ offset, length });
  }
  return merged.slice(0, mostShown);
}
