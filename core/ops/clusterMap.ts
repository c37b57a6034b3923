// The map of the clusters of an image's file: one pass gives each its kind and counts its references, levels of detail
// are built over that, and questions are answered from both. Formats supply tables through block/structure.ts; the map
// of an image without tables has the kinds of its extents.
import { BlockError } from "../base/errors.ts";
import { ClusterMarks } from "../block/clusterMarks.ts";
import { chainExtentAt } from "../block/extents.ts";
import type { BlockNode } from "../block/node.ts";
import {
  type ClusterKind,
  clusterKinds,
  kindNumber,
  type References,
  type ScannedStructure,
  type Structure,
} from "../block/structure.ts";
import type { KindTotal, MapPlace, MapSummary, TileRequest } from "./mapRun.ts";
import { Pace } from "./pace.ts";
import { buildPyramid, cellsAtOnce } from "./pyramid.ts";

/** Cells of an image without clusters: this large, or larger so that there are not more than `mostCells`. */
const unitBytes = 64 * 1024;
const mostCells = 2 ** 26;
/** Most cells of one tile: a million are a screen full of single pixels. */
export const longestTile = 4 * 1024 * 1024;
const defaultReferences = 1000;
/** The level of detail by which searches pass over what can't hold what they look for. */
const skipLevel = 5;
const skipCells = cellsAtOnce ** skipLevel;

export interface MapJob {
  readonly signal: AbortSignal;
  /** Bytes of the file. */
  progress(done: number, total: number, bytesRead: number): void;
}

interface Parts {
  readonly node: BlockNode;
  readonly clusterSize: number;
  readonly fileSize: number;
  readonly marks: ClusterMarks;
  readonly levels: readonly Uint8Array[];
  readonly scanned: ScannedStructure | undefined;
  readonly summary: MapSummary;
}

/** Throws ECANCELED, EFBIG (too many clusters). What can't be read is part of the map. */
export async function mapClusters(node: BlockNode, job: MapJob): Promise<ClusterMap> {
  const startedAt = performance.now();
  const { structure } = node;
  const fileSize = structure?.fileSize ?? node.size;
  const clusterSize = structure?.clusterSize ?? unitFor(fileSize);
  const marks = new ClusterMarks(Math.ceil(fileSize / clusterSize));
  const pace = new Pace(job.signal);
  const scanned = structure && (await scanStructure(structure, marks, job));
  if (scanned === undefined) await markExtents(node, clusterSize, marks, job, pace);
  const pyramid = await buildPyramid(marks.kinds, pace);
  if (pyramid === undefined) throw cancelled();
  const { levels, counts } = pyramid;
  const summary: MapSummary = {
    format: node.driver,
    clusterSize,
    clusters: marks.kinds.length,
    fileSize,
    hasTables: scanned !== undefined,
    kinds: totalsOf(counts, marks.kinds, clusterSize, fileSize),
    badEntries: scanned?.badEntries ?? 0,
    extraReferences: scanned?.extraReferences ?? 0,
    unreadableTables: scanned?.unreadableTables ?? 0,
    skippedTables: scanned?.skippedTables ?? 0,
    guest: scanned?.guest,
    levels: levels.length,
    bytesRead: scanned?.bytesRead ?? 0,
    elapsedMs: performance.now() - startedAt,
  };
  job.progress(fileSize, fileSize, summary.bytesRead);
  return new ClusterMap({ node, clusterSize, fileSize, marks, levels, scanned, summary });
}

export class ClusterMap {
  readonly summary: MapSummary;
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.summary = parts.summary;
  }

  /** Cells of a level of detail, in memory of their own. Throws EINVAL. */
  tile({ level, first, count }: TileRequest): Uint8Array<ArrayBuffer> {
    const cells = Number.isInteger(level) ? this.#parts.levels[level] : undefined;
    if (cells === undefined) throw invalid(`The map has the levels 0 to ${this.summary.levels - 1}`);
    const isRange = [first, count].every((value) => Number.isSafeInteger(value) && value >= 0);
    if (!isRange || count > longestTile) {
      throw invalid(`A tile has up to ${longestTile} cells from a whole number on`);
    }
    return Uint8Array.from(cells.subarray(Math.min(first, cells.length), first + count));
  }

  /** What is known of a byte of the file, and who refers to its cluster. Throws EINVAL, EIO, ECANCELED. */
  async place(offset: number, limit = defaultReferences, signal?: AbortSignal): Promise<MapPlace> {
    const { node, clusterSize, fileSize, marks, scanned } = this.#parts;
    if (!Number.isSafeInteger(offset) || offset < 0 || offset >= fileSize) {
      throw invalid(`Offset ${offset} is not in the file of ${fileSize} bytes`);
    }
    const cluster = Math.floor(offset / clusterSize);
    const clusterOffset = cluster * clusterSize;
    const none: References = { list: [], total: 0 };
    return {
      offset,
      cluster,
      clusterOffset,
      clusterLength: Math.min(clusterSize, fileSize - clusterOffset),
      kind: clusterKinds[marks.kinds[cluster] ?? 0] ?? "unknown",
      counted: marks.references(cluster),
      structure: await node.structure?.describe(offset),
      references: scanned === undefined ? none : await scanned.references(cluster, limit, signal),
    };
  }

  /** The next cluster of one of the kinds, from `from` on in either direction, around the end; undefined without any. */
  next(from: number, kinds: readonly ClusterKind[], backwards = false): number | undefined {
    const all = this.#parts.marks.kinds.length;
    if (!Number.isSafeInteger(from) || from < 0 || from >= all) throw invalid(`The map has ${all} clusters`);
    const wanted = new Uint8Array(256);
    for (const kind of kinds) wanted[kindNumber(kind)] = 1;
    return this.#find(from, wanted, backwards) ?? this.#find(backwards ? all - 1 : 0, wanted, backwards);
  }

  /** Stretches in which even the worst kind is better than those wanted are passed over by their cell. */
  #find(from: number, wanted: Uint8Array, backwards: boolean): number | undefined {
    const { marks, levels } = this.#parts;
    const { kinds } = marks;
    const lowest = wanted.indexOf(1);
    if (lowest < 0) return undefined;
    const worst = levels[skipLevel];
    const step = backwards ? -1 : 1;
    for (let at = from; at >= 0 && at < kinds.length; at += step) {
      const cell = Math.floor(at / skipCells);
      if (worst !== undefined && (worst[cell] as number) < lowest) {
        at = backwards ? cell * skipCells : (cell + 1) * skipCells - 1;
      } else if (wanted[kinds[at] as number] === 1) return at;
    }
    return undefined;
  }
}

function scanStructure(structure: Structure, marks: ClusterMarks, job: MapJob): Promise<ScannedStructure> {
  const { fileSize } = structure;
  return structure.scan(marks, {
    signal: job.signal,
    progress: (done, total, bytesRead) =>
      job.progress(Math.floor((done / Math.max(1, total)) * fileSize), fileSize, bytesRead),
  });
}

function unitFor(fileSize: number): number {
  let unit = unitBytes;
  while (fileSize / unit > mostCells) unit *= 2;
  return unit;
}

/** A unit with any data is data; what can't be asked is unreadable. */
async function markExtents(
  node: BlockNode,
  unit: number,
  marks: ClusterMarks,
  job: MapJob,
  pace: Pace,
): Promise<void> {
  const [hole, data, unreadable] = (["hole", "data", "unreadable"] as const).map(kindNumber);
  const { size } = node;
  for (let offset = 0; offset < size; ) {
    let kind = unreadable ?? 0;
    let length = Math.min(unit, size - offset);
    try {
      const extent = await chainExtentAt(node, offset, size - offset);
      kind = (extent.state === "data" ? data : hole) ?? 0;
      length = extent.length;
    } catch (error) {
      if (error instanceof BlockError && error.code === "ECANCELED") throw error;
    }
    const last = Math.floor((offset + length - 1) / unit);
    const first = Math.floor(offset / unit);
    marks.worsen(first, kind);
    marks.worsen(last, kind);
    if (last > first + 1) marks.kinds.fill(kind, first + 1, last);
    offset += length;
    if (!pace.due) continue;
    job.progress(offset, size, 0);
    await pace.turn();
    if (pace.stopped) throw cancelled();
  }
}

function totalsOf(counts: Float64Array, kinds: Uint8Array, clusterSize: number, fileSize: number) {
  const missing = kinds.length * clusterSize - fileSize;
  const last = kinds.at(-1);
  const totals = clusterKinds.map((kind, number): [ClusterKind, KindTotal] => {
    const clusters = counts[number] ?? 0;
    return [kind, { clusters, bytes: clusters * clusterSize - (number === last ? missing : 0) }];
  });
  return Object.fromEntries(totals.reverse()) as Record<ClusterKind, KindTotal>;
}

function cancelled(): BlockError {
  return new BlockError("ECANCELED", "The map was cancelled");
}

function invalid(message: string): BlockError {
  return new BlockError("EINVAL", message);
}
