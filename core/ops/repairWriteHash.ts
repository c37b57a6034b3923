// The hash of a whole file for a repair's report, where reading all of it is no matter of minutes.
import { createHash } from "node:crypto";
import { BlockError } from "../base/errors.ts";
import { Pace } from "../base/pace.ts";
import type { BlockNode } from "../block/node.ts";
import type { JobContext } from "../jobs/contract.ts";
import { phaseOf } from "./repairPhase.ts";

/** Largest file that is hashed, bytes. */
const mostHashed = 1024 * 1024 * 1024;
const pieceBytes = 1024 * 1024;

/** SHA-256, hexadecimal; undefined for a larger file, and one that can't be read. Throws ECANCELED. */
export async function hashOf(file: BlockNode, job: JobContext<"repairWrite">): Promise<string | undefined> {
  const { size } = file;
  if (size > mostHashed) return undefined;
  const progress = phaseOf(job, "Reading the image for its hash");
  const hash = createHash("sha256");
  const pace = new Pace(job.signal);
  for (let at = 0; at < size; at += pieceBytes) {
    const piece = new Uint8Array(Math.min(pieceBytes, size - at));
    try {
      await file.read(at, piece);
    } catch {
      return undefined;
    }
    hash.update(piece);
    progress(at, size);
    if (pace.due) await pace.turn();
    if (pace.stopped) throw new BlockError("ECANCELED", "The repair was cancelled");
  }
  return hash.digest("hex");
}
