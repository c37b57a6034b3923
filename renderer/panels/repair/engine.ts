// The questions of the wizard to the engine, as calls.

import { BlockError } from "../../../core/base/errors.ts";
import type { Answer, Asks, Question } from "../../../core/jobs/contract.ts";
import type { FileRef, JournalLook, Request, ShownCheck } from "../../../electron/ipc/contract.ts";
import { call } from "../../api.ts";

/** The preflight is answered with files in place of paths, and has a call of its own below. */
type Name = Exclude<keyof Asks<"repairPlan"> & string, "preflight">;

/** Asks a looking job; `job` is main's id. Throws EINVAL when there is none, and what the job answers with. */
export async function askRepair<K extends Name>(
  job: number | undefined,
  name: K,
  question: Question<"repairPlan", K>,
): Promise<Answer<"repairPlan", K>> {
  const request = { job: lookingJob(job), ...question } as unknown as Request<`repair:${K}`>;
  return call<`repair:${K}`>(`repair:${name}`, ...([request] as never)) as Promise<Answer<"repairPlan", K>>;
}

function lookingJob(job: number | undefined): number {
  if (job !== undefined) return job;
  throw new BlockError("EINVAL", "The image is not being looked at any more", { hint: "Look at it again." });
}

/** Whether and where writing is possible; `journal` is the token of a place that was chosen. */
export async function askPreflight(
  job: number | undefined,
  question: { readonly ids: readonly string[]; readonly journal?: string },
): Promise<readonly ShownCheck[]> {
  return call("repair:preflight", {
    job: lookingJob(job),
    ids: [...question.ids],
    ...(question.journal !== undefined && { journal: question.journal }),
  });
}

/** A place that the person chose for a file that is to be made. */
export type SavePlace = FileRef;

/** Undefined: the dialog was dismissed. */
export function chooseSave(title: string, suggestedName: string): Promise<SavePlace | undefined> {
  return call("files:chooseSave", { title, suggestedName });
}

/** Reads a journal and its image: `image`, or a file of its name beside the journal. Changes nothing. */
export function lookAtJournal(token: string, image: string | undefined): Promise<JournalLook> {
  return call("repair:look", { token, ...(image !== undefined && { image }) });
}

/** Gives a journal another name, which is answered; `image` is its image's token, where that is known. */
export function setJournalAside(token: string, image: string | undefined): Promise<FileRef> {
  return call("repair:setAside", { token, ...(image !== undefined && { image }) });
}

/** Deletes a journal by which nothing can be done any more. */
export function deleteJournal(token: string, image: string | undefined): Promise<undefined> {
  return call("repair:delete", { token, ...(image !== undefined && { image }) });
}
