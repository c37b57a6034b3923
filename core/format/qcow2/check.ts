// The consistency check of qcow2 images: everything that refers to clusters of the file is counted, the counts are
// compared with the stored refcounts, then the COPIED flags with those. Specification: qcow2, "Refcount handling". Counts
// as the peer counts; nothing of the image is changed, and guest data need not be readable. Threads make that of a large
// image faster, and no other difference.
import { usualSharing } from "../../base/programThread.ts";
import type { Sharing } from "../../base/sharing.ts";
import type { CheckJob, CheckResult } from "../../block/finding.ts";
import type { BlockNode } from "../../block/node.ts";
import { Comparison } from "./checkCompare.ts";
import { FlagCheck } from "./checkCopied.ts";
import {
  checkBitmaps,
  checkBlocks,
  checkSnapshotEntries,
  checkSnapshotTable,
  snapshotRoots,
  snapshotTableBytes,
} from "./checkOthers.ts";
import { CheckRegions } from "./checkRegions.ts";
import { StoredRefcounts } from "./checkStored.ts";
import { type Counting, countInThreads } from "./checkThreads.ts";
import { type CheckParts, type CheckRoot, TableWalk } from "./checkWalk.ts";
import { extensionTypes } from "./extensions.ts";
import type { Qcow2Image } from "./header.ts";
import type { Qcow2Header } from "./layout.ts";
import type { Qcow2Snapshot, SnapshotFault } from "./snapshots.ts";

/**
 * `faults`: those of the snapshot table, whose entries as far as there are some are `snapshots`. Throws ECANCELED, EFBIG
 * (too many clusters), EIO when the refcount table can't be read.
 */
export async function checkQcow2(
  file: BlockNode,
  image: Qcow2Image,
  snapshots: readonly Qcow2Snapshot[],
  job: CheckJob,
  faults: readonly SnapshotFault[] = [],
  sharing: Sharing = usualSharing,
): Promise<CheckResult> {
  return countInThreads(file, image.header, job, sharing, (counting) =>
    checkOnce(file, image, snapshots, faults, counting),
  );
}

async function checkOnce(
  file: BlockNode,
  image: Qcow2Image,
  snapshots: readonly Qcow2Snapshot[],
  faults: readonly SnapshotFault[],
  { counts, reporter, threads }: Counting,
): Promise<CheckResult> {
  const { header } = image;
  const regions = new CheckRegions(counts, header.clusterSize, reporter);
  const parts: CheckParts = { file, header, counts, regions, reporter };
  checkSnapshotTable(parts, faults);
  checkSnapshotEntries(parts, snapshots);
  const active = activeRoot(header);
  const stored = await StoredRefcounts.load(file, header);
  const walk = new TableWalk(parts, threads);
  const roots = await countAll(parts, walk, active, image, snapshots, stored);
  const isComplete = reporter.errors === 0 && reporter.readError === undefined;
  const comparison = new Comparison(parts, stored, roots, isComplete);
  const imageEndOffset = await comparison.run();
  await new FlagCheck(parts, comparison, walk.visits, threads).run();
  return {
    corruptions: reporter.corruptions,
    leaks: reporter.leaks,
    checkErrors: reporter.errors,
    totalClusters: Math.ceil(header.size / header.clusterSize),
    allocatedClusters: walk.allocated,
    fragmentedClusters: walk.fragmented,
    compressedClusters: walk.compressed,
    imageEndOffset,
    readError: reporter.readError,
    findingsDropped: reporter.dropped,
  };
}

/** The L1 table of the disk as it is. */
export function activeRoot({ l1, size }: Qcow2Header): CheckRoot {
  return {
    table: l1,
    prefix: "",
    size,
    place: { by: "header, l1_table_offset", offset: 40, length: 8 },
  };
}

/** Counts everything that refers to clusters, in the peer's order. Answers the L1 tables. */
export async function countAll(
  parts: CheckParts,
  walk: TableWalk,
  active: CheckRoot,
  { header, extensions }: Qcow2Image,
  snapshots: readonly Qcow2Snapshot[],
  stored: StoredRefcounts,
): Promise<readonly CheckRoot[]> {
  const { regions, reporter } = parts;
  const entries = snapshots.reduce((sum, { l1 }) => sum + l1.entries, header.l1.entries);
  // Comparing and checking flags is as much work as the disk's own tables are.
  reporter.total = Math.max(1, entries + header.l1.entries * 2);
  regions.own(0, header.clusterSize, 1, { by: "header", offset: 0, length: header.clusterSize });
  await walk.walk(active);
  const others = snapshotRoots(parts, snapshots);
  for (const root of others) await walk.walk(root);
  await walk.finish();
  const { clusterSize, refcountTable } = header;
  const field = (name: string, offset: number) => ({ by: `header, ${name}`, offset, length: 8 });
  regions.own(
    header.snapshots.offset,
    snapshotTableBytes(parts, snapshots),
    1,
    field("snapshots_offset", 64),
  );
  regions.own(
    refcountTable.offset,
    refcountTable.clusters * clusterSize,
    1,
    field("refcount_table_offset", 48),
  );
  const extensionAt = (type: number) => extensions.list.findLast((one) => one.type === type)?.offset ?? 0;
  const { crypto, bitmaps } = extensions;
  if (crypto) {
    regions.own(crypto.offset, crypto.length, 1, {
      ...field("encryption header", extensionAt(extensionTypes.crypto) + 8),
    });
  }
  if (bitmaps) await checkBitmaps(parts, bitmaps, extensionAt(extensionTypes.bitmaps));
  await checkBlocks(parts, stored);
  return [active, ...others];
}
