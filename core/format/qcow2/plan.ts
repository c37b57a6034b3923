// The repair that the peer knows: refcounts, COPIED flags, zero clusters that are not aligned, snapshots that lack data,
// and the marks when nothing is left. Entries that point nowhere stay; clusters with two users are counted twice.
import { BlockError } from "../../base/errors.ts";
import type {
  ByteRange,
  CheckResult,
  Finding,
  RepairExtent,
  RepairPlan,
  RepairWrite,
} from "../../block/finding.ts";
import type { BlockNode } from "../../block/node.ts";
import { canBeCut } from "./checkOthers.ts";
import { incompatible, type Qcow2Header } from "./layout.ts";
import { refcountsId } from "./planBase.ts";
import { type TellLines, tellFound, tellLines, tellMended } from "./planLines.ts";
import { type PlanParts, planParts } from "./planParts.ts";
import { buildScript, dirtyId, flagsId, leaksId } from "./planScript.ts";
import { wordBytes } from "./planWords.ts";

export interface PlanRequest {
  readonly hasBacking: boolean;
  readonly mode: RepairExtent;
  /** Hears what the peer prints meanwhile. */
  readonly tell: TellLines | undefined;
}

/**
 * `findings` and `result` are those of a check of the image as it is. Throws EIO where leaks can't be mended alone, and
 * what reading the image throws.
 */
export async function planQcow2Repair(
  file: BlockNode,
  header: Qcow2Header,
  findings: readonly Finding[],
  result: CheckResult,
  { hasBacking, mode, tell }: PlanRequest,
): Promise<RepairPlan> {
  const isClean = result.corruptions === 0 && result.checkErrors === 0;
  // A snapshot table that is too large is cut; where none can be found the peer gives up.
  const cuts = mode === "all" && findings.some(({ code }) => canBeCut(code));
  // The peer gives up where it finds bitmaps that are damaged.
  const canRepair =
    cuts || (result.readError === undefined && findings.some(({ repair }) => repair !== "none"));
  if (!canRepair) {
    if (tell) tellLines(findings, tell);
    return { items: [], dirtyBit: isClean ? clearMarks(header) : undefined };
  }
  const parts = await planParts(file, hasBacking, mode, {});
  const lines = { file, findings, parts, mode };
  const found = tell && (await tellFound(lines, tell));
  if (mode === "leaks" && needsRebuild(parts)) {
    tell?.({ lines: ["ERROR need to rebuild refcount structures"] });
    throw new BlockError("EIO", "The image's refcounts have to be made anew, which is more than leaks", {
      hint: "Use -r all.",
    });
  }
  const { chosen, fixes } = mode === "all" ? everything(parts) : leaksOnly(parts);
  if (tell && found) await tellMended(lines, chosen, found, tell);
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

function everything(parts: PlanParts): Chosen {
  const { base, counts, structureFaults, isMended } = parts;
  const entries = base.drafts.map(({ item }) => item.id);
  const { taken, left } = ownChanges(parts);
  const answered = base.drafts.reduce((sum, { answers }) => sum + answers, 0);
  return {
    chosen: new Set([...entries, refcountsId, leaksId, flagsId, ...(isMended ? [dirtyId] : [])]),
    fixes: {
      corruptions: answered + (counts?.low ?? 0) - taken + structureFaults,
      leaks: leaksOf(counts) - left,
    },
  };
}

/** Clusters whose refcounts are wrong for what the plan itself takes and leaves: nothing that was found. */
function ownChanges({ base, counts }: PlanParts): { readonly taken: number; readonly left: number } {
  if (counts === undefined) return { taken: 0, left: 0 };
  const { clusterSize } = counts.counted.image.header;
  const clustersOf = (range: ByteRange | undefined) =>
    range === undefined
      ? []
      : Array.from(
          { length: Math.ceil(range.length / clusterSize) },
          (_, i) => range.offset / clusterSize + i,
        );
  const taken = base.drafts.flatMap((draft) => clustersOf(draft.taken));
  const left = base.drafts.flatMap((draft) => clustersOf(draft.left));
  return {
    taken: taken.filter((cluster) => counts.isTooLow(cluster)).length,
    left: left.filter((cluster) => counts.isLeaked(cluster)).length,
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
