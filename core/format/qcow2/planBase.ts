// The first part of a repair plan of a qcow2 image: everything but refcounts, COPIED flags and marks. Entries, L2 tables
// that lie on other structures, the snapshot table, bitmaps. What follows from it is counted in the image as it leaves it.
import { hex } from "../../base/bytes.ts";
import { formatSize } from "../../base/units.ts";
import { compactItem } from "../../block/compact.ts";
import type { RepairExtent, RepairScript } from "../../block/finding.ts";
import { MendedFile } from "../../block/mendedFile.ts";
import type { BlockNode } from "../../block/node.ts";
import type { RepairJob } from "../../block/repair.ts";
import { snapshotTableBytes } from "./checkOthers.ts";
import { setBit } from "./checkVisits.ts";
import { type Qcow2Image, readPadded } from "./header.ts";
import type { CountedImage } from "./planCounts.ts";
import { type Draft, noChanges } from "./planDraft.ts";
import { movedTo } from "./planEntry.ts";
import type { ByteEdit, NewBytes } from "./planRefcounts.ts";
import { type MendedRun, type MovedTable, scanEntries } from "./planScan.ts";
import {
  completeSnapshotTable,
  incompleteSnapshots,
  mayLoseSnapshots,
  needsTable,
  type SnapshotMending,
  snapshotAnswers,
  snapshotField,
  snapshotRisk,
  snapshotWords,
} from "./planSnapshots.ts";
import { mergedWords, type OwnedEdit, type WordEdit, wordWrites } from "./planWords.ts";
import type { Qcow2Snapshot, SnapshotFault } from "./snapshots.ts";

export interface BasePlan {
  readonly drafts: readonly Draft[];
  /** Where the file ends when all of them are done: clusters behind the old end are those of drafts. Bytes. */
  readonly end: number;
  readonly start: number;
  /** The file with all of them. */
  readonly file: BlockNode;
  readonly dropped: number;
  readonly unmended: readonly string[];
}

export interface BaseParts {
  readonly counted: CountedImage;
  readonly snapshots: readonly Qcow2Snapshot[];
  /** What is wrong with their table. */
  readonly faults: readonly SnapshotFault[];
  readonly hasBacking: boolean;
  /** Of the peer's own repair leaks or all, or everything that can be mended. */
  readonly extent: RepairExtent | "everything";
  readonly job: RepairJob;
}

export const refcountsId = "refcounts";
export const snapshotsId = "snapshot-table";

/** Throws ECANCELED, EIO. Changes nothing. */
export async function planBase(parts: BaseParts): Promise<BasePlan> {
  const { counted, job, extent } = parts;
  const isPeers = extent !== "everything";
  const { file, image, roots, counts, regions } = counted;
  const { header } = image;
  const owned = new Uint8Array(Math.ceil((counts.clusters + 1) / 8));
  const overlaps: string[] = [];
  for (const { first, last, by } of regions.owned) {
    for (let cluster = first; cluster <= last; cluster++) {
      // Refcount structures that lie on others are made anew.
      if (!setBit(owned, cluster) && !isOfRefcounts(by) && !isPeers)
        overlaps.push(`${by}: another structure is there as well`);
    }
  }
  // What is referred to may reach into the cluster behind the file's last one.
  const start = counts.known * header.clusterSize;
  if (overlaps.length > 0) return { ...nothing(file, start), unmended: overlaps.slice(0, 100) };
  if (extent === "leaks") return nothing(file, start);
  const rule = { header, fileEnd: counts.fileEnd, hasBacking: parts.hasBacking };
  const users = (cluster: number) => counts.counts[cluster] ?? 0;
  const scan = await scanEntries({ file, rule, roots, owned, users, end: start, job });
  const movedFrom = new Set(scan.moved.map(({ from }) => from));
  const moves = !isPeers && counted.isComplete;
  const runs = scan.runs.filter(
    ({ mended, table }) => (moves || !movedFrom.has(table)) && (!isPeers || mended.isPeers),
  );
  const drafts = runs.map((run) => runDraft(run, parts.hasBacking, movedFrom.has(run.table)));
  let end = start;
  if (moves) {
    const l1Words = new Map(runs.flatMap(({ edits }) => edits.map((edit) => [edit.offset, edit] as const)));
    for (const table of scan.moved) drafts.push(tableDraft(table, header.clusterSize, file.size, l1Words));
    end = scan.end;
  }
  if (!isPeers) drafts.push(...counted.faults.bitmaps.drafts(image));
  const incomplete = incompleteSnapshots(header, parts.snapshots).length;
  const { snapshots, faults } = parts;
  if (counted.isComplete && (incomplete > 0 || faults.length > 0)) {
    const mending = { snapshots, incomplete, faults };
    const fields = new Uint8Array(12);
    await readPadded(file, 60, fields);
    if (needsTable(mending)) {
      const bytes = await completeSnapshotTable(file, snapshots);
      const draft = snapshotDraft(image, mending, bytes, { fields, to: end });
      const left = { offset: header.snapshots.offset, length: snapshotTableBytes({ header }, snapshots) };
      drafts.push({ ...draft, left });
      end += draft.item.grows;
    } else drafts.push(snapshotCountDraft(mending, fields));
  }
  return {
    ...{ drafts, end, start, unmended: [], dropped: isPeers ? 0 : scan.dropped },
    file: drafts.length === 0 ? file : editedFile(file, drafts, end),
  };
}

const isOfRefcounts = (by: string) =>
  by.startsWith("refcount table[") || by === "header, refcount_table_offset";

function nothing(file: BlockNode, start: number): BasePlan {
  return { drafts: [], end: start, start, file, dropped: 0, unmended: [] };
}

/** The file with what drafts do to it, `end` bytes long at least. */
export function editedFile(file: BlockNode, drafts: readonly Draft[], end: number): BlockNode {
  return new MendedFile(file, scriptOf(drafts, file.size, end));
}

function scriptOf(drafts: readonly Draft[], size: number, end: number): RepairScript {
  const fields = drafts.flatMap((draft) => draft.fields);
  return {
    ...{ items: [], oldSize: size, cutSize: size, newSize: Math.max(size, end), last: undefined, places: [] },
    copies: drafts.flatMap(({ copies }) => copies),
    patches: drafts.flatMap(({ appended }) => appended),
    writes: [...wordWrites(mergedWords(wordsOf(drafts))), ...fields.map((edit) => ({ ...edit, item: "" }))],
  };
}

/** Whose they are does not matter yet. */
function* wordsOf(drafts: readonly Draft[]): Generator<OwnedEdit> {
  for (const { words } of drafts) {
    for (const { offset, oldWord, newWord } of words) yield { offset, oldWord, newWord, item: "" };
  }
}

function runDraft(run: MendedRun, hasBacking: boolean, isInMoved: boolean): Draft {
  const { mended, edits, count, first, firstWord, name, guest } = run;
  const offset = edits[0]?.offset ?? run.table;
  const isCleared = mended.word === 0n || mended.word === 1n;
  const index = count === 1 ? `[${first}]` : `[${first}..${first + count - 1}]`;
  const action = isCleared ? "clear-entry" : "fix-entry";
  const length = (edits.at(-1)?.offset ?? offset) + 8 - offset;
  return {
    ...noChanges,
    answers: count,
    words: edits,
    item: compactItem({
      ...{ id: `${isCleared ? "clear" : "fix"}:${hex(offset)}`, action },
      problem: `${name}${index} ${count === 1 ? "is" : "begin with"} ${hex(firstWord)}: ${mended.why}`,
      effect: effectOf(run, hasBacking),
      guest,
      // A flag that means nothing tells nobody anything.
      risk: isCleared || guest.length > 0 ? "cannot-be-undone-elsewhere" : "safe",
      needs: isInMoved ? [refcountsId] : [],
      ...{ isDefault: true, file: { offset, length }, grows: 0 },
    }),
  };
}

function effectOf({ mended, guest, isOfDisk }: MendedRun, hasBacking: boolean): string {
  if (mended.effect === "same") return "Nothing reads differently.";
  const below = hasBacking ? "reads from the backing file" : "reads as zeroes";
  const reads = { zeroes: "reads as zeroes", stored: "reads what its cluster holds", unallocated: below }[
    mended.effect
  ];
  if (!isOfDisk) return `On the disk of a snapshot it ${reads}; until now it can't be read.`;
  const [range] = guest;
  if (range === undefined) return "Nothing in the image changes: it lies behind the end of the disk.";
  const size = formatSize(guest.reduce((sum, { length }) => sum + length, 0));
  const where = guest.length === 1 ? "at" : `in ${guest.length} ranges from`;
  return `${size} ${where} guest offset ${range.offset} ${reads}; until now it can't be read.`;
}

function tableDraft(
  { from, to, places }: MovedTable,
  clusterSize: number,
  fileSize: number,
  l1Words: ReadonlyMap<number, WordEdit>,
): Draft {
  // An entry may have lost bits that mean nothing before.
  const words = places.map(({ offset, word }) => {
    const now = l1Words.get(offset)?.newWord ?? word;
    return { offset, oldWord: now, newWord: movedTo(now, to) };
  });
  const [first] = places;
  const offset = first?.offset ?? 0;
  return {
    ...noChanges,
    words,
    copies: [{ from, to, length: Math.min(clusterSize, fileSize - from) }],
    item: {
      ...{ id: `table:${hex(offset)}`, action: "copy-table" },
      problem: `${first?.name ?? "L1"} is ${hex(first?.word ?? 0n)}: another structure of the image is there as well`,
      effect: "Nothing reads differently; the table has a cluster of its own then.",
      ...{ guest: [], risk: "safe", needs: [refcountsId], isDefault: true },
      file: { offset, length: 8 },
      grows: clusterSize,
    },
  };
}

/** `fields`: what the header says of the table now. */
function snapshotDraft(
  { header }: Qcow2Image,
  mending: SnapshotMending,
  bytes: Uint8Array,
  { fields, to }: { readonly fields: Uint8Array; readonly to: number },
): Draft {
  const pieces: NewBytes[] = [];
  const piece = 64 * 1024;
  for (let at = 0; at < bytes.length; at += piece) {
    pieces.push({ offset: to + at, newBytes: bytes.subarray(at, at + piece) });
  }
  const newBytes = snapshotField(mending.snapshots.length, to);
  const draft = snapshotHeaderDraft(mending, { offset: 60, oldBytes: fields, newBytes });
  const grows = Math.ceil(bytes.length / header.clusterSize) * header.clusterSize;
  return {
    ...draft,
    appended: pieces,
    taken: { offset: to, length: bytes.length },
    item: { ...draft.item, needs: [refcountsId], grows },
  };
}

/** The table stays as far as it can be had: what is left of it are leaked clusters. `fields`: what the header says now. */
function snapshotCountDraft(mending: SnapshotMending, fields: Uint8Array): Draft {
  const count = mending.snapshots.length;
  const newBytes = count === 0 ? snapshotField(0, 0) : snapshotField(count, 0).subarray(0, 4);
  return snapshotHeaderDraft(mending, {
    offset: 60,
    oldBytes: fields.subarray(0, newBytes.length),
    newBytes,
  });
}

function snapshotHeaderDraft(mending: SnapshotMending, field: ByteEdit): Draft {
  return {
    ...noChanges,
    answers: snapshotAnswers(mending),
    fields: [field],
    item: {
      ...{ id: snapshotsId, action: mayLoseSnapshots(mending) ? "drop-snapshots" : "rewrite-snapshots" },
      ...snapshotWords(mending),
      ...{ guest: [], risk: snapshotRisk(mending), needs: [] },
      isDefault: !mayLoseSnapshots(mending),
      ...{ file: { offset: field.offset, length: field.oldBytes.length }, grows: 0 },
    },
  };
}
