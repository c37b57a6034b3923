// What can be mended in a qcow2 image, item by item, and the script of chosen items. Refcounts are those of the image with
// all entries mended: they need these items. Beyond the peer's repair, entries that point nowhere are cleared, clusters
// with two users are copied for one of them, and tables that lie on others move.
import { hex } from "../../base/bytes.ts";
import { formatSize } from "../../base/units.ts";
import { compactItem } from "../../block/compact.ts";
import type { OfferedRepair, RepairOffer } from "../../block/finding.ts";
import type { BlockNode } from "../../block/node.ts";
import {
  chosenItems,
  type EarlierRepairs,
  itemsById,
  type LeakDoubt,
  offeredLeaks,
} from "../../block/offered.ts";
import type { RepairJob } from "../../block/repair.ts";
import { incompatible } from "./layout.ts";
import { refcountsId } from "./planBase.ts";
import { gaveUpIn } from "./planEarlier.ts";
import { copyId, type SharedRun, sharedName } from "./planFlags.ts";
import { type PlanParts, planParts } from "./planParts.ts";
import { buildScript, dirtyId, flagsId, leaksId, trimId } from "./planScript.ts";

const nothingRead = "Nothing reads differently";

/** `file` is the image's file. Changes nothing. Throws what reading the header and snapshots throws, ECANCELED, EFBIG. */
export async function offerQcow2Repair(
  file: BlockNode,
  hasBacking: boolean,
  job: RepairJob = {},
  earlier?: EarlierRepairs,
): Promise<RepairOffer> {
  const parts = await planParts(file, hasBacking, "everything", job);
  const gaveUp = (await earlier?.gaveUp(gaveUpIn(parts))) === true;
  const items = itemsOf(parts, gaveUp);
  const byId = itemsById(items);
  const { counts } = parts;
  return {
    fileSize: file.size,
    items,
    dropped: parts.dropped,
    unmended: parts.unmended,
    leaks: counts?.leaks ?? [],
    leaked: { ranges: counts?.leakRanges ?? 0, bytes: leakedBytes(parts) },
    leakedRanges: () => counts?.leakedRanges() ?? [],
    script: (ids) => buildScript(parts, chosenItems(byId, ids)),
  };
}

function leakedBytes({ counts }: PlanParts): number {
  return counts ? counts.unused * counts.counted.image.header.clusterSize : 0;
}

function itemsOf(parts: PlanParts, gaveUp: boolean): readonly OfferedRepair[] {
  const { base, tables } = parts;
  const entries = base.drafts.map(({ item }) => item);
  const copies = (tables?.shared ?? []).map((run) => copyItem(parts, run));
  const refcounts = refcountsItem(parts, entries, copies);
  const before = [...entries.map(({ id }) => id), ...(refcounts ? [refcountsId] : [])];
  const flags = flagsItem(parts, refcounts !== undefined, before);
  // Also where nothing reads differently: a wrong bit makes a place one past the end of the file, and of a snapshot as well.
  const isLossy = ({ guest, risk, action }: OfferedRepair) =>
    guest.length > 0 || risk === "may-lose-data" || action === "clear-entry";
  const isBroken = entries.some(isLossy) || !parts.isMended;
  const doubt = isBroken ? "broken" : gaveUp ? "earlier" : undefined;
  const leaks = leaksItem(parts, before, doubt);
  const trim = trimItem(parts, leaks ? [...before, leaksId] : before, doubt);
  const needed = [...entries, ...copies, ...(refcounts ? [refcounts] : []), ...(flags ? [flags] : [])];
  const dirty = dirtyItem(parts, needed);
  return askedFor([...needed, ...[leaks, trim, dirty].filter((item) => item !== undefined)]);
}

/** What needs an item that is not chosen unless asked for is not either. */
function askedFor(items: readonly OfferedRepair[]): readonly OfferedRepair[] {
  const left = new Set(items.filter(({ isDefault }) => !isDefault).map(({ id }) => id));
  for (let before = -1; before !== left.size; ) {
    before = left.size;
    for (const { id, needs } of items) if (needs.some((need) => left.has(need))) left.add(id);
  }
  return items.map((item) => (item.isDefault && left.has(item.id) ? { ...item, isDefault: false } : item));
}

function copyItem({ counts }: PlanParts, run: SharedRun): OfferedRepair {
  const { clusterSize = 0, l2EntryLength = 8 } = counts?.counted.image.header ?? {};
  const [word = 0n] = run.words;
  return compactItem({
    ...{ id: copyId(run), action: "copy-cluster" },
    problem: `${sharedName(run)} ${run.words.length === 1 ? "is" : "begin with"} ${hex(word)}: the cluster there has another user`,
    effect: `${nothingRead}; each user has a cluster of its own then.`,
    ...{ guest: [], risk: "safe", needs: [refcountsId], isDefault: true },
    file: { offset: run.entryOffset, length: run.words.length * l2EntryLength },
    grows: run.words.length * clusterSize,
  });
}

function refcountsItem(
  { counts, structureFaults, isInDoubt }: PlanParts,
  entries: readonly OfferedRepair[],
  copies: readonly OfferedRepair[],
): OfferedRepair | undefined {
  if (!counts) return undefined;
  const { low, high, bad, missing, isTableBad, counted } = counts;
  const grows = [...entries, ...copies].some((item) => item.grows > 0);
  const structures = bad.size + missing.size + (isTableBad ? 1 : 0) + structureFaults;
  if (low + high + structures === 0 && !grows) return undefined;
  const { clusterSize, refcountTable } = counted.image.header;
  const found = [
    [low, "too low"],
    [high, "too high"],
  ] as const;
  const words = found
    .filter(([count]) => count > 0)
    .map(([count, what]) => `${many(count, "refcount")} ${what}`);
  if (refcountTable.fault) words.push("the header tells of a refcount table where none can be");
  if (isTableBad) words.push("the refcount table shares its place with something else");
  if (bad.size > 0) words.push(`${many(bad.size, "refcount block")} where none can be`);
  if (missing.size > 0) words.push(`${many(missing.size, "refcount block")} missing`);
  const fresh = bad.size + missing.size + (isTableBad ? refcountTable.clusters : 0);
  // A count that is lowered in error lets a write change what another one still uses.
  const mayLose = isInDoubt && high > 0;
  return {
    ...{ id: refcountsId, action: "fix-refcounts" },
    problem:
      words.length > 0
        ? `How often clusters are used is not stored as it is: ${words.join(", ")}`
        : "New clusters have to be counted as used",
    effect: mayLose
      ? `${nothingRead}, but what counts as used too often may be what snapshots use that can't be found.`
      : `${nothingRead}; programs that write to the image know which clusters are in use.`,
    ...{ guest: [], risk: mayLose ? "may-lose-data" : "safe" },
    ...{ needs: entries.map(({ id }) => id), isDefault: !mayLose },
    file: refcountTable.fault
      ? { offset: 48, length: refcountTable.fault.stored.length }
      : { offset: refcountTable.offset, length: refcountTable.clusters * clusterSize },
    grows: fresh * clusterSize,
  };
}

function flagsItem(
  { tables, counts }: PlanParts,
  hasRefcounts: boolean,
  needs: readonly string[],
): OfferedRepair | undefined {
  if (!tables || !counts || tables.flags.length === 0) return undefined;
  const [first] = tables.flags;
  return {
    ...{ id: flagsId, action: "fix-flags" },
    problem: `The COPIED flags of up to ${many(tables.flags.length, "table entry", "table entries")} do not say whether their cluster has one user`,
    effect: `${nothingRead}; a write to a cluster that others use gets a new one${hasRefcounts ? "" : ", and only that"}.`,
    ...{ guest: [], risk: "safe", needs, isDefault: true },
    ...{ file: { offset: first?.offset ?? 0, length: 8 }, grows: 0 },
  };
}

function leaksItem(
  { counts }: PlanParts,
  needs: readonly string[],
  doubt: LeakDoubt,
): OfferedRepair | undefined {
  if (!counts || counts.unused === 0) return undefined;
  const [first] = counts.leaks;
  const size = formatSize(counts.unused * counts.counted.image.header.clusterSize);
  return {
    ...{ id: leaksId, action: "free-leaks" },
    problem:
      counts.unused === 1
        ? `1 cluster (${size}) is counted as used, and nothing uses it`
        : `${counts.unused} clusters (${size}) are counted as used, and nothing uses them`,
    ...offeredLeaks(nothingRead, doubt, "their space can be used again."),
    ...{ guest: [], needs },
    ...{ file: first ?? { offset: 0, length: 0 }, grows: 0 },
  };
}

function trimItem(
  { counts, base, fileSize }: PlanParts,
  needs: readonly string[],
  doubt: LeakDoubt,
): OfferedRepair | undefined {
  if (!counts || base.end > base.start || counts.usedEnd >= fileSize) return undefined;
  const length = fileSize - counts.usedEnd;
  return {
    ...{ id: trimId, action: "trim" },
    problem: `${formatSize(length)} at the end of the file, from ${hex(counts.usedEnd)} on, are not used by anything`,
    ...offeredLeaks(nothingRead, doubt, "the file becomes shorter."),
    ...{ guest: [], needs },
    ...{ file: { offset: counts.usedEnd, length }, grows: 0 },
  };
}

function dirtyItem(
  { isMended, incompatible: bits }: PlanParts,
  needed: readonly OfferedRepair[],
): OfferedRepair | undefined {
  const isDirty = (bits & incompatible.dirty) !== 0n;
  const isCorrupt = (bits & incompatible.corrupt) !== 0n;
  if (!isMended || (!isDirty && !isCorrupt)) return undefined;
  const what = [isDirty ? "not properly closed" : "", isCorrupt ? "corrupt" : ""].filter(
    (text) => text !== "",
  );
  return {
    ...{ id: dirtyId, action: "clear-dirty-bit" },
    problem: `The image is marked as ${what.join(" and as ")}`,
    effect: isCorrupt
      ? `${nothingRead}; programs open the image for writing again.`
      : `${nothingRead}; programs that open the image do not check it first.`,
    ...{ guest: [], risk: "safe", needs: needed.map(({ id }) => id) },
    ...{ isDefault: needed.every((item) => item.isDefault), file: { offset: 72, length: 8 }, grows: 0 },
  };
}

function many(count: number, one: string, more = `${one}s`): string {
  return `${count} ${count === 1 ? one : more}`;
}
