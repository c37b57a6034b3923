// The map of the clusters of an image's file: one pass gives each its kind and counts its references, levels of detail
// are built over that, and questions are answered from both. Formats supply tables through block/structure.ts; the map
// of an image without tables has the kinds of its extents.
import { BlockError } from "../base/errors.ts";
import { Pace } from "../base/pace.ts";
import type { Sharing } from "../base/sharing.ts";
import { ClusterMarks } from "../block/clusterMarks.ts";
import { chainExtentAt } from "../block/extents.ts";
import type { BlockNode } from "../block/node.ts";
import {
  type ByteRange,
  type ClusterKind,
  clusterKinds,
  kindNumber,
  type References,
  type ScannedStructure,
  type Structure,
} from "../block/structure.ts";
import { Cells } from "./cells.ts";
import { GrowingMap } from "./growingMap.ts";
import { fileState, identify } from "./mapIdentity.ts";
import { lookInto, storedCount, whereIs } from "./mapPlace.ts";
import type {
  GuestCells,
  MapAsks,
  MapGuestPlace,
  MapOrder,
  MapPlace,
  MapStretch,
  MapSummary,
  TileRequest,
} from "./mapRun.ts";
import { totalsOf } from "./mapTotals.ts";
import { buildPyramid, levelsFor } from "./pyramid.ts";

/** Cells of an image without clusters: this large, or larger so that there are not more than `mostCells`. */
const unitBytes = 64 * 1024;
const mostCells = 2 ** 26;
const defaultReferences = 1000;
/** Cells of the guest's disk: a cluster each, or more where there are more clusters. */
const mostGuestCells = 2 ** 27;
/** Kinds of a cluster of the file that is what one guest cluster, or several rightly, store. */
const guestData: ReadonlySet<ClusterKind> = new Set(["data", "zero", "compressed", "snapshot"]);

export interface MapJob {
  readonly signal: AbortSignal;
  /** Bytes of the file. */
  progress(done: number, total: number, bytesRead: number): void;
  /** Given the map that can be looked at while the scan runs; without this none is made. */
  growing?(map: GrowingMap): void;
  /** The scan stands still until this is settled; called in every turn in which a cancel can arrive. */
  rest?(): Promise<void>;
  /** How a large image is shared out over threads. Default `usualSharing`. */
  readonly sharing?: Sharing;
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
  const before = fileState(node);
  const fileSize = structure?.fileSize ?? node.size;
  const clusterSize = structure?.clusterSize ?? unitFor(fileSize);
  const marks = new ClusterMarks(Math.ceil(fileSize / clusterSize));
  const clusters = marks.kinds.length;
  const facts = { format: node.driver, clusterSize, clusters, fileSize, hasTables: structure !== undefined };
  const growing = job.growing && new GrowingMap(node, marks, facts);
  if (growing !== undefined) job.growing?.(growing);
  const rest = restOf(job, growing);
  const pace = new Pace(job.signal);
  const scanned = structure && (await scanStructure(structure, marks, job, rest));
  if (scanned === undefined) await markExtents(node, clusterSize, marks, job, rest);
  const pyramid = await buildPyramid(marks.kinds, pace, growing?.memory);
  if (pyramid === undefined) throw cancelled();
  const { levels, counts } = pyramid;
  const summary: MapSummary = {
    ...facts,
    identity: identify(node, before),
    kinds: totalsOf(counts, marks.kinds.at(-1), facts),
    badEntries: scanned?.badEntries ?? 0,
    extraReferences: scanned?.extraReferences ?? 0,
    unreadableTables: scanned?.unreadableTables ?? 0,
    skippedTables: scanned?.skippedTables ?? 0,
    guest: scanned?.guest,
    guestCells: scanned && guestCellsOf(scanned.guest.total, node.size, clusterSize),
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
  readonly #cells: Cells;
  #guestCells: Promise<Cells> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.summary = parts.summary;
    this.#cells = new Cells(parts.levels);
  }

  /** Cells of a level of detail. Throws EINVAL; in the guest's order also ECANCELED and EIO. */
  async tile(request: TileRequest, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    return (await this.#cellsOf(request.order, signal)).tile(request);
  }

  /**
   * What is known of a byte of the file, and who refers to its cluster. What can't be read is part of the answer. Throws
   * EINVAL, ECANCELED, EIO where a table has become unreadable since the scan.
   */
  async place(offset: number, limit = defaultReferences, signal?: AbortSignal): Promise<MapPlace> {
    const { node, clusterSize, fileSize, marks, scanned } = this.#parts;
    const where = whereIs(offset, clusterSize, fileSize);
    const { cluster, clusterOffset } = where;
    const none: References = { list: [], total: 0 };
    return {
      ...where,
      kind: clusterKinds[marks.kinds[cluster] ?? 0] ?? "unknown",
      counted: marks.references(cluster),
      ...(await storedCount(node, cluster)),
      references: scanned === undefined ? none : await scanned.references(cluster, limit, signal),
      ...(await lookInto(node, clusterOffset, { offset, limit, signal })),
    };
  }

  /** The clusters that have a part of a range of the file, which may go on behind its end. Throws EINVAL. */
  *stretches({ offset, length }: ByteRange): Generator<MapStretch> {
    const { clusterSize, fileSize, marks } = this.#parts;
    const first = whereIs(offset, clusterSize, fileSize).cluster;
    const end = Math.ceil(Math.min(fileSize, offset + Math.max(1, length)) / clusterSize);
    for (let start = first; start < end; ) {
      const [number, counted] = [marks.kinds[start] ?? 0, marks.references(start)];
      let next = start + 1;
      while (next < end && marks.kinds[next] === number && marks.references(next) === counted) next++;
      const at = start * clusterSize;
      const bytes = Math.min(next * clusterSize, fileSize) - at;
      const kind = clusterKinds[number] ?? "unknown";
      yield { offset: at, length: bytes, clusters: next - start, kind, counted };
      start = next;
    }
  }

  /** What is known of a byte of the guest's disk. Throws EINVAL (none, or an image without tables), ECANCELED. */
  async guestPlace(offset: number): Promise<MapGuestPlace> {
    const { node, clusterSize, marks } = this.#parts;
    if (node.structure === undefined) throw noGuestOrder();
    const found = await node.structure.guestEntry(offset);
    const kindAt = (at: number) => clusterKinds[marks.kinds[Math.floor(at / clusterSize)] ?? 0] ?? "unknown";
    if (found.fileOffset === undefined) return { offset, ...found };
    // Whoever else has a part of a table may change what its entries say.
    const isShared = kindAt(found.entry.offset) === "overlap";
    const stored = kindAt(found.fileOffset);
    if (!isShared && stored === "unknown") return { offset, ...found };
    const held = clusterKinds[marks.held(Math.floor(found.fileOffset / clusterSize))] ?? "unknown";
    return { offset, ...found, kind: !isShared && guestData.has(held) ? stored : "overlap" };
  }

  /** The next cell of one of the kinds, from `from` on in either direction, around the end; undefined without any. */
  async next(
    { from, kinds, backwards = false, order }: MapAsks["next"]["question"],
    signal?: AbortSignal,
  ): Promise<number | undefined> {
    return (await this.#cellsOf(order, signal)).next(from, kinds, backwards);
  }

  #cellsOf(order: MapOrder = "file", signal?: AbortSignal): Cells | Promise<Cells> {
    if (order === "file") return this.#cells;
    this.#guestCells ??= this.#scanGuest(signal).catch((error: unknown) => {
      this.#guestCells = undefined;
      throw error;
    });
    return this.#guestCells;
  }

  /** Made when first asked for: most people look at the file. */
  async #scanGuest(signal: AbortSignal = new AbortController().signal): Promise<Cells> {
    const { scanned, summary } = this.#parts;
    if (scanned === undefined || summary.guestCells === undefined) throw noGuestOrder();
    const kinds = new Uint8Array(summary.guestCells.count);
    await scanned.guestKinds(kinds, summary.guestCells.clusters, signal);
    const pyramid = await buildPyramid(kinds, new Pace(signal));
    if (pyramid === undefined) throw cancelled();
    return new Cells(pyramid.levels);
  }
}

/** What a turn of the scan is: messages come in, and the map that can be looked at grows. */
function restOf({ rest }: MapJob, growing: GrowingMap | undefined): () => Promise<void> {
  return async () => {
    growing?.step();
    await new Promise<void>((resolve) => setImmediate(resolve));
    await rest?.();
  };
}

function scanStructure(
  structure: Structure,
  marks: ClusterMarks,
  job: MapJob,
  rest: () => Promise<void>,
): Promise<ScannedStructure> {
  const { fileSize } = structure;
  return structure.scan(marks, {
    signal: job.signal,
    progress: (done, total, bytesRead) =>
      job.progress(Math.floor((done / Math.max(1, total)) * fileSize), fileSize, bytesRead),
    rest,
    sharing: job.sharing,
  });
}

function guestCellsOf(total: number, size: number, clusterSize: number): GuestCells {
  let clusters = 1;
  while (total / clusters > mostGuestCells) clusters *= 2;
  const count = Math.ceil(total / clusters);
  return { clusters, count, size, cellSize: clusters * clusterSize, levels: levelsFor(count) };
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
  rest: () => Promise<void>,
): Promise<void> {
  const [hole, data, unreadable] = (["hole", "data", "unreadable"] as const).map(kindNumber);
  const pace = new Pace(job.signal);
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
    await pace.turn(rest);
    if (pace.stopped) throw cancelled();
  }
}

function cancelled(): BlockError {
  return new BlockError("ECANCELED", "The map was cancelled");
}

function noGuestOrder(): BlockError {
  return invalid("This image has no tables that would give its guest's disk an order of its own");
}

function invalid(message: string): BlockError {
  return new BlockError("EINVAL", message);
}
