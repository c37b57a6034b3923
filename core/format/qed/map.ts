// Guest offset to place in the file: the one mapping that reads, extents and descriptions share.
// Specification: QED, "Cluster offsets" and "Zero clusters".
//
//   L1 entry 0: no L2 table, the whole range is unallocated        else: offset of an L2 table
//   L2 entry 0: unallocated   1: zero cluster                      else: offset of a data cluster
import { hex, join64 } from "../../base/bytes.ts";
import { BlockError } from "../../base/errors.ts";
import type { ExtentState } from "../../block/node.ts";
import {
  type Bounds,
  boundsOf,
  isClusterOffset,
  isTableOffset,
  type QedHeader,
  tableEntries,
} from "./layout.ts";
import type { Tables } from "./tables.ts";

export interface Run {
  /** Bytes from the offset asked for, at most the length asked for. */
  readonly length: number;
  readonly state: ExtentState;
  readonly hostOffset: number | undefined;
}

/**
 * Entries looked at for one run. Longer runs come in pieces: a table may have 134 million entries, and a caller
 * that uses only the beginning of a run must not pay for its whole length each time.
 */
const longestLook = 4096;

export class QedMap {
  readonly #header: QedHeader;
  #bounds: Bounds;
  readonly #tables: Tables;
  readonly #entries: number;

  constructor(header: QedHeader, tables: Tables, fileSize: number) {
    this.#header = header;
    this.#bounds = boundsOf(header, fileSize);
    this.#entries = tableEntries(header);
    this.#tables = tables;
  }

  /** The end of what entries may point to, bytes: the file's length rounded down to a whole cluster. */
  get fileEnd(): number {
    return this.#bounds.fileEnd;
  }

  set fileEnd(fileEnd: number) {
    this.#bounds = { ...this.#bounds, fileEnd };
  }

  /** Where the entry of a guest offset is. The table's offset is 0 where there is none. Throws ECORRUPT. */
  async place(offset: number): Promise<{ l1Index: number; l2Offset: number; l2Index: number }> {
    const { clusterSize } = this.#header;
    const l1Index = Math.floor(offset / (this.#entries * clusterSize));
    const l2Index = Math.floor(offset / clusterSize) % this.#entries;
    return { l1Index, l2Offset: await this.#l2Offset(l1Index), l2Index };
  }

  /**
   * The run of one kind at `offset`, up to `length` bytes. Stops before an entry that breaks a rule; throws
   * ECORRUPT when that entry is the first.
   */
  async map(offset: number, length: number): Promise<Run> {
    const { clusterSize } = this.#header;
    const l2Span = this.#entries * clusterSize;
    const l1Index = Math.floor(offset / l2Span);
    const l2Offset = await this.#l2Offset(l1Index);
    if (l2Offset === 0) {
      const end =
        (l1Index + (await this.#emptyTables(l1Index, Math.ceil((offset + length) / l2Span)))) * l2Span;
      return { length: Math.min(length, end - offset), state: "unallocated", hostOffset: undefined };
    }
    const inTable = Math.min(length, (l1Index + 1) * l2Span - offset);
    return this.#mapInTable(l1Index, l2Offset, offset - l1Index * l2Span, inTable);
  }

  /** "L1[0] -> L2 at 0x70000, L2[3] -> 0x80000", or where the way ends. */
  async describe(offset: number): Promise<string> {
    const { clusterSize } = this.#header;
    const l1Index = Math.floor(offset / (this.#entries * clusterSize));
    const l2Index = Math.floor(offset / clusterSize) % this.#entries;
    const l2Offset = await this.#l2Offset(l1Index);
    if (l2Offset === 0) return `L1[${l1Index}] = 0: unallocated`;
    const { halves, first } = await this.#tables.page(l2Offset, l2Index);
    const value = join64(halves[(l2Index - first) * 2] ?? 0, halves[(l2Index - first) * 2 + 1] ?? 0);
    const start = `L1[${l1Index}] -> L2 at ${hex(l2Offset)}, L2[${l2Index}]`;
    if (value === 0) return `${start} = 0: unallocated`;
    if (value === 1) return `${start} = 1: zero cluster`;
    this.#checkCluster(value, halves, (l2Index - first) * 2, l1Index, l2Index);
    return `${start} -> ${hex(value ?? 0)}`;
  }

  /** Offset of the L2 table of an L1 entry, 0 when there is none. Throws ECORRUPT. */
  async #l2Offset(l1Index: number): Promise<number> {
    const { halves, first } = await this.#tables.page(this.#header.l1Offset, l1Index);
    const at = (l1Index - first) * 2;
    const [low = 0, high = 0] = [halves[at], halves[at + 1]];
    const offset = join64(low, high);
    if (offset === 0 || (offset !== undefined && isTableOffset(offset, this.#bounds))) return offset;
    const span = this.#entries * this.#header.clusterSize;
    throw this.#badEntry(`L1[${l1Index}]`, low, high, this.#header.tableSize, l1Index * span, span);
  }

  /** How many L1 entries from `from` on, before `to`, are 0; at least 1 because the first is known to be. */
  async #emptyTables(from: number, to: number): Promise<number> {
    let index = from + 1;
    const end = Math.min(to, this.#entries, from + longestLook);
    while (index < end) {
      const { halves, first, count } = await this.#tables.page(this.#header.l1Offset, index);
      for (; index < Math.min(end, first + count); index++) {
        if (halves[(index - first) * 2] !== 0 || halves[(index - first) * 2 + 1] !== 0) return index - from;
      }
    }
    return index - from;
  }

  async #mapInTable(l1Index: number, l2Offset: number, position: number, length: number): Promise<Run> {
    const { clusterSize } = this.#header;
    const start = Math.floor(position / clusterSize);
    const inCluster = position % clusterSize;
    const wanted = Math.min(longestLook, Math.ceil((inCluster + length) / clusterSize));
    let page = await this.#tables.page(l2Offset, start);
    const at = (start - page.first) * 2;
    const value = join64(page.halves[at] ?? 0, page.halves[at + 1] ?? 0);
    const plain = value === 0 || value === 1;
    if (!plain) this.#checkCluster(value, page.halves, at, l1Index, start);
    // Neighbours of a cluster go on inside the file; those of an empty or zero entry are the same again.
    const most = plain ? wanted : Math.min(wanted, (this.#bounds.fileEnd - (value ?? 0)) / clusterSize);
    const step = plain ? 0 : clusterSize;
    let clusters = 1;
    let expected = (value ?? 0) + step;
    while (clusters < most) {
      const index = start + clusters;
      if (index >= page.first + page.count) page = await this.#tables.page(l2Offset, index);
      const end = Math.min(most, page.first + page.count - start);
      const same = sameEntries(page.halves, index - page.first, end - clusters, expected, step);
      clusters += same;
      expected += same * step;
      if (clusters < end) break;
    }
    return {
      length: Math.min(length, clusters * clusterSize - inCluster),
      state: value === 0 ? "unallocated" : value === 1 ? "zero" : "data",
      hostOffset: plain || value === undefined ? undefined : value + inCluster,
    };
  }

  #checkCluster(
    value: number | undefined,
    halves: Uint32Array,
    at: number,
    l1Index: number,
    l2Index: number,
  ) {
    if (value !== undefined && isClusterOffset(value, this.#bounds)) return;
    const [low = 0, high = 0] = [halves[at], halves[at + 1]];
    const { clusterSize } = this.#header;
    const guest = (l1Index * this.#entries + l2Index) * clusterSize;
    throw this.#badEntry(`L1[${l1Index}] -> L2[${l2Index}]`, low, high, 1, guest, clusterSize);
  }

  /** `clusters` is what the entry has to point to; `guest` and `span` the range that cannot be read because of it. */
  #badEntry(where: string, low: number, high: number, clusters: number, guest: number, span: number) {
    const exact = (BigInt(high) << 32n) | BigInt(low);
    const { clusterSize, dataStart, fileEnd } = this.#bounds;
    const offset = join64(low, high);
    const why =
      offset === undefined || offset + clusters * clusterSize > fileEnd
        ? `it points past the end of the file (${hex(fileEnd)})`
        : offset % clusterSize !== 0
          ? `it is not aligned to the cluster size (${hex(clusterSize)})`
          : `it points into the header (below ${hex(dataStart)})`;
    return new BlockError("ECORRUPT", `${where} is ${hex(exact)}: ${why}`, {
      offset: guest,
      length: Math.min(span, this.#header.imageSize - guest),
      hint: "The rest of the image can still be read.",
    });
  }
}

/** How many of `count` entries from `from` on are `expected`, and each `step` more than the one before. */
function sameEntries(
  halves: Uint32Array,
  from: number,
  count: number,
  expected: number,
  step: number,
): number {
  let low = expected % 0x100000000;
  let high = Math.floor(expected / 0x100000000);
  for (let same = 0, at = from * 2; same < count; same++, at += 2) {
    if (halves[at] !== low || halves[at + 1] !== high) return same;
    low += step;
    if (low >= 0x100000000) {
      low -= 0x100000000;
      high++;
    }
  }
  return count;
}
