// Guest offset to place in the file: the one mapping that reads, extents and descriptions share.
// Specification: qcow2, "Cluster mapping" and "Extended L2 entries".
import { hex, hexIndex } from "../../base/bytes.ts";
import { BlockError, type BlockErrorContext } from "../../base/errors.ts";
import type { ExtentState } from "../../block/node.ts";
import {
  type CompressedPlace,
  compressedPlace,
  type EntryKind,
  entryKind,
  hasOffset,
  kindOf,
  offsetOf,
  subclusterKind,
} from "./entry.ts";
import { faultOf } from "./entryFault.ts";
import { type Qcow2Header, subclustersPerCluster, type TablePlace } from "./layout.ts";
import type { TablePage, Tables } from "./tables.ts";

export interface Run {
  /** Bytes from the offset asked for, at most the length asked for. */
  readonly length: number;
  readonly state: ExtentState;
  /** Byte in the file of the cluster: with its data, or unused where it reads as zeroes or from the backing file. */
  readonly hostOffset: number | undefined;
  /** The whole cluster's stream, where the run lies in a compressed cluster, and where the run begins in it. */
  readonly compressed: (CompressedPlace & { readonly inCluster: number }) | undefined;
}

/** What a map needs to know of its image. `l1` is the active table or a snapshot's. */
export type MapGeometry = Pick<
  Qcow2Header,
  "version" | "clusterBits" | "clusterSize" | "l2Entries" | "l2EntryLength" | "hasDataFile"
> & { readonly l1: TablePlace; readonly size: number };

/**
 * Entries looked at for one run. Longer runs come in pieces: a caller that uses only the beginning of a run must not pay
 * for its whole length each time.
 */
const longestLook = 32_768;

const states: Readonly<Record<EntryKind, ExtentState>> = {
  [entryKind.unallocated]: "unallocated",
  [entryKind.zeroPlain]: "zero",
  [entryKind.zeroAllocated]: "zero",
  [entryKind.data]: "data",
  [entryKind.compressed]: "data",
  [entryKind.unallocatedInCluster]: "unallocated",
  [entryKind.invalid]: "unallocated",
};

/** An entry breaks a rule of the format: `words` are the peer's for it. */
export class CorruptEntry extends BlockError {
  readonly words: string;

  constructor(message: string, words: string, context: BlockErrorContext) {
    super("ECORRUPT", message, { ...context, hint: restReads });
    this.words = words;
  }
}

export class Qcow2Map {
  readonly #image: MapGeometry;
  readonly #tables: Tables;
  readonly #l2Span: number;
  /** Bytes of what one entry, or one of its subclusters, speaks of. */
  readonly #unit: number;
  readonly #unitsPerCluster: number;

  constructor(image: MapGeometry, tables: Tables) {
    this.#image = image;
    this.#tables = tables;
    this.#l2Span = image.l2Entries * image.clusterSize;
    this.#unitsPerCluster = image.l2EntryLength === 16 ? subclustersPerCluster : 1;
    this.#unit = image.clusterSize / this.#unitsPerCluster;
  }

  /**
   * The run of one kind at `offset`, up to `length` bytes. Stops before an entry that breaks a rule; throws ECORRUPT when
   * that entry is the first.
   */
  async map(offset: number, length: number): Promise<Run> {
    const l1Index = Math.floor(offset / this.#l2Span);
    const l2Offset = await this.#l2Offset(l1Index);
    if (l2Offset === 0) {
      const tables = await this.#emptyTables(l1Index, Math.ceil((offset + length) / this.#l2Span));
      const end = (l1Index + tables) * this.#l2Span;
      return { ...none, length: Math.min(length, end - offset), state: "unallocated" };
    }
    const inTable = Math.min(length, (l1Index + 1) * this.#l2Span - offset);
    return this.#mapInTable(l1Index, l2Offset, offset, inTable);
  }

  /** "L1[0] -> L2 at 0x40000, L2[3] -> 0x50000", or where the way ends. */
  async describe(offset: number): Promise<string> {
    const { clusterSize, l2Entries, clusterBits } = this.#image;
    const l1Index = Math.floor(offset / this.#l2Span);
    const l2Offset = await this.#l2Offset(l1Index);
    if (l2Offset === 0) return `L1[${l1Index}] = 0: unallocated`;
    const l2Index = Math.floor(offset / clusterSize) % l2Entries;
    const subcluster = Math.floor((offset % clusterSize) / this.#unit);
    const entry = await this.#entry(l2Offset, l2Index);
    const kind = this.#kindAt(entry, subcluster);
    this.#check(kind, entry, l2Offset, l1Index, l2Index);
    const part = this.#unitsPerCluster === 1 ? "" : `, subcluster ${subcluster}`;
    const start = `L1[${l1Index}] -> L2 at ${hex(l2Offset)}, L2[${l2Index}]${part}`;
    const host = hex(offsetOf(entry.high, entry.low));
    switch (kind) {
      case entryKind.unallocated:
      case entryKind.invalid:
        return `${start}: unallocated`;
      case entryKind.unallocatedInCluster:
        return `${start}: unallocated, in the cluster at ${host}`;
      case entryKind.zeroPlain:
        return `${start}: zero cluster`;
      case entryKind.zeroAllocated:
        return `${start} -> ${host}, reads as zeroes`;
      case entryKind.data:
        return `${start} -> ${host}`;
      case entryKind.compressed: {
        const place = compressedPlace(entry.high, entry.low, clusterBits);
        return `${start} -> compressed, ${place.length} bytes at ${hex(place.offset)}`;
      }
    }
  }

  /** Offset of the L2 table of an L1 entry, 0 when there is none. Throws ECORRUPT. */
  async #l2Offset(l1Index: number): Promise<number> {
    const { l1, clusterSize } = this.#image;
    // The table of a snapshot may be shorter than its disk.
    if (l1Index >= l1.entries) return 0;
    const [high, low] = await this.#tables.page(l1.offset, l1Index, undefined, ({ halves, first }) => [
      halves[(l1Index - first) * 2] ?? 0,
      halves[(l1Index - first) * 2 + 1] ?? 0,
    ]);
    const offset = offsetOf(high ?? 0, low ?? 0);
    if (offset % clusterSize === 0) return offset;
    const guest = l1Index * this.#l2Span;
    throw new CorruptEntry(
      `L1[${l1Index}] points to an L2 table at ${hex(offset)}, which is not aligned to the cluster size (${hex(clusterSize)})`,
      `L2 table offset ${hex(offset)} unaligned (L1 index: ${hexIndex(l1Index)})`,
      this.#place(guest, this.#l2Span),
    );
  }

  /** How many L1 entries from `from` on, before `to`, are empty; at least 1 because the first is known to be. */
  async #emptyTables(from: number, to: number): Promise<number> {
    const { l1 } = this.#image;
    if (to > l1.entries && from >= l1.entries) return to - from;
    let index = from + 1;
    const end = Math.min(to, l1.entries, from + longestLook);
    while (index < end) {
      const isTable = await this.#tables.page(l1.offset, index, undefined, ({ halves, first, count }) => {
        for (; index < Math.min(end, first + count); index++) {
          if (hasOffset(halves[(index - first) * 2] ?? 0, halves[(index - first) * 2 + 1] ?? 0)) return true;
        }
        return false;
      });
      if (isTable) break;
    }
    return index - from;
  }

  async #mapInTable(l1Index: number, l2Offset: number, offset: number, length: number): Promise<Run> {
    const { clusterSize, l2Entries, clusterBits } = this.#image;
    const inCluster = offset % clusterSize;
    const l2Index = Math.floor(offset / clusterSize) % l2Entries;
    const subcluster = Math.floor(inCluster / this.#unit);
    const entry = await this.#entry(l2Offset, l2Index);
    const kind = this.#kindAt(entry, subcluster);
    this.#check(kind, entry, l2Offset, l1Index, l2Index);
    if (kind === entryKind.compressed) {
      const compressed = { ...compressedPlace(entry.high, entry.low, clusterBits), inCluster };
      return { ...none, length: Math.min(length, clusterSize - inCluster), state: "data", compressed };
    }
    const first = offsetOf(entry.high, entry.low);
    const hasPlace = kind !== entryKind.unallocated && kind !== entryKind.zeroPlain;
    const start = { l1Index, l2Index, subcluster, kind, offset: first, hasPlace };
    const inUnit = offset % this.#unit;
    const most = Math.ceil((inUnit + length) / this.#unit);
    const units = await this.#sameUnits(l2Offset, start, most);
    return {
      length: Math.min(length, units * this.#unit - inUnit),
      state: states[kind],
      hostOffset: hasPlace ? first + inCluster : undefined,
      compressed: undefined,
    };
  }

  /** Entries or subclusters from the first on that say the same, and lie one behind the other where they have a place. */
  async #sameUnits(l2Offset: number, start: RunStart, most: number): Promise<number> {
    const { l2Entries, l2EntryLength } = this.#image;
    const words = l2EntryLength / 8;
    const end = Math.min(l2Entries, start.l2Index + longestLook);
    let units = 0;
    for (let index = start.l2Index; index < end && units < most; ) {
      const goesOn = await this.#tables.page(l2Offset, index * words, "l2_load", (page) => {
        const last = Math.min(end, (page.first + page.count) / words);
        for (; index < last && units < most; index++) {
          const from = index === start.l2Index ? start.subcluster : 0;
          const same = this.#sameInEntry(page, index, start, from);
          units += same;
          if (same < this.#unitsPerCluster - from) return false;
        }
        return true;
      });
      if (!goesOn) break;
    }
    return Math.min(units, most);
  }

  /** Of one entry: how many of its subclusters from `from` on go on with the run. */
  #sameInEntry(page: TablePage, index: number, start: RunStart, from: number): number {
    const { clusterSize, hasDataFile } = this.#image;
    const words = this.#unitsPerCluster === 1 ? 2 : 4;
    const at = (index - page.first / (words / 2)) * words;
    const high = page.halves[at] as number;
    const low = page.halves[at + 1] as number;
    if (start.hasPlace && offsetOf(high, low) !== start.offset + (index - start.l2Index) * clusterSize)
      return 0;
    if (this.#unitsPerCluster === 1) return kindOf(high, low, hasDataFile) === start.kind ? 1 : 0;
    const zeroes = page.halves[at + 2] as number;
    const allocated = page.halves[at + 3] as number;
    let same = 0;
    for (let i = from; i < this.#unitsPerCluster; i++, same++) {
      if (subclusterKind(high, low, zeroes, allocated, i, hasDataFile) !== start.kind) break;
    }
    return same;
  }

  #entry(l2Offset: number, l2Index: number): Promise<Entry> {
    const words = this.#image.l2EntryLength / 8;
    return this.#tables.page(l2Offset, l2Index * words, "l2_load", ({ halves, first }) => {
      const at = (l2Index * words - first) * 2;
      const [high = 0, low = 0] = [halves[at], halves[at + 1]];
      if (words === 1) return { high, low, zeroes: 0, allocated: 0 };
      return { high, low, zeroes: halves[at + 2] ?? 0, allocated: halves[at + 3] ?? 0 };
    });
  }

  #kindAt({ high, low, zeroes, allocated }: Entry, subcluster: number): EntryKind {
    const { hasDataFile } = this.#image;
    if (this.#unitsPerCluster === 1) return kindOf(high, low, hasDataFile);
    return subclusterKind(high, low, zeroes, allocated, subcluster, hasDataFile);
  }

  /** Throws ECORRUPT for an entry that breaks a rule. */
  #check(kind: EntryKind, entry: Entry, l2Offset: number, l1Index: number, l2Index: number): void {
    const { clusterSize } = this.#image;
    const guest = l1Index * this.#l2Span + l2Index * clusterSize;
    const fault = faultOf(this.#image, kind, entry, { table: l2Offset, index: l2Index, guest });
    if (fault === undefined) return;
    const exact = (BigInt(entry.high >>> 0) << 32n) | BigInt(entry.low >>> 0);
    const message = `L1[${l1Index}] -> L2[${l2Index}] is ${hex(exact)}: ${fault.why}`;
    throw new CorruptEntry(message, fault.words, this.#place(guest, clusterSize));
  }

  #place(offset: number, span: number) {
    return { offset, length: Math.max(0, Math.min(span, this.#image.size - offset)) };
  }
}

const none = { hostOffset: undefined, compressed: undefined } as const;
const restReads = "The rest of the image can still be read.";

interface Entry {
  readonly high: number;
  readonly low: number;
  readonly zeroes: number;
  readonly allocated: number;
}

interface RunStart {
  readonly l1Index: number;
  readonly l2Index: number;
  readonly subcluster: number;
  readonly kind: EntryKind;
  readonly offset: number;
  readonly hasPlace: boolean;
}
