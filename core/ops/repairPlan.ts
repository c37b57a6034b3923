// The job behind the repair wizard: opens the image read-only, checks it, offers what can be mended, and answers what
// choosing it would do until it is cancelled. Writes nothing. Being cancelled is a result.
import * as fs from "node:fs";
import { BlockError } from "../base/errors.ts";
import type { CheckResult, RepairOffer } from "../block/finding.ts";
import { MendedFile } from "../block/mendedFile.ts";
import type { JobContext } from "../jobs/contract.ts";
import { Latest } from "../jobs/latest.ts";
import { offerRepair } from "../repair/offer.ts";
import { type OpenForRepair, openForRepair } from "./repairOpen.ts";
import { phaseOf } from "./repairPhase.ts";
import { changesOf } from "./repairPlanChanges.ts";
import { RepairChooser } from "./repairPlanChoice.ts";
import { MapsBothWays } from "./repairPlanMap.ts";
import { preflightChecks } from "./repairPlanPreflight.ts";
import type { RepairOffered, RepairPlanParams, RepairPlanResult } from "./repairRun.ts";

/** Items of one page. */
export const longestPage = 10_000;

/** Throws what opening and reading the tables throws (ECORRUPT, EIO), ENOTSUP where the format can't be mended. */
export async function repairPlanJob(
  params: RepairPlanParams,
  job: JobContext<"repairPlan">,
): Promise<RepairPlanResult> {
  // From before it is read: a change while it is looked at is then one.
  const seen = identityOf(params.filename);
  const image = await openForRepair(params, "look");
  try {
    const check = await image.root.check?.({ signal: job.signal, progress: phaseOf(job, "Checking") });
    if (check === undefined) throw new BlockError("ENOTSUP", "This image format does not support checks");
    const offer = await offerRepair(image.root, {
      signal: job.signal,
      progress: phaseOf(job, "Reading the tables"),
    });
    const offered = offeredOf(image, offer, check);
    answerWith(image, offer, params, seen, job);
    job.item({ offered });
    // What was found is sent before the progress that follows it, and at once.
    job.progress({ done: 1, total: 1, bytesRead: 0, totals: { count: offer.items.length } });
    // Without a line for questions nobody can ask any.
    if (job.answer !== undefined) await untilAborted(job.signal);
    return { cancelled: false, offered };
  } catch (error) {
    if (job.signal.aborted && error instanceof BlockError && error.code === "ECANCELED") {
      return { cancelled: true, offered: undefined };
    }
    throw error;
  } finally {
    await image.close();
  }
}

function offeredOf({ root }: OpenForRepair, offer: RepairOffer, check: CheckResult): RepairOffered {
  return {
    fileSize: offer.fileSize,
    dirty: root.info.dirty === true,
    corrupt: root.info.corrupt === true,
    items: offer.items.length,
    dropped: offer.dropped,
    unmended: offer.unmended,
    leaks: offer.leaked,
    check,
  };
}

function answerWith(
  { root, file }: OpenForRepair,
  offer: RepairOffer,
  { filename }: RepairPlanParams,
  seen: string | undefined,
  job: JobContext<"repairPlan">,
): void {
  const chooser = new RepairChooser(offer, filename, file);
  const maps = new MapsBothWays(root);
  const mappings = new Latest(job.signal);
  job.answer?.({
    items: async ({ first, count }) => {
      const isPage = [first, count].every((value) => Number.isSafeInteger(value) && value >= 0);
      if (!isPage || count > longestPage) {
        throw new BlockError("EINVAL", `A page has up to ${longestPage} items from a whole number on`);
      }
      return offer.items.slice(first, first + count);
    },
    choose: async ({ ids }) => chooser.choose(ids),
    toggle: async ({ ids, id, on }) => chooser.toggle(ids, id, on),
    changes: async ({ ids, id }) => changesOf(file, chooser.script(ids), chooser.item(id)),
    map: async ({ ids, cells }) => {
      const mended = new MendedFile(file, chooser.script(ids));
      // A map of a choice that is not shown any more is not worth its time and memory.
      return maps.of(mended, cells, mappings.next());
    },
    preflight: async ({ ids, journal, writtenHere }) => {
      const script = chooser.script(ids);
      return preflightChecks({
        writtenHere,
        filename,
        backing: root.info.backing,
        planned: { script, journalBytes: await chooser.journalBytes(script) },
        journal,
        isSameFile: identityOf(filename) === seen,
      });
    },
  });
}

/** What tells a file from another and from itself after a write; undefined when it is gone. */
function identityOf(filename: string): string | undefined {
  const stat = fs.statSync(filename, { bigint: true, throwIfNoEntry: false });
  return stat && [stat.dev, stat.ino, stat.size, stat.mtimeNs].join(" ");
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
