// The refcounts of a repaired image, laid out: blocks in order are changed in place, others are written anew behind what
// the image has, and the table too where it can't stay. New structures count themselves. Specification: qcow2, "Reference
// count table", "Reference count block".
import { BlockError } from "../../base/errors.ts";
import { limits } from "./layout.ts";
import type { CountedRefcounts } from "./planCounts.ts";
import { wordBytes } from "./planWords.ts";
import { bigEndianWords } from "./tables.ts";
import { type CountPage, countAt, putCount } from "./write/countPage.ts";

/** Changed bytes with fewer unchanged ones between them are one write. */
const mostGap = 32;
/** Bytes of one write. */
const longestWrite = 64 * 1024;

export interface ByteEdit {
  readonly offset: number;
  readonly oldBytes: Uint8Array;
  readonly newBytes: Uint8Array;
}

export interface NewBytes {
  readonly offset: number;
  readonly newBytes: Uint8Array;
}

export interface RefcountLayout {
  /** In place, in the order in which they may be written: blocks, then entries of the table. */
  readonly writes: readonly ByteEdit[];
  /** Behind everything else. */
  readonly appended: readonly NewBytes[];
  /** Where a new table lies; undefined where the old one stays. */
  readonly table: { readonly offset: number; readonly clusters: number } | undefined;
  /** End of what was appended, bytes. */
  readonly end: number;
  /** As it will be. */
  target(cluster: number): number;
}

export interface RefcountRequest {
  /** What the chosen items change: clusters that get users or lose some. */
  readonly deltas: ReadonlyMap<number, number>;
  /** Where new structures may begin, and where what was in use ends: clusters between are nobody's but ours. Bytes. */
  readonly start: number;
  readonly freeFrom: number;
  /** Clusters in use get their refcount. */
  readonly raises: boolean;
  /** Refcounts of used clusters, or of those that nothing uses, go down. */
  readonly lowers: boolean;
  readonly frees: boolean;
  /** Refcounts behind the end of the file stay: entries that point there do, and nothing else may take these clusters. */
  readonly keepsBehind: boolean;
}

/** Throws EFBIG where the file has no room for more refcounts. */
export function layOutRefcounts(plan: CountedRefcounts, request: RefcountRequest): RefcountLayout {
  return new Layout(plan, request).run();
}

class Layout {
  readonly #plan: CountedRefcounts;
  readonly #request: RefcountRequest;
  readonly #deltas: Map<number, number>;
  /** Indexes of blocks that are written anew. */
  readonly #fresh = new Set<number>();
  readonly #clusterSize: number;
  readonly #order: number;
  /** Entries of the table as it is. */
  readonly #entries: number;
  #newTable: boolean;

  constructor(plan: CountedRefcounts, request: RefcountRequest) {
    const { header } = plan.counted.image;
    this.#plan = plan;
    this.#request = request;
    this.#deltas = new Map(request.deltas);
    this.#clusterSize = header.clusterSize;
    this.#order = header.refcountOrder;
    this.#entries = (header.refcountTable.clusters * header.clusterSize) / 8;
    this.#newTable = request.raises && plan.isTableBad;
  }

  run(): RefcountLayout {
    const { raises, start } = this.#request;
    if (raises) this.#replaceBlocks();
    const { first, tableClusters } = this.#place();
    if (tableClusters > 0) this.#giveUpTable();
    const blocks = [...this.#fresh].sort((a, b) => a - b);
    for (let i = 0; i < tableClusters + blocks.length; i++) this.#change(first + i, 1);
    const places = new Map(
      blocks.map((index, i) => [index, (first + tableClusters + i) * this.#clusterSize]),
    );
    const appended: NewBytes[] = [];
    for (const [index, offset] of places) appended.push(...inPieces(offset, this.#freshBlock(index)));
    const writes = this.#changedBlocks();
    const table =
      tableClusters > 0 ? { offset: first * this.#clusterSize, clusters: tableClusters } : undefined;
    if (table) appended.push(...inPieces(table.offset, this.#table(tableClusters, places)));
    else writes.push(...this.#changedEntries(places));
    const end = Math.max(start, (first + tableClusters + blocks.length) * this.#clusterSize);
    return { writes, appended, table, end, target: (cluster) => this.#target(cluster) };
  }

  #target(cluster: number): number {
    const count = this.#plan.count(cluster) + (this.#deltas.get(cluster) ?? 0);
    return Math.max(0, Math.min(this.#plan.most, count));
  }

  #change(cluster: number, by: number): void {
    this.#deltas.set(cluster, (this.#deltas.get(cluster) ?? 0) + by);
  }

  /** Blocks that can't stay are given up, and those that are needed made. */
  #replaceBlocks(): void {
    const { bad, missing, counted, perBlock } = this.#plan;
    for (const [index, { cluster }] of bad) {
      if (cluster !== undefined) this.#change(cluster, -1);
      if (index * perBlock < counted.counts.known) this.#fresh.add(index);
    }
    for (const index of missing) this.#fresh.add(index);
    for (const [cluster, by] of this.#request.deltas) if (by > 0) this.#need(cluster);
  }

  #giveUpTable(): void {
    const { refcountTable } = this.#plan.counted.image.header;
    const first = refcountTable.offset / this.#clusterSize;
    for (let i = 0; i < refcountTable.clusters; i++) {
      if (this.#plan.count(first + i) > 0) this.#change(first + i, -1);
    }
  }

  #need(cluster: number): void {
    const index = Math.floor(cluster / this.#plan.perBlock);
    const isThere = this.#plan.counted.stored.block(index) !== undefined && !this.#plan.bad.has(index);
    if (!isThere) this.#fresh.add(index);
  }

  /** New structures may need further blocks to be counted in. */
  #place(): { first: number; tableClusters: number } {
    const first = this.#request.start / this.#clusterSize;
    for (;;) {
      const before = this.#fresh.size;
      let highest = -1;
      for (const index of this.#fresh) highest = Math.max(highest, index);
      if (highest >= this.#entries) this.#newTable = true;
      const tableClusters = this.#newTable ? this.#tableClusters(highest) : 0;
      for (let i = 0; i < tableClusters + before; i++) this.#need(first + i);
      if (this.#fresh.size === before) return { first, tableClusters };
    }
  }

  #tableClusters(highest: number): number {
    const { stored } = this.#plan.counted;
    let last = highest;
    for (let index = stored.entries - 1; index > last; index--) {
      if (stored.block(index) !== undefined && !this.#plan.bad.has(index)) last = index;
    }
    const clusters = Math.max(1, Math.ceil(((last + 1) * 8) / this.#clusterSize));
    if (clusters * this.#clusterSize <= limits.refcountTable) return clusters;
    throw new BlockError("EFBIG", "The image's file is too long for a table of refcounts", {
      hint: "Convert the image to a new one: what can be read of it is kept.",
    });
  }

  #freshBlock(index: number): CountPage {
    const page = new Int32Array(this.#clusterSize / 4);
    const { perBlock } = this.#plan;
    for (let i = 0; i < perBlock; i++) {
      const count = this.#target(index * perBlock + i);
      if (count > 0) putCount(page, i, this.#order, count);
    }
    return page;
  }

  #changedBlocks(): ByteEdit[] {
    const edits: ByteEdit[] = [];
    const { perBlock, kept } = this.#plan;
    for (const [index, { offset, page }] of [...kept].sort(([a], [b]) => a - b)) {
      const changed = page.slice();
      for (let i = 0; i < perBlock; i++) {
        const cluster = index * perBlock + i;
        const says = countAt(page, i, this.#order);
        const wanted = this.#wanted(cluster, says);
        if (wanted !== says) putCount(changed, i, this.#order, wanted);
      }
      edits.push(...differences(offset, bytesOf(page), bytesOf(changed)));
    }
    return edits;
  }

  #wanted(cluster: number, says: number): number {
    const { raises, lowers, freeFrom, keepsBehind } = this.#request;
    const target = this.#target(cluster);
    if (target === says) return says;
    const at = cluster * this.#clusterSize;
    if (target > says) return raises ? target : says;
    if (target > 0) return lowers ? target : says;
    // What this repair itself gives up, and what lies behind the end, nobody can miss.
    const isOurs = raises && (this.#deltas.has(cluster) || (at >= freeFrom && at < this.#request.start));
    const isKept = keepsBehind && cluster >= this.#plan.counted.counts.known;
    return (this.#request.frees && !isKept) || isOurs ? 0 : says;
  }

  #table(clusters: number, places: ReadonlyMap<number, number>): CountPage {
    const words = new Int32Array((clusters * this.#clusterSize) / 4);
    const { stored } = this.#plan.counted;
    for (let index = 0; index < words.length / 2; index++) {
      const block = this.#plan.bad.has(index) ? undefined : stored.block(index);
      const offset = places.get(index) ?? block?.offset ?? 0;
      words[index * 2] = Math.floor(offset / 0x100000000) | 0;
      words[index * 2 + 1] = offset | 0;
    }
    return words;
  }

  #changedEntries(places: ReadonlyMap<number, number>): ByteEdit[] {
    if (!this.#request.raises) return [];
    const { stored, image } = this.#plan.counted;
    const indexes = new Set([...places.keys(), ...this.#plan.bad.keys()]);
    return [...indexes]
      .sort((a, b) => a - b)
      .map((index) => ({
        offset: image.header.refcountTable.offset + index * 8,
        oldBytes: wordBytes(BigInt(stored.block(index)?.value ?? 0)),
        newBytes: wordBytes(BigInt(places.get(index) ?? 0)),
      }));
  }
}

/** The page as it is on disk. */
function bytesOf(page: CountPage): Uint8Array {
  const bytes = new Uint8Array(page.slice().buffer);
  bigEndianWords(bytes);
  return bytes;
}

function inPieces(offset: number, page: CountPage): NewBytes[] {
  const bytes = bytesOf(page);
  const pieces: NewBytes[] = [];
  for (let at = 0; at < bytes.length; at += longestWrite) {
    pieces.push({ offset: offset + at, newBytes: bytes.subarray(at, at + longestWrite) });
  }
  return pieces;
}

/** What differs between two equally long parts of a file at `offset`. */
function differences(offset: number, before: Uint8Array, after: Uint8Array): ByteEdit[] {
  const edits: ByteEdit[] = [];
  for (let at = 0; at < before.length; at++) {
    if (before[at] === after[at]) continue;
    let end = at + 1;
    for (let next = end; next < before.length && next - end < mostGap && next - at < longestWrite; next++) {
      if (before[next] !== after[next]) end = next + 1;
    }
    edits.push({ offset: offset + at, oldBytes: before.slice(at, end), newBytes: after.slice(at, end) });
    at = end;
  }
  return edits;
}
