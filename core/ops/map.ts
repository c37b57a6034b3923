// Where the guest's bytes lie: extents over the backing chain as `qemu-img map` counts them, neighbours of one kind
// joined. Each layer answers with its own tables: data of a format in a hole of its file is data here, unlike in
// block/extents.ts, because the peer prints it so.
import { chainExtentAt, childOf, storageOf } from "../block/extents.ts";
import type { BlockNode, Extent } from "../block/node.ts";

export interface MapEntry {
  /** Guest range, bytes. */
  readonly start: number;
  length: number;
  /** The layer that answers: 0 is the top. */
  readonly depth: number;
  /** Some layer holds the range, if only as zeroes; false: it reads as zeroes because none does. */
  readonly present: boolean;
  readonly zero: boolean;
  /** The file has bytes of it. */
  readonly data: boolean;
  readonly compressed: boolean;
  /** Byte in the layer's file, where the range is contiguous there. */
  readonly offset: number | undefined;
  /** The node whose `offset` it is. */
  readonly file: BlockNode | undefined;
}

const sectorSize = 512;

/** The size as the peer knows it: in whole sectors. */
export function sizeInSectors({ size }: { readonly size: number }): number {
  return Math.ceil(size / sectorSize) * sectorSize;
}

/**
 * Yields the entries from `start` up to `end`, bytes, in order; `end` is cut to the size in whole sectors. Nothing to
 * list gives one entry of length 0. Throws what the layers throw.
 */
export async function* mapEntries(node: BlockNode, start: number, end: number): AsyncGenerator<MapEntry> {
  const size = Math.min(end, sizeInSectors(node));
  let current = nothing(start);
  for (let at = start; at < size; ) {
    const next = await entryAt(node, at, size - at);
    at += next.length;
    if (joins(current, next)) current.length += next.length;
    else {
      if (current.length > 0) yield current;
      current = next;
    }
  }
  yield current;
}

function nothing(start: number): MapEntry {
  const flags = { present: false, zero: false, data: false, compressed: false };
  return { start, length: 0, depth: 0, ...flags, offset: undefined, file: undefined };
}

function joins(a: MapEntry, b: MapEntry): boolean {
  return (
    a.length > 0 &&
    a.zero === b.zero &&
    a.data === b.data &&
    a.present === b.present &&
    a.depth === b.depth &&
    a.compressed === b.compressed &&
    a.file === b.file &&
    (a.offset === undefined ? b.offset === undefined : a.offset + a.length === b.offset)
  );
}

async function entryAt(top: BlockNode, start: number, wanted: number): Promise<MapEntry> {
  let layer = top;
  let length = wanted;
  for (let depth = 0; ; depth++) {
    if (start >= layer.size) return tail(layer, start, length, depth);
    let extent = await layer.extentAt(start, Math.min(length, layer.size - start));
    length = extent.length;
    let filters = 0;
    for (let below = shownBy(layer); below !== undefined; below = shownBy(layer), filters++) {
      layer = below;
      extent = await layer.extentAt(start, Math.min(length, layer.size - start));
      length = extent.length;
    }
    if (extent.isPreallocated === true) return preallocated(layer, extent, depth);
    if (extent.state !== "unallocated") return held(layer, extent, depth);
    depth += filters;
    const backing = childOf(layer, "backing");
    const left = backing === undefined ? 0 : sizeInSectors(backing) - start;
    if (holdsNothing(layer)) return { ...nothing(start), length, depth };
    if (backing === undefined || left <= 0) {
      const flags = { present: false, zero: true, data: false, compressed: false };
      // A part of a cluster of which other parts are stored has its place in the file.
      const offset = backing === undefined ? extent.hostOffset : undefined;
      const file = offset === undefined ? undefined : storageOf(layer);
      return { start, length, depth, ...flags, offset, file };
    }
    length = Math.min(length, left);
    layer = backing;
  }
}

/** Filters whose disk is that of the image below them, byte by byte. */
const transparent: readonly string[] = ["blkdebug", "blklogwrites", "copy-on-read", "compress"];

/** The image that such a filter shows: it has the tables. The filter was asked first, so that it could refuse. */
function shownBy(node: BlockNode): BlockNode | undefined {
  return transparent.includes(node.driver) ? childOf(node, "data") : undefined;
}

/** A leaf without a file, such as null-co: there is nothing that could be mapped. */
function holdsNothing(layer: BlockNode): boolean {
  return layer.children.length === 0 && layer.info.path === undefined;
}

function held(layer: BlockNode, extent: Extent, depth: number): MapEntry {
  const { offset: start, length, compressed } = extent;
  const zero = extent.state === "zero";
  if (!zero && holdsNothing(layer)) return { ...nothing(start), length, depth };
  const offset = layer.children.length === 0 ? start : extent.hostOffset;
  const file = offset === undefined ? undefined : (storageOf(layer) ?? layer);
  return { start, length, depth, present: true, zero, data: !zero, compressed, offset, file };
}

/** Data that are zero as well where their file has a hole. */
async function preallocated(layer: BlockNode, extent: Extent, depth: number): Promise<MapEntry> {
  const entry = held(layer, extent, depth);
  const { file, offset = 0, length } = entry;
  if (file === undefined) return entry;
  if (offset >= file.size) return { ...entry, zero: true };
  const below = await chainExtentAt(file, offset, Math.min(length, file.size - offset));
  return { ...entry, length: below.length, zero: below.state !== "data" };
}

/** The rest of the last sector of an image that is not whole sectors long: zeroes behind its file. */
async function tail(layer: BlockNode, start: number, length: number, depth: number): Promise<MapEntry> {
  const last = held(layer, await layer.extentAt(layer.size - 1, 1), depth);
  const offset = last.offset === undefined ? undefined : last.offset + start - last.start;
  return { ...last, start, length, zero: true, data: false, compressed: false, offset };
}
