// What stands in the way of a repair, as a view shows it: what is looked at before every repair, and whether the file is
// still the one that was looked at.
import type { BackingInfo } from "../block/node.ts";
import { type PlannedScript, preflight } from "../repair/preflight.ts";
import { withoutFlags } from "./repairHint.ts";
import type { PreflightCheck } from "./repairRun.ts";

interface Looked {
  readonly filename: string;
  readonly backing: BackingInfo | undefined;
  readonly planned: PlannedScript;
  /** Default: beside the image. */
  readonly journal: string | undefined;
  /** The file is as it was when the plan was made. */
  readonly isSameFile: boolean;
  /** Another job of this program writes to the file. */
  readonly writtenHere?: boolean | undefined;
}

export async function preflightChecks(looked: Looked): Promise<PreflightCheck[]> {
  const { filename, isSameFile, ...request } = looked;
  const checks = await preflight({ imagePath: filename, ...request });
  const [first, ...rest] = checks.map(forView);
  return first === undefined ? [] : [first, sameFile(isSameFile), ...rest];
}

function forView(check: PreflightCheck): PreflightCheck {
  return check.hint === undefined ? check : { ...check, hint: withoutFlags(check.hint) };
}

function sameFile(isSame: boolean): PreflightCheck {
  const id = "same-file";
  if (isSame) return { id, state: "ok", text: "The file is as it was when the plan was made." };
  return {
    id,
    state: "refused",
    text: "The file has changed since the plan was made.",
    hint: "Look at it again: another program may be writing to it.",
  };
}
