// The job that finishes a repair which was cut off, or takes one back: does what its undo journal says, from whatever
// state the image is in. Being cancelled is a result: both can be asked again then.
import { BlockError } from "../base/errors.ts";
import { openGraph } from "../graph.ts";
import type { JobContext } from "../jobs/contract.ts";
import { openJournal } from "../repair/journalFile.ts";
import { agreedImage } from "../repair/journalPath.ts";
import { applyJournal, undoJournal } from "../repair/run.ts";
import { namingUsers } from "./repairInUse.ts";
import { lookAtJournal } from "./repairLook.ts";
import { phasesOf } from "./repairPhase.ts";
import type { RepairFinished, RepairFinishParams } from "./repairRun.ts";

/**
 * Throws what reading the journal throws; EINVAL when the image has changed since (nothing is written then), EBUSY when
 * another program uses it, EIO, ENOSPC: what is left can be finished and taken back.
 */
export async function repairFinishJob(
  params: RepairFinishParams,
  job: JobContext<"repairFinish">,
): Promise<RepairFinished> {
  const { journal: name, image, dryRun } = params;
  let cancelled = false;
  if (!dryRun) {
    try {
      await carryOut(params, job);
    } catch (error) {
      if (!(job.signal.aborted && error instanceof BlockError && error.code === "ECANCELED")) throw error;
      cancelled = true;
    }
  }
  return { cancelled, facts: await lookAtJournal(name, image) };
}

async function carryOut(
  { journal: name, mode, image }: RepairFinishParams,
  job: JobContext<"repairFinish">,
): Promise<void> {
  const { file, journal, close } = await openJournal(name, false);
  try {
    const filename = image ?? agreedImage(name, journal.imagePath);
    const graph = await namingUsers(filename, () =>
      openGraph({ driver: "file", filename }, { readOnly: false }),
    );
    try {
      const work = mode === "undo" ? undoJournal : applyJournal;
      await work(graph.root, file, journal, phasesOf(job));
    } finally {
      await graph.close();
    }
  } finally {
    await close();
  }
}
