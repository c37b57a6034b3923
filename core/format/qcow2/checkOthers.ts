// What a check finds in tables that lead to no guest data: snapshots' entries, bitmaps, and the refcount table with its
// blocks. Specification: qcow2, "Snapshots", "Bitmaps", "Reference count table". Texts beside ours are the peer's.
import { hex } from "../../base/bytes.ts";
import { BlockError, toPlain, unreachable } from "../../base/errors.ts";
import type { RepairKind } from "../../block/finding.ts";
import { bitmapLengthFault } from "./bitmapBits.ts";
import { type Qcow2Bitmap, readBitmaps } from "./bitmaps.ts";
import { told } from "./checkRegions.ts";
import type { StoredBlock, StoredRefcounts } from "./checkStored.ts";
import type { CheckParts, CheckRoot } from "./checkWalk.ts";
import { offsetOf } from "./entry.ts";
import type { BitmapsExtension } from "./extensions.ts";
import { limits, snapshotEntryLength } from "./layout.ts";
import { PieceReader } from "./pieces.ts";
import { type Qcow2Snapshot, removalOffer, type SnapshotFault } from "./snapshots.ts";

/** Bytes of an entry's extra data that version 3 asks for. */
const leastExtra = 16;
/** Bytes of bitmaps' tables beyond those of the file: in an image in order no two lie on each other. */
const spareBitmapBytes = 64 * 1024 * 1024;

/** What is wrong with the snapshot table as a whole: of snapshots that it has lost nothing can be counted. */
export function checkSnapshotTable(
  { header, reporter }: Pick<CheckParts, "header" | "reporter">,
  faults: readonly SnapshotFault[],
): void {
  for (const [index, fault] of faults.entries()) {
    const { code, lines, mending } = faultWords(fault);
    reporter.failed(1, () => ({
      ...{ code, message: lossOf(fault) },
      offset: fault.error.context.offset ?? 60,
      length: fault.error.context.length ?? 12,
      ...(fault.entry !== undefined && { entry: fault.entry }),
      table: { level: "snapshot table", index: 0, offset: header.snapshots.offset },
      // The peer gives up at the first one, unless it is to cut off what is too much.
      peer: { lines: index === 0 ? lines : [], ...(mending && { mending }) },
    }));
    reporter.readError ??= toPlain(fault.error);
  }
  if (faults.length > 0) reporter.isPeerGone = true;
}

/** What it is, and what is lost with it. */
export function lossOf({ error, lost }: SnapshotFault): string {
  if (lost === 0) return error.message;
  return `${error.message}; ${lost} of the snapshots that the image should have can't be found`;
}

interface FaultWords {
  readonly code: string;
  readonly lines: readonly string[];
  readonly mending?: readonly string[];
}

/** Codes of findings that are answered by giving up what is too much of the table. */
const cutCodes: ReadonlySet<string> = new Set([
  "snapshot-table-too-large",
  "snapshot-extra-too-long",
  "snapshot-table-too-long",
]);
export const canBeCut = (code: string): boolean => cutCodes.has(code);

function faultWords({ kind, error, lost, entry, stored }: SnapshotFault): FaultWords {
  const words = error.context.peer?.message ?? error.message;
  const unread = `qemu-img: ERROR failed to read the snapshot table: ${words}`;
  switch (kind) {
    case "misplaced":
      return { code: "snapshot-table-misplaced", lines: ["qemu-img: ERROR snapshot table offset invalid"] };
    case "too-many": {
      const over = stored - limits.snapshots;
      return {
        code: "snapshot-table-too-large",
        lines: [
          "qemu-img: ERROR snapshot table too large",
          removalOffer(`all ${over} overhanging snapshots`),
        ],
        mending: [`Discarding ${over} overhanging snapshots`],
      };
    }
    case "extra": {
      const most = limits.snapshotExtra;
      return {
        code: "snapshot-extra-too-long",
        lines: [unread, removalOffer("this extra metadata")],
        mending: [
          `Discarding too much extra metadata in snapshot table entry ${entry} (${stored} > ${most})`,
        ],
      };
    }
    case "too-long":
      return {
        code: "snapshot-table-too-long",
        lines: [unread, removalOffer(`all ${lost} overhanging snapshots`)],
        mending: [`Discarding ${lost} overhanging snapshots (snapshot table is too big)`],
      };
    default:
      return unreachable(kind);
  }
}

/** Entries of the table that have less than version 3 asks for. */
export function checkSnapshotEntries(
  { header, reporter }: CheckParts,
  snapshots: readonly Qcow2Snapshot[],
): void {
  if (header.version < 3) return;
  for (const [index, { offset, length, extraLength }] of snapshots.entries()) {
    if (extraLength >= leastExtra) continue;
    reporter.corrupt("rewrite-snapshots", 1, () => ({
      code: "snapshot-incomplete",
      message: `Entry ${index} of the snapshot table has ${extraLength} bytes of extra data; version 3 asks for at least ${leastExtra}`,
      offset,
      length,
      table: { level: "snapshot table", index: 0, offset: header.snapshots.offset },
      entry: index,
      peer: {
        lines: [`ERROR snapshot table entry ${index} is incomplete`],
        mending: [`Repairing snapshot table entry ${index} is incomplete`],
      },
    }));
  }
}

/** The L1 tables of snapshots, without those that break a rule, which are told. */
export function snapshotRoots(
  { header, reporter }: CheckParts,
  snapshots: readonly Qcow2Snapshot[],
): CheckRoot[] {
  const table = { level: "snapshot table", index: 0, offset: header.snapshots.offset };
  if (header.hasDataFile && snapshots.length > 0) {
    reporter.corrupt("none", 1, () => ({
      code: "snapshots-with-data-file",
      message: `The image has ${snapshots.length} snapshots and an external data file, which excludes them`,
      offset: 60,
      length: 4,
      peer: { lines: [`ERROR ${snapshots.length} snapshots in image with data file`] },
    }));
  }
  return snapshots.flatMap(({ id, name, l1, offset: at, length }, index) => {
    const place = { offset: at, length, table, entry: index };
    const bad = (code: string, message: string, words: string) => {
      reporter.corrupt("none", 1, () => ({
        ...place,
        code,
        message: `Snapshot ${id} (${name}): ${message}`,
        peer: { lines: [`ERROR snapshot ${id} (${name}) ${words}; snapshot table entry corrupted`] },
      }));
      return [];
    };
    if (l1.offset % BigInt(header.clusterSize) !== 0n) {
      const words = `l1_offset=${hex(l1.offset)}: L1 table is not cluster aligned`;
      return bad(
        "snapshot-l1-unaligned",
        `its L1 table at ${hex(l1.offset)} is not aligned to clusters`,
        words,
      );
    }
    if (l1.entries * 8 > limits.l1Table) {
      const words = `l1_size=${hex(l1.entries)}: L1 table is too large`;
      return bad("snapshot-l1-too-large", `its L1 table has ${l1.entries} entries`, words);
    }
    const by = `snapshot table, entry ${index}`;
    const root: CheckRoot = {
      table: { offset: Number(l1.offset), entries: l1.entries },
      prefix: `snapshot ${id}, `,
      size: undefined,
      place: { ...place, by, offset: at, length: 8 },
    };
    return [root];
  });
}

/** Bytes of the table up to the end of its last entry. */
export function snapshotTableBytes(
  { header }: Pick<CheckParts, "header">,
  snapshots: readonly Qcow2Snapshot[],
): number {
  const last = snapshots.at(-1);
  if (last === undefined) return 0;
  const { offset, extraLength, idLength, nameLength } = last;
  return offset + snapshotEntryLength + extraLength + idLength + nameLength - header.snapshots.offset;
}

/** Counts the directory, the tables and the data of bitmaps. Throws ECANCELED. */
export async function checkBitmaps(
  parts: CheckParts,
  extension: BitmapsExtension,
  at: number,
): Promise<void> {
  const { file, header, regions, reporter } = parts;
  const { directoryOffset, directorySize } = extension;
  const field = { offset: at + 24, length: 8 };
  regions.own(directoryOffset, directorySize, 1, { ...field, by: "header, bitmap_directory_offset" });
  let bitmaps: readonly Qcow2Bitmap[] = [];
  try {
    bitmaps = await readBitmaps(file, extension, header.clusterSize);
  } catch (error) {
    // The peer gives up here.
    reporter.readError ??= toPlain(new BlockError("EINVAL", "The bitmap directory is damaged"));
    reporter.corrupt("none", 1, () => ({
      code: "bitmap-directory-damaged",
      message: `The bitmap directory is damaged: ${error instanceof Error ? error.message : String(error)}`,
      offset: directoryOffset,
      length: directorySize,
    }));
  }
  let bytesLeft = parts.counts.fileEnd + spareBitmapBytes;
  for (const bitmap of bitmaps) {
    checkLength(parts, bitmap);
    bytesLeft -= bitmap.tableEntries * 8;
    await checkBitmap(parts, bitmap, bytesLeft >= 0);
  }
}

/** With such a table no program loads it, and the peer does not open the image. That of one in use is not looked at. */
function checkLength({ header, reporter }: CheckParts, bitmap: Qcow2Bitmap): void {
  const fault = bitmap.isInUse ? undefined : bitmapLengthFault(bitmap, header);
  if (fault === undefined) return;
  reporter.corrupt("none", 1, () => ({
    code: "bitmap-table-length",
    message: `bitmap ${JSON.stringify(bitmap.name)}: ${fault}`,
    offset: bitmap.offset + 8,
    length: 4,
  }));
}

async function checkBitmap(parts: CheckParts, bitmap: Qcow2Bitmap, isRead: boolean): Promise<void> {
  const { file, regions, reporter } = parts;
  const { name, tableOffset, tableEntries, offset } = bitmap;
  const by = `bitmap ${JSON.stringify(name)}`;
  const place = { by, offset, length: 8 };
  if (!isRead) {
    const message = `${by}: tables of bitmaps lie on each other, so this one was not looked at`;
    reporter.failed(1, () => ({ ...told(place), code: "table-not-looked-at", message }));
    return;
  }
  regions.own(tableOffset, tableEntries * 8, 1, place);
  const table = { level: "bitmap table", index: 0, offset: tableOffset };
  try {
    for await (const { halves, first } of new PieceReader(file).words({
      offset: tableOffset,
      entries: tableEntries,
    })) {
      for (let at = 0; at < halves.length; at += 2) {
        const [high = 0, low = 0] = [halves[at], halves[at + 1]];
        if (high === 0 && low === 0) continue;
        const entry = first + at / 2;
        const value = hex((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0));
        const where = { offset: tableOffset + entry * 8, length: 8, table, entry, value };
        checkBits(parts, { ...where, by: `${by}[${entry}]` }, high, low);
      }
      await reporter.breathe();
    }
  } catch (error) {
    reporter.unreadable(error, (reason) => ({
      code: "bitmap-table-unreadable",
      message: `The table of ${by} can't be read: ${reason}`,
      offset: tableOffset,
      length: tableEntries * 8,
      table,
    }));
  }
}

/** One entry of a bitmap's table that is not 0. */
function checkBits(
  { header, regions, reporter }: CheckParts,
  place: Parameters<typeof regions.own>[3],
  high: number,
  low: number,
): void {
  const offset = offsetOf(high, low);
  const hasReserved = high < 0 || high > 0x00ffffff || (low & 0x1fe) !== 0;
  if (hasReserved || (offset !== 0 && ((low & 1) !== 0 || offset % header.clusterSize !== 0))) {
    // The peer gives up here.
    reporter.readError ??= toPlain(new BlockError("EINVAL", "A table of a bitmap is damaged"));
    reporter.corrupt("none", 1, () => ({
      ...told(place),
      code: "bitmap-entry-damaged",
      message: `${place.by} is ${place.value}, which is no place of a cluster`,
    }));
    return;
  }
  if (offset !== 0) regions.own(offset, header.clusterSize, 1, place);
}

/** Counts refcount blocks: each has to be aligned, in the file, and used for nothing else. */
export async function checkBlocks(parts: CheckParts, stored: StoredRefcounts): Promise<void> {
  const { header, counts, regions, reporter } = parts;
  const { clusterSize, refcountTable } = header;
  for (let index = 0; index < stored.entries; index++) {
    const block = stored.block(index);
    if (block === undefined) continue;
    const place = {
      by: `refcount table[${index}]`,
      offset: refcountTable.offset + index * 8,
      length: 8,
      table: { level: "refcount table", index: 0, offset: refcountTable.offset },
      entry: index,
      value: block.value,
    };
    const fault = faultOf(block, index, clusterSize, counts.known);
    if (fault === undefined && block.offset !== 0) {
      regions.own(block.offset, clusterSize, 1, place);
      const count = counts.counts[block.offset / clusterSize] ?? 0;
      if (count !== 1) {
        reporter.corrupt("rebuild-refcounts", 1, () => ({
          ...told(place),
          code: "refcount-block-shared",
          message: `${place.by} is ${block.value}: the cluster of this refcount block is referred to ${count} times`,
          references: { by: [], total: count },
          peer: { lines: [`ERROR refcount block ${index} refcount=${count}`] },
        }));
      }
    } else if (fault !== undefined) {
      const { code, why, repair, words } = fault;
      reporter.corrupt(repair, 1, () => ({
        ...told(place),
        code,
        message: `${place.by} is ${block.value}: ${why}`,
        peer: { lines: [`ERROR ${words}`] },
      }));
    }
    await reporter.breathe();
  }
}

interface BlockFault {
  readonly code: string;
  readonly why: string;
  readonly repair: RepairKind;
  readonly words: string;
}

function faultOf(
  block: StoredBlock,
  index: number,
  clusterSize: number,
  clusters: number,
): BlockFault | undefined {
  const repair = "rebuild-refcounts";
  if (block.hasReservedBits) {
    const words = `refcount table entry ${index} has reserved bits set`;
    return { code: "refcount-table-reserved-bits", why: "bits that have to be 0 are set", repair, words };
  }
  if (block.isUnaligned) {
    const words = `refcount block ${index} is not cluster aligned; refcount table entry corrupted`;
    return {
      code: "refcount-block-unaligned",
      why: `the block is not aligned to ${clusterSize} bytes`,
      repair,
      words,
    };
  }
  if (block.offset / clusterSize < clusters) return undefined;
  const why = "the block lies past the end of the file";
  return { code: "refcount-block-past-end", why, repair, words: `refcount block ${index} is outside image` };
}
