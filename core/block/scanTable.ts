// One pass over the entries of an L2 table: what they point to is marked, and what breaks a rule is told. The loop itself
// is scanCode.ts; it works in a memory of its own, into which tables are read and in which the bits of clusters lie. In a
// vast file some are only noted at first: they are marked when asked for by `settle`.
import { wasmFunction, wasmMemory } from "../base/wasm.ts";
import {
  band,
  type DrainBand,
  drainModule,
  type FindEntry,
  findModule,
  nextOfNone,
  type ScanEntries,
  scanModule,
  stateAt,
  stateBytes,
} from "./scanCode.ts";

/** What marks clusters that are used more than once, and those of whole tables. */
export interface RunMarks {
  /** Marks neighbours; answers how many of them were marked already. */
  markRun(index: number, count: number): number;
}

/** What entries may point to: whole clusters of the file [dataStart, fileEnd), all in bytes. */
export interface ScanBounds {
  readonly clusterSize: number;
  readonly dataStart: number;
  readonly fileEnd: number;
}

export interface ScanOptions {
  /** Whether `span` and zero clusters are asked for. Default no. */
  readonly spans?: boolean;
  /** The bits of an entry that count. Default all. */
  readonly mask?: bigint;
}

/** Of the numbers noted of a band. */
export const listBytes = 2 ** band.roomBits * 4;

/** Bytes of one bit a cluster, in whole words. */
export function bitmapBytes(clusters: number): number {
  return Math.ceil(clusters / 32) * 4;
}

/** Numbers as `ScanEntries` wants them behind its addresses. */
export type ScanLimits = [number, bigint, bigint, bigint, bigint, bigint, bigint];

/** What a scan works with: `ScanLimits`, and places in a memory of so many bytes. */
export interface ScanShape {
  readonly limits: ScanLimits;
  readonly bands: number;
  readonly fillsAt: number;
  readonly listsAt: number;
  readonly bitsAt: number;
  readonly bitsLength: number;
  readonly bytes: number;
}

/** `pieceBytes`: of the room for entries behind the state. `mask`: the bits of an entry that count. */
export function scanShape(
  { clusterSize, dataStart, fileEnd }: ScanBounds,
  pieceBytes: number,
  mask: bigint,
): ScanShape {
  const clusters = fileEnd / clusterSize;
  const first = dataStart / clusterSize;
  const bands = Math.ceil(clusters / 2 ** band.clusterBits);
  const fillsAt = stateBytes + pieceBytes;
  const listsAt = fillsAt + bands * 4;
  // The first band is marked at once as long as there is no other.
  const bitsAt = listsAt + (bands > 1 ? bands * listBytes : 0);
  // The file may end in a part of a cluster, which no entry points to, and which is looked at like others.
  const bitsLength = bitmapBytes(clusters + 1);
  const limits: ScanLimits = [
    first,
    BigInt(clusterSize),
    BigInt(Math.log2(clusterSize)),
    BigInt(dataStart),
    BigInt(Math.max(0, clusters - first)),
    BigInt(fileEnd),
    mask,
  ];
  // The entry behind the last one of a piece is looked at, and not counted: there is memory, if there are no clusters.
  return { limits, bands, fillsAt, listsAt, bitsAt, bitsLength, bytes: bitsAt + bitsLength + 8 };
}

export interface TableCounts {
  allocated: number;
  fragmented: number;
  /** Entries that point to a cluster which was in use already. */
  again: number;
  /** Zero clusters; counted only where spans are kept. */
  zero: number;
}

export class TableScanner<M extends RunMarks> {
  /** Clusters that entries point to. */
  readonly marks: M;
  /** The piece of a table to be scanned: entries as they are in the file. */
  readonly piece: Uint8Array<ArrayBuffer>;
  /** Of all pieces scanned. */
  readonly counts: TableCounts = { allocated: 0, fragmented: 0, again: 0, zero: 0 };
  readonly #limits: ScanLimits;
  readonly #view: DataView;
  readonly #run: ScanEntries;
  readonly #find: FindEntry;
  readonly #drain: DrainBand;
  readonly #bitsAt: number;
  readonly #fills: Int32Array;
  readonly #listsAt: number;
  readonly #spans: boolean;
  #isFirst = true;
  #bad: (index: number) => void = () => undefined;

  /**
   * `marksOf` gets the bits of clusters, all zero, in which the scan sets one for each that an entry points to. Throws
   * RangeError when there is no room for them.
   */
  constructor(
    bounds: ScanBounds,
    pieceBytes: number,
    marksOf: (bits: DataView<ArrayBuffer>) => M,
    { spans = false, mask = -1n }: ScanOptions = {},
  ) {
    const { limits, bands, fillsAt, listsAt, bitsAt, bitsLength, bytes } = scanShape(
      bounds,
      pieceBytes,
      mask,
    );
    this.#limits = limits;
    this.#listsAt = listsAt;
    this.#bitsAt = bitsAt;
    const memory = wasmMemory(bytes);
    this.#view = new DataView(memory.buffer);
    this.piece = new Uint8Array(memory.buffer, stateBytes, pieceBytes);
    this.#fills = new Int32Array(memory.buffer, fillsAt, bands);
    this.marks = marksOf(new DataView(memory.buffer, bitsAt, bitsLength));
    this.#spans = spans;
    const again = (index: number, count: number) => {
      this.counts.again += this.marks.markRun(index, count);
    };
    this.#find = wasmFunction<FindEntry>(findModule(), memory, {});
    this.#drain = wasmFunction<DrainBand>(drainModule(), memory, { again });
    this.#run = wasmFunction<ScanEntries>(scanModule(spans), memory, {
      bad: (at) => this.#bad((at - stateBytes) / 8),
      again,
      full: (index) => this.#drainBand(index),
    });
  }

  /** What follows is another table: its first entry goes on nowhere, which makes no fragment. */
  begin(): void {
    this.#view.setBigInt64(stateAt.next, nextOfNone, true);
    this.#view.setUint32(stateAt.min, 0xffffffff, true);
    this.#view.setUint32(stateAt.max, 0, true);
    this.#isFirst = true;
  }

  /** The first and the last cluster that the table points to so far; undefined where it points to none. */
  get span(): { readonly min: number; readonly max: number } | undefined {
    const min = this.#view.getUint32(stateAt.min, true);
    const max = this.#view.getUint32(stateAt.max, true);
    return min <= max ? { min, max } : undefined;
  }

  /**
   * Scans the first `length` bytes of the piece, which goes on where the one before ended. `bad` hears the index in the
   * piece of an entry that points nowhere it may.
   */
  scan(length: number, bad: (index: number) => void): void {
    this.#bad = bad;
    const { byteOffset: fillsAt } = this.#fills;
    this.#run(stateBytes, stateBytes + length, this.#bitsAt, fillsAt, this.#listsAt, ...this.#limits);
    if (this.#spans) this.counts.zero += this.#view.getUint32(stateAt.zero, true);
    const allocated = length / 8 - this.#view.getInt32(stateAt.skipped, true);
    if (allocated === 0) return;
    this.counts.allocated += allocated;
    this.counts.fragmented += this.#view.getInt32(stateAt.fragmented, true) - (this.#isFirst ? 1 : 0);
    this.#isFirst = false;
  }

  /** Marks those of `count` clusters from `first` on that are only noted so far. */
  settle(first: number, count: number): void {
    const last = (first + count - 1) >>> band.clusterBits;
    for (let index = first >>> band.clusterBits; index <= last; index++) {
      if (this.#fills[index] !== 0) this.#drainBand(index);
    }
  }

  /** Marks all that are only noted so far. */
  settleAll(): void {
    for (let index = 0; index < this.#fills.length; index++) this.#drainBand(index);
  }

  /** Index of the first entry that is `value` from index `from` on, in the first `length` bytes of the piece; -1 when none is. */
  find(from: number, length: number, value: bigint): number {
    const end = stateBytes + length;
    const found = this.#find(stateBytes + from * 8, end, value);
    return found < end ? (found - stateBytes) / 8 : -1;
  }

  /** Both halves of an entry of the piece, unsigned. */
  entry(index: number): [low: number, high: number] {
    const at = stateBytes + index * 8;
    return [this.#view.getUint32(at, true), this.#view.getUint32(at + 4, true)];
  }

  #drainBand(index: number): void {
    const at = this.#listsAt + index * listBytes;
    const noted = this.#fills[index] ?? 0;
    this.#fills[index] = 0;
    this.#drain(at, at + noted * 4, this.#bitsAt);
  }
}
