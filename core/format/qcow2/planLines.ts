// What the peer prints while it finds and mends what a plan mends, in its order: what it finds while it counts, the
// refcounts that differ, those again that it corrects, then the COPIED flags beside the corrected refcounts. The lines are
// those of findings: of the image as it is, and as parts of the plan leave it.
import type { Finding, PeerLines, RepairExtent } from "../../block/finding.ts";
import { MendedFile } from "../../block/mendedFile.ts";
import type { BlockNode } from "../../block/node.ts";
import { checkQcow2 } from "./check.ts";
import { canBeCut } from "./checkOthers.ts";
import { readImage } from "./header.ts";
import { type BasePlan, editedFile, snapshotsId } from "./planBase.ts";
import type { PlanParts } from "./planParts.ts";
import { buildScript, dirtyId, flagsId } from "./planScript.ts";
import { inspectSnapshots } from "./snapshots.ts";

export type TellLines = (lines: PeerLines) => void;

export interface LinesParts {
  /** The image as it is, and its findings. */
  readonly file: BlockNode;
  readonly findings: readonly Finding[];
  readonly parts: PlanParts;
  readonly mode: RepairExtent;
}

/** The findings of a check by the pass in which the peer has them. */
export interface FoundLines {
  readonly counting: readonly Finding[];
  readonly comparing: readonly Finding[];
  readonly flags: readonly Finding[];
}

const comparingCodes: ReadonlySet<string> = new Set([
  "refcount-missing",
  "refcount-too-low",
  "refcount-too-high",
  "cluster-leaked",
  "refcount-unreadable",
]);
const flagCodes: ReadonlySet<string> = new Set(["l2-table-copied-flag", "cluster-copied-flag"]);

export function tellLines(findings: readonly Finding[], tell: TellLines): void {
  for (const { peer } of findings) if (peer) tell(peer);
}

/** What is mended of it has words of its own. */
function tellMending({ peer }: Finding, tell: TellLines): void {
  if (peer) tell({ ...peer, lines: peer.mending ?? peer.lines });
}

/** What is told before any refcount is corrected. Changes nothing. Throws ECANCELED, EFBIG, EIO. */
export async function tellFound(
  { file, findings, parts, mode }: LinesParts,
  tell: TellLines,
): Promise<FoundLines> {
  // The peer counts what entries say when it has mended them. A new table of snapshots comes when all else is done.
  const drafts = parts.base.drafts.filter(({ item }) => item.id !== snapshotsId);
  const cut = findings.filter(({ code }) => canBeCut(code));
  for (const finding of cut) tellMending(finding, tell);
  // What is cut off does not keep the peer from counting the rest.
  const asIs = cut.length > 0 ? await check(file) : findings;
  const found = byPass(drafts.length === 0 ? asIs : await check(editedFile(file, drafts, parts.base.end)));
  if (mode === "leaks") tellLines(byPass(asIs).counting, tell);
  else tellCounting(byPass(asIs).counting, new Set(drafts.flatMap(wordsOf)), tell);
  tellLines(found.comparing, tell);
  return found;
}

const wordsOf = ({ words }: BasePlan["drafts"][number]) => words.map(({ offset }) => offset);

/**
 * Entries are mended where they are met first: whoever else refers to their table finds them in order, and the clusters
 * they stood for are not counted.
 */
function tellCounting(findings: readonly Finding[], mendedAt: ReadonlySet<number>, tell: TellLines): void {
  const told = new Set<string>();
  for (const finding of findings) {
    const { offset, code, repair, peer } = finding;
    if (mendedAt.has(offset)) {
      const key = `${code} ${offset}`;
      const isFirst = code !== "region-past-end" && !told.has(key);
      told.add(key);
      if (isFirst) tellMending({ ...finding, ...(peer && { peer: { ...peer, times: 1 } }) }, tell);
    } else if (repair === "rewrite-snapshots") tellMending(finding, tell);
    else tellLines([finding], tell);
  }
}

/** What is told while refcounts and flags are corrected. `found`: what was told before. Throws as `tellFound`. */
export async function tellMended(
  { file, parts, mode }: LinesParts,
  chosen: ReadonlySet<string>,
  found: FoundLines,
  tell: TellLines,
): Promise<void> {
  const withoutFlags = new Set([...chosen].filter((id) => id !== flagsId && id !== dirtyId));
  const mended = byPass(await check(new MendedFile(file, buildScript(parts, withoutFlags))));
  const needsNew = ({ repair }: Finding) => repair === "rebuild-refcounts";
  if (found.counting.some(needsNew) || found.comparing.some(needsNew)) {
    tell({ lines: ["Rebuilding refcount structure"] });
    tellLines(mended.counting, tell);
    tellLeft(parts, tell);
  } else {
    for (const finding of found.comparing) {
      if (mode === "all" || finding.kind === "leak") tellMending(finding, tell);
      else tellLines([finding], tell);
    }
  }
  if (!chosen.has(flagsId)) tellLines(mended.flags, tell);
  else for (const finding of mended.flags) tellMending(finding, tell);
}

/** Where structures of refcounts were that are made anew: one user less. */
function tellLeft({ counts }: PlanParts, tell: TellLines): void {
  if (counts === undefined) return;
  const left = new Map<number, number>();
  for (const cluster of counts.leftClusters()) left.set(cluster, (left.get(cluster) ?? 0) + 1);
  for (const [cluster, times] of [...left].sort(([a], [b]) => a - b)) {
    const before = counts.count(cluster);
    if (before === 0) continue;
    tell({
      lines: [`Repairing cluster ${cluster} refcount=${before} reference=${Math.max(0, before - times)}`],
    });
  }
}

function byPass(findings: readonly Finding[]): FoundLines {
  const counting = findings.filter(({ code }) => !comparingCodes.has(code) && !flagCodes.has(code));
  return {
    counting,
    comparing: findings.filter(({ code }) => comparingCodes.has(code)),
    flags: findings.filter(({ code }) => flagCodes.has(code)),
  };
}

async function check(file: BlockNode): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const image = await readImage(file, "inspect");
  const { snapshots } = await inspectSnapshots(file, image.header);
  await checkQcow2(file, image, snapshots, {
    finding: (finding) => {
      findings.push(finding);
    },
  });
  return findings;
}
