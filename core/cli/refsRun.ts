// The work of `refs`: maps the image, asks for one place, prints it.
import { hex } from "../base/bytes.ts";
import { childOf, storageOf } from "../block/extents.ts";
import { kindWords } from "../block/kindWords.ts";
import type { BlockNode, Extent } from "../block/node.ts";
import type { ByteRange, Pointers, StructureAt, StructureField } from "../block/structure.ts";
import type { MapPlace } from "../ops/mapRun.ts";
import { CliError } from "./command.ts";
import { mapWithProgress } from "./mapKinds.ts";
import { type ImageRequest, withImage } from "./openImage.ts";
import { jsonText, printable, stdout } from "./output.ts";

export interface ReferencesRequest {
  readonly file: string;
  readonly image: ImageRequest;
  /** Byte of the file, or of the guest's disk. */
  readonly at: number;
  readonly isGuest: boolean;
  readonly limit: number;
  readonly json: boolean;
}

/** Where a byte of the guest's disk is, by the top layer's tables. */
interface GuestPlace {
  readonly offset: number;
  readonly state: Extent["state"];
  readonly hostOffset: number | undefined;
  readonly path: string;
}

export function printReferences(request: ReferencesRequest): Promise<void> {
  return withImage(request.file, request.image, async ({ graph: { root } }) => {
    if (root.structure === undefined) {
      const why = `Images of the format ${root.driver} have no tables that refer to clusters`;
      throw new CliError(why, 1, "Where their data lie, blkscope map shows.");
    }
    const guest = request.isGuest ? await guestPlace(root, request.at) : undefined;
    const offset = request.isGuest ? guest?.hostOffset : request.at;
    if (offset !== undefined && offset >= root.structure.fileSize) {
      const size = root.structure.fileSize;
      throw new CliError(`Offset ${offset} is not in the file of ${size} bytes`, 1);
    }
    const place =
      offset === undefined ? undefined : await (await mapWithProgress(root)).place(offset, request.limit);
    if (request.json) stdout.line(jsonText(jsonOf(request.file, root, guest, place), 4));
    else {
      if (guest !== undefined) printGuest(guest);
      if (place !== undefined) printPlace(place);
    }
  });
}

async function guestPlace(root: BlockNode, offset: number): Promise<GuestPlace> {
  if (offset >= root.size) {
    throw new CliError(`Offset ${offset} is not in the guest's disk of ${root.size} bytes`, 1);
  }
  const { state, hostOffset: stored } = await root.extentAt(offset, 1);
  const hostOffset = storageOf(root) === childOf(root, "file") ? stored : undefined;
  return { offset, state, hostOffset, path: (await root.describeAt?.(offset)) ?? "" };
}

function printGuest({ offset, state, hostOffset, path }: GuestPlace): void {
  const place = hostOffset === undefined ? "not stored in this file" : `at ${hex(hostOffset)} of the file`;
  stdout.line(`Guest offset ${hex(offset)}: ${state}, ${place}`);
  if (path !== "") stdout.line(`  ${printable(path)}`);
}

function printPlace(place: MapPlace): void {
  const { offset, cluster, clusterOffset, kind, counted, structure, references } = place;
  const number = `0x${cluster.toString(16).toUpperCase()}`;
  stdout.line(`File offset ${hex(offset)}: cluster ${number} at ${hex(clusterOffset)}, ${kindWords[kind]}`);
  if (structure !== undefined) printStructure(structure);
  const shown = counted === 255 ? "255 or more" : String(counted);
  stdout.line(`References: ${shown}`);
  for (const { by, offset: at, guest } of references.list) {
    const range = guest === undefined ? "" : `, guest ${rangeText(guest)}`;
    stdout.line(`  ${by} at ${hex(at)}${range}`);
  }
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

function rangeText({ offset, length }: ByteRange): string {
  return `${hex(offset)}+${length}`;
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
    ...(guest && { "guest-offset": guest.offset, "guest-state": guest.state, path: guest.path }),
    ...(place && {
      offset: place.offset,
      cluster: place.cluster,
      "cluster-offset": place.clusterOffset,
      "cluster-length": place.clusterLength,
      kind: place.kind,
      "counted-references": place.counted,
      ...(place.structure && { structure: structureJson(place.structure) }),
      references: place.references.list.map(({ by, offset, length, guest: behind }) => ({
        by,
        offset,
        length,
        ...rangeJson("guest", behind),
      })),
      "total-references": place.references.total,
      pointers: place.pointers.list.map(fieldJson),
      "total-pointers": place.pointers.total,
    }),
  };
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
