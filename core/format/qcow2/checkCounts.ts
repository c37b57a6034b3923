// How often each cluster of a file is referred to, as a check counts it: one number a cluster, as wide as the image's own
// refcounts up to 4 bytes. L2 tables are read into the same memory, where checkCode.ts goes over their entries. When the
// counts have been compared with the stored ones, those take their place. Threads of a large image's check share the memory.
import { BlockError } from "../../base/errors.ts";
import { type WasmMemory, wasmFunction, wasmMemory } from "../../base/wasm.ts";
import {
  type CompareFlags,
  type CountEntries,
  compareModule,
  countModule,
  type LoopShape,
  stateAt,
  stateBytes,
  sumModule,
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

/** How to add a number to counts, as `CountEntries` wants it. */
export interface Addition {
  readonly least: number;
  readonly times: number;
  readonly fourTimes: bigint;
}

/** What a thread counts with in the memory of the counts. */
export interface CountShare {
  readonly memory: WasmMemory;
  readonly countModule: Uint8Array<ArrayBuffer>;
  readonly compareModule: Uint8Array<ArrayBuffer>;
  readonly sumModule: Uint8Array<ArrayBuffer>;
  /** Addresses: of `stateBytes`, and of as many bytes as a cluster has. They are the thread's own. */
  readonly stateAt: number;
  readonly tableAt: number;
  /** Of the counts. */
  readonly countsAt: number;
  readonly limits: readonly [rest: bigint, clusterBits: bigint, limit: bigint];
}

/** Bytes from a multiple of which counts and states lie: several counts are stored at once. */
const alignment = 64;

export class ClusterCounts {
  /** The file's length, as the peer sees it: whole sectors. */
  readonly fileEnd: number;
  /** Clusters of the file, the last one perhaps in part. */
  readonly clusters: number;
  /** Those of which something is known: one more where what is referred to reaches beyond the last one. */
  known: number;
  /** The highest refcount that the image can store, or that can be counted here. */
  readonly most: number;
  /** Whether some of the counting is done by threads that share the memory. */
  hasThreads: boolean;
  /** Whether `most` is less than what the image can store. */
  readonly isCapped: boolean;
  readonly counts: Counts;
  /** Whether some cluster is referred to more than once. */
  isShared = false;
  /** All that was counted: the sum of the counts, as long as they are not compared. */
  total = 0;
  /** Where a piece of a table is read to. Big-endian until it is gone over. */
  readonly piece: Uint8Array<ArrayBuffer>;
  readonly #header: Qcow2Header;
  readonly #view: DataView;
  readonly #count: CountEntries;
  readonly #compare: CompareFlags;
  /** 1 in each count of 8 bytes. */
  readonly #ones: bigint;
  readonly #limits: CountShare["limits"];
  readonly #memory: WasmMemory;
  readonly #shape: LoopShape;
  #odd: (index: number) => void = () => undefined;
  #overflow: (cluster: number) => void = () => undefined;

  /** `threads`: how many share the memory. Throws EFBIG when the file has too many clusters to be counted. */
  constructor(header: Qcow2Header, fileSize: number, threads = 0) {
    const { clusterSize, clusterBits, refcountOrder, l2EntryLength, hasDataFile } = header;
    this.#header = header;
    this.fileEnd = Math.ceil(fileSize / sector) * sector;
    this.clusters = Math.ceil(this.fileEnd / clusterSize);
    this.known = this.clusters;
    const width = refcountOrder <= 3 ? 1 : refcountOrder === 4 ? 2 : 4;
    this.most = 2 ** Math.min(32, 2 ** refcountOrder) - 1;
    this.#ones = { 1: 0x0101010101010101n, 2: 0x0001000100010001n, 4: 0x0000000100000001n }[width];
    this.isCapped = refcountOrder === 6;
    const memory = memoryFor(this.clusters, width, threads * (alignment + clusterSize));
    this.#memory = memory;
    this.hasThreads = threads > 0;
    const [room, Kind] = [this.clusters + 1, { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }[width]];
    this.counts = new Kind(memory.buffer, countsAt, room);
    this.piece = new Uint8Array(memory.buffer, stateBytes, pieceBytes);
    this.#view = new DataView(memory.buffer);
    const limit = hasDataFile ? 2n ** BigInt(56 - clusterBits) : BigInt(this.clusters - 1);
    this.#limits = [0x7ffffffffffffffen, BigInt(clusterBits), limit];
    this.#shape = {
      entryLength: l2EntryLength,
      width,
      isExternal: hasDataFile,
      state: 0,
      isShared: threads > 0,
    };
    const heard = {
      odd: (at: number) => this.#odd((at - stateBytes) / l2EntryLength),
      overflow: (cluster: number) => this.#overflow(cluster),
    };
    this.#count = wasmFunction<CountEntries>(countModule(this.#shape), memory, heard);
    this.#compare = wasmFunction<CompareFlags>(compareModule(this.#shape), memory, heard);
  }

  /** Forgets what was counted: what follows is counted without threads. */
  restart(): void {
    this.counts.fill(0);
    this.known = this.clusters;
    this.total = 0;
    this.isShared = false;
    this.hasThreads = false;
  }

  /** What the thread `index` counts with. */
  shareOf(index: number): CountShare {
    const first = countsAt + Math.ceil(this.counts.byteLength / alignment) * alignment;
    const state = first + index * (alignment + this.#header.clusterSize);
    const shape = { ...this.#shape, state };
    return {
      memory: this.#memory,
      countModule: countModule(shape),
      compareModule: compareModule(shape),
      sumModule: sumModule(shape),
      stateAt: state,
      tableAt: state + alignment,
      countsAt,
      limits: this.#limits,
    };
  }

  addition(times: number): Addition {
    return {
      // To so many nothing can be added at once: each one is looked at.
      least: times > this.most ? 0 : Math.min(this.most, this.most - times + 1),
      times,
      fourTimes: BigInt(Math.min(times, this.most)) * this.#ones,
    };
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
   * become too high, and how often. `isCounted`: a thread has counted what is ordinary in it; only the rest is counted.
   */
  scan(
    length: number,
    times: number,
    odd: (index: number) => void,
    overflow: (cluster: number, over: number) => void,
    isCounted: boolean,
  ): TableStatistics {
    this.#toLittleEndian(length);
    this.#odd = odd;
    let over = 0;
    this.#overflow = (cluster) => {
      if (isCounted) return;
      over++;
      overflow(cluster, this.add(cluster, times));
    };
    const { least, fourTimes, times: added } = this.addition(isCounted ? 0 : times);
    this.#count(
      stateBytes,
      stateBytes + length,
      countsAt,
      ...this.#limits,
      BigInt(this.#header.clusterSize),
      least,
      added,
      fourTimes,
    );
    const allocated = this.#view.getUint32(stateAt.allocated, true);
    const isAgain = this.#view.getUint32(stateAt.again, true) !== 0;
    if (!isCounted) this.noteAdded(allocated - over, times, isAgain);
    return {
      allocated,
      fragmented: this.#view.getUint32(stateAt.fragmented, true),
      isCopied: this.#view.getInt32(stateAt.flags + 4, true) < 0,
    };
  }

  /** Of clusters that were counted, `times` each; `isAgain`: one of them had been counted before. */
  noteAdded(clusters: number, times: number, isAgain: boolean): void {
    this.total += clusters * times;
    if (isAgain || (times > 1 && clusters > 0)) this.isShared = true;
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
    this.total += added;
    if (old + times > 1) this.isShared = true;
    if (cluster >= this.known) this.known = cluster + 1;
    return times - added;
  }

  #toLittleEndian(length: number): void {
    Buffer.from(this.piece.buffer, this.piece.byteOffset, length).swap64();
  }
}

/** `more`: bytes behind the counts, for threads. */
function memoryFor(clusters: number, width: number, more: number): WasmMemory {
  const tooMany = (cause?: unknown) =>
    new BlockError(
      "EFBIG",
      `The file has ${clusters} clusters: too many to be counted at ${width} bytes each`,
      {
        hint: "Where the file is longer than what it holds, as one copied to a disk is, check a shorter copy.",
      },
      { cause },
    );
  const bytes = countsAt + (clusters + 1) * width + (more === 0 ? 0 : alignment + more);
  if (clusters > mostClusters || bytes > mostBytes) throw tooMany();
  try {
    return wasmMemory(bytes, more > 0);
  } catch (error) {
    throw tooMany(error);
  }
}
