// The work of `refs`: maps the image, asks for one place, prints it.
import { hex } from "../base/bytes.ts";
import { kindWords } from "../block/kindWords.ts";
import type { BlockNode } from "../block/node.ts";
import type {
  ByteRange,
  ClusterKind,
  GuestEntry,
  Pointers,
  Reference,
  Structure,
  StructureAt,
  StructureField,
} from "../block/structure.ts";
import type { MapPlace } from "../ops/mapRun.ts";
import { CliError } from "./command.ts";
import { mapWithProgress } from "./mapKinds.ts";
import { type ImageRequest, withImage } from "./openImage.ts";
import { jsonText, printable, stdout } from "./output.ts";
import { countedText, rangeText, referenceText } from "./referenceText.ts";
import { lookAtRange, printRange, type RangeShown } from "./refsRange.ts";

export interface ReferencesRequest {
  readonly file: string;
  readonly image: ImageRequest;
  /** Byte of the file, or of the guest's disk. */
  readonly at: number;
  /** Of the file: a range is asked for. */
  readonly length: number | undefined;
  readonly isGuest: boolean;
  readonly limit: number;
  readonly json: boolean;
}

/** Where a byte of the guest's disk is, by the top layer's tables. */
interface GuestPlace extends GuestEntry {
  readonly offset: number;
  readonly path: string;
}

/** Words for what an entry says; all other kinds are stored. */
const states: Partial<Record<ClusterKind, string>> = {
  hole: "unallocated",
  zero: "zero",
  "bad-entry": "invalid",
  unreadable: "unreadable",
};
const stateOf = ({ kind }: GuestEntry) => states[kind] ?? "data";
const isBroken = ({ kind }: GuestEntry) => kind === "bad-entry" || kind === "unreadable";

export function printReferences(request: ReferencesRequest): Promise<void> {
  return withImage(request.file, { ...request.image, toInspect: true }, async ({ graph: { root } }) => {
    const { structure } = root;
    if (structure === undefined) {
      const why = `Images of the format ${root.driver} have no tables that refer to clusters`;
      throw new CliError(why, 1, "Where their data lie, blkscope map shows.");
    }
    const guest = request.isGuest ? await guestPlace(root, structure, request.at) : undefined;
    const offset = guest === undefined ? request.at : lookedAt(guest);
    if (offset !== undefined && offset >= structure.fileSize) {
      const size = structure.fileSize;
      throw new CliError(`Offset ${offset} is not in the file of ${size} bytes`, 1);
    }
    const { length } = request;
    if (offset !== undefined && length !== undefined) await showRange(request, root, { offset, length });
    else await showPlace(request, root, guest, offset);
  });
}

async function showPlace(
  { file, json, limit }: ReferencesRequest,
  root: BlockNode,
  guest: GuestPlace | undefined,
  offset: number | undefined,
): Promise<void> {
  const place = offset === undefined ? undefined : await (await mapWithProgress(root)).place(offset, limit);
  if (json) {
    stdout.line(jsonText(jsonOf(file, root, guest, place), 4));
    return;
  }
  if (guest !== undefined) printGuest(guest);
  if (place !== undefined) printPlace(place);
}

async function showRange(
  { file, json, limit }: ReferencesRequest,
  root: BlockNode,
  range: ByteRange,
): Promise<void> {
  const found = await lookAtRange(await mapWithProgress(root), range, limit);
  if (json) stdout.line(jsonText(rangeShownJson(file, root, found), 4));
  else printRange(found);
}

/** Where the byte is stored, or its cluster where that is compressed; what is broken is looked at itself. */
function lookedAt(guest: GuestPlace): number | undefined {
  return isBroken(guest) ? guest.entry.offset : (guest.fileOffset ?? guest.stream?.offset);
}

async function guestPlace(root: BlockNode, structure: Structure, offset: number): Promise<GuestPlace> {
  if (offset >= root.size) {
    throw new CliError(`Offset ${offset} is not in the guest's disk of ${root.size} bytes`, 1);
  }
  const found = await structure.guestEntry(offset);
  // To ask for its path would fail there.
  if (isBroken(found)) return { offset, ...found, path: `${found.entry.by} at ${hex(found.entry.offset)}` };
  return { offset, ...found, path: (await root.describeAt?.(offset)) ?? "" };
}

function printGuest(guest: GuestPlace): void {
  const { offset, path } = guest;
  const place = isBroken(guest) ? "by this entry:" : storedText(guest);
  stdout.line(`Guest offset ${hex(offset)}: ${stateOf(guest)}, ${place}`);
  if (path !== "") stdout.line(`  ${printable(path)}`);
}

function storedText({ fileOffset, stream }: GuestPlace): string {
  if (fileOffset !== undefined) return `at ${hex(fileOffset)} of the file`;
  if (stream === undefined) return "not stored in this file";
  return `compressed, among the ${stream.length} bytes at ${hex(stream.offset)} of the file`;
}

function printPlace(place: MapPlace): void {
  const { offset, cluster, clusterOffset, kind, counted, structure, unread, references } = place;
  const number = `0x${cluster.toString(16).toUpperCase()}`;
  stdout.line(`File offset ${hex(offset)}: cluster ${number} at ${hex(clusterOffset)}, ${kindWords[kind]}`);
  if (structure !== undefined) printStructure(structure);
  if (unread !== undefined) stdout.line(`It can't be read: ${printable(unread)}`);
  stdout.line(`References: ${countedText(counted)}`);
  if (place.stored !== undefined) stdout.line(`Stored refcount: ${place.stored}`);
  for (const reference of references.list) stdout.line(`  ${referenceText(reference)}`);
  const more = references.total - references.list.length;
  if (more > 0) stdout.line(`  and ${more} more`);
  printPointers(place.pointers);
}

/** A table may have thousands: JSON has them. */
const shownPointers = 16;

function printPointers({ list, total }: Pointers): void {
  if (total === 0) return;
  stdout.line(`Points to: ${total}`);
  const shown = list.slice(0, shownPointers);
  for (const { name, offset, meaning } of shown) {
    stdout.line(`  ${name} at ${hex(offset)}: ${printable(meaning)}`);
  }
  if (total > shown.length) stdout.line(`  and ${total - shown.length} more`);
}

function printStructure({ name, offset, length, field }: StructureAt): void {
  stdout.line(`In: ${name}, ${rangeText({ offset, length })}`);
  if (field === undefined) {
    stdout.line("  unused bytes");
    return;
  }
  stdout.line(
    `  ${field.name} at ${hex(field.offset)} = ${printable(field.value)}: ${printable(field.meaning)}`,
  );
  if (field.guest) stdout.line(`  guest ${rangeText(field.guest)}`);
}

function jsonOf(
  filename: string,
  root: BlockNode,
  guest: GuestPlace | undefined,
  place: MapPlace | undefined,
) {
  return {
    filename,
    format: root.driver,
    ...(guest && {
      "guest-offset": guest.offset,
      "guest-state": stateOf(guest),
      path: guest.path,
      entry: referenceJson(guest.entry),
    }),
    ...(place && {
      offset: place.offset,
      cluster: place.cluster,
      "cluster-offset": place.clusterOffset,
      "cluster-length": place.clusterLength,
      kind: place.kind,
      "counted-references": place.counted,
      ...(place.stored !== undefined && { "stored-refcount": place.stored }),
      ...(place.unread !== undefined && { unread: place.unread }),
      ...(place.structure && { structure: structureJson(place.structure) }),
      references: place.references.list.map(referenceJson),
      "total-references": place.references.total,
      pointers: place.pointers.list.map(fieldJson),
      "total-pointers": place.pointers.total,
    }),
  };
}

function rangeShownJson(filename: string, root: BlockNode, { range, stretches, total }: RangeShown) {
  return {
    filename,
    format: root.driver,
    ...range,
    stretches: stretches.map(({ counted, first, ...stretch }) => ({
      ...stretch,
      "counted-references": counted,
      ...(first && { "first-reference": referenceJson(first) }),
    })),
    "total-stretches": total,
  };
}

function referenceJson({ by, offset, length, guest }: Reference): object {
  return { by, offset, length, ...rangeJson("guest", guest) };
}

function structureJson({ field, ...structure }: StructureAt): object {
  return field === undefined ? structure : { ...structure, field: fieldJson(field) };
}

function fieldJson({ target, guest, ...plain }: StructureField): object {
  return { ...plain, ...rangeJson("target", target), ...rangeJson("guest", guest) };
}

function rangeJson(what: string, range: ByteRange | undefined): object {
  return range === undefined ? {} : { [`${what}-offset`]: range.offset, [`${what}-length`]: range.length };
}
