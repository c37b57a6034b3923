// The job that writes a repair: makes the plan again under a lock and compares it with what the person saw, writes the
// undo journal, then the changes, then checks the image. Until the journal stands nothing is changed, and whatever goes
// wrong before that is thrown; from then on it is part of the result, with the state that the file is in.
import * as fs from "node:fs";
import { asBlockError, BlockError, type PlainError, toPlain } from "../base/errors.ts";
import type { RepairScript } from "../block/finding.ts";
import type { JobContext } from "../jobs/contract.ts";
import { copyToNewFile } from "../repair/copy.ts";
import { readJournal } from "../repair/journal.ts";
import { newJournal, type OpenJournal } from "../repair/journalFile.ts";
import { journalPathOf } from "../repair/journalPath.ts";
import { offerRepair } from "../repair/offer.ts";
import { type PreflightCheck, refusedForCopy } from "../repair/preflight.ts";
import { applyJournal } from "../repair/run.ts";
import { forView } from "./repairHint.ts";
import { type OpenForRepair, openForRepair } from "./repairOpen.ts";
import { phaseOf, phasesOf } from "./repairPhase.ts";
import { digestOf, RepairChooser } from "./repairPlanChoice.ts";
import { preflightChecks } from "./repairPlanPreflight.ts";
import type { RepairWriteParams, RepairWritten } from "./repairRun.ts";
import { hashOf } from "./repairWriteHash.ts";

type Job = JobContext<"repairWrite">;

/**
 * Throws what keeps the repair from being begun: EINVAL (the plan is another now, there is such a file or journal), EBUSY
 * (in use), EACCES, ENOSPC, EIO. The image is as it was then, and a copy that was made is gone again.
 */
export async function repairWriteJob(params: RepairWriteParams, job: Job): Promise<RepairWritten> {
  const { copyTo, filename } = params;
  const target = copyTo ?? filename;
  let hasCopy = false;
  try {
    if (params.ids.length === 0) throw new BlockError("EINVAL", "Nothing is chosen to be mended");
    if (copyTo !== undefined) await makeCopy(params, copyTo, job);
    hasCopy = copyTo !== undefined;
    const written = await mendFile(params, target, job);
    // A copy in which nothing was changed is none that was asked for.
    if (hasCopy && written.state === "planned") fs.rmSync(target, { force: true });
    return written;
  } catch (error) {
    if (hasCopy) fs.rmSync(target, { force: true });
    if (!isCancel(error, job)) throw forView(error);
    const changes = { done: 0, total: params.ids.length };
    return { cancelled: true, target, journal: undefined, state: "planned", changes, ...nothingMore };
  }
}

const nothingMore = { error: undefined, after: undefined, hashes: undefined };

async function makeCopy(params: RepairWriteParams, copyTo: string, job: Job): Promise<void> {
  const { file, close } = await openForRepair(params, "copy");
  try {
    const refused = await refusedForCopy(params.filename, copyTo, params.journal);
    if (refused) throw refusal(refused, copyTo);
    const progress = phaseOf(job, "Copying the image");
    await copyToNewFile(file, copyTo, { signal: job.signal, progress });
  } finally {
    await close();
  }
}

async function mendFile(params: RepairWriteParams, target: string, job: Job): Promise<RepairWritten> {
  const image = await openForRepair({ filename: target, format: params.format }, "write");
  let written: RepairWritten | undefined;
  try {
    const script = await planAgain(image, params, target, job);
    const before = await hashOf(image.file, job);
    const name = params.journal ?? journalPathOf(target);
    const progress = phaseOf(job, "Writing the journal");
    const opened = await newJournal(name, image.file, script, target, { signal: job.signal, progress });
    written = await carryOut(image, { opened, name, target, script, before }, job);
  } catch (error) {
    await image.close().catch(() => undefined);
    throw error;
  }
  try {
    await image.close();
    return written;
  } catch (error) {
    return { ...written, error: written.error ?? toPlain(error) };
  }
}

/** The script of the chosen items, which has to be the one that was seen. Throws EINVAL, and what stands in the way. */
async function planAgain(
  { root, file }: OpenForRepair,
  { ids, digest, journal }: RepairWriteParams,
  target: string,
  job: Job,
): Promise<RepairScript> {
  const progress = phaseOf(job, "Reading the tables");
  const offer = await offerRepair(root, { signal: job.signal, progress });
  const chooser = new RepairChooser(offer, target, file);
  const script = chooser.script(ids);
  if (digestOf(script) !== digest) {
    throw new BlockError("EINVAL", "The image is not what it was when the plan was made", {
      path: target,
      hint: "Nothing was changed. Look at the image again: another program may have written to it.",
    });
  }
  const planned = { script, journalBytes: await chooser.journalBytes(script) };
  const looked = { filename: target, backing: root.info.backing, planned, journal, isSameFile: true };
  const refused = (await preflightChecks(looked)).find(({ state }) => state === "refused");
  if (refused === undefined) return script;
  throw refusal(refused, target);
}

function refusal({ text, hint }: Pick<PreflightCheck, "text" | "hint">, target: string): BlockError {
  return new BlockError("EINVAL", text, { path: target, ...(hint !== undefined && { hint }) });
}

interface Begun {
  readonly opened: OpenJournal;
  /** The journal's path. */
  readonly name: string;
  readonly target: string;
  readonly script: RepairScript;
  /** SHA-256 of the file as it was, where it was made. */
  readonly before: string | undefined;
}

/** Throws nothing: the journal stands, and what became of it is the result. */
async function carryOut(image: OpenForRepair, begun: Begun, job: Job): Promise<RepairWritten> {
  const { opened, name, target, script } = begun;
  const total = placesOf(script).length;
  const own = { target, journal: name };
  try {
    await applyJournal(image.file, opened.file, opened.journal, phasesOf(job));
  } catch (thrown) {
    const stopped = { cancelled: isCancel(thrown, job), error: errorOf(thrown, job) };
    return { ...nothingMore, ...own, ...stopped, ...(await stateOf(image, begun)) };
  } finally {
    await opened.close().catch(() => undefined);
  }
  const done = { ...own, state: "verified" as const, changes: { done: total, total } };
  try {
    const after = await checkAgain(image, job);
    const hash = await hashOf(image.file, job);
    const hashes = begun.before && hash ? { before: begun.before, after: hash } : undefined;
    return { ...done, cancelled: false, error: undefined, after, hashes };
  } catch (thrown) {
    return { ...nothingMore, ...done, cancelled: isCancel(thrown, job), error: errorOf(thrown, job) };
  }
}

/** After a repair that stopped. A journal by which nothing was changed is of no use and only in the way: it is removed. */
async function stateOf(
  { file }: OpenForRepair,
  { opened, name, script }: Begun,
): Promise<Pick<RepairWritten, "state" | "changes" | "journal">> {
  const places = placesOf(script);
  try {
    const state = (await readJournal(opened.file))?.state ?? "planned";
    if (state === "planned") {
      fs.rmSync(name, { force: true });
      return { state, changes: { done: 0, total: places.length }, journal: undefined };
    }
    let done = 0;
    for (const { offset, newBytes } of places) {
      const found = new Uint8Array(newBytes.length);
      await file.read(offset, found);
      if (Buffer.compare(found, newBytes) === 0) done++;
    }
    return { state, changes: { done, total: places.length }, journal: name };
  } catch {
    // The disk fails: that it was begun is all that is known.
    return { state: "applying", changes: { done: 0, total: places.length }, journal: name };
  }
}

async function checkAgain({ root }: OpenForRepair, job: Job): Promise<RepairWritten["after"]> {
  await root.reload?.();
  const { signal } = job;
  const check = await root.check?.({ signal, progress: phaseOf(job, "Checking") });
  if (!check) return undefined;
  const left = await offerRepair(root, { signal, progress: phaseOf(job, "Looking for what is left") });
  return { check, dirty: root.info.dirty === true, itemsLeft: left.items.length, unmended: left.unmended };
}

function placesOf({ writes, last }: RepairScript): RepairScript["writes"] {
  return last ? [...writes, last] : writes;
}

function isCancel(error: unknown, { signal }: Job): boolean {
  return signal.aborted && asBlockError(error).code === "ECANCELED";
}

function errorOf(thrown: unknown, job: Job): PlainError | undefined {
  return isCancel(thrown, job) ? undefined : toPlain(forView(thrown));
}
