// The passes that make a repair plan of a qcow2 image, in their order: what the tables refer to as they are, what entries
// have to become, what they refer to then, how the stored refcounts differ from that, and which flags do.
import type { RepairExtent } from "../../block/finding.ts";
import type { BlockNode } from "../../block/node.ts";
import type { RepairJob } from "../../block/repair.ts";
import { readImage } from "./header.ts";
import { type BasePlan, planBase } from "./planBase.ts";
import { CountedRefcounts, countImage } from "./planCounts.ts";
import { DiskTables } from "./planFlags.ts";
import type { ScriptParts } from "./planScript.ts";
import { doubtsOf } from "./planSnapshots.ts";
import { inspectSnapshots } from "./snapshots.ts";

export interface PlanParts extends ScriptParts {
  readonly base: BasePlan;
  /** What no item mends: the first of them. */
  readonly unmended: readonly string[];
  readonly dropped: number;
  /** Corruptions of the tables of refcounts themselves, and whether there are any left that no item mends. */
  readonly structureFaults: number;
  readonly isMended: boolean;
  /** More clusters may be in use than is known: those of snapshots that the table does not tell. Of no plan of the peer's. */
  readonly isInDoubt: boolean;
}

/** How much is planned: of the peer's own repair leaks or all, or everything that can be mended. Throws what reading the header and snapshots throws, ECANCELED, EFBIG. */
export async function planParts(
  file: BlockNode,
  hasBacking: boolean,
  extent: RepairExtent | "everything",
  job: RepairJob,
): Promise<PlanParts> {
  const image = await readImage(file, "inspect");
  const { snapshots, faults } = await inspectSnapshots(file, image.header);
  const asIs = await countImage(file, image, snapshots, job);
  const base = await planBase({ counted: asIs, snapshots, faults, hasBacking, extent, job });
  const { incompatible, autoclear, version } = image.header;
  const doubts = extent === "everything" ? doubtsOf(snapshots) : [];
  const isInDoubt = doubts.length > 0;
  const common = { base, extent, fileSize: file.size, incompatible, autoclear, version, isInDoubt };
  const counted = base.drafts.length === 0 ? asIs : await countMended(base.file, job);
  const { structure: structureFaults, others, otherMessages } = counted.faults;
  const unmended = [...doubts, ...base.unmended, ...otherMessages];
  const further = others - otherMessages.length;
  if (further > 0) unmended.push(`${further} further problems in tables`);
  const isBlocked = base.unmended.length > 0;
  if (isBlocked || !counted.isComplete) {
    const none = { counts: undefined, tables: undefined, structureFaults, isMended: false };
    return { ...common, ...none, unmended, dropped: base.dropped };
  }
  const counts = new CountedRefcounts(counted);
  await counts.compare(job);
  const tables = new DiskTables(counts, job);
  await tables.run(extent === "everything");
  await counts.keep(touched(counts, tables, base));
  const crowded = crowdedClusters(counts, tables);
  if (crowded > 0) unmended.push(`${crowded} clusters have more users than refcounts of this image can say`);
  const dropped = base.dropped + counts.dropped + tables.dropped;
  const isMended = !isInDoubt && counted.corruptions === structureFaults && crowded === 0 && dropped === 0;
  return { ...common, counts, tables, unmended, dropped, structureFaults, isMended };
}

async function countMended(file: BlockNode, job: RepairJob): ReturnType<typeof countImage> {
  const image = await readImage(file, "inspect");
  const { snapshots } = await inspectSnapshots(file, image.header);
  return countImage(file, image, snapshots, job);
}

/** Clusters whose refcounts change though they are right now, and those that the repair may need behind the end. */
function* touched(counts: CountedRefcounts, { shared }: DiskTables, base: BasePlan): Generator<number> {
  const { header } = counts.counted.image;
  const { clusterSize, refcountTable } = header;
  let copied = 0;
  for (const { from, words } of shared) {
    for (let i = 0; i < words.length; i++) yield from / clusterSize + i;
    copied += words.length;
  }
  yield* counts.leftClusters();
  for (let i = 0; i < refcountTable.clusters; i++) yield refcountTable.offset / clusterSize + i;
  // Each part of the file that is added may need a block, which needs room itself.
  const blocks = counts.bad.size + counts.missing.size + 2;
  const added =
    copied + refcountTable.clusters + blocks + Math.ceil((2 * (copied + blocks)) / counts.perBlock) + 8;
  const first = Math.min(Math.floor(counts.usedEnd / clusterSize), base.start / clusterSize);
  const last = base.end / clusterSize + 2 * added;
  for (let cluster = first; cluster <= last; cluster += counts.perBlock) yield cluster;
  yield last;
}

function crowdedClusters(counts: CountedRefcounts, { shared }: DiskTables): number {
  const { clusterSize } = counts.counted.image.header;
  const over = new Map(counts.over.map((cluster) => [cluster, counts.count(cluster)]));
  for (const { from, words, times } of shared) {
    for (let i = 0; i < words.length; i++) {
      const cluster = from / clusterSize + i;
      const count = over.get(cluster);
      if (count !== undefined) over.set(cluster, count - times);
    }
  }
  return [...over.values()].filter((count) => count > counts.most).length;
}
