// Names for the bytes of a qcow2 file that are no guest data, and what the tables in one cluster of it point to.
import { BlockError } from "../../base/errors.ts";
import type { Pointers, StructureAt, StructureField } from "../../block/structure.ts";
import { bitmapTableField, l1Field, l2Field, refcountField, refcountTableField } from "./fields.ts";
import { readPadded } from "./header.ts";
import { bitmapEntryFields, headerFields, snapshotFields } from "./headerFields.ts";
import { kindOfPart, type Part, partAround, type StructureSource, snapshotTableLength } from "./parts.ts";
import { bigEndianWords } from "./tables.ts";

const pieceBytes = 256 * 1024;

/** Undefined for what is no header and no table: data, or nothing. Throws EIO. */
export async function describeByte(source: StructureSource, at: number): Promise<StructureAt | undefined> {
  const part = await partAround(source, at);
  if (part === undefined) return undefined;
  const field = await fieldAt(source, part, at);
  return { name: nameOf(part), kind: kindOfPart[part.type], ...placeOf(source, part), field };
}

function nameOf(part: Part): string {
  switch (part.type) {
    case "header":
      return "header";
    case "snapshot-table":
      return "snapshot table";
    case "bitmap-directory":
      return "bitmap directory";
    case "refcount-table":
      return "refcount table";
    case "refcount-block":
      return `refcount block ${part.index}`;
    case "l1":
      return `${part.root.prefix}L1 table`;
    case "l2":
      return `${part.root.prefix}L2 table ${part.l1Index}`;
    case "bitmap-table":
      return `table of bitmap ${JSON.stringify(part.bitmap.name)}`;
  }
}

function placeOf(source: StructureSource, part: Part): { offset: number; length: number } {
  const { header, extensions } = source.image;
  const { clusterSize } = header;
  switch (part.type) {
    case "header":
      return { offset: 0, length: clusterSize };
    case "snapshot-table":
      return { offset: header.snapshots.offset, length: snapshotTableLength(source) };
    case "bitmap-directory":
      return {
        offset: extensions.bitmaps?.directoryOffset ?? 0,
        length: extensions.bitmaps?.directorySize ?? 0,
      };
    case "refcount-table":
      return { offset: header.refcountTable.offset, length: header.refcountTable.clusters * clusterSize };
    case "refcount-block":
    case "l2":
      return { offset: part.offset, length: clusterSize };
    case "l1":
      return { offset: part.root.table.offset, length: part.root.table.entries * 8 };
    case "bitmap-table":
      return { offset: part.bitmap.tableOffset, length: part.bitmap.tableEntries * 8 };
  }
}

async function fieldAt(source: StructureSource, part: Part, at: number): Promise<StructureField | undefined> {
  const { file, image } = source;
  if (part.type === "refcount-block") {
    const block = new Uint8Array(image.header.clusterSize);
    await readPadded(file, part.offset, block);
    return refcountField(image.header, part, at, block);
  }
  const place = placeOf(source, part);
  const entryLength = entryLengthOf(source, part);
  if (entryLength === undefined) {
    const fields = await recordFields(source, part);
    return fields.find(({ offset, length }) => at >= offset && at < offset + length);
  }
  const index = Math.floor((at - place.offset) / entryLength);
  const bytes = new Uint8Array(entryLength);
  await readPadded(file, place.offset + index * entryLength, bytes);
  const { isEmpty: _, ...field } = entryField(source, part, index, bigEndianWords(bytes), 0);
  return field;
}

/** Of tables with entries of one length; undefined for parts with records. */
function entryLengthOf({ image }: StructureSource, part: Part): number | undefined {
  if (part.type === "l2") return image.header.l2EntryLength;
  return ["l1", "refcount-table", "bitmap-table"].includes(part.type) ? 8 : undefined;
}

/** The entry whose halves begin at `at`. */
function entryField(source: StructureSource, part: Part, index: number, halves: Int32Array, at: number) {
  const { image, file } = source;
  const [high = 0, low = 0, zeroes = 0, allocated = 0] = halves.subarray(at, at + 4);
  switch (part.type) {
    case "l1":
      return l1Field(image.header, file.size, part.root, index, high, low);
    case "l2":
      return l2Field(image.header, file.size, part, index, [high, low, zeroes, allocated]);
    case "bitmap-table":
      return bitmapTableField(image.header, file.size, part.bitmap.tableOffset, index, high, low);
    default:
      return refcountTableField(image.header, file.size, index, high, low);
  }
}

/** All fields of the header, a snapshot table, a bitmap directory. */
async function recordFields(source: StructureSource, part: Part): Promise<readonly StructureField[]> {
  const { file, image, facts } = source;
  const { clusterSize } = image.header;
  if (part.type === "header") {
    const cluster = new Uint8Array(clusterSize);
    await readPadded(file, 0, cluster);
    return headerFields(source, cluster);
  }
  if (part.type === "bitmap-directory") {
    return facts.bitmaps.flatMap((bitmap, index) => bitmapEntryFields(bitmap, index, clusterSize));
  }
  const fields: StructureField[] = [];
  for (const [index, snapshot] of facts.snapshots.entries()) {
    const bytes = new Uint8Array(snapshot.length);
    await readPadded(file, snapshot.offset, bytes);
    fields.push(...snapshotFields(snapshot, index, bytes, clusterSize));
  }
  return fields;
}

/** Fields and entries of the cluster at `offset` that point somewhere or ought to. Throws EIO, ECANCELED. */
export async function pointersIn(
  source: StructureSource,
  offset: number,
  limit: number,
  signal: AbortSignal | undefined,
): Promise<Pointers> {
  const part = await partAround(source, offset);
  // Of refcounts there is one for every cluster: that is no reference.
  if (part === undefined || part.type === "refcount-block") return { list: [], total: 0 };
  const end = Math.min(offset + source.image.header.clusterSize, source.file.size);
  const entryLength = entryLengthOf(source, part);
  if (entryLength !== undefined) return entriesIn(source, part, { offset, end, limit, entryLength }, signal);
  const all = (await recordFields(source, part)).filter(
    (field) => field.target !== undefined && field.offset >= offset && field.offset < end,
  );
  return { list: all.slice(0, limit), total: all.length };
}

interface EntryWindow {
  readonly offset: number;
  readonly end: number;
  readonly limit: number;
  readonly entryLength: number;
}

async function entriesIn(
  source: StructureSource,
  part: Part,
  { offset, end, limit, entryLength }: EntryWindow,
  signal: AbortSignal | undefined,
): Promise<Pointers> {
  const place = placeOf(source, part);
  const last = Math.min(end, place.offset + place.length);
  const list: StructureField[] = [];
  let total = 0;
  for (let at = Math.max(offset, place.offset); at < last; at += pieceBytes) {
    if (signal?.aborted) throw new BlockError("ECANCELED", "The search for pointers was cancelled");
    const bytes = new Uint8Array(Math.floor(Math.min(pieceBytes, last - at) / entryLength) * entryLength);
    await readPadded(source.file, at, bytes);
    const halves = bigEndianWords(bytes);
    const step = entryLength / 4;
    for (let i = 0; i < halves.length; i += step) {
      // Nothing, and plain zero clusters: most of a new table.
      if (halves[i] === 0 && halves[i + 1] === 0) continue;
      const index = (at - place.offset) / entryLength + i / step;
      const { isEmpty, ...field } = entryField(source, part, index, halves, i);
      if (isEmpty) continue;
      if (total++ < limit) list.push(field);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { list, total };
}
