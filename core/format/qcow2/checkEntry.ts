// The rules that an entry of an L2 table has to keep, for those that the fast loop of a check does not count: compressed
// clusters, and what is wrong. Specification: qcow2, "Standard Cluster Descriptor", "Compressed Clusters Descriptor",
// "Extended L2 Entries". Texts beside ours are the peer's.
import { hex } from "../../base/bytes.ts";
import type { RepairKind } from "../../block/finding.ts";
import type { PieceEntry } from "./checkCounts.ts";
import type { Place } from "./checkRegions.ts";
import type { Told } from "./checkReporter.ts";
import type { TableVisit } from "./checkVisits.ts";
import type { CheckParts } from "./checkWalk.ts";
import { compressedPlace, hasOffset, hasReservedL2Bits, isCompressed, isCopied, offsetOf } from "./entry.ts";
import { guestRange } from "./layout.ts";

interface OddStatistics {
  /** Entries looked at. */
  looked: number;
  allocated: number;
  fragmented: number;
  compressed: number;
}

interface EntryWords {
  readonly code: string;
  readonly message: string;
  /** The peer's line, and that for an entry which it mends. */
  readonly peer: string;
  readonly mending?: string;
}

const nothing: TableVisit = {
  offset: 0,
  l1Index: 0,
  prefix: "",
  size: undefined,
  times: 1,
  activeTimes: 0,
};

/** Whether a standard entry, or that of an extended table, stands for a cluster of the file or the data file. */
export function isPlaced({ high, low }: PieceEntry, isExtended: boolean, hasDataFile: boolean): boolean {
  if (hasOffset(high, low)) return true;
  // Offset 0 is a place in a data file, unless the entry says that it has none.
  const readsAsZero = !isExtended && (low & 1) !== 0;
  return hasDataFile && isCopied(high) && !readsAsZero;
}

export class EntryRules {
  readonly #parts: CheckParts;
  readonly #isExtended: boolean;
  #visit = nothing;
  #statistics: OddStatistics = { looked: 0, allocated: 0, fragmented: 0, compressed: 0 };

  constructor(parts: CheckParts) {
    this.#parts = parts;
    this.#isExtended = parts.header.l2EntryLength === 16;
  }

  /** What follows are entries of that table. */
  begin(visit: TableVisit): void {
    this.#visit = visit;
  }

  /** Of the entries looked at since it was asked last. */
  take(): OddStatistics {
    const taken = this.#statistics;
    this.#statistics = { looked: 0, allocated: 0, fragmented: 0, compressed: 0 };
    return taken;
  }

  /** Entry `index` of the piece, `entry` of the table. */
  look(index: number, entry: number): void {
    const read = this.#parts.counts.entry(index);
    this.#statistics.looked++;
    // Made only where something is told: compressed clusters come this way as well.
    const place = () => this.#place(entry, this.#parts.counts.word(index));
    if (isCompressed(read.high)) {
      this.#compressed(read, entry, place);
      return;
    }
    if (hasReservedL2Bits(read.high, read.low)) {
      this.#tell("none", place, ({ by, value }) => ({
        code: "l2-reserved-bits",
        message: `${by} is ${value}: bits that have to be 0 are set`,
        peer: `ERROR found l2 entry with reserved bits set: ${value?.slice(2)}`,
      }));
    }
    const { hasDataFile } = this.#parts.header;
    if (isPlaced(read, this.#isExtended, hasDataFile)) this.#placed(read, place);
    else if (read.allocated !== 0) {
      this.#tell("none", place, ({ by }) => ({
        code: "subclusters-without-cluster",
        message: `${by} says that subclusters are allocated (${hex(read.allocated >>> 0)}), and has no cluster`,
        peer: "ERROR: Unallocated cluster has non-zero subcluster allocation map",
      }));
    }
  }

  #compressed(read: PieceEntry, entry: number, place: () => Place): void {
    const { header, regions } = this.#parts;
    const { offset, length } = streamOf(read, header.clusterBits);
    if (isCopied(read.high)) {
      this.#tell("none", place, ({ by, value }) => ({
        code: "compressed-copied",
        message: `${by} is ${value}: the COPIED flag is set for a compressed cluster, which has none`,
        peer: `ERROR: coffset=${hex(exactOffset(read, header.clusterBits))}: copied flag must never be set for compressed clusters`,
      }));
    }
    const without = () => hex((BigInt((read.high & 0x7fffffff) >>> 0) << 32n) | BigInt(read.low >>> 0));
    if (header.hasDataFile) {
      this.#tell("none", place, ({ by }) => ({
        code: "compressed-in-data-file",
        message: `${by} stands for a compressed cluster, which an image with an external data file can't have`,
        peer: `ERROR compressed cluster ${entry} with data file, entry=${without()}`,
      }));
      return;
    }
    if (read.zeroes !== 0 || read.allocated !== 0) {
      this.#tell("none", place, ({ by }) => ({
        code: "compressed-with-subclusters",
        message: `${by} stands for a compressed cluster and speaks of subclusters, which it has none of`,
        peer: `ERROR compressed cluster ${entry} with non-zero subcluster allocation bitmap, entry=${without()}`,
      }));
      return;
    }
    const exact = Number.isSafeInteger(offset) ? offset : exactOffset(read, header.clusterBits);
    regions.refer(offset, length, this.#visit.times, place, exact);
    this.#statistics.allocated++;
    this.#statistics.compressed++;
    // A stream always has to be read with its neighbours' bytes.
    this.#statistics.fragmented++;
  }

  /** Of an entry with a place in the file: what contradicts itself is counted as well. */
  #placed(read: PieceEntry, place: () => Place): void {
    const { header, regions, counts } = this.#parts;
    const { clusterSize } = header;
    const offset = offsetOf(read.high, read.low);
    const at = offset.toString(16);
    if ((read.zeroes & read.allocated) !== 0) {
      this.#tell("none", place, ({ by }) => ({
        code: "subclusters-contradict",
        message: `${by} says of subclusters both that they are allocated and that they read as zeroes (${hex((read.zeroes & read.allocated) >>> 0)})`,
        peer: `ERROR offset=${at}: Allocated cluster has corrupted subcluster allocation bitmap`,
      }));
    }
    if (offset % clusterSize !== 0) {
      const hasData = this.#isExtended ? read.allocated !== 0 : (read.low & 1) === 0;
      const kind = hasData ? "Data" : "Preallocated";
      const words = `offset=${at}: ${kind} cluster is not properly aligned; L2 entry corrupted.`;
      this.#tell(hasData ? "none" : "zero-entry", place, ({ by, value }) => ({
        code: hasData ? "cluster-unaligned" : "zero-cluster-unaligned",
        message: `${by} is ${value}: its cluster is not aligned to ${clusterSize} bytes`,
        peer: `ERROR ${words}`,
        ...(!hasData && { mending: `Repairing ${words}` }),
      }));
    }
    const { next } = counts;
    this.#statistics.allocated++;
    if (next !== 0 && offset !== next) this.#statistics.fragmented++;
    counts.next = offset + clusterSize;
    if (!header.hasDataFile) regions.refer(offset, clusterSize, this.#visit.times, place);
  }

  #tell(repair: RepairKind, place: () => Place, words: (place: Place) => EntryWords): void {
    const { times } = this.#visit;
    this.#parts.reporter.corrupt(repair, times, (): Told => {
      const found = place();
      const { by: _, ...rest } = found;
      const { peer, mending, ...message } = words(found);
      const lines = { lines: [peer], times, ...(mending !== undefined && { mending: [mending] }) };
      return { ...rest, ...message, peer: lines };
    });
  }

  #place(entry: number, value: bigint): Place {
    const { header } = this.#parts;
    const { prefix, l1Index, offset, size } = this.#visit;
    return {
      by: `${prefix}L1[${l1Index}] -> L2[${entry}]`,
      offset: offset + entry * header.l2EntryLength,
      length: header.l2EntryLength,
      table: { level: "L2", index: l1Index, offset },
      entry,
      value: hex(value),
      ...(size !== undefined && guestRange({ ...header, size }, l1Index * header.l2Entries + entry, 1)),
    };
  }
}

function exactOffset({ high, low }: PieceEntry, clusterBits: number): bigint {
  const word = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  return word & ((1n << BigInt(62 - (clusterBits - 8))) - 1n);
}

/** As `compressedPlace`, with the exact length where the offset is above 2^53. */
function streamOf({ high, low }: PieceEntry, clusterBits: number): { offset: number; length: number } {
  const { offset, length } = compressedPlace(high, low, clusterBits);
  if (Number.isSafeInteger(offset)) return { offset, length };
  return { offset, length: length + (offset % 512) - (low & 511) };
}
