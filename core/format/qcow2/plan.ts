// The repair that the peer knows: refcounts, COPIED flags, zero clusters that are not aligned, snapshots that lack data,
// and the marks when nothing is left. Entries that point nowhere stay; clusters with two users are counted twice.
import { BlockError } from "../../base/errors.ts";
import type { CheckResult, Finding, RepairExtent, RepairPlan, RepairWrite } from "../../block/finding.ts";
import type { BlockNode } from "../../block/node.ts";
import { incompatible, type Qcow2Header } from "./layout.ts";
import { refcountsId } from "./planBase.ts";
import { type PlanParts, planParts } from "./planParts.ts";
import { wordBytes } from "./planRefcounts.ts";
import { buildScript, dirtyId, flagsId, leaksId } from "./planScript.ts";

/**
 * `findings` and `result` are those of a check of the image as it is. Throws EIO where leaks can't be mended alone, and
 * what reading the image throws.
 */
export async function planQcow2Repair(
  file: BlockNode,
  header: Qcow2Header,
  findings: readonly Finding[],
  result: CheckResult,
  { hasBacking, mode }: { readonly hasBacking: boolean; readonly mode: RepairExtent },
): Promise<RepairPlan> {
  const isClean = result.corruptions === 0 && result.checkErrors === 0;
  // The peer gives up where it finds bitmaps that are damaged.
  const canRepair = result.readError === undefined && findings.some(({ repair }) => repair !== "none");
  if (!canRepair) return { items: [], dirtyBit: isClean ? clearMarks(header) : undefined };
  const parts = await planParts(file, hasBacking, mode, {});
  if (mode === "leaks" && needsRebuild(parts)) {
    throw new BlockError("EIO", "The image's refcounts have to be made anew, which is more than leaks", {
      hint: "Use -r all.",
    });
  }
  const { chosen, fixes } = mode === "all" ? everything(parts) : leaksOnly(parts);
  const script = buildScript(parts, chosen);
  return {
    appended: script.patches,
    items: script.writes.map((write) => ({
      finding: undefined,
      effect: "Nothing reads differently.",
      write,
    })),
    dirtyBit: script.last,
    fixes: { ...fixes, corruptions: fixes.corruptions + script.flags },
  };
}

function needsRebuild({ counts, structureFaults }: PlanParts): boolean {
  return structureFaults > 0 || (counts !== undefined && counts.none > 0);
}

interface Chosen {
  readonly chosen: ReadonlySet<string>;
  /** Without flags: how many they are is known when the script is. */
  readonly fixes: { readonly corruptions: number; readonly leaks: number };
}

function everything({ base, counts, structureFaults, isMended }: PlanParts): Chosen {
  const entries = base.drafts.map(({ item }) => item.id);
  const answered = base.drafts.reduce((sum, { answers }) => sum + answers, 0);
  return {
    chosen: new Set([...entries, refcountsId, leaksId, flagsId, ...(isMended ? [dirtyId] : [])]),
    fixes: { corruptions: answered + (counts?.low ?? 0) + structureFaults, leaks: leaksOf(counts) },
  };
}

function leaksOnly({ counts, isMended }: PlanParts): Chosen {
  // Flags tell who may be written to: they are left alone while refcounts are not to be trusted.
  const isSound = isMended && counts?.low === 0;
  return {
    chosen: new Set([leaksId, ...(isSound ? [flagsId, dirtyId] : [])]),
    fixes: { corruptions: 0, leaks: leaksOf(counts) },
  };
}

const leaksOf = (counts: PlanParts["counts"]) => (counts?.high ?? 0) + (counts?.unused ?? 0);

/** Undefined where none is set. */
function clearMarks({ incompatible: bits }: Qcow2Header): RepairWrite | undefined {
  const cleared = bits & ~(incompatible.dirty | incompatible.corrupt);
  if (cleared === bits) return undefined;
  return { offset: 72, oldBytes: wordBytes(bits), newBytes: wordBytes(cleared) };
}
