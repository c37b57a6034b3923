// How often each cluster of a file is referred to, as a check counts it: one number a cluster, as wide as the image's own
// refcounts up to 4 bytes. L2 tables are read into the same memory, where checkCode.ts goes over their entries. When the
// counts have been compared with the stored ones, those take their place.
import { BlockError } from "../../base/errors.ts";
import { wasmFunction, wasmMemory } from "../../base/wasm.ts";
import {
  type CompareFlags,
  type CountEntries,
  compareModule,
  countModule,
  stateAt,
  stateBytes,
} from "./checkCode.ts";
import type { Qcow2Header } from "./layout.ts";

/** Bytes of a table that are read and gone over at a time. */
export const pieceBytes = 1024 * 1024;
const sector = 512;
const countsAt = stateBytes + pieceBytes;
/** Memory of this kind ends here, and so do numbers of clusters that the loops can tell. */
const mostBytes = 2 ** 32 - 65_536;
const mostClusters = 2 ** 31 - 2;

export type Counts = Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

export interface TableStatistics {
  readonly allocated: number;
  readonly fragmented: number;
  /** Whether the COPIED flag of each entry that was counted is set. */
  readonly isCopied: boolean;
}

/** What an entry of the piece says: halves of its word, and of the bitmap behind an extended one. */
export interface PieceEntry {
  readonly high: number;
  readonly low: number;
  /** Subclusters that read as zeroes, and those that are allocated; 0 in standard entries. */
  readonly zeroes: number;
  readonly allocated: number;
}

export class ClusterCounts {
  /** The file's length, as the peer sees it: whole sectors. */
  readonly fileEnd: number;
  /** Clusters of the file, the last one perhaps in part. */
  readonly clusters: number;
  /** Those of which something is known: one more where what is referred to reaches beyond the last one. */
  known: number;
  /** The highest refcount that the image can store, or that can be counted here. */
  readonly most: number;
  /** Whether `most` is less than what the image can store. */
  readonly isCapped: boolean;
  readonly counts: Counts;
  /** Whether some cluster is referred to more than once. */
  isShared = false;
  /** Where a piece of a table is read to. Big-endian until it is gone over. */
  readonly piece: Uint8Array<ArrayBuffer>;
  readonly #header: Qcow2Header;
  readonly #view: DataView;
  readonly #count: CountEntries;
  readonly #compare: CompareFlags;
  /** 1 in each count of 8 bytes. */
  readonly #ones: bigint;
  readonly #limits: [rest: bigint, clusterBits: bigint, limit: bigint];
  #odd: (index: number) => void = () => undefined;
  #overflow: (cluster: number) => void = () => undefined;

  /** Throws EFBIG when the file has too many clusters to be counted. */
  constructor(header: Qcow2Header, fileSize: number) {
    const { clusterSize, clusterBits, refcountOrder, l2EntryLength, hasDataFile } = header;
    this.#header = header;
    this.fileEnd = Math.ceil(fileSize / sector) * sector;
    this.clusters = Math.ceil(this.fileEnd / clusterSize);
    this.known = this.clusters;
    const width = refcountOrder <= 3 ? 1 : refcountOrder === 4 ? 2 : 4;
    this.most = 2 ** Math.min(32, 2 ** refcountOrder) - 1;
    this.#ones = { 1: 0x0101010101010101n, 2: 0x0001000100010001n, 4: 0x0000000100000001n }[width];
    this.isCapped = refcountOrder === 6;
    const memory = memoryFor(this.clusters, width);
    const [room, Kind] = [this.clusters + 1, { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }[width]];
    this.counts = new Kind(memory.buffer, countsAt, room);
    this.piece = new Uint8Array(memory.buffer, stateBytes, pieceBytes);
    this.#view = new DataView(memory.buffer);
    const limit = hasDataFile ? 2n ** BigInt(56 - clusterBits) : BigInt(this.clusters - 1);
    this.#limits = [0x7ffffffffffffffen, BigInt(clusterBits), limit];
    const shape = { entryLength: l2EntryLength, width, isExternal: hasDataFile } as const;
    const heard = {
      odd: (at: number) => this.#odd((at - stateBytes) / l2EntryLength),
      overflow: (cluster: number) => this.#overflow(cluster),
    };
    this.#count = wasmFunction<CountEntries>(countModule(shape), memory, heard);
    this.#compare = wasmFunction<CompareFlags>(compareModule(shape), memory, heard);
  }

  /** Where the entry before one would have to be followed, 0 for none: what does not lie there makes a fragment. */
  get next(): number {
    return Number(this.#view.getBigInt64(stateAt.next, true));
  }
  set next(offset: number) {
    this.#view.setBigInt64(stateAt.next, BigInt(offset), true);
  }

  /**
   * Counts what the first `length` bytes of the piece refer to, `times` each. `odd` hears the index in the piece of each
   * entry that is not counted: those that break a rule, and compressed ones; `overflow` the cluster whose count would
   * become too high, and how often.
   */
  scan(
    length: number,
    times: number,
    odd: (index: number) => void,
    overflow: (cluster: number, over: number) => void,
  ): TableStatistics {
    this.#toLittleEndian(length);
    this.#odd = odd;
    this.#overflow = (cluster) => overflow(cluster, this.add(cluster, times));
    // To so many nothing can be added at once: each one is looked at.
    const least = times > this.most ? 0 : this.most - times + 1;
    this.#count(
      stateBytes,
      stateBytes + length,
      countsAt,
      ...this.#limits,
      BigInt(this.#header.clusterSize),
      least,
      times,
      BigInt(Math.min(times, this.most)) * this.#ones,
    );
    const allocated = this.#view.getUint32(stateAt.allocated, true);
    if (times > 1 && allocated > 0) this.isShared = true;
    if (this.#view.getUint32(stateAt.again, true) !== 0) this.isShared = true;
    return {
      allocated,
      fragmented: this.#view.getUint32(stateAt.fragmented, true),
      isCopied: this.#view.getInt32(stateAt.flags + 4, true) < 0,
    };
  }

  /** `odd` hears the index of each entry whose COPIED flag does not say what the counts say, and all others but empty ones. */
  compareFlags(length: number, odd: (index: number) => void): void {
    this.#toLittleEndian(length);
    this.#odd = odd;
    this.#compare(stateBytes, stateBytes + length, countsAt, ...this.#limits);
  }

  /** Of the piece that is gone over. */
  entry(index: number): PieceEntry {
    const isLong = this.#header.l2EntryLength === 16;
    const at = stateBytes + index * this.#header.l2EntryLength;
    return {
      high: this.#view.getInt32(at + 4, true),
      low: this.#view.getInt32(at, true),
      zeroes: isLong ? this.#view.getInt32(at + 12, true) : 0,
      allocated: isLong ? this.#view.getInt32(at + 8, true) : 0,
    };
  }

  /** The word of an entry of the piece that is gone over. */
  word(index: number): bigint {
    return this.#view.getBigUint64(stateBytes + index * this.#header.l2EntryLength, true);
  }

  /** Counts a cluster; answers how often that was not possible. `cluster` is at most the number of clusters. */
  add(cluster: number, times: number): number {
    const old = this.counts[cluster] ?? 0;
    const added = Math.min(times, this.most - old);
    this.counts[cluster] = old + added;
    if (old + times > 1) this.isShared = true;
    if (cluster >= this.known) this.known = cluster + 1;
    return times - added;
  }

  #toLittleEndian(length: number): void {
    Buffer.from(this.piece.buffer, this.piece.byteOffset, length).swap64();
  }
}

function memoryFor(clusters: number, width: number) {
  const tooMany = (cause?: unknown) =>
    new BlockError(
      "EFBIG",
      `The file has ${clusters} clusters: too many to be counted at ${width} bytes each`,
      {
        hint: "Where the file is longer than what it holds, as one copied to a disk is, check a shorter copy.",
      },
      { cause },
    );
  const bytes = countsAt + (clusters + 1) * width;
  if (clusters > mostClusters || bytes > mostBytes) throw tooMany();
  try {
    return wasmMemory(bytes);
  } catch (error) {
    throw tooMany(error);
  }
}
