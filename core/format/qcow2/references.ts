// Who refers to one cluster of a qcow2 file: the tables are asked again, those of L2 that the pass has seen to refer to
// clusters around it.
import { BlockError } from "../../base/errors.ts";
import { type ClusterMarks, mostCounted } from "../../block/clusterMarks.ts";
import { kindNumber, type Reference, type References } from "../../block/structure.ts";
import { compressedPlace, hasOffset, isCompressed, offsetOf } from "./entry.ts";
import { extensionTypes } from "./extensions.ts";
import type { L2Spans } from "./l2Spans.ts";
import { guestRange } from "./layout.ts";
import { type Root, rootsOf, type StructureSource, snapshotTableLength } from "./parts.ts";
import { PieceReader } from "./pieces.ts";
import { refcountBlocks } from "./refcounts.ts";

const turnMs = 20;
const overlap = kindNumber("overlap");
/** L2 tables with a reference that are remembered at a time: far more than refer to any one cluster of a real image. */
const mostTables = 100_000;

export interface ReferencesRequest {
  readonly cluster: number;
  readonly limit: number;
  readonly signal: AbortSignal | undefined;
}

/** In the order: header, refcounts, snapshots, bitmaps, the disk as it is, snapshots' disks. Throws EIO, ECANCELED. */
export async function findReferences(
  source: StructureSource,
  spans: L2Spans,
  marks: ClusterMarks,
  request: ReferencesRequest,
): Promise<References> {
  return new Search(source, spans, marks, request).run();
}

class Search {
  readonly #source: StructureSource;
  readonly #spans: L2Spans;
  readonly #marks: ClusterMarks;
  readonly #request: ReferencesRequest;
  readonly #list: Reference[] = [];
  #total = 0;
  #lastTurn = performance.now();

  constructor(source: StructureSource, spans: L2Spans, marks: ClusterMarks, request: ReferencesRequest) {
    this.#source = source;
    this.#spans = spans;
    this.#marks = marks;
    this.#request = request;
  }

  async run(): Promise<References> {
    this.#inHeader();
    await this.#inRefcountTable();
    this.#inSnapshots();
    await this.#inBitmaps();
    await this.#inRoots();
    return { list: this.#list, total: this.#total };
  }

  #note(reference: () => Reference): void {
    if (this.#total++ < this.#request.limit) this.#list.push(reference());
  }

  /** Whether the cluster has a part of that range. */
  #isIn(offset: number, length: number): boolean {
    const { clusterSize } = this.#source.image.header;
    const { cluster } = this.#request;
    return (
      length > 0 &&
      Math.floor(offset / clusterSize) <= cluster &&
      cluster <= Math.floor((offset + length - 1) / clusterSize)
    );
  }

  #inHeader(): void {
    const { header, extensions } = this.#source.image;
    const field = (name: string, at: number, offset: number, length: number) => {
      if (this.#isIn(offset, length)) this.#note(() => ({ by: `header, ${name}`, offset: at, length: 8 }));
    };
    const { refcountTable, snapshots, l1, clusterSize } = header;
    field("l1_table_offset", 40, l1.offset, l1.entries * 8);
    field("refcount_table_offset", 48, refcountTable.offset, refcountTable.clusters * clusterSize);
    field("snapshots_offset", 64, snapshots.offset, snapshotTableLength(this.#source));
    const { bitmaps, crypto, list } = extensions;
    const at = (type: number) => list.findLast((one) => one.type === type)?.offset ?? 0;
    if (crypto) field("encryption header", at(extensionTypes.crypto) + 8, crypto.offset, crypto.length);
    if (bitmaps) {
      const { directoryOffset, directorySize } = bitmaps;
      field("bitmap_directory_offset", at(extensionTypes.bitmaps) + 24, directoryOffset, directorySize);
    }
  }

  async #inRefcountTable(): Promise<void> {
    const { file, image } = this.#source;
    const { header } = image;
    for await (const { index, offset } of refcountBlocks(file, header)) {
      if (offset !== undefined && this.#isIn(offset, header.clusterSize)) {
        const at = header.refcountTable.offset + index * 8;
        this.#note(() => ({ by: `refcount table[${index}]`, offset: at, length: 8 }));
      }
      await this.#breathe();
    }
  }

  #inSnapshots(): void {
    for (const [index, { l1, offset: at }] of this.#source.facts.snapshots.entries()) {
      const offset = Number(l1.offset);
      if (!this.#isIn(offset, l1.entries * 8)) continue;
      this.#note(() => ({ by: `snapshot table, entry ${index}`, offset: at, length: 8 }));
    }
  }

  async #inBitmaps(): Promise<void> {
    const { facts, file, image } = this.#source;
    for (const [index, bitmap] of facts.bitmaps.entries()) {
      const { name, tableOffset, tableEntries, offset: at } = bitmap;
      if (this.#isIn(tableOffset, tableEntries * 8)) {
        this.#note(() => ({ by: `bitmap directory, entry ${index}`, offset: at, length: 8 }));
      }
      const table = { offset: tableOffset, entries: tableEntries };
      for await (const { halves, first } of new PieceReader(file).words(table)) {
        for (let i = 0; i < halves.length; i += 2) {
          const offset = offsetOf(halves[i] ?? 0, halves[i + 1] ?? 0);
          if (offset === 0 || !this.#isIn(offset, image.header.clusterSize)) continue;
          const entry = first + i / 2;
          const by = `bitmap ${JSON.stringify(name)}[${entry}]`;
          this.#note(() => ({ by, offset: tableOffset + entry * 8, length: 8 }));
        }
        await this.#breathe();
      }
    }
  }

  /** References by L1 tables to L2 tables, and by those to data. */
  async #inRoots(): Promise<void> {
    const roots = rootsOf(this.#source);
    const hits = await this.#entriesOfTables();
    const { header } = this.#source.image;
    for (const root of roots) {
      for await (const { halves, first } of new PieceReader(this.#source.file).words(root.table)) {
        for (let i = 0; i < halves.length; i += 2) {
          const offset = offsetOf(halves[i] ?? 0, halves[i + 1] ?? 0);
          if (offset === 0) continue;
          const l1Index = first + i / 2;
          if (offset % header.clusterSize === 0 && this.#isIn(offset, header.clusterSize)) {
            this.#note(() => this.#l1Reference(root, l1Index));
          }
          const hit = hits.get(offset);
          if (hit !== undefined) this.#noteHit(root, l1Index, offset, hit);
        }
        await this.#breathe();
      }
    }
  }

  #l1Reference(root: Root, l1Index: number): Reference {
    const { header } = this.#source.image;
    return {
      by: `${root.prefix}L1[${l1Index}]`,
      offset: root.table.offset + l1Index * 8,
      length: 8,
      ...guestRange({ ...header, size: root.size }, l1Index * header.l2Entries, header.l2Entries),
    };
  }

  #noteHit(root: Root, l1Index: number, table: number, { indices, total }: TableHit): void {
    const { header } = this.#source.image;
    for (const index of indices) {
      this.#note(() => ({
        by: `${root.prefix}L1[${l1Index}] -> L2[${index}]`,
        offset: table + index * header.l2EntryLength,
        length: header.l2EntryLength,
        ...guestRange({ ...header, size: root.size }, l1Index * header.l2Entries + index, 1),
      }));
    }
    this.#total += total - indices.length;
  }

  /** L2 tables with entries for the cluster, and which entries these are. */
  async #entriesOfTables(): Promise<ReadonlyMap<number, TableHit>> {
    const { image, file } = this.#source;
    const hits = new Map<number, TableHit>();
    if (image.header.hasDataFile) return hits;
    const { clusterSize, l2EntryLength, l2Entries } = image.header;
    const reader = new PieceReader(file);
    // A table is one cluster; the pass has counted all references to this one.
    const wanted = this.#marks.references(this.#request.cluster);
    let found = 0;
    for (const offset of this.#spans.candidates(this.#request.cluster)) {
      if ((found >= wanted && wanted < mostCounted) || hits.size >= mostTables) break;
      const hit: TableHit = { indices: [], total: 0 };
      const words = { offset, entries: (l2Entries * l2EntryLength) / 8 };
      for await (const { halves, first } of reader.words(words)) {
        this.#searchEntries(halves, (first * 8) / l2EntryLength, hit);
        await this.#breathe();
      }
      if (hit.total === 0) continue;
      hits.set(offset, hit);
      // Of a table that something else refers to as well it is not known how often it is referred to as a table.
      const table = offset / clusterSize;
      found += hit.total * (this.#marks.kinds[table] === overlap ? 1 : this.#marks.references(table));
    }
    return hits;
  }

  #searchEntries(halves: Int32Array, firstIndex: number, hit: TableHit): void {
    const { clusterBits, clusterSize, l2EntryLength } = this.#source.image.header;
    const step = l2EntryLength / 4;
    const wanted = this.#request.cluster * clusterSize;
    for (let i = 0; i < halves.length; i += step) {
      const high = halves[i] as number;
      const low = halves[i + 1] as number;
      if (high === 0 && low === 0) continue;
      if (isCompressed(high)) {
        const place = compressedPlace(high, low, clusterBits);
        if (!this.#isIn(place.offset, place.length)) continue;
      } else if (!hasOffset(high, low) || offsetOf(high, low) !== wanted) continue;
      if (hit.total++ < this.#request.limit) hit.indices.push(firstIndex + i / step);
    }
  }

  /** Lets a cancel arrive, after some work. */
  async #breathe(): Promise<void> {
    if (performance.now() - this.#lastTurn < turnMs) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#lastTurn = performance.now();
    if (this.#request.signal?.aborted) {
      throw new BlockError("ECANCELED", "The search for references was cancelled");
    }
  }
}

interface TableHit {
  readonly indices: number[];
  total: number;
}
