// The questions of the wizard to the engine, as calls.

import { BlockError } from "../../../core/base/errors.ts";
import type { Answer, Asks, Question } from "../../../core/jobs/contract.ts";
import type { FileRef, JournalLook, Request } from "../../../electron/ipc/contract.ts";
import { call } from "../../api.ts";

type Name = keyof Asks<"repairPlan"> & string;

/** Asks a looking job; `job` is main's id. Throws EINVAL when there is none, and what the job answers with. */
export async function askRepair<K extends Name>(
  job: number | undefined,
  name: K,
  question: Question<"repairPlan", K>,
): Promise<Answer<"repairPlan", K>> {
  if (job === undefined) {
    throw new BlockError("EINVAL", "The image is not being looked at any more", {
      hint: "Look at it again.",
    });
  }
  const request = { job, ...question } as unknown as Request<`repair:${K}`>;
  return call<`repair:${K}`>(`repair:${name}`, ...([request] as never)) as Promise<Answer<"repairPlan", K>>;
}

/** A place that the person chose for a file that is to be made. */
export type SavePlace = FileRef;

/** Undefined: the dialog was dismissed. */
export function chooseSave(title: string, suggestedName: string): Promise<SavePlace | undefined> {
  return call("files:chooseSave", { title, suggestedName });
}

/** Reads a journal and its image, `image` instead of the one that it names. Changes nothing. */
export function lookAtJournal(token: string, image: string | undefined): Promise<JournalLook> {
  return call("repair:look", { token, ...(image !== undefined && { image }) });
}
