// The job that writes what lies in leaked clusters to a file of its own, for a person to look through before they are given
// up. The image is only read, and nobody may write to it meanwhile. Being cancelled is a result.
import { BlockError } from "../base/errors.ts";
import type { JobContext } from "../jobs/contract.ts";
import { offerRepair } from "../repair/offer.ts";
import { rescueLeaks } from "../repair/rescue.ts";
import { openForRepair } from "./repairOpen.ts";
import { phaseOf } from "./repairPhase.ts";
import type { RepairRescued, RepairRescueParams } from "./repairRun.ts";

/** Throws what opening and reading tables throw; EINVAL (the file exists), ENOSPC, EACCES, EBUSY. */
export async function repairRescueJob(
  { filename, format, to }: RepairRescueParams,
  job: JobContext<"repairRescue">,
): Promise<RepairRescued> {
  const { signal } = job;
  try {
    const { root, file, close } = await openForRepair({ filename, format }, "copy");
    try {
      const offer = await offerRepair(root, { signal, progress: phaseOf(job, "Reading the tables") });
      const ranges = offer.leakedRanges();
      const clusterSize = root.info.clusterSize ?? 1;
      const total = offer.leaked.bytes;
      const request = { file, imagePath: filename, clusterSize, ranges, total, to };
      const { rescued, zero, unreadable } = await rescueLeaks(request, {
        signal,
        progress: phaseOf(job, "Writing leaked clusters"),
      });
      return { cancelled: false, rescued: { written: rescued, zero, unreadable } };
    } finally {
      await close();
    }
  } catch (error) {
    if (!(signal.aborted && error instanceof BlockError && error.code === "ECANCELED")) throw error;
    return { cancelled: true, rescued: undefined };
  }
}
