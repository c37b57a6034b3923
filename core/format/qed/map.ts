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
const longestLook = 32_768;

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
    return this.#tables.page(l2Offset, l2Index, ({ halves, first }) => {
      const value = join64(halves[(l2Index - first) * 2] ?? 0, halves[(l2Index - first) * 2 + 1] ?? 0);
      const start = `L1[${l1Index}] -> L2 at ${hex(l2Offset)}, L2[${l2Index}]`;
      if (value === 0) return `${start} = 0: unallocated`;
      if (value === 1) return `${start} = 1: zero cluster`;
      this.#checkCluster(value, halves, (l2Index - first) * 2, l1Index, l2Index);
      return `${start} -> ${hex(value ?? 0)}`;
    });
  }

  /** Offset of the L2 table of an L1 entry, 0 when there is none. Throws ECORRUPT. */
  #l2Offset(l1Index: number): Promise<number> {
    return this.#tables.page(this.#header.l1Offset, l1Index, ({ halves, first }) => {
      const at = (l1Index - first) * 2;
      const [low = 0, high = 0] = [halves[at], halves[at + 1]];
      const offset = join64(low, high);
      if (offset === 0 || (offset !== undefined && isTableOffset(offset, this.#bounds))) return offset;
      const span = this.#entries * this.#header.clusterSize;
      throw this.#badEntry(`L1[${l1Index}]`, low, high, this.#header.tableSize, l1Index * span, span);
    });
  }

  /** How many L1 entries from `from` on, before `to`, are 0; at least 1 because the first is known to be. */
  async #emptyTables(from: number, to: number): Promise<number> {
    let index = from + 1;
    const end = Math.min(to, this.#entries, from + longestLook);
    while (index < end) {
      const isTable = await this.#tables.page(this.#header.l1Offset, index, ({ halves, first, count }) => {
        for (; index < Math.min(end, first + count); index++) {
          if (halves[(index - first) * 2] !== 0 || halves[(index - first) * 2 + 1] !== 0) return true;
        }
        return false;
      });
      if (isTable) break;
    }
    return index - from;
  }

  async #mapInTable(l1Index: number, l2Offset: number, position: number, length: number): Promise<Run> {
    const { clusterSize } = this.#header;
    const start = Math.floor(position / clusterSize);
    const inCluster = position % clusterSize;
    let most = Math.min(longestLook, Math.ceil((inCluster + length) / clusterSize));
    let value: number | undefined;
    let step = 0;
    let expected = 0;
    let clusters = 0;
    for (let goesOn = true; goesOn; ) {
      goesOn = await this.#tables.page(l2Offset, start + clusters, ({ halves, first, count }) => {
        if (clusters === 0) {
          const at = (start - first) * 2;
          value = join64(halves[at] ?? 0, halves[at + 1] ?? 0);
          if (value !== 0 && value !== 1) {
            this.#checkCluster(value, halves, at, l1Index, start);
            // Neighbours of a cluster go on inside the file; those of an empty or zero entry are the same again.
            most = Math.min(most, (this.#bounds.fileEnd - (value ?? 0)) / clusterSize);
            step = clusterSize;
          }
          clusters = 1;
          expected = (value ?? 0) + step;
        }
        const end = Math.min(most, first + count - start);
        const same = sameEntries(halves, start + clusters - first, end - clusters, expected, step);
        clusters += same;
        expected += same * step;
        return clusters === end && clusters < most;
      });
    }
    return {
      length: Math.min(length, clusters * clusterSize - inCluster),
      state: value === 0 ? "unallocated" : value === 1 ? "zero" : "data",
      hostOffset: step === 0 || value === undefined ? undefined : value + inCluster,
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

/** Entries compared in one call, so that V8's faster code of it is entered soon. */
const comparedAtOnce = 1024;

/** How many of `count` entries from `from` on are `expected`, and each `step` more than the one before. */
function sameEntries(
  halves: Uint32Array<ArrayBuffer>,
  from: number,
  count: number,
  expected: number,
  step: number,
): number {
  // Signed numbers are the ones that loops are fast with.
  const signed = new Int32Array(halves.buffer, halves.byteOffset, halves.length);
  for (let done = 0; done < count; done += comparedAtOnce) {
    const part = Math.min(comparedAtOnce, count - done);
    const start = expected + done * step;
    // Up to where the low half overflows: an entry there is compared in a part of its own.
    const low = start % 0x100000000;
    const before = step === 0 ? part : Math.min(part, Math.ceil((0x100000000 - low) / step));
    const same = sameLows(
      signed,
      (from + done) * 2,
      before,
      low | 0,
      Math.floor(start / 0x100000000) | 0,
      step,
    );
    if (same < before) return done + same;
    if (before < part) done += before - comparedAtOnce;
  }
  return count;
}

/** The same from `halves[at]` on, without an overflow of the low half. */
function sameLows(
  halves: Int32Array,
  at: number,
  count: number,
  low: number,
  high: number,
  step: number,
): number {
  let expected = low;
  const end = at + count * 2;
  for (let look = at; look < end; look += 2) {
    if (halves[look] !== expected || halves[look + 1] !== high) return (look - at) / 2;
    expected = (expected + step) | 0;
  }
  return count;
}
