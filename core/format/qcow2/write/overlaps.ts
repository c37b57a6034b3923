// What a write may not touch: before every write of tables and of data the range is compared with where the image's
// metadata lie, so that wrong refcounts or tables can't make it overwrite itself. Which areas are looked at is an option.
import type { BlockNode } from "../../../block/node.ts";
import { offsetOf } from "../entry.ts";
import type { Qcow2Image } from "../header.ts";
import type { Qcow2Facts } from "../info.ts";
import type { TablePlace } from "../layout.ts";
import { rootsOf, snapshotTableLength } from "../parts.ts";
import { PieceReader } from "../pieces.ts";
import { refcountBlocks } from "../refcounts.ts";
import { snapshotL1 } from "../snapshots.ts";
import type { Corruption } from "./corruption.ts";

/** By their names as options, in the peer's order: the first that is hit is named. */
export const areas = [
  "main-header",
  "active-l1",
  "active-l2",
  "refcount-table",
  "refcount-block",
  "snapshot-table",
  "inactive-l1",
  "inactive-l2",
  "bitmap-directory",
] as const;
export type Area = (typeof areas)[number];

const names: Readonly<Record<Area, string>> = {
  "main-header": "qcow2_header",
  "active-l1": "active L1 table",
  "active-l2": "active L2 table",
  "refcount-table": "refcount table",
  "refcount-block": "refcount block",
  "snapshot-table": "snapshot table",
  "inactive-l1": "inactive L1 table",
  "inactive-l2": "inactive L2 table",
  "bitmap-directory": "bitmap directory",
};

const constant: readonly Area[] = [
  "main-header",
  "active-l1",
  "refcount-table",
  "snapshot-table",
  "bitmap-directory",
];
const cached: readonly Area[] = [...constant, "active-l2", "refcount-block", "inactive-l1"];
export const overlapTemplates = { none: [], constant, cached, all: areas } as const;
export type OverlapTemplate = keyof typeof overlapTemplates;

interface Span {
  readonly area: Area;
  readonly offset: number;
  readonly length: number;
}

export interface OverlapSource {
  readonly file: BlockNode;
  readonly image: Qcow2Image;
  readonly facts: Qcow2Facts;
}

export class Overlaps {
  readonly #source: OverlapSource;
  readonly #corruption: Corruption;
  readonly #wanted: ReadonlySet<Area>;
  /** Clusters that are tables of their own, by number; undefined until they are needed. */
  #clusters: Promise<ReadonlyMap<Area, Set<number>>> | undefined;
  /** The same, once they are read. */
  #known: ReadonlyMap<Area, Set<number>> | undefined;
  #changesSnapshots = false;
  /** Areas that are whole tables, of the image and facts that they were taken from. */
  #spanCache: { image: Qcow2Image; facts: Qcow2Facts; spans: readonly Span[] } | undefined;

  /** `source` is asked anew each time. */
  constructor(source: OverlapSource, corruption: Corruption, wanted: ReadonlySet<Area>) {
    this.#source = source;
    this.#corruption = corruption;
    this.#wanted = wanted;
  }

  /** Throws EIO, and marks the image as corrupt, when the range lies in metadata other than the writer's `own`. */
  async check(offset: number, length: number, own?: Area): Promise<void> {
    const hit = await this.#areaAt(offset, length, own);
    if (hit === undefined) return;
    const words = `Preventing invalid write on metadata (overlaps with ${names[hit]})`;
    throw await this.#corruption.fatal(words, { offset, length });
  }

  /** While `body` runs L2 tables that only snapshots have are changed in place as the disk's own are. */
  async changingSnapshots(body: () => Promise<void>): Promise<void> {
    this.#changesSnapshots = true;
    try {
      await body();
    } finally {
      this.#changesSnapshots = false;
    }
  }

  /** For a range that new metadata are to take. */
  expectFree(offset: number, length: number): Promise<void> {
    return this.check(offset, length);
  }

  /**
   * Where tables lie is read while what is on disk still says so: before an entry that names one changes in memory.
   * Throws EIO; ECORRUPT, EFBIG where the tables of snapshots are wanted and one has none.
   */
  async load(): Promise<ReadonlyMap<Area, Set<number>>> {
    if (this.#known !== undefined) return this.#known;
    this.#clusters ??= this.#load();
    const loading = this.#clusters;
    try {
      return await loading;
    } catch (error) {
      // The next one tries again.
      if (this.#clusters === loading) this.#clusters = undefined;
      throw error;
    }
  }

  /** A new table, or one that is none any more. After `load`, which a check is too. */
  addBlock(offset: number): void {
    this.#known?.get("refcount-block")?.add(offset / this.#clusterSize);
  }
  addL2(offset: number): void {
    this.#known?.get("active-l2")?.add(offset / this.#clusterSize);
  }
  removeL2(offset: number): void {
    this.#known?.get("active-l2")?.delete(offset / this.#clusterSize);
  }

  /** Other L1 tables, other snapshots: what is known of tables is read again. Their changes have to be on disk. */
  reload(): void {
    this.#clusters = undefined;
    this.#known = undefined;
  }

  get #clusterSize(): number {
    return this.#source.image.header.clusterSize;
  }

  async #areaAt(offset: number, length: number, own: Area | undefined): Promise<Area | undefined> {
    if (this.#wanted.size === 0) return undefined;
    const clusters = this.#known ?? (await this.load());
    const first = Math.floor(offset / this.#clusterSize);
    const end = Math.ceil((offset + length) / this.#clusterSize);
    const spans = this.#spans();
    const isHit = (area: Area) => {
      if (area === own || !this.#wanted.has(area)) return false;
      if (area === "inactive-l2" && own === "active-l2" && this.#changesSnapshots) return false;
      const set = clusters.get(area);
      if (set === undefined || set.size === 0) {
        return spans.some(
          (span) =>
            span.area === area &&
            span.length > 0 &&
            span.offset < end * this.#clusterSize &&
            first * this.#clusterSize < span.offset + span.length,
        );
      }
      return hasAny(set, first, end);
    };
    return areas.find(isHit);
  }

  #spans(): readonly Span[] {
    const { image, facts } = this.#source;
    if (this.#spanCache?.image !== image || this.#spanCache.facts !== facts) {
      this.#spanCache = { image, facts, spans: this.#readSpans(image, facts) };
    }
    return this.#spanCache.spans;
  }

  #readSpans(image: Qcow2Image, facts: Qcow2Facts): Span[] {
    const { file } = this.#source;
    const { header, extensions } = image;
    const [active, ...others] = rootsOf({ file, image, facts, shown: undefined });
    const span = (area: Area, offset: number, length: number): Span => ({ area, offset, length });
    const l1 = (area: Area, table: TablePlace) => span(area, table.offset, table.entries * 8);
    const { bitmaps } = extensions;
    return [
      span("main-header", 0, header.clusterSize),
      ...(active ? [l1("active-l1", active.table)] : []),
      span("refcount-table", header.refcountTable.offset, header.refcountTable.clusters * header.clusterSize),
      span(
        "snapshot-table",
        header.snapshots.offset,
        snapshotTableLength({ file, image, facts, shown: undefined }),
      ),
      ...others.map(({ table }) => l1("inactive-l1", table)),
      ...(bitmaps ? [span("bitmap-directory", bitmaps.directoryOffset, bitmaps.directorySize)] : []),
    ];
  }

  async #load(): Promise<ReadonlyMap<Area, Set<number>>> {
    const { image, facts, file } = this.#source;
    const [active, ...others] = rootsOf({ file, image, facts, shown: undefined });
    const blocks = new Set<number>();
    if (this.#wanted.has("refcount-block")) {
      for await (const { offset } of refcountBlocks(file, image.header)) {
        if (offset !== undefined) blocks.add(offset / this.#clusterSize);
      }
    }
    const l2 = new Set<number>();
    if (active && this.#wanted.has("active-l2")) await this.#collect(active.table, l2);
    const inactive = new Set<number>();
    if (this.#wanted.has("inactive-l2")) {
      // Who asks for this is not to believe that tables were looked for which can't be found.
      for (const snapshot of facts.snapshots) snapshotL1(snapshot, this.#clusterSize);
      for (const { table } of others) await this.#collect(table, inactive);
    }
    const known = new Map<Area, Set<number>>([
      ["refcount-block", blocks],
      ["active-l2", l2],
      ["inactive-l2", inactive],
    ]);
    this.#known = known;
    return known;
  }

  async #collect(table: TablePlace, into: Set<number>): Promise<void> {
    for await (const { halves } of new PieceReader(this.#source.file).words(table)) {
      for (let at = 0; at < halves.length; at += 2) {
        const offset = offsetOf(halves[at] ?? 0, halves[at + 1] ?? 0);
        if (offset !== 0 && offset % this.#clusterSize === 0) into.add(offset / this.#clusterSize);
      }
    }
  }
}

/** Half-open. Whichever is less is gone over: the range may be most of a file. */
function hasAny(clusters: ReadonlySet<number>, first: number, end: number): boolean {
  if (clusters.size < end - first) {
    for (const cluster of clusters) if (cluster >= first && cluster < end) return true;
    return false;
  }
  for (let cluster = first; cluster < end; cluster++) if (clusters.has(cluster)) return true;
  return false;
}
